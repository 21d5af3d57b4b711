"""`hybrid batch`: every song of a data set is mixed, whatever becomes of some of them."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hybrid import shelf
from hybrid.audio.write import Subtype
from hybrid.cli.options import DEFAULT_MODEL, NO_MODEL, Model, Plugins, Rules, Sets, plugin_paths, shard_of
from hybrid.cli.signals import Context, StopRequest, load
from hybrid.errors import InputError, Problem, printable

if TYPE_CHECKING:
    from hybrid.batch.run import Ended, Shard, Told
    from hybrid.batch.summary import Summary

_FAILED = 3


def batch(
    context: Context,
    dataset: Annotated[str, typer.Argument(help="a folder of song folders, or a card: see `hybrid corpus list`")],
    out: Annotated[Path, typer.Option("-o", "--out", help="the folder of all results")],
    at: Annotated[Path | None, typer.Option("--at", help="where the files of the card lie")] = None,
    rules: Rules = None,
    sets: Sets = None,
    plugins: Plugins = None,
    steps: Annotated[int, typer.Option(min=0, help="steps of refinement; 0 trusts the network alone")] = 300,
    model: Model = DEFAULT_MODEL,
    seed: Annotated[int, typer.Option(min=0, help="draws the sides on which tracks start")] = 0,
    subtype: Annotated[Subtype, typer.Option(help="format of the samples written")] = "PCM_24",
    sample_rate: Annotated[
        int | None, typer.Option(min=8000, max=192000, help="of the files written, Hz [default: each song's]")
    ] = None,
    stems: Annotated[bool, typer.Option("--stems", help="write the treated tracks beside each mix")] = False,
    only_mix: Annotated[
        bool, typer.Option("--only-mix", help="with --steps 0: mixes and settings, no verdict: the quickest way")
    ] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="processes [default: one per core]")] = None,
    shard: Annotated[str, typer.Option(help="i/n: the ith of n parts that are mixed apart")] = "1/1",
    limit: Annotated[int | None, typer.Option(min=1, help="so many songs at most")] = None,
    pattern: Annotated[str, typer.Option("--filter", help="names of songs, with * and ?")] = "*",
    split: Annotated[Literal["train", "validation", "test"] | None, typer.Option(help="songs of this split")] = None,
    name: Annotated[str, typer.Option(help="of each song's folder: {song}, {split}, {number}")] = "{song}",
    engine: Annotated[
        Literal["local", "ray", "slurm"], typer.Option(help="who does the work: processes here, a Ray cluster, SLURM")
    ] = "local",
    address: Annotated[str | None, typer.Option(help="of the Ray cluster [default: one on this machine]")] = None,
    array: Annotated[int, typer.Option(min=1, help="parts, as an array of SLURM jobs")] = 1,
    options: Annotated[
        list[str] | None, typer.Option("--slurm", help="key=value of submitit, such as slurm_partition=cpu; repeatable")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="go on with an earlier run; what is done stays")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Mix every song of a data set."""
    from hybrid.corpus.dataset import open_dataset

    if only_mix and (steps or stems or model == NO_MODEL):
        raise InputError(
            Problem("--only-mix", "is for what a network proposes: expected --steps 0, a --model, no --stems")
        )
    part = shard_of(shard)
    found = open_dataset(dataset, at)
    load("hybrid.export.mixed")
    from hybrid.batch.cluster import run_on_ray, run_on_slurm
    from hybrid.batch.local import run_here
    from hybrid.batch.run import Choice, jobs_of, run
    from hybrid.batch.summary import summary_json
    from hybrid.batch.work import Asked

    asked = Asked(
        tuple(rules or ["base"]), tuple(sets or []), model, steps, seed, subtype, sample_rate, stems, not only_mix
    )._replace(plugins=plugin_paths(plugins))
    todo = jobs_of(found, out, asked, Choice(part, pattern, split, limit), name)
    with _progress(context.ensure_object(StopRequest)) as tell:
        if engine == "slurm":
            ended = run_on_slurm(todo, out, _options(options or []), array, resume, tell)
        elif engine == "ray":
            ended = run(todo, out, part, lambda left: run_on_ray(left, address), resume, tell)
        else:
            ended = run(todo, out, part, lambda left: run_here(left, jobs or os.cpu_count() or 1), resume, tell)
    summary = _write_summary(ended, out, part, found.name, todo[0].hash)
    if as_json:
        said = {**summary_json(summary), "kept_from_before": ended.kept, "out": str(out)}
        print(json.dumps(said, indent=2, ensure_ascii=False))
    else:
        _print_summary(summary, ended.kept, out)
    if summary.failed:
        raise typer.Exit(_FAILED)


def _write_summary(ended: Ended, out: Path, part: Shard, name: str, made_by: str) -> Summary:
    """Of all songs, as numbers and as a page; a shard's have its name."""
    from hybrid.batch.summary import summary_html, summary_json, summary_of
    from hybrid.export.made import made_with

    summary = summary_of(ended.records)
    suffix, title = (f"-{part.name}", f"{name}, part {part.name}") if part.name else ("", name)
    numbers = json.dumps(summary_json(summary), indent=1, ensure_ascii=False) + "\n"
    shelf.write(out / f"summary{suffix}.json", numbers)
    shelf.write(out / f"summary{suffix}.html", summary_html(summary, title, made_with(made_by, name, {})))
    return summary


def _print_summary(summary: Summary, n_before: int, out: Path) -> None:
    for song, reason in summary.failed:
        print(printable(f"{song}: {reason}"), file=sys.stderr)
    before = f" ({n_before} before)" if n_before else ""
    failed = f"{len(summary.failed)} failed"
    print(f"{summary.done} of {summary.songs} songs mixed{before}, {failed}: see {out}/summary.html")


def _options(said: list[str]) -> dict[str, object]:
    """What submitit is told, numbers as numbers."""
    pairs = [each.partition("=") for each in said]
    if wrong := [key for key, is_, _ in pairs if not is_]:
        raise InputError(Problem("--slurm", f"expected key=value, got {wrong[0]!r}"))
    return {key: int(value) if value.isdigit() else value for key, _, value in pairs}


@contextmanager
def _progress(stop: StopRequest) -> Iterator[Callable[[Told], None]]:
    """Gives a function that is told how far a run has come: a line of it on stderr, for people or for a log."""
    start, last = time.monotonic(), -1e9

    def tell(told: Told) -> None:
        nonlocal last
        stop.raise_again()
        now, done = time.monotonic(), told.done + told.failed
        if not sys.stderr.isatty() and done < told.of and now - last < 30.0:
            return
        last = now
        rate = told.audio_s / max(now - start, 1e-9)
        left_s = (told.of - done) * (now - start) / done if done else 0.0
        text = f"{done} of {told.of}, {told.failed} failed, {rate:.1f} times real time, {_clock(left_s)} left"
        if sys.stderr.isatty():
            print(f"\r\x1b[K{text}", end="" if done < told.of else "\n", file=sys.stderr, flush=True)
        else:
            print(text, file=sys.stderr, flush=True)

    yield tell


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
