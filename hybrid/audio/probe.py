"""Headers of audio files, with the length that was counted rather than promised."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import numpy as np
import soundfile

from hybrid.containers.contents import TRUNCATED, Contents, contents
from hybrid.containers.patched import PatchedFile, Piece
from hybrid.errors import InputError, Problem, SongError

AUDIO_SUFFIXES = frozenset(
    {".wav", ".wave", ".bwf", ".rf64", ".w64", ".caf", ".aif", ".aiff", ".aifc"}
    | {".au", ".snd", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2"}
)
"""Suffixes of audio files that can be read."""

UNSUPPORTED_SUFFIXES = frozenset({".m4a", ".mp4", ".aac", ".alac", ".wma", ".ape", ".wv", ".ac3"})
"""Suffixes of audio files that libsndfile cannot read, and that are refused as tracks."""

FOREIGN_SUFFIXES = frozenset(
    {".mka", ".mkv", ".webm", ".mov", ".3gp", ".m4b", ".aax", ".amr", ".spx", ".tta", ".dsf", ".dff", ".sd2", ".mpc"}
    | {".ra", ".rm", ".dts", ".mid", ".midi"}
)
"""Suffixes of other files that may hold sound or music, none of which are tracks as people export them."""

UNFINISHED_SUFFIXES = frozenset({".part", ".partial", ".crdownload", ".download", ".filepart", ".!ut"})
"""Suffixes that programs append to the names of files that they have not downloaded whole."""

MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 192_000
_LOSSY = frozenset({"OGG", "MP3"})
_FLOAT = frozenset({"FLOAT", "DOUBLE"})
_BEYOND_FLOATS = 64.0
"""Peaks of float files above this, 36 dB over full scale, are those of integers: headroom that is used is less."""
_N_PEAKS, _PEAK_BLOCK = 24, 1 << 13
"""Blocks of a float file that are looked into for its scale."""
_MOST_FILES = 4096
"""Files whose headers are remembered: those of the largest songs, many times."""
_CONVERT_HINT = "convert it to WAV or FLAC"


class AudioFile(NamedTuple):
    """The header of a file, and what else is known of it.

    Only an `is_float` file can hold NaN; an `is_lossy` one cannot be seeked exactly.
    """

    path: Path
    sample_rate: int
    channels: int
    n_samples: int
    is_float: bool
    is_lossy: bool
    streams: tuple[tuple[Piece, ...], ...] = ()
    """What a decoder is given, one after another; empty where that is the file as it is."""
    lengths: tuple[int, ...] = ()
    """Samples of each stream."""
    notes: tuple[str, ...] = ()
    """What the user should know of it, parts of sentences that begin with its name."""
    has_unknown_delay: bool = False
    """Whether its encoder has delayed the sound by an amount that it does not tell."""
    time_reference: int | None = None
    """Samples since midnight at which its recorder began, where a broadcast WAV tells it."""
    scale: float = 1.0
    """Factor that brings its samples to a full scale of 1: another one where floats hold integers."""

    def open(self) -> list[soundfile.SoundFile]:
        """Its streams, opened by libsndfile."""
        with without_stderr():
            if not self.streams:
                return [soundfile.SoundFile(self.path)]
            return [soundfile.SoundFile(cast(BinaryIO, PatchedFile(self.path, pieces))) for pieces in self.streams]


def probe(path: Path) -> AudioFile:
    """The header of one audio file, with the length that was counted where that can be done without decoding.

    Raises SongError with the file if it cannot be a track of a song. Such are files that are missing, empty, truncated
    or not audio, without samples, with more than two channels, or at a rate outside 8 to 192 kHz. Damage that neither
    headers nor counting show raises when samples are read.
    """
    if not is_utf8(path.name):
        raise _song_error(path, "has a name that is not UTF-8", "rename it")
    if path.suffix.lower() in UNSUPPORTED_SUFFIXES:
        raise _song_error(path, f"{path.suffix} files cannot be read", _CONVERT_HINT)
    try:
        info = path.stat()
        if info.st_size == 0:
            raise _song_error(path, "is empty")
        file = _probed(path, info.st_size, info.st_mtime_ns)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip().rstrip(".").lower()
        raise _song_error(path, f"cannot be read as audio ({reason})", _CONVERT_HINT) from error
    except OSError as error:
        raise _song_error(path, f"cannot be read: {error.strerror}") from error
    return file


@contextmanager
def without_stderr() -> Iterator[None]:
    """Drops what a decoder prints about a damaged stream: what is wrong with it is told as a note, once.

    In the main thread alone: two threads would put back what the other has turned away.
    """
    try:
        kept = os.dup(2) if threading.current_thread() is threading.main_thread() else None
    except OSError:
        # a process without standard error
        kept = None
    if kept is None:
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)


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


@lru_cache(maxsize=_MOST_FILES)
def _probed(path: Path, size: int, changed_ns: int) -> AudioFile:
    """The header of a file, counted once in a process as long as the file has this size and this time of change."""
    held = contents(path)
    if held.fault:
        raise _song_error(path, held.fault, held.hint)
    return _header(path, held)


def _header(path: Path, held: Contents) -> AudioFile:
    file = AudioFile(path, 0, 0, 0, False, False, held.streams)
    with ExitStack() as stack:
        sounds = [stack.enter_context(sound) for sound in file.open()]
        first = sounds[0]
        kinds = {(sound.samplerate, sound.channels) for sound in sounds}
        if len(kinds) > 1:
            raise _song_error(path, "changes its rate or its channels midway", _CONVERT_HINT)
        if first.frames == 0:
            raise _song_error(path, "has no samples")
        if first.channels > 2:
            raise _song_error(path, f"has {first.channels} channels, expected 1 or 2", "split it into mono files")
        if not MIN_RATE_HZ <= first.samplerate <= MAX_RATE_HZ:
            raise _song_error(path, f"has a sample rate of {first.samplerate} Hz, expected 8000 to 192000 Hz")
        is_float, is_lossy = first.subtype in _FLOAT, first.format in _LOSSY
        if not is_lossy:
            _check_last_sample(path, first)
        scale = _scale(first) if is_float else 1.0
        lengths = tuple(sound.frames for sound in sounds)
        file = AudioFile(
            path, first.samplerate, first.channels, sum(lengths), is_float, is_lossy, held.streams, lengths
        )
    notes = [held.note] if held.note else []
    if held.promised < 1.0:
        counted = file.n_samples / file.sample_rate
        notes.append(f"holds {counted:.1f} s where its header promises {held.promised * counted:.1f} s: all is read")
    if scale != 1.0:
        notes.append(f"holds floats on the scale of {1 - round(math.log2(scale))}-bit integers: read as such")
    return file._replace(
        scale=scale, notes=tuple(notes), has_unknown_delay=held.has_unknown_delay, time_reference=held.time_reference
    )


def _scale(sound: soundfile.SoundFile) -> float:
    """The factor to full scale for a float file whose samples, as far as it is looked into, are those of integers."""
    peak = 0.0
    for start in range(0, sound.frames, max(_PEAK_BLOCK, sound.frames // _N_PEAKS)):
        sound.seek(start)
        peak = max(peak, float(np.max(np.abs(sound.read(_PEAK_BLOCK)), initial=0.0)))
    sound.seek(0)
    if not _BEYOND_FLOATS < peak <= 2.0**31:
        return 1.0
    # the smallest format of integers that holds what was seen
    return next(2.0 ** (1 - bits) for bits in (16, 24, 32) if peak <= 2.0 ** (bits - 1))


def _check_last_sample(path: Path, sound: soundfile.SoundFile) -> None:
    try:
        # what no walk through the container has found wrong may still be missing: only decoding shows it
        sound.seek(sound.frames - 1)
        n_read = len(sound.read(1))
        sound.seek(0)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip().rstrip(".").lower()
        raise _song_error(path, f"cannot be decoded up to its end: it is truncated or damaged ({reason})") from error
    if n_read == 0:
        raise _song_error(path, TRUNCATED)


def _song_error(path: Path, what: str, hint: str = "") -> SongError:
    return SongError(Problem(str(path), what, hint))
