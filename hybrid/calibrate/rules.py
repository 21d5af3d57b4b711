"""From estimates to rules: which rules of a file change, and what they ask for then."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import NamedTuple

from hybrid import quantity
from hybrid.audio.song import Track
from hybrid.calibrate.estimate import ENOUGH, Estimate, Key
from hybrid.calibrate.parent import WIDTH_BANDS, Parent
from hybrid.calibrate.prior import prior_rows
from hybrid.calibrate.report import counts, frequency, sentence
from hybrid.knowledge.select import select
from hybrid.knowledge.types import RuleType
from hybrid.knowledge.types.loudness import budget_sum_lu

Found = Mapping[Key, Estimate]
Said = dict[str, object]

CENTRAL = 10.0
"""Pan units, 1.4 dB between the channels: a role that keeps within it in three songs of four stands in the centre.
A rule of our own, unlike one that is there already, needs songs enough for quartiles."""
_LEAST = {"LU": 0.5, "dB": 0.5, "pan": 4.0}
"""The smallest tolerance written: half a decibel, as a level or between the channels, is about what is heard."""
_EVERY = 3
"""Of the bands, those that become points of the curve."""


class Fitted(NamedTuple):
    """What a fitted file says: changes to the parent's rules by id, rules of its own, and what both rest on."""

    patch: dict[str, Said]
    rules: list[Said]
    used: tuple[Key, ...]


def fitted(found: Found, parent: Parent, cite: str, basis: str = "") -> Fitted:
    """The rules that the estimates speak of, citing `cite`; nothing of what no mix has.

    `basis` tells in a sentence how levels were measured.
    """
    out = _Writing({}, [], [], cite, basis)
    _budget(found, parent, out)
    _lead(found, parent, out)
    _centre(found, parent, out)
    _side(found, parent, out)
    _curve(found, parent, out)
    _usual(found, parent, out)
    return Fitted(out.patch, out.rules, tuple(dict.fromkeys(out.used)))


class _Writing(NamedTuple):
    patch: dict[str, Said]
    rules: list[Said]
    used: list[Key]
    cite: str
    basis: str

    def grounds(self, found: Found, keys: list[Key], names: list[str], lead_in: str = "") -> Said:
        """Evidence, source and counts of what is being written; the keys that have names are told one by one."""
        self.used.extend(keys)
        sentences = [sentence(name, key[0], found[key]) for name, key in zip(names, keys, strict=False)]
        notes = " ".join([lead_in, *sentences]).strip()
        return {"evidence": "measured", "cite": [self.cite], "notes": notes}


def _budget(found: Found, parent: Parent, out: _Writing) -> None:
    """The whole rule anew: an entry that no mix has must not keep the parent's share."""
    keys: list[Key] = [("share", name) for name in parent.budget.buses() if ("share", name) in found]
    if not keys:
        return
    medians = {name: found["share", name].median for _, name in keys}
    whole = found["covered", "budget"].median if ("covered", "budget") in found else 0.0
    shift = whole - budget_sum_lu(medians)
    targets = {
        name: {"target": _write(median + shift, "LU"), "tolerance": _tolerance(found["share", name].tolerance, "LU")}
        for name, median in medians.items()
    }
    adds_up = f"Targets are the medians {shift:+.1f} LU: together they make {whole:.1f} LU of the mix."
    lead_in = f"{adds_up} {out.basis}".strip()
    grounds = out.grounds(found, keys, list(medians), lead_in)
    out.rules.append({**_own(parent.budget, "targets"), "targets": targets, **grounds})


def _lead(found: Found, parent: Parent, out: _Writing) -> None:
    key: Key = ("lead", "lead")
    if parent.lead and key in found:
        grounds = out.grounds(found, [key], ["The lead over the rest"], out.basis)
        out.patch[parent.lead.id] = {**_around(found[key], "LU"), **_settled(parent.lead), **grounds}


def _centre(found: Found, parent: Parent, out: _Writing) -> None:
    """How near the centre those keep that the parent wants there, and further roles that stand there."""
    distances = {key[1]: key for key in found if key[0] == "distance"}
    for rule in parent.centre:
        keys = [key for role, key in distances.items() if _speaks_of(rule, role, parent)]
        if keys:
            reach = max(_reach(found[key]) for key in keys)
            grounds = out.grounds(found, keys, [f"Distance of {role}" for _, role in keys])
            out.patch[rule.id] = {"tolerance": _tolerance(reach, "pan"), **_settled(rule), **grounds}
    placed = [rule for rule in parent.rules.enabled if rule.fitted_by == "distance" and rule.target is not None]
    for role, key in distances.items():
        is_new = not any(_speaks_of(rule, role, parent) for rule in placed)
        if is_new and not found[key].is_thin and _reach(found[key]) <= CENTRAL:
            asks: Said = {"target": "C", "tolerance": _tolerance(_reach(found[key]), "pan")}
            new: Said = {"id": f"centre.{role}", "type": "pan_position", "for": {"role": role}, **asks}
            grounds = out.grounds(found, [key], [f"Distance of {role}"])
            out.rules.append({**new, "weight": "weak", "acts_on": ["pan.position"], **grounds})


def _side(found: Found, parent: Parent, out: _Writing) -> None:
    for rule in parent.side:
        key: Key = ("side", rule.id)
        if key in found:
            low, high = _interval(found[key])
            asks: Said = {"max": _write(high, "dB")} if rule.max is not None else {"range": _range(low, high)}
            grounds = out.grounds(found, [key], ["Side over mid"])
            out.patch[rule.id] = {**asks, **_settled(rule), **grounds}
    for name, band in WIDTH_BANDS.items():
        key = ("side", name)
        is_new = name not in {rule.id for rule in parent.rules.rules}
        if is_new and key in found and not found[key].is_thin:
            new: Said = {"id": name, "type": "side_energy", "band": quantity.write_range(band, "Hz")}
            grounds = out.grounds(found, [key], ["Side over mid"])
            out.rules.append({**new, "range": _range(*_interval(found[key])), "weight": "weak", **grounds})


def _curve(found: Found, parent: Parent, out: _Writing) -> None:
    """The whole rule anew: a patch would leave the parent's points among the new ones."""
    keys = sorted((key for key in found if key[0] == "spectrum"), key=frequency)
    points = [*keys[:-1:_EVERY], *keys[-1:]]
    if parent.curve is None or len(points) < 2:
        return
    asks: Said = {
        "curve": {of: _write(found["spectrum", of].median, "dB") for _, of in points},
        "target": "0 dB",
        "tolerance": _tolerance(median(found[key].tolerance for key in keys), "dB"),
    }
    quartiles = "; ".join(f"{key[1]} {found[key].low:.1f} and {found[key].high:.1f}" for key in points)
    rests_on = counts(min((found[key] for key in points), key=lambda each: each.n_songs))
    notes = f"Medians of bands, the tolerance is the median of theirs ({rests_on}). Quartiles in dB: {quartiles}."
    grounds = {**out.grounds(found, points, []), "notes": notes}
    out.rules.append({**_own(parent.curve, *asks), **asks, **grounds})


def _usual(found: Found, parent: Parent, out: _Writing) -> None:
    """The whole rule anew, with the roles of enough songs: a patch would leave the parent's roles among them."""
    for rule in parent.usual:
        feature = rule.written().get("feature")
        rows = [row for row in prior_rows(found) if row.feature == feature and row.n_songs >= ENOUGH]
        if rows:
            table = {row.role: {"mean": round(row.mean, 1), "spread": round(max(row.spread, 1.0), 1)} for row in rows}
            keys: list[Key] = [(row.quantity, row.role) for row in rows]
            grounds = out.grounds(found, keys, [row.role for row in rows], out.basis)
            out.rules.append({**_own(rule, "table"), "table": table, **grounds})


def _own(rule: RuleType, *but: str) -> Said:
    """A rule as a file says it, but for some keys, what it rests on, and what it does not say."""
    said = rule.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    gone = {"evidence", "cite", "notes", *but}
    return {
        key: value for key, value in {**said, **_settled(rule)}.items() if key not in gone and value not in (None, [])
    }


def _settled(rule: RuleType) -> Said:
    """The rule's tags without the one that asks for calibration."""
    kept = [tag for tag in rule.tags if tag != "calibrate"]
    return {"tags": kept} if len(kept) < len(rule.tags) else {}


def _speaks_of(rule: RuleType, role: str, parent: Parent) -> bool:
    tags = ("lead",) if role == "vocal.lead" else ()
    return bool(select(rule.for_, [Track(role, (), 1, role, tags, 1.0)], parent.rules.sets))


def _reach(each: Estimate) -> float:
    """The distance that three songs in four keep within, or further for few songs."""
    return max(each.high, each.median + each.tolerance) if each.is_thin else each.high


def _interval(each: Estimate) -> tuple[float, float]:
    tolerance = max(each.tolerance, _LEAST["dB"])
    return each.median - tolerance, each.median + tolerance


def _around(each: Estimate, unit: str) -> Said:
    return {"target": _write(each.median, unit), "tolerance": _tolerance(each.tolerance, unit)}


def _tolerance(value: float, unit: str) -> str:
    return _write(max(value, _LEAST[unit]), "pan step" if unit == "pan" else unit)


def _write(value: float, unit: str) -> str:
    digits = 0 if unit.startswith("pan") else 1
    return quantity.write(round(value, digits) + 0.0, unit)


def _range(low: float, high: float) -> str:
    return f"{round(low, 1) + 0.0:g} to {round(high, 1) + 0.0:g} dB"
