"""One step of training: a pure function of the state and a batch, over several devices."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from hybrid.knowledge import objective as objectives
from hybrid.knowledge.start_levels import at_expected_levels
from hybrid.model.field import Field
from hybrid.model.input_features import NETWORK_FRAME_S, input_features
from hybrid.model.proposal import SongInputs, treatment_of, unroll
from hybrid.training.distillation import target_of
from hybrid.training.distillation_loss import distillation_loss
from hybrid.training.goals import aimed, goal_places, measuring
from hybrid.training.recipe import Losses, Recipe
from hybrid.training.sample import Batch, Leaf, Sample
from hybrid.treatment.makeup import apply_makeup
from hybrid.treatment.types import Treatment, neutral

EMA_STEPS = 400.0
"""Time constant of the exponential moving average of the weights, in steps; shorter during the first 4000. A guess."""


class LossTerms(NamedTuple):
    """The losses of a song, or their means over the songs of a batch; field names are those of the metrics files."""

    loss: Float[Array, ""]
    """Weighted sum of all losses; that of the rules is the logarithm of one and their penalties."""
    rules: Float[Array, ""]
    """Weighted penalties of all rules."""
    rule: Float[Array, " rule"]
    """Unweighted penalty of each rule."""
    roles: Float[Array, ""]
    """Cross-entropy of the families of tracks whose role is hidden, nats."""
    named: Float[Array, ""]
    """Share of the tracks whose family is predicted correctly."""
    refined: Float[Array, ""]
    """Distance to the refined mix."""
    human: Float[Array, ""]
    """Distance to the human mix."""


class TrainState(NamedTuple):
    """The state of training: weights, their average, optimiser state and step count."""

    weights: nnx.State
    ema: nnx.State
    """Exponential moving average of the weights, which is evaluated and saved."""
    optimiser: optax.OptState
    step: Float[Array, ""]


class Trainer(NamedTuple):
    """The compiled functions of a training run."""

    init: Callable[[nnx.State], TrainState]
    step: Callable[[TrainState, Batch, Array], tuple[TrainState, LossTerms]]
    """One step at a learning rate."""
    evaluate: Callable[[nnx.State, Batch], LossTerms]
    """Loss terms of each song of a batch, without an update."""


class TrainerSpec(NamedTuple):
    """What of a recipe is part of the compiled functions; all else is data to them."""

    n_tracks: int
    n_frames: int
    batch: int
    losses: Losses
    clip: float
    decay: float
    follows: bool
    """Whether what follows goals is learnt, and nothing else."""

    @classmethod
    def of(cls, recipe: Recipe) -> TrainerSpec:
        """The spec of a recipe."""
        return cls(
            recipe.n_tracks,
            recipe.n_frames,
            recipe.batch,
            recipe.losses,
            recipe.clip,
            recipe.decay,
            recipe.goals is not None,
        )


@lru_cache(maxsize=2)
def cached_trainer(spec: TrainerSpec, graph: nnx.GraphDef[Field], optional: tuple[str, ...]) -> Trainer:
    """The trainer of a spec, shared by runs that differ in rules, rate or seed alone, so that it is compiled once."""
    return make_trainer(spec, graph, optional)


def make_trainer(
    spec: TrainerSpec, graph: nnx.GraphDef[Field], optional: tuple[str, ...], devices: Sequence | None = None
) -> Trainer:
    """The compiled functions for a spec. A batch is split over as many of the devices as its size allows; by default,
    over all local ones."""
    # AdamW but for the rate, which each step is given
    optimiser = optax.chain(
        optax.clip_by_global_norm(spec.clip),
        optax.scale_by_adam(),
        optax.add_decayed_weights(spec.decay, partial(_is_learnt, spec.follows)),
    )
    nothing = neutral(spec.n_tracks, spec.n_frames * NETWORK_FRAME_S, NETWORK_FRAME_S, optional)
    replicated, split = _shardings(spec.batch, jax.local_devices() if devices is None else devices)

    def evaluate(weights: nnx.State, batch: Batch) -> LossTerms:
        if spec.follows:
            # nothing is computed of gradients that are not used
            weights = jax.tree.map(
                lambda is_learnt, x: x if is_learnt else jax.lax.stop_gradient(x), _is_learnt(True, weights), weights
            )

        def of_song(leaves: list[Leaf]) -> LossTerms:
            return _loss_terms(graph, weights, batch.sample(leaves), nothing, spec.losses)

        return jax.vmap(of_song)(batch.leaves)

    def mean_terms(weights: nnx.State, batch: Batch) -> tuple[Array, LossTerms]:
        mean = jax.tree.map(lambda x: jnp.mean(x, axis=0), evaluate(weights, batch))
        return mean.loss, mean

    def step(state: TrainState, batch: Batch, rate: Array) -> tuple[TrainState, LossTerms]:
        (_, terms), gradient = jax.value_and_grad(mean_terms, has_aux=True)(state.weights, batch)
        updates, optimiser_state = optimiser.update(gradient, state.optimiser, state.weights)
        weights = jax.tree.map(lambda weight, update: weight - rate * update, state.weights, updates)
        # a shorter memory at the start, so that the average soon forgets the initial weights
        share = jnp.maximum(1.0 / EMA_STEPS, 1.0 / (2.0 + 0.1 * state.step))
        # a weight that stays as it is, is its average to the bit
        ema = jax.tree.map(lambda mean, weight: mean + share * (weight - mean), state.ema, weights)
        return TrainState(weights, ema, optimiser_state, state.step + 1.0), terms

    def init(weights: nnx.State) -> TrainState:
        # the average starts from a copy: `step` donates the buffers of its whole state
        return TrainState(weights, jax.tree.map(jnp.copy, weights), optimiser.init(weights), jnp.zeros(()))

    init_jit = jax.jit(init, out_shardings=replicated)
    step_jit = jax.jit(step, in_shardings=(replicated, split, replicated), out_shardings=replicated, donate_argnums=0)
    evaluate_jit = jax.jit(evaluate, in_shardings=(replicated, split), out_shardings=split)
    return Trainer(init_jit, step_jit, evaluate_jit)


def _is_learnt(follows: bool, weights: nnx.State) -> nnx.State:
    """True for each weight that training changes: all, or those of the steps towards goals."""
    return nnx.map_state(lambda path, _: not follows or path[0] == "follow", weights)


def _shardings(batch: int, devices: Sequence) -> tuple[NamedSharding, NamedSharding]:
    """Shardings that replicate, and that split the first axis, over the largest number of devices that divides a
    batch."""
    n = max(k for k in range(1, len(devices) + 1) if batch % k == 0)
    mesh = Mesh(np.array(devices[:n]), ("song",))
    return NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("song"))


def rate_of(recipe: Recipe) -> Callable[[int], Array]:
    """The learning rate of each step: a linear rise, then half a cosine down to 2 % of the peak."""
    # a schedule needs at least one step of decay
    warm_up = min(recipe.warm_up, recipe.steps - 1)
    schedule = optax.warmup_cosine_decay_schedule(0.0, recipe.rate, warm_up, recipe.steps, 0.02 * recipe.rate)
    return lambda step: jnp.asarray(schedule(step), jnp.float32)


def _loss_terms(
    graph: nnx.GraphDef[Field], weights: nnx.State, sample: Sample, nothing: Treatment, losses: Losses
) -> LossTerms:
    """The loss terms of the network's proposal for one song."""
    dry, objective = sample.frames.dry, sample.objective
    features = input_features(dry)
    # tracks with a given role and hidden features: the network must use the role
    masked = features._replace(frame=features.frame * sample.audible[:, None, None])
    network = nnx.merge(graph, weights)
    first = network(masked, sample.conditioning)
    # the levels that refinement starts from without a network: it learns how people depart from them
    start = at_expected_levels(objective, dry, nothing)
    inputs = SongInputs(dry, features, start, sample.conditioning, jnp.zeros(0))
    if sample.goal is not None:
        own = measuring(objective, goal_places(objective))
        mixed = jax.lax.stop_gradient(treatment_of(first, inputs))
        objective, goal = aimed(objective, objectives.evaluate_before_makeup(own, dry, mixed), sample.goal)
        inputs = inputs._replace(goal=goal)
    negative_gradient = partial(objectives.negative_gradient, objective, dry)
    unrolled, cost = unroll(network, first, inputs, negative_gradient)
    prediction = jax.tree.map(lambda x: x[-1], unrolled)
    treatment = treatment_of(prediction, inputs)
    zero = jnp.zeros(())
    # the penalties are reported as they are; their gradient reaches the network through `cost`
    fixed = jax.lax.stop_gradient(treatment)
    rule = objectives.penalties(
        objective, objectives.evaluate_before_makeup(objective, dry, fixed), jnp.zeros_like(objective.weight)
    )
    labelled = (sample.family >= 0) * features.present * sample.audible
    entropy = optax.softmax_cross_entropy_with_integer_labels(prediction.family, jnp.maximum(sample.family, 0))
    correct = (jnp.argmax(prediction.family, axis=-1) == sample.family).astype(entropy.dtype)
    # a given role reveals the family: only tracks without one train the classifier
    by_sound = labelled * (sample.conditioning.role == 0)
    refined = human = zero
    if losses.refined or losses.human:
        proposed = target_of(dry, apply_makeup(dry, treatment))
        targets = (sample.refined, sample.human)
        refined, human = (distillation_loss(proposed, target, features.present) for target in targets)
    rules, roles = objective.weight @ rule, jnp.sum(entropy * by_sound) / jnp.maximum(jnp.sum(by_sound), 1.0)
    loss = losses.rules * cost[-1] + losses.roles * roles + losses.refined * refined + losses.human * human
    # earlier unrolled steps add their gradient, but nothing to the value of the loss
    earlier = losses.rules * losses.unrolled * jnp.mean(cost[:-1]) if network.sizes.n_unrolled_steps else zero
    loss = loss + earlier - jax.lax.stop_gradient(earlier)
    named = jnp.sum(correct * labelled) / jnp.maximum(jnp.sum(labelled), 1.0)
    return LossTerms(loss, rules, rule, roles, named, refined, human)
