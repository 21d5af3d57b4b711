"""Proposal of a treatment: prediction, unrolled refine steps, and conversion of a prediction to a treatment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial, reduce
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hybrid.compiled import seldom
from hybrid.model.field import Field, Proposal
from hybrid.model.gradient_features import GRADIENT_SCALE, LEVEL_DB, GradientFeatures, NegativeGradient
from hybrid.model.input_features import Conditioning, InputFeatures, input_features
from hybrid.model.mix_features import mix_features
from hybrid.treatment.axes import map_axis
from hybrid.treatment.bounds import constrain, unconstrain
from hybrid.treatment.makeup import apply_makeup
from hybrid.treatment.parts import RIDE_S
from hybrid.treatment.types import Dry, Dynamics, Gain, Reverb, Treatment

_FIXED = ("level_db", "tone", "low_cut", "position", "width", "send", "family", "hidden")
"""Fields of a prediction with one value per track for the whole song."""


class SongInputs(NamedTuple):
    """One song as a network sees it."""

    dry: Dry
    features: InputFeatures
    start: Treatment
    """The treatment that is changed: its levels and sends; all else of it is neutral."""
    conditioning: Conditioning
    goal: Float[Array, " goal"]
    """Features of what a goal asks; empty where there is none."""


class Stages(NamedTuple):
    """The parts of a network, between which the rules are asked for their gradient."""

    first: Callable[[Dry, Conditioning], Proposal]
    """The prediction for a song, before any gradient."""
    refined: Callable[[Proposal, Treatment, Treatment, SongInputs], Proposal]
    """The prediction after a refine step, from one, its unconstrained treatment, and the negative gradient there."""
    n_steps: int


def stages_of(network: Field) -> Stages:
    """The stages of a network, to be traced."""
    return Stages(partial(predict_song, network), partial(refined, network), network.sizes.n_unrolled_steps)


def propose(stages: Stages, inputs: SongInputs, negative_gradient: NegativeGradient) -> Treatment:
    """Treatment proposed by a network as a change of the start; its output level is not set.

    It is that of the predictions, the first and that after each refine step, whose cost is lowest. Towards a goal, each
    step is taken with and without its features, and the better one goes on: features of goals unlike those of training
    may mislead, the gradient does not.
    """
    ways = [inputs, inputs._replace(goal=jnp.zeros(0))] if inputs.goal.size else [inputs]

    def tried(prediction: Proposal) -> _Tried:
        unconstrained = _unconstrained_alone(prediction, inputs)
        return _Tried(*negative_gradient(unconstrained), prediction, unconstrained)

    here = best = tried(stages.first(inputs.dry, inputs.conditioning))
    for _ in range(stages.n_steps):
        steps = [tried(stages.refined(here.prediction, here.unconstrained, here.descent, way)) for way in ways]
        here = reduce(_better, steps)
        best = _better(here, best)
    return _finished(best.prediction, inputs)


def first_treatment(stages: Stages, inputs: SongInputs) -> Treatment:
    """Treatment of the first prediction as a change of the start; its output level is not set."""
    return _finished(stages.first(inputs.dry, inputs.conditioning), inputs)


class _Tried(NamedTuple):
    """A prediction, and what the rules make of it."""

    cost: Float[Array, ""]
    descent: Treatment
    """Negative gradient by the unconstrained treatment."""
    prediction: Proposal
    unconstrained: Treatment


@seldom()
def _better(new: _Tried, old: _Tried) -> _Tried:
    return jax.tree.map(lambda x, y: jnp.where(new.cost < old.cost, x, y), new, old)


@seldom()
def _finished(prediction: Proposal, inputs: SongInputs) -> Treatment:
    return apply_makeup(inputs.dry, treatment_of(prediction, inputs))


def refined(
    network: Field, prediction: Proposal, unconstrained: Treatment, descent: Treatment, inputs: SongInputs
) -> Proposal:
    """The prediction after a refine step of the network."""
    fixed = jax.lax.stop_gradient(prediction)
    return _refined(network, prediction, unconstrained, _pulled_back(fixed, inputs, descent), inputs)


def _pulled_back(prediction: Proposal, inputs: SongInputs, descent: Treatment) -> Proposal:
    """A negative gradient by the unconstrained treatment of a prediction as one by the prediction."""
    return jax.vjp(lambda prediction: _unconstrained(prediction, inputs), prediction)[1](descent)[0]


def _refined(
    network: Field, prediction: Proposal, unconstrained: Treatment, descent: Proposal, inputs: SongInputs
) -> Proposal:
    return network.refine_step(
        prediction,
        mix_features(inputs.dry, constrain(unconstrained), inputs.features),
        _gradient_features(descent),
        inputs.goal,
        inputs.features,
        inputs.conditioning,
    )


class UnrolledSteps(NamedTuple):
    """Predictions of a network, the first and that after each refine step, and their costs."""

    prediction: Proposal
    """Predictions along a leading axis of steps."""
    cost: Float[Array, " step"]


def unroll(
    network: Field, prediction: Proposal, inputs: SongInputs, negative_gradient: NegativeGradient
) -> UnrolledSteps:
    """Predictions and costs of all refine steps from a first prediction, in one program: for training.

    Mix and gradient features carry no gradient: the network is trained by the cost of each of its predictions.
    """

    def step(prediction: Proposal, _: None) -> tuple[Proposal, tuple[Proposal, Float[Array, ""]]]:
        # one program for all steps, by a scan, so that the rules are traced and compiled once
        fixed = jax.lax.stop_gradient(prediction)
        unconstrained = _unconstrained(fixed, inputs)
        cost, descent = negative_gradient(unconstrained)
        descent = _pulled_back(fixed, inputs, descent)
        # the gradient of the cost is known by now: add a term of value 0 that carries it to the prediction
        linear = [
            jnp.vdot(gradient, value - constant)
            for gradient, value, constant in zip(descent, prediction, fixed, strict=True)
        ]
        after = _refined(network, prediction, unconstrained, descent, inputs)
        # `descent` is the negative gradient: the term is subtracted
        return after, (prediction, cost - jnp.sum(jnp.stack(linear)))

    # once more than there are steps, for the cost of the last prediction; what it is refined to is dropped
    return UnrolledSteps(*jax.lax.scan(step, prediction, length=network.sizes.n_unrolled_steps + 1)[1])


def treatment_of(prediction: Proposal, inputs: SongInputs) -> Treatment:
    """Treatment of a prediction, before make-up."""
    return constrain(_unconstrained(prediction, inputs))


def _gradient_features(descent: Proposal) -> GradientFeatures:
    """Gradient features of a negative gradient with respect to a prediction.

    Those of curves are scaled by the number of frames, so that they do not depend on the length of the song.
    """
    n_frames = descent.ride.shape[-1]
    # the gradient per decibel, times the decibels that a unit of change stands for
    per_track = (LEVEL_DB * descent.level_db, descent.low_cut, descent.position, descent.width, descent.send)
    fixed = jnp.concatenate([descent.tone, jnp.stack(per_track, axis=-1)], axis=-1)
    # linear for small gradients, logarithmic for large ones of either sign
    return GradientFeatures(
        *(jnp.arcsinh(x / GRADIENT_SCALE) for x in (fixed, n_frames * descent.ride, n_frames * descent.zone))
    )


def predict_song(network: Field, dry: Dry, conditioning: Conditioning) -> Proposal:
    """First prediction for a song of any length.

    Songs longer than those of training are divided into segments; the predictions of a track are averaged, weighted by
    its active frames in each.
    """
    n_frames, span = dry.active.shape[-1], network.sizes.n_frames
    if n_frames <= span:
        return network(input_features(dry), conditioning)
    # segments overlap rather than leave a short one: all have the length of training, and one program
    starts = np.round(np.linspace(0, n_frames - span, -(-n_frames // span))).astype(int)

    def one(start: Int[Array, ""]) -> tuple[Proposal, Float[Array, " track"]]:
        part = _segment(dry, start, span)
        features = input_features(part)
        return network(features, conditioning), jnp.sum(part.active, axis=-1) * features.present

    prediction, n_active = jax.vmap(one)(jnp.asarray(starts))
    share = n_active / jnp.maximum(jnp.sum(n_active, axis=0), 1e-6)
    segment_share = jnp.sum(n_active, axis=1) / jnp.maximum(jnp.sum(n_active), 1e-6)

    def mean(of: Float[Array, "segment track ..."]) -> Float[Array, "track ..."]:
        return jnp.einsum("st,st...->t...", share, of)

    def along(of: Float[Array, "segment *batch frame"]) -> Float[Array, "*batch song_frame"]:
        """Curves of all segments joined; their mean where segments overlap."""
        total, count = jnp.zeros((*of.shape[1:-1], n_frames)), np.zeros(n_frames)
        for k, start in enumerate(starts):
            total = total.at[..., start : start + span].add(of[k])
            count[start : start + span] += 1.0
        return total / count

    fixed = {name: mean(getattr(prediction, name)) for name in _FIXED}
    room = {
        name: jnp.tensordot(segment_share, getattr(prediction, name), 1) for name in ("decay", "pre_delay", "room_tone")
    }
    return Proposal(ride=along(prediction.ride), zone=along(prediction.zone), **fixed, **room)


def _segment(dry: Dry, start: Int[Array, ""], span: int) -> Dry:
    return map_axis(lambda x, axis: jax.lax.dynamic_slice_in_dim(x, start, span, axis), dry, "frame")


def _unconstrained(prediction: Proposal, inputs: SongInputs) -> Treatment:
    """Unconstrained treatment of a prediction, before make-up: its levels are the loudness of each track.

    Tracks that are never active are left neutral.
    """
    dry, features, start = inputs.dry, inputs.features, inputs.start
    present = features.present

    def masked(x: Float[Array, "track ..."]) -> Float[Array, "track ..."]:
        return x * present.reshape(-1, *[1] * (x.ndim - 1))

    level = masked(start.gain.level_db + prediction.level_db)
    # levels are relative: a gain common to all tracks is inaudible, since the output level is solved for
    level = masked(level - jnp.sum(level) / jnp.maximum(jnp.sum(present), 1.0))
    unconstrained = unconstrain(replace(start, gain=start.gain._replace(level_db=level)))
    ride, zone = unconstrained.gain.ride_db, unconstrained.dynamics.zone_db
    reverb = unconstrained.reverb and Reverb(
        unconstrained.reverb.send_db + masked(prediction.send),
        prediction.decay,
        prediction.pre_delay,
        prediction.room_tone,
    )
    return replace(
        unconstrained,
        gain=Gain(unconstrained.gain.level_db, _resampled(masked(prediction.ride), dry, RIDE_S, ride.shape[-1])),
        # parts that the network does not predict stay neutral
        eq=unconstrained.eq._replace(
            tone_db=masked(prediction.tone), low_cut_hz=unconstrained.eq.low_cut_hz + masked(prediction.low_cut)
        ),
        dynamics=Dynamics(_resampled(masked(prediction.zone), dry, start.knot_s, zone.shape[-1])),
        pan=unconstrained.pan._replace(position=masked(prediction.position), width_db=masked(prediction.width)),
        reverb=reverb,
    )


_unconstrained_alone = seldom()(_unconstrained)


def _resampled(
    curve: Float[Array, "*batch frame"], dry: Dry, spacing_s: float, n_knots: int
) -> Float[Array, "*batch knot"]:
    """Curve per frame resampled to points `spacing_s` apart: triangular means of the frames around each."""
    distance = jnp.abs(dry.time_s[None, :] - spacing_s * jnp.arange(n_knots, dtype=curve.dtype)[:, None])
    # of points and frames, the wider spacing: every point has a frame within reach, and every frame a point
    reach = max(spacing_s, dry.frame_s)
    # the faint exponential gives points beyond the last frame the value of the nearest one
    weight = jnp.maximum(1.0 - distance / reach, 0.0) + 1e-6 * jnp.exp(-distance / reach)
    return curve @ (weight / jnp.sum(weight, axis=1, keepdims=True)).T
