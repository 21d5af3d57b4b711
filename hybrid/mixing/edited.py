"""A mix under a person's moves: they are made on the mixer's own mix, and the rest is refined around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool

from hybrid.analysis.chunks import Progress
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.edits.apply import Applied, Sections, applied, sounding
from hybrid.edits.edit import Edit
from hybrid.goals.goal import Goal
from hybrid.knowledge.evaluate import predicted
from hybrid.knowledge.ruleset import RuleSet
from hybrid.mixing.follow import plan_towards
from hybrid.mixing.plan import First, MixConfig, Moved, Plan
from hybrid.quantity import difference_unit
from hybrid.refinement.pins import Pins
from hybrid.refinement.refine import Refined, refine_further
from hybrid.treatment.makeup import undo_makeup
from hybrid.treatment.parts import PARTS
from hybrid.treatment.types import Dry, is_named, treatment_parts

_AROUND_STEPS = 300
"""Length of the refinement of which refining around edits is the last stretch: its steps are small, so that what
nothing pulls at stays where it is."""


def without_muted(song: Song, config: MixConfig) -> tuple[Song, MixConfig]:
    """The song without tracks that edits silence, and the settings to start from without them."""
    heard = sounding(song, config.edits)
    ids = {track.id for track in heard.tracks}
    settings = config.settings
    if settings and len(heard.tracks) < len(song.tracks):
        settings = settings._replace(
            tracks={name: parts for name, parts in settings.tracks.items() if name in ids},
            placing={name: place for name, place in settings.placing.items() if name in ids},
        )
    return heard, config._replace(settings=settings)


def plan_edited(
    goal: Goal | None,
    whole: Song,
    reader: SongReader,
    rules: RuleSet,
    config: MixConfig,
    progress: Progress,
    first: First | None = None,
) -> Plan:
    """As `plan_towards`, and under the edits of `config`, if there are any. `reader` reads the tracks that sound."""
    song, config = without_muted(whole, config)
    # what is given is what the moves are made on
    own = config._replace(n_steps=0) if config.settings and config.edits else config
    plan = plan_towards(goal, song, reader, rules, own, progress, first)
    return edited(plan, whole, rules, config.edits, progress) if config.edits else plan


def edited(plan: Plan, whole: Song, rules: RuleSet, edits: Sequence[Edit], progress: Progress) -> Plan:
    """The plan under edits: what they change stays as they have it, and all else is refined again around them.

    `whole` is the song with all its tracks. Raises InputError with everything that cannot be done.
    """
    ids = {track.id for track in plan.song.tracks}
    silent = [track for track in whole.tracks if track.id not in ids]
    hand = applied(edits, plan.song, silent, plan.refined.treatment, _sections(rules))
    task = plan.task._replace(pins=_pins(plan.task.pins, hand, plan.analysis.dry), in_turn=np.float32(0.0))
    progress("refine", 0.0)
    refined = refine_further(task, Refined(hand.treatment, plan.refined.rounds, _AROUND_STEPS))
    progress("refine", 1.0)
    warnings = (*plan.report.warnings, *hand.notes)
    moved = _moved(plan, hand)
    return plan._replace(
        task=task,
        refined=refined,
        predicted=predicted(plan.objective, plan.song, plan.analysis.dry, refined.treatment),
        report=plan.report._replace(warnings=warnings),
        is_given=False,
        moved=tuple(moved),
    )


def _moved(plan: Plan, hand: Applied) -> Iterator[Moved]:
    """The targets of rules that ask for something and act on what a person fixed, of the tracks where that was."""
    made = predicted(plan.objective, plan.song, plan.analysis.dry, hand.treatment)
    fixed = _fixed_tracks(hand, len(plan.song.tracks))
    number = {track.id: k for k, track in enumerate(plan.song.tracks)}
    rules = {rule.id: rule for rule in plan.rules.rules}
    own = {finding.id: {target.name: target.value for target in finding.targets} for finding in plan.predicted.rules}
    for finding in made.rules:
        rule = rules[finding.id]
        acting = [at for part, at in fixed.items() if is_named(part, rule.acts_on)]
        tracks = np.logical_or.reduce([np.zeros(len(number), bool), *acting])
        for target in finding.targets:
            is_meant = tracks[number[target.name]] if rule.target_kind == "track" else np.any(tracks)
            before = own[finding.id].get(target.name)
            if is_meant and before is not None and (target.low, target.high) != (None, None):
                yield Moved(finding.id, target.name, difference_unit(finding.unit), before, target.value)


def _fixed_tracks(hand: Applied, n_tracks: int) -> dict[str, Bool[np.ndarray, " track"]]:
    """By part, whether a person fixed anything of each track; what all tracks share counts as of each."""
    fixed = {}
    for name, value in treatment_parts(hand.is_fixed).items():
        each = np.asarray(value, bool)
        rows = each[:n_tracks].reshape(n_tracks, -1) if PARTS[name].per_track else np.tile(each.ravel(), (n_tracks, 1))
        fixed[name] = np.logical_or.reduce(rows, axis=1)
    return fixed


def _pins(own: Pins, hand: Applied, dry: Dry) -> Pins:
    """Pins of what rules fix, and of what a person does, who has the last word."""
    # levels are refined as those after make-up: a track stays as loud, whatever its tone takes from it
    value = undo_makeup(dry, hand.treatment)
    return Pins(
        mask=jax.tree.map(lambda rule, fixed: jnp.maximum(rule, fixed.astype(rule.dtype)), own.mask, hand.is_fixed),
        value=jax.tree.map(lambda rule, fixed, x: jnp.where(fixed, x, rule), own.value, hand.is_fixed, value),
        low=hand.low,
        high=hand.high,
    )


def _sections(rules: RuleSet) -> Sections:
    return {name: [(span.from_, span.to) for span in spans] for name, spans in rules.sections.items()}
