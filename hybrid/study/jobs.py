"""What is left to do in a run of a study: rows that are there are kept if all that they depend on is what it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import NamedTuple

from hybrid.batch.work import network_of, rules_of
from hybrid.errors import InputError, Problem
from hybrid.knowledge.ruleset import RuleSet
from hybrid.source_hash import source_hash
from hybrid.study.arm import FULL, Arm
from hybrid.study.arms import arms_of, values_as_they_are
from hybrid.study.listening import listening_arms, written_mixes
from hybrid.study.rows import Row, Unit, read_unit, unit_path
from hybrid.study.schema import FreeArm, Study
from hybrid.study.song import SeededArm
from hybrid.study.sources import SongSource
from hybrid.study.trained_arms import TrainedArms, recipe_hashes


class StudyJob(NamedTuple):
    """One song with the arms that are left to mix, by seed."""

    source: SongSource
    left: Mapping[int, tuple[str, ...]]
    study: Study
    trained_arms: TrainedArms
    """Networks of single arms; empty without training."""
    out: Path
    inputs_hash: str
    """Of what the rows of all arms depend on: see `Inputs`."""
    doing: Path = Path()
    """The folder in which its process writes its activity."""

    @property
    def n_mixes(self) -> int:
        """Number of mixes that are left to make."""
        return sum(map(len, self.left.values()))


class Inputs(NamedTuple):
    """What the rows of all arms depend on."""

    study: Study
    rules: RuleSet
    network: str
    """Hash of the weights of the study's network; empty without one."""
    hash: str
    """Of the full rules, metrics and steps, the study's network and recipe, and the source of the program: of what the
    full arm is, with which all others are compared."""


class KnownSongs(NamedTuple):
    """The songs and seeds of an earlier run, whether or not it came to all of them."""

    songs: frozenset[str]
    seeds: frozenset[int]


class Work(NamedTuple):
    """What a run has to do."""

    jobs: tuple[StudyJob, ...]
    expected: Mapping[tuple[str, int], Mapping[str, str]]
    """By song and seed, then by arm: the hash of what its row depends on."""
    n_kept: int
    """Rows of earlier runs that are kept."""
    notes: tuple[str, ...]
    """What was added, or has changed, since an earlier run."""

    @property
    def n_mixes(self) -> int:
        """Number of mixes that are left to make."""
        return sum(job.n_mixes for job in self.jobs)


def study_inputs(study: Study) -> Inputs:
    """The inputs of a study. Raises InputError if any of its arms cannot be made, or trained here."""
    if study.recipe is not None:
        from hybrid.training.libraries import check_libraries

        check_libraries()
    rules = rules_of(study.rules, study.sets, study.plugins)
    for seed in study.seeds:
        for arm in arms_of(study, rules, seed):
            try:
                network_of(arm.network(study))
            except InputError as error:
                where = "model" if arm.model is None else f"arms[{_index_of(study, arm)}].model"
                raise InputError(*(Problem(where, each.what, each.hint) for each in error.problems)) from error
    network = network_of(study.model)
    weights = network.hash if network else ""
    parts = [rules.hash, study.metric_names, study.steps, weights, source_hash(__name__), *recipe_hashes(study)]
    return Inputs(study, rules, weights, hashlib.sha256(json.dumps(parts).encode()).hexdigest())


def _index_of(study: Study, arm: Arm) -> int:
    """Of the entry that names an arm with a network of its own."""
    names = [entry.name if isinstance(entry, FreeArm) else "" for entry in study.arms]
    return names.index(arm.id)


def seeds_of(source: SongSource, study: Study) -> tuple[int, ...]:
    """The seeds of a song: its own, or the study's."""
    return source.seeds or study.seeds


def seeded(study: Study, inputs_hash: str, arm: Arm, seed: int) -> SeededArm:
    """The arm with the study's network, or one that it names; a raw sum needs none."""
    network = None if arm.is_raw else network_of(arm.network(study))
    parts = [inputs_hash, arm.rules.hash, arm.changed, arm.n_steps, arm.is_raw, arm.seed, seed]
    parts += [network.hash if network else ""]
    return SeededArm(arm, seed, network, hashlib.sha256(json.dumps(parts).encode()).hexdigest())


def work_of(
    inputs: Inputs,
    sources: Sequence[SongSource],
    out: Path,
    networks: TrainedArms,
    known: KnownSongs | None = None,
) -> Work:
    """Work that is left to do in `out` for these songs; `known` are those of an earlier run."""
    study = inputs.study
    jobs: list[StudyJob] = []
    expected: dict[tuple[str, int], dict[str, str]] = {}
    n_kept = 0
    notes = dict.fromkeys(f"{name}: as the rules say, see {FULL}" for name in values_as_they_are(study, inputs.rules))
    all_units = {
        source.name: {seed: read_unit(unit_path(out, source.name, seed)) for seed in seeds_of(source, study)}
        for source in sources
    }
    for source in sources:
        left: dict[int, tuple[str, ...]] = {}
        units = all_units[source.name]
        if known and source.name not in known.songs:
            notes |= {f"{source.name}: new": None}
        for seed, unit in units.items():
            arms = arms_of(study, inputs.rules, seed, source.name)
            keys = {arm.id: seeded(study, inputs.hash, arm, seed).made_by for arm in arms}
            kept = {row.arm for row in kept_rows(unit, source, keys)}
            if known and source.name in known.songs and seed not in (source.seeds or known.seeds):
                notes |= {f"seed {seed}: new": None}
            notes |= dict.fromkeys(_changes(unit, source, keys, kept))
            if seed == seeds_of(source, study)[0]:
                kept -= _not_written(study, source, out, unit)
            if to_mix := tuple(name for name in keys if name not in kept):
                left[seed] = to_mix
            n_kept += len(kept)
            expected[source.name, seed] = keys
        if left:
            jobs.append(StudyJob(source, left, study, networks, out, inputs.hash))
    return Work(tuple(jobs), expected, n_kept, tuple(notes))


def kept_rows(unit: Unit | None, source: SongSource, keys: Mapping[str, str]) -> tuple[Row, ...]:
    """The rows of a unit that are what they would be if they were made now, in the order of `keys`: those of the same
    files of the song, with the same hash."""
    if unit is None or unit.stamp != source.stamp:
        return ()
    by_arm = {row.arm: row for row in unit.rows}
    return tuple(by_arm[name] for name, key in keys.items() if name in by_arm and by_arm[name].made_by == key)


def done_units(work: Work, sources: Sequence[SongSource], out: Path) -> Iterator[Unit]:
    """The rows of all songs and seeds of which all arms are done."""
    by_song: dict[str, list[int]] = {}
    for name, seed in work.expected:
        by_song.setdefault(name, []).append(seed)
    # in the order of the songs: whatever the shard, results are the same
    for source in sources:
        for seed in by_song.get(source.name, ()):
            unit, keys = read_unit(unit_path(out, source.name, seed)), work.expected[source.name, seed]
            rows = kept_rows(unit, source, keys)
            if unit and len(rows) == len(keys):
                yield unit._replace(rows=rows)


def _changes(unit: Unit | None, source: SongSource, keys: Mapping[str, str], kept: Set[str]) -> Iterator[str]:
    """Notes on what an earlier run has otherwise, or not at all."""
    if unit is None:
        return
    if unit.stamp != source.stamp:
        yield f"{source.name} has changed: mixed again"
        return
    there = {row.arm for row in unit.rows}
    for name in keys:
        if name not in there:
            yield f"{name}: new"
        elif name not in kept:
            yield f"{name} has changed: mixed again"
    for name in sorted(there - set(keys)):
        yield f"{name} is no longer an arm of the study: left out"


def _not_written(study: Study, source: SongSource, out: Path, unit: Unit | None) -> set[str]:
    """Arms whose mixes are to be written as audio, and are not there; those that diverged have none."""
    diverged = {row.arm for row in unit.rows if row.state == "diverged"} if unit else set[str]()
    return set(listening_arms(study)) - diverged - set(written_mixes(out, source.name))
