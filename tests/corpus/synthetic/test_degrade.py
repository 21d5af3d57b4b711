"""Degraded takes: random levels and spectra, always the same for a seed."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid.corpus.synthetic import degrade as degradation
from hybrid.corpus.synthetic.band import Take
from hybrid.corpus.synthetic.degrade import DEGRADATIONS, degrade
from hybrid.corpus.synthetic.signals import SAMPLE_RATE

N = 2 * SAMPLE_RATE
TIME_S = np.arange(N) / SAMPLE_RATE
TAKES = [
    Take("kick", "drums.kick", (np.sin(2 * np.pi * 60 * TIME_S) * np.exp(-8 * (TIME_S % 0.5)))[None]),
    Take("snare", "drums.snare", np.random.default_rng(0).standard_normal((1, N)) * np.exp(-9 * (TIME_S % 0.5))),
    Take("vox", "vocal.lead", np.sin(2 * np.pi * 220 * TIME_S)[None]),
    Take("pad", "synth.pad", np.random.default_rng(1).standard_normal((2, N))),
]


def level_db(take: Take) -> float:
    return 20.0 * float(np.log10(degradation.active_rms(take.samples)))


def test_a_seed_degrades_takes_in_one_way():
    first, second = degrade(TAKES, 3), degrade(TAKES, 3)
    assert first and len(first) == len(second)
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(first, second, strict=True))


def test_levels_scatter_and_nothing_clips():
    levels = [level_db(take) for seed in range(12) for take in degrade(TAKES, seed)]
    assert np.std(levels) > 4.0
    assert np.max(levels) - np.min(levels) > 15.0
    assert max(float(np.abs(take.samples).max()) for seed in range(12) for take in degrade(TAKES, seed)) <= 0.945


def test_some_takes_are_missing_and_two_stay():
    counts = [len(degrade(TAKES, seed)) for seed in range(40)]
    assert min(counts) >= 2
    assert min(counts) < len(TAKES) == max(counts)
    assert all(len(degrade(TAKES[:2], seed)) == 2 for seed in range(20))


@pytest.mark.parametrize("apply", [apply for _, apply in DEGRADATIONS])
@pytest.mark.parametrize("take", TAKES, ids=lambda take: take.name)
def test_every_degradation_changes_the_take_is_finite_and_keeps_the_length(apply: degradation.Degradation, take: Take):
    x = take.samples / degradation.active_rms(take.samples)
    degraded = [apply(x, np.random.default_rng(seed)) for seed in range(4)]
    assert all(np.isfinite(y).all() and y.shape[1] == N for y in degraded)
    steady = take.name == "vox" and apply is degradation._overloaded  # a sine has no peaks to clip
    if apply is not degradation._as_stereo and not steady:
        assert any(np.sqrt(np.mean(np.square(y - x))) > 1e-4 for y in degraded)


def test_silence_stays_silent_enough_to_divide_by():
    silent = [Take("a", "bass", np.zeros((1, N))), *TAKES]
    degraded = degrade(silent, 1)
    assert degraded and all(np.isfinite(take.samples).all() for take in degraded)
