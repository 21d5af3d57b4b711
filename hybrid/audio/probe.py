"""Headers of audio files, and checks that a file is as long as its header says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import soundfile

from hybrid.errors import InputError, Problem, SongError

AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".bwf", ".rf64", ".w64", ".caf", ".aif", ".aiff", ".aifc"}
    | {".flac", ".ogg", ".oga", ".opus", ".mp3"}
)
"""Suffixes of audio files that can be read."""

UNSUPPORTED_SUFFIXES = frozenset({".m4a", ".mp4", ".aac", ".alac", ".wma", ".ape", ".wv", ".ac3"})
"""Suffixes of audio files that libsndfile cannot read."""

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 192_000
_LOSSY = frozenset({"OGG", "MP3"})
_FLOAT = frozenset({"FLOAT", "DOUBLE"})
_TRUNCATED_CHUNK = re.compile(r"^ ?(?:data|SSND) : (\d+) \(should be \d+\)", re.MULTILINE)
_UNKNOWN_LENGTH = 0x7FFF_0000
_TRUNCATED = "is truncated: its end is missing"
_CONVERT_HINT = "convert it to WAV or FLAC"


class AudioFile(NamedTuple):
    """The header of a file. Only an `is_float` file can hold NaN; an `is_lossy` one cannot be seeked exactly."""

    path: Path
    sample_rate: int
    channels: int
    n_samples: int
    is_float: bool
    is_lossy: bool


def probe(path: Path) -> AudioFile:
    """The header of one audio file. Raises SongError with the file if it cannot be a track of a song.

    Such are files that are missing, empty, truncated or not audio, without samples, with more than two channels, or at
    a rate outside 8 to 192 kHz. Damage that a header does not show raises when samples are read.
    """
    if not is_utf8(path.name):
        raise _song_error(path, "has a name that is not UTF-8", "rename it")
    if path.suffix.lower() in UNSUPPORTED_SUFFIXES:
        raise _song_error(path, f"{path.suffix} files cannot be read", _CONVERT_HINT)
    try:
        if path.stat().st_size == 0:
            raise _song_error(path, "is empty")
        with soundfile.SoundFile(path) as sound:
            _check_declared_length(path, sound)
            file = _header(path, sound)
            _check_last_sample(file, sound)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip().rstrip(".").lower()
        raise _song_error(path, f"cannot be read as audio ({reason})", _CONVERT_HINT) from error
    except OSError as error:
        raise _song_error(path, f"cannot be read: {error.strerror}") from error
    return file


def is_utf8(name: str) -> bool:
    """Whether the bytes of a name are UTF-8; Python reads others as lone surrogates."""
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def probe_all(paths: Iterable[Path]) -> dict[Path, AudioFile]:
    """The header of every file. Raises one SongError with all files that cannot be used."""
    files: dict[Path, AudioFile] = {}
    problems: list[Problem] = []
    for path in dict.fromkeys(paths):
        try:
            files[path] = probe(path)
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise SongError(*problems)
    return files


def _header(path: Path, sound: soundfile.SoundFile) -> AudioFile:
    if sound.frames == 0:
        raise _song_error(path, "has no samples")
    if sound.channels > 2:
        raise _song_error(path, f"has {sound.channels} channels, expected 1 or 2", "split it into mono files")
    if not MIN_RATE_HZ <= sound.samplerate <= MAX_RATE_HZ:
        raise _song_error(path, f"has a sample rate of {sound.samplerate} Hz, expected 8000 to 192000 Hz")
    is_float, is_lossy = sound.subtype in _FLOAT, sound.format in _LOSSY
    return AudioFile(path, sound.samplerate, sound.channels, sound.frames, is_float, is_lossy)


def _check_declared_length(path: Path, sound: soundfile.SoundFile) -> None:
    """Raises SongError for a file whose end is missing, where that can be seen without decoding.

    libsndfile reads a truncated WAV or AIFF as far as it goes and reports it in its log only. A recorder that did not
    know the length writes a huge one, which is accepted. An Ogg stream marks its last page.
    """
    declared = [int(match[1]) for match in _TRUNCATED_CHUNK.finditer(sound.extra_info)]
    is_short = any(0 < length < _UNKNOWN_LENGTH for length in declared)
    if is_short or (sound.format == "OGG" and not _has_last_page(path)):
        raise _song_error(path, _TRUNCATED)


def _check_last_sample(file: AudioFile, sound: soundfile.SoundFile) -> None:
    if file.is_lossy:
        return
    try:
        # FLAC keeps its length in the header: only decoding shows that samples are missing
        sound.seek(file.n_samples - 1)
        n_read = len(sound.read(1))
    except soundfile.LibsndfileError:
        n_read = 0
    if n_read == 0:
        raise _song_error(file.path, _TRUNCATED)


def _has_last_page(path: Path) -> bool:
    """Whether the last Ogg page carries the end-of-stream flag (RFC 3533, section 6)."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - (1 << 17)))
        # a page is at most 64 KiB long
        tail = stream.read()
    page = tail.rfind(b"OggS")
    return page >= 0 and len(tail) > page + 5 and bool(tail[page + 5] & 4)


def _song_error(path: Path, what: str, hint: str = "") -> SongError:
    return SongError(Problem(str(path), what, hint))
