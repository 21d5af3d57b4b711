"""The plan of a mix before anything is rendered: analysis, compiled rules, refined treatment, predicted verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from hybrid.ahead import ahead
from hybrid.analysis.analyse import Analysis
from hybrid.analysis.chunks import Progress
from hybrid.analysis.recording import blank_recording
from hybrid.analysis.song import Naming, align_song, measure_song
from hybrid.audio.read import SongReader
from hybrid.audio.references import Reference, Rough
from hybrid.audio.song import Song
from hybrid.edits.edit import Edit
from hybrid.goals.goal import Asked, Goal
from hybrid.knowledge.compile import compile_rules, optional_parts
from hybrid.knowledge.evaluate import predicted, predicted_panel, raw_panel, read_panel, verdict
from hybrid.knowledge.findings import BROKEN
from hybrid.knowledge.matches import MatchReport, notes_on_raw_levels
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.select import name_roles
from hybrid.knowledge.start_levels import beyond_expected
from hybrid.knowledge.verdict import Verdict
from hybrid.measure.balance import raw_lufs
from hybrid.measure.loudness import ABSOLUTE_GATE_LUFS
from hybrid.measure.panel import Measured
from hybrid.mixing.programs import Programs, Shapes
from hybrid.mixing.proposals import first_look, proposed_start
from hybrid.mixing.settings import Settings, placed_by, treatment_of
from hybrid.proposal.field import classify_tracks, with_classified_roles
from hybrid.proposal.weights import Network
from hybrid.refinement.constraints import UNLIMITED, constraint_weights_of, signed_excess
from hybrid.refinement.initial import RawFindings, usual_start
from hybrid.refinement.pins import pins_of
from hybrid.refinement.refine import Refined, Task, refine, refine_further
from hybrid.treatment.pooling import pool
from hybrid.treatment.types import Dry, Treatment, neutral

REFINE_FRAMES = 512
"""Frames that refinement works on at most; those of longer songs are joined."""
_MISSED = 0.25
"""Distance from what a reference asks, in scales, from which a mix is corrected by its audio: a guess."""
DYNAMICS_S = 0.2
"""Spacing of the points of dynamics, or the length of a joined frame if that is longer."""


class MixConfig(NamedTuple):
    """Options of a mix."""

    n_steps: int
    """Of refinement; 0 keeps the start."""
    seed: int = 0
    """Draws the sides on which tracks start."""
    network: Network | None = None
    """Proposes the start; without one, tracks start at usual levels of their roles."""
    settings: Settings | None = None
    """The treatment to start from, in place of a proposal; without steps it is rendered just as it is."""
    n_threads: int | None = None
    """Threads to work on the song with; one per core if None."""
    references: tuple[Reference, ...] = ()
    """Finished mixes that the mix follows once it is refined by itself; if none, those of the song."""
    rough: Rough | None = None
    """The producer's mix of the same tracks, whose balance is kept; if none, that of the song."""
    edits: tuple[Edit, ...] = ()
    """Moves of a person, made on the mix that there would be without them; on `settings` as they are, where given."""

    @property
    def proposes(self) -> bool:
        """Whether a network proposes the start: given settings stand in for a proposal."""
        return self.network is not None and self.settings is None


class Followed(NamedTuple):
    """A goal that a mix follows."""

    goal: Goal
    asked: tuple[Asked, ...]
    """What it asks of this song."""
    template: Objective
    """The rules with the template's limits: what they read is relative to nothing that is asked."""


class Moved(NamedTuple):
    """A target of a rule that a person's moves are about."""

    rule: str
    target: str
    unit: str
    """Of differences of the values."""
    before: float
    """Without the moves."""
    after: float
    """With the moves alone, before anything is refined around them."""


class Plan(NamedTuple):
    """A song that is ready to be rendered."""

    song: Song
    """With its roles named, and its microphones aligned."""
    analysis: Analysis
    objective: Objective
    report: MatchReport
    task: Task
    refined: Refined
    before: Verdict
    """Of the raw sum at the output level that the rules ask for."""
    predicted: Verdict
    """Of the mix, in the power domain."""
    rules: RuleSet
    """Those that were given; with what a goal asks, where one is followed."""
    followed: Followed | None = None
    is_given: bool = False
    """Whether the treatment is one that was given, its output level too."""
    moved: tuple[Moved, ...] = ()
    """What edits are about; empty without any."""

    @property
    def followed_ids(self) -> frozenset[str]:
        """Ids of the rules that references ask for."""
        asked = self.followed.asked if self.followed else ()
        return frozenset(each.rule.id for each in asked if each.amount > 0.0)


def naming_of(rules: RuleSet | None, network: Network | None) -> Naming:
    """Naming of roles by the names that the rules know, else by the network's classification of the sound."""
    by_ear = partial(_named_by_ear, network) if network else None
    return Naming(partial(name_roles, names=rules.roles if rules else ()), by_ear)


def _named_by_ear(network: Network, song: Song, dry: Dry) -> Song:
    return with_classified_roles(song, classify_tracks(network, dry, song.tracks))


First = Callable[[Song, Treatment], None]
"""Receives the song and the network's first prediction, to be heard before anything is refined."""


def plan_mix(
    song: Song, reader: SongReader, rules: RuleSet, config: MixConfig, progress: Progress, first: First | None = None
) -> Plan:
    """The plan of a mix: everything up to rendering. Deterministic for a seed.

    Rules that are required, and those that the raw sum keeps, are held while the others are improved. Where a name
    does not tell what a track is, the network classifies it. `first` is called, if a network proposes and the song's
    shape is new to this machine, before what refines it is compiled.
    """
    if config.settings:
        song = placed_by(config.settings, song)
    aligned = align_song(song, reader, naming_of(rules, config.network), progress)
    empty = blank_recording(aligned.song, aligned.pairs).dry(0.0)
    spec = shape_spec(aligned.song, empty, rules, config)
    network = config.network if config.proposes else None
    shapes = Shapes(spec.task, spec.objective, empty, spec.nothing)
    with ahead(progress) as submit, Programs(shapes, network, submit, refines=config.n_steps > 0) as programs:
        # the song's shape is known: its programs are made while its samples are read
        programs.prepare(has_first=first is not None)
        analysis = measure_song(aligned, reader, progress).analysis
        if first and network and programs.first_was_new():
            task = spec.task._replace(dry=_pooled(analysis.dry))
            first(aligned.song, first_look(network, analysis.dry, task, spec.nothing, aligned.song, config.seed))
    song = aligned.song
    problem = _problem_of(song, analysis, spec, rules, config)
    objective, dry = problem.objective, analysis.dry
    is_given = config.settings is not None and not config.n_steps
    # refinement would bring values at the ends of their ranges a little inside
    refined = (
        Refined(problem.start, (), 0) if is_given else refine(problem.task, problem.start, config.n_steps, progress)
    )
    return Plan(
        song,
        analysis,
        objective,
        problem.report,
        problem.task,
        refined,
        before=verdict(objective, song, problem.raw, problem.readings),
        predicted=predicted(objective, song, dry, refined.treatment),
        rules=rules,
        is_given=is_given,
    )


class MixProblem(NamedTuple):
    """A song and its rules, ready to be refined."""

    objective: Objective
    """Of all its frames."""
    report: MatchReport
    task: Task
    start: Treatment
    nothing: Treatment
    """The treatment that does nothing."""
    raw: Measured
    """The raw sum at the output level that the rules ask for."""
    readings: tuple[Reading, ...]
    """Of the raw sum."""


def formulate(song: Song, analysis: Analysis, rules: RuleSet, config: MixConfig) -> MixProblem:
    """The problem that refinement solves for an analysed song under these rules, and where it starts."""
    return _problem_of(song, analysis, shape_spec(song, analysis.dry, rules, config), rules, config)


def _problem_of(song: Song, analysis: Analysis, spec: ShapeSpec, rules: RuleSet, config: MixConfig) -> MixProblem:
    dry, levels = analysis.dry, analysis.raw_levels
    objective, nothing = spec.objective, spec.nothing
    raw = raw_panel(objective.output, dry, nothing, (levels.integrated_lufs, levels.true_peak_dbtp))
    readings = read_panel(objective, raw)
    task = spec.task._replace(dry=_pooled(dry), constraints=constraint_weights_of(objective, readings, rules.rules))
    findings = RawFindings(
        _corners_hz(objective, readings, dry.power.shape[0]),
        beyond_expected(objective.program.rules, jax.device_get(readings)),
    )
    start = usual_start(nothing, dry, song.tracks, findings, config.seed)
    if config.settings:
        start = treatment_of(config.settings, song, nothing)
        task = task._replace(in_turn=np.float32(0.0))
    elif config.network:
        start = proposed_start(config.network, dry, task, nothing, start, song, config.seed)
        task = task._replace(in_turn=np.float32(0.0))
    return MixProblem(objective, _with_level_notes(spec.report, rules, song, dry), task, start, nothing, raw, readings)


def _with_level_notes(report: MatchReport, rules: RuleSet, song: Song, dry: Dry) -> MatchReport:
    lufs = [level for level in raw_lufs(dry)[: len(song.tracks)].tolist() if level > ABSOLUTE_GATE_LUFS]
    return report._replace(warnings=(*report.warnings, *notes_on_raw_levels(rules, song, lufs)))


class ShapeSpec(NamedTuple):
    """Compiled rules and shapes of a song, which its measurements do not change."""

    objective: Objective
    """Of all frames."""
    report: MatchReport
    task: Task
    """But for what is measured and what must be held."""
    nothing: Treatment
    """The treatment that does nothing."""


def shape_spec(song: Song, dry: Dry, rules: RuleSet, config: MixConfig) -> ShapeSpec:
    """The spec of a song; of `dry` only shape and times matter, unless the task is used as it is."""
    n_tracks = dry.power.shape[0]
    objective, report = compile_rules(rules, song, n_tracks, np.asarray(dry.time_s))
    pooled = _pooled(dry)
    nothing = _nothing(pooled, optional_parts(rules.rules), config.settings)
    # scopes hold frames: the rules are compiled for all frames, which verdicts rest on, and for the joined ones
    return ShapeSpec(objective, report, blank_task(song, pooled, rules, nothing), nothing)


def blank_task(song: Song, dry: Dry, rules: RuleSet, nothing: Treatment) -> Task:
    """The task of these frames of a song under these rules, in which nothing must be held."""
    objective, _ = compile_rules(rules, song, dry.power.shape[0], np.asarray(dry.time_s))
    unmarked = tuple(np.zeros(low.shape, np.float32) for low in objective.ask.low)
    return Task(objective, dry, pins_of(rules.rules, objective, song, nothing), unmarked)


def correct_plan(plan: Plan, observed: Measured) -> Plan | None:
    """The plan, corrected by measurements of its rendered audio; None if these keep all constraints and come as near to
    what references ask as was predicted.

    Where prediction and audio differ, the limits of what must be kept move by that difference, and refinement goes
    on from where it was.
    """
    dry, treatment = plan.analysis.dry, plan.refined.treatment
    readings = read_panel(plan.objective, observed)
    beyond = signed_excess(plan.objective, readings)
    limits = zip(beyond, plan.task.constraints, strict=True)
    is_broken = any(np.any((np.asarray(c) > BROKEN) & (weights >= UNLIMITED)) for c, weights in limits)
    if not plan.refined.n_steps or not (is_broken or _is_missed(plan, beyond)):
        return None
    expected = read_panel(plan.objective, predicted_panel(plan.objective.output, dry, treatment))
    # what is held, and what references ask
    corrected = [
        (weights > 0.0) | (rule.id in plan.followed_ids)
        for rule, weights in zip(plan.objective.program.rules, plan.task.constraints, strict=True)
    ]
    shift = [
        np.where(held, np.asarray(f.value) - np.asarray(e.value), 0.0).astype(np.float32)
        for f, e, held in zip(readings, expected, corrected, strict=True)
    ]
    ask = plan.task.objective.ask._replace(
        # from the rules' own limits, not those of an earlier correction: the difference is measured anew each time
        low=tuple(low - s for low, s in zip(plan.objective.ask.low, shift, strict=True)),
        high=tuple(high - s for high, s in zip(plan.objective.ask.high, shift, strict=True)),
    )
    task = plan.task._replace(objective=replace(plan.task.objective, ask=ask))
    refined = refine_further(task, plan.refined)
    return plan._replace(refined=refined, predicted=predicted(plan.objective, plan.song, dry, refined.treatment))


def _is_missed(plan: Plan, beyond: Sequence[Float[np.ndarray | Array, " _"]]) -> bool:
    """Whether the audio misses what references ask by more than refinement thought it would.

    Single bands do not count: of a spectrum that is followed some always lie out of reach.
    """
    rules = zip(plan.objective.program.rules, beyond, strict=True)
    single = (each for rule, each in rules if rule.id in plan.followed_ids and len(each) == 1)
    return any(float(np.max(np.asarray(each))) > _MISSED for each in single)


def _corners_hz(objective: Objective, readings: tuple[Reading, ...], n_tracks: int) -> Float[np.ndarray, " track"]:
    """The corner below which each raw track has too much, by the rules on low energy; 0 Hz where it has not."""
    corners = np.zeros(n_tracks, np.float32)
    for index, rule in enumerate(objective.program.rules):
        is_asked = rule.enabled and rule.weight > 0.0
        corner_hz = rule.low_cut_hz(np.asarray(objective.scopes[index].table)) if is_asked else None
        if corner_hz is not None:
            reading = readings[index]
            rumbles = (np.asarray(reading.value) > np.asarray(objective.ask.high[index])) & (reading.share > 0)
            # of two rules on one track the higher corner satisfies both
            corners = np.maximum(corners, np.where(rumbles, corner_hz, 0.0))
    return corners


def _pooled(dry: Dry) -> Dry:
    """The frames that refinement works on."""
    n_frames = dry.active.shape[-1]
    return pool(dry, -(-n_frames // REFINE_FRAMES))


def _nothing(pooled: Dry, optional: tuple[str, ...], settings: Settings | None) -> Treatment:
    """The treatment that does nothing, for the padded length; one that is shaped as given settings are, if there are
    any."""
    n_tracks, n_frames = pooled.active.shape
    # no measurement could tell points apart that are closer than frames
    knot_s = max(DYNAMICS_S, pooled.frame_s)
    if settings:
        optional, knot_s = (*optional, *settings.optional), settings.knot_s
    return neutral(n_tracks, n_frames * pooled.frame_s, knot_s, optional)
