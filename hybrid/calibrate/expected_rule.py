"""A fitted model of levels as a rule in YAML, and its trials as sentences."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hybrid import quantity
from hybrid.calibrate.expected import Coefficient, ExpectedLevels, Trial

MODEL_KEYS = ("roles", "recorded", "presence", "company", "target", "tolerance", "scale")
"""What a fit replaces in a rule."""
YamlMap = dict[str, object]


def expected_rule(levels: ExpectedLevels, template: Mapping[str, object], cite: str) -> YamlMap:
    """The rule, with the other keys of `template`."""
    rule: YamlMap = {
        **template,
        "target": "0 LU",
        "tolerance": _lu(levels.spread_lu),
        "roles": {role: _usual(role, levels) for role in levels.level},
    }
    for name, slope in levels.slopes.items():
        unit = "plain" if name == "recorded" else "LU"
        digits = 2 if name == "recorded" else 1
        low, high = round(slope.low, digits) + 0.0, round(slope.high, digits) + 0.0
        value = round(slope.value, digits) + 0.0
        rule[name] = {
            "value": value if unit == "plain" else quantity.write(value, unit),
            "interval": quantity.write_range((low, high), unit),
        }
    counts = f"{levels.n_songs} songs by {levels.n_authors} authors"
    notes = (
        f"Fitted to the levels of {counts}; intervals are of 95 %, by a bootstrap over authors. Half of the tracks of "
        f"authors left out lie within the tolerance. {' '.join(sentences(levels.trials))}"
    )
    return {**rule, "evidence": "measured", "cite": [cite], "notes": notes}


def sentences(trials: tuple[Trial, ...]) -> Iterator[str]:
    """What each term brings to authors left out, and whether it is part of the model."""
    for trial in trials:
        verdict = "kept" if trial.is_kept else "refused: no more than luck"
        yield (
            f"{trial.term.capitalize()}: {trial.before_lu:.2f} to {trial.after_lu:.2f} LU off, nearer to "
            f"{trial.nearer} of {trial.authors} authors, {verdict}."
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
    return quantity.write_range((round(of.low, 1) + 0.0, round(of.high, 1) + 0.0), "LU")


def _lu(value: float) -> str:
    return quantity.write(round(value, 1) + 0.0, "LU")
