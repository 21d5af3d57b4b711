"""Laws that hold for every rule type: a type that is added is tested here the day it has an entry in RULES."""

from __future__ import annotations

from dataclasses import replace
from functools import cache, partial
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.audio.song import Song
from hybrid.knowledge import objective as objectives
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.readings import READINGS, Reading
from hybrid.knowledge.types import TYPES, RuleType
from hybrid.treatment.bounds import RANGES
from hybrid.treatment.types import PER_SONG, RIDE_S, Dry, Treatment, map_parts, treatment_parts
from tests.knowledge.made import (
    FRAME_S,
    RULES,
    SAMPLE_RATE,
    Pulls,
    all_rules,
    objective_of,
    pulls,
    random_dry,
    random_song,
    random_treatment,
    untouched,
)
from tests.quick import QUICK

pytestmark = pytest.mark.long

_T = TypeVar("_T")
MANY, FEW, FRAMES = 60, 4, 40
INDEX = {rule.id: index for index, rule in enumerate(all_rules())}
ABSOLUTE = {"integrated_loudness", "true_peak"}
"""The types that know how loud the mix is; all others hear proportions."""
MIRRORED = {"pan_position", "left_right_balance", "band_balance"}
"""The types that know left from right."""
CLOCKED = {"section_contrast", "level_consistency", "loudness_range"}
"""The types that know what time it is: sections stay, and blocks of 3 s hold more or less of so short a song."""
ONE_SIDED = {"essential_band_masking", "region_excess"}
"""The types that by design pull at one side of a comparison alone: their slope is not that of their value."""
each_rule = pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.id)


def test_every_rule_type_has_a_reading_and_is_under_these_laws():
    assert set(RULES) == set(TYPES) == set(READINGS)


# Songs, each measured once. Four tracks are padded to sixty, so that one program serves all.


def _without(dry: Dry, tracks: slice, frames: slice) -> Dry:
    """The song with some tracks silent in some frames."""
    return replace(
        dry,
        power=dry.power.at[tracks, :, frames].set(0.0),
        power_k=dry.power_k.at[tracks, :, frames].set(0.0),
        active=dry.active.at[tracks, frames].set(0.0),
        cross=dry.cross.at[:, :, :, frames].set(0.0) if tracks.start is None else jnp.zeros_like(dry.cross),
        low_power=dry.low_power.at[tracks].set(0.0) if frames.start is None else dry.low_power,
    )


def _few() -> Dry:
    dry = random_dry(1, MANY, FRAMES)
    return replace(_without(dry, slice(FEW, None), slice(None)), cross=dry.cross)


def _short() -> tuple[Song, Dry]:
    song = replace(random_song(FEW, FRAMES), n_samples=round(0.3 * SAMPLE_RATE))
    return song, _without(_few(), slice(None), slice(3, None))


SONGS = {
    "digital silence": lambda: (random_song(FEW, FRAMES), _without(_few(), slice(0, None), slice(None))),
    "one track": lambda: (random_song(1, FRAMES), _without(_few(), slice(1, None), slice(None))),
    "a silent track among four": lambda: (
        random_song(FEW, FRAMES), _without(_few(), slice(2, 3), slice(None))),
    "three tenths of a second": _short,
    "sixty tracks": lambda: (random_song(MANY, FRAMES), random_dry(1, MANY, FRAMES)),
    "four tracks": lambda: (random_song(FEW, FRAMES), _few()),
}  # fmt: skip
TREATMENTS = {"untouched": untouched, "treated": lambda dry: random_treatment(dry, 2)}


@cache
def _song(name: str) -> tuple[Objective, Dry]:
    song, dry = SONGS[name]()
    return objective_of(all_rules(), song, dry), dry


@cache
def _pulls(name: str, treatment: str) -> Pulls:
    objective, dry = _song(name)
    return pulls(objective, dry, TREATMENTS[treatment](dry))


def _reading(of: Pulls, rule: RuleType) -> Reading:
    return of.readings[INDEX[rule.id]]


def _close(rule: RuleType, got: Reading, wanted: np.ndarray, share: np.ndarray, scales: float = 0.01) -> None:
    """Values of real targets agree to a hundredth of the rule's scale: float32 sums in another order."""
    there = np.asarray(share) > 0.0
    assert there.any()
    np.testing.assert_array_equal(np.asarray(got.share) > 0.0, there)
    np.testing.assert_allclose(np.asarray(got.value)[there], wanted[there], rtol=0.0, atol=scales * rule.scale)


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("song", SONGS)
@each_rule
def test_values_and_slopes_are_finite(rule: RuleType, song: str, treatment: str):
    of = _pulls(song, treatment)
    reading = _reading(of, rule)
    assert np.isfinite(reading.value).all() and np.isfinite(reading.share).all()
    assert reading.course is None or np.isfinite(reading.course).all()
    assert np.isfinite(of.cost[INDEX[rule.id]])
    for part, slope in treatment_parts(of.slope).items():
        assert np.isfinite(slope[INDEX[rule.id]]).all(), part


@each_rule
def test_silence_and_padding_are_not_targets(rule: RuleType):
    if rule.target_kind not in ("track", "pair"):
        pytest.skip("a rule of the whole mix has its targets whatever the tracks do")
    share = np.asarray(_reading(_pulls("a silent track among four", "untouched"), rule).share)
    tracks = share.reshape(MANY, -1) + (share.reshape(MANY, MANY).T if rule.target_kind == "pair" else 0.0)
    assert not tracks[2].any() and not tracks[FEW:].any()
    assert not np.asarray(_reading(_pulls("digital silence", "untouched"), rule).share).any()


@each_rule
def test_the_order_of_the_tracks_does_not_matter(rule: RuleType):
    song, dry = SONGS["sixty tracks"]()
    order = np.random.default_rng(3).permutation(MANY)
    treatment = TREATMENTS["treated"](dry)
    shuffled = replace(song, tracks=tuple(song.tracks[i] for i in order))
    moved = replace(
        dry,
        power=dry.power[order],
        power_k=dry.power_k[order],
        active=dry.active[order],
        low_power=dry.low_power[order],
        pairs=jnp.asarray(np.argsort(order))[dry.pairs],
    )
    same = map_parts(lambda part, value: value if part in PER_SONG else value[order], treatment)
    before = _reading(_pulls("sixty tracks", "treated"), rule)
    after = _reading(_shuffled(shuffled, moved, same), rule)
    value, share = np.asarray(before.value), np.asarray(before.share)
    if rule.target_kind == "track":
        value, share = value[order], share[order]
    if rule.target_kind == "pair":
        value = value.reshape(MANY, MANY)[order][:, order].ravel()
        either = share.reshape(MANY, MANY) + share.reshape(MANY, MANY).T
        share = np.triu(either[order][:, order]).ravel()
    _close(rule, after, value, share)


_KEPT: dict[str, Pulls] = {}


def _shuffled(song: Song, dry: Dry, treatment: Treatment) -> Pulls:
    if "shuffled" not in _KEPT:
        _KEPT["shuffled"] = pulls(objective_of(all_rules(), song, dry), dry, treatment)
    return _KEPT["shuffled"]


@cache
def _mirrored() -> Pulls:
    objective, dry = _song("four tracks")
    swapped = replace(
        dry,
        power=dry.power[:, jnp.array([1, 0, 2])],
        power_k=dry.power_k[:, jnp.array([1, 0, 2])],
        cross=dry.cross[:, ::-1, ::-1],
    )
    treatment = TREATMENTS["treated"](dry)
    pan = treatment.pan._replace(position=-treatment.pan.position)
    return pulls(objective, swapped, replace(treatment, pan=pan))


@each_rule
def test_a_mirrored_song_reads_the_same_but_for_left_and_right(rule: RuleType):
    before = _reading(_pulls("four tracks", "treated"), rule)
    sign = -1.0 if rule.type in MIRRORED else 1.0
    _close(rule, _reading(_mirrored(), rule), sign * np.asarray(before.value), np.asarray(before.share))


@cache
def _louder() -> Pulls:
    objective, dry = _song("four tracks")
    powers = ("power", "power_k", "cross", "low_power", "peak")
    up = replace(dry, **{name: 4.0 * getattr(dry, name) for name in powers})
    return pulls(objective, up, TREATMENTS["treated"](dry))


@each_rule
def test_twice_the_amplitude_of_all_tracks_changes_nothing_but_loudness(rule: RuleType):
    before = _reading(_pulls("four tracks", "treated"), rule)
    up = 6.0206 if rule.type in ABSOLUTE else 0.0
    _close(rule, _reading(_louder(), rule), np.asarray(before.value) + up, np.asarray(before.share))


@cache
def _shifted(frames: int) -> Pulls:
    """The song between rests, later by some frames, under a treatment that stands still."""
    objective, dry = _song("four tracks")
    dry = _without(_without(dry, slice(None), slice(0, 4)), slice(None), slice(-8, None))
    later = {name: jnp.roll(getattr(dry, name), frames, axis=-2) for name in ("power", "power_k", "cross")}
    later["active"] = jnp.roll(dry.active, frames, axis=-1)
    # a tail that outlasts the song is cut off
    still = {"gain.ride": 0.0, "dynamics.zone": 0.0, "reverb.decay": 0.2, "reverb.pre_delay": 0.01}
    treatment = map_parts(
        lambda part, value: jnp.full_like(value, still[part]) if part in still else value, TREATMENTS["treated"](dry)
    )
    return pulls(objective, replace(dry, **later), treatment)


@each_rule
def test_a_song_that_begins_later_reads_the_same(rule: RuleType):
    if rule.type in CLOCKED:
        pytest.skip("speaks of sections, which stay where they are")
    before = _reading(_shifted(0), rule)
    _close(rule, _reading(_shifted(2), rule), np.asarray(before.value), np.asarray(before.share))


@cache
def _silenced() -> Pulls:
    """The lead and the second half of everything else turned down as far as the controls go."""
    objective, dry = _song("four tracks")
    quiet = untouched(dry)
    late = jnp.arange(quiet.gain.ride_db.shape[1]) * RIDE_S >= 0.5 * FRAMES * FRAME_S
    gain = quiet.gain._replace(
        level_db=quiet.gain.level_db.at[0].set(RANGES["gain.level"].low),
        ride_db=quiet.gain.ride_db.at[:, late].set(RANGES["gain.ride"].low),
    )
    return pulls(objective, dry, replace(quiet, gain=gain))


@each_rule
def test_which_frames_and_tracks_count_is_decided_by_the_raw_tracks_alone(rule: RuleType):
    raw, silenced = _pulls("four tracks", "untouched"), _silenced()
    np.testing.assert_array_equal(_reading(silenced, rule).share, _reading(raw, rule).share)


# What rules ask is data: the same song with limits moved to where its rules are kept, or broken.


def _asking(objective: Objective, found: tuple[Reading, ...], inside: bool) -> Objective:
    """Limits a scale around what each target reads, or two scales off, alternately above and below."""
    low, high = [], []
    for index, reading in enumerate(found):
        scale = objective.ask.scale[index]
        odd = jnp.arange(len(reading.value)) % 2
        up, down = (scale, scale) if inside else (scale * (5.0 * odd - 2.0), scale * (3.0 - 5.0 * odd))
        low.append(reading.value - up)
        high.append(reading.value + down)
    return replace(objective, ask=objective.ask._replace(low=tuple(low), high=tuple(high)))


@cache
def _asked(inside: bool) -> Pulls:
    objective, dry = _song("four tracks")
    treatment = TREATMENTS["treated"](dry)
    return pulls(_asking(objective, _pulls("four tracks", "treated").readings, inside), dry, treatment)


@each_rule
def test_a_satisfied_rule_costs_nothing_and_pulls_at_nothing(rule: RuleType):
    of = _asked(inside=True)
    assert of.cost[INDEX[rule.id]] == 0.0
    assert not any(np.any(slope[INDEX[rule.id]]) for slope in treatment_parts(of.slope).values())


@each_rule
def test_a_broken_rule_pulls_only_at_the_parts_that_it_acts_on(rule: RuleType):
    of = _asked(inside=False)
    assert of.cost[INDEX[rule.id]] > 0.0
    if not rule.optimised:
        pytest.skip("is measured and moves nothing")
    moved = {part for part, slope in treatment_parts(of.slope).items() if np.any(slope[INDEX[rule.id]])}
    assert moved
    assert all(part.startswith(rule.acts_on) for part in moved)


# Gradients against differences, in float64.

_STEP = 1e-4
"""Of each control's own unit: the error of a central difference is of its square, far above float64's grain."""


@partial(jax.jit, compiler_options=QUICK)
def _slope(
    objective: Objective, dry: Dry, treatment: Treatment, along: Treatment
) -> tuple[jax.Array, jax.Array, tuple[Reading, ...]]:
    """Costs of all rules, their slopes in one direction, each over the parts that the rule acts on, and readings."""

    def costs(moved: Treatment) -> tuple[jax.Array, tuple[Reading, ...]]:
        found = objectives.readings(objective, dry, moved)
        return objectives.penalties(objective, found, jnp.zeros_like(objective.weight)), found

    return jax.jvp(costs, (treatment,), (along,), has_aux=True)


@pytest.fixture(scope="module")
def slopes() -> dict[str, tuple[float, float]]:
    """The slope of every rule's cost in a random direction: by gradient, and by difference."""
    with jax.enable_x64(True):
        song, dry = random_song(FEW, FRAMES), _double(random_dry(4, FEW, FRAMES))
        objective = _double(objective_of(all_rules(), song, dry))
        treatment, along = _double(random_treatment(dry, 5)), _double(random_treatment(dry, 6))
        objective = _asking(objective, _slope(objective, dry, treatment, along)[2], inside=False)
        by_gradient = _slope(objective, dry, treatment, along)[1]
        by_difference = {
            group: (_cost_at(objective, dry, treatment, along, group, _STEP)
            - _cost_at(objective, dry, treatment, along, group, -_STEP)) / (2.0 * _STEP)
            for group in {rule.acts_on for rule in all_rules()}
        }  # fmt: skip
        return {
            rule.id: (float(by_gradient[index]), float(by_difference[rule.acts_on][index]))
            for index, rule in enumerate(all_rules())
        }


def _cost_at(
    objective: Objective, dry: Dry, treatment: Treatment, along: Treatment, group: tuple[str, ...], step: float
) -> np.ndarray:
    """Costs after a step with only some parts of the treatment."""

    def stepped(part: str, value: jax.Array, direction: jax.Array) -> jax.Array:
        return value + step * direction if part.startswith(group) else value

    return np.asarray(_slope(objective, dry, map_parts(stepped, treatment, along), along)[0])


def _double(tree: _T) -> _T:
    return jax.tree.map(lambda x: x.astype(np.float64) if jnp.issubdtype(x.dtype, jnp.floating) else x, tree)


@each_rule
def test_gradients_are_the_slopes_of_the_costs(rule: RuleType, slopes: dict[str, tuple[float, float]]):
    if not rule.optimised or rule.type in ONE_SIDED:
        pytest.skip("is measured and moves nothing, or pulls at one side alone")
    by_gradient, by_difference = slopes[rule.id]
    assert by_difference != 0.0
    # the error of central differences in float64, away from kinks
    assert by_gradient == pytest.approx(by_difference, rel=1e-3)
