"""`hybrid rules learn`: what a person moves again and again, written as rules."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from hybrid import shelf
from hybrid.calibrate.write import Label, check_target, id_of, parent_reference
from hybrid.cli.options import Plugins
from hybrid.cli.signals import load
from hybrid.errors import printable
from hybrid.json_text import json_text
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.rule_types import rule_types


def learn(
    mixes: Annotated[list[Path], typer.Argument(metavar="MIX...", help="folders of mixes with moves, see --edit")],
    out: Annotated[Path, typer.Option("-o", "--out", help="the rule file to write")],
    extends: Annotated[str, typer.Option(help="the rules that the mixes were made under")] = "base",
    min_songs: Annotated[int, typer.Option(min=1, help="songs in which a move counts as a habit")] = 2,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace a file that exists")] = False,
    plugins: Plugins = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Learn rules from what was moved by hand in several songs."""
    parent = load_rules([extends], types=rule_types(plugins or []))
    check_target(out, extends, overwrite)
    load("hybrid.calibrate.learned_text")
    from hybrid.calibrate.learned import counted, learn_rules, named
    from hybrid.calibrate.learned_text import learned_text, shift_text
    from hybrid.pages.table import text_table

    learned = learn_rules(mixes, parent, min_songs)
    command = shlex.join(["hybrid", *sys.argv[1:]])
    label = Label(id_of(out), parent_reference(extends, out), "moves by hand", "", command)
    shelf.write(out, learned_text(learned, parent, label))
    if as_json:
        habits = [habit._asdict() for habit in learned.used]
        print(json_text({"out": str(out), "songs": learned.n_songs, "learned": habits, "left": learned.left}))
        return
    for line in learned.left:
        print(f"left as it was: {printable(line)}", file=sys.stderr)
    rules = {rule.id: rule for rule in parent.rules}
    if learned.used:
        print(
            text_table([(named(habit), shift_text(rules[habit.rule], habit), counted(habit)) for habit in learned.used])
        )
    print(f"wrote {out}: hybrid mix SONG -o OUT --rules {out}")
