"""Estimates and the data that they rest on, as sentences for notes, as a table of text, and as JSON."""

from __future__ import annotations

import math
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hybrid import quantity
from hybrid.calibrate.estimate import Estimate, Key
from hybrid.calibrate.expected import ExpectedLevels
from hybrid.calibrate.expected_rule import sentences
from hybrid.calibrate.observations import UNIT, Quantity
from hybrid.calibrate.prior import prior_rows
from hybrid.json_text import json_text

_HEAD = ("what", "of", "median", "quartiles", "tolerance", "songs", "mixes", "tracks")
_INNER = "covered"
"""Used to make shares add up; not reported by itself."""


def sentence(name: str, kind: Quantity, each: Estimate) -> str:
    """An estimate as a sentence: median and quartiles with their unit, and counts."""
    low, middle, high = (f"{value:.1f}" for value in (each.low, each.median, each.high))
    return f"{name}: median {middle} {UNIT[kind]}, quartiles {low} and {high} ({counts(each)})."


def counts(each: Estimate) -> str:
    """Counts of songs, mixes and tracks behind an estimate: "9 songs, 12 mixes, 9 tracks"."""
    tracks = f", {each.n_tracks} tracks" if each.n_tracks else ""
    few = "; few songs, tolerance widened" if each.has_few_songs else ""
    return f"{each.n_songs} songs, {each.n_mixes} mixes{tracks}{few}"


def few_songs(estimates: Mapping[Key, Estimate], used: Iterable[Key]) -> Iterator[str]:
    """A note for each number of songs below eight, with the quantities written from so few."""
    thin: dict[int, list[Key]] = defaultdict(list)
    for key in used:
        if estimates[key].has_few_songs:
            thin[estimates[key].n_songs].append(key)
    for n in sorted(thin):
        yield f"only {n} songs, tolerances widened: {describe_keys(thin[n])}"


def describe_keys(keys: Iterable[Key]) -> str:
    """Quantities as text: "level of bass, drums; side of width.whole"."""
    by_kind: dict[Quantity, list[str]] = defaultdict(list)
    for kind, of in keys:
        if kind != _INNER:
            by_kind[kind].append(of)
    return "; ".join(
        kind if kind in ("lead", "spectrum") else f"{kind} of {', '.join(of)}" for kind, of in by_kind.items()
    )


def table(out: Path, estimates: Mapping[Key, Estimate], levels: ExpectedLevels | str) -> str:
    """All estimates as a table of text, bands by frequency, and the trials of the model of levels or why there is
    none."""
    rows = [_HEAD, *(_row(kind, of, estimates[kind, of]) for kind, of in _shown(estimates))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    told = [levels] if isinstance(levels, str) else [*sentences(levels)]
    lines += ["", f"levels by arrangement and recording{' (not fitted)' * isinstance(levels, str)}:", *told]
    return "\n".join([*lines, "", f"wrote {out}: hybrid mix SONG -o OUT --rules {shlex.quote(str(out))}"])


def as_json(out: Path, estimates: Mapping[Key, Estimate], levels: ExpectedLevels | str, notes: Sequence[str]) -> str:
    """All estimates, the rows of a corpus prior and the model of levels, as one JSON document."""
    document = {
        "schema": "fit/1",
        "rules": str(out),
        "estimates": [
            {
                "quantity": kind,
                "of": of,
                "unit": UNIT[kind],
                **estimates[kind, of]._asdict(),
                "few": estimates[kind, of].has_few_songs,
            }
            for kind, of in _shown(estimates)
        ],
        "prior": [row._asdict() for row in prior_rows(estimates)],
        "levels": {"refused": levels} if isinstance(levels, str) else _levels(levels),
        "notes": notes,
    }
    return json_text(document)


def _levels(levels: ExpectedLevels) -> dict[str, object]:
    """The model of levels as JSON values, in LU but for the slope of recorded levels."""
    return {
        "level": {role: each._asdict() for role, each in levels.level.items()},
        "recorded_level": dict(levels.recorded_level),
        "slopes": {name: each._asdict() for name, each in levels.slopes.items()},
        "with_lead": {name: each._asdict() for name, each in levels.with_lead.items()},
        "trials": [trial._asdict() for trial in levels.trials],
        "spread_lu": levels.spread_lu,
        "songs": levels.n_songs,
        "left_out": levels.unit,
        levels.unit: levels.n_units,
    }


def _shown(estimates: Iterable[Key]) -> list[Key]:
    return sorted((key for key in estimates if key[0] != _INNER), key=lambda key: (key[0], frequency(key), key[1]))


def frequency(key: Key) -> float:
    """The frequency of a band of the spectrum in Hz; infinite for other quantities."""
    return quantity.read(key[1], "Hz") if key[0] == "spectrum" else math.inf


def _row(kind: Quantity, of: str, each: Estimate) -> tuple[str, ...]:
    few = " (few songs)" if each.has_few_songs else ""
    measured = f"{each.median:.1f} {UNIT[kind]}", f"{each.low:.1f} to {each.high:.1f}", f"{each.tolerance:.1f}{few}"
    return (kind, of, *measured, str(each.n_songs), str(each.n_mixes), str(each.n_tracks or ""))
