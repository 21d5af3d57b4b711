"""Make-up gain: the loudness of a track follows from its level alone."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.signal import bands
from hybrid.treatment import effect
from hybrid.treatment.curves import tone_curves
from hybrid.treatment.makeup import apply_makeup, makeup_gain_db, undo_makeup
from hybrid.treatment.types import Dry, Treatment
from tests.treatment.made import filled, nothing, only, random_dry, random_treatment


def loudness_db(dry: Dry, treatment: Treatment) -> np.ndarray:
    """K-weighted level of every track in the frames in which it sounds."""
    power = np.asarray(effect.track_k(effect.treated(dry, treatment)) * dry.active)
    return 10.0 * np.log10(power.sum(axis=-1) / np.asarray(dry.active).sum(axis=-1))


def test_tone_does_not_change_the_loudness_of_a_track():
    dry = random_dry()
    tone = np.random.default_rng(1).uniform(-6.0, 6.0, nothing(dry).eq.tone_db.shape)
    treatment = only(nothing(dry), "eq.tone", tone.astype(np.float32))
    raw = loudness_db(dry, nothing(dry))
    assert np.abs(loudness_db(dry, treatment) - raw).max() > 0.5
    np.testing.assert_allclose(loudness_db(dry, apply_makeup(dry, treatment)), raw, atol=1e-3)


@pytest.mark.parametrize("part", ["gain.ride", "dynamics.zone"])
def test_a_lift_for_the_whole_song_is_no_movement(part: str):
    dry = random_dry()
    treatment = only(nothing(dry), part, 2.0)
    raw = loudness_db(dry, nothing(dry))
    np.testing.assert_allclose(loudness_db(dry, treatment), raw + 2.0, atol=1e-3)
    np.testing.assert_allclose(loudness_db(dry, apply_makeup(dry, treatment)), raw, atol=1e-3)


def test_make_up_raises_a_track_by_the_loss_of_its_low_cut():
    dry = random_dry()
    treatment = only(nothing(dry), "eq.low_cut", 400.0)
    added = np.asarray(makeup_gain_db(dry, treatment))
    assert (added < 0.0).all()
    np.testing.assert_allclose(np.asarray(apply_makeup(dry, treatment).gain.level_db), -added, atol=1e-6)


def test_undoing_make_up_recovers_the_treatment():
    dry = random_dry()
    treatment = random_treatment(dry)
    recovered = undo_makeup(dry, apply_makeup(dry, treatment))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), recovered, treatment)


def test_a_silent_track_has_no_make_up_gain():
    dry = random_dry()
    silent = jax.tree.map(jnp.zeros_like, dry)
    treatment = random_treatment(dry)
    np.testing.assert_array_equal(np.asarray(makeup_gain_db(silent, treatment)), 0.0)
    slope = jax.grad(lambda each: jnp.sum(makeup_gain_db(silent, each)))(treatment)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slope))


def test_a_rule_on_tone_has_no_fader():
    dry = random_dry()
    treatment = nothing(dry)

    def loudness(tone: jax.Array) -> jax.Array:
        moved = apply_makeup(dry, replace(treatment, eq=treatment.eq._replace(tone_db=tone)))
        return jnp.sum(jnp.log(jnp.sum(effect.track_k(effect.treated(dry, moved)) * dry.active, axis=-1)))

    flat = filled(treatment.eq.tone_db, 3.0)
    slope = np.asarray(jax.grad(loudness)(flat))
    np.testing.assert_allclose(slope, 0.0, atol=1e-4)


def test_a_point_of_the_tone_curve_acts_where_it_is():
    curves = tone_curves()
    assert (curves >= 0.0).all()
    np.testing.assert_allclose(curves.sum(axis=0), 1.0)  # all points together are a fader
    assert curves.shape[1] == bands.N_BANDS
    reach = (curves > 0.0).sum(axis=1)
    assert reach.max() <= 2 * -(-bands.N_BANDS // (len(curves) - 1))
