"""Which bands matter for masking: those in which a track is at its best, and those that speech needs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.measure import masking
from hybrid.signal import bands

N_BANDS = bands.N_BANDS
CENTRES_HZ = bands.band_centres_hz()
SPEECH = masking.speech_importance()
MIXED = np.random.default_rng(0).permutation(N_BANDS)
"""Ranks of the bands of a spectrum that falls by 1 dB a rank, from the strongest."""


def essential(*spectra_db: np.ndarray, share: float = 0.3) -> np.ndarray:
    return np.asarray(masking.essential(jnp.asarray(10.0 ** (np.stack(spectra_db) / 10.0), jnp.float32), share))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


@pytest.mark.parametrize(("share", "last"), [(0.05, 1), (0.3, 11), (0.5, 19)])
def test_bands_are_essential_by_how_far_they_stand_above_the_last_of_the_strongest_share(share, last):
    # half at the last of the share, and a third of a logit for a decibel
    np.testing.assert_allclose(essential(-1.0 * MIXED, share=share)[0], sigmoid((last - MIXED) / 3.0), atol=1e-4)


def test_the_strongest_band_is_essential_at_any_share():
    np.testing.assert_allclose(essential(-1.0 * MIXED, share=0.001)[0], sigmoid(-MIXED / 3.0), atol=1e-4)


def test_a_tone_has_one_essential_band_and_none_in_its_leakage_30_db_below():
    tone = np.full(N_BANDS, -60.0)
    tone[20:23] = 0.0, -30.0, -39.0
    found = essential(tone)[0]
    np.testing.assert_allclose(found[20:23], sigmoid(np.array([10.0, 0.0, -3.0])), atol=1e-4)
    assert np.delete(found, [20, 21, 22]).max() < 1e-4


@pytest.mark.parametrize("gain_db", [-30.0, 20.0])
def test_essential_bands_depend_neither_on_level_nor_on_the_other_tracks(gain_db):
    # the weakest band lies 31 dB above the floor of -100 dB, which adds 0.004 dB
    both = essential(gain_db - 1.0 * MIXED, np.zeros(N_BANDS))
    np.testing.assert_allclose(both[0], essential(-1.0 * MIXED)[0], atol=1e-3)
    assert both[1] == pytest.approx(0.5)


def test_silence_has_no_essential_band_and_no_gradient():
    assert essential(np.full(N_BANDS, -np.inf))[0] == pytest.approx(0.5)
    slope = jax.grad(lambda power: jnp.sum(masking.essential(power, 0.3)))
    for power in (jnp.zeros((1, N_BANDS)), jnp.asarray(10.0 ** (-0.1 * MIXED[None]))):
        assert not np.asarray(slope(power)).any()


OCTAVE_IMPORTANCE = [0.0617, 0.1671, 0.2373, 0.2648, 0.2142, 0.0549]
"""ANSI S3.5-1997, table 4: octaves from 250 Hz to 8 kHz."""


def test_third_octaves_matter_to_speech_as_much_as_the_octaves_that_they_make():
    # the lowest octave takes in the third octave below it; the highest has none above
    octave = np.searchsorted([355.0, 710.0, 1420.0, 2840.0, 5680.0], masking.SPEECH_HZ)
    np.testing.assert_allclose(np.bincount(octave, masking.SPEECH_IMPORTANCE), OCTAVE_IMPORTANCE, atol=1e-9)


def test_importance_for_speech_follows_ansi_s3_5_up_to_any_frequency():
    third = np.log2(np.array(masking.SPEECH_HZ))
    edges = np.append(third - 1.0 / 6.0, third[-1] + 1.0 / 6.0)
    table = np.append(0.0, np.cumsum(masking.SPEECH_IMPORTANCE))
    assert table[-1] == pytest.approx(1.0, abs=1e-9)
    between = bands.frequency_hz(0.5 * (bands.erb_number(CENTRES_HZ[1:]) + bands.erb_number(CENTRES_HZ[:-1])))
    expected = np.interp(np.log2(between), edges, table)
    # the outer halves of the first and the last third octave are left out and shared among the others
    left_out = 0.5 * (masking.SPEECH_IMPORTANCE[0] + masking.SPEECH_IMPORTANCE[-1])
    np.testing.assert_allclose(np.cumsum(SPEECH)[:-1], expected, atol=left_out)


def test_speech_needs_1_to_4_khz_most_and_nothing_from_the_bass_or_the_air():
    assert SPEECH.sum() == pytest.approx(1.0, abs=1e-12)
    # 0.513 of the standard's table lies there; at each end half a band, of at most 0.047, is in or out
    assert SPEECH[(CENTRES_HZ > 1000.0) & (CENTRES_HZ < 4000.0)].sum() == pytest.approx(0.513, abs=0.047)
    assert not SPEECH[(CENTRES_HZ < 160.0) | (CENTRES_HZ > 8000.0)].any()
    assert (SPEECH >= 0.0).all()


def clarity(ratio_db: np.ndarray) -> np.ndarray:
    return np.asarray(masking.clarity(jnp.asarray(ratio_db, jnp.float32)))


@pytest.mark.parametrize(
    ("ratio_db", "clear"),
    # the knees at -15 and 15 dB are softplus: log 2 of a decibel at the corner
    [
        *((0.0, 0.5), (7.5, 0.75), (-7.5, 0.25), (100.0, 1.0), (-100.0, 0.0)),
        *((15.0, 1.0 - np.log(2.0) / 30.0), (-15.0, np.log(2.0) / 30.0)),
    ],
)
def test_speech_as_loud_as_the_rest_in_every_band_is_half_clear_and_15_db_make_it_clear_or_lost(ratio_db, clear):
    assert clarity(np.full(N_BANDS, ratio_db)) == pytest.approx(clear, abs=1e-4)


def test_every_band_adds_its_importance_and_every_frame_is_judged_by_itself():
    low = CENTRES_HZ < 1000.0
    ratio_db = np.stack([np.where(low, 60.0, -60.0), np.where(low, -60.0, 60.0)])
    np.testing.assert_allclose(clarity(ratio_db), [SPEECH[low].sum(), SPEECH[~low].sum()], atol=1e-5)


def test_no_bass_and_no_air_makes_speech_clearer():
    beyond = (CENTRES_HZ < 160.0) | (CENTRES_HZ > 8000.0)
    for level_db in (-60.0, 60.0):
        assert clarity(np.where(beyond, level_db, 0.0)) == pytest.approx(0.5, abs=1e-5)


def test_between_its_knees_a_decibel_in_all_bands_is_worth_a_thirtieth_and_far_beyond_them_nothing():
    slope = jax.grad(masking.clarity)
    # e^-10 of the slope is still in the knees
    np.testing.assert_allclose(slope(jnp.full(N_BANDS, 5.0)), SPEECH / 30.0, rtol=1e-4)
    for level_db in (-200.0, 200.0):
        np.testing.assert_allclose(slope(jnp.full(N_BANDS, level_db)), 0.0, atol=1e-6)
