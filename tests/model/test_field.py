"""The proposing network: tracks have no order and no gain, those that are absent are not heard."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from hybrid.model.field import Field
from hybrid.model.hearing import N_FACTS, N_FRAME, Hints, hear, nothing_known
from hybrid.model.proposal import looks, propose
from hybrid.model.pull import Downhill
from hybrid.model.sizes import Sizes
from hybrid.treatment import effect
from hybrid.treatment.bounds import moves_of
from hybrid.treatment.makeup import before_make_up
from hybrid.treatment.types import Dry, Treatment, map_parts, neutral, treatment_parts
from tests.quick import QUICK
from tests.treatment.made import random_dry

pytestmark = pytest.mark.long

N_TRACKS, N_ROLES = 4, 6
SMALL = Sizes(N_ROLES, 5, n_reference=3, frame=16, whole=24, n_heads=2, n_moment_blocks=1, n_whole_blocks=2)


@pytest.fixture(scope="module")
def network() -> Field:
    """A small network whose every weight does something."""
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
    return neutral(dry.power.shape[0], dry.power.shape[2] * dry.frame_s, 0.2, room)


HINTS = Hints(
    jnp.array([1, 0, 3, 2]),
    jnp.array([1.0, 0.0, 0.0, 0.0]),
    jnp.array([-0.3, 0.1, 0.9, -0.8]),
    jnp.array([0.5, -1.0, 1.0]),
)


def chosen(dry: Dry, order: np.ndarray) -> Dry:
    """The tracks in another order, or some of them; nothing shares phase."""
    per_track = ("power", "power_k", "active", "low_power")
    kept = {name: getattr(dry, name)[order] for name in per_track}
    return replace(dry, **kept, pairs=jnp.zeros_like(dry.pairs), cross=jnp.zeros_like(dry.cross))


def louder(dry: Dry, gain_db: np.ndarray) -> Dry:
    power = jnp.asarray(10.0 ** (gain_db / 10.0), dry.power.dtype)
    scaled = (x * power.reshape(-1, *[1] * (x.ndim - 1)) for x in (dry.power, dry.power_k, dry.low_power))
    return replace(dry, **dict(zip(("power", "power_k", "low_power"), scaled, strict=True)))


def as_it_came(moves: Treatment) -> tuple[jax.Array, Treatment]:
    """A rule that nothing be done."""
    cost = sum(jnp.sum(jnp.square(x)) for x in jax.tree.leaves(moves)) / 2.0
    return jnp.asarray(cost), jax.tree.map(jnp.negative, moves)


def still(moves: Treatment) -> tuple[jax.Array, Treatment]:
    """No rules: nothing costs, and nothing is wanted."""
    return jnp.zeros(()), jax.tree.map(jnp.zeros_like, moves)


@partial(jax.jit, static_argnums=(0, 5), compiler_options=QUICK)
def _proposed(
    graph: nnx.GraphDef[Field],
    weights: nnx.State,
    dry: Dry,
    nothing: Treatment,
    hints: Hints,
    downhill: Downhill = as_it_came,
) -> Treatment:
    return propose(nnx.merge(graph, weights), dry, nothing, hints, downhill)


def proposed(network: Field, dry: Dry, nothing: Treatment, hints: Hints, downhill: Downhill = as_it_came) -> Treatment:
    return _proposed(*nnx.split(network), dry, nothing, hints, downhill)


def parts(network: Field, dry: Dry, hints: Hints, room: bool = True) -> dict[str, np.ndarray]:
    treatment = proposed(network, dry, nothing(dry, room), hints)
    return {name: np.asarray(value) for name, value in treatment_parts(treatment).items()}


def test_numbers_that_are_heard_are_of_unit_size(dry: Dry):
    heard = hear(dry)
    assert heard.frame.shape == (N_TRACKS, 24, N_FRAME) and heard.fact.shape == (N_TRACKS, N_FACTS)
    assert np.abs(heard.frame).max() < 4.0
    assert np.isfinite(heard.fact).all()


def test_shuffled_tracks_get_a_shuffled_treatment(network: Field, dry: Dry):
    dry = chosen(dry, np.arange(N_TRACKS))
    order = np.array([2, 0, 3, 1])
    shuffled = Hints(HINTS.role[order], HINTS.leads[order], HINTS.seat[order], HINTS.reference)
    straight, other = parts(network, dry, HINTS), parts(network, chosen(dry, order), shuffled)
    assert straight
    for name, value in straight.items():
        shared = name.startswith("master") or name in ("reverb.decay", "reverb.pre_delay", "reverb.tone")
        np.testing.assert_allclose(other[name], value if shared else value[order], atol=2e-4, err_msg=name)


def test_what_gain_a_track_came_with_is_undone_by_its_level(dry: Dry):
    network = Field(SMALL, nnx.Rngs(0))
    gain_db = np.array([6.0, -12.0, 0.0, 3.0])
    for each in (dry, louder(dry, gain_db)):
        treatment = proposed(network, each, nothing(each), nothing_known(N_TRACKS, 3), still)
        power = effect.total_k(effect.treated(each, treatment)) * each.active
        level = 10.0 * np.log10(np.sum(power, axis=-1) / np.sum(each.active, axis=-1))
        # untrained, it makes all tracks equally loud
        np.testing.assert_allclose(level, level.mean(), atol=0.05)


def test_tracks_that_are_absent_change_nothing(network: Field, dry: Dry):
    dry = chosen(dry, np.arange(N_TRACKS))
    padded = jax.tree.map(lambda x: x, dry)
    pad = {name: jnp.pad(getattr(dry, name), [(0, 3), *[(0, 0)] * (getattr(dry, name).ndim - 1)])
           for name in ("power", "power_k", "active", "low_power")}  # fmt: skip
    padded = replace(padded, **pad)
    hints = Hints(
        jnp.pad(HINTS.role, (0, 3)), jnp.pad(HINTS.leads, (0, 3)), jnp.pad(HINTS.seat, (0, 3)), HINTS.reference
    )
    straight, with_padding = parts(network, dry, HINTS), parts(network, padded, hints)
    for name, value in straight.items():
        got = with_padding[name]
        np.testing.assert_allclose(got[: len(value)] if value.ndim else got, value, atol=2e-4, err_msg=name)
    assert np.abs(with_padding["eq.tone"][N_TRACKS:]).max() == 0.0


def test_hints_and_a_reference_are_heard(network: Field, dry: Dry):
    told = parts(network, dry, HINTS)
    for other in (
        HINTS._replace(role=jnp.zeros(N_TRACKS, jnp.int32)),
        HINTS._replace(leads=jnp.zeros(N_TRACKS)),
        HINTS._replace(seat=jnp.zeros(N_TRACKS)),
        HINTS._replace(reference=jnp.zeros(3)),
    ):
        assert np.abs(parts(network, dry, other)["eq.tone"] - told["eq.tone"]).max() > 1e-4


def test_what_is_played_elsewhere_in_the_song_is_heard_by_every_track(network: Field, dry: Dry):
    straight = parts(network, dry, HINTS)
    late = replace(dry, power=dry.power.at[3, :, -4:].multiply(30.0), power_k=dry.power_k.at[3, :, -4:].multiply(30.0))
    assert np.abs(parts(network, late, HINTS)["eq.tone"][0] - straight["eq.tone"][0]).max() > 1e-5


def test_until_it_is_trained_it_goes_where_the_rules_pull_in_each_part(dry: Dry):
    network = Field(SMALL, nnx.Rngs(0))
    hints = nothing_known(N_TRACKS, 3)

    def wanted(moves: Treatment) -> tuple[jax.Array, Treatment]:
        """All of the first track: more; of the second, less; in the second half, the first's ride and dynamics."""
        sides = jnp.array([1.0, -1.0, 0.0, 0.0])

        def of(part: str, x: jax.Array) -> jax.Array:
            if part.startswith(("master", "reverb")) and part != "reverb.send":
                return jnp.zeros_like(x)
            late = jnp.arange(x.shape[-1]) >= x.shape[-1] // 2 if part in ("gain.ride", "dynamics.zone") else 1.0
            return sides.reshape(-1, *[1] * (x.ndim - 1)) * jnp.ones_like(x) * late

        way = map_parts(of, moves)
        gone = [jnp.vdot(*both) for both in zip(jax.tree.leaves(way), jax.tree.leaves(moves), strict=True)]
        return -jnp.sum(jnp.stack(gone)), way

    before = treatment_parts(proposed(network, dry, nothing(dry), hints, still))
    after = treatment_parts(proposed(network, dry, nothing(dry), hints, wanted))
    for name in ("eq.tone", "eq.low_cut", "pan.position", "pan.width", "reverb.send", "gain.ride", "dynamics.zone"):
        by = np.asarray(after[name] - before[name])
        assert by[0].mean() > 0.01 > -0.01 > by[1].mean(), name
        assert np.abs(by[2:]).max() < 1e-6, name
    ride = np.asarray(after["gain.ride"] - before["gain.ride"])
    assert ride[0, -1] > 2.0 * ride[0, 0] > 0.0


def test_of_what_it_says_that_is_taken_which_costs_least(network: Field, dry: Dry):
    graph, weights = nnx.split(network)

    @partial(jax.jit, compiler_options=QUICK)
    def costs(weights: nnx.State) -> jax.Array:
        network, heard = nnx.merge(graph, weights), hear(dry)
        return looks(network, network(heard, HINTS), heard, dry, nothing(dry), HINTS, as_it_came).cost

    cost = costs(weights)
    assert len(cost) == SMALL.n_looks + 1
    assert np.ptp(cost) > 0.02 * cost.min()
    taken = moves_of(before_make_up(dry, proposed(network, dry, nothing(dry), HINTS)))
    # what is close to a bound comes back a little inside it
    assert float(as_it_came(taken)[0]) == pytest.approx(float(cost.min()), rel=5e-3)


def test_what_is_learnt_from_is_the_slope_of_what_each_thing_said_costs(network: Field, dry: Dry):
    """Of a cost that is known in closed form, by hand: the position of the first track alone."""
    graph, weights = nnx.split(network, nnx.Param)
    heard = hear(dry)

    def aside(moves: Treatment) -> tuple[jax.Array, Treatment]:
        cost = lambda moves: jnp.square(moves.pan.position[0] - 1.0)  # noqa: E731
        return cost(moves), jax.tree.map(jnp.negative, jax.grad(cost)(moves))

    def everything(weights: nnx.State) -> tuple[jax.Array, jax.Array]:
        network = nnx.merge(graph, weights)
        said, cost = looks(network, network(heard, HINTS), heard, dry, nothing(dry), HINTS, aside)
        both = jnp.stack([cost, jnp.square(said.position[:, 0] - 1.0)])
        return both[:, jnp.array([0, -1])], both

    def slopes(weights: nnx.State) -> tuple[nnx.State, jax.Array]:
        return jax.jacrev(everything, has_aux=True)(weights)

    slope, (got, by_hand) = jax.jit(slopes, compiler_options=QUICK)(weights)
    np.testing.assert_allclose(got, by_hand, rtol=1e-5)
    for each in jax.tree.leaves(slope):
        np.testing.assert_allclose(each[0], each[1], rtol=1e-3, atol=1e-4)
    assert max(np.abs(each[0]).max() for each in jax.tree.leaves(slope)) > 1e-2


def test_any_number_of_tracks_and_frames_will_do(network: Field):
    for n_tracks, n_frames in ((1, 3), (9, 40)):
        dry = random_dry(n_tracks, n_frames)
        got = parts(network, dry, nothing_known(n_tracks, 3), room=False)
        assert got and all(np.isfinite(value).all() for value in got.values())


def test_silence_is_left_alone_with_finite_slopes(network: Field, dry: Dry):
    silent = replace(dry, power=0.0 * dry.power, power_k=0.0 * dry.power_k, active=0.0 * dry.active)
    got = parts(network, silent, HINTS)
    for name in ("gain.level", "eq.tone", "pan.position", "dynamics.zone"):
        assert np.abs(got[name]).max() == 0.0, name

    graph, weights = nnx.split(network)

    def size(weights: nnx.State) -> jax.Array:
        treatment = propose(nnx.merge(graph, weights), silent, nothing(silent), HINTS, as_it_came)
        return sum(jnp.sum(jnp.square(leaf)) for leaf in jax.tree.leaves(treatment))

    slope = jax.jit(jax.grad(size), compiler_options=QUICK)(weights)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slope))


def test_the_whole_network_has_between_one_and_two_million_weights():
    sizes = Sizes(n_roles=37, n_families=9)
    shapes = nnx.eval_shape(lambda: Field(sizes, nnx.Rngs(0)))
    assert 1e6 < sum(leaf.size for leaf in jax.tree.leaves(nnx.state(shapes, nnx.Param))) < 2e6


def test_a_song_that_repeats_itself_is_proposed_what_its_part_is(network: Field):
    part = random_dry(N_TRACKS, SMALL.n_frames)
    axes = {"power": 2, "power_k": 2, "cross": 3, "active": 1, "inside": 0, "peak": 0}
    doubled = {name: jnp.concatenate([getattr(part, name)] * 2, axis=axis) for name, axis in axes.items()}
    time_s = part.time_s[0] + part.frame_s * jnp.arange(2 * SMALL.n_frames)
    of_both = [
        proposed(network, each, nothing(each), HINTS, still) for each in (part, replace(part, **doubled, time_s=time_s))
    ]
    once, twice = ({name: np.asarray(x) for name, x in treatment_parts(each).items()} for each in of_both)
    steady = {name for name in once if not name.startswith(("gain.ride", "dynamics", "gain.level"))}
    assert steady
    for name in steady:
        np.testing.assert_allclose(twice[name], once[name], atol=1e-3, err_msg=name)
