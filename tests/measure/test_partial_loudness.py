"""Partial loudness after Moore, Glasberg and Baer 1997."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.measure import partial_loudness as model
from hybrid.signal import bands

LEVELS = jnp.asarray(10.0 ** np.linspace(-1.0, 9.0, 101), jnp.float32)
"""From below the threshold in quiet to 90 dB."""
FRAMES = 4
FLAT = np.full((FRAMES, bands.N_BANDS), 1e-3)


def test_beside_nothing_a_sound_is_as_loud_as_alone():
    np.testing.assert_allclose(
        model.specific_partial(LEVELS, jnp.zeros_like(LEVELS)), model.specific_alone(LEVELS), rtol=1e-3, atol=1e-6
    )


def test_loudness_alone_grows_with_level_and_doubles_with_ten_decibels():
    alone = np.asarray(model.specific_alone(LEVELS))
    assert (np.diff(alone) > 0.0).all()
    # a power law of exponent 0.2 in excitation: a factor of 1.58, more near the threshold
    assert 1.5 < alone[90] / alone[80] < 1.7


@pytest.mark.parametrize("signal_db", [10.0, 40.0, 60.0, 80.0])
def test_partial_loudness_falls_with_every_decibel_of_masker(signal_db: float):
    masker = jnp.asarray(10.0 ** np.linspace(0.0, 9.0, 91), jnp.float32)
    partial = np.asarray(model.specific_partial(jnp.full(91, 10.0 ** (signal_db / 10.0)), masker))
    assert (np.diff(partial) <= 1e-6).all()
    assert partial[-1] < 0.01 * partial[0]


@pytest.mark.parametrize("masker_db", [0.0, 30.0, 60.0, 80.0])
def test_both_branches_join_at_the_masked_threshold(masker_db: float):
    noise = 10.0 ** (masker_db / 10.0)
    threshold = model.K * noise + model.THRESHOLD
    below, at, above = (float(model.specific_partial(jnp.asarray(f * threshold), jnp.asarray(noise)))
                        for f in (0.9999, 1.0, 1.0001))  # fmt: skip
    # at the masked threshold, whatever the masker, a sound is as loud as one at the threshold in quiet
    expected = float(model.specific_alone(jnp.asarray(model.THRESHOLD)))
    assert at == pytest.approx(expected, rel=2e-2)
    assert below == pytest.approx(at, rel=2e-2) and above == pytest.approx(at, rel=2e-2)


def kept(*levels_db: float, pressure_db: float = 90.0) -> np.ndarray:
    track = jnp.asarray(np.stack([FLAT * 10.0 ** (level / 10.0) for level in levels_db]), jnp.float32)
    active = jnp.ones(track.shape[:2])
    return np.asarray(model.kept_share(track, track.sum(axis=0), active, jnp.asarray(10.0 ** (pressure_db / 10.0))))


def test_a_track_alone_keeps_all_of_its_loudness_and_a_buried_one_nothing():
    assert kept(0.0)[0] == pytest.approx(1.0, abs=1e-3)
    loud, buried = kept(20.0, -20.0)
    assert loud > 0.95 and buried < 1e-3


def test_twins_keep_the_same_and_less_than_all():
    first, second = kept(0.0, 0.0)
    assert first == pytest.approx(second)
    assert 0.1 < first < 0.9


def test_only_frames_in_which_a_track_sounds_count():
    track = jnp.asarray(np.stack([FLAT, FLAT * (np.arange(FRAMES) >= 2)[:, None] * 100.0]), jnp.float32)
    early = jnp.asarray([[1.0, 1.0, 0.0, 0.0]] * 2)
    assert model.kept_share(track, track.sum(axis=0), early, jnp.asarray(1e9))[0] == pytest.approx(1.0, abs=1e-3)


def test_a_mix_at_its_loudness_has_the_pressure_that_it_is_played_at():
    # a mix of -23 LUFS has a K-weighted power of 10^((-23 + 0.691) / 10)
    pressure = float(model.pressure_of(jnp.asarray(-23.0), 73.0))
    assert 10.0 * np.log10(pressure * 10.0 ** ((-23.0 + 0.691) / 10.0)) == pytest.approx(73.0, abs=1e-3)
