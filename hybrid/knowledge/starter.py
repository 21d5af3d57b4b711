"""A rule file to begin with: commented, valid as it is, and changing nothing until it is edited."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from hybrid.knowledge.ruleset import RuleSet, flow
from hybrid.knowledge.types import RuleType

SCHEMA = "mixrules.schema.json"
MODELINE = "# yaml-language-server: $schema="
_ASKS = ("target", "tolerance", "min", "max", "range", "weight")

_TEMPLATE = """\
{modeline}
#
# Rules of your own: say here only what differs from the files that you extend.
{commands}
schema: mixrules/1
id: {id}
title: {title}
extends: [{extends}]

# Other values for rules that you inherit, by their ids; `hybrid rules show {parent}` lists them.
# What stands here is what is inherited: edit it.
patch:
{patch}

# Rules to switch off: ids, or 'tag:' and a tag.
disable: []

# Stretches of the song that rules may name in `when`; quote the times.
sections:
  chorus: [{{from: '0:30', to: '1:00'}}]

# Names for groups of tracks. Narrow by role, tag, name ('/^gtr/i'), bus, set, not.
sets:
  accompaniment: {{role: [guitar, keys, synth], not: {{tag: lead}}}}

# A rule: a type of measurement, the tracks it speaks of, what is asked, and what it may move.
rules:
  - id: {id}.lead-over-accompaniment
    type: lead_to_rest_ratio
    enabled: false               # true switches it on
    for: {{tag: lead}}
    against: {{set: accompaniment}}
    range: 1 to 6 LU             # or target and tolerance, min, max; outside it costs
    scale: 1 LU                  # so much beyond is one unit of trouble
    weight: normal               # weak, normal, strong or a number: against other rules
    when: {{sections: [chorus]}}
    acts_on: [gain.level]
    evidence: guess              # standard, measured, listening_test, reference, own, convention or guess
    notes: Why you ask for this.
"""


def starting_file(path: Path, rule_id: str, extends: Sequence[str], parents: RuleSet) -> str:
    """The text of a file at `path` that extends `parents`, which are called `extends` there."""
    return _TEMPLATE.format(
        modeline=f"{MODELINE}{schema_beside(path)}",
        commands=_commands(path.name, extends[0]),
        parent=_quoted(extends[0]),
        id=rule_id,
        title=f"Rules of {rule_id}",
        extends=", ".join(map(_quoted, extends)),
        patch=_patch(parents),
    )


def _commands(name: str, parent: str) -> str:
    """Commands to try with the file, as comments."""
    lines = {
        f"check {name}": "all mistakes at once",
        f"diff {parent} {name}": "what it changes",
        f"explain RULE --rules {name}": "what a rule means, where each value comes from",
    }
    width = max(map(len, lines))
    return "\n".join(f"#   hybrid rules {command:<{width}}  {meaning}" for command, meaning in lines.items())


def schema_beside(path: Path) -> str:
    """Where a file's editor finds the JSON Schema: in the nearest folder above it that has one, else beside it."""
    folders = path.absolute().parents
    up = next((n for n, folder in enumerate(folders) if (folder / SCHEMA).is_file()), 0)
    return "../" * up + SCHEMA


def _quoted(name: str) -> str:
    """The name as YAML takes it for text."""
    return name if re.fullmatch(r"[\w./-]+", name) else json.dumps(name, ensure_ascii=False)


def _patch(parents: RuleSet) -> str:
    """A patch that restates what the weightiest preferred rule of the parents asks, and so changes nothing."""
    wishes = [rule for rule in parents.enabled if rule.kind == "prefer" and rule.asks]
    if not wishes:
        return "  {}"
    rule = max(wishes, key=lambda rule: rule.weight)
    return f"  {rule.id}: {{{', '.join(_fields(rule))}}}"


def _fields(rule: RuleType) -> list[str]:
    written = rule.written()
    return [f"{key}: {flow(written[key])}" for key in _ASKS if key in written]
