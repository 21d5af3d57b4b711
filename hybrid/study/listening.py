"""Mixes of a study that are listened to: as audio, of equal loudness, under letters that tell nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import count, product
from pathlib import Path
from string import ascii_uppercase

import soundfile

from hybrid import shelf
from hybrid.audio.song import file_name
from hybrid.errors import Problem, UnwritableError
from hybrid.json_text import json_text
from hybrid.judging.mix import Mix
from hybrid.study.arm import FULL
from hybrid.study.schema import Study

LISTEN_FOLDER, KEY_FILE = "listen", "key.json"


def listening_arms(study: Study) -> tuple[str, ...]:
    """Arms whose mixes are written as audio."""
    return (FULL, *study.listen) if study.listen else ()


def listen_folder(out: Path, song: str) -> Path:
    """Where the mixes of a song are written as audio."""
    return out / LISTEN_FOLDER / file_name(song)


def written_mixes(out: Path, song: str) -> dict[str, str]:
    """The letters of the mixes of a song that are written as audio, by arm."""
    folder = listen_folder(out, song)
    try:
        key = json.loads((folder / KEY_FILE).read_bytes())
        return {str(arm): letter for letter, arm in key.items() if (folder / f"{letter}.flac").exists()}
    except (OSError, ValueError, AttributeError):
        return {}


def write_mixes(out: Path, song: str, mixes: Mapping[str, Mix], key: str) -> None:
    """Writes mixes of equal loudness under random letters, by a key; `key.json` maps letters to arms. Raises
    UnwritableError if that fails."""
    if not mixes:
        return
    folder = listen_folder(out, song)
    folder.mkdir(parents=True, exist_ok=True)
    letters = written_mixes(out, song)
    for arm in shuffled(mixes, f"{key} {song}"):
        letter = letters.setdefault(arm, next(each for each in _letters() if each not in letters.values()))
        unfinished = folder / f".{letter}.flac"
        try:
            soundfile.write(unfinished, mixes[arm].samples.T, mixes[arm].sample_rate, subtype="PCM_24")
            unfinished.replace(folder / f"{letter}.flac")
        except (OSError, soundfile.LibsndfileError) as error:
            unfinished.unlink(missing_ok=True)
            raise UnwritableError(Problem(str(folder), "cannot be written: is the disk full?")) from error
    letter_of = {letter: arm for arm, letter in sorted(letters.items(), key=lambda each: each[1])}
    shelf.write(folder / KEY_FILE, json_text(letter_of, 1) + "\n")


def shuffled(names: Iterable[str], key: str) -> list[str]:
    """Names in an order that reveals nothing, but is the same for the same key: by hash."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{key} {name}".encode()).digest())


def _letters() -> Iterator[str]:
    """A to Z, then AA, AB and so on."""
    for length in count(1):
        yield from map("".join, product(ascii_uppercase, repeat=length))
