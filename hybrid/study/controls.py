"""The controls of a study: placebo rules, and mixes without rules, network or refinement."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hybrid.export.mixed import NO_NETWORK
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType
from hybrid.study.arm import Arm, ArmBuilder, is_ablatable

_DRAWS = 200
MAX_SHIFT_SCALES = 4.0
"""Largest shift of a random target, in scales of the rule. A guess: far enough to be wrong, and near enough to be
reachable."""


def _permuted(builder: ArmBuilder) -> Arm:
    """The preferred rules with their weights permuted. Many weights are equal: of 200 draws, the one is taken in which
    the fewest rules keep their own weight."""
    ids = [rule.id for rule in builder.rules.rules if is_ablatable(rule) and rule.kind == "prefer"]
    weights = {rule.id: rule.weight for rule in builder.rules.rules}
    rng = np.random.default_rng([*builder.rng_key, 1])
    own = np.array([weights[name] for name in ids])
    # the draw that changes most weights is the strongest placebo
    drawn = min((rng.permutation(own) for _ in range(_DRAWS)), key=lambda new: int(np.sum(new == own)))
    new_weight = dict(zip(ids, drawn.tolist(), strict=True))
    rules = builder.with_changed(lambda rule: rule.model_copy(update={"weight": new_weight.get(rule.id, rule.weight)}))
    return builder.arm("permuted weights", "control", rules)


def _random(builder: ArmBuilder) -> Arm:
    """The preferred rules with each target shifted at random by up to four scales; limits of single bands, which are
    constants of the compiled program, stay."""
    rng = np.random.default_rng([*builder.rng_key, 2])

    def moved(rule: RuleType) -> RuleType:
        def draw() -> float:
            return float(rng.uniform(-MAX_SHIFT_SCALES, MAX_SHIFT_SCALES)) * rule.scale

        if not is_ablatable(rule) or rule.kind != "prefer":
            # drawn for every rule, so that a rule's shift does not depend on which others are ablatable
            draw()
            return rule
        return rule.shifted(draw)

    return builder.arm("random targets", "control", builder.with_changed(moved))


def _required_only(builder: ArmBuilder) -> RuleSet:
    """The required rules alone."""
    return builder.without(rule.id for rule in builder.rules.rules if rule.kind != "require")


def _full_rules(builder: ArmBuilder, name: str) -> Arm:
    """An arm under all rules, of which an option is then changed."""
    return builder.arm(name, "control", builder.rules, ())


CONTROLS: dict[str, Callable[[ArmBuilder], Arm]] = {
    "raw": lambda builder: _full_rules(builder, "raw sum")._replace(n_steps=0, is_raw=True),
    "no_rules": lambda builder: builder.arm("no rules", "control", _required_only(builder)),
    "permuted_weights": _permuted,
    "random_targets": _random,
    "network_only": lambda builder: _full_rules(builder, "network only")._replace(n_steps=0),
    "rules_only": lambda builder: _full_rules(builder, "rules only")._replace(model=NO_NETWORK),
    "start_only": lambda builder: _full_rules(builder, "usual levels only")._replace(n_steps=0, model=NO_NETWORK),
}
