"""One song under one seed: every arm of a study is mixed and judged; what arms share is computed once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from flax import nnx
from jaxtyping import Float

from hybrid.analysis.chunks import sum_of, workers
from hybrid.analysis.song import AnalysedSong, analyse_song
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.errors import SongError
from hybrid.judging.distance import AlignedReference, align_reference
from hybrid.judging.judge import judge
from hybrid.judging.mix import Mix, normalise_mix, read_mix
from hybrid.judging.roughness import RoughnessMeter
from hybrid.knowledge import objective as objectives
from hybrid.knowledge.compile import compile_rules
from hybrid.knowledge.evaluate import predicted_panel, read_panel
from hybrid.knowledge.objective import Objective, Program
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.ruleset import RuleSet
from hybrid.mixing.mixdown import rendered
from hybrid.mixing.plan import MixConfig, formulate, naming_of
from hybrid.proposal.weights import Network
from hybrid.refinement.refine import refine
from hybrid.study.arm import Arm
from hybrid.study.compiled import counted_programs
from hybrid.study.rows import Row
from hybrid.treatment.types import Treatment

_JUDGED_AT_ONCE, _JUDGED_SAMPLES = 8, 20_000_000
"""Limits on the mixes that are judged together, in memory and with one pass over the tracks: their number, and samples
of all of them."""


class SeededArm(NamedTuple):
    """An arm as it is mixed under one seed."""

    arm: Arm
    seed: int
    network: Network | None
    """Proposes the start."""
    made_by: str = ""
    """Hash of all that its rows depend on but the song."""

    @property
    def program(self) -> tuple[str, str]:
        """What programs are compiled for, beside the shape of the song: the rules' measurements, and the network's
        layers. Arms of equal programs differ in data alone."""
        layers = str(nnx.graphdef(self.network.field)) if self.network else ""
        return Program.of(self.arm.rules.rules).key, layers


class NamedSong(NamedTuple):
    """A song with its roles as some rules name them, by which its microphones are aligned."""

    analysed: AnalysedSong
    reader: SongReader


class PreparedSong:
    """An open song with its analysis and its reference mix: the same for all seeds, and for all arms that name roles
    alike."""

    def __init__(self, name: str, song: Song, reader: SongReader, rules: RuleSet, network: Network | None) -> None:
        """Rules and network name roles. Raises SongError if the song's files cannot be used."""
        self.name, self.reference = name, None
        self._song, self._reader, self._rules, self._network = song, reader, rules, network
        self._otherwise: dict[str, NamedSong] = {}
        self.rehearsed = set[tuple[str, str]]()
        """Programs of arms that are compiled for the song."""
        self.analysed, self.reader = self._own = self._named_by(rules, network)

    def with_reference(self, path: Path | None) -> PreparedSong:
        """The song with the reference mix in this file, if any. Raises SongError if it cannot be used."""
        song = self.analysed.song
        if path:
            # the raw sum has the timing of every arm's mix: the reference is aligned once
            whole = sum_of([self.reader.read(k, 0, song.n_samples) for k in range(len(song.tracks))])
            raw = normalise_mix(self.name, whole, song.sample_rate)
            self.reference: AlignedReference | None = align_reference(read_mix(path, song.sample_rate), raw)
        return self

    def named_for(self, arm: Arm, network: Network | None) -> NamedSong:
        """The song with roles as an arm names them: by its rules, and by its network if it has one of its own."""
        is_own = network is not None and arm.model is not None
        if not is_own and arm.rules.roles == self._rules.roles:
            return self._own
        by_ear = network if network is not None and is_own else self._network
        key = f"{arm.rules.roles} {by_ear.hash if by_ear else ''}"
        if key not in self._otherwise:
            self._otherwise[key] = self._named_by(arm.rules, by_ear)
        return self._otherwise[key]

    def _named_by(self, rules: RuleSet, network: Network | None) -> NamedSong:
        analysed = analyse_song(self._song, self._reader, naming_of(rules, network))
        return NamedSong(analysed, self._reader.for_song(analysed.song))


class Compiled(NamedTuple):
    """Programs that were compiled, or loaded from the cache on disk."""

    first: int
    """Before the first arm of each kind, and to judge the first mixes."""
    later: int
    """For all arms after that: 0 if arms differ in data alone."""


class MixedArms(NamedTuple):
    """The rows of all arms of a song under a seed."""

    rows: tuple[Row, ...]
    explained: float | None
    """Share of the reference that the tracks explain; None without one."""
    compiled: Compiled
    mixes: dict[str, Mix]
    """The mixes to be written as audio, by arm."""


def mix_arms(
    song: PreparedSong,
    rules: RuleSet,
    arms: Sequence[SeededArm],
    metrics: Sequence[str],
    keep: Sequence[str] = (),
    begin: Callable[[Arm], None] = lambda arm: None,
) -> MixedArms:
    """The rows of these arms, and the mixes of those in `keep`. Penalties of all are measured by `rules`.

    `begin` receives each arm as its refinement begins.
    """
    with counted_programs() as programs:
        first = 0
        groups: dict[tuple[str, str], list[SeededArm]] = {}
        for each in arms:
            groups.setdefault(each.program, []).append(each)
        refined: dict[str, _RefinedArm] = {}
        for program, group in groups.items():
            before = programs.n
            if program not in song.rehearsed:
                _rehearse(song, group)
                song.rehearsed.add(program)
            first += programs.n - before
            for each in group:
                begin(each.arm)
                refined[each.arm.id] = _refine_arm(song, each)
        meter = _PenaltyMeter(song, rules)
        rows: list[Row] = []
        mixes: dict[str, Mix] = {}
        explained = None
        # all mixes of a group are held in memory while the tracks are read once
        at_once = max(1, min(_JUDGED_AT_ONCE, _JUDGED_SAMPLES // song.reader.song.n_samples))
        for start in range(0, len(arms), at_once):
            before, some = programs.n, arms[start : start + at_once]
            for each, judgement in zip(some, _judge_arms(song, some, refined), strict=True):
                explained = judgement.explained if explained is None else explained
                rows.append(_row(song.name, each, refined[each.arm.id], judgement, meter, metrics))
                if judgement.mix is not None and each.arm.id in keep:
                    mixes[each.arm.id] = judgement.mix
            # what judges is compiled with the first mixes
            first += 0 if start else programs.n - before
    return MixedArms(tuple(rows), explained, Compiled(first, programs.n - first), mixes)


class _RefinedArm(NamedTuple):
    treatment: Treatment
    reader: SongReader
    present: frozenset[str]
    """Ids of its own rules that have a target in the song."""
    took_s: float


def _rehearse(song: PreparedSong, group: Sequence[SeededArm]) -> None:
    """Compiles the programs that these arms share, so that the time of each is that of its mix alone."""
    fullest = max(group, key=lambda each: (not each.arm.is_raw, each.arm.n_steps))
    brief = fullest._replace(arm=fullest.arm._replace(n_steps=min(1, fullest.arm.n_steps)))
    _render(_refine_arm(song, brief))


def _refine_arm(song: PreparedSong, each: SeededArm) -> _RefinedArm:
    begun, arm = time.monotonic(), each.arm
    analysed, reader = song.named_for(arm, each.network)
    config = MixConfig(arm.n_steps, each.seed if arm.seed is None else arm.seed, each.network)
    problem = formulate(analysed.song, analysed.analysis, arm.rules, config)
    treatment = problem.nothing if arm.is_raw else refine(problem.task, problem.start, arm.n_steps).treatment
    present = _present(problem.objective, problem.readings)
    return _RefinedArm(_on_device(treatment), reader, present, time.monotonic() - begun)


def _present(objective: Objective, readings: Sequence[Reading]) -> frozenset[str]:
    """Ids of the rules that are on and have a target."""
    rules = zip(objective.program.rules, readings, strict=True)
    return frozenset(rule.id for rule, each in rules if rule.enabled and np.any(np.asarray(each.share) > 0.0))


def _row(
    song: str,
    each: SeededArm,
    refined: _RefinedArm,
    judgement: _JudgedMix,
    meter: _PenaltyMeter,
    metrics: Sequence[str],
) -> Row:
    arm = each.arm
    penalty, total = meter.penalties(refined.treatment)
    touches = not arm.changed or not meter.present.union(refined.present).isdisjoint(arm.changed)
    return Row(
        song,
        each.seed,
        arm.id,
        state="diverged" if judgement.reason else "done",
        metrics={name: round(judgement.metrics[name], 6) for name in metrics if name in judgement.metrics},
        penalty=penalty,
        total=total,
        touches=touches,
        reason=judgement.reason,
        rules=arm.rules.hash,
        took_s=round(refined.took_s + judgement.took_s, 2),
        made_by=each.made_by,
    )


def _on_device(treatment: Treatment) -> Treatment:
    """The treatment on the first device, whether refined or not, so that the same programs serve it."""
    return jax.device_put(treatment, jax.local_devices()[0])


class _PenaltyMeter:
    """Measures the penalties of treatments of a song by some rules."""

    def __init__(self, song: PreparedSong, rules: RuleSet) -> None:
        analysed = song.analysed
        self._dry = analysed.analysis.dry
        n_tracks, times = self._dry.power.shape[0], np.asarray(self._dry.time_s)
        self._objective, _ = compile_rules(rules, analysed.song, n_tracks, times)
        self._ids = [rule.id for rule in self._objective.program.rules]
        self.present: frozenset[str] = frozenset()
        """Ids of the rules that have a target in the song: wherever any arm gives them a share of it."""

    def penalties(self, treatment: Treatment) -> tuple[dict[str, float], float | None]:
        """Unweighted penalties of all rules that have a target, and their weighted sum; {} and None if any is not
        finite."""
        readings = self._read(treatment)
        cost = np.asarray(
            objectives.penalties(self._objective, readings, np.zeros(len(readings), np.float32)), np.float64
        )
        self.present |= _present(self._objective, readings)
        if not np.isfinite(cost).all():
            return {}, None
        total = round(float(np.asarray(self._objective.weight) @ cost), 6)
        by_rule = dict(zip(self._ids, cost.tolist(), strict=True))
        return {name: round(value, 6) for name, value in by_rule.items() if name in self.present}, total

    def _read(self, treatment: Treatment) -> tuple[Reading, ...]:
        return read_panel(self._objective, predicted_panel(self._objective.output, self._dry, treatment))


class _JudgedMix(NamedTuple):
    mix: Mix | None
    metrics: dict[str, float]
    explained: float | None
    reason: str
    """Why there is no mix; empty if there is one."""
    took_s: float
    """To render it."""


def _judge_arms(
    song: PreparedSong, arms: Sequence[SeededArm], refined: Mapping[str, _RefinedArm]
) -> Iterator[_JudgedMix]:
    """The metrics of the mix of each arm."""
    mixes: dict[str, Mix] = {}
    roughness: dict[str, float] = {}
    reasons: dict[str, str] = {}
    took_s: dict[str, float] = {}
    for name in (each.arm.id for each in arms):
        begun = time.monotonic()
        samples, roughness[name] = _render(refined[name])
        took_s[name] = time.monotonic() - begun
        try:
            if np.isfinite(samples).all():
                mixes[name] = normalise_mix(name, samples, song.reader.song.sample_rate)
            else:
                reasons[name] = "the mix is not finite"
        except SongError as error:
            reasons[name] = error.problems[0].what
    judged = judge(list(mixes.values()), song.reader, song.reference) if mixes else []
    by_arm = dict(zip(mixes, judged, strict=True))
    for name in (each.arm.id for each in arms):
        if name in by_arm:
            one = by_arm[name]
            metrics = {**one.metrics, "roughness_db_per_s": roughness[name]}
            # judged before the output level is set: whether the delivered mix clips cannot be told
            metrics.pop("clipped", None)
            yield _JudgedMix(mixes[name], metrics, one.reference_explained, "", took_s[name])
        else:
            yield _JudgedMix(None, {}, None, reasons[name], took_s[name])


def _render(refined: _RefinedArm) -> tuple[Float[np.ndarray, "2 time"], float]:
    """The mix before its output level is set, and the roughness of its tracks' gains in dB/s."""
    reader = refined.reader
    roughness = RoughnessMeter(reader.song.sample_rate)

    def compare(track: int, raw: Float[np.ndarray, "_ time"], treated: Float[np.ndarray, "_ time"]) -> None:
        roughness.add(track, raw, treated)

    with workers(reader.n_threads) as pool:
        chunks = rendered(reader.song, reader, refined.treatment, pool, compare)
        whole = np.concatenate([sum_of(chunk.parts) for chunk in chunks], axis=1)
    return whole, roughness.db_per_s()
