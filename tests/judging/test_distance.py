"""Distances between mixes with known differences."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid.errors import SongError
from hybrid.judging.distance import align_reference, multiresolution_db, spectrum_errors_db
from hybrid.judging.judge import judge
from hybrid.judging.mix import normalise_mix
from tests.judging.signals import RATE, noise


def test_a_mix_has_no_error_against_itself_at_any_level():
    mix, other = normalise_mix("a", noise(), RATE), normalise_mix("b", 0.2 * noise(), RATE)
    (result,) = judge([mix], reference=align_reference(other, mix))
    errors = {name: value for name, value in result.metrics.items() if name not in ("clipped", "dc_db", "folded_lu")}
    assert len(errors) == 19 and max(errors.values()) < 2e-3


@pytest.mark.parametrize("lag", [0, 1, 4410, -2205])
def test_a_shifted_reference_is_aligned_with_the_mix(lag: int):
    x = noise(8.0, channels=1)
    whole = np.concatenate([x, 0.5 * x])
    mix = normalise_mix("a", whole[:, RATE : 6 * RATE], RATE)
    reference, start, end, lag_s = align_reference(normalise_mix("b", whole[:, RATE - lag : 6 * RATE - lag], RATE), mix)
    assert round(lag_s * RATE) == lag and end - start == 5 * RATE - abs(lag)
    inner = slice(RATE // 2, -RATE // 2)
    ratio = reference.samples[:, inner] / mix.samples[:, inner]
    assert np.std(ratio) < 1e-4


def test_uncorrelated_mixes_are_not_shifted():
    assert (
        align_reference(normalise_mix("a", noise(seed=1), RATE), normalise_mix("b", noise(seed=2), RATE)).lag_s == 0.0
    )


def test_a_shorter_reference_is_compared_over_its_own_length_at_one_loudness():
    """The quiet first half of a mix has no error against the whole of it."""
    x = noise(20.0)
    x[:, : x.shape[1] // 2] *= 0.2
    whole, half = normalise_mix("a", x, RATE), normalise_mix("b", x[:, : x.shape[1] // 2], RATE)
    (result,) = judge([whole], reference=align_reference(half, whole))
    for name in ("spectrum_mid_db", "stft_mid_db", "loudness_range_lu", "plr_lu", "crest_db"):
        assert result.metrics[name] < 0.1, name


def test_delivery_levels_stay_those_of_the_file_where_a_sample_is_cut_off():
    whole = noise(6.0)
    whole[0, 1000:1004] = 1.0
    mix = normalise_mix("a", whole, RATE)
    aligned = align_reference(normalise_mix("b", 0.1 * whole[:, 1:], RATE), mix)
    result = aligned.crop(mix).delivery
    assert result.loudness_lufs == pytest.approx(mix.delivery.loudness_lufs, abs=0.05)
    assert result.true_peak_dbtp == pytest.approx(mix.delivery.true_peak_dbtp, abs=0.05)
    assert result.clipped == mix.delivery.clipped == 4
    assert aligned.mix.delivery.loudness_lufs == pytest.approx(mix.delivery.loudness_lufs - 20.0, abs=0.05)


def test_a_mono_reference_has_no_distance_of_the_side():
    mono = np.broadcast_to(noise()[:1], noise().shape)
    mix = normalise_mix("a", noise(), RATE)
    (result,) = judge([mix], reference=align_reference(normalise_mix("b", mono, RATE), mix))
    assert "stft_side_db" not in result.metrics and result.metrics["spectrum_side_db"] > 10.0


def test_a_reference_at_another_rate_is_refused():
    with pytest.raises(SongError, match="b: is at 48000 Hz, the mix at 44100 Hz"):
        align_reference(normalise_mix("b", noise(), 48000), normalise_mix("a", noise(), RATE))


def test_a_side_raised_by_6_db_reads_6_db_and_leaves_mid():
    x = noise()
    mid, side = 0.5 * (x[0] + x[1]), 0.5 * (x[0] - x[1])
    wider = normalise_mix("a", np.stack([mid + 2.0 * side, mid - 2.0 * side]), RATE)
    plain = normalise_mix("b", x, RATE)
    gain_db = 20.0 * np.log10(np.sqrt(np.mean(np.square(wider.mid)) / np.mean(np.square(plain.mid))))
    result = spectrum_errors_db(wider, plain)
    assert result["mid"] == pytest.approx(abs(gain_db), abs=0.1)
    assert result["side"] == pytest.approx(6.02 + gain_db, abs=0.1)


def test_over_time_a_constant_gain_reads_itself_and_counts_up_to_60_db():
    x = noise()[0]
    assert multiresolution_db(x, x) == 0.0
    assert multiresolution_db(2.0 * x, x) == pytest.approx(6.02, abs=1e-3)
    silent = multiresolution_db(np.zeros_like(x), x)
    assert silent and 30.0 < silent < 60.0
    assert multiresolution_db(x, np.zeros_like(x)) is None
