"""One song under one seed: every arm of a study is mixed and judged, and nothing that they share is done twice."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
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
from hybrid.knowledge.evaluate import read_panel
from hybrid.knowledge.objective import Objective, project
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.ruleset import RuleSet
from hybrid.measure.panel import predict
from hybrid.mixing.mixdown import rendered
from hybrid.mixing.plan import MixConfig, MixProblem, formulate, naming_of
from hybrid.proposal.weights import Network
from hybrid.refinement.refine import AT_ONCE, refine_many
from hybrid.study.arm import FULL, Arm
from hybrid.study.compiled import CompiledPrograms, counted_programs
from hybrid.study.rows import Row
from hybrid.treatment.types import Treatment

_JUDGED_AT_ONCE, _JUDGED_SAMPLES = 8, 20_000_000
"""Mixes that are in memory together, and whose tracks are read once: so many, and no more of their samples."""
_T = TypeVar("_T")


class Ready(NamedTuple):
    """A song that is open, has been listened to, and has its reference beside it: all seeds begin here."""

    name: str
    heard: AnalysedSong
    reader: SongReader
    beside: AlignedReference | None
    """The reference, laid beside the raw sum: the same for all arms."""


class Compiled(NamedTuple):
    """Programs that were compiled, or taken from the cache on disk."""

    first: int
    """For what was the first of its kind."""
    later: int
    """For all that followed: none, if arms differ in data alone."""


class Mixed(NamedTuple):
    """What is found of all arms."""

    rows: tuple[Row, ...]
    explained: float | None
    """Share of the reference that the tracks explain; None without one."""
    compiled: Compiled
    kept: dict[str, Mix]
    """The mixes that were asked for, by arm."""


class _Count:
    """Counts compiled programs over several loops."""

    def __init__(self, programs: CompiledPrograms) -> None:
        self._programs = programs
        self.first = self.later = 0

    def over(self, things: Iterable[_T]) -> Iterator[_T]:
        """The things, one by one; what is compiled for the first is told from what is compiled for the others."""
        for index, thing in enumerate(things):
            before = self._programs.n
            yield thing
            if index:
                self.later += self._programs.n - before
            else:
                self.first += self._programs.n - before


def make_ready(
    name: str, song: Song, reader: SongReader, reference: Path | None, way: tuple[RuleSet, Network | None]
) -> Ready:
    """Listens to a song, whose roles the rules and the network help to name.

    Raises SongError if its files, or its reference, are unfit.
    """
    heard = analyse_song(song, reader, naming_of(*way))
    reader = reader.for_song(heard.song)
    beside = None
    if reference:
        whole = sum_of([reader.read(k, 0, song.n_samples) for k in range(len(song.tracks))])
        beside = align_reference(read_mix(reference, song.sample_rate), normalise_mix(name, whole, song.sample_rate))
    return Ready(name, heard, reader, beside)


def mix_arms(
    ready: Ready,
    seed: int,
    arms: Sequence[Arm],
    networks: Mapping[str, Network | None],
    metrics: Sequence[str],
    keep: Sequence[str] = (),
) -> Mixed:
    """Every arm mixed and judged. `networks` gives the one that proposes where each arm starts.

    Penalties of all arms are those of the full rules, which are the first arm.
    """
    assert arms[0].id == FULL
    with counted_programs() as programs:
        count = _Count(programs)
        begun: dict[str, MixProblem] = {}
        for proposes in (True, False):
            # an arm without a network takes another path, the same for all that have none
            for arm in count.over([arm for arm in arms if arm.uses_network is proposes]):
                begun[arm.id] = _begun(ready, seed, arm, networks[arm.id])
        treatments = dict(_treated([(begun[arm.id], arm) for arm in arms], count))
        ruler = _Ruler(ready, begun[FULL].objective)
        rows: list[Row] = []
        kept: dict[str, Mix] = {}
        explained = None
        at_once = max(1, min(_JUDGED_AT_ONCE, _JUDGED_SAMPLES // ready.reader.song.n_samples))
        for first in count.over(range(0, len(arms), at_once)):
            for arm, found in _judged(ready, arms[first : first + at_once], treatments):
                explained = found.explained if explained is None else explained
                values = {name: round(found.metrics[name], 6) for name in metrics if name in found.metrics}
                state = "diverged" if found.why else "done"
                penalty, total = ruler.penalties(treatments[arm.id])
                touches = ruler.touches(arm)
                rows.append(
                    Row(ready.name, seed, arm.id, state, values, penalty, total, touches, found.why, arm.rules.hash)
                )
                if found.mix is not None and arm.id in keep:
                    kept[arm.id] = found.mix
    return Mixed(tuple(rows), explained, Compiled(count.first, count.later), kept)


def _begun(ready: Ready, seed: int, arm: Arm, network: Network | None) -> MixProblem:
    way = MixConfig(arm.n_steps, seed, network if arm.uses_network else None)
    return formulate(ready.heard.song, ready.heard.analysis, arm.rules, way)


def _treated(begun: Sequence[tuple[MixProblem, Arm]], count: _Count) -> Iterator[tuple[str, Treatment]]:
    """Each arm's treatment: those that one program serves are refined side by side, from where each starts."""
    groups: dict[Hashable, list[tuple[MixProblem, Arm]]] = {}
    for each, arm in begun:
        key = (each.objective.program.key, jax.tree.structure(each.start), arm.n_steps)
        groups.setdefault(key, []).append((each, arm))
    for group in groups.values():
        for first in count.over(range(0, len(group), AT_ONCE)):
            some = group[first : first + AT_ONCE]
            refined = refine_many([each.task for each, _ in some], [each.start for each, _ in some], some[0][1].n_steps)
            for (each, arm), one in zip(some, refined, strict=True):
                yield arm.id, _placed(each.nothing if arm.is_raw else one.treatment)


def _placed(treatment: Treatment) -> Treatment:
    """The treatment, refined or not, where the same programs serve it."""
    return jax.device_put(treatment, jax.local_devices()[0])


class _Ruler:
    """Measures treatments of a song by the full rules."""

    def __init__(self, ready: Ready, objective: Objective) -> None:
        self._dry, self._objective = ready.heard.analysis.dry, objective
        self._ids = [rule.id for rule in objective.program.rules]
        self._present: set[str] = set()

    def penalties(self, treatment: Treatment) -> tuple[dict[str, float], float | None]:
        """What each rule costs that has a target, and the weighted sum; nothing for a treatment that is no number."""
        found = self._read(treatment)
        cost = np.asarray(objectives.penalties(self._objective, found, np.zeros(len(found), np.float32)), np.float64)
        rules = zip(self._objective.program.rules, found, strict=True)
        self._present |= {rule.id for rule, each in rules if rule.enabled and np.any(np.asarray(each.share) > 0.0)}
        if not np.isfinite(cost).all():
            return {}, None
        total = round(float(np.asarray(self._objective.weight) @ cost), 6)
        by_rule = dict(zip(self._ids, cost.tolist(), strict=True))
        return {name: round(value, 6) for name, value in by_rule.items() if name in self._present}, total

    def touches(self, arm: Arm) -> bool:
        """Whether the song has a target of any rule that the arm changes."""
        return not arm.changed or bool(set(arm.changed) & self._present)

    def _read(self, treatment: Treatment) -> tuple[Reading, ...]:
        return read_panel(self._objective, predict(self._dry, project(self._objective, self._dry, treatment)))


class _Found(NamedTuple):
    mix: Mix | None
    metrics: dict[str, float]
    explained: float | None
    why: str
    """There is no mix."""


def _judged(ready: Ready, arms: Sequence[Arm], treatments: Mapping[str, Treatment]) -> Iterator[tuple[Arm, _Found]]:
    """The arms with what is found of their mixes."""
    mixes: dict[str, Mix] = {}
    roughness: dict[str, float] = {}
    reasons: dict[str, str] = {}
    for arm in arms:
        samples, roughness[arm.id] = _sounded(ready, treatments[arm.id])
        try:
            if np.isfinite(samples).all():
                mixes[arm.id] = normalise_mix(arm.id, samples, ready.reader.song.sample_rate)
            else:
                reasons[arm.id] = "the mix is no number"
        except SongError as error:
            reasons[arm.id] = error.problems[0].what
    judged = judge(list(mixes.values()), ready.reader, ready.beside) if mixes else []
    by_arm = dict(zip(mixes, judged, strict=True))
    for arm in arms:
        if arm.id in by_arm:
            one = by_arm[arm.id]
            metrics = {**one.metrics, "roughness_db_per_s": roughness[arm.id]}
            # these mixes have no output level yet: nothing can have clipped
            metrics.pop("clipped", None)
            yield arm, _Found(mixes[arm.id], metrics, one.reference_explained, "")
        else:
            yield arm, _Found(None, {}, None, reasons[arm.id])


def _sounded(ready: Ready, treatment: Treatment) -> tuple[Float[np.ndarray, "2 time"], float]:
    """The mix before its output level, and how rough the gains of its tracks are."""
    reader = ready.reader
    roughness = RoughnessMeter(reader.song.sample_rate)

    def compare(track: int, raw: Float[np.ndarray, "_ time"], treated: Float[np.ndarray, "_ time"]) -> None:
        roughness.add(track, raw, treated)

    with workers(reader.n_threads) as pool:
        chunks = rendered(reader.song, reader, treatment, pool, compare)
        whole = np.concatenate([sum_of(chunk.parts) for chunk in chunks], axis=1)
    return whole, roughness.db_per_s()
