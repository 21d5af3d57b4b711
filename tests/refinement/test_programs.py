"""Programs of groups against the gradient of the whole objective, by one automatic differentiation."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from hybrid.knowledge import objective as objectives
from hybrid.knowledge.groups import groups_of
from hybrid.refinement.pins import Pins
from hybrid.refinement.refine import Task, negative_gradient
from hybrid.testing.songs import objective_of, random_dry, random_song, random_treatment, untouched
from hybrid.treatment.bounds import unconstrain
from hybrid.treatment.types import treatment_parts
from tests.knowledge.made import all_rules

pytestmark = pytest.mark.long

KEPT = ("audibility-floor.0", "essential-band-masking.0", "side-energy.0", "timbre-change.0", "corpus-prior.0")
"""One of each of five families; what they act on overlaps, so that some parts are in several blocks of rules."""


def test_what_groups_pull_at_is_the_gradient_of_all_rules():
    rules = [rule for rule in all_rules() if rule.id in KEPT]
    song, dry = random_song(4, 16), random_dry(1, 4, 16)
    objective = objective_of(rules, song, dry)
    assert len(groups_of(objective)) == len(KEPT) == len({rule.acts_on for rule in rules})
    unconstrained = unconstrain(random_treatment(dry, 2))
    free = tuple(np.zeros(low.shape, np.float32) for low in objective.ask.low)
    log_cost, descent = negative_gradient(Task(objective, dry, Pins.none(untouched(dry)), free))(unconstrained)
    expected_cost, expected = jax.jit(objectives.negative_gradient)(objective, dry, unconstrained)
    assert float(log_cost) == pytest.approx(float(expected_cost), rel=1e-5) and float(log_cost) > 0.1
    ours, theirs = (np.asarray(ravel_pytree(each)[0]) for each in (descent, expected))
    pulled = {part for part, gradient in treatment_parts(expected).items() if np.any(gradient)}
    assert {"gain.level", "eq.low_cut", "eq.tone", "pan.position"} <= pulled and "reverb.send" not in pulled
    assert any(part.startswith("dynamics") for part in pulled)
    np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=1e-5 * float(np.abs(theirs).max()))
