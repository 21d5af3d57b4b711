"""`hybrid check`: what a finished mix keeps and breaks of the rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hybrid.audio.manifest import load_song
from hybrid.cli.options import Plugins, Rules, Sets
from hybrid.cli.progress import progress_bar
from hybrid.cli.signals import Context, load

if TYPE_CHECKING:
    from hybrid.knowledge.ruleset import RuleSet
    from hybrid.unmixing.check import Check

_BROKEN_EXIT = 4


def check(
    context: Context,
    mix: Annotated[Path, typer.Argument(help="the audio file of a finished mix, from wherever")],
    song: Annotated[
        Path | None, typer.Option(help="its tracks, a folder or a song.yaml: rules on tracks are judged too")
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
    """Say what any finished mix keeps and breaks of the rules."""
    from hybrid.knowledge.resolve import load_rules
    from hybrid.knowledge.rule_types import rule_types

    rule_set = load_rules(rules or ["base"], sets or [], rule_types(plugins or []))
    found = _run(context, mix.expanduser(), song, rule_set)
    print(_json(mix, found) if as_json else _text(found))
    if fail_on and _is_broken(found, fail_on):
        raise typer.Exit(_BROKEN_EXIT)


def _run(context: Context, mix: Path, song: Path | None, rules: RuleSet) -> Check:
    load("hybrid.unmixing.check")
    from hybrid.unmixing.check import check_mix, check_mix_of

    with progress_bar(context) as progress:
        if song is None:
            return check_mix(mix, rules, progress)
        return check_mix_of(mix, load_song(song), rules, progress)


def _is_broken(found: Check, level: str) -> bool:
    return any(
        not finding.kept and finding.id not in found.doubtful and (level == "any" or finding.kind == "require")
        for finding in found.verdict.rules
    )


def _json(mix: Path, found: Check) -> str:
    from hybrid.export.fit import fit_json
    from hybrid.export.verdict import verdict_json

    said: dict[str, object] = {"schema": "check/1", "mix": str(mix)}
    if found.song and found.fit:
        said["fit"] = fit_json(found.fit, found.song.tracks, found.song.sample_rate)
    said["verdict"] = verdict_json(found.verdict, found.doubtful)
    said["left_out"] = [left._asdict() for left in found.left_out]
    said["notes"] = found.notes
    return json.dumps(said, indent=2, ensure_ascii=False)


def _text(found: Check) -> str:
    from hybrid.export.fit import fit_table
    from hybrid.export.verdict import verdict_table

    parts = []
    if found.song and found.fit:
        parts.append(fit_table(found.fit, found.song.tracks, found.song.sample_rate))
    if found.doubtful:
        parts.append("less than half of the mix is explained: findings about tracks, marked ?, are not reliable")
    parts.append(verdict_table(found.verdict, found.doubtful))
    parts.append("\n".join([*_reasons(found), *found.notes]))
    return "\n\n".join(part for part in parts if part)


def _reasons(found: Check) -> list[str]:
    """One line for each reason why rules were left out."""
    reasons = dict.fromkeys(left.why for left in found.left_out)
    return [f"left out, {why}: {', '.join(left.rule for left in found.left_out if left.why == why)}" for why in reasons]
