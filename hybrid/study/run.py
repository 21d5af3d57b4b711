"""A run of a study: its songs are mixed on all cores, each once, even if the run is interrupted and resumed."""

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
from hybrid.batch.local import DIED, run_in_processes
from hybrid.batch.run import RunOptions
from hybrid.batch.work import Worker, network_of, rules_of
from hybrid.compiled import clear_compiled
from hybrid.errors import InputError, Problem, UnwritableError, printable
from hybrid.export.made import made_with
from hybrid.json_text import json_text
from hybrid.judging.mix import Mix
from hybrid.knowledge.ruleset import RuleSet
from hybrid.proposal.weights import Network
from hybrid.source_hash import source_hash
from hybrid.study.arm import FULL, Arm
from hybrid.study.arms import arms_of
from hybrid.study.compiled import check_counting
from hybrid.study.rows import ROWS_FOLDER, Row, Unit, read_unit, unit_path, write_unit
from hybrid.study.schema import Study
from hybrid.study.song import mix_arms, prepare_song
from hybrid.study.sources import SongSource
from hybrid.study.trained_arms import TrainedArms, recipe_hashes, train_arms

ABOUT_FILE, RULES_FILE, KEY_FILE = "study.json", "rules.yaml", "key.json"
LISTEN_FOLDER, ARMS_FOLDER = "listen", "arms"
FAULTS_FOLDER = "faults"


class StudyJob(NamedTuple):
    """One song with the seeds that are not done yet."""

    source: SongSource
    seeds: tuple[int, ...]
    study: Study
    trained_arms: TrainedArms
    """Networks of single arms; empty without training."""
    out: Path
    inputs_hash: str
    """Of study, rules, network, recipe and the source of the program."""


class SongOutcome(NamedTuple):
    """The outcome of mixing one song."""

    song: str
    mixes: int
    reason: str
    """Why it could not be mixed; empty if it could."""


class StudyResult(NamedTuple):
    """The results of a run: of all songs of a study, or of a shard."""

    units: tuple[Unit, ...]
    excluded: dict[str, str]
    """Songs that could not be mixed, with the reason."""
    arms: tuple[Arm, ...]
    """The arms; placebos are those of the first seed."""
    rules: RuleSet
    made_with: dict[str, str]


def prepare(study: Study) -> tuple[RuleSet, str]:
    """The rules of a study and the hash of its network. Raises InputError if any of its arms cannot be made."""
    rules = rules_of(study.rules, study.sets, study.plugins)
    for seed in study.seeds:
        arms_of(study, rules, seed)
    network = network_of(study.model)
    return rules, network.hash if network else ""


def run_study(
    study: Study,
    sources: Sequence[SongSource],
    options: RunOptions,
    n_processes: int,
    progress: Callable[[int, int], None],
) -> StudyResult:
    """The results of a study; the songs of the shard that are not done yet are mixed now, in `n_processes`.

    `progress` receives the number of songs done and of all songs to mix. Raises InputError for a folder that holds
    another study, or anything else, and if JAX does not report what it compiles.
    """
    out = options.out
    check_counting()
    rules, network = prepare(study)
    provenance = made_with(rules.hash, study.hash, {"network": network or study.model, "steps": str(study.steps)})
    # all that rows depend on except the song: resuming with another of these would mix results
    inputs = [study.hash, rules.hash, network, source_hash(__name__), *recipe_hashes(study)]
    inputs_hash = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
    _open_folder(study, rules, options, inputs_hash, provenance)
    networks = train_arms(study, rules, out, lambda stage, share: None)
    # without the full arm there is nothing to compare with
    if failed := [reason for (arm, _), reason in networks.diverged.items() if arm == FULL]:
        raise InputError(Problem(FULL, f"cannot be trained: {failed[0]}", "lower `rate` in the recipe"))
    mine = [source for source in sources if options.shard.has(source.name)]
    jobs = [job for source in mine if (job := _job(source, study, networks, out, inputs_hash)).seeds]
    excluded: dict[str, str] = {}
    progress(0, len(jobs))
    for number, outcome in enumerate(run_in_processes(jobs, n_processes, mix_song, _nothing_left, _lost), start=1):
        if outcome.reason:
            excluded[outcome.song] = outcome.reason
        progress(number, len(jobs))
    units = [unit for source in sources for unit in _units(source, study, out, inputs_hash).values() if unit]
    return StudyResult(tuple(units), excluded, tuple(arms_of(study, rules, study.seeds[0])), rules, provenance)


def _open_folder(
    study: Study, rules: RuleSet, options: RunOptions, inputs_hash: str, provenance: Mapping[str, str]
) -> None:
    """Makes the folder of the run, with the study and its rules. Raises InputError if it belongs to another run."""
    out = options.out
    about = out / ABOUT_FILE
    if about.exists():
        if _stored_hash(about) != inputs_hash:
            what = "holds a run of another study, other rules, another network or another version"
            raise InputError(Problem(str(out), what, "choose another output folder"))
        if not options.resume:
            what = "holds this study already"
            raise InputError(Problem(str(out), what, "add --resume, or choose another folder"))
    elif out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(Problem(str(out), "is not an empty folder", "choose another output folder"))
    try:
        (out / ROWS_FOLDER).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(Problem(str(out), f"cannot be written: {error.strerror}")) from error
    document = {
        "schema": "study-run/1",
        "made_by": inputs_hash,
        "made_with": dict(provenance),
        "study": study.model_dump(mode="json", by_alias=True),
    }
    shelf.write(out / RULES_FILE, rules.dump())
    shelf.write(about, json_text(document, 1) + "\n")


def seeds_of(source: SongSource, study: Study) -> tuple[int, ...]:
    """The seeds of a song: its own, or the study's."""
    return source.seeds or study.seeds


def _stored_hash(about: Path) -> str:
    try:
        return str(json.loads(about.read_bytes()).get("made_by"))
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise InputError(Problem(str(about), f"does not describe a study: {error}")) from error


def _job(source: SongSource, study: Study, networks: TrainedArms, out: Path, inputs_hash: str) -> StudyJob:
    left = tuple(seed for seed, unit in _units(source, study, out, inputs_hash).items() if unit is None)
    return StudyJob(source, left, study, networks, out, inputs_hash)


def _units(source: SongSource, study: Study, out: Path, inputs_hash: str) -> dict[int, Unit | None]:
    """The rows of a song by seed; None where there are none, or where the song or another input has changed since."""
    stamp = source.stamp
    units = {seed: read_unit(unit_path(out, source.name, seed)) for seed in seeds_of(source, study)}
    return {
        seed: unit if unit and (unit.made_by, unit.stamp) == (inputs_hash, stamp) else None
        for seed, unit in units.items()
    }


def mix_song(job: StudyJob, worker: Worker) -> SongOutcome:
    """The outcome of mixing and judging all arms of a song under each seed; rows are on disk before the next seed
    starts."""
    study, rules = job.study, rules_of(job.study.rules, job.study.sets, job.study.plugins)
    mixes = 0
    try:
        with job.source.opened() as (song, reference), open_song(song, worker.n_threads) as reader:
            base = network_of(study.model)
            prepared = prepare_song((job.source.name, song, reference), reader, rules, base)
            for seed in job.seeds:
                start = time.monotonic()
                arms = arms_of(study, rules, seed, job.source.name)
                _write_rules(job.out, arms)
                trained = [arm for arm in arms if (arm.id, seed) not in job.trained_arms.diverged]
                proposed = [(arm, _arm_network(job, arm.id, seed, base)) for arm in trained]
                # audio of the first seed only: enough for listening, and small
                keep = {FULL, *study.listen} if study.listen and seed == seeds_of(job.source, study)[0] else ()
                mixed = mix_arms(prepared, seed, proposed, study.metric_names, tuple(keep))
                _write_mixes(job, mixed.mixes)
                failed = [
                    Row(prepared.name, seed, arm, "diverged", {}, {}, None, True, reason)
                    for (arm, of), reason in job.trained_arms.diverged.items()
                    if of == seed
                ]
                took = round(time.monotonic() - start, 2)
                notes = prepared.analysed.song.notes
                unit = Unit(
                    job.inputs_hash,
                    job.source.stamp,
                    mixed.explained,
                    mixed.compiled,
                    took,
                    notes,
                    (*mixed.rows, *failed),
                )
                write_unit(unit_path(job.out, job.source.name, seed), unit)
                mixes += len(mixed.rows)
    except UnwritableError:
        raise
    except InputError as error:
        return SongOutcome(job.source.name, mixes, printable("; ".join(str(problem) for problem in error.problems)))
    except Exception as error:
        # a fault of the program at one song must not stop the others: its traceback is written
        (job.out / FAULTS_FOLDER).mkdir(exist_ok=True)
        shelf.write(job.out / FAULTS_FOLDER / f"{file_name(job.source.name)[:80]}.txt", traceback.format_exc())
        return SongOutcome(job.source.name, mixes, printable(f"{type(error).__name__}: {error}"))
    finally:
        clear_compiled()
    return SongOutcome(job.source.name, mixes, "")


def _arm_network(job: StudyJob, arm: str, seed: int, base: Network | None) -> Network | None:
    """The network that proposes the start of an arm: its own, or that of the study."""
    name = job.trained_arms.weights.get((arm, seed))
    return base if name is None else network_of(name)


def _write_rules(out: Path, arms: Sequence[Arm]) -> None:
    """Writes the rules of every arm, placebos included, under their hash."""
    folder = out / ARMS_FOLDER
    folder.mkdir(exist_ok=True)
    for arm in arms:
        path = folder / f"{arm.rules.hash[:16]}.yaml"
        if not path.exists():
            shelf.write(path, arm.rules.dump())


def _write_mixes(job: StudyJob, mixes: Mapping[str, Mix]) -> None:
    """Writes mixes of equal loudness under random letters; `key.json` maps letters to arms."""
    if not mixes:
        return
    folder = job.out / LISTEN_FOLDER / file_name(job.source.name)
    folder.mkdir(parents=True, exist_ok=True)
    # by hash: letters reveal nothing, and stay the same when a run is resumed
    shuffled = sorted(
        mixes, key=lambda arm: hashlib.sha256(f"{job.inputs_hash} {job.source.name} {arm}".encode()).digest()
    )
    key = {}
    for number, arm in enumerate(shuffled):
        letter = chr(ord("A") + number)
        unfinished = folder / f".{letter}.flac"
        try:
            soundfile.write(unfinished, mixes[arm].samples.T, mixes[arm].sample_rate, subtype="PCM_24")
            unfinished.replace(folder / f"{letter}.flac")
        except (OSError, soundfile.LibsndfileError) as error:
            unfinished.unlink(missing_ok=True)
            raise UnwritableError(Problem(str(folder), "cannot be written: is the disk full?")) from error
        key[letter] = arm
    shelf.write(folder / KEY_FILE, json_text(key, 1) + "\n")


def _nothing_left(job: StudyJob) -> None:
    """Nothing: rows are written whole or not at all, so that an interrupted job leaves no files."""


def _lost(job: StudyJob) -> SongOutcome:
    return SongOutcome(job.source.name, 0, DIED)


def all_rows(units: Sequence[Unit]) -> list[Row]:
    """The rows of all songs and seeds."""
    return [row for unit in units for row in unit.rows]
