"""`hybrid batch`: every song of a data set is mixed; a song that fails does not stop the others."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from hybrid import shelf
from hybrid.audio.encode import check_format
from hybrid.audio.references import parse_reference
from hybrid.cli import complete
from hybrid.cli.mixing_options import DEFAULT_STEPS, Encoded, SampleFormat, SampleRate, Steps
from hybrid.cli.options import (
    DEFAULT_MODEL,
    NO_MODEL,
    Kept,
    Model,
    Plugins,
    References,
    RoughMix,
    Rules,
    Sets,
    plugin_paths,
    rough_of,
    shard_of,
)
from hybrid.cli.progress import clock, now_and_then
from hybrid.cli.signals import Context, Session, load
from hybrid.errors import InputError, Problem, printable
from hybrid.json_text import json_text

if TYPE_CHECKING:
    from hybrid.batch.run import BatchProgress, BatchResult, RunOptions
    from hybrid.batch.summary import Summary
    from hybrid.batch.work import Job

_FAILED = 3


def batch(
    context: Context,
    dataset: Annotated[
        str,
        typer.Argument(
            autocompletion=complete.cards, help="a folder of song folders, or a card: see `hybrid corpus list`"
        ),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="the folder of all results")],
    at: Annotated[Path | None, typer.Option("--at", help="where the files of the card lie")] = None,
    rules: Rules = None,
    sets: Sets = None,
    plugins: Plugins = None,
    steps: Steps = DEFAULT_STEPS,
    model: Model = DEFAULT_MODEL,
    seed: Annotated[int, typer.Option(min=0, help="draws the sides on which tracks start")] = 0,
    subtype: SampleFormat = "PCM_24",
    sample_rate: SampleRate = None,
    file_format: Encoded = "wav",
    references: References = None,
    rough: RoughMix = None,
    amount: Kept = None,
    stems: Annotated[bool, typer.Option("--stems", help="write the treated tracks next to each mix")] = False,
    only_mix: Annotated[
        bool, typer.Option("--only-mix", help="with --steps 0: write mixes and settings, no verdict; fastest")
    ] = False,
    jobs: Annotated[int | None, typer.Option(min=1, help="processes [default: one per core]")] = None,
    shard: Annotated[str, typer.Option(help="i/n: the ith of n parts that are mixed separately")] = "1/1",
    limit: Annotated[int | None, typer.Option(min=1, help="mix at most so many songs")] = None,
    pattern: Annotated[str, typer.Option("--filter", help="song names, with the wildcards * and ?")] = "*",
    split: Annotated[Literal["train", "validation", "test"] | None, typer.Option(help="songs of this split")] = None,
    name: Annotated[str, typer.Option(help="of each song's folder: {song}, {split}, {number}")] = "{song}",
    engine: Annotated[
        Literal["local", "ray", "slurm"],
        typer.Option(help="where songs are mixed: processes here, a Ray cluster, SLURM"),
    ] = "local",
    address: Annotated[str | None, typer.Option(help="of the Ray cluster [default: one on this machine]")] = None,
    array: Annotated[int, typer.Option(min=1, help="parts, as an array of SLURM jobs")] = 1,
    options: Annotated[
        list[str] | None, typer.Option("--slurm", help="key=value of submitit, such as slurm_partition=cpu; repeatable")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="continue an earlier run; songs that are done are skipped")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="list the songs that would be mixed; mix nothing")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Mix every song of a data set."""
    from hybrid.corpus.dataset import open_dataset

    if only_mix and (steps or stems or model == NO_MODEL):
        raise InputError(
            Problem("--only-mix", "applies to a network's proposal: expected --steps 0, a --model, no --stems")
        )
    part = shard_of(shard)
    opened = open_dataset(dataset, at)
    load("hybrid.export.mixed")
    from hybrid.batch.cluster import SlurmArray, run_on_ray, run_on_slurm
    from hybrid.batch.local import run_local
    from hybrid.batch.run import RunOptions, SongFilter, jobs_left, jobs_of, run
    from hybrid.batch.summary import summary_json
    from hybrid.batch.work import BatchConfig, config_hash, rule_and_weight_hashes

    config = BatchConfig(
        tuple(rules or ["base"]),
        tuple(sets or []),
        model,
        steps,
        seed,
        subtype,
        sample_rate,
        file_format,
        stems,
        not only_mix,
        tuple(references or []),
        rough if rough_of(rough, amount) else None,
        1.0 if amount is None else amount,
    )._replace(plugins=plugin_paths(plugins))
    for text in config.references:
        parse_reference(text)
    if sample_rate:
        check_format(file_format, subtype, sample_rate)
    batch_jobs = jobs_of(opened, out, config, SongFilter(part, pattern, split, limit), name)
    where = RunOptions(out, part, resume)
    if not batch_jobs:
        print(f"--shard {shard}: none of the songs belongs to this part", file=sys.stderr)
    if dry_run:
        _print_forecast(batch_jobs, jobs_left(batch_jobs, where), as_json=as_json)
        return
    with _progress_line(context.ensure_object(Session)) as progress:
        if engine == "slurm":
            slurm_array = SlurmArray(array, _submitit_settings(options or []))
            result = run_on_slurm(batch_jobs, where, slurm_array, progress)
        elif engine == "ray":
            result = run(batch_jobs, where, lambda left: run_on_ray(left, address), progress)
        else:
            n_processes = jobs or os.cpu_count() or 1
            result = run(batch_jobs, where, lambda left: run_local(left, n_processes), progress)
    summary = _write_summary(result, where, opened.name, config_hash(config, *rule_and_weight_hashes(config)))
    if as_json:
        document = {**summary_json(summary), "kept_from_before": result.n_done_before, "out": str(out)}
        print(json_text(document))
    else:
        _print_summary(summary, result.n_done_before, out / f"{_summary_name(where)}.html")
    if summary.failed:
        raise typer.Exit(_FAILED)


def _write_summary(result: BatchResult, where: RunOptions, name: str, config_hash: str) -> Summary:
    """The summary of all songs, which is written as JSON and as a page; those of a shard are named after it."""
    from hybrid.batch.summary import song_lines, summary_html, summary_json, summary_of
    from hybrid.export.made import made_with

    summary = summary_of(result.records)
    out, part = where.out, where.shard.name
    title = f"{name}, part {part}" if part else name
    shelf.write(out / f"{_summary_name(where)}.json", json_text(summary_json(summary), 1) + "\n")
    page = summary_html(summary, song_lines(result.records, out), title, made_with(config_hash, name, {}))
    shelf.write(out / f"{_summary_name(where)}.html", page)
    return summary


def _summary_name(where: RunOptions) -> str:
    return f"summary-{where.shard.name}" if where.shard.name else "summary"


def _print_forecast(jobs: Sequence[Job], left: Sequence[Job], *, as_json: bool) -> None:
    """Says which songs a run would mix."""
    if as_json:
        songs = [{"song": job.song.name, "folder": str(job.song.folder), "out": str(job.out)} for job in left]
        print(json_text({"schema": "batch-forecast/1", "songs": len(jobs), "left": songs}))
        return
    for job in left:
        print(printable(f"{job.song.name}: {job.out}"))
        for problem in job.song.problems:
            print(printable(f"  {problem}"), file=sys.stderr)
    print(f"{len(left)} of {len(jobs)} songs to mix, {len(jobs) - len(left)} done before")


def _print_summary(summary: Summary, n_before: int, page: Path) -> None:
    for song, reason in summary.failed:
        print(printable(f"{song}: {reason}"), file=sys.stderr)
    before = f" ({n_before} before)" if n_before else ""
    failed = f"{len(summary.failed)} failed"
    print(f"{summary.done} of {summary.songs} songs mixed{before}, {failed}: see {page}")


def _submitit_settings(options: list[str]) -> dict[str, object]:
    """Settings of submitit from `key=value` options; digits become numbers."""
    pairs = [option.partition("=") for option in options]
    if wrong := [key for key, equals, _ in pairs if not equals]:
        raise InputError(Problem("--slurm", f"expected key=value, got {wrong[0]!r}"))
    return {key: int(value) if value.isdigit() else value for key, _, value in pairs}


@contextmanager
def _progress_line(session: Session) -> Iterator[Callable[[BatchProgress], None]]:
    """A function that receives how far a run is, and shows it in a line on stderr."""
    start = time.monotonic()
    states: list[BatchProgress] = []

    def show(state: BatchProgress) -> None:
        session.raise_again()
        states.append(state)

    def line() -> str:
        elapsed_s = time.monotonic() - start
        if not states:
            return f"no song yet, {clock(elapsed_s)}"
        state, done = states[-1], states[-1].done + states[-1].failed
        left = f"{clock((state.of - done) * elapsed_s / done)} left" if 0 < done < state.of else clock(elapsed_s)
        rate = state.audio_s / max(elapsed_s, 1e-9)
        return f"{done} of {state.of}, {state.failed} failed, {rate:.1f} times real time, {left}"

    with now_and_then(line, session.verbosity):
        yield show
    if not session.verbosity.is_quiet:
        print(line(), file=sys.stderr)
