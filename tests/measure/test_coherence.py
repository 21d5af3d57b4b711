"""Two tracks of one source add to 6 dB, or to nothing."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.measure.coherence import group_coherence_db, low_bands
from hybrid.signal import bands

FRAMES = 8
NOISE = np.random.default_rng(0).uniform(0.01, 0.02, (FRAMES, bands.N_BANDS)).astype(np.float32)
PAIRS = jnp.asarray([[0, 1]])
ALWAYS = jnp.ones(FRAMES)


def coherence_db(*powers: np.ndarray, share: float, member: tuple[float, ...] = (1.0, 1.0)) -> jax.Array:
    """Of tracks, of which the first two share so much of their phase, -1 to 1."""
    adds = 2.0 * share * np.sqrt(powers[0] * powers[1])
    power, pair_power = jnp.asarray(np.stack(powers)), jnp.asarray(adds[None])
    return group_coherence_db(power, pair_power, jnp.asarray(member), PAIRS, ALWAYS)


@pytest.mark.parametrize(("share", "reads_db"), [(1.0, 3.0103), (0.0, 0.0), (-0.5, -3.0103)])
def test_equal_tracks_add_to_3_db_and_unrelated_ones_to_0(share, reads_db):
    assert float(coherence_db(NOISE, NOISE, share=share)) == pytest.approx(reads_db, abs=1e-3)


def test_an_inverted_copy_cancels():
    # float32 sums of two equal powers may differ by 1e-6
    assert float(coherence_db(NOISE, NOISE, share=-1.0)) < -60.0


def test_a_soft_track_changes_little_whatever_its_polarity():
    for sign in (1.0, -1.0):
        assert abs(float(coherence_db(NOISE, 1e-4 * NOISE, share=sign))) < 0.1


def test_neither_level_nor_pairs_outside_the_group_count():
    first = float(coherence_db(NOISE, NOISE, share=0.3))
    assert float(coherence_db(1e-3 * NOISE, 1e-3 * NOISE, share=0.3)) == pytest.approx(first, abs=1e-3)
    assert float(coherence_db(NOISE, NOISE, NOISE, share=-1.0, member=(1.0, 0.0, 1.0))) == pytest.approx(0.0, abs=1e-5)


def test_bands_above_500_hz_do_not_count():
    treble = NOISE * (1.0 - low_bands())
    assert float(coherence_db(NOISE, NOISE + 100.0 * treble, share=0.0)) == pytest.approx(0.0, abs=1e-5)
    bass = NOISE * low_bands()
    assert float(coherence_db(bass + treble, bass, share=1.0)) == pytest.approx(3.0103, abs=1e-3)


def test_frames_in_which_the_group_rests_do_not_count():
    power, adds = jnp.asarray(np.stack([NOISE, NOISE])), jnp.asarray(np.where(np.arange(FRAMES) < 4, 2.0, -2.0))
    first_half = (jnp.arange(FRAMES) < 4).astype(jnp.float32)
    found = group_coherence_db(power, adds[None, :, None] * NOISE, jnp.ones(2), PAIRS, first_half)
    assert float(found) == pytest.approx(3.0103, abs=1e-3)


def test_silence_reads_0_db_and_has_no_gradient():
    silence, adds = jnp.zeros((2, FRAMES, bands.N_BANDS)), jnp.zeros((1, FRAMES, bands.N_BANDS))

    def read(power: jax.Array) -> jax.Array:
        return group_coherence_db(power, adds, jnp.ones(2), PAIRS, ALWAYS)

    assert float(read(silence)) == 0.0
    assert not np.asarray(jax.grad(read)(silence)).any()
    assert not np.asarray(group_coherence_db(silence, adds, jnp.zeros(2), PAIRS, ALWAYS)).any()


def test_more_of_a_track_that_subtracts_lowers_the_reading():
    def read(gain_db: jax.Array) -> jax.Array:
        gain = 10.0 ** (gain_db / 20.0)
        power = jnp.stack([NOISE, 0.1 * gain**2 * NOISE])
        adds = -2.0 * gain * np.sqrt(0.1) * jnp.asarray(NOISE)
        return group_coherence_db(power, adds[None], jnp.ones(2), PAIRS, ALWAYS)

    slope = float(jax.grad(read)(jnp.asarray(0.0)))
    assert np.isfinite(slope) and slope < 0.0
