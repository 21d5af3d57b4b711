"""A folder of audio files becomes a song."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from hybrid.audio.assemble import Cast, assemble
from hybrid.audio.pairs import find_pairs
from hybrid.audio.probe import ENDINGS, FOREIGN_ENDINGS, AudioFile, probe_all
from hybrid.audio.roles import guess_together, is_finished_mix
from hybrid.audio.song import Song, Track, file_name, unique
from hybrid.errors import InputError, Problem

_ENDINGS_HINT = "tracks are files such as .wav, .flac, .aiff, .ogg or .mp3"


class _Named(NamedTuple):
    """The file or files of one track, and what they are called."""

    name: str
    files: tuple[AudioFile, ...]


def scan_folder(folder: Path) -> Song:
    """The song that `cast_folder` finds in a folder. Raises SongError with every audio file that is unfit."""
    return assemble(cast_folder(folder))


def cast_folder(folder: Path) -> Cast:
    """The tracks in a folder: every audio file in it (none of its subfolders) is a track or half of one.

    Hidden files and files that are not audio are passed over; a finished mix is left out, with a note. Roles
    are guessed from names; all tracks start together. Raises InputError if there is no track, and SongError
    with every audio file that is unfit.
    """
    folder = folder.expanduser()
    paths = _audio_files(folder)
    title = folder.resolve().name
    mixes = finished_mixes(folder)
    if len(mixes) == len(paths):
        what = f"holds no track, only a finished mix: {', '.join(path.name for path in mixes)}"
        raise InputError(Problem(str(folder), what, hint="rename it if it is a track"))
    files = probe_all(path for path in paths if path not in mixes)
    notes = tuple(f"{path.name} looks like a finished mix: left out" for path in mixes)
    tracks = tracks_of([(_stem(file.path), file) for file in files.values()])
    return Cast(folder, file_name(title), tracks, notes=notes)


def finished_mixes(folder: Path) -> list[Path]:
    """The audio files in a folder whose names say that they are a mix of the whole song."""
    title = folder.resolve().name
    return [path for path in _audio_files(folder) if is_finished_mix(_stem(path), title)]


def _audio_files(folder: Path) -> list[Path]:
    """The audio files of a folder, in the order of their names."""
    if not folder.is_dir():
        what = "is a file, expected a folder of tracks" if folder.exists() else "no such folder"
        raise InputError(Problem(str(folder), what))
    paths = [path for path in sorted(folder.iterdir()) if _is_audio(path)]
    if paths:
        return paths
    below = sorted({path.parent.name for path in folder.glob("*/*") if _is_audio(path)})
    hint = f"give one of the folders in it: {', '.join(below)}" if below else _ENDINGS_HINT
    raise InputError(Problem(str(folder), "holds no audio files", hint))


def _is_audio(path: Path) -> bool:
    is_named_so = path.suffix.lower() in ENDINGS | FOREIGN_ENDINGS
    return is_named_so and not path.name.startswith(".") and not path.is_dir()


def tracks_of(files: Sequence[tuple[str, AudioFile]]) -> tuple[Track, ...]:
    """The tracks that files are by what they are called: mono files that are left and right are one, roles are
    guessed, ids are unique."""
    named = _paired(files)
    guesses = guess_together([each.name for each in named])
    ids = unique(file_name(each.name) for each in named)
    return tuple(
        Track(
            id=track_id,
            files=tuple(file.path for file in each.files),
            channels=sum(file.channels for file in each.files),
            role=role,
            tags=tags,
            confidence=confidence,
        )
        for track_id, each, (role, tags, confidence) in zip(ids, named, guesses, strict=True)
    )


def _paired(files: Sequence[tuple[str, AudioFile]]) -> list[_Named]:
    """The files by track: mono files at one rate whose names are those of a left and a right are one."""
    pairs = {
        pair.left: pair
        for pair in find_pairs([name for name, _ in files])
        if all(files[i][1].channels == 1 for i in (pair.left, pair.right))
        and files[pair.left][1].sample_rate == files[pair.right][1].sample_rate
    }
    rights = {pair.right for pair in pairs.values()}
    return [
        _Named(pairs[i].name, (file, files[pairs[i].right][1])) if i in pairs else _Named(name, (file,))
        for i, (name, file) in enumerate(files)
        if i not in rights
    ]


def _stem(path: Path) -> str:
    """A file's name without its ending and outer blanks, its accents composed (file systems differ)."""
    return unicodedata.normalize("NFC", path.stem).strip()
