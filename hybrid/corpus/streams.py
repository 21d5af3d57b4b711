"""Containers with several tracks as streams, such as MUSDB18's `.stem.mp4`, decoded by ffmpeg."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from hybrid.corpus.find import SourceFile
from hybrid.errors import Problem, SongError

FFMPEG = "ffmpeg"
_INSTALL = "install ffmpeg: on Debian, apt install ffmpeg"


def unpack_streams(sources: Sequence[SourceFile], scratch: Path) -> list[SourceFile]:
    """The sources with every stream decoded to a file in `scratch`.

    Raises SongError if ffmpeg is not installed or cannot read a container.
    """
    return [source if source.stream is None else _unpack_stream(source, scratch) for source in sources]


def _unpack_stream(source: SourceFile, scratch: Path) -> SourceFile:
    if shutil.which(FFMPEG) is None:
        raise SongError(Problem(str(source.path), "holds streams, which only ffmpeg can decode", _INSTALL))
    wav = scratch / f"{source.stream}-{source.label}.wav"
    # ffmpeg takes a relative path such as `http:/x` for an address, and follows those that a container names
    path = str(source.path.absolute())
    command = [FFMPEG, "-nostdin", "-v", "error", "-y", "-protocol_whitelist", "file", "-i", path]
    command += ["-map", f"0:a:{source.stream}"]
    done = subprocess.run([*command, "-c:a", "pcm_f32le", str(wav)], capture_output=True, text=True)
    if done.returncode or not wav.is_file():
        output = done.stderr.strip().splitlines()
        what = f"stream {source.stream} cannot be decoded: {output[-1] if output else ''}"
        raise SongError(Problem(str(source.path), what))
    return source._replace(path=wav, stream=None)
