"""Fitted rules from estimates: which rules of the parent change, and their new limits."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import NamedTuple

from hybrid import quantity
from hybrid.audio.song import Track
from hybrid.calibrate.estimate import MIN_SONGS_FOR_QUARTILES, Estimate, Key
from hybrid.calibrate.expected import ExpectedLevels
from hybrid.calibrate.expected_rule import MODEL_KEYS, expected_rule
from hybrid.calibrate.parent import WIDTH_BANDS, Parent
from hybrid.calibrate.prior import prior_rows
from hybrid.calibrate.report import counts, frequency, sentence
from hybrid.knowledge.select import select
from hybrid.knowledge.types import RuleType
from hybrid.knowledge.types.loudness import budget_sum_lu

Estimates = Mapping[Key, Estimate]
YamlMap = dict[str, object]

MAX_CENTRE_DISTANCE = 10.0
"""Pan units, 1.4 dB between the channels: a role that stays within it in three songs of four counts as central. A rule
that the parent does not have is written only with enough songs for quartiles."""
_MIN_TOLERANCE = {"LU": 0.5, "dB": 0.5, "pan": 4.0}
"""Smallest tolerance by unit: half a decibel, of a level or between the channels, is about the threshold of hearing."""
_POINT_STRIDE = 3
"""Every third band becomes a point of the curve."""


class FittedRules(NamedTuple):
    """The content of a fitted file: patches of the parent's rules by id, new rules, and the estimates that both use."""

    patch: dict[str, YamlMap]
    rules: list[YamlMap]
    used: tuple[Key, ...]


def fit_rules(
    estimates: Estimates, parent: Parent, cite: str, basis: str = "", levels: ExpectedLevels | None = None
) -> FittedRules:
    """The rules that follow from the estimates, citing `cite`; quantities without an estimate are left unchanged.

    `basis` is a sentence for the notes on how levels were measured; `levels` is the model of levels, if there is one.
    """
    out = _RuleFile({}, [], [], cite, basis)
    _budget(estimates, parent, out)
    _lead(estimates, parent, out)
    _centre(estimates, parent, out)
    _side(estimates, parent, out)
    _curve(estimates, parent, out)
    _priors(estimates, parent, out)
    if levels:
        out.rules.append(expected_rule(levels, _copied(parent.expected, *MODEL_KEYS), cite))
    return FittedRules(out.patch, out.rules, tuple(dict.fromkeys(out.used)))


class _RuleFile(NamedTuple):
    patch: dict[str, YamlMap]
    rules: list[YamlMap]
    used: list[Key]
    cite: str
    basis: str

    def evidence(self, estimates: Estimates, keys: list[Key], names: list[str], lead_in: str = "") -> YamlMap:
        """The evidence, citation and notes of a rule; its notes describe the estimate of each named key."""
        self.used.extend(keys)
        sentences = [sentence(name, key[0], estimates[key]) for name, key in zip(names, keys, strict=False)]
        notes = " ".join([lead_in, *sentences]).strip()
        return {"evidence": "measured", "cite": [self.cite], "notes": notes}


def _budget(estimates: Estimates, parent: Parent, out: _RuleFile) -> None:
    """Rewrites the whole rule: an entry without an estimate must not keep the parent's share."""
    keys: list[Key] = [("share", name) for name in parent.budget.buses() if ("share", name) in estimates]
    if not keys:
        return
    medians = {name: estimates["share", name].median for _, name in keys}
    whole = estimates["covered", "budget"].median if ("covered", "budget") in estimates else 0.0
    # medians of shares do not add up to the median of their sum: one shift of all entries corrects that
    shift = whole - budget_sum_lu(medians)
    targets = {
        name: {
            "target": _write(median + shift, "LU"),
            "tolerance": _tolerance(estimates["share", name].tolerance, "LU"),
        }
        for name, median in medians.items()
    }
    correction = f"Targets are the medians {shift:+.1f} LU, so that together they make {whole:.1f} LU of the mix."
    lead_in = f"{correction} {out.basis}".strip()
    evidence = out.evidence(estimates, keys, list(medians), lead_in)
    out.rules.append({**_copied(parent.budget, "targets"), "targets": targets, **evidence})


def _lead(estimates: Estimates, parent: Parent, out: _RuleFile) -> None:
    key: Key = ("lead", "lead")
    if parent.lead and key in estimates:
        evidence = out.evidence(estimates, [key], ["The lead over the rest"], out.basis)
        out.patch[parent.lead.id] = {
            **_target_and_tolerance(estimates[key], "LU"),
            **_without_calibrate_tag(parent.lead),
            **evidence,
        }


def _centre(estimates: Estimates, parent: Parent, out: _RuleFile) -> None:
    """Tolerances of the parent's centre rules, and weak rules for further roles that are central."""
    distances = {key[1]: key for key in estimates if key[0] == "distance"}
    for rule in parent.centre:
        keys = [key for role, key in distances.items() if _applies_to(rule, role, parent)]
        if keys:
            reach = max(_reach(estimates[key]) for key in keys)
            evidence = out.evidence(estimates, keys, [f"Distance of {role}" for _, role in keys])
            out.patch[rule.id] = {"tolerance": _tolerance(reach, "pan"), **_without_calibrate_tag(rule), **evidence}
    fixed_positions = [
        rule for rule in parent.rules.enabled if rule.fitted_by == "distance" and rule.target is not None
    ]
    for role, key in distances.items():
        # a role with a position rule in the parent gets no second one
        is_new = not any(_applies_to(rule, role, parent) for rule in fixed_positions)
        if is_new and not estimates[key].has_few_songs and _reach(estimates[key]) <= MAX_CENTRE_DISTANCE:
            limits: YamlMap = {"target": "C", "tolerance": _tolerance(_reach(estimates[key]), "pan")}
            new: YamlMap = {"id": f"centre.{role}", "type": "pan_position", "for": {"role": role}, **limits}
            evidence = out.evidence(estimates, [key], [f"Distance of {role}"])
            out.rules.append({**new, "weight": "weak", "acts_on": ["pan.position"], **evidence})


def _side(estimates: Estimates, parent: Parent, out: _RuleFile) -> None:
    for rule in parent.side:
        key: Key = ("side", rule.id)
        if key in estimates:
            low, high = _interval(estimates[key])
            limits: YamlMap = {"max": _write(high, "dB")} if rule.max is not None else {"range": _range(low, high)}
            evidence = out.evidence(estimates, [key], ["Side over mid"])
            out.patch[rule.id] = {**limits, **_without_calibrate_tag(rule), **evidence}
    for name, band in WIDTH_BANDS.items():
        key = ("side", name)
        is_new = name not in {rule.id for rule in parent.rules.rules}
        if is_new and key in estimates and not estimates[key].has_few_songs:
            new: YamlMap = {"id": name, "type": "side_energy", "band": quantity.write_range(band, "Hz")}
            evidence = out.evidence(estimates, [key], ["Side over mid"])
            out.rules.append({**new, "range": _range(*_interval(estimates[key])), "weight": "weak", **evidence})


def _curve(estimates: Estimates, parent: Parent, out: _RuleFile) -> None:
    """Rewrites the whole rule: a patch would leave the parent's points among the new ones."""
    keys = sorted((key for key in estimates if key[0] == "spectrum"), key=frequency)
    # every third band is enough for a smooth curve, and the last one ends it
    points = [*keys[:-1:_POINT_STRIDE], *keys[-1:]]
    if parent.curve is None or len(points) < 2:
        return
    limits: YamlMap = {
        "curve": {of: _write(estimates["spectrum", of].median, "dB") for _, of in points},
        "target": "0 dB",
        "tolerance": _tolerance(median(estimates[key].tolerance for key in keys), "dB"),
    }
    quartiles = "; ".join(f"{key[1]} {estimates[key].low:.1f} and {estimates[key].high:.1f}" for key in points)
    # a curve rests on no more songs than its weakest point
    rests_on = counts(min((estimates[key] for key in points), key=lambda each: each.n_songs))
    notes = f"Medians of bands, the tolerance is the median of theirs ({rests_on}). Quartiles in dB: {quartiles}."
    evidence = {**out.evidence(estimates, points, []), "notes": notes}
    out.rules.append({**_copied(parent.curve, *limits), **limits, **evidence})


def _priors(estimates: Estimates, parent: Parent, out: _RuleFile) -> None:
    """Rewrites the whole rule, with roles of enough songs: a patch would leave the parent's roles among them."""
    for rule in parent.priors:
        feature = rule.written().get("feature")
        rows = [
            row for row in prior_rows(estimates) if row.feature == feature and row.n_songs >= MIN_SONGS_FOR_QUARTILES
        ]
        if rows:
            table = {row.role: {"mean": round(row.mean, 1), "spread": round(max(row.spread, 1.0), 1)} for row in rows}
            keys: list[Key] = [(row.quantity, row.role) for row in rows]
            evidence = out.evidence(estimates, keys, [row.role for row in rows], out.basis)
            out.rules.append({**_copied(rule, "table"), "table": table, **evidence})


def _copied(rule: RuleType, *but: str) -> YamlMap:
    """The fields of a rule as in a file, without its evidence, without the keys `but`, and without defaults."""
    fields = rule.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    dropped = {"evidence", "cite", "notes", *but}
    return {
        key: value
        for key, value in {**fields, **_without_calibrate_tag(rule)}.items()
        if key not in dropped and value not in (None, [])
    }


def _without_calibrate_tag(rule: RuleType) -> YamlMap:
    """The rule's tags without `calibrate`; empty if it has no such tag."""
    tags = [tag for tag in rule.tags if tag != "calibrate"]
    return {"tags": tags} if len(tags) < len(rule.tags) else {}


def _applies_to(rule: RuleType, role: str, parent: Parent) -> bool:
    tags = ("lead",) if role == "vocal.lead" else ()
    return bool(select(rule.for_, [Track(role, (), 1, role, tags, 1.0)], parent.rules.sets))


def _reach(each: Estimate) -> float:
    """The distance within which three songs in four lie, pan units; larger for few songs."""
    return max(each.high, each.median + each.tolerance) if each.has_few_songs else each.high


def _interval(each: Estimate) -> tuple[float, float]:
    tolerance = max(each.tolerance, _MIN_TOLERANCE["dB"])
    return each.median - tolerance, each.median + tolerance


def _target_and_tolerance(each: Estimate, unit: str) -> YamlMap:
    return {"target": _write(each.median, unit), "tolerance": _tolerance(each.tolerance, unit)}


def _tolerance(value: float, unit: str) -> str:
    # a tolerance is a distance: written as a pan, 10 would be a place, R10
    return _write(max(value, _MIN_TOLERANCE[unit]), "pan step" if unit == "pan" else unit)


def _write(value: float, unit: str) -> str:
    digits = 0 if unit.startswith("pan") else 1
    # rounding may leave -0.0, which adding zero turns into 0.0
    return quantity.write(round(value, digits) + 0.0, unit)


def _range(low: float, high: float) -> str:
    return f"{round(low, 1) + 0.0:g} to {round(high, 1) + 0.0:g} dB"
