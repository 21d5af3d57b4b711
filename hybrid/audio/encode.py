"""Results in formats of audio other than WAV."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import soundfile

from hybrid.errors import InputError, Problem, UnwritableError

FileFormat = Literal["wav", "flac", "ogg", "mp3"]
_SUBTYPES = {"ogg": "VORBIS", "mp3": "MPEG_LAYER_III"}
_FLAC = ("PCM_16", "PCM_24")
_MP3_HZ = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""Of MPEG-1, 2 and 2.5."""
_HIGHEST_HZ = {"flac": 655_350, "ogg": 200_000}
"""Of FLAC's frames (RFC 9639), and of the set-ups of libvorbis, which crashes beyond it."""
_BLOCK = 1 << 16


def check_format(file_format: FileFormat, subtype: str, sample_rate: int) -> None:
    """Raises InputError if files of a format cannot be written with these samples, or not by this libsndfile."""
    if file_format == "wav":
        return
    if file_format.upper() not in soundfile.available_formats():
        what = f"{file_format} cannot be written by libsndfile {soundfile.__libsndfile_version__}"
        raise InputError(Problem("--format", what))
    if file_format == "flac" and subtype not in _FLAC:
        raise InputError(Problem("--format", f"flac holds 16 or 24 bits: expected --subtype {' or '.join(_FLAC)}"))
    if sample_rate > (highest := _HIGHEST_HZ.get(file_format, sample_rate)):
        what = f"{file_format} holds up to {highest} Hz, not {sample_rate}: expected --sample-rate 48000"
        raise InputError(Problem("--format", what))
    if file_format == "mp3" and sample_rate not in _MP3_HZ:
        raise InputError(Problem("--format", f"mp3 has no {sample_rate} Hz: expected --sample-rate 48000"))


def encode_folder(folder: Path, file_format: FileFormat) -> None:
    """Replaces the mix in a folder of results, its stems and its return by files of another format. Raises
    UnwritableError if that fails."""
    patterns = ("*.wav", "stems/*.wav", "returns/*.wav") if file_format != "wav" else ()
    for path in [path for pattern in patterns for path in sorted(folder.glob(pattern))]:
        _encode(path, path.with_suffix(f".{file_format}"), file_format)
        path.unlink()


def _encode(source: Path, target: Path, file_format: FileFormat) -> None:
    try:
        with soundfile.SoundFile(source) as read:
            subtype = _SUBTYPES.get(file_format, read.subtype)
            with soundfile.SoundFile(
                target, "w", read.samplerate, read.channels, subtype, format=file_format
            ) as written:
                # integers pass unchanged to a format that holds them
                dtype = "int32" if file_format == "flac" else "float32"
                for block in read.blocks(_BLOCK, dtype=dtype):
                    written.write(block)
    except (soundfile.LibsndfileError, OSError) as error:
        raise UnwritableError(Problem(str(target), "cannot be written", "is the disk full?")) from error
