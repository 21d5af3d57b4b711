"""`hybrid check`: the rules that a finished mix keeps and breaks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hybrid import shelf
from hybrid.audio.manifest import load_song
from hybrid.cli.options import Plugins, Rules, Sets
from hybrid.cli.progress import progress_bar
from hybrid.cli.signals import Context, load
from hybrid.json_text import json_text

if TYPE_CHECKING:
    from hybrid.knowledge.ruleset import RuleSet
    from hybrid.unmixing.check import Check

_BROKEN_EXIT = 4


def check(
    context: Context,
    mix: Annotated[Path, typer.Argument(help="the audio file of any finished mix")],
    song: Annotated[
        Path | None, typer.Option(help="its tracks, a folder or a song.yaml, to judge the rules on tracks as well")
    ] = None,
    rules: Rules = None,
    sets: Sets = None,
    plugins: Plugins = None,
    fail_on: Annotated[
        Literal["require", "any"] | None,
        typer.Option(help="exit with 4 if a rule of this kind is broken, doubtful findings aside"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Report which rules a finished mix keeps and breaks."""
    from hybrid.knowledge.resolve import load_rules
    from hybrid.knowledge.rule_types import rule_types

    checked = _check(
        context, shelf.expanded(mix), song, load_rules(rules or ["base"], sets or [], rule_types(plugins or []))
    )
    print(_json(mix, checked) if as_json else _text(checked))
    if fail_on and _is_broken(checked, fail_on):
        raise typer.Exit(_BROKEN_EXIT)


def _check(context: Context, mix: Path, song: Path | None, rules: RuleSet) -> Check:
    load("hybrid.unmixing.check")
    from hybrid.unmixing.check import check_mix, check_mix_of

    with progress_bar(context) as progress:
        if song is None:
            return check_mix(mix, rules, progress)
        return check_mix_of(mix, load_song(song), rules, progress)


def _is_broken(checked: Check, level: str) -> bool:
    return any(
        not finding.kept and finding.id not in checked.doubtful and (level == "any" or finding.kind == "require")
        for finding in checked.verdict.rules
    )


def _json(mix: Path, checked: Check) -> str:
    from hybrid.export.fit import fit_json
    from hybrid.export.verdict import verdict_json

    document: dict[str, object] = {"schema": "check/1", "mix": str(mix)}
    if checked.song and checked.fit:
        document["fit"] = fit_json(checked.fit, checked.song.tracks, checked.song.sample_rate)
    document["verdict"] = verdict_json(checked.verdict, checked.doubtful)
    document["left_out"] = [omission._asdict() for omission in checked.left_out]
    document["notes"] = checked.notes
    return json_text(document)


def _text(checked: Check) -> str:
    from hybrid.export.fit import fit_table
    from hybrid.export.verdict import verdict_table

    parts = []
    if checked.song and checked.fit:
        parts.append(fit_table(checked.fit, checked.song.tracks, checked.song.sample_rate))
    if checked.doubtful:
        parts.append("less than half of the mix is explained: findings on tracks, marked ?, are not reliable")
    parts.append(verdict_table(checked.verdict, checked.doubtful))
    parts.append("\n".join([*_reasons(checked), *checked.notes]))
    return "\n\n".join(part for part in parts if part)


def _reasons(checked: Check) -> list[str]:
    """A line for each reason for which rules were left out."""
    rules: dict[str, list[str]] = {}
    for omission in checked.left_out:
        rules.setdefault(omission.why, []).append(omission.rule)
    return [f"left out, {reason}: {', '.join(ids)}" for reason, ids in rules.items()]
