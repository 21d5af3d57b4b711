"""A rule file of what a person's moves have in common."""

from __future__ import annotations

from hybrid import quantity
from hybrid.calibrate.learned import Habit, Learned, YamlMap, counted, named
from hybrid.calibrate.write import Label, yaml_text
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType


def learned_text(learned: Learned, parent: RuleSet, label: Label) -> str:
    """The file as YAML: patches with counts, and as a comment what became none and why."""
    rules = {rule.id: rule for rule in parent.rules}
    notes: dict[str, list[str]] = {}
    for habit in learned.used:
        notes.setdefault(habit.rule, []).append(_sentence(rules[habit.rule], habit))
    patch: dict[str, YamlMap] = {
        rule: {**fields, "evidence": "own", "cite": [label.id], "notes": " ".join(notes[rule])}
        for rule, fields in learned.patch.items()
    }
    songs = f"{learned.n_songs} song{'s' * (learned.n_songs != 1)}"
    document: YamlMap = {
        "schema": "mixrules/1",
        "id": label.id,
        "title": f"Learned from moves on {songs}",
        "extends": [label.extends],
        **({"patch": patch} if patch else {}),
        **({"cite": {label.id: {"title": f"{label.source}: {songs}"}}} if patch else {}),
    }
    said = ["What was moved by hand, as changes of rules. Made by", f"  {' '.join(label.command.split())}"]
    if learned.left:
        said += ["Left as it was:", *(f"  {line}" for line in learned.left)]
    return yaml_text(said, document)


def shift_text(rule: RuleType, habit: Habit) -> str:
    """The shift of a habit, with its unit and its sign."""
    unit = quantity.difference_unit(rule.unit)
    shift = round(habit.shift, 2) + 0.0
    return f"{shift:+g}" if unit == "plain" else f"{'+' * (shift > 0.0)}{quantity.write(shift, unit)}"


def _sentence(rule: RuleType, habit: Habit) -> str:
    error = f", standard error {habit.error:.2g}" if habit.error < float("inf") else ""
    return f"Moves by hand on {named(habit)}: {counted(habit)}, {shift_text(rule, habit)} on average{error}."
