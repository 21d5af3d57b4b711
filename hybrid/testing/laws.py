"""Laws that hold for every rule type, each with a message on who breaks it and by how much."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Array

from hybrid import quantity
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.types import RuleType
from hybrid.testing.bench import FEW, MANY, SONGS, TREATMENTS, Bench, Traits
from hybrid.treatment.types import is_named, treatment_parts

_DOUBLE_DB = 6.0206
_SAME = 0.01
"""Scales by which values may differ that should be the same: float32 sums in another order."""
_SLOPE = 1e-3
"""Share by which a gradient may differ from the slope, away from kinks."""


class Law(NamedTuple):
    """A law in one sentence, the types that it is about, and what of it a rule breaks; nothing if it is kept."""

    says: str
    applies: Callable[[RuleType, Traits], bool]
    broken: Callable[[Bench, RuleType], Iterator[str]]


def _values_and_slopes_are_finite(song: str, bench: Bench, rule: RuleType) -> Iterator[str]:
    for treatment in TREATMENTS:
        of, index = bench.under(song, treatment), bench.index(rule)
        reading = bench.reading(of, rule)
        arrays = {"value": reading.value, "share": reading.share, "cost": of.cost[index]}
        arrays |= {} if reading.course is None else {"course": reading.course}
        arrays |= {f"slope over {part}": slope[index] for part, slope in treatment_parts(of.slope).items()}
        for name, array in arrays.items():
            if bad := int(np.sum(~np.isfinite(array))):
                yield f"{bad} of {np.size(array)} numbers of the {name} are not finite, {treatment}"


def _every_target_has_one_value_in_the_unit(bench: Bench, rule: RuleType) -> Iterator[str]:
    reading = bench.reading(bench.under("four tracks", "treated"), rule)
    n = rule.n_targets(MANY)
    for name, array in (("value", reading.value), ("share", reading.share)):
        if array.shape != (n,):
            yield f"the {name} has the shape {array.shape}, expected {(n,)}"
    if np.any(np.asarray(reading.share) < 0.0):
        yield f"a share is {np.min(reading.share):.3g}, expected 0 or more"
    value = float(f"{np.asarray(reading.value)[0]:.6g}")
    if abs(quantity.read(quantity.write(value, rule.unit), rule.unit) - value) > 1e-3 * max(1.0, abs(value)):
        yield f"the value {value} cannot be written in {rule.unit}"


def _silence_and_padding_are_not_targets(bench: Bench, rule: RuleType) -> Iterator[str]:
    share = np.asarray(bench.reading(bench.under("a silent track among four", "untouched"), rule).share)
    pair = rule.target_kind == "pair"
    tracks = share.reshape(MANY, -1) + (share.reshape(MANY, MANY).T if pair else 0.0)
    silence = np.asarray(bench.reading(bench.under("digital silence", "untouched"), rule).share)
    for who, shares in (("a silent track", tracks[2]), ("padding", tracks[FEW:]), ("a silent song", silence)):
        if np.any(shares):
            yield f"{who} is a target with a share of {np.max(shares):.3g}, expected 0"


def _the_order_of_the_tracks_does_not_matter(bench: Bench, rule: RuleType) -> Iterator[str]:
    before = bench.reading(bench.under("sixty tracks", "treated"), rule)
    value, share, order = np.asarray(before.value), np.asarray(before.share), bench.order
    if rule.target_kind == "track":
        value, share = value[order], share[order]
    if rule.target_kind == "pair":
        value = value.reshape(MANY, MANY)[order][:, order].ravel()
        either = share.reshape(MANY, MANY) + share.reshape(MANY, MANY).T
        share = np.triu(either[order][:, order]).ravel()
    yield from _differences(rule, bench.reading(bench.shuffled, rule), value, share)


def _a_mirrored_song_reads_the_same(bench: Bench, rule: RuleType) -> Iterator[str]:
    before = bench.reading(bench.under("four tracks", "treated"), rule)
    sign = -1.0 if bench.traits(rule).follows_side else 1.0
    yield from _differences(rule, bench.reading(bench.mirrored, rule), sign * np.asarray(before.value), before.share)


def _twice_the_amplitude_reads_the_same(bench: Bench, rule: RuleType) -> Iterator[str]:
    before = bench.reading(bench.under("four tracks", "treated"), rule)
    up = _DOUBLE_DB if bench.traits(rule).follows_level else 0.0
    yield from _differences(rule, bench.reading(bench.louder, rule), np.asarray(before.value) + up, before.share)


def _a_song_that_begins_later_reads_the_same(bench: Bench, rule: RuleType) -> Iterator[str]:
    early, late = (bench.reading(each, rule) for each in bench.early_and_late)
    yield from _differences(rule, late, np.asarray(early.value), early.share)


def _the_raw_tracks_alone_decide_what_counts(bench: Bench, rule: RuleType) -> Iterator[str]:
    raw = np.asarray(bench.reading(bench.under("four tracks", "untouched"), rule).share)
    down = np.asarray(bench.reading(bench.turned_down, rule).share)
    if changed := np.flatnonzero(raw != down).tolist():
        k = changed[0]
        yield f"the share of target {k} is {down[k]:.3g} after turning tracks down, {raw[k]:.3g} before"


def _no_more_of_a_mix_is_read_than_the_type_requires(bench: Bench, rule: RuleType) -> Iterator[str]:
    whole, required = (each[bench.index(rule)] for each in bench.whole_and_required)
    yield from _differences(rule, required, np.asarray(whole.value), whole.share)


def _a_satisfied_rule_costs_nothing_and_pulls_at_nothing(bench: Bench, rule: RuleType) -> Iterator[str]:
    of, index = bench.asked(inside=True), bench.index(rule)
    if of.cost[index] != 0.0:
        yield f"costs {float(of.cost[index]):.3g} within its limits, expected 0"
    for part, slope in treatment_parts(of.slope).items():
        if np.any(slope[index]):
            yield f"pulls at {part} within its limits, by up to {np.max(np.abs(slope[index])):.3g}"


def _a_broken_rule_costs_something(bench: Bench, rule: RuleType) -> Iterator[str]:
    cost = float(bench.asked(inside=False).cost[bench.index(rule)])
    if not cost > 0.0:
        yield f"costs {cost:.3g} two scales beyond its limits, expected more than 0"


def _a_broken_rule_pulls_only_at_the_parts_that_it_acts_on(bench: Bench, rule: RuleType) -> Iterator[str]:
    slopes = treatment_parts(bench.asked(inside=False).slope)
    pulls = {part: float(np.max(np.abs(slope[bench.index(rule)]), initial=0.0)) for part, slope in slopes.items()}
    if not any(pulls.values()):
        yield f"pulls at none of {', '.join(rule.acts_on)}"
    for part, pull in pulls.items():
        if pull and not is_named(part, rule.acts_on):
            yield f"pulls at {part} by up to {pull:.3g}, and acts on {', '.join(rule.acts_on)} alone"


def _gradients_are_the_slopes_of_the_cost(bench: Bench, rule: RuleType) -> Iterator[str]:
    gradient, slope = (float(each[bench.index(rule)]) for each in bench.slopes)
    if slope == 0.0 or abs(gradient - slope) > _SLOPE * abs(slope):
        yield f"the gradient along a random direction is {gradient:.6g}, the difference of costs {slope:.6g}"


def _always(rule: RuleType, traits: Traits) -> bool:
    return True


LAWS = (
    *(
        Law(f"values and slopes are finite for {song}", _always, partial(_values_and_slopes_are_finite, song))
        for song in SONGS
    ),
    Law("every target has one value in the unit", _always, _every_target_has_one_value_in_the_unit),
    Law(
        "silence and padding are not targets",
        lambda rule, traits: rule.target_kind in ("track", "pair"),
        _silence_and_padding_are_not_targets,
    ),
    Law("the order of the tracks does not matter", _always, _the_order_of_the_tracks_does_not_matter),
    Law("a mirrored song reads the same but for left and right", _always, _a_mirrored_song_reads_the_same),
    Law("twice the amplitude changes nothing but loudness", _always, _twice_the_amplitude_reads_the_same),
    Law(
        "a song that begins later reads the same",
        lambda rule, traits: not traits.follows_clock,
        _a_song_that_begins_later_reads_the_same,
    ),
    Law("the raw tracks alone decide which tracks count", _always, _the_raw_tracks_alone_decide_what_counts),
    Law("no more of a mix is read than the type requires", _always, _no_more_of_a_mix_is_read_than_the_type_requires),
    Law(
        "a satisfied rule costs nothing and pulls at nothing",
        _always,
        _a_satisfied_rule_costs_nothing_and_pulls_at_nothing,
    ),
    Law("a broken rule costs something", _always, _a_broken_rule_costs_something),
    Law(
        "a broken rule pulls only at the parts that it acts on",
        lambda rule, traits: rule.optimised,
        _a_broken_rule_pulls_only_at_the_parts_that_it_acts_on,
    ),
    Law(
        "gradients are the slopes of the cost",
        lambda rule, traits: rule.optimised and not traits.one_sided,
        _gradients_are_the_slopes_of_the_cost,
    ),
)


def broken_laws(bench: Bench, rule: RuleType, laws: tuple[Law, ...] = LAWS) -> list[str]:
    """A line for each way in which a rule breaks a law that applies to it: the law, and by how much."""
    traits = bench.traits(rule)
    return [f"{law.says}: {what}" for law in laws if law.applies(rule, traits) for what in law.broken(bench, rule)]


def _differences(rule: RuleType, got: Reading, wanted: np.ndarray, share: Array | np.ndarray) -> Iterator[str]:
    """Values of targets that differ by more than sums in another order may."""
    there, counted = np.asarray(share) > 0.0, np.asarray(got.share) > 0.0
    if not there.any():
        yield "there is no target to compare: expected the rule to have one in a song of vocals, basses and guitars"
    if np.any(there != counted):
        yield f"target {int(np.flatnonzero(there != counted)[0])} counts in one case, and not in the other"
        return
    value = np.asarray(got.value)
    apart = np.where(there, np.abs(value - wanted), 0.0) / rule.scale
    worst = int(np.argmax(apart))
    if not apart[worst] <= _SAME:
        values = f"{value[worst]:.6g} instead of {wanted[worst]:.6g} {rule.unit}"
        yield f"target {worst} reads {values}, {apart[worst]:.3g} scales apart where {_SAME} is allowed"
