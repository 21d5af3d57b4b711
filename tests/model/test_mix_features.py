"""Mix features: known levels and positions of made-up tracks; refine steps that learn from them."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from hybrid.model.field import Field
from hybrid.model.input_features import InputFeatures, input_features, no_conditioning
from hybrid.model.mix_features import N_MIX_FEATURES, N_RELATION, MixFeatures, mix_features
from hybrid.model.proposal import SongInputs, treatment_of, unroll
from hybrid.model.sizes import Sizes
from hybrid.signal import bands
from hybrid.testing.songs import QUICK
from hybrid.treatment.axes import map_axis
from hybrid.treatment.parts import N_ZONES
from hybrid.treatment.types import Dry, Treatment
from tests.treatment.made import dry_of, mono, nothing, random_dry

pytestmark = pytest.mark.long

OVERLAP, CO_ACTIVE, BOTH, NEAR, DIFFERENCE, LOUDER, DIAGONAL = range(N_RELATION)
LOUDNESS, OVER_OTHERS, BALANCE, CORRELATION, POSITION, DISTANCE, WIDTH, CUT = range(N_MIX_FEATURES - 8, N_MIX_FEATURES)
SIDES = 3 * bands.N_BANDS
SHARE = slice(bands.N_BANDS, 2 * bands.N_BANDS)
SIZES = Sizes(3, 5, frame=16, whole=24, n_heads=2, n_moment_blocks=1, n_whole_blocks=1)


def twins_and_a_stranger() -> Dry:
    """Two identical tracks and a third that shares no band with them; all always active, equally loud in each band."""
    low, high = np.zeros((24, bands.N_BANDS)), np.zeros((24, bands.N_BANDS))
    low[:, 10:14], high[:, 24:28] = 1e-3, 1e-3
    return dry_of(np.stack([mono(low), mono(low), mono(high)]))


def panned_and_levelled(dry: Dry, position: list[float], level_db: list[float]) -> Treatment:
    treatment = nothing(dry)
    pan = treatment.pan._replace(position=jnp.array(position))
    return replace(treatment, pan=pan, gain=treatment.gain._replace(level_db=jnp.array(level_db)))


def no_rules(moves: Treatment) -> tuple[jax.Array, Treatment]:
    """Cost and negative gradient without rules: zeros."""
    return jnp.zeros(()), jax.tree.map(jnp.zeros_like, moves)


def features_of(dry: Dry, treatment: Treatment) -> MixFeatures:
    return jax.tree.map(np.asarray, jax.jit(mix_features)(dry, treatment, input_features(dry)))


def test_twins_are_alike_and_strangers_are_not():
    pair = features_of(dry := twins_and_a_stranger(), nothing(dry)).pair
    assert pair[0, 1, OVERLAP] == pytest.approx(1.0, abs=1e-3)
    assert pair[0, 2, OVERLAP] < 1e-3
    np.testing.assert_allclose(pair[..., CO_ACTIVE], 1.0, atol=1e-5)
    np.testing.assert_array_equal(pair[..., DIAGONAL], np.eye(3))


def test_pair_features_state_positions_and_levels_with_opposite_signs():
    pair = features_of(
        dry := twins_and_a_stranger(), panned_and_levelled(dry, [-20.0, 20.0, -20.0], [0.0, 6.0, 0.0])
    ).pair
    assert pair[0, 1, DIFFERENCE] == -pair[1, 0, DIFFERENCE] < 0.0
    assert pair[0, 1, LOUDER] == pytest.approx(-0.6, abs=0.01)
    assert pair[0, 2, NEAR] == 1.0
    # 40 of 40 pan units apart
    assert pair[0, 1, NEAR] == pytest.approx(np.exp(-0.5), abs=1e-3)
    assert pair[0, 1, BOTH] == pytest.approx(np.exp(-0.5), abs=2e-3)
    assert pair[0, 2, BOTH] < 1e-3


@pytest.mark.parametrize("up_db", [-6.0, 0.0, 6.0])
def test_raising_a_track_raises_its_relative_loudness_and_its_share_of_its_bands(up_db):
    dry = twins_and_a_stranger()
    track = features_of(dry, panned_and_levelled(dry, [0.0] * 3, [0.0, up_db, 0.0])).track
    even = features_of(dry, nothing(dry)).track
    assert track[1, OVER_OTHERS] - even[1, OVER_OTHERS] == pytest.approx(up_db / 10.0, abs=0.01)
    # of two that share a band, in dB over 40
    share_db = -10.0 * np.log10(1.0 + 10.0 ** (-up_db / 10.0))
    np.testing.assert_allclose(40.0 * track[1, SHARE][11], share_db, atol=0.01)
    np.testing.assert_allclose(40.0 * track[2, SHARE][25], 0.0, atol=0.01)


def test_balance_follows_the_position_and_a_mono_track_is_fully_correlated():
    track = features_of(dry := twins_and_a_stranger(), panned_and_levelled(dry, [-40.0, 40.0, 0.0], [0.0] * 3)).track
    assert track[0, BALANCE] == pytest.approx(-track[1, BALANCE], abs=1e-5)
    assert track[0, BALANCE] > 0.3
    np.testing.assert_allclose(track[:, CORRELATION], 1.0, atol=1e-4)
    np.testing.assert_allclose(track[:, DISTANCE], np.abs(track[:, POSITION]))


def test_side_features_state_the_zone_and_the_track_of_side_power():
    low, high = np.zeros((24, bands.N_BANDS)), np.zeros((24, bands.N_BANDS))
    low[:, 1:4], high[:, 30:34] = 1e-3, 1e-3
    apart = np.stack([low, low, 0.0 * low])
    # a bass whose channels have nothing in common, a bass in the middle, and cymbals on the left
    dry = dry_of(np.stack([apart, mono(low), np.stack([high, 0.0 * high, 0.0 * high])]))
    track = features_of(dry, nothing(dry)).track
    side_db, share, mix, mix_balance = (track[:, SIDES + k * N_ZONES : SIDES + (k + 1) * N_ZONES] for k in range(4))
    half, none = 10.0 * np.log10(0.5) / 20.0, -2.0
    np.testing.assert_allclose(side_db[:, 0], [half, none, none], atol=2e-3)
    # the wide bass has all side power below 150 Hz, and half of the bass is in the middle
    np.testing.assert_allclose(share[:2, 0], [0.0, none], atol=2e-2)
    np.testing.assert_allclose(mix[:, 0], 10.0 * np.log10(0.25) / 20.0, atol=2e-3)
    np.testing.assert_allclose(mix_balance[:, [0, 3]], [[0.0, 1.0]] * 3, atol=2e-3)


def test_features_are_of_unit_size_and_zero_for_a_silent_track():
    dry = random_dry(5)
    silent = map_axis(lambda x, axis: x.at[2].set(0.0), dry, "track")
    dry = replace(silent, cross=0.0 * dry.cross)
    features = features_of(dry, nothing(dry))
    assert np.abs(features.track).max() < 4.5
    assert np.abs(features.pair).max() < 4.0
    assert np.abs(features.track[2]).max() == np.abs(features.pair[2]).max() == np.abs(features.pair[:, 2]).max() == 0.0


def test_refining_steps_change_nothing_until_they_are_trained():
    dry, conditioning = random_dry(4), no_conditioning(4)
    network = Field(SIZES, nnx.Rngs(0))

    @partial(jax.jit, static_argnums=0, compiler_options=QUICK)
    def levels(graph: nnx.GraphDef[Field], weights: nnx.State) -> jax.Array:
        network, features = nnx.merge(graph, weights), input_features(dry)
        inputs = SongInputs(dry, features, nothing(dry), conditioning, jnp.zeros(0))
        return unroll(network, network(features, conditioning), inputs, no_rules).prediction.level_db

    assert np.ptp(levels(*nnx.split(network)), axis=0).max() == 0.0
    network.refine.change_head.kernel[...] = 0.3 * jax.random.normal(
        jax.random.key(0), network.refine.change_head.kernel.shape
    )
    straight, once, twice = levels(*nnx.split(network))[:3]
    assert np.abs(once - straight).max() > 0.1
    assert np.abs(twice - once).max() > 0.1


def test_refining_steps_alone_learn_to_put_twins_apart():
    """The sound of identical tracks does not separate them: only their side codes and pair features do."""
    dry = twins_and_a_stranger()
    conditioning = no_conditioning(3)._replace(side=jnp.zeros(3).at[0].set(-0.1).at[1].set(0.1))
    graph, weights = nnx.split(Field(SIZES, nnx.Rngs(0)), nnx.Param)
    features: InputFeatures = input_features(dry)

    def position(weights: nnx.State) -> jax.Array:
        network = nnx.merge(graph, weights)
        inputs = SongInputs(dry, features, nothing(dry), conditioning, jnp.zeros(0))
        prediction, _ = unroll(network, network(features, conditioning), inputs, no_rules)
        return treatment_of(jax.tree.map(lambda x: x[-1], prediction), inputs).pan.position

    def learns(path: tuple, gradient: jax.Array) -> jax.Array:
        return gradient * (str(path[0].key) == "refine" and str(path[1].key) != "rate_head")

    @partial(jax.jit, compiler_options=QUICK)
    def learnt(weights: nnx.State, state: optax.OptState) -> tuple[nnx.State, optax.OptState]:
        # twins 40 units apart, the stranger in the middle
        miss = lambda w: jnp.sum(jnp.square(position(w) / 20.0 - jnp.array([-1.0, 1.0, 0.0])))  # noqa: E731
        gradient = jax.tree_util.tree_map_with_path(learns, jax.grad(miss)(weights))
        updates, state = optimiser.update(gradient, state)
        return jax.tree.map(jnp.add, weights, updates), state

    optimiser = optax.adam(3e-3)
    state = optimiser.init(weights)
    for _ in range(100):
        weights, state = learnt(weights, state)
    positions = jax.jit(position, compiler_options=QUICK)(weights)
    np.testing.assert_allclose(positions, [-20.0, 20.0, 0.0], atol=4.0)
