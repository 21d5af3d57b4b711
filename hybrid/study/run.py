"""A run of a study: its songs are mixed on all cores, each once, even if the run is interrupted and resumed."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import NamedTuple

from hybrid import shelf
from hybrid.audio.read import open_song
from hybrid.audio.song import file_name
from hybrid.batch.local import DIED, run_in_processes
from hybrid.batch.run import RunOptions
from hybrid.batch.shapes import likely_shape
from hybrid.batch.work import Worker, network_of, rules_of
from hybrid.compiled import clear_compiled
from hybrid.errors import InputError, Problem, UnwritableError, printable
from hybrid.export.made import made_with
from hybrid.knowledge.ruleset import RuleSet
from hybrid.scratch import scratch_folder
from hybrid.study.activity import ActivityFile, activities
from hybrid.study.arm import FULL, Arm
from hybrid.study.arms import arms_of
from hybrid.study.compiled import check_counting
from hybrid.study.folder import check_folder, open_folder
from hybrid.study.jobs import (
    Inputs,
    StudyJob,
    Work,
    done_units,
    kept_rows,
    seeded,
    seeds_of,
    work_of,
)
from hybrid.study.listening import listening_arms, write_mixes
from hybrid.study.pace import expected_s, remember
from hybrid.study.rows import Row, Unit, read_unit, unit_path, write_unit
from hybrid.study.song import PreparedSong, SeededArm, mix_arms
from hybrid.study.sources import SongSource
from hybrid.study.trained_arms import TrainedArms, train_arms

ARMS_FOLDER, FAULTS_FOLDER = "arms", "faults"


class SongOutcome(NamedTuple):
    """The outcome of mixing one song."""

    song: str
    mixes: int
    reason: str
    """Why it could not be mixed; empty if it could."""
    took_s: float = 0.0


class StudyResult(NamedTuple):
    """The results of a run: of all songs of a study, or of a shard."""

    units: tuple[Unit, ...]
    excluded: dict[str, str]
    """Songs that could not be mixed, with the reason."""
    arms: tuple[Arm, ...]
    """The arms; placebos are those of the first seed."""
    rules: RuleSet
    made_with: dict[str, str]


class StudyProgress(NamedTuple):
    """Counts of a run that is under way."""

    songs: int
    of_songs: int
    mixes: int
    of_mixes: int
    doing: tuple[str, ...]
    """What each process is at: a song, a seed and an arm."""


class StudyForecast(NamedTuple):
    """What a run would do."""

    arms: tuple[Arm, ...]
    programs: tuple[tuple[str, ...], ...]
    """Ids of the arms that share compiled programs, which are compiled once for each shape of song."""
    work: Work
    n_songs: int
    expected_s: float | None
    """By the pace of earlier runs on this machine; None if there were none."""


def forecast_study(
    inputs: Inputs, sources: Sequence[SongSource], options: RunOptions, n_processes: int
) -> StudyForecast:
    """What a run would do, of which nothing is done. Raises InputError as a run would."""
    study, known = inputs.study, check_folder(inputs, options)
    mine = [source for source in sources if options.shard.has(source.name)]
    work = work_of(inputs, mine, options.out, TrainedArms({}, {}), known)
    arms = arms_of(study, inputs.rules, study.seeds[0])
    groups: dict[tuple[str, str], list[str]] = {}
    for arm in arms:
        groups.setdefault(seeded(study, inputs.hash, arm, study.seeds[0]).program, []).append(arm.id)
    seconds = expected_s([job.n_mixes for job in work.jobs])
    return StudyForecast(
        tuple(arms),
        tuple(map(tuple, groups.values())),
        work,
        len(mine),
        # a song is mixed by one process
        None if seconds is None else seconds / max(1, min(n_processes, len(work.jobs))),
    )


def run_study(
    inputs: Inputs,
    sources: Sequence[SongSource],
    options: RunOptions,
    n_processes: int,
    progress: Callable[[Callable[[], StudyProgress]], None],
    note: Callable[[str], None] = lambda text: None,
) -> StudyResult:
    """The results of a study; what is not done yet of the shard is mixed now, in `n_processes`.

    `progress` receives, as each song is done, a function that tells how far the run is; `note` what has changed since
    an earlier run. Raises InputError for a folder that holds a study with another baseline, or anything else, and if
    JAX does not report what it compiles.
    """
    out = options.out
    check_counting()
    study = inputs.study
    provenance = made_with(
        inputs.rules.hash, study.hash, {"network": inputs.network or study.model, "steps": str(study.steps)}
    )
    known = open_folder(inputs, sources, options, provenance)
    networks = train_arms(study, inputs.rules, out, lambda stage, share: None)
    # without the full arm there is nothing to compare with
    if failed := [reason for (arm, _), reason in networks.diverged.items() if arm == FULL]:
        raise InputError(Problem(FULL, f"cannot be trained: {failed[0]}", "lower `rate` in the recipe"))
    mine = [source for source in sources if options.shard.has(source.name)]
    work = work_of(inputs, mine, out, networks, known)
    for text in work.notes:
        note(text)
    excluded: dict[str, str] = {}
    outcomes: list[SongOutcome] = []

    with scratch_folder() as doing:

        def so_far() -> StudyProgress:
            busy = activities(doing)
            n_mixes = sum(each.mixes for each in (*outcomes, *busy))
            return StudyProgress(
                len(outcomes), len(work.jobs), n_mixes, work.n_mixes, tuple(each.text for each in busy)
            )

        progress(so_far)
        jobs = [job._replace(doing=doing) for job in work.jobs]
        for outcome in run_in_processes(jobs, n_processes, mix_song, _nothing_left, _lost, shape_of=_shape_of):
            outcomes.append(outcome)
            remember(outcome.mixes, outcome.took_s)
            if outcome.reason:
                excluded[outcome.song] = outcome.reason
            progress(so_far)
    # songs of other shards that are done are part of the results
    others = [source for source in sources if source not in mine]
    all_work = work._replace(expected={**work.expected, **work_of(inputs, others, out, networks).expected})
    units = tuple(done_units(all_work, sources, out))
    return StudyResult(units, excluded, tuple(arms_of(study, inputs.rules, study.seeds[0])), inputs.rules, provenance)


def mix_song(job: StudyJob, worker: Worker) -> SongOutcome:
    """The outcome of mixing and judging the arms of a song that are left, under each seed; rows are on disk before the
    next seed starts."""
    study, source, rules = job.study, job.source, rules_of(job.study.rules, job.study.sets, job.study.plugins)
    activity, begun, mixes = ActivityFile(job.doing), time.monotonic(), 0

    def outcome(reason: str) -> SongOutcome:
        return SongOutcome(source.name, mixes, printable(reason), time.monotonic() - begun)

    try:
        with activity, source.opened() as (song, reference), open_song(song, worker.n_threads) as reader:
            prepared = PreparedSong(source.name, song, reader, rules, network_of(study.model)).with_reference(reference)
            for seed, left in job.left.items():
                mixes += _mix_unit(job, prepared, seed, left, activity)
    except UnwritableError:
        raise
    except InputError as error:
        return outcome("; ".join(str(problem) for problem in error.problems))
    except Exception as error:
        # a fault of the program at one song must not stop the others: its traceback is written
        (job.out / FAULTS_FOLDER).mkdir(exist_ok=True)
        shelf.write(job.out / FAULTS_FOLDER / f"{file_name(source.name)[:80]}.txt", traceback.format_exc())
        return outcome(f"{type(error).__name__}: {error}")
    finally:
        clear_compiled()
    return outcome("")


def _mix_unit(job: StudyJob, prepared: PreparedSong, seed: int, left: Sequence[str], activity: ActivityFile) -> int:
    """Mixes the arms that are left under a seed, writes their rows beside those that are kept, and returns their
    number."""
    study, source, rules = job.study, job.source, rules_of(job.study.rules, job.study.sets, job.study.plugins)
    arms = [_seeded(job, arm, seed) for arm in arms_of(study, rules, seed, source.name)]
    path = unit_path(job.out, source.name, seed)
    before = read_unit(path)
    kept = kept_rows(before, source, {each.arm.id: each.made_by for each in arms})
    _write_rules(job.out, [each.arm for each in arms])
    to_mix = [each for each in arms if each.arm.id in left]
    failed = {arm: reason for (arm, of), reason in job.trained_arms.diverged.items() if of == seed}
    # audio of the first seed only: enough for listening, and small
    keep = listening_arms(study) if seed == seeds_of(source, study)[0] else ()

    def begin(arm: Arm) -> None:
        activity.begin(f"{source.name}, seed {seed}, {arm.id}")

    mixed = mix_arms(
        prepared, rules, [each for each in to_mix if each.arm.id not in failed], study.metric_names, keep, begin
    )
    write_mixes(job.out, source.name, mixed.mixes, job.inputs_hash)
    diverged = [
        Row(prepared.name, seed, each.arm.id, "diverged", {}, {}, None, True, failed[each.arm.id])._replace(
            made_by=each.made_by
        )
        for each in to_mix
        if each.arm.id in failed
    ]
    rows = {row.arm: row for row in (*kept, *mixed.rows, *diverged)}
    explained = mixed.explained if mixed.explained is not None or before is None else before.explained
    notes = prepared.analysed.song.notes
    write_unit(path, Unit(source.stamp, explained, mixed.compiled, notes, tuple(rows.values())))
    return len(mixed.rows)


def _seeded(job: StudyJob, arm: Arm, seed: int) -> SeededArm:
    """The arm with the network that proposes its start: its own, if one was trained for it."""
    each = seeded(job.study, job.inputs_hash, arm, seed)
    trained = job.trained_arms.weights.get((arm.id, seed))
    return each if trained is None else each._replace(network=network_of(trained))


def _write_rules(out: Path, arms: Sequence[Arm]) -> None:
    """Writes the rules of every arm, placebos included, under their hash."""
    folder = out / ARMS_FOLDER
    folder.mkdir(exist_ok=True)
    for arm in arms:
        path = folder / f"{arm.rules.hash[:16]}.yaml"
        if not path.exists():
            shelf.write(path, arm.rules.dump())


def _shape_of(job: StudyJob) -> Hashable | None:
    return likely_shape(job.source.on_disk) if job.source.on_disk else None


def _nothing_left(job: StudyJob) -> None:
    """Nothing: rows are written whole or not at all, so that an interrupted job leaves no files."""


def _lost(job: StudyJob) -> SongOutcome:
    return SongOutcome(job.source.name, 0, DIED)


def all_rows(units: Sequence[Unit]) -> list[Row]:
    """The rows of all songs and seeds."""
    return [row for unit in units for row in unit.rows]
