"""Containers that hold several tracks as streams, such as MUSDB18's `.stem.mp4`, unpacked by ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from hybrid.corpus.find import Source
from hybrid.errors import Problem, SongError

PROGRAM = "ffmpeg"
_INSTALL = "install ffmpeg: on Debian, apt install ffmpeg"


def unpacked(sources: Sequence[Source], scratch: Path) -> list[Source]:
    """The same sources, those that are streams as files in `scratch`. Raises SongError if ffmpeg is not there or
    cannot read a container."""
    return [source if source.stream is None else _unpack(source, scratch) for source in sources]


def _unpack(source: Source, scratch: Path) -> Source:
    if shutil.which(PROGRAM) is None:
        raise SongError(Problem(str(source.path), "holds streams, which only ffmpeg unpacks", _INSTALL))
    wav = scratch / f"{source.stream}-{source.label}.wav"
    command = [PROGRAM, "-nostdin", "-v", "error", "-y", "-i", str(source.path), "-map", f"0:a:{source.stream}"]
    done = subprocess.run([*command, "-c:a", "pcm_f32le", str(wav)], capture_output=True, text=True)
    if done.returncode or not wav.is_file():
        said = done.stderr.strip().splitlines()
        raise SongError(
            Problem(str(source.path), f"stream {source.stream} cannot be unpacked: {said[-1] if said else ''}")
        )
    return source._replace(path=wav, stream=None)
