"""What was fitted, and what it rests on: sentences for notes, a table for people, JSON for scripts."""

from __future__ import annotations

import json
import math
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from hybrid import quantity
from hybrid.calibrate.estimate import Estimate, Key
from hybrid.calibrate.observed import UNIT, Quantity
from hybrid.calibrate.prior import prior_rows

_HEAD = ("what", "of", "median", "quartiles", "tolerance", "songs", "mixes", "tracks")
_INNER = "covered"
"""Needed to make shares add up, and of no interest by itself."""


def sentence(name: str, kind: Quantity, each: Estimate) -> str:
    """An estimate in words, with what it rests on."""
    low, middle, high = (f"{value:.1f}" for value in (each.low, each.median, each.high))
    return f"{name}: median {middle} {UNIT[kind]}, quartiles {low} and {high} ({counts(each)})."


def counts(each: Estimate) -> str:
    """How much an estimate rests on."""
    tracks = f", {each.n_tracks} tracks" if each.n_tracks else ""
    few = "; few songs, tolerance widened" if each.is_thin else ""
    return f"{each.n_songs} songs, {each.n_mixes} mixes{tracks}{few}"


def few_songs(found: Mapping[Key, Estimate], used: Iterable[Key]) -> Iterator[str]:
    """What was written although it rests on few songs, by the number of songs."""
    thin: dict[int, list[Key]] = defaultdict(list)
    for key in used:
        if found[key].is_thin:
            thin[found[key].n_songs].append(key)
    for n in sorted(thin):
        yield f"only {n} songs, tolerances widened: {named(thin[n])}"


def named(keys: Iterable[Key]) -> str:
    """Quantities in words: "level of bass, drums; side of width.whole"."""
    by_kind: dict[Quantity, list[str]] = defaultdict(list)
    for kind, of in keys:
        if kind != _INNER:
            by_kind[kind].append(of)
    return "; ".join(
        kind if kind in ("lead", "spectrum") else f"{kind} of {', '.join(of)}" for kind, of in by_kind.items()
    )


def table(out: Path, found: Mapping[Key, Estimate]) -> str:
    """All estimates as lines of text; bands in order of frequency."""
    rows = [_HEAD, *(_row(kind, of, found[kind, of]) for kind, of in _shown(found))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", f"wrote {out}: hybrid mix SONG -o OUT --rules {shlex.quote(str(out))}"])


def as_json(out: Path, found: Mapping[Key, Estimate], notes: Sequence[str]) -> str:
    """All estimates, and the rows of a prior, as one JSON document."""
    said = {
        "schema": "fit/1",
        "rules": str(out),
        "estimates": [
            {
                "quantity": kind,
                "of": of,
                "unit": UNIT[kind],
                **found[kind, of]._asdict(),
                "few": found[kind, of].is_thin,
            }
            for kind, of in _shown(found)
        ],
        "prior": [row._asdict() for row in prior_rows(found)],
        "notes": notes,
    }
    return json.dumps(said, indent=2, ensure_ascii=False)


def _shown(found: Iterable[Key]) -> list[Key]:
    return sorted((key for key in found if key[0] != _INNER), key=lambda key: (key[0], frequency(key), key[1]))


def frequency(key: Key) -> float:
    """The frequency of a band of the spectrum in Hz; infinite for what is none."""
    return quantity.read(key[1], "Hz") if key[0] == "spectrum" else math.inf


def _row(kind: Quantity, of: str, each: Estimate) -> tuple[str, ...]:
    few = " (few songs)" if each.is_thin else ""
    measured = f"{each.median:.1f} {UNIT[kind]}", f"{each.low:.1f} to {each.high:.1f}", f"{each.tolerance:.1f}{few}"
    return (kind, of, *measured, str(each.n_songs), str(each.n_mixes), str(each.n_tracks or ""))
