"""`hybrid ablate`: what each rule does, whether it helps, and what it costs."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid import shelf
from hybrid.cli.options import Plugins, plugin_paths, shard_of
from hybrid.cli.signals import Context, StopRequest, load

if TYPE_CHECKING:
    from hybrid.study.effects import Effects
    from hybrid.study.run import Ended
    from hybrid.study.schema import Study

_FAILED = 3


def ablate(
    context: Context,
    study: Annotated[str, typer.Argument(help="a study, or the name of one: leave_one_out, by_family, placebo, …")],
    out: Annotated[Path, typer.Option("-o", "--out", help="the folder of the run")],
    songs: Annotated[
        list[str] | None,
        typer.Option(help="more songs than the study names: a folder of song folders or a card, and :N for N of them"),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=0, help="of refinement [default: the study's]")] = None,
    seeds: Annotated[list[int] | None, typer.Option("--seed", min=0, help="repeatable [default: the study's]")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="processes [default: one per core]")] = None,
    shard: Annotated[str, typer.Option(help="i/n: the songs of the ith of n parts")] = "1/1",
    resume: Annotated[bool, typer.Option("--resume", help="go on with a run that was stopped")] = False,
    plugins: Plugins = None,
    mixed: Annotated[
        bool, typer.Option("--mixed-models", help="over all arms at once, as models.csv; needs hybrid-mix[stats]")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Mix songs under rules that differ in one thing, and judge what that is worth."""
    from hybrid.study.schema import read_study

    read = read_study(study)
    part = shard_of(shard)
    load("hybrid.study.run")
    from hybrid.judging.mixed_models import check_library
    from hybrid.study.effects import effects_of
    from hybrid.study.run import all_rows, run_study
    from hybrid.study.sources import songs_said, sources_of
    from hybrid.study.tables import models_csv

    if mixed:
        check_library()
    changes: dict[str, object] = {"songs": (*read.songs, *map(songs_said, songs or []))}
    changes |= {"plugins": (*read.plugins, *plugin_paths(plugins))}
    changes |= {"steps": steps} if steps is not None else {}
    changes |= {"seeds": tuple(dict.fromkeys(seeds))} if seeds else {}
    asked = read.model_copy(update=changes)
    sources = sources_of(asked.songs)
    tell = partial(_tell, context.ensure_object(StopRequest))
    ended = run_study(asked, sources, out, (jobs or os.cpu_count() or 1, part, resume), tell)
    effects = effects_of(all_rows(ended.units), ended.arms, asked, ended.rules)
    _write(asked, effects, ended, out)
    if mixed:
        shelf.write(out / "models.csv", models_csv(all_rows(ended.units), asked))
    if as_json:
        print(json.dumps(_said(effects, ended, out), indent=2, ensure_ascii=False))
    else:
        _print(effects, ended, out)
    if ended.excluded:
        raise typer.Exit(_FAILED)


def _write(study: Study, effects: Effects, ended: Ended, out: Path) -> None:
    from hybrid.study.report import report_html
    from hybrid.study.rows import write_all
    from hybrid.study.run import all_rows
    from hybrid.study.tables import effects_csv, effects_markdown

    write_all(out / "rows.jsonl", all_rows(ended.units))
    shelf.write(out / "effects.csv", effects_csv(effects))
    shelf.write(out / "effects.md", effects_markdown(effects))
    shelf.write(out / "report.html", report_html(study, effects, ended.units, ended.excluded, ended.made_with))


def _said(effects: Effects, ended: Ended, out: Path) -> dict[str, object]:
    arms = [
        {
            "arm": each.arm.id,
            "songs": len(each.songs),
            "diverged": each.diverged,
            "acts": each.does_act if each.acts else None,
            "by": {name: each.metrics[name].word(name) for name in each.primary if name in each.metrics},
        }
        for each in effects.arms
    ]
    return {
        "schema": "effects/1",
        "out": str(out),
        "songs": len(effects.songs),
        "with_reference": len(effects.referenced),
        "compiled_between_arms": sum(unit.compiled[1] for unit in ended.units),
        "excluded": ended.excluded,
        "arms": arms,
    }


def _print(effects: Effects, ended: Ended, out: Path) -> None:
    from hybrid.study.tables import counted, power_said

    for song, why in ended.excluded.items():
        print(f"{song}: {why}", file=sys.stderr)
    width = max((len(each.arm.id) for each in effects.arms), default=0)
    for each in effects.arms:
        acts = "" if each.acts is None else f"own penalty {each.acts.mean:+.3f}{' (acts)' if each.does_act else ''}; "
        words = ", ".join(f"{name}: {each.metrics[name].word(name)}" for name in each.primary if name in each.metrics)
        print(f"{each.arm.id:{width}}  {acts}{words or 'not measured'}")
    for line in power_said(effects):
        print(line)
    compiled = sum(unit.compiled[1] for unit in ended.units)
    print(f"{counted(len(effects.songs), 'song')}, {counted(compiled, 'program')} compiled between arms")
    print(f"wrote {out}: open report.html")


def _tell(stop: StopRequest, done: int, of: int) -> None:
    """How far the run has come, for a person who watches."""
    stop.raise_again()
    if sys.stderr.isatty():
        print(f"\r\x1b[K{done} of {of} songs", end="" if done < of else "\n", file=sys.stderr, flush=True)
