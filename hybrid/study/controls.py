"""The controls of a study, without which nothing is learned: placebos, and other ways to a mix."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType
from hybrid.study.arm import Arm, Maker, counts

_DRAWS = 200
FURTHEST = 4.0
"""Random targets lie within so many scales of the rule's own. A guess: wide enough to be wrong, and within what a mix
can do."""


def _permuted(maker: Maker) -> Arm:
    """Weights change places among the rules that are preferred. Many weights are equal: of some hundred draws the one
    is taken in which fewest rules keep what they had."""
    ids = [rule.id for rule in maker.rules.rules if counts(rule) and rule.kind == "prefer"]
    weights = {rule.id: rule.weight for rule in maker.rules.rules}
    rng = np.random.default_rng([*maker.chance, 1])
    own = np.array([weights[name] for name in ids])
    drawn = min((rng.permutation(own) for _ in range(_DRAWS)), key=lambda new: int(np.sum(new == own)))
    given = dict(zip(ids, drawn.tolist(), strict=True))
    rules = maker.changed(lambda rule: rule.model_copy(update={"weight": given.get(rule.id, rule.weight)}))
    return maker.arm("permuted weights", "control", rules)


def _random(maker: Maker) -> Arm:
    """What preferred rules ask is moved, each number by its own chance, up to four scales up or down; not the widths of
    single bands, which are part of the compiled program."""
    rng = np.random.default_rng([*maker.chance, 2])

    def moved(rule: RuleType) -> RuleType:
        def draw() -> float:
            return float(rng.uniform(-FURTHEST, FURTHEST)) * rule.scale

        if not counts(rule) or rule.kind != "prefer":
            # a number is drawn for every rule, so that what one rule is given does not depend on which others count
            draw()
            return rule
        return rule.shifted(draw)

    return maker.arm("random targets", "control", maker.changed(moved))


def _nothing(maker: Maker) -> RuleSet:
    """What is required alone."""
    return maker.without(rule.id for rule in maker.rules.rules if rule.kind != "require")


def _way(maker: Maker, name: str) -> Arm:
    """An arm under all rules that goes another way."""
    return maker.arm(name, "control", maker.rules, ())


CONTROLS: dict[str, Callable[[Maker], Arm]] = {
    "raw": lambda maker: _way(maker, "raw sum")._replace(n_steps=0, is_raw=True),
    "no_rules": lambda maker: maker.arm("no rules", "control", _nothing(maker)),
    "permuted_weights": _permuted,
    "random_targets": _random,
    "network_only": lambda maker: _way(maker, "network only")._replace(n_steps=0),
    "rules_only": lambda maker: _way(maker, "rules only")._replace(uses_network=False),
    "start_only": lambda maker: _way(maker, "usual levels only")._replace(n_steps=0, uses_network=False),
}
