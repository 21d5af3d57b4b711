"""Songs from folders of audio files."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hybrid import shelf
from hybrid.audio.assemble import SongSpec, assemble
from hybrid.audio.pairs import find_pairs
from hybrid.audio.probe import (
    AUDIO_SUFFIXES,
    FOREIGN_SUFFIXES,
    UNFINISHED_SUFFIXES,
    UNSUPPORTED_SUFFIXES,
    AudioFile,
    probe_all,
)
from hybrid.audio.roles import guess_all, is_finished_mix
from hybrid.audio.song import Song, Track, file_name, unique_names
from hybrid.audio.write import is_result_folder
from hybrid.errors import InputError, Problem

_SUFFIX_HINT = "tracks are files such as .wav, .flac, .aiff, .ogg or .mp3"


class _TrackFiles(NamedTuple):
    """The file or files of one track, and their common name."""

    name: str
    files: tuple[AudioFile, ...]


def scan_folder(folder: Path) -> Song:
    """The song of a folder (see `folder_spec`). Raises SongError with every audio file that cannot be used."""
    return assemble(folder_spec(folder))


def folder_spec(folder: Path) -> SongSpec:
    """The tracks in a folder: every audio file in it (none of its subfolders) is a track or half of one.

    Hidden files and files that are not audio are ignored; a finished mix is left out, with a note, by its name or
    because it is the sum of the tracks; so are other files that may hold sound, and folders of such. Roles are guessed
    from names; all tracks start together. Raises InputError if there is no track, and SongError with every audio file
    that cannot be used.
    """
    folder = shelf.expanded(folder)
    paths = audio_files(folder)
    title = folder.resolve().name
    mixes = finished_mixes(folder)
    if len(mixes) == len(paths):
        what = f"holds no track, only a finished mix: {', '.join(path.name for path in mixes)}"
        raise InputError(Problem(str(folder), what, hint="rename it if it is a track"))
    files = probe_all(path for path in paths if path not in mixes)
    tracks = tracks_from_files([(_stem(file.path), file) for file in files.values()])
    notes = (
        *(f"{path.name} looks like a finished mix: left out" for path in mixes),
        *_skipped(folder),
    )
    return SongSpec(folder, file_name(title), tracks, notes=notes, may_hold_mix=True)


def _skipped(folder: Path) -> Iterator[str]:
    """Notes about what a folder holds beside its tracks that may be sound too."""
    for path in sorted(folder.iterdir()):
        suffixes = [suffix.lower().strip() for suffix in path.suffixes[-2:]]
        if path.name.startswith("."):
            continue
        if path.is_dir():
            is_ours = is_result_folder(path) or not _is_readable(path)
            n = 0 if is_ours else sum(_is_audio(inner) for inner in path.iterdir())
            if n:
                what = "1 audio file that is" if n == 1 else f"{n} audio files that are"
                yield f"the folder {path.name} holds {what} not read"
        elif suffixes and suffixes[-1] in FOREIGN_SUFFIXES:
            yield f"{path.name} is left out: {suffixes[-1]} files cannot be read"
        elif len(suffixes) == 2 and suffixes[0] in AUDIO_SUFFIXES and suffixes[1] in UNFINISHED_SUFFIXES:
            yield f"{path.name} is left out: a download that has not ended"


def _is_readable(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)


def finished_mixes(folder: Path) -> list[Path]:
    """The audio files in a folder that are mixes of the whole song by their names."""
    title = folder.resolve().name
    return [path for path in audio_files(folder) if is_finished_mix(_stem(path), title)]


def audio_files(folder: Path) -> list[Path]:
    """The audio files of a folder, sorted by name. Raises InputError if there are none."""
    if not folder.is_dir():
        what = "is a file, expected a folder of tracks" if folder.exists() else "no such folder"
        raise InputError(Problem(str(folder), what))
    paths = [path for path in sorted(folder.iterdir()) if _is_audio(path)]
    if paths:
        return paths
    below = folders_of_tracks(folder)
    hint = f"give one of the folders in it: {', '.join(below)}" if below else _SUFFIX_HINT
    raise InputError(Problem(str(folder), "holds no audio files", hint))


def folders_of_tracks(folder: Path) -> list[str]:
    """The folders in a folder that hold audio files, as in an album, or in an archive with a folder inside."""
    return sorted({path.parent.name for path in folder.glob("*/*") if _is_audio(path)})


def _is_audio(path: Path) -> bool:
    # some systems let a name end with a blank
    has_suffix = path.suffix.lower().strip() in AUDIO_SUFFIXES | UNSUPPORTED_SUFFIXES
    return has_suffix and not path.name.startswith(".") and not path.is_dir()


def tracks_from_files(files: Sequence[tuple[str, AudioFile]]) -> tuple[Track, ...]:
    """Tracks of files and their names: a left and a right mono file are one track, roles are guessed, ids unique."""
    paired = _paired(files)
    guesses = guess_all([each.name for each in paired])
    ids = unique_names(file_name(each.name) for each in paired)
    return tuple(
        Track(
            id=track_id,
            files=tuple(file.path for file in each.files),
            channels=sum(file.channels for file in each.files),
            role=role,
            tags=tags,
            confidence=confidence,
        )
        for track_id, each, (role, tags, confidence) in zip(ids, paired, guesses, strict=True)
    )


def _paired(files: Sequence[tuple[str, AudioFile]]) -> list[_TrackFiles]:
    """The files by track: two mono files at one rate with the names of a left and a right channel are one track."""
    pairs = {
        pair.left: pair
        for pair in find_pairs([name for name, _ in files])
        if all(files[i][1].channels == 1 for i in (pair.left, pair.right))
        and files[pair.left][1].sample_rate == files[pair.right][1].sample_rate
    }
    # the left file stands for the pair, the right one is skipped
    rights = {pair.right for pair in pairs.values()}
    return [
        _TrackFiles(pairs[i].name, (file, files[pairs[i].right][1])) if i in pairs else _TrackFiles(name, (file,))
        for i, (name, file) in enumerate(files)
        if i not in rights
    ]


def _stem(path: Path) -> str:
    """A file's name without suffix and outer spaces, in Unicode form NFC (file systems differ)."""
    return unicodedata.normalize("NFC", path.stem).strip()
