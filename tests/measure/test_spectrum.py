"""Spectral balance: noises whose slope is known, and tones above and below a corner."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.measure import spectrum
from hybrid.signal import bandpower, bands, stft

RATE = 22050
FINE_HZ = np.arange(1.0, 24000.0)
WEIGHTS = bands.band_weights(FINE_HZ)
MIDDLE = jnp.asarray(bands.bands_between((100.0, 10000.0)), jnp.float32)
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
    widths = bands.octaves_per_band()
    # from half a band below 30 Hz to half a band above 16 kHz
    assert widths.sum() == pytest.approx(np.log2(16900.0 / 16.6), abs=0.01)
    assert (np.diff(widths) < 0.0).all()


def below_db(frequency_hz: float, corner_hz: float, gain: float = 0.5) -> float:
    x = gain * np.sin(
        2.0 * np.pi * frequency_hz / RATE * np.arange((bandpower.CHUNK_HOPS + 3) * stft.hop_samples(RATE))
    )
    analyser = bandpower.make_analyser(RATE)
    power = bandpower.band_powers(analyser, x[None].astype(np.float32))[0].plain
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


def test_a_corner_at_the_centre_of_a_band_has_half_of_it_below_and_all_of_those_beneath():
    share = np.asarray(spectrum.shares_below(float(bands.band_centres_hz()[20])))
    assert share[20] == pytest.approx(0.5, abs=1e-4)
    assert (share[:20] == 1.0).all() and not share[21:].any()


def test_a_corner_a_quarter_of_a_band_up_has_three_quarters_of_the_band_below():
    corners = bands.frequency_hz(bands.erb_number(bands.band_centres_hz()[[8, 30]]) + 0.25)
    share = np.asarray(spectrum.shares_below(jnp.asarray(corners)))
    # erb numbers of some 30 in float32
    np.testing.assert_allclose(share[[0, 1], [8, 30]], 0.75, atol=1e-4)
    assert share.sum(axis=-1) == pytest.approx([8.75, 30.75], abs=1e-3)


def test_nothing_lies_below_0_hz_and_everything_below_20_khz():
    assert not np.asarray(spectrum.shares_below(0.0)).any()
    assert (np.asarray(spectrum.shares_below(20000.0)) == 1.0).all()


def test_a_higher_corner_takes_in_more_and_one_more_band_for_each_bandwidth_of_hearing():
    corners = jnp.linspace(0.0, 20000.0, 400)
    assert (np.diff(np.asarray(spectrum.shares_below(corners)), axis=0) >= 0.0).all()
    slope = jax.vmap(jax.grad(lambda corner: jnp.sum(spectrum.shares_below(corner))))
    assert np.isfinite(slope(corners)).all()
    # Glasberg and Moore, equation 3; its constants and those of equation 4 are rounded to 0.3 per cent
    assert float(slope(jnp.asarray([1000.0]))[0]) == pytest.approx(1.0 / (24.7 * (4.37 + 1.0)), rel=0.005)


OCTAVE = np.log2(bands.band_centres_hz())
REGIONS = [(200.0, 400.0), (800.0, 1200.0), (2500.0, 5000.0), (5000.0, 9000.0)]


def excess_db(level_db: np.ndarray, band_hz: tuple[float, float]) -> float:
    return float(spectrum.excess_db(jnp.asarray(level_db, jnp.float32), band_hz))


@pytest.mark.parametrize("band_hz", REGIONS)
@pytest.mark.parametrize("slope", [-6.0, 0.0, 3.0])
def test_no_region_of_a_straight_spectrum_sticks_out(band_hz, slope):
    assert excess_db(slope * OCTAVE - 20.0, band_hz) == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("band_hz", REGIONS)
@pytest.mark.parametrize("lift_db", [-5.0, 8.0])
def test_a_lifted_region_sticks_out_by_its_lift_and_a_lift_on_both_sides_leaves_a_hole(band_hz, lift_db):
    inside = bands.bands_between(band_hz)
    assert excess_db(lift_db * inside - 3.0 * OCTAVE, band_hz) == pytest.approx(lift_db, abs=1e-3)
    assert excess_db(lift_db * (1.0 - inside), band_hz) == pytest.approx(-lift_db, abs=1e-3)


def test_the_line_under_a_region_tilts_when_only_one_side_is_lifted():
    above = bands.bands_between((400.0, 800.0))
    # half way between octaves that lie on both sides; bands of a third of an octave do not fill them evenly
    assert excess_db(8.0 * above, (200.0, 400.0)) == pytest.approx(-4.0, abs=0.3)
    assert excess_db(8.0 * bands.bands_between((801.0, 16000.0)), (200.0, 400.0)) == 0.0


def test_a_bell_of_8_db_on_pink_noise_sticks_out_by_4_since_it_lifts_its_neighbours_too():
    s = 1j * bands.band_centres_hz() / np.sqrt(200.0 * 400.0)
    root = 10.0 ** (8.0 / 40.0)
    bell_db = 20.0 * np.log10(np.abs((s**2 + root * s + 1.0) / (s**2 + s / root + 1.0)))
    assert excess_db(bell_db, (200.0, 400.0)) == pytest.approx(4.0, abs=0.2)
    assert excess_db(bell_db, (2500.0, 5000.0)) == pytest.approx(0.0, abs=0.1)


def test_at_the_end_of_hearing_a_region_is_compared_with_its_only_neighbour():
    high, below = (10000.0, 20000.0), bands.bands_between((5000.0, 10000.0))
    assert excess_db(8.0 * bands.bands_between(high), high) == pytest.approx(8.0, abs=1e-4)
    assert excess_db(8.0 * below, high) == pytest.approx(-8.0, abs=1e-4)


def test_the_excess_has_a_gradient_in_its_region_alone_each_band_by_its_width():
    slope = np.asarray(jax.grad(lambda level: spectrum.excess_db(level, (200.0, 400.0)))(jnp.zeros(bands.N_BANDS)))
    width = bands.octaves_per_band() * bands.bands_between((200.0, 400.0))
    np.testing.assert_allclose(slope, width / width.sum(), atol=1e-6)


def test_the_highest_band_belongs_to_a_range_that_ends_with_it():
    assert bands.bands_between((30.0, 16000.0)).all()
    assert bands.bands_between((15000.0, 16000.0)).sum() == 1.0


def test_a_band_on_the_border_is_no_neighbour_of_its_own_region():
    lifted = 8.0 * bands.bands_between((30.0, 60.0))
    assert float(excess_db(lifted, (30.0, 60.0))) == pytest.approx(8.0, abs=1e-5)


def test_a_region_without_neighbours_has_no_excess():
    level = jnp.asarray(np.random.default_rng(0).standard_normal(bands.N_BANDS), jnp.float32)
    value, slope = jax.value_and_grad(lambda x: excess_db(x, (20.0, 20000.0)))(level)
    assert (float(value), np.abs(slope).max()) == (0.0, 0.0)
