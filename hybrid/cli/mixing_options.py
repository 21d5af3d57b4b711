"""Options that the commands share which make mixes: apart, because they load what writes sound."""

from __future__ import annotations

from typing import Annotated

import typer

from hybrid.audio.encode import FileFormat
from hybrid.audio.wav import Subtype

Steps = Annotated[int, typer.Option(min=0, help="steps of refinement; 0 renders the network's proposal as it is")]
DEFAULT_STEPS = 300
Encoded = Annotated[FileFormat, typer.Option("--format", help="of the audio files; ogg and mp3 lose some of it")]
SampleFormat = Annotated[Subtype, typer.Option("--subtype", help="format of the samples written")]
SampleRate = Annotated[
    int | None,
    typer.Option("--sample-rate", min=8000, max=192000, help="of the files written, Hz [default: the song's]"),
]
