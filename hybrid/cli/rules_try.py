"""`hybrid rules try`: what a change of rules does to one song."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid import shelf
from hybrid.cli import complete
from hybrid.cli.options import DEFAULT_MODEL, NO_MODEL, Model, Plugins, Sets
from hybrid.cli.progress import progress_bar
from hybrid.cli.rule_warnings import print_warnings
from hybrid.cli.signals import Context, load
from hybrid.errors import InputError, Problem
from hybrid.json_text import json_text
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.rule_types import rule_types
from hybrid.pages.table import text_table
from hybrid.pages.words import count, fixed, interval, quantity

if TYPE_CHECKING:
    from hybrid.explain.tried import RuleEffect, Tried
    from hybrid.knowledge.verdict import Finding

_MOST_ROWS = 15
_SMALLEST = 5e-4
"""Change of a penalty below which it reads the same with three digits."""
_STEPS = 100


def try_(
    context: Context,
    file: Annotated[
        str, typer.Argument(autocompletion=complete.rule_files, help="the changed rules: a file or the name of one")
    ],
    song: Annotated[Path, typer.Argument(help="a folder of tracks, or a song.yaml")],
    out: Annotated[Path, typer.Option("-o", "--out", help="the folder of both mixes and the page")] = Path("tried"),
    against: Annotated[
        list[str] | None,
        typer.Option(help="rules before the change [default: FILE without --set; else what it extends, or base]"),
    ] = None,
    sets: Sets = None,
    plugins: Plugins = None,
    steps: Annotated[int, typer.Option(min=0, help="of refinement")] = _STEPS,
    model: Model = DEFAULT_MODEL,
    seed: Annotated[int, typer.Option(min=0, help="draws the sides on which tracks start")] = 0,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace results in the folder")] = False,
    open_page: Annotated[bool, typer.Option("--open", help="open the page with both mixes in a browser")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Mix a song under rules before and after a change, and print what it does to moves, readings and penalties.

    `--set` belongs to the rules after the change.
    """
    types = rule_types(plugins or [])
    after = load_rules([file], sets or [], types)
    print_warnings(after)
    names = against or _parents(file, has_sets=bool(sets))
    before = load_rules(names, types=types)
    if before.hash == after.hash:
        hint = "edit the file, or give --set or --against"
        raise InputError(Problem(file, f"says the same as {', '.join(names)}: there is nothing to compare", hint))
    from hybrid.audio.manifest import load_song

    loaded = load_song(song)
    load("hybrid.export.tried")
    from hybrid.audio.read import open_song
    from hybrid.audio.write import OutputFolder
    from hybrid.explain.tried import try_rules
    from hybrid.export.made import made_with
    from hybrid.export.tried import REPORT_FILE, write_tried
    from hybrid.mixing.plan import MixConfig
    from hybrid.proposal.weights import load_network

    config = MixConfig(steps, seed, None if model == NO_MODEL else load_network(model))
    inputs = [path for track in loaded.tracks for path in track.files]
    folder = OutputFolder(out, overwrite, inputs)
    with folder, progress_bar(context) as progress, open_song(loaded) as reader:
        tried = try_rules(reader, before, after, config, progress)
        origin = made_with(after.hash, "", {"steps": str(steps), "rules_before": before.hash})
        titles = ", ".join(Path(name).stem for name in names), Path(file).stem
        write_tried(tried, reader, (before, after), titles, folder.path, origin, progress)
    page = shelf.expanded(out) / REPORT_FILE
    print(json_text(_document(tried, out)) if as_json else _text(tried, page))
    if open_page:
        typer.launch(str(page))


def _parents(file: str, *, has_sets: bool) -> list[str]:
    """What a file extends, as names that are found from here; with overrides, the file itself."""
    if has_sets:
        return [file]
    path = shelf.find("rules", file)
    extends = shelf.read(path).data
    names = extends.get("extends", []) if isinstance(extends, dict) else []
    listed = [names] if isinstance(names, str) else names if isinstance(names, list) else []
    return [str(shelf.find("rules", str(name), beside=path.parent)) for name in listed] or ["base"]


def _text(tried: Tried, page: Path) -> str:
    moves = [f"  {move}" for move in tried.moves] or ["  none that is audible"]
    changed = [each for each in tried.rules if each.is_changed or abs(each.change) >= _SMALLEST]
    shown = changed[:_MOST_ROWS]
    rows = [("rule", "asks", "before", "after", "penalty", ""), *map(_row, shown)]
    lines = ["moves, from before to after:", *moves, "", text_table(rows)]
    if more := len(changed) - len(shown):
        lines.append(f"{count(more, 'more rule')} changed or kept otherwise: on the page")
    if same := len(tried.rules) - len(changed):
        lines.append(f"{count(same, 'rule')} kept as before")
    if not tried.moves and not changed:
        lines.append("the change does nothing to this song")
    lines += tried.notes
    return "\n".join((*lines, f"wrote {page.parent}: open {page}"))


def _row(effect: RuleEffect) -> tuple[str, ...]:
    target = (effect.after.targets or effect.before.targets)[0]
    penalties = f"{fixed(effect.before.penalty, 3)} to {fixed(effect.after.penalty, 3)}"
    limits = interval(target.low, target.high, effect.after.unit)
    return (
        effect.after.id,
        limits,
        _reading(effect.before),
        _reading(effect.after),
        penalties,
        "changed" if effect.is_changed else "",
    )


def _reading(finding: Finding) -> str:
    return quantity(finding.targets[0].value, finding.unit) if finding.targets else "–"


def _document(tried: Tried, out: Path) -> dict[str, object]:
    return {
        "schema": "tried/1",
        "out": str(out),
        "moves": [
            {"part": move.part, "track": move.track, "amount": move.amount, "unit": move.unit, "where": move.where}
            for move in tried.moves
        ],
        "notes": list(tried.notes),
        "rules": [
            {
                "rule": each.after.id,
                "changed": each.is_changed,
                "unit": each.after.unit,
                "before": [{"target": t.name, "value": t.value, "excess": t.excess} for t in each.before.targets],
                "after": [{"target": t.name, "value": t.value, "excess": t.excess} for t in each.after.targets],
                "penalty_before": each.before.penalty,
                "penalty_after": each.after.penalty,
            }
            for each in tried.rules
        ],
    }
