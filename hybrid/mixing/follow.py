"""A mix that follows a goal: the mix of its own first, and refined from there towards what references ask."""

from __future__ import annotations

from dataclasses import replace

import jax
import numpy as np

from hybrid.ahead import ahead
from hybrid.analysis.chunks import Progress
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.goals.goal import Goal, asked_of, goal_rules
from hybrid.knowledge.evaluate import predicted, predicted_panel, read_panel, verdict
from hybrid.knowledge.ruleset import RuleSet
from hybrid.mixing.plan import First, MixConfig, Plan, formulate, plan_mix, shape_spec
from hybrid.mixing.programs import Programs, Shapes
from hybrid.refinement.refine import refine
from hybrid.treatment.types import Treatment


def plan_towards(
    song: Song, reader: SongReader, rules: RuleSet, config: MixConfig, progress: Progress, first: First | None = None
) -> Plan:
    """As `plan_mix`, and on from there to the goal of `config`, if it has one that asks for anything."""
    own = plan_mix(song, reader, rules, config, progress, first)
    goal = config.goal
    return followed(own, rules, config, goal, progress) if goal and goal.is_asked and config.n_steps else own


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
        Programs(shapes, None, submit, refines=True).prepare(has_first=False)
        panel = predicted_panel(own.objective.output, analysis.dry, start)
        readings = read_panel(spec.objective, panel)
    by_id = dict(zip((rule.id for rule in template.rules), jax.device_get(readings), strict=True))
    asked = asked_of(goal, by_id)
    known = goal_rules(rules, goal.template.rules, asked)
    problem = formulate(song, analysis, known, alone)
    # the start has something in all groups: all move at once
    task = problem.task._replace(in_turn=np.float32(0.0))
    refined = refine(task, start, config.n_steps, progress)
    return own._replace(
        objective=problem.objective,
        report=problem.report._replace(warnings=own.report.warnings),
        task=task,
        refined=refined,
        before=verdict(problem.objective, song, problem.raw, problem.readings),
        predicted=predicted(problem.objective, song, analysis.dry, refined.treatment),
        rules=known,
        asked=asked,
    )


def _shaped(treatment: Treatment, nothing: Treatment) -> Treatment:
    """The treatment with the optional parts that `nothing` has."""
    return replace(
        treatment,
        eq=treatment.eq
        if treatment.eq.high_cut_hz is not None
        else treatment.eq._replace(high_cut_hz=nothing.eq.high_cut_hz),
        pan=treatment.pan
        if treatment.pan.spread_db is not None
        else treatment.pan._replace(spread_db=nothing.pan.spread_db),
        reverb=treatment.reverb if treatment.reverb is not None else nothing.reverb,
    )
