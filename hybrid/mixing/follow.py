"""A mix that follows a goal: the mix of its own first, and refined from there towards what references ask; without
refinement, proposed again by a network that is given the goal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.ahead import ahead
from hybrid.analysis.chunks import Progress
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.errors import InputError, Problem
from hybrid.goals.goal import Asked, Goal, asked_of, goal_rules, load_goal
from hybrid.knowledge.evaluate import predicted, predicted_panel, raw_panel, read_panel, verdict
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.ruleset import RuleSet
from hybrid.mixing.plan import First, Followed, MixConfig, Plan, formulate, plan_mix, shape_spec
from hybrid.mixing.programs import Programs, Shapes
from hybrid.mixing.proposals import proposed_start
from hybrid.model.goal_features import AskedChange, goal_features
from hybrid.refinement.refine import refine
from hybrid.treatment.types import Dry, Treatment


def goal_of(song: Song, config: MixConfig, progress: Progress) -> Goal | None:
    """The goal that a mix of the song is to follow: of the references of `config`, else of those in its `song.yaml`.

    None where nothing is asked. Raises InputError and SongError for references that cannot be followed.
    """
    references = config.references or song.references
    # an amount of 0 is the mix's own: not even the file is read
    asked = [each for each in references if any(amount > 0.0 for amount in each.amounts.values())]
    rough = config.rough or song.rough
    rough = rough if rough and rough.amount > 0.0 else None
    if not asked and not rough:
        return None
    if not config.n_steps and not config.proposes:
        what = "are followed by a network or by refinement, and there is neither"
        raise InputError(Problem("references", what, "give --steps, or leave the references out"))
    return load_goal(asked, progress, rough, song)


def plan_towards(
    goal: Goal | None,
    song: Song,
    reader: SongReader,
    rules: RuleSet,
    config: MixConfig,
    progress: Progress,
    first: First | None = None,
) -> Plan:
    """As `plan_mix`, and on from there to the goal, if there is one."""
    own = plan_mix(song, reader, rules, config, progress, first)
    return followed(own, rules, config, goal, progress) if goal else own


def followed(own: Plan, rules: RuleSet, config: MixConfig, goal: Goal, progress: Progress) -> Plan:
    """The plan, refined further under what the goal asks of this song. What it does not ask keeps its value."""
    song, analysis = own.song, own.analysis
    alone = config._replace(network=None, settings=None)
    # limits are data: what is compiled for the template serves every goal
    template = goal_rules(rules, goal.template.rules, ())
    spec = shape_spec(song, analysis.dry, template, alone)
    start = _shaped(own.refined.treatment, spec.nothing)
    with ahead(progress) as submit:
        shapes = Shapes(spec.task, spec.objective, analysis.dry, spec.nothing)
        Programs(shapes, None, submit, refines=config.n_steps > 0).prepare(has_first=False)
        panel = predicted_panel(own.objective.output, analysis.dry, start)
        own_readings = read_panel(spec.objective, panel)
        levels = analysis.raw_levels.integrated_lufs, analysis.raw_levels.true_peak_dbtp
        raw = raw_panel(own.objective.output, analysis.dry, spec.nothing, levels)
        raw_readings = read_panel(spec.objective, raw)
    asked = asked_of(goal, _by_id(template, own_readings), _by_id(template, raw_readings))
    known = goal_rules(rules, goal.template.rules, asked)
    problem = formulate(song, analysis, known, alone)
    # the start has something in all groups: all move at once
    task = problem.task._replace(in_turn=np.float32(0.0))
    if not config.n_steps and config.network:
        features = partial(_features, spec.objective, template, analysis.dry, asked)
        start = proposed_start(
            config.network, analysis.dry, task, problem.nothing, problem.start, song, config.seed, features
        )
    refined = refine(task, start, config.n_steps, progress)
    return own._replace(
        objective=problem.objective,
        report=problem.report._replace(warnings=own.report.warnings),
        task=task,
        refined=refined,
        before=verdict(problem.objective, song, problem.raw, problem.readings),
        predicted=predicted(problem.objective, song, analysis.dry, refined.treatment),
        rules=known,
        followed=Followed(goal, asked, spec.objective),
    )


def _features(
    objective: Objective, template: RuleSet, dry: Dry, asked: Sequence[Asked], first: Treatment
) -> Float[Array, " goal"]:
    """Goal features: changes that are asked for, from the first prediction of a network."""
    readings = _by_id(template, read_panel(objective, predicted_panel(objective.output, dry, first)))
    return goal_features(
        {
            each.rule.id: AskedChange(
                jnp.asarray((each.value.value - readings[each.rule.id].value) / each.rule.scale, jnp.float32),
                jnp.asarray(each.value.share > 0.0, jnp.float32),
            )
            for each in asked
        }
    )


def _by_id(rules: RuleSet, readings: tuple[Reading, ...]) -> dict[str, Reading]:
    return dict(zip((rule.id for rule in rules.rules), jax.device_get(readings), strict=True))


def _shaped(treatment: Treatment, nothing: Treatment) -> Treatment:
    """The treatment with the optional parts that `nothing` has."""
    eq, pan = treatment.eq, treatment.pan
    return replace(
        treatment,
        eq=eq._replace(high_cut_hz=nothing.eq.high_cut_hz) if eq.high_cut_hz is None else eq,
        pan=pan._replace(spread_db=nothing.pan.spread_db) if pan.spread_db is None else pan,
        reverb=nothing.reverb if treatment.reverb is None else treatment.reverb,
    )
