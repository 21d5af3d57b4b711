"""`hybrid rules from`: finished mixes written as the rules that they ask for."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from hybrid import shelf
from hybrid.audio.references import parse_reference
from hybrid.calibrate.write import Label, check_target, id_of, parent_reference
from hybrid.cli.options import Plugins
from hybrid.cli.progress import progress_bar
from hybrid.cli.signals import Context, load
from hybrid.errors import printable
from hybrid.json_text import json_text
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.rule_types import rule_types


def from_(
    context: Context,
    references: Annotated[
        list[str],
        typer.Argument(metavar="FILE[:ASPECT=AMOUNT,...]...", help="finished mixes, such as a.wav:tone,width"),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="the rule file to write")],
    extends: Annotated[str, typer.Option(help="the rules that the file adds to, a name or a file")] = "base",
    source: Annotated[str, typer.Option(help="name of the mixes, to be cited [default: names of the files]")] = "",
    url: Annotated[str, typer.Option(help="web address of the mixes, to be cited")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace a file that exists")] = False,
    plugins: Plugins = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Measure finished mixes, and write what they ask for as a rule file."""
    requests = [parse_reference(text) for text in references]
    parent = load_rules([extends], types=rule_types(plugins or []))
    check_target(out, extends, overwrite)
    load("hybrid.calibrate.reference")
    from hybrid.calibrate.reference import reference_rules, reference_text, rows_of
    from hybrid.goals.goal import load_goal
    from hybrid.pages.table import text_table

    with progress_bar(context) as progress:
        goal = load_goal(requests, progress)
    asked = reference_rules(goal)
    names = ", ".join(request.path.name for request in requests)
    command = shlex.join(["hybrid", *sys.argv[1:]])
    label = Label(id_of(out), parent_reference(extends, out), source or names, url, command)
    shelf.write(out, reference_text(asked, goal, parent, label))
    rows = rows_of(asked)
    if as_json:
        print(json_text({"out": str(out), "rules": [row._asdict() for row in rows], "abstained": asked.abstained}))
        return
    for line in asked.abstained:
        print(printable(line), file=sys.stderr)
    print(text_table([(row.rule, f"{row.targets} in {row.unit}", row.type) for row in rows]))
    print(f"wrote {out}: hybrid mix SONG -o OUT --rules {out}")
