"""One step of training: a pure function of weights and a batch, over as many devices as there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float

from hybrid.knowledge import objective as objectives
from hybrid.model.field import Field
from hybrid.model.input_features import NETWORK_FRAME_S, input_features
from hybrid.model.proposal import treatment_of, unroll
from hybrid.training.imitation import distance
from hybrid.training.lesson import Batch, Leaf, Lesson
from hybrid.training.recipe import Losses, Recipe
from hybrid.training.target import target_of
from hybrid.treatment.makeup import apply_makeup
from hybrid.treatment.types import Treatment, neutral

MEAN_STEPS = 400.0
"""Steps over which the mean of the weights forgets; of the first, a tenth of the steps so far. A guess."""


class Seen(NamedTuple):
    """What a song cost, or a batch, as means over its songs."""

    loss: Float[Array, ""]
    """All losses by their weights; of the rules, `log_cost`."""
    rules: Float[Array, ""]
    """Weighted penalties of all rules."""
    rule: Float[Array, " rule"]
    """Of each rule, before its weight."""
    roles: Float[Array, ""]
    named: Float[Array, ""]
    """Share of the tracks whose family was named."""
    refined: Float[Array, ""]
    human: Float[Array, ""]


class Learner(NamedTuple):
    """All that changes in training."""

    weights: nnx.State
    mean: nnx.State
    """A running mean of the weights, which is what is looked at and kept."""
    optimiser: optax.OptState
    step: Float[Array, ""]


class Trainer(NamedTuple):
    """The functions of a training run."""

    begin: Callable[[nnx.State], Learner]
    step: Callable[[Learner, Batch], tuple[Learner, Seen]]
    look: Callable[[nnx.State, Batch], Seen]
    """What each song of a batch costs, without learning from it."""


@lru_cache(maxsize=2)
def trainer_of(recipe: Recipe, graph: nnx.GraphDef[Field], optional: tuple[str, ...]) -> Trainer:
    """The functions of a recipe, which runs that differ in rules or seed alone share: they are compiled once."""
    return make_trainer(recipe, graph, optional)


def make_trainer(
    recipe: Recipe, graph: nnx.GraphDef[Field], optional: tuple[str, ...], devices: Sequence | None = None
) -> Trainer:
    """The compiled functions for a recipe; a batch is divided among as many devices, of all local ones unless they
    are given, as its size allows."""
    optimiser = _optimiser(recipe)
    nothing = neutral(recipe.n_tracks, recipe.n_frames * NETWORK_FRAME_S, NETWORK_FRAME_S, optional)
    together, divided = _shardings(recipe.batch, jax.local_devices() if devices is None else devices)

    def look(weights: nnx.State, batch: Batch) -> Seen:
        def cost(leaves: list[Leaf]) -> Seen:
            return _cost(graph, weights, batch.lesson(leaves), nothing, recipe.losses)

        return jax.vmap(cost)(batch.leaves)

    def seen(weights: nnx.State, batch: Batch) -> tuple[Array, Seen]:
        mean = jax.tree.map(lambda x: jnp.mean(x, axis=0), look(weights, batch))
        return mean.loss, mean

    def step(learner: Learner, batch: Batch) -> tuple[Learner, Seen]:
        (_, cost), gradient = jax.value_and_grad(seen, has_aux=True)(learner.weights, batch)
        updates, state = optimiser.update(gradient, learner.optimiser, learner.weights)
        weights = jax.tree.map(jnp.add, learner.weights, updates)
        share = jnp.maximum(1.0 / MEAN_STEPS, 1.0 / (2.0 + 0.1 * learner.step))
        mean = cast(nnx.State, optax.incremental_update(weights, learner.mean, share))
        return Learner(weights, mean, state, learner.step + 1.0), cost

    def begin(weights: nnx.State) -> Learner:
        # copied, since a step gives all that it was given away
        return Learner(weights, jax.tree.map(jnp.copy, weights), optimiser.init(weights), jnp.zeros(()))

    shared = jax.jit(begin, out_shardings=together)
    stepped = jax.jit(step, in_shardings=(together, divided), out_shardings=together, donate_argnums=0)
    looked = jax.jit(look, in_shardings=(together, divided), out_shardings=divided)
    return Trainer(shared, stepped, looked)


def _shardings(batch: int, devices: Sequence) -> tuple[NamedSharding, NamedSharding]:
    """The same on all devices, and divided along the first axis, over the most devices that divide a batch."""
    n = max(k for k in range(1, len(devices) + 1) if batch % k == 0)
    mesh = Mesh(np.array(devices[:n]), ("song",))
    return NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec("song"))


def _optimiser(recipe: Recipe) -> optax.GradientTransformation:
    warm_up = min(recipe.warm_up, recipe.steps - 1)
    rate = optax.warmup_cosine_decay_schedule(0.0, recipe.rate, warm_up, recipe.steps, 0.02 * recipe.rate)
    return optax.chain(optax.clip_by_global_norm(recipe.clip), optax.adamw(rate, weight_decay=recipe.decay))


def _cost(graph: nnx.GraphDef[Field], weights: nnx.State, lesson: Lesson, nothing: Treatment, losses: Losses) -> Seen:
    """What the proposal for one song costs."""
    dry, objective = lesson.frames.dry, lesson.objective
    features = input_features(dry)
    dull = features._replace(frame=features.frame * lesson.audible[:, None, None])
    network = nnx.merge(graph, weights)
    negative_gradient = partial(objectives.negative_gradient, objective, dry)
    every, cost = unroll(
        network, network(dull, lesson.conditioning), features, dry, nothing, lesson.conditioning, negative_gradient
    )
    prediction = jax.tree.map(lambda x: x[-1], every)
    treatment = treatment_of(prediction, features, dry, nothing)
    zero = jnp.zeros(())
    still = jax.lax.stop_gradient(treatment)
    rule = objectives.penalties(
        objective, objectives.evaluate_before_makeup(objective, dry, still), jnp.zeros_like(objective.weight)
    )
    told = (lesson.family >= 0) * features.present * lesson.audible
    wrong = optax.softmax_cross_entropy_with_integer_labels(prediction.family, jnp.maximum(lesson.family, 0))
    right = (jnp.argmax(prediction.family, axis=-1) == lesson.family).astype(wrong.dtype)
    # what a track is can be read off a hint: only those without are listened to
    asked = told * (lesson.conditioning.role == 0)
    refined = human = zero
    if losses.refined or losses.human:
        found = target_of(dry, apply_makeup(dry, treatment))
        refined, human = (distance(found, wanted, features.present) for wanted in (lesson.refined, lesson.human))
    rules, roles = objective.weight @ rule, jnp.sum(wrong * asked) / jnp.maximum(jnp.sum(asked), 1.0)
    loss = losses.rules * cost[-1] + losses.roles * roles + losses.refined * refined + losses.human * human
    # what was said on the way is learnt from, and not counted
    on_the_way = losses.rules * losses.unrolled * jnp.mean(cost[:-1]) if network.sizes.n_unrolled_steps else zero
    loss = loss + on_the_way - jax.lax.stop_gradient(on_the_way)
    return Seen(loss, rules, rule, roles, jnp.sum(right * told) / jnp.maximum(jnp.sum(told), 1.0), refined, human)
