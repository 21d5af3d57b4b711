"""The first version of a mix: something to hear while the programs that refine it are compiled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hybrid.analysis.chunks import Progress
from hybrid.audio.read import SongReader
from hybrid.audio.wav import MIX_FILE
from hybrid.export.results import REPORT_FILE, write_settings
from hybrid.knowledge.ruleset import RuleSet
from hybrid.measure.meter import Levels
from hybrid.mixing.deliver import Format
from hybrid.mixing.quick import write_once
from hybrid.pages.document import document
from hybrid.treatment.types import Treatment


class TrackLine(NamedTuple):
    """What the page says of a track."""

    id: str
    role: str
    level_db: float
    pan: float
    """-100 is hard left, 100 is hard right."""


class FirstPage(NamedTuple):
    """Everything on the page."""

    song: str
    mix_file: str
    tracks: tuple[TrackLine, ...]
    levels: Levels
    made_with: Mapping[str, str]


def write_first(
    reader: SongReader,
    treatment: Treatment,
    rules: RuleSet,
    folder: Path,
    fmt: Format,
    made_with: Mapping[str, str],
    *,
    progress: Progress,
) -> None:
    """Writes the mix of a treatment, rendered once, its settings, and a page that says what it is."""
    written = write_once(reader, treatment, rules, folder, fmt, progress=lambda _, share: progress("preview", share))
    made_with = {**made_with, "version": "first: not refined"}
    write_settings(written.song, written.treatment, folder, made_with)
    level_db, pan = written.treatment.gain.level_db.tolist(), written.treatment.pan.position.tolist()
    tracks = tuple(
        TrackLine(track.id, track.role, *of_track)
        for track, *of_track in zip(written.song.tracks, level_db, pan, strict=False)
    )
    page = FirstPage(written.song.name, MIX_FILE, tracks, written.levels, made_with)
    (folder / REPORT_FILE).write_text(document("first", page), encoding="utf-8")
