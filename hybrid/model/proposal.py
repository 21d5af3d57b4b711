"""From what a network says to a treatment of the song."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hybrid.model.field import Field, Proposal
from hybrid.model.gradient_features import FULL, LOUDNESS_DB, GradientFeatures, NegativeGradient
from hybrid.model.input_features import Conditioning, InputFeatures, input_features
from hybrid.model.mix_features import mix_features
from hybrid.treatment.bounds import constrain, unconstrain
from hybrid.treatment.makeup import apply_makeup
from hybrid.treatment.parts import RIDE_S
from hybrid.treatment.types import Dry, Dynamics, Gain, Pan, Reverb, Treatment

_FIXED = ("loudness_db", "tone", "low_cut", "position", "width", "send", "family", "hidden")
"""What is said of a track once for the whole song."""


def propose(
    network: Field, dry: Dry, nothing: Treatment, conditioning: Conditioning, negative_gradient: NegativeGradient
) -> Treatment:
    """The treatment that the network proposes for these tracks, shaped like `nothing`; its output level is open.

    Of what it says, first and after each look, that which costs least is taken.
    """
    features = input_features(dry)
    prediction, cost = unroll(
        network, predict_song(network, dry, conditioning), features, dry, nothing, conditioning, negative_gradient
    )
    best = jnp.argmin(cost)
    return apply_makeup(dry, treatment_of(jax.tree.map(lambda x: x[best], prediction), features, dry, nothing))


class UnrolledSteps(NamedTuple):
    """What a network says, first and after each look, and what that costs."""

    prediction: Proposal
    """With an axis more at the front."""
    cost: Float[Array, " look"]


def unroll(
    network: Field,
    prediction: Proposal,
    features: InputFeatures,
    dry: Dry,
    nothing: Treatment,
    conditioning: Conditioning,
    negative_gradient: NegativeGradient,
) -> UnrolledSteps:
    """What the network makes of its first proposal by hearing it, and feeling how the rules pull at it.

    No gradient goes through what it hears and feels: it learns from what each thing that it says costs.
    """

    def step(prediction: Proposal, _: None) -> tuple[Proposal, tuple[Proposal, Float[Array, ""]]]:
        # one program for all looks, so that the rules are traced and compiled once
        still = jax.lax.stop_gradient(prediction)
        unconstrained, back = jax.vjp(lambda prediction: _unconstrained(prediction, features, dry, nothing), still)
        cost, descent = negative_gradient(unconstrained)
        (descent,) = back(descent)
        # the slope of the cost is known by now: nothing is added but that
        slope = [
            jnp.vdot(gradient, now - as_it_is)
            for gradient, now, as_it_is in zip(descent, prediction, still, strict=True)
        ]
        after = network.refine_step(
            prediction,
            mix_features(dry, constrain(unconstrained), features),
            _gradient_features(descent),
            features,
            conditioning,
        )
        return after, (prediction, cost - jnp.sum(jnp.stack(slope)))

    return UnrolledSteps(*jax.lax.scan(step, prediction, length=network.sizes.n_unrolled_steps + 1)[1])


def treatment_of(prediction: Proposal, features: InputFeatures, dry: Dry, nothing: Treatment) -> Treatment:
    """What is said as a treatment, before make-up."""
    return constrain(_unconstrained(prediction, features, dry, nothing))


def _gradient_features(descent: Proposal) -> GradientFeatures:
    """What is felt of the way in which a proposal should go, in any length of song."""
    n_frames = descent.ride.shape[-1]
    prediction = (LOUDNESS_DB * descent.loudness_db, descent.low_cut, descent.position, descent.width, descent.send)
    fixed = jnp.concatenate([descent.tone, jnp.stack(prediction, axis=-1)], axis=-1)
    return GradientFeatures(*(jnp.arcsinh(x / FULL) for x in (fixed, n_frames * descent.ride, n_frames * descent.zone)))


def predict_song(network: Field, dry: Dry, conditioning: Conditioning) -> Proposal:
    """What the network first says of a song of any length: songs that are longer than those it was trained on are
    heard in stretches, and what is said of each track counts by how long it sounds in each."""
    n_frames, span = dry.active.shape[-1], network.sizes.n_frames
    if n_frames <= span:
        return network(input_features(dry), conditioning)
    starts = np.round(np.linspace(0, n_frames - span, -(-n_frames // span))).astype(int)

    def one(start: Int[Array, ""]) -> tuple[Proposal, Float[Array, " track"]]:
        part = _stretch(dry, start, span)
        features = input_features(part)
        return network(features, conditioning), jnp.sum(part.active, axis=-1) * features.present

    prediction, sounds = jax.vmap(one)(jnp.asarray(starts))
    share = sounds / jnp.maximum(jnp.sum(sounds, axis=0), 1e-6)
    of_song = jnp.sum(sounds, axis=1) / jnp.maximum(jnp.sum(sounds), 1e-6)

    def mean(of: Float[Array, "stretch track ..."]) -> Float[Array, "track ..."]:
        return jnp.einsum("st,st...->t...", share, of)

    def along(of: Float[Array, "stretch *batch frame"]) -> Float[Array, "*batch song_frame"]:
        """Curves side by side; where stretches overlap, their mean."""
        total, count = jnp.zeros((*of.shape[1:-1], n_frames)), np.zeros(n_frames)
        for k, start in enumerate(starts):
            total = total.at[..., start : start + span].add(of[k])
            count[start : start + span] += 1.0
        return total / count

    fixed = {name: mean(getattr(prediction, name)) for name in _FIXED}
    room = {name: jnp.tensordot(of_song, getattr(prediction, name), 1) for name in ("decay", "pre_delay", "room_tone")}
    return Proposal(ride=along(prediction.ride), zone=along(prediction.zone), **fixed, **room)


def _stretch(dry: Dry, start: Int[Array, ""], span: int) -> Dry:
    def cut(x: Float[Array, "..."], axis: int) -> Float[Array, "..."]:
        return jax.lax.dynamic_slice_in_dim(x, start, span, axis)

    return replace(
        dry,
        power=cut(dry.power, 2),
        power_k=cut(dry.power_k, 2),
        cross=cut(dry.cross, 3),
        active=cut(dry.active, 1),
        inside=cut(dry.inside, 0),
        time_s=cut(dry.time_s, 0),
        peak=cut(dry.peak, 0),
    )


def _unconstrained(prediction: Proposal, features: InputFeatures, dry: Dry, nothing: Treatment) -> Treatment:
    """The same in whitened moves before make-up: levels say how loud each track is. Nothing is done to tracks that
    never sound."""
    present = features.present

    def heard(x: Float[Array, "track ..."]) -> Float[Array, "track ..."]:
        return x * present.reshape(-1, *[1] * (x.ndim - 1))

    level = heard(prediction.loudness_db - features.loudness_db)
    # levels are relative: their mean is nothing that is heard
    level = heard(level - jnp.sum(level) / jnp.maximum(jnp.sum(present), 1.0))
    unconstrained = unconstrain(replace(nothing, gain=nothing.gain._replace(level_db=level)))
    ride, zone = unconstrained.gain.ride_db, unconstrained.dynamics.zone_db
    reverb = unconstrained.reverb and Reverb(
        unconstrained.reverb.send_db + heard(prediction.send),
        prediction.decay,
        prediction.pre_delay,
        prediction.room_tone,
    )
    return replace(
        unconstrained,
        gain=Gain(unconstrained.gain.level_db, _at(heard(prediction.ride), dry, RIDE_S, ride.shape[-1])),
        # parts of which the network says nothing stay where they rest
        eq=unconstrained.eq._replace(
            tone_db=heard(prediction.tone), low_cut_hz=unconstrained.eq.low_cut_hz + heard(prediction.low_cut)
        ),
        dynamics=Dynamics(_at(heard(prediction.zone), dry, nothing.knot_s, zone.shape[-1])),
        pan=Pan(heard(prediction.position), heard(prediction.width)),
        reverb=reverb,
    )


def _at(curve: Float[Array, "*batch frame"], dry: Dry, spacing_s: float, n_knots: int) -> Float[Array, "*batch knot"]:
    """A curve given frame by frame, at points `spacing_s` apart: the mean of the frames around each."""
    away = jnp.abs(dry.time_s[None, :] - spacing_s * jnp.arange(n_knots, dtype=curve.dtype)[:, None])
    reach = max(spacing_s, dry.frame_s)
    weight = jnp.maximum(1.0 - away / reach, 0.0) + 1e-6 * jnp.exp(-away / reach)
    return curve @ (weight / jnp.sum(weight, axis=1, keepdims=True)).T
