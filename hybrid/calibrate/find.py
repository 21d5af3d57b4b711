"""Search for the songs in a folder that have a finished mix."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from hybrid.audio.manifest import MANIFEST
from hybrid.audio.probe import AUDIO_SUFFIXES
from hybrid.audio.roles import is_finished_mix
from hybrid.corpus.authored.decisions import FILE, decided_folders
from hybrid.errors import InputError, Problem

TRAIN = "train"
"""The split that a fit may use."""


class MixedSong(NamedTuple):
    """A folder with the tracks of a song, and the paths of its finished mixes."""

    folder: Path
    mixes: tuple[Path, ...]


def find_mixed_songs(path: Path, pattern: str | None) -> tuple[list[MixedSong], list[str]]:
    """The songs in a folder that have a finished mix, and a note for each song without one.

    The folder is a song itself if it holds audio or a manifest; else each folder in it is one. A mix is recognised by
    its name, or by `pattern`, relative to the song's folder. Raises InputError if no song has a mix.
    """
    try:
        songs = [path] if _is_song(path) else sorted(each for each in path.iterdir() if _is_song(each))
    except OSError as error:
        raise InputError(Problem(str(error.filename or path), f"cannot be read: {error.strerror}")) from error
    if not songs:
        raise InputError(Problem(str(path), "holds no song: neither audio files nor folders of them"))
    candidates = [MixedSong(song, _mixes(song, pattern)) for song in songs]
    without = [str(each.folder) for each in candidates if not each.mixes]
    if len(without) == len(candidates):
        hint = "name it mix, master or like the song, or give a pattern: --mix '*final*.wav'"
        raise InputError(*(Problem(name, _none(pattern), hint) for name in without))
    return [each for each in candidates if each.mixes], [f"{name}: {_none(pattern)}, left out" for name in without]


class DecidedSongs(NamedTuple):
    """Songs whose authors' decisions are known, and a note on those that are left out."""

    folders: tuple[Path, ...]
    notes: tuple[str, ...] = ()


def decided_songs(path: Path) -> DecidedSongs:
    """The songs with `decisions.json` in a folder, or the folder itself if it is one.

    Of a corpus whose card splits its songs by artist, only those of `train`: a fit must leave authors to be judged by.
    """
    if (path / FILE).is_file():
        return DecidedSongs((path,))
    split_of = decided_folders(path)
    folders = tuple(folder for folder, split in split_of.items() if split in ("", TRAIN))
    note = f"{path}: {len(folders)} of {len(split_of)} songs, those of authors to train on; the others are to judge by"
    return DecidedSongs(folders, (note,) if len(folders) < len(split_of) else ())


def _none(pattern: str | None) -> str:
    return "holds no finished mix" if pattern is None else f"holds no file like {pattern!r}"


def _is_song(path: Path) -> bool:
    if not path.is_dir() or path.name.startswith("."):
        return False
    return (path / MANIFEST).is_file() or any(_is_audio(file) for file in path.iterdir())


def _is_audio(path: Path) -> bool:
    return path.suffix.lower() in AUDIO_SUFFIXES and not path.name.startswith(".") and path.is_file()


def _mixes(song: Path, pattern: str | None) -> tuple[Path, ...]:
    if pattern is None:
        title = song.resolve().name
        return tuple(sorted(f for f in song.iterdir() if _is_audio(f) and is_finished_mix(f.stem, title)))
    try:
        return tuple(sorted(file for file in song.glob(pattern) if _is_audio(file)))
    except (ValueError, NotImplementedError):
        what = f"expected a pattern relative to the song's folder, got {pattern!r}"
        raise InputError(Problem("--mix", what)) from None
