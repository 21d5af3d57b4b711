"""What each type says can move it, against the gradients of its readings."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.knowledge.readings import Panel, measured
from hybrid.measure.panel import predict
from hybrid.testing.songs import QUICK, objective_of, random_dry, random_song, random_treatment
from hybrid.treatment.makeup import apply_makeup
from hybrid.treatment.parts import is_part_of
from hybrid.treatment.types import Treatment, treatment_parts
from tests.knowledge.made import RULES, rule_of

pytestmark = pytest.mark.long
TYPES = [rule_of(name, written[0], name) for name, written in RULES.items()]


@pytest.fixture(scope="module")
def moving() -> list[dict[str, float]]:
    """By type, then by part: the largest slope of what it reads of a random mix."""
    dry = random_dry(0)
    objective = objective_of(TYPES, random_song(), dry)

    def read(treatment: Treatment) -> jax.Array:
        panel = Panel(*predict(dry, apply_makeup(dry, treatment)))
        return jnp.stack([_some_sum(rule, panel, scope) for rule, scope in zip(TYPES, objective.scopes, strict=True)])

    def _some_sum(rule, panel, scope) -> jax.Array:
        value, share, _ = measured(rule, panel, scope)
        # targets that move against each other must not cancel
        return jnp.sum(jnp.where(share > 0.0, value * jnp.cos(jnp.arange(value.size)), 0.0))

    slopes = jax.jit(jax.jacrev(read), compiler_options=QUICK)(random_treatment(dry, 1))
    parts = {part: np.asarray(slope) for part, slope in treatment_parts(slopes).items()}
    return [
        {part: float(np.abs(slope[i]).max(initial=0.0)) for part, slope in parts.items()} for i in range(len(TYPES))
    ]


@pytest.mark.parametrize("index", range(len(TYPES)), ids=lambda index: TYPES[index].id)
def test_parts_that_are_not_named_move_nothing(index: int, moving: list[dict[str, float]]):
    rule, slopes = TYPES[index], moving[index]
    beside = {part for part, slope in slopes.items() if slope > 1e-6}
    assert not {part for part in beside if not any(is_part_of(part, name) for name in rule.moved_by)}
    if rule.optimised:
        assert beside, "nothing moves it at all"
        for name in rule.moved_by:
            assert any(is_part_of(part, name) for part in beside), f"{name} does not move it"
