"""A change of rules tried on one song: both mixes as audio, and a page that sets them side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hybrid.analysis.chunks import Progress
from hybrid.audio.read import SongReader
from hybrid.audio.wav import MIX_FILE
from hybrid.explain.tried import RuleEffect, Tried
from hybrid.export.results import REPORT_FILE, write_settings
from hybrid.knowledge.ruleset import RuleSet
from hybrid.mixing.deliver import Format
from hybrid.mixing.quick import write_once
from hybrid.pages.document import document

SIDES = ("before", "after")


class TriedPage(NamedTuple):
    """Everything on the page."""

    song: str
    names: tuple[str, str]
    """Of the rules before and after."""
    mixes: tuple[str, str]
    """Paths of both mixes, from the page."""
    rules: tuple[RuleEffect, ...]
    moves: tuple[str, ...]
    notes: tuple[str, ...]
    made_with: Mapping[str, str]


def write_tried(
    tried: Tried,
    reader: SongReader,
    rules: tuple[RuleSet, RuleSet],
    names: tuple[str, str],
    folder: Path,
    made_with: Mapping[str, str],
    progress: Progress,
) -> None:
    """Writes `before` and `after`, each a mix with its settings, and the page. Each mix is as loud as its rules ask."""
    fmt = Format(reader.song.sample_rate, "PCM_24", False)
    for side, mix, rule_set in zip(SIDES, (tried.before, tried.after), rules, strict=True):
        inner = folder / side
        inner.mkdir()
        aligned = reader.for_song(mix.song.song)
        written = write_once(aligned, mix.treatment, rule_set, inner, fmt, progress=progress)
        write_settings(written.song, written.treatment, inner, made_with)
    before, after = (f"{side}/{MIX_FILE}" for side in SIDES)
    moves = tuple(map(str, tried.moves))
    page = TriedPage(reader.song.name, names, (before, after), tried.rules, moves, tried.notes, made_with)
    (folder / REPORT_FILE).write_text(document("tried", page), encoding="utf-8")
