"""One song under one seed: every arm of a study is mixed and judged; what arms share is computed once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

import jax
import numpy as np
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
from hybrid.knowledge.evaluate import predicted_panel, read_panel
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.ruleset import RuleSet
from hybrid.mixing.mixdown import rendered
from hybrid.mixing.plan import MixConfig, MixProblem, formulate, naming_of
from hybrid.proposal.weights import Network
from hybrid.refinement.refine import refine
from hybrid.study.arm import FULL, Arm
from hybrid.study.compiled import CompiledPrograms, counted_programs
from hybrid.study.rows import Row
from hybrid.treatment.types import Treatment

_JUDGED_AT_ONCE, _JUDGED_SAMPLES = 8, 20_000_000
"""Limits on the mixes that are judged together, in memory and with one pass over the tracks: their number, and samples
of all of them."""
_T = TypeVar("_T")


class PreparedSong(NamedTuple):
    """An open song with its analysis and its reference mix: the same for all seeds and arms."""

    name: str
    analysed: AnalysedSong
    reader: SongReader
    reference: AlignedReference | None
    """The reference mix, aligned with the raw sum; None without one."""


class Compiled(NamedTuple):
    """Programs that were compiled, or loaded from the cache on disk."""

    first: int
    """For the first arm of each kind."""
    later: int
    """For all later arms: 0 if arms differ in data alone."""


class MixedArms(NamedTuple):
    """The rows of all arms of a song under a seed."""

    rows: tuple[Row, ...]
    explained: float | None
    """Share of the reference that the tracks explain; None without one."""
    compiled: Compiled
    mixes: dict[str, Mix]
    """The mixes to be written as audio, by arm."""


class _Count:
    """Counts compiled programs over several loops."""

    def __init__(self, programs: CompiledPrograms) -> None:
        self._programs = programs
        self.first = self.later = 0

    def over(self, items: Iterable[_T]) -> Iterator[_T]:
        """The items one by one, while programs compiled for the first and for later ones are counted separately."""
        for index, item in enumerate(items):
            before = self._programs.n
            yield item
            if index:
                self.later += self._programs.n - before
            else:
                self.first += self._programs.n - before


def prepare_song(
    source: tuple[str, Song, Path | None], reader: SongReader, rules: RuleSet, network: Network | None
) -> PreparedSong:
    """The analysis of a song, given with its name and the path of its reference mix. Rules and network name roles.

    Raises SongError if its files, or its reference, cannot be used.
    """
    name, song, reference_path = source
    analysed = analyse_song(song, reader, naming_of(rules, network))
    reader = reader.for_song(analysed.song)
    reference = None
    if reference_path:
        # the raw sum has the timing of every arm's mix: the reference is aligned once
        whole = sum_of([reader.read(k, 0, song.n_samples) for k in range(len(song.tracks))])
        reference = align_reference(
            read_mix(reference_path, song.sample_rate), normalise_mix(name, whole, song.sample_rate)
        )
    return PreparedSong(name, analysed, reader, reference)


def mix_arms(
    song: PreparedSong,
    seed: int,
    proposed: Sequence[tuple[Arm, Network | None]],
    metrics: Sequence[str],
    keep: Sequence[str] = (),
) -> MixedArms:
    """The rows of all arms, each given with the network that proposes its start, and the mixes of the arms in `keep`.

    Penalties of all arms are measured by the full rules, which are those of the first arm.
    """
    arms = [arm for arm, _ in proposed]
    networks = {arm.id: network for arm, network in proposed}
    assert arms[0].id == FULL
    with counted_programs() as programs:
        count = _Count(programs)
        started: dict[str, MixProblem] = {}
        for uses_network in (True, False):
            # arms without a network run other programs, which they share: each group has a first arm of its own
            for arm in count.over([arm for arm in arms if arm.uses_network is uses_network]):
                started[arm.id] = _start_arm(song, seed, arm, networks[arm.id])
        treatments = dict(_refined_treatments([(started[arm.id], arm) for arm in arms], count))
        meter = _PenaltyMeter(song, started[FULL].objective)
        rows: list[Row] = []
        mixes: dict[str, Mix] = {}
        explained = None
        # all mixes of a group are held in memory while the tracks are read once
        at_once = max(1, min(_JUDGED_AT_ONCE, _JUDGED_SAMPLES // song.reader.song.n_samples))
        for first in count.over(range(0, len(arms), at_once)):
            for arm, judgement in _judge_arms(song, arms[first : first + at_once], treatments):
                explained = judgement.explained if explained is None else explained
                values = {name: round(judgement.metrics[name], 6) for name in metrics if name in judgement.metrics}
                state = "diverged" if judgement.reason else "done"
                penalty, total = meter.penalties(treatments[arm.id])
                touches = meter.touches(arm)
                rows.append(
                    Row(
                        song.name,
                        seed,
                        arm.id,
                        state,
                        values,
                        penalty,
                        total,
                        touches,
                        judgement.reason,
                        arm.rules.hash,
                    )
                )
                if judgement.mix is not None and arm.id in keep:
                    mixes[arm.id] = judgement.mix
    return MixedArms(tuple(rows), explained, Compiled(count.first, count.later), mixes)


def _start_arm(song: PreparedSong, seed: int, arm: Arm, network: Network | None) -> MixProblem:
    config = MixConfig(arm.n_steps, seed, network if arm.uses_network else None)
    return formulate(song.analysed.song, song.analysed.analysis, arm.rules, config)


def _refined_treatments(started: Sequence[tuple[MixProblem, Arm]], count: _Count) -> Iterator[tuple[str, Treatment]]:
    """The treatment of each arm, from its own start."""
    for each, arm in count.over(list(started)):
        treatment = each.nothing if arm.is_raw else refine(each.task, each.start, arm.n_steps).treatment
        yield arm.id, _on_device(treatment)


def _on_device(treatment: Treatment) -> Treatment:
    """The treatment on the first device, whether refined or not, so that the same programs serve it."""
    return jax.device_put(treatment, jax.local_devices()[0])


class _PenaltyMeter:
    """Measures the penalties of treatments of a song by the full rules."""

    def __init__(self, song: PreparedSong, objective: Objective) -> None:
        self._dry, self._objective = song.analysed.analysis.dry, objective
        self._ids = [rule.id for rule in objective.program.rules]
        self._present: set[str] = set()

    def penalties(self, treatment: Treatment) -> tuple[dict[str, float], float | None]:
        """Unweighted penalties of all rules that have a target, and their weighted sum; {} and None if any is not
        finite."""
        readings = self._read(treatment)
        cost = np.asarray(
            objectives.penalties(self._objective, readings, np.zeros(len(readings), np.float32)), np.float64
        )
        rules = zip(self._objective.program.rules, readings, strict=True)
        # a rule has a target wherever any arm gives it a share of the song
        self._present |= {rule.id for rule, each in rules if rule.enabled and np.any(np.asarray(each.share) > 0.0)}
        if not np.isfinite(cost).all():
            return {}, None
        total = round(float(np.asarray(self._objective.weight) @ cost), 6)
        by_rule = dict(zip(self._ids, cost.tolist(), strict=True))
        return {name: round(value, 6) for name, value in by_rule.items() if name in self._present}, total

    def touches(self, arm: Arm) -> bool:
        """Whether a rule that the arm changes has a target in the song."""
        return not arm.changed or bool(set(arm.changed) & self._present)

    def _read(self, treatment: Treatment) -> tuple[Reading, ...]:
        return read_panel(self._objective, predicted_panel(self._objective.output, self._dry, treatment))


class _JudgedMix(NamedTuple):
    mix: Mix | None
    metrics: dict[str, float]
    explained: float | None
    reason: str
    """Why there is no mix; empty if there is one."""


def _judge_arms(
    song: PreparedSong, arms: Sequence[Arm], treatments: Mapping[str, Treatment]
) -> Iterator[tuple[Arm, _JudgedMix]]:
    """Each arm with the metrics of its mix."""
    mixes: dict[str, Mix] = {}
    roughness: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for arm in arms:
        samples, roughness[arm.id] = _render(song, treatments[arm.id])
        try:
            if np.isfinite(samples).all():
                mixes[arm.id] = normalise_mix(arm.id, samples, song.reader.song.sample_rate)
            else:
                reasons[arm.id] = "the mix is not finite"
        except SongError as error:
            reasons[arm.id] = error.problems[0].what
    judged = judge(list(mixes.values()), song.reader, song.reference) if mixes else []
    by_arm = dict(zip(mixes, judged, strict=True))
    for arm in arms:
        if arm.id in by_arm:
            one = by_arm[arm.id]
            metrics = {**one.metrics, "roughness_db_per_s": roughness[arm.id]}
            # judged before the output level is set: whether the delivered mix clips cannot be told
            metrics.pop("clipped", None)
            yield arm, _JudgedMix(mixes[arm.id], metrics, one.reference_explained, "")
        else:
            yield arm, _JudgedMix(None, {}, None, reasons[arm.id])


def _render(song: PreparedSong, treatment: Treatment) -> tuple[Float[np.ndarray, "2 time"], float]:
    """The mix before its output level is set, and the roughness of its tracks' gains in dB/s."""
    reader = song.reader
    roughness = RoughnessMeter(reader.song.sample_rate)

    def compare(track: int, raw: Float[np.ndarray, "_ time"], treated: Float[np.ndarray, "_ time"]) -> None:
        roughness.add(track, raw, treated)

    with workers(reader.n_threads) as pool:
        chunks = rendered(reader.song, reader, treatment, pool, compare)
        whole = np.concatenate([sum_of(chunk.parts) for chunk in chunks], axis=1)
    return whole, roughness.db_per_s()
