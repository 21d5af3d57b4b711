"""`hybrid ablate`: whether each rule acts, whether it helps, and its cost to the other rules."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid import shelf
from hybrid.cli import complete
from hybrid.cli.options import Plugins, plugin_paths, shard_of
from hybrid.cli.progress import clock, now_and_then, print_above
from hybrid.cli.signals import Context, Session, load
from hybrid.errors import InputError, Problem, printable
from hybrid.json_text import json_text
from hybrid.pages.words import count

if TYPE_CHECKING:
    from hybrid.study.effects import Effects
    from hybrid.study.run import StudyForecast, StudyProgress, StudyResult
    from hybrid.study.schema import Study

_FAILED = 3


def ablate(
    context: Context,
    study: Annotated[
        str,
        typer.Argument(
            autocompletion=complete.studies, help="a study, or the name of one: leave_one_out, by_family, placebo, …"
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="the folder of the run")],
    songs: Annotated[
        list[str] | None,
        typer.Option(help="songs besides those of the study: a folder of song folders or a card; :N takes the first N"),
    ] = None,
    steps: Annotated[int | None, typer.Option(min=0, help="of refinement [default: the study's]")] = None,
    seeds: Annotated[list[int] | None, typer.Option("--seed", min=0, help="repeatable [default: the study's]")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="processes [default: one per core]")] = None,
    shard: Annotated[str, typer.Option(help="i/n: the songs of the ith of n parts")] = "1/1",
    resume: Annotated[bool, typer.Option("--resume", help="resume an interrupted run")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would be mixed and compiled, and how long that may take")
    ] = False,
    plugins: Plugins = None,
    mixed: Annotated[
        bool,
        typer.Option("--mixed-models", help="fit mixed models over all arms, as models.csv; needs hybrid-mix[stats]"),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Mix songs under rules that differ in one thing, and measure the effect of each difference."""
    from hybrid.study.schema import read_study, study_document
    from hybrid.validation import placed_in

    document = study_document(study)
    read = read_study(study)
    part = shard_of(shard)
    load("hybrid.study.run")
    from hybrid.batch.run import RunOptions
    from hybrid.judging.mixed_models import MIN_SONGS, check_library
    from hybrid.study.effects import effects_of
    from hybrid.study.jobs import study_inputs
    from hybrid.study.run import all_rows, forecast_study, run_study
    from hybrid.study.sources import parse_songs, sources_of
    from hybrid.study.tables import models_table

    if mixed:
        check_library()
    changes: dict[str, object] = {"songs": (*read.songs, *map(parse_songs, songs or []))}
    changes |= {"plugins": (*read.plugins, *plugin_paths(plugins))}
    changes |= {"steps": steps} if steps is not None else {}
    changes |= {"seeds": tuple(dict.fromkeys(seeds))} if seeds else {}
    changed_study = read.model_copy(update=changes)
    sources = sources_of(changed_study.songs)
    if mixed and len(sources) < MIN_SONGS:
        what = f"a mixed model needs {MIN_SONGS} songs, got {len(sources)}"
        raise InputError(Problem("--mixed-models", what))
    options, n_processes = RunOptions(out, part, resume), jobs or os.cpu_count() or 1
    if not any(part.has(source.name) for source in sources):
        print_above(f"--shard {shard}: none of the {count(len(sources), 'song')} belongs to this part")
    with placed_in(document):
        # problems of the folder, below, have no place in the document
        inputs = study_inputs(changed_study)
    if dry_run:
        _print_forecast(forecast_study(inputs, sources, options, n_processes), as_json=as_json)
        return
    with _progress_line(context.ensure_object(Session)) as progress:
        result = run_study(inputs, sources, options, n_processes, progress, print_above)
    effects = effects_of(all_rows(result.units), result.arms, changed_study, result.rules)
    _write(changed_study, effects, result, out)
    if mixed:
        shelf.write(out / "models.csv", models_table(all_rows(result.units), changed_study).to_csv())
    if as_json:
        print(json_text(_document(effects, result, out)))
    else:
        _print(effects, result, out)
    if result.excluded:
        raise typer.Exit(_FAILED)


def _write(study: Study, effects: Effects, result: StudyResult, out: Path) -> None:
    from hybrid.study.load import EFFECTS_FILE
    from hybrid.study.report import report_html
    from hybrid.study.rows import ROWS_FILE, write_rows
    from hybrid.study.run import all_rows
    from hybrid.study.tables import effects_markdown, effects_table, mixes_table, values_by_arm, values_table

    rows = all_rows(result.units)
    values = values_table(rows)
    shelf.write(out / "mixes.csv", mixes_table(rows).to_csv())
    shelf.write(out / "values.csv", values.to_csv())
    shelf.write(out / "values.tex", values_by_arm(values, study.metric_names).to_latex())
    shelf.write(out / EFFECTS_FILE, effects_table(effects).to_csv())
    shelf.write(out / "effects.md", effects_markdown(effects))
    shelf.write(out / "report.html", report_html(study, effects, result.units, result.excluded, result.made_with))
    # last: a run without it is not finished
    write_rows(out / ROWS_FILE, rows)


def _document(effects: Effects, result: StudyResult, out: Path) -> dict[str, object]:
    arms = [
        {
            "arm": each.arm.id,
            "songs": len(each.songs),
            "diverged": each.diverged,
            "acts": each.does_act if each.acts else None,
            "by": {name: each.metrics[name].conclusion(name) for name in each.primary if name in each.metrics},
        }
        for each in effects.arms
    ]
    return {
        "schema": "effects/1",
        "out": str(out),
        "songs": len(effects.songs),
        "with_reference": len(effects.referenced),
        "compiled_between_arms": sum(unit.compiled[1] for unit in result.units),
        "excluded": result.excluded,
        "arms": arms,
    }


def _print(effects: Effects, result: StudyResult, out: Path) -> None:
    from hybrid.study.tables import conclusions, power_notes

    for song, reason in result.excluded.items():
        print(f"{song}: {reason}", file=sys.stderr)
    width = max((len(each.arm.id) for each in effects.arms), default=0)
    for each in effects.arms:
        acts = "" if each.acts is None else f"own penalty {each.acts.mean:+.3f}{' (acts)' if each.does_act else ''}; "
        print(f"{each.arm.id:{width}}  {acts}{'; '.join(conclusions(each)) or 'no metric judges its family'}")
    for line in power_notes(effects):
        print(line)
    compiled = sum(unit.compiled[1] for unit in result.units)
    print(f"{count(len(effects.songs), 'song')}, {count(compiled, 'program')} compiled between arms")
    print(f"wrote {out}: open report.html")


def _print_forecast(forecast: StudyForecast, *, as_json: bool) -> None:
    """Says what a run would do."""
    if as_json:
        print(
            json_text({
                "schema": "study-forecast/1",
                "arms": [arm.id for arm in forecast.arms],
                "programs": [list(names) for names in forecast.programs],
                "songs": forecast.n_songs,
                "mixes": forecast.work.n_mixes,
                "kept": forecast.work.n_kept,
                "changes": list(forecast.work.notes),
                "expected_s": forecast.expected_s,
            })
        )  # fmt: skip
        return
    for number, names in enumerate(forecast.programs, start=1):
        print(f"program {number}, compiled once for each shape of song, serves {count(len(names), 'arm')}:")
        for name in names:
            print(f"  {printable(name)}")
    for text in forecast.work.notes:
        print(printable(text))
    kept = f", {forecast.work.n_kept} more are kept" if forecast.work.n_kept else ""
    print(f"{count(forecast.n_songs, 'song')}, {count(forecast.work.n_mixes, 'mix', 'mixes')} to make{kept}")
    if forecast.expected_s is None:
        print("how long that takes is not known: no study was run on this machine yet")
    else:
        print(f"expected: about {clock(forecast.expected_s)}, by what the last songs of studies took here")


@contextmanager
def _progress_line(session: Session) -> Iterator[Callable[[Callable[[], StudyProgress]], None]]:
    """A function that receives how far a run is, as a function; a line on stderr shows it."""
    start = time.monotonic()
    states: list[Callable[[], StudyProgress]] = []

    def show(so_far: Callable[[], StudyProgress]) -> None:
        session.raise_again()
        states.append(so_far)

    def line() -> str:
        elapsed_s = time.monotonic() - start
        if not states:
            return f"no song yet, {clock(elapsed_s)}"
        state = states[-1]()
        rate = state.mixes / max(elapsed_s, 1e-9)
        left = f", {clock((state.of_mixes - state.mixes) / rate)} left" if state.mixes else ""
        doing = f"; {'; '.join(state.doing)}" if state.doing else ""
        if not state.of_mixes:
            return "nothing left to mix"
        done = f"{state.songs} of {state.of_songs} songs, {state.mixes} of {state.of_mixes} mixes"
        if state.songs == state.of_songs:
            return f"{done}, {60.0 * rate:.1f} a minute, {clock(elapsed_s)}"
        return f"{done}, {60.0 * rate:.1f} a minute, {clock(elapsed_s)}{left}{doing}"

    with now_and_then(line, session.verbosity):
        yield show
    if not session.verbosity.is_quiet:
        print(line(), file=sys.stderr)
