"""Rules of treated tracks that come from no treatment: whoever treated them, the same is read."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.knowledge import objective as objectives
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.tracks import measurable, read_tracks
from hybrid.knowledge.types.fields import EVERY_PART
from hybrid.knowledge.types.requires import MIX_ALONE, TRACKS, TREATMENT, Available, Requires, why_not
from hybrid.signal import bands
from hybrid.testing.songs import QUICK, objective_of, random_dry, random_song, random_treatment, rule_set
from hybrid.treatment import effect
from hybrid.treatment.effect import Layer
from hybrid.treatment.types import Dry, Treatment
from tests.knowledge.made import all_rules

_T = TypeVar("_T")
DRY = random_dry(1)
RULES = measurable(rule_set(*all_rules()), TRACKS).rules
OBJECTIVE = objective_of(RULES, random_song(), DRY)


def scaled(dry: Dry, gain_db: jax.Array) -> Layer:
    """The raw tracks under a gain in every band: arrays that no treatment stands behind."""
    gain = jnp.broadcast_to(10.0 ** (gain_db[:, None] / 10.0), dry.power[:, 0].shape)
    return effect.untreated(dry)._replace(gain=gain, pair_gain=jnp.sqrt(gain[dry.pairs[:, 0]] * gain[dry.pairs[:, 1]]))


@partial(jax.jit, compiler_options=QUICK)
def readings_of(objective: Objective, dry: Dry, tracks: Layer) -> tuple[Reading, ...]:
    return read_tracks(objective, dry, tracks)


@partial(jax.jit, compiler_options=QUICK)
def readings_under(objective: Objective, dry: Dry, treatment: Treatment) -> tuple[Reading, ...]:
    return objectives.readings(objective, dry, objectives.project(objective.output, dry, treatment))


@partial(jax.jit, compiler_options=QUICK)
def cost_and_slope(objective: Objective, dry: Dry, gain_db: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The weighted cost of all rules, and its gradient over the gains of all tracks and bands."""

    def cost(gain_db: jax.Array) -> jax.Array:
        found = read_tracks(objective, dry, scaled(dry, gain_db))
        return objective.weight @ objectives.penalties(objective, found, jnp.zeros_like(objective.weight))

    return jax.value_and_grad(cost)(gain_db)


def some_gains_db(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, 1.0, (DRY.active.shape[0], bands.N_BANDS))


def doubled(tree: _T) -> _T:
    return jax.tree.map(lambda x: x.astype(np.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree)


def test_rules_that_read_the_treatment_step_aside_and_all_others_stay():
    left_out = {rule.type for rule in all_rules()} - {rule.type for rule in RULES}
    assert left_out == {
        *("essential_band_masking", "gain_reduction", "sidechain_depth", "transients_kept", "smooth_control"),
        *("minimal_change", "similar_apart", "spread_level"),
        *("return_to_direct", "reverb_to_mix", "decay_time", "pre_delay", "return_band"),
    }


@pytest.mark.long
def test_what_a_rule_reads_of_tracks_does_not_depend_on_who_treated_them():
    treatment = random_treatment(DRY, 2)
    # what a low cut takes is told apart from other changes of tone only where the treatment is known
    treatment = replace(
        treatment, reverb=None, eq=treatment.eq._replace(low_cut_hz=jnp.zeros_like(treatment.eq.low_cut_hz))
    )
    known = readings_under(OBJECTIVE, DRY, treatment)
    unknown = readings_of(OBJECTIVE, DRY, effect.treated(DRY, treatment))
    assert len(known) == len(RULES) > 40
    for rule, told, read in zip(RULES, known, unknown, strict=True):
        np.testing.assert_array_equal(read.share, told.share, err_msg=rule.id)
        np.testing.assert_allclose(read.value, told.value, rtol=0.0, atol=1e-3 * rule.scale, err_msg=rule.id)


@pytest.mark.long
def test_the_gradient_of_tracks_without_a_treatment_is_the_slope_of_their_cost():
    with jax.enable_x64(True):
        objective, dry = doubled(OBJECTIVE), doubled(DRY)
        # these hold one side of their comparison still: their gradient is not their slope
        one_sided = ("region_excess", "equal_loudness", "expected_level", "given_level")
        two_sided = np.array([rule.type not in one_sided for rule in RULES])
        objective = replace(objective, weight=objective.weight * two_sided)
        start, step = some_gains_db(0), 1e-4 * some_gains_db(1)
        cost, slope = cost_and_slope(objective, dry, start)
        ahead, behind = (float(cost_and_slope(objective, dry, start + sign * step)[0]) for sign in (1.0, -1.0))
        assert np.isfinite(slope).all()
        assert float(np.sum(slope * step)) == pytest.approx(0.5 * (ahead - behind), rel=1e-3)
        downhill = start - 0.05 * np.asarray(slope) / np.linalg.norm(slope)
        assert float(cost_and_slope(objective, dry, downhill)[0]) < float(cost)


@pytest.mark.parametrize(
    ("requires", "available", "reason"),
    [
        (Requires("mix"), MIX_ALONE, ""),
        (Requires("tracks"), MIX_ALONE, "speaks of tracks: needs --song"),
        (Requires("treatment", ("dynamics",)), TRACKS, "reads dynamics of the treatment, and there is none"),
        (Requires("tracks", ("gain.ride", "dynamics")), TRACKS, ""),
        (Requires("treatment", EVERY_PART), TREATMENT, ""),
        (Requires("treatment", ("eq.tone",)), Available("treatment", ("eq",)), ""),
        (Requires("tracks", ("eq",)), Available("treatment", ("eq.tone",)), "counts gain over time or effects"),
    ],
)
def test_a_rule_is_measured_only_where_all_that_it_needs_is_known(
    requires: Requires, available: Available, reason: str
):
    assert why_not(requires, available).startswith(reason) if reason else not why_not(requires, available)
