"""A study from its file to its rows: songs on all cores, each done once, whatever is stopped in between."""

from __future__ import annotations

import hashlib
import json
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import soundfile

from hybrid import shelf
from hybrid.audio.read import open_song
from hybrid.audio.song import file_name
from hybrid.batch.local import DIED, on_cores
from hybrid.batch.run import Shard
from hybrid.batch.work import Worker, network_of, rules_of
from hybrid.compiled import clear_compiled
from hybrid.errors import InputError, Problem, UnwritableError, printable
from hybrid.export.made import made_with
from hybrid.judging.mix import Mix
from hybrid.knowledge.ruleset import RuleSet
from hybrid.proposal.weights import Network
from hybrid.source_hash import source_hash
from hybrid.study.arm import FULL, Arm
from hybrid.study.arms import arms_of
from hybrid.study.compiled import check_counting
from hybrid.study.rows import ROWS_FOLDER, Row, Unit, read_unit, unit_path, write_unit
from hybrid.study.schema import Study
from hybrid.study.song import make_ready, mix_arms
from hybrid.study.sources import Source
from hybrid.study.taught import Taught, recipe_hashes, taught

ABOUT_FILE, RULES_FILE, KEY_FILE = "study.json", "rules.yaml", "key.json"
LISTEN_FOLDER, ARMS_FOLDER = "listen", "arms"
FAULTS_FOLDER = "faults"


class Job(NamedTuple):
    """One song with the seeds that are left."""

    source: Source
    seeds: tuple[int, ...]
    study: Study
    taught: Taught
    """Networks of their own that arms have."""
    out: Path
    made_by: str


class Told(NamedTuple):
    """What became of a song."""

    song: str
    mixes: int
    why: str
    """It could not be mixed; empty if it could."""


class Ended(NamedTuple):
    """A study that has been run, as far as this part of it goes."""

    units: tuple[Unit, ...]
    excluded: dict[str, str]
    """Songs that could not be mixed, and why."""
    arms: tuple[Arm, ...]
    """As they are but for what is drawn."""
    rules: RuleSet
    made_with: dict[str, str]


def prepare(study: Study) -> tuple[RuleSet, str]:
    """The rules of a study and the hash of its network, when all its arms can be made. Raises InputError if not."""
    rules = rules_of(study.rules, study.sets, study.plugins)
    for seed in study.seeds:
        arms_of(study, rules, seed)
    network = network_of(study.model)
    return rules, network.hash if network else ""


def run_study(
    study: Study,
    sources: Sequence[Source],
    out: Path,
    way: tuple[int, Shard, bool],
    tell: Callable[[int, int], None],
) -> Ended:
    """Runs what is not done yet, in as many processes, for a shard of the songs, or on from an earlier run.

    `tell` is told how many songs are done, of how many. Raises InputError for a folder that holds something else, or
    another study, and if JAX does not tell what it compiles.
    """
    n_processes, shard, resume = way
    check_counting()
    rules, network = prepare(study)
    made = made_with(rules.hash, study.hash, {"network": network or study.model, "steps": str(study.steps)})
    follows_from = [study.hash, rules.hash, network, source_hash(__name__), *recipe_hashes(study)]
    made_by = hashlib.sha256(json.dumps(follows_from).encode()).hexdigest()
    _begin(study, rules, out, made_by, made, resume)
    networks = taught(study, rules, out, lambda stage, share: None)
    if failed := [why for (arm, _), why in networks.diverged.items() if arm == FULL]:
        raise InputError(Problem(FULL, f"cannot be trained: {failed[0]}", "lower `rate` in the recipe"))
    mine = [source for source in sources if shard.has(source.name)]
    jobs = [job for source in mine if (job := _job(source, study, networks, out, made_by)).seeds]
    excluded: dict[str, str] = {}
    tell(0, len(jobs))
    for number, told in enumerate(on_cores(jobs, n_processes, mix_song, _nothing_left, _lost), start=1):
        if told.why:
            excluded[told.song] = told.why
        tell(number, len(jobs))
    units = [unit for source in sources for unit in _units(source, study, out, made_by).values() if unit]
    return Ended(tuple(units), excluded, tuple(arms_of(study, rules, study.seeds[0])), rules, made)


def _begin(study: Study, rules: RuleSet, out: Path, made_by: str, made: Mapping[str, str], resume: bool) -> None:
    """The folder of the run, with what the study is. Raises InputError if it is another's."""
    about = out / ABOUT_FILE
    if about.exists():
        if _made_by(about) != made_by:
            what = "holds a run of another study, other rules, another network or another version"
            raise InputError(Problem(str(out), what, "choose another output folder"))
        if not resume:
            what = "holds this study already"
            raise InputError(Problem(str(out), what, "add --resume, or choose another folder"))
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(Problem(str(out), "is not an empty folder", "choose another output folder"))
    try:
        (out / ROWS_FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(Problem(str(out), f"cannot be written: {error.strerror}")) from error
    said = {
        "schema": "study-run/1",
        "made_by": made_by,
        "made_with": dict(made),
        "study": study.model_dump(mode="json", by_alias=True),
    }
    shelf.write(out / RULES_FILE, rules.dump())
    shelf.write(about, json.dumps(said, indent=1, ensure_ascii=False) + "\n")


def seeds_of(source: Source, study: Study) -> tuple[int, ...]:
    """The seeds of a song: its own, or the study's."""
    return source.seeds or study.seeds


def _made_by(about: Path) -> str:
    try:
        return str(json.loads(about.read_bytes()).get("made_by"))
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(Problem(str(about), f"is not of a study: {error}")) from error


def _job(source: Source, study: Study, networks: Taught, out: Path, made_by: str) -> Job:
    left = tuple(seed for seed, unit in _units(source, study, out, made_by).items() if unit is None)
    return Job(source, left, study, networks, out, made_by)


def _units(source: Source, study: Study, out: Path, made_by: str) -> dict[int, Unit | None]:
    """What is done of a song by seed; None where that is nothing, or follows from what has changed since."""
    stamp = source.stamp
    found = {seed: read_unit(unit_path(out, source.name, seed)) for seed in seeds_of(source, study)}
    return {
        seed: unit if unit and (unit.made_by, unit.stamp) == (made_by, stamp) else None for seed, unit in found.items()
    }


def mix_song(job: Job, worker: Worker) -> Told:
    """Mixes and judges all arms of a song under each seed; its rows are on disk before the next seed is begun."""
    study, rules = job.study, rules_of(job.study.rules, job.study.sets, job.study.plugins)
    mixes = 0
    try:
        with job.source.opened() as (song, reference), open_song(song, worker.n_threads) as reader:
            base = network_of(study.model)
            ready = make_ready(job.source.name, song, reader, reference, (rules, base))
            for seed in job.seeds:
                start = time.monotonic()
                every = arms_of(study, rules, seed, job.source.name)
                _write_rules(job.out, every)
                arms = [arm for arm in every if (arm.id, seed) not in job.taught.diverged]
                networks = {arm.id: _own(job, arm.id, seed, base) for arm in arms}
                keep = {FULL, *study.listen} if study.listen and seed == seeds_of(job.source, study)[0] else ()
                mixed = mix_arms(ready, seed, arms, networks, study.metric_names, tuple(keep))
                _write_mixes(job, mixed.kept)
                failed = [
                    Row(ready.name, seed, arm, "diverged", {}, {}, None, True, why)
                    for (arm, of), why in job.taught.diverged.items()
                    if of == seed
                ]
                took = round(time.monotonic() - start, 2)
                notes = ready.heard.song.notes
                unit = Unit(
                    job.made_by, job.source.stamp, mixed.explained, mixed.compiled, took, notes, (*mixed.rows, *failed)
                )
                write_unit(unit_path(job.out, job.source.name, seed), unit)
                mixes += len(mixed.rows)
    except UnwritableError:
        raise
    except InputError as error:
        return Told(job.source.name, mixes, printable("; ".join(str(problem) for problem in error.problems)))
    except Exception as error:
        # a fault of the program at one song must not cost the others: where it happened is kept
        (job.out / FAULTS_FOLDER).mkdir(exist_ok=True)
        shelf.write(job.out / FAULTS_FOLDER / f"{file_name(job.source.name)[:80]}.txt", traceback.format_exc())
        return Told(job.source.name, mixes, printable(f"{type(error).__name__}: {error}"))
    finally:
        clear_compiled()
    return Told(job.source.name, mixes, "")


def _own(job: Job, arm: str, seed: int, base: Network | None) -> Network | None:
    """The network that proposes where an arm starts."""
    name = job.taught.weights.get((arm, seed))
    return base if name is None else network_of(name)


def _write_rules(out: Path, arms: Sequence[Arm]) -> None:
    """The rules of every arm by their hash, placebos and all."""
    folder = out / ARMS_FOLDER
    folder.mkdir(exist_ok=True)
    for arm in arms:
        path = folder / f"{arm.rules.hash[:16]}.yaml"
        if not path.exists():
            shelf.write(path, arm.rules.dump())


def _write_mixes(job: Job, kept: Mapping[str, Mix]) -> None:
    """Mixes to listen to, all at one loudness, under letters that say nothing; what they are is in `key.json`."""
    if not kept:
        return
    folder = job.out / LISTEN_FOLDER / file_name(job.source.name)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = sorted(kept, key=lambda arm: hashlib.sha256(f"{job.made_by} {job.source.name} {arm}".encode()).digest())
    key = {}
    for number, arm in enumerate(drawn):
        letter = chr(ord("A") + number)
        unfinished = folder / f".{letter}.flac"
        try:
            soundfile.write(unfinished, kept[arm].samples.T, kept[arm].sample_rate, subtype="PCM_24")
            unfinished.replace(folder / f"{letter}.flac")
        except (OSError, soundfile.LibsndfileError) as error:
            unfinished.unlink(missing_ok=True)
            raise UnwritableError(Problem(str(folder), "cannot be written: is the disk full?")) from error
        key[letter] = arm
    shelf.write(folder / KEY_FILE, json.dumps(key, indent=1, ensure_ascii=False) + "\n")


def _nothing_left(job: Job) -> None:
    """Rows are written whole or not at all."""


def _lost(job: Job) -> Told:
    return Told(job.source.name, 0, DIED)


def all_rows(units: Sequence[Unit]) -> list[Row]:
    """The rows of all songs and seeds."""
    return [row for unit in units for row in unit.rows]
