"""Proposing network: equivariant to track order, invariant to track gain and to absent tracks."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from hybrid.model.field import Field
from hybrid.model.gradient_features import NegativeGradient
from hybrid.model.input_features import N_FACTS, N_FRAME, Conditioning, input_features, no_conditioning
from hybrid.model.proposal import SongInputs, propose, stages_of, treatment_of, unroll
from hybrid.model.sizes import Sizes
from hybrid.testing.songs import QUICK
from hybrid.treatment.axes import map_axis
from hybrid.treatment.makeup import apply_makeup
from hybrid.treatment.types import Dry, Treatment, map_parts, neutral, treatment_parts
from tests.treatment.made import random_dry, reordered

pytestmark = pytest.mark.long

N_TRACKS, N_ROLES = 4, 6
SMALL = Sizes(N_ROLES, 5, n_goal=3, frame=16, whole=24, n_heads=2, n_moment_blocks=1, n_whole_blocks=2)


@pytest.fixture(scope="module")
def network() -> Field:
    """A small network with perturbed weights, so that every weight has an effect."""
    network = Field(SMALL, nnx.Rngs(0))
    rng = np.random.default_rng(0)

    def stirred(weight: jax.Array) -> jax.Array:
        return weight + jnp.asarray(0.3 * rng.standard_normal(weight.shape) / np.sqrt(max(weight.shape)), weight.dtype)

    nnx.update(network, jax.tree.map(stirred, nnx.state(network, nnx.Param)))
    return network


@pytest.fixture(scope="module")
def dry() -> Dry:
    return random_dry(N_TRACKS, 24)


def nothing(dry: Dry, room: bool = True) -> Treatment:
    return neutral(dry.power.shape[0], dry.power.shape[2] * dry.frame_s, 0.2, ("reverb",) if room else ())


CONDITIONING = Conditioning(
    jnp.array([1, 0, 3, 2]),
    jnp.array([1.0, 0.0, 0.0, 0.0]),
    jnp.array([-0.3, 0.1, 0.9, -0.8]),
    jnp.ones(()),
)
GOAL = jnp.array([0.5, -1.0, 1.0])
NO_GOAL = jnp.zeros(0)


def chosen(dry: Dry, order: np.ndarray) -> Dry:
    """The tracks in another order, or some of them; nothing shares phase."""
    return replace(reordered(dry, order), pairs=jnp.zeros_like(dry.pairs), cross=jnp.zeros_like(dry.cross))


def louder(dry: Dry, gain_db: np.ndarray) -> Dry:
    power = jnp.asarray(10.0 ** (gain_db / 10.0), dry.power.dtype)
    scaled = (x * power.reshape(-1, *[1] * (x.ndim - 1)) for x in (dry.power, dry.power_k, dry.low_power))
    return replace(dry, **dict(zip(("power", "power_k", "low_power"), scaled, strict=True)))


def ask_for_neutral(unconstrained: Treatment) -> tuple[jax.Array, Treatment]:
    """Cost and negative gradient of a rule that asks for the neutral treatment."""
    cost = sum(jnp.sum(jnp.square(x)) for x in jax.tree.leaves(unconstrained)) / 2.0
    return jnp.asarray(cost), jax.tree.map(jnp.negative, unconstrained)


def no_rules(unconstrained: Treatment) -> tuple[jax.Array, Treatment]:
    """Cost and negative gradient without rules: zeros."""
    return jnp.zeros(()), jax.tree.map(jnp.zeros_like, unconstrained)


def _propose(
    graph: nnx.GraphDef[Field],
    weights: nnx.State,
    dry: Dry,
    nothing: Treatment,
    conditioning: Conditioning,
    negative_gradient: NegativeGradient = ask_for_neutral,
) -> Treatment:
    inputs = SongInputs(dry, input_features(dry), nothing, conditioning, GOAL)
    return propose(stages_of(nnx.merge(graph, weights)), inputs, negative_gradient)


_proposed = jax.jit(_propose, static_argnums=(0, 5), compiler_options=QUICK)


def proposed(
    network: Field,
    dry: Dry,
    nothing: Treatment,
    conditioning: Conditioning,
    negative_gradient: NegativeGradient = ask_for_neutral,
) -> Treatment:
    return _proposed(*nnx.split(network), dry, nothing, conditioning, negative_gradient)


def parts(network: Field, dry: Dry, conditioning: Conditioning, room: bool = True) -> dict[str, np.ndarray]:
    treatment = proposed(network, dry, nothing(dry, room), conditioning)
    return {name: np.asarray(value) for name, value in treatment_parts(treatment).items()}


def test_input_features_are_of_unit_size(dry: Dry):
    features = input_features(dry)
    assert features.frame.shape == (N_TRACKS, 24, N_FRAME) and features.fact.shape == (N_TRACKS, N_FACTS)
    assert np.abs(features.frame).max() < 4.0
    assert np.isfinite(features.fact).all()


def test_shuffled_tracks_get_a_shuffled_treatment(network: Field, dry: Dry):
    dry = chosen(dry, np.arange(N_TRACKS))
    order = np.array([2, 0, 3, 1])
    shuffled = Conditioning(
        *(getattr(CONDITIONING, name)[order] for name in ("role", "leads", "side")),
        CONDITIONING.is_recorded,
    )
    straight, other = parts(network, dry, CONDITIONING), parts(network, chosen(dry, order), shuffled)
    assert straight
    for name, value in straight.items():
        shared = name.startswith("master") or name in ("reverb.decay", "reverb.pre_delay", "reverb.tone")
        np.testing.assert_allclose(other[name], value if shared else value[order], atol=2e-4, err_msg=name)


def test_an_untrained_network_keeps_the_levels_where_it_starts(dry: Dry):
    network = Field(SMALL, nnx.Rngs(0))
    level_db = np.array([6.0, -12.0, 0.0, 3.0], np.float32)
    untouched = nothing(dry)
    start = replace(untouched, gain=untouched.gain._replace(level_db=jnp.asarray(level_db)))
    proposal = proposed(network, dry, start, no_conditioning(N_TRACKS), no_rules)
    # only differences between tracks count
    np.testing.assert_allclose(proposal.gain.level_db, level_db - level_db.mean(), atol=0.05)


def test_recorded_levels_are_heard_unless_they_are_hidden(network: Field, dry: Dry):
    louder_one = louder(dry, np.array([6.0, -12.0, 0.0, 3.0]))
    hidden = CONDITIONING._replace(is_recorded=jnp.zeros(()))
    for conditioning, hears in ((CONDITIONING, True), (hidden, False)):
        features = [input_features(each) for each in (dry, louder_one)]
        tones = [np.asarray(network(each, conditioning).tone) for each in features]
        assert bool(np.abs(tones[0] - tones[1]).max() > 1e-4) is hears


def test_tracks_that_are_absent_change_nothing(network: Field, dry: Dry):
    dry = chosen(dry, np.arange(N_TRACKS))
    padded = map_axis(lambda x, axis: jnp.pad(x, [(0, 3 * (i == axis)) for i in range(x.ndim)]), dry, "track")
    conditioning = Conditioning(
        jnp.pad(CONDITIONING.role, (0, 3)),
        jnp.pad(CONDITIONING.leads, (0, 3)),
        jnp.pad(CONDITIONING.side, (0, 3)),
        CONDITIONING.is_recorded,
    )
    straight, with_padding = parts(network, dry, CONDITIONING), parts(network, padded, conditioning)
    for name, value in straight.items():
        got = with_padding[name]
        np.testing.assert_allclose(got[: len(value)] if value.ndim else got, value, atol=2e-4, err_msg=name)
    assert np.abs(with_padding["eq.tone"][N_TRACKS:]).max() == 0.0


def test_every_conditioning_input_matters(network: Field, dry: Dry):
    conditioned = parts(network, dry, CONDITIONING)
    for other in (
        CONDITIONING._replace(role=jnp.zeros(N_TRACKS, jnp.int32)),
        CONDITIONING._replace(leads=jnp.zeros(N_TRACKS)),
        CONDITIONING._replace(side=jnp.zeros(N_TRACKS)),
    ):
        assert np.abs(parts(network, dry, other)["eq.tone"] - conditioned["eq.tone"]).max() > 1e-4


def test_every_track_depends_on_all_other_tracks_and_moments(network: Field, dry: Dry):
    straight = parts(network, dry, CONDITIONING)
    late = replace(dry, power=dry.power.at[3, :, -4:].multiply(30.0), power_k=dry.power_k.at[3, :, -4:].multiply(30.0))
    assert np.abs(parts(network, late, CONDITIONING)["eq.tone"][0] - straight["eq.tone"][0]).max() > 1e-5


def test_an_untrained_network_follows_the_negative_gradient_in_each_part(dry: Dry):
    network = Field(SMALL, nnx.Rngs(0))
    conditioning = no_conditioning(N_TRACKS)

    def linear(unconstrained: Treatment) -> tuple[jax.Array, Treatment]:
        """A linear cost: raise all parts of the first track, its curves late, and lower those of the second."""
        sides = jnp.array([1.0, -1.0, 0.0, 0.0])

        def of(part: str, x: jax.Array) -> jax.Array:
            if part.startswith(("master", "reverb")) and part != "reverb.send":
                return jnp.zeros_like(x)
            late = jnp.arange(x.shape[-1]) >= x.shape[-1] // 2 if part in ("gain.ride", "dynamics.zone") else 1.0
            return sides.reshape(-1, *[1] * (x.ndim - 1)) * jnp.ones_like(x) * late

        slope = map_parts(of, unconstrained)
        terms = [jnp.vdot(*both) for both in zip(jax.tree.leaves(slope), jax.tree.leaves(unconstrained), strict=True)]
        return -jnp.sum(jnp.stack(terms)), slope

    before = treatment_parts(proposed(network, dry, nothing(dry), conditioning, no_rules))
    after = treatment_parts(proposed(network, dry, nothing(dry), conditioning, linear))
    for name in ("eq.tone", "eq.low_cut", "pan.position", "pan.width", "reverb.send", "gain.ride", "dynamics.zone"):
        change = np.asarray(after[name] - before[name])
        assert change[0].mean() > 0.01 > -0.01 > change[1].mean(), name
        assert np.abs(change[2:]).max() < 1e-6, name
    ride = np.asarray(after["gain.ride"] - before["gain.ride"])
    assert ride[0, -1] > 2.0 * ride[0, 0] > 0.0


def test_the_unrolled_step_of_lowest_cost_is_proposed(network: Field, dry: Dry):
    graph, weights = nnx.split(network)

    @partial(jax.jit, compiler_options=QUICK)
    def steps(weights: nnx.State) -> tuple[jax.Array, Treatment]:
        network, features = nnx.merge(graph, weights), input_features(dry)
        inputs = SongInputs(dry, features, nothing(dry), CONDITIONING, GOAL)
        every = unroll(network, network(features, CONDITIONING), inputs, ask_for_neutral)
        treatments = jax.vmap(lambda each: apply_makeup(dry, treatment_of(each, inputs)))
        return every.cost, treatments(every.prediction)

    cost, treatments = steps(weights)
    assert len(cost) == SMALL.n_unrolled_steps + 1
    assert np.ptp(cost) > 0.02 * cost.min()
    best = treatment_parts(jax.tree.map(lambda x: x[int(np.argmin(cost))], treatments))
    taken = treatment_parts(proposed(network, dry, nothing(dry), CONDITIONING))
    assert best.keys() == taken.keys()
    for name, value in taken.items():
        assert value == pytest.approx(np.asarray(best[name]), rel=1e-4, abs=1e-4), name


def test_the_training_gradient_is_that_of_the_cost_of_each_prediction(network: Field, dry: Dry):
    """Against a cost in closed form: the position of the first track alone."""
    graph, weights = nnx.split(network, nnx.Param)
    features = input_features(dry)

    def aside(unconstrained: Treatment) -> tuple[jax.Array, Treatment]:
        cost = lambda unconstrained: jnp.square(unconstrained.pan.position[0] - 1.0)  # noqa: E731
        return cost(unconstrained), jax.tree.map(jnp.negative, jax.grad(cost)(unconstrained))

    def everything(weights: nnx.State) -> tuple[jax.Array, jax.Array]:
        network = nnx.merge(graph, weights)
        inputs = SongInputs(dry, features, nothing(dry), CONDITIONING, GOAL)
        prediction, cost = unroll(network, network(features, CONDITIONING), inputs, aside)
        both = jnp.stack([cost, jnp.square(prediction.position[:, 0] - 1.0)])
        return both[:, jnp.array([0, -1])], both

    def slopes(weights: nnx.State) -> tuple[nnx.State, jax.Array]:
        return jax.jacrev(everything, has_aux=True)(weights)

    slope, (got, by_hand) = jax.jit(slopes, compiler_options=QUICK)(weights)
    np.testing.assert_allclose(got, by_hand, rtol=1e-5)
    for each in jax.tree.leaves(slope):
        np.testing.assert_allclose(each[0], each[1], rtol=1e-3, atol=1e-4)
    assert max(np.abs(each[0]).max() for each in jax.tree.leaves(slope)) > 1e-2


def test_any_number_of_tracks_and_frames_gives_a_finite_proposal(network: Field):
    for n_tracks, n_frames in ((1, 3), (9, 40)):
        dry = random_dry(n_tracks, n_frames)
        got = parts(network, dry, no_conditioning(n_tracks), room=False)
        assert got and all(np.isfinite(value).all() for value in got.values())


def test_silent_tracks_stay_neutral_with_finite_gradients(network: Field, dry: Dry):
    silent = replace(dry, power=0.0 * dry.power, power_k=0.0 * dry.power_k, active=0.0 * dry.active)
    got = parts(network, silent, CONDITIONING)
    for name in ("gain.level", "eq.tone", "pan.position", "dynamics.zone"):
        assert np.abs(got[name]).max() == 0.0, name

    graph, weights = nnx.split(network)

    def size(weights: nnx.State) -> jax.Array:
        treatment = _propose(graph, weights, silent, nothing(silent), CONDITIONING)
        return sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(treatment))

    slope = jax.jit(jax.grad(size), compiler_options=QUICK)(weights)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slope))


def test_the_whole_network_has_between_one_and_two_million_weights():
    sizes = Sizes(n_roles=37, n_families=9)
    shapes = nnx.eval_shape(lambda: Field(sizes, nnx.Rngs(0)))
    assert 1e6 < sum(leaf.size for leaf in jax.tree.leaves(nnx.state(shapes, nnx.Param))) < 2e6


def test_a_repeated_song_gets_the_proposal_of_one_repetition(network: Field):
    part = random_dry(N_TRACKS, SMALL.n_frames)
    doubled = map_axis(lambda x, axis: jnp.concatenate([x, x], axis), part, "frame")
    time_s = part.time_s[0] + part.frame_s * jnp.arange(2 * SMALL.n_frames)
    of_both = [
        proposed(network, each, nothing(each), CONDITIONING, no_rules)
        for each in (part, replace(doubled, time_s=time_s))
    ]
    once, twice = ({name: np.asarray(x) for name, x in treatment_parts(each).items()} for each in of_both)
    steady = {name for name in once if not name.startswith(("gain.ride", "dynamics", "gain.level"))}
    assert steady
    for name in steady:
        np.testing.assert_allclose(twice[name], once[name], atol=1e-3, err_msg=name)


def test_a_goal_is_followed_by_its_own_steps_and_changes_nothing_else(network: Field, dry: Dry):
    @partial(jax.jit, static_argnums=0, compiler_options=QUICK)
    def levels(graph: nnx.GraphDef[Field], weights: nnx.State, goal: jax.Array) -> jax.Array:
        network, features = nnx.merge(graph, weights), input_features(dry)
        inputs = SongInputs(dry, features, nothing(dry), CONDITIONING, goal)
        return unroll(network, network(features, CONDITIONING), inputs, ask_for_neutral).prediction.level_db

    none, one, other = (np.asarray(levels(*nnx.split(network), goal)) for goal in (NO_GOAL, GOAL, -GOAL))
    assert np.abs(one - none).max() > 1e-3
    assert np.abs(one - other).max() > 1e-3
    # without a goal it is the network that has no steps towards one
    plain = Field(replace(SMALL, n_goal=0), nnx.Rngs(1))
    state = [(place, leaf) for place, leaf in nnx.to_flat_state(nnx.state(network, nnx.Param)) if place[0] != "follow"]
    nnx.update(plain, nnx.from_flat_state(state))
    np.testing.assert_array_equal(levels(*nnx.split(plain), GOAL), none)


def test_a_goal_never_makes_a_proposal_worse_by_the_rules(network: Field, dry: Dry):
    """Each step is taken with and without its features."""
    graph, weights = nnx.split(network)
    asked: list[float] = []

    def watched(unconstrained: Treatment) -> tuple[jax.Array, Treatment]:
        cost, descent = ask_for_neutral(unconstrained)
        asked.append(float(cost))
        return cost, descent

    def lowest(goal: jax.Array) -> float:
        asked.clear()
        inputs = SongInputs(dry, input_features(dry), nothing(dry), CONDITIONING, goal)
        propose(stages_of(nnx.merge(graph, weights)), inputs, watched)
        return min(asked[: 3 if goal.size else 2])

    # of the first step, which both begin at the same place
    assert lowest(GOAL) <= lowest(NO_GOAL)
