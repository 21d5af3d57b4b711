"""Goals of training: what a reference asks, and steps that learn to follow while all else stays."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
import pytest
from flax import nnx

from hybrid.audio.families import FAMILIES
from hybrid.audio.song import Song, Track
from hybrid.goals.goal import CLOSE, HELD
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.resolve import load_rules
from hybrid.model.field import Field
from hybrid.model.goal_features import N_GOAL, QUANTITIES
from hybrid.model.sizes import Sizes
from hybrid.training.distillation import no_target
from hybrid.training.example import CachedExample, Example, Frames, Shape
from hybrid.training.goals import SampleGoal, aimed, goal_places, with_goals
from hybrid.training.hidden_settings import HiddenSettings, by_track, draw_settings, under
from hybrid.training.recipe import Recipe
from hybrid.training.sample import FAMILY_NAMES, ROLE_NAMES, Batch, Sample, SampleBuilder, stack
from hybrid.training.step import Trainer, TrainerSpec, make_trainer
from hybrid.treatment.parts import PARTS
from hybrid.treatment.types import neutral, treatment_parts
from tests.treatment.made import random_dry

pytestmark = pytest.mark.long

SMALL = {
    "frame": 8,
    "whole": 8,
    "n_heads": 2,
    "n_frame_blocks": 1,
    "n_moment_blocks": 1,
    "n_whole_blocks": 1,
    "n_refine_blocks": 1,
    "n_unrolled_steps": 1,
}
TRACKS = tuple(Track(role, (), 2, role, (), 1.0) for role in ("vocal.lead", "bass", "guitar"))


class _Made(CachedExample):
    def read(self) -> Example:
        frames = Frames.of(random_dry(3, 8, seed=self.seed))
        return Example(Song("random", Path(), TRACKS, 44100, 8 * 17640), frames)


def recipe_of(**fields: object) -> Recipe:
    given = {"schema": "recipe/1", "about": "", "data": [{"songs": 2, "validation": 2}], "steps": 9, "batch": 2}
    small = {"network": SMALL, "n_tracks": 3, "n_frames": 8, "warm_up": 0, "losses": {"roles": 0.0}}
    return Recipe.model_validate({**given, **small, "start": "base", "goals": {}, **fields})


class Training(NamedTuple):
    builder: SampleBuilder
    trainer: Trainer
    weights: nnx.State
    batch: Batch


@pytest.fixture(scope="module")
def training() -> Training:
    recipe, rules = recipe_of(), with_goals(load_rules(["tests/training/two_rules.yaml"]))
    songs = [_Made(Path(), None, seed) for seed in range(2)]
    builder = SampleBuilder(recipe, rules, Shape(3, 8, 2), lambda example: (no_target(3), no_target(3)), songs)
    sizes = Sizes(len(ROLE_NAMES), len(FAMILY_NAMES), n_goal=N_GOAL, n_frames=8, **SMALL)
    graph, weights = nnx.split(Field(sizes, nnx.Rngs(0)), nnx.Param)
    # rules that hold what is not asked for pull at other parts than those that break them
    batch = stack([_wholly_asked(builder.plain(song)) for song in songs])
    return Training(builder, make_trainer(TrainerSpec.of(recipe), graph, ("pan.spread",), None), weights, batch)


def _wholly_asked(drawn: Sample) -> Sample:
    goal = drawn.goal
    assert goal is not None
    ones = np.ones_like(goal.amount)
    return drawn._replace(goal=goal._replace(amount=ones, is_asked=ones))


def sample(training: Training) -> Sample:
    return training.builder.plain(_Made(Path(), None, 0))


def test_steps_towards_goals_are_learnt_and_nothing_else(training: Training):
    state = training.trainer.init(training.weights)
    before = {".".join(map(str, place)): np.asarray(leaf[...]) for place, leaf in nnx.to_flat_state(state.weights)}
    losses = []
    for _ in range(60):
        state, terms = training.trainer.step(state, training.batch, np.float32(1e-4))
        losses.append(float(terms.loss))
    assert losses[-1] < losses[0]
    for trained in (state.weights, state.ema):
        after = {".".join(map(str, place)): np.asarray(leaf[...]) for place, leaf in nnx.to_flat_state(trained)}
        changed = {name for name, weight in after.items() if not np.array_equal(weight, before[name])}
        assert "follow.goal_embed.kernel" in changed
        assert all(name.startswith("follow.") for name in changed)


def test_what_a_goal_asks_lies_between_the_own_mix_and_the_reference(training: Training):
    objective = sample(training).objective
    at = goal_places(objective)
    rules = [objective.program.rules[k] for k in at]
    sizes = [rule.n_targets(3) for rule in rules]
    own = tuple(Reading(np.full(n, 2.0), np.ones(n)) for n in sizes)  # pyright: ignore
    amount = np.array([0.5 if rule.id == "goal.tone" else 0.0 for rule in rules], np.float32)
    is_asked = np.array([rule.id != "goal.tone.side" for rule in rules], np.float32)
    goal = SampleGoal(
        tuple(np.full(n, 6.0, np.float32) for n in sizes),
        tuple(np.ones(n, np.float32) for n in sizes),
        amount,
        is_asked,
    )
    asked, features = aimed(objective, own, goal)
    weight = dict(zip((rule.id for rule in asked.program.rules), np.asarray(asked.weight), strict=True))
    index = {rule.id: k for k, rule in enumerate(asked.program.rules)}
    for name, middle, close in (("goal.tone", 4.0, CLOSE), ("goal.peaks", 2.0, 0.5 * CLOSE)):
        reach = close * rules[[rule.id for rule in rules].index(name)].scale
        np.testing.assert_allclose(asked.ask.low[index[name]], middle - reach, rtol=1e-5)
        np.testing.assert_allclose(asked.ask.high[index[name]], middle + reach, rtol=1e-5)
    by_id = {rule.id: rule for rule in rules}
    assert weight["goal.tone"] == by_id["goal.tone"].weight
    # what is kept weighs more, and what is free nothing
    assert weight["goal.peaks"] == HELD * by_id["goal.peaks"].weight
    assert weight["goal.tone.side"] == 0.0
    n = QUANTITIES["goal.tone"]
    # half of the way from 2 to 6 dB, in scales
    np.testing.assert_allclose(features[:n], np.arcsinh(2.0 / by_id["goal.tone"].scale), rtol=1e-5)
    np.testing.assert_array_equal(features[n : 2 * n], 1.0)
    np.testing.assert_array_equal(features[2 * n : 4 * n], 0.0)


def test_aspects_are_asked_for_independently(training: Training):
    song = _Made(Path(), None, 0)
    drawn = [training.builder.augmented(song, np.random.default_rng(seed)).goal for seed in range(80)]
    rules = [rule for rule in with_goals(load_rules(["tests/training/two_rules.yaml"])).rules if "goal" in rule.id]
    asked = np.array([each.amount > 0.0 for each in drawn if each is not None])
    assert asked.shape[0] == 80
    tone, width, peaks = (
        asked[:, [rule.id for rule in rules].index(f"goal.{name}")] for name in ("tone", "width", "peaks")
    )
    for one, other in ((tone, width), (width, peaks), (tone, peaks)):
        # all four cases, each about a quarter of the time
        assert min(np.sum(a & b) for a in (one, ~one) for b in (other, ~other)) >= 3


def test_hidden_settings_change_every_part_and_stay_within_its_bounds():
    dry = random_dry(3, 24)
    plain = neutral(3, 24 * dry.frame_s, dry.frame_s)
    settings = draw_settings(np.random.default_rng(3))
    wide = settings._replace(level_db=100.0 * settings.level_db, lean=500.0, width_db=-90.0, squash=1.0)
    for each in (settings, wide):
        parts = treatment_parts(under(each, by_track(each, TRACKS, 3), dry, plain))
        for name in ("gain.level", "eq.tone", "dynamics.zone", "pan.width"):
            assert np.abs(parts[name]).max() > 0.0, name
            low, high = PARTS[name].bijector.limits
            assert low <= np.min(parts[name]) <= np.max(parts[name]) <= high, name


def test_settings_speak_of_families_so_that_they_suit_any_song():
    nothing = HiddenSettings(
        np.zeros(10, np.float32), np.arange(len(FAMILIES) + 1.0).astype(np.float32), 0.0, 1.0, 0.0, 0.0
    )
    tracks = (*TRACKS, Track("?", (), 1, "unknown", (), 1.0))
    names = list(FAMILIES)
    expected = [names.index("voice"), names.index("bass"), names.index("chords"), len(names), 0.0, 0.0]
    assert by_track(nothing, tracks, 6).tolist() == expected


def test_evening_out_narrows_the_course_of_a_track():
    dry = random_dry(2, 32)
    loud = 10.0 ** np.where(np.arange(32) < 16, 1.0, -1.0).astype(np.float32)
    dry = jax.tree.map(lambda x: x, dry)
    power = dry.power * loud[None, None, :, None]
    course = type(dry)(**{**dry.__dict__, "power": power})
    plain = neutral(2, 32 * dry.frame_s, dry.frame_s)
    settings = draw_settings(np.random.default_rng(0))._replace(squash=0.2)
    zone = np.asarray(under(settings, np.zeros(2, np.float32), course, plain).dynamics.zone_db)
    half = zone.shape[-1] // 2
    assert zone[..., : half - 2].mean() < -1.0 < 1.0 < zone[..., half + 2 :].mean()


@pytest.mark.parametrize("fields", [{"start": None}, {"goals": None}])
def test_goals_go_on_from_weights(fields: dict[str, object]):
    with pytest.raises(ValueError, match="goals and start belong together"):
        recipe_of(**fields)
