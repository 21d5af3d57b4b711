"""A fitted model of levels as a rule in YAML, and its trials as sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hybrid import quantity
from hybrid.calibrate.expected import Coefficient, ExpectedLevels

MODEL_KEYS = ("roles", "recorded", "presence", "company", "target", "tolerance", "scale")
"""What a fit replaces in a rule."""
_TOLERANCE = "1 LU"
"""About the smallest change of a level that is heard. The spread of people is no tolerance: mixes would stay at its
edge, 2.8 LU off in nine modules where a narrow one leaves 2.4."""
YamlMap = dict[str, object]


def expected_rule(levels: ExpectedLevels, template: Mapping[str, object], cite: str) -> YamlMap:
    """The rule, with the other keys of `template`."""
    rule: YamlMap = {
        **template,
        "target": "0 LU",
        "tolerance": _TOLERANCE,
        "roles": {role: _usual(role, levels) for role in levels.level},
    }
    for name, slope in levels.slopes.items():
        rule[name] = {"value": _lu(slope.value), "interval": _interval(slope)}
        if name == "recorded":
            # LU per LU
            ends = f"{round(slope.low, 2) + 0.0:g} to {round(slope.high, 2) + 0.0:g}"
            rule[name] = {"value": round(slope.value, 2), "interval": ends}
    counts = f"{levels.n_songs} songs" + (f" by {levels.n_units} authors" if levels.unit == "authors" else "")
    notes = (
        f"Fitted to the levels of {counts}; intervals are of 95 %, by a bootstrap over {levels.unit}. Half of the "
        f"tracks of {levels.unit} left out lie within {levels.spread_lu:.1f} LU. {' '.join(sentences(levels))}"
    )
    return {**rule, "evidence": "measured", "cite": [cite], "notes": notes}


def sentences(levels: ExpectedLevels) -> Iterator[str]:
    """What each term brings to authors or songs left out, and whether it is part of the model."""
    for trial in levels.trials:
        verdict = "kept" if trial.is_kept else "refused: no more than luck"
        yield (
            f"{trial.term.capitalize()}: {trial.before_lu:.2f} to {trial.after_lu:.2f} LU off, nearer to "
            f"{trial.nearer} of {levels.n_units} {levels.unit}, {verdict}."
        )


def _usual(role: str, levels: ExpectedLevels) -> YamlMap:
    level = levels.level[role]
    entry: YamlMap = {"level": _lu(level.value)}
    if "recorded" in levels.slopes:
        entry["recorded"] = _lu(levels.recorded_level[role])
    lead = levels.with_lead.get(role.partition(".")[0])
    if lead is not None:
        entry["with_lead"] = _lu(lead.value)
    # what is expected of any track is 0 by definition
    interval: YamlMap = {} if role == "all" else {"interval": _interval(level)}
    return {**entry, **interval, "songs": levels.songs_of[role]}


def _interval(of: Coefficient) -> str:
    # the unit once, as in files written by hand
    return f"{round(of.low, 1) + 0.0:g} to {round(of.high, 1) + 0.0:g} LU"


def _lu(value: float) -> str:
    return quantity.write(round(value, 1) + 0.0, "LU")
