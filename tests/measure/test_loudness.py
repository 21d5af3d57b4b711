"""Loudness of K-weighted powers in frames: gates, activity, and agreement with the meter."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.measure import loudness
from hybrid.measure.meter import Meter
from hybrid.signal import bandpower, stft

FRAME_S = 0.1
N = 100


def power(level_lufs: float) -> float:
    return 10.0 ** ((level_lufs + 0.691) / 10.0)


def levels(*parts: tuple[float, int]) -> jnp.ndarray:
    """Powers of frames in steps of (LUFS, frames)."""
    return jnp.asarray(np.concatenate([np.full(n, power(level)) for level, n in parts]), jnp.float32)


integrated = jax.jit(lambda x: loudness.integrated_lufs(x, jnp.ones(x.shape[-1]), FRAME_S))
activity = jax.jit(lambda x: loudness.activity(x, jnp.ones(x.shape[-1]), FRAME_S))


def test_a_constant_power_reads_its_level():
    assert float(integrated(levels((-23.0, N)))) == pytest.approx(-23.0, abs=1e-3)


def test_passages_below_the_absolute_gate_do_not_count():
    with_rest = levels((-72.0, 40), (-23.0, 20), (-72.0, 40))
    plain = levels((-90.0, 40), (-23.0, 20), (-90.0, 40))
    assert float(integrated(with_rest)) == pytest.approx(float(integrated(plain)), abs=1e-3)


def test_passages_more_than_10_lu_below_the_rest_do_not_count():
    blocks = levels((-40.0, 30), (-23.0, 40), (-40.0, 30))
    gate = np.asarray(loudness.gate(loudness.momentary(blocks, jnp.ones(blocks.shape[-1]), FRAME_S)))
    # blocks of four frames: those with one loud frame read -28.9 and pass the gate at -36.9
    assert gate.sum() == 40 + 3
    assert not gate[:27].any()
    assert not gate[70:].any()


def test_passages_9_lu_below_the_rest_do_count():
    # half the time each: 10 log10((1 + 10^-0.9) / 2)
    assert float(integrated(levels((-20.0, 50), (-29.0, 50)))) == pytest.approx(-22.50, abs=0.05)


def test_silence_reads_the_floor_with_a_finite_gradient():
    silence = jnp.zeros(N)
    assert float(integrated(silence)) == pytest.approx(-120.7, abs=0.01)
    assert np.isfinite(jax.grad(integrated)(silence)).all()


@pytest.mark.parametrize("level", [-60.0, -23.0, 0.0])
def test_gain_adds_a_lu_per_db_at_any_level(level):
    slope = jax.grad(lambda gain_db: integrated(levels((level, 40), (level - 6.0, 60)) * 10.0 ** (gain_db / 10.0)))
    # the floor of -120.7 LUFS takes a millionth at -60
    assert float(slope(0.0)) == pytest.approx(1.0, abs=1e-4)


def test_a_signal_shorter_than_a_block_is_one_block():
    blocks = loudness.block_power(levels((-20.0, 2)), FRAME_S, loudness.SHORT_TERM_S)
    assert np.asarray(loudness.lufs(blocks)) == pytest.approx([-20.0], abs=1e-3)


def test_block_power_is_the_mean_over_the_frames_that_end_there():
    x = jnp.arange(6.0)
    np.testing.assert_allclose(loudness.block_power(x, 0.1, 0.3), [1.0, 2.0, 3.0, 4.0], rtol=1e-6)


def test_active_loudness_is_that_of_the_marked_frames():
    x = levels((-20.0, 50), (-40.0, 50))
    marks = jnp.asarray(np.repeat([0.0, 1.0], 50))
    assert float(loudness.active_lufs(x, marks)) == pytest.approx(-40.0, abs=1e-3)
    assert float(loudness.active_lufs(x, jnp.zeros(N))) == pytest.approx(-120.7, abs=0.01)


def test_two_unrelated_equal_tracks_are_each_3_01_lu_below_their_mix():
    x = levels((-23.0, N))
    assert float(integrated(x) - integrated(2.0 * x)) == pytest.approx(-3.0103, abs=1e-3)


def test_a_track_is_active_where_it_sounds_and_nowhere_else():
    marks = np.asarray(activity(levels((-120.0, 30), (-20.0, 40), (-120.0, 30))))
    np.testing.assert_array_equal(marks, np.repeat([0.0, 1.0, 0.0], [30, 40, 30]))


def test_a_gap_of_200_ms_belongs_to_the_phrase_and_one_of_a_second_does_not():
    marks = np.asarray(activity(levels((-20.0, 30), (-120.0, 2), (-20.0, 30), (-120.0, 10), (-20.0, 28))))
    assert marks[30:32].all()
    # the blocks at the gap's edges pass, but the silent frames in them do not count
    assert not marks[62:72].any()


def test_a_soft_passage_15_lu_below_the_track_is_rest():
    marks = np.asarray(activity(levels((-20.0, 50), (-50.0, 50))))
    assert marks[:50].all()
    assert not marks[50:].any()


def test_hum_below_minus_60_lufs_is_never_active():
    assert not np.asarray(activity(levels((-62.0, N)))).any()


@pytest.mark.parametrize("gain_db", [-20.0, 10.0])
def test_activity_does_not_depend_on_the_tracks_level(gain_db):
    x = levels((-20.0, 30), (-55.0, 20), (-24.0, 30), (-90.0, 20))
    np.testing.assert_array_equal(activity(x), activity(x * 10.0 ** (gain_db / 10.0)))


@pytest.mark.parametrize("sample_rate", [22050, 44100])
def test_frames_of_band_powers_agree_with_the_meter(sample_rate, bursts):
    hop = stft.hop_samples(sample_rate)
    x = bursts(sample_rate)
    chunk, context = bandpower.CHUNK_HOPS * hop, bandpower.CONTEXT_HOPS * hop
    n_chunks = -(-(x.shape[1] + context) // chunk)
    padded = np.pad(x, ((0, 0), (context, n_chunks * chunk - x.shape[1])))
    analyser = bandpower.make_analyser(sample_rate)
    pieces = [padded[:, k * chunk : (k + 1) * chunk + context] for k in range(n_chunks)]
    weighted = [bandpower.band_powers(analyser, piece)[0].weighted for piece in pieces]
    power_k = jnp.concatenate([jnp.sum(w[:2], axis=(0, 2)) for w in weighted])
    inside = jnp.asarray(bandpower.inside(x.shape[1], hop, power_k.shape[0]), jnp.float32)
    frames = float(loudness.integrated_lufs(power_k, inside, stft.frame_s(sample_rate)))
    meter = Meter(sample_rate, 2)
    meter.add(x)
    # frames are smeared by windows of 100 ms, so that blocks at the gate differ
    assert frames == pytest.approx(meter.levels().integrated_lufs, abs=0.15)


def range_lu(power_k: jnp.ndarray, n_inside: int | None = None, frame_s: float = FRAME_S) -> float:
    inside = (jnp.arange(power_k.shape[-1]) < (n_inside or power_k.shape[-1])).astype(jnp.float32)
    return float(loudness.range_lu(power_k, inside, frame_s))


@pytest.mark.parametrize(
    ("levels_lufs", "expected_lu"),
    [((-20, -30), 10.0), ((-20, -15), 5.0), ((-40, -20), 20.0), ((-50, -35, -20, -35, -50), 15.0)],
)
def test_20_s_steps_of_ebu_tech_3342_have_their_range(levels_lufs, expected_lu):
    # the standard allows 1 LU; in the last one some blocks next to the gated passages lie a little below -35
    assert range_lu(levels(*((level, 200) for level in levels_lufs))) == pytest.approx(expected_lu, abs=0.1)


def test_a_fade_of_20_db_ranges_over_the_85_percent_between_its_quantiles():
    # 401 blocks in steps of 0.05 dB, so that both ranks are whole numbers; float32 sums of 30 powers
    fade = jnp.asarray(10.0 ** ((np.linspace(-41.5, -20.05, 430) + 0.691) / 10.0), jnp.float32)
    assert range_lu(fade) == pytest.approx(0.85 * 20.0, abs=2e-3)


@pytest.mark.parametrize(("soft_lufs", "expected_lu"), [(-38.0, 18.0), (-46.0, 0.0)])
def test_blocks_20_lu_below_the_mean_do_not_count_towards_the_range(soft_lufs, expected_lu):
    # the mean of both halves lies 3 LU below the loud one; the blocks across the step are fewer than a tenth
    assert range_lu(levels((-20.0, 400), (soft_lufs, 400))) == pytest.approx(expected_lu, abs=1e-3)


def test_what_lies_below_minus_70_lufs_is_no_part_of_the_range():
    assert range_lu(levels((-60.0, 400), (-72.0, 400))) == pytest.approx(0.0, abs=1e-3)
    assert range_lu(levels((-50.0, 400), (-62.0, 400))) == pytest.approx(12.0, abs=1e-3)


def test_a_swell_within_3_s_is_no_range_and_one_over_many_blocks_is():
    swell = levels(*((-20.0, 15), (-30.0, 15)) * 10)
    assert range_lu(swell) == pytest.approx(0.0, abs=1e-3)
    # the same powers in frames of a second: a block is three frames
    assert range_lu(swell, frame_s=1.0) == pytest.approx(10.0, abs=1e-3)


@pytest.mark.parametrize("n_frames", [1, 20, N])
def test_a_steady_tone_has_no_range_however_short_it_is_and_whatever_padding_follows(n_frames):
    assert range_lu(levels((-23.0, n_frames))) == pytest.approx(0.0, abs=1e-3)
    assert range_lu(jnp.pad(levels((-23.0, n_frames)), (0, N)), n_frames) == pytest.approx(0.0, abs=1e-3)


def test_a_sudden_end_is_part_of_the_range_only_where_rest_follows_and_not_padding():
    padded = jnp.pad(levels((-23.0, N)), (0, N))
    # 71 whole blocks and 29 that fade out: rank 10 of 100 holds a third of the power, spread over two ranks
    assert range_lu(padded) == pytest.approx(10.0 * np.log10(30.0 / 10.0), abs=0.6)
    assert range_lu(padded, N) == pytest.approx(0.0, abs=1e-3)
    # blocks that hold little but the last crash are no blocks of 3 s
    crash = levels((-23.0, 400), (-13.0, 1))
    assert range_lu(jnp.pad(crash, (0, N)), 401) == pytest.approx(0.0, abs=1e-3)


def test_silence_has_no_range_and_a_finite_gradient():
    assert range_lu(jnp.zeros(N)) == 0.0
    assert np.isfinite(jax.grad(lambda x: loudness.range_lu(x, jnp.ones(N), FRAME_S))(jnp.zeros(N))).all()


def test_a_range_grows_by_a_lu_per_db_of_its_loud_half_and_shrinks_by_one_of_its_soft_half():
    steps = jnp.stack([levels((-20.0, 200), (-120.0, 200)), levels((-120.0, 200), (-32.0, 200))])

    def moved(gain_db):
        return loudness.range_lu(10.0 ** (gain_db / 10.0) @ steps, jnp.ones(400), FRAME_S)

    # the blocks across the step are not among those near either quantile
    np.testing.assert_allclose(jax.grad(moved)(jnp.zeros(2)), [1.0, -1.0], atol=1e-3)
