"""Distances between mixes that differ by what was done to them."""

from __future__ import annotations

import numpy as np
import pytest

from hybrid.errors import SongError
from hybrid.judge.distance import aligned, multiresolution_db, spectrum_errors_db
from hybrid.judge.judge import judge
from hybrid.judge.mix import mix_of
from tests.judge.made import RATE, noise


def test_the_same_mix_is_no_way_off_at_any_level():
    mix, other = mix_of("a", noise(), RATE), mix_of("b", 0.2 * noise(), RATE)
    (found,) = judge([mix], beside=aligned(other, mix))
    errors = {name: value for name, value in found.metrics.items() if name not in ("clipped", "dc_db", "folded_lu")}
    assert len(errors) == 19 and max(errors.values()) < 2e-3


@pytest.mark.parametrize("lag", [0, 1, 4410, -2205])
def test_a_reference_that_begins_elsewhere_is_laid_beside_the_mix(lag: int):
    x = noise(8.0, channels=1)
    whole = np.concatenate([x, 0.5 * x])
    mix = mix_of("a", whole[:, RATE : 6 * RATE], RATE)
    reference, start, end, later_s = aligned(mix_of("b", whole[:, RATE - lag : 6 * RATE - lag], RATE), mix)
    assert round(later_s * RATE) == lag and end - start == 5 * RATE - abs(lag)
    inner = slice(RATE // 2, -RATE // 2)
    ratio = reference.samples[:, inner] / mix.samples[:, inner]
    assert np.std(ratio) < 1e-4


def test_mixes_that_share_nothing_stay_where_they_are():
    assert aligned(mix_of("a", noise(seed=1), RATE), mix_of("b", noise(seed=2), RATE)).later_s == 0.0


def test_of_a_shorter_reference_what_both_have_is_compared_at_one_loudness():
    """The quiet first half of a mix is no way off the whole of it."""
    x = noise(20.0)
    x[:, : x.shape[1] // 2] *= 0.2
    whole, half = mix_of("a", x, RATE), mix_of("b", x[:, : x.shape[1] // 2], RATE)
    (found,) = judge([whole], beside=aligned(half, whole))
    for name in ("spectrum_mid_db", "stft_mid_db", "loudness_range_lu", "plr_lu", "crest_db"):
        assert found.metrics[name] < 0.1, name


def test_levels_are_told_as_they_were_found_where_a_sample_is_cut_off():
    whole = noise(6.0)
    whole[0, 1000:1004] = 1.0
    mix = mix_of("a", whole, RATE)
    beside = aligned(mix_of("b", 0.1 * whole[:, 1:], RATE), mix)
    found = beside.within(mix).found
    assert found.loudness_lufs == pytest.approx(mix.found.loudness_lufs, abs=0.05)
    assert found.true_peak_dbtp == pytest.approx(mix.found.true_peak_dbtp, abs=0.05)
    assert found.clipped == mix.found.clipped == 4
    assert beside.reference.found.loudness_lufs == pytest.approx(mix.found.loudness_lufs - 20.0, abs=0.05)


def test_against_a_mono_reference_there_is_no_side_to_be_far_from():
    mono = np.broadcast_to(noise()[:1], noise().shape)
    mix = mix_of("a", noise(), RATE)
    (found,) = judge([mix], beside=aligned(mix_of("b", mono, RATE), mix))
    assert "stft_side_db" not in found.metrics and found.metrics["spectrum_side_db"] > 10.0


def test_a_reference_at_another_rate_is_refused():
    with pytest.raises(SongError, match="b: is at 48000 Hz, the mix at 44100 Hz"):
        aligned(mix_of("b", noise(), 48000), mix_of("a", noise(), RATE))


def test_a_side_that_is_6_db_wider_reads_6_db_and_leaves_the_middle():
    x = noise()
    mid, side = 0.5 * (x[0] + x[1]), 0.5 * (x[0] - x[1])
    wider = mix_of("a", np.stack([mid + 2.0 * side, mid - 2.0 * side]), RATE)
    plain = mix_of("b", x, RATE)
    gain_db = 20.0 * np.log10(np.sqrt(np.mean(np.square(wider.mid)) / np.mean(np.square(plain.mid))))
    found = spectrum_errors_db(wider, plain)
    assert found["mid"] == pytest.approx(abs(gain_db), abs=0.1)
    assert found["side"] == pytest.approx(6.02 + gain_db, abs=0.1)


def test_over_time_a_constant_gain_reads_itself_and_counts_up_to_60_db():
    x = noise()[0]
    assert multiresolution_db(x, x) == 0.0
    assert multiresolution_db(2.0 * x, x) == pytest.approx(6.02, abs=1e-3)
    silent = multiresolution_db(np.zeros_like(x), x)
    assert silent and 30.0 < silent < 60.0
    assert multiresolution_db(x, np.zeros_like(x)) is None
