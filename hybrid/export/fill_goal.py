"""Fills the part of a report that is about a goal, from what was delivered."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import soxr
from jaxtyping import Float

from hybrid.audio.loudness import loudness_lufs
from hybrid.audio.wav import MIX_FILE
from hybrid.export.goal import Excerpt, GoalCurve, GoalRow, GoalSheet, GoalValue
from hybrid.goals.goal import Asked, aspects_of
from hybrid.knowledge.evaluate import read_panel
from hybrid.knowledge.types import RuleType
from hybrid.mixing.deliver import Delivered
from hybrid.mixing.plan import Followed
from hybrid.signal import bands
from hybrid.unmixing.mix_file import load_mix, open_at

_EXCERPT_S = 10.0
"""BS.1534 advises 10 s, and 12 at most."""
_EXCERPT_HZ = 44100
_PEAK = 0.9
"""Highest sample of an excerpt: all are turned down alike until none is above it."""


def goal_sheet(delivered: Delivered, folder: Path) -> GoalSheet | None:
    """What the goal of a mix asked, and what came of it; `folder` holds the mix. None without a goal."""
    followed = delivered.plan.followed
    if followed is None:
        return None
    readings = read_panel(followed.template, delivered.measured)
    by_id = dict(zip((rule.id for rule in followed.template.program.rules), readings, strict=True))
    rows, curves = list[GoalRow](), list[GoalCurve]()
    for asked in followed.asked:
        after = np.asarray(by_id[asked.rule.id].value, np.float64)
        rows.append(_row(asked, after))
        if asked.rule.target_kind == "band" and asked.references is not None:
            curves.append(_curve(asked, after))
    return GoalSheet(followed.goal.names, tuple(rows), tuple(curves), _excerpts(followed, folder))


def _row(asked: Asked, after: Float[np.ndarray, " target"]) -> GoalRow:
    rule, theirs = asked.rule, asked.references
    # curves are drawn, not listed
    listed = () if rule.target_kind == "band" else tuple(_values(asked, after))
    own_distance, after_distance = (
        _distance(asked, values) if theirs is not None else 0.0 for values in (asked.own.value, after)
    )
    return GoalRow(
        ", ".join(aspects_of(rule)), rule.id, _said(rule), rule.unit, asked.amount, listed, own_distance, after_distance
    )


def _said(rule: RuleType) -> str:
    """The quantity in a few words: the first sentence of the template's notes."""
    return rule.notes.partition(".")[0] or rule.says()


def _values(asked: Asked, after: Float[np.ndarray, " target"]) -> Iterator[GoalValue]:
    theirs = asked.references
    for index, name in enumerate(_names(asked.rule, len(after))):
        if asked.own.share[index] > 0.0:
            reference = None if theirs is None or not theirs.share[index] > 0.0 else float(theirs.value[index])
            raw, own, aim = (float(each.value[index]) for each in (asked.raw, asked.own, asked.value))
            yield GoalValue(name, raw, own, aim, float(after[index]), reference)


def _names(rule: RuleType, n: int) -> list[str]:
    return list(rule.entries()) or [""] * n


def _distance(asked: Asked, value: Float[np.ndarray, " target"]) -> float:
    theirs = asked.references
    assert theirs is not None
    share = np.asarray(asked.own.share) * (theirs.share > 0.0)
    square = np.sum(share * np.square(value - theirs.value)) / max(float(np.sum(share)), 1e-9)
    return float(np.sqrt(square))


def _curve(asked: Asked, after: Float[np.ndarray, " band"]) -> GoalCurve:
    theirs = asked.references
    assert theirs is not None
    counts = (np.asarray(asked.own.share) > 0.0) & (theirs.share > 0.0)
    weight = bands.octaves_per_band() * counts

    def shape(value: Float[np.ndarray, " band"]) -> Float[np.ndarray, " band"]:
        """Relative to the mean over the bands that both have."""
        return (value - np.sum(weight * value) / np.sum(weight))[counts]

    curves = (shape(np.asarray(each, np.float64)) for each in (asked.own.value, after, theirs.value))
    return GoalCurve(asked.rule.id, bands.band_centres_hz()[counts], *curves)


class _Part(NamedTuple):
    name: str
    start_s: float
    samples: Float[np.ndarray, "2 time"]


def _excerpts(followed: Followed, folder: Path) -> tuple[Excerpt, ...]:
    """The mix and the references, at one loudness. None where this libsndfile writes no MP3."""
    if "MP3" not in soundfile.available_formats():
        return ()
    goal = followed.goal
    files = [("this mix", folder / MIX_FILE), *zip(goal.names, (mix.path for mix in goal.mixes), strict=True)]
    parts = [_loudest(name, path) for name, path in files]
    levels = [loudness_lufs(part.samples, _EXCERPT_HZ) for part in parts]
    gains = [10.0 ** ((min(levels) - level) / 20.0) if np.isfinite(level) else 1.0 for level in levels]
    peak = max(gain * float(np.abs(part.samples).max(initial=0.0)) for gain, part in zip(gains, parts, strict=True))
    trim = min(1.0, _PEAK / max(peak, 1e-9))
    return tuple(
        Excerpt(part.name, part.start_s, _data_uri(trim * gain * part.samples))
        for gain, part in zip(gains, parts, strict=True)
    )


def _loudest(name: str, path: Path) -> _Part:
    """The ten seconds of a finished mix with the most power."""
    mix = load_mix(path)
    rate = mix.sample_rate
    size = min(mix.n_samples, int(_EXCERPT_S * rate))
    with open_at(mix, rate) as reader:
        step = rate
        powers = [
            float(np.mean(np.square(reader.read(0, start, min(step, mix.n_samples - start)))))
            for start in range(0, mix.n_samples, step)
        ]
        n = max(1, size // step)
        sums = np.convolve(powers, np.ones(n), "valid") if len(powers) >= n else np.zeros(1)
        start = min(int(np.argmax(sums)) * step, mix.n_samples - size)
        block = np.broadcast_to(reader.read(0, start, size), (2, size))
    samples = soxr.resample(np.ascontiguousarray(block.T), rate, _EXCERPT_HZ).T
    return _Part(name, start / rate, samples)


def _data_uri(samples: Float[np.ndarray, "2 time"]) -> str:
    file = io.BytesIO()
    soundfile.write(file, samples.T, _EXCERPT_HZ, format="MP3", subtype="MPEG_LAYER_III")
    return f"data:audio/mpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
