"""Spectral balance: noises whose slope is known, and tones above and below a corner."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.measure import spectrum
from hybrid.signal import bandpower, bands, stft

RATE = 22050
FINE_HZ = np.arange(1.0, 24000.0)
WEIGHTS = bands.band_weights(FINE_HZ)
MIDDLE = jnp.asarray(spectrum.bands_between((100.0, 10000.0)), jnp.float32)
EVER = jnp.ones(2)


def long_term_db(density: np.ndarray) -> jnp.ndarray:
    """Band levels of a noise of this power density."""
    return spectrum.long_term_db(jnp.asarray(np.stack([density @ WEIGHTS] * 2), jnp.float32), EVER)


# the edges of bands are rounded off by their triangles
@pytest.mark.parametrize(("exponent", "slope"), [(0.0, 3.01), (-1.0, 0.0), (-2.0, -3.01)])
def test_the_slope_of_white_pink_and_brown_noise(exponent, slope):
    level = long_term_db(FINE_HZ**exponent)
    assert float(spectrum.tilt_db_per_octave(level, MIDDLE)) == pytest.approx(slope, abs=0.1)


def test_pink_noise_reads_the_same_in_all_bands():
    level = np.asarray(long_term_db(1.0 / FINE_HZ))[np.asarray(MIDDLE) > 0.0]
    assert np.ptp(level) < 0.3


def test_slope_and_shape_do_not_depend_on_level():
    level = long_term_db(FINE_HZ**-0.7)
    assert float(spectrum.tilt_db_per_octave(level + 20.0, MIDDLE)) == pytest.approx(
        float(spectrum.tilt_db_per_octave(level, MIDDLE)), abs=1e-4
    )
    np.testing.assert_allclose(
        spectrum.relative_to_mean(level + 20.0, MIDDLE), spectrum.relative_to_mean(level, MIDDLE), atol=1e-4
    )


def test_frames_in_which_nothing_plays_do_not_count():
    loud = np.ones(bands.N_BANDS)
    mix = jnp.asarray(np.stack([loud, 0.0 * loud]), jnp.float32)
    once = spectrum.long_term_db(mix, jnp.asarray([1.0, 0.0]))
    np.testing.assert_allclose(once - spectrum.long_term_db(mix, EVER), 3.01, atol=1e-3)


def test_bands_cover_ten_octaves_and_lower_ones_are_wider():
    widths = spectrum.octaves_per_band()
    # from half a band below 30 Hz to half a band above 16 kHz
    assert widths.sum() == pytest.approx(np.log2(16900.0 / 16.6), abs=0.01)
    assert (np.diff(widths) < 0.0).all()


def below_db(frequency_hz: float, corner_hz: float, gain: float = 0.5) -> float:
    x = gain * np.sin(
        2.0 * np.pi * frequency_hz / RATE * np.arange((bandpower.CHUNK_HOPS + 3) * stft.hop_samples(RATE))
    )
    analyser = bandpower.make_analyser(RATE)
    power = bandpower.powers(analyser, bandpower.spectra(analyser, x[None].astype(np.float32))).plain
    total = (power[0] + power[1])[None]
    return float(spectrum.below_db(total, jnp.ones(total.shape[:2]), jnp.asarray([corner_hz]))[0])


def test_a_40_hz_tone_lies_below_80_hz_and_hardly_below_20():
    assert below_db(40.0, 80.0) == pytest.approx(0.0, abs=0.1)
    assert below_db(40.0, 20.0) < -5.0


def test_a_1_khz_tone_has_nothing_below_80_hz():
    # what a Hann window lets through 40 bins away
    assert below_db(1000.0, 80.0) < -70.0


def test_energy_below_a_corner_is_a_share_whatever_the_level():
    assert below_db(60.0, 60.0, 0.5) == pytest.approx(below_db(60.0, 60.0, 0.05), abs=1e-3)


def test_silence_has_nothing_below_the_corner():
    nothing = jnp.zeros((1, 4, bands.N_BANDS))
    assert float(spectrum.below_db(nothing, jnp.ones((1, 4)), jnp.asarray([80.0]))[0]) == -100.0
