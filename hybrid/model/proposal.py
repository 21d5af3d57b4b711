"""From what a network says to a treatment of the song."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hybrid.model.field import Field, Proposal
from hybrid.model.hearing import Hearing, Hints, hear
from hybrid.model.pull import FULL, LOUDNESS_DB, Downhill, Pull
from hybrid.model.standing import stand
from hybrid.treatment.bounds import bounded, moves_of
from hybrid.treatment.makeup import made_up
from hybrid.treatment.types import RIDE_S, Dry, Dynamics, Eq, Gain, Pan, Reverb, Treatment

_FIXED = ("loudness_db", "tone", "low_cut", "position", "width", "send", "family", "thought")
"""What is said of a track once for the whole song."""


def propose(network: Field, dry: Dry, nothing: Treatment, hints: Hints, downhill: Downhill) -> Treatment:
    """The treatment that the network proposes for these tracks, shaped like `nothing`; its output level is open.

    Of what it says, first and after each look, that which costs least is taken.
    """
    heard = hear(dry)
    said, cost = looks(network, said_of(network, dry, hints), heard, dry, nothing, hints, downhill)
    best = jnp.argmin(cost)
    return made_up(dry, sought(jax.tree.map(lambda x: x[best], said), heard, dry, nothing))


class Looks(NamedTuple):
    """What a network says, first and after each look, and what that costs."""

    said: Proposal
    """With an axis more at the front."""
    cost: Float[Array, " look"]


def looks(
    network: Field,
    said: Proposal,
    hearing: Hearing,
    dry: Dry,
    nothing: Treatment,
    hints: Hints,
    downhill: Downhill,
) -> Looks:
    """What the network makes of its first proposal by hearing it, and feeling how the rules pull at it.

    No gradient goes through what it hears and feels: it learns from what each thing that it says costs.
    """

    def look(said: Proposal, _: None) -> tuple[Proposal, tuple[Proposal, Float[Array, ""]]]:
        # one program for all looks, so that the rules are traced and compiled once
        still = jax.lax.stop_gradient(said)
        moves, back = jax.vjp(lambda said: _moves(said, hearing, dry, nothing), still)
        cost, way = downhill(moves)
        (wanted,) = back(way)
        # the slope of the cost is known by now: nothing is added but that
        slope = [jnp.vdot(pull, now - as_it_is) for pull, now, as_it_is in zip(wanted, said, still, strict=True)]
        after = network.again(said, stand(dry, bounded(moves), hearing), _felt(wanted), hearing, hints)
        return after, (said, cost - jnp.sum(jnp.stack(slope)))

    return Looks(*jax.lax.scan(look, said, length=network.sizes.n_looks + 1)[1])


def sought(said: Proposal, hearing: Hearing, dry: Dry, nothing: Treatment) -> Treatment:
    """What is said as a treatment, before make-up."""
    return bounded(_moves(said, hearing, dry, nothing))


def _felt(wanted: Proposal) -> Pull:
    """What is felt of the way in which a proposal should go, in any length of song."""
    n_frames = wanted.ride.shape[-1]
    said = (LOUDNESS_DB * wanted.loudness_db, wanted.low_cut, wanted.position, wanted.width, wanted.send)
    fixed = jnp.concatenate([wanted.tone, jnp.stack(said, axis=-1)], axis=-1)
    return Pull(*(jnp.arcsinh(x / FULL) for x in (fixed, n_frames * wanted.ride, n_frames * wanted.zone)))


def said_of(network: Field, dry: Dry, hints: Hints) -> Proposal:
    """What the network first says of a song of any length: songs that are longer than those it was trained on are
    heard in stretches, and what is said of each track counts by how long it sounds in each."""
    n_frames, span = dry.active.shape[-1], network.sizes.n_frames
    if n_frames <= span:
        return network(hear(dry), hints)
    starts = np.round(np.linspace(0, n_frames - span, -(-n_frames // span))).astype(int)

    def one(start: Int[Array, ""]) -> tuple[Proposal, Float[Array, " track"]]:
        part = _stretch(dry, start, span)
        heard = hear(part)
        return network(heard, hints), jnp.sum(part.active, axis=-1) * heard.present

    said, sounds = jax.vmap(one)(jnp.asarray(starts))
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

    fixed = {name: mean(getattr(said, name)) for name in _FIXED}
    room = {name: jnp.tensordot(of_song, getattr(said, name), 1) for name in ("decay", "pre_delay", "room_tone")}
    return Proposal(ride=along(said.ride), zone=along(said.zone), **fixed, **room)


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


def _moves(said: Proposal, hearing: Hearing, dry: Dry, nothing: Treatment) -> Treatment:
    """The same in whitened moves before make-up: levels say how loud each track is. Nothing is done to tracks that
    never sound."""
    present = hearing.present

    def heard(x: Float[Array, "track ..."]) -> Float[Array, "track ..."]:
        return x * present.reshape(-1, *[1] * (x.ndim - 1))

    level = heard(said.loudness_db - hearing.loudness_db)
    # levels are relative: their mean is nothing that is heard
    level = heard(level - jnp.sum(level) / jnp.maximum(jnp.sum(present), 1.0))
    moves = moves_of(replace(nothing, gain=nothing.gain._replace(level_db=level)))
    ride, zone = moves.gain.ride_db, moves.dynamics.zone_db
    reverb = moves.reverb and Reverb(
        moves.reverb.send_db + heard(said.send), said.decay, said.pre_delay, said.room_tone
    )
    return replace(
        moves,
        gain=Gain(moves.gain.level_db, _at(heard(said.ride), dry, RIDE_S, ride.shape[-1])),
        eq=Eq(heard(said.tone), moves.eq.low_cut_hz + heard(said.low_cut)),
        dynamics=Dynamics(_at(heard(said.zone), dry, nothing.knot_s, zone.shape[-1])),
        pan=Pan(heard(said.position), heard(said.width)),
        reverb=reverb,
    )


def _at(curve: Float[Array, "*batch frame"], dry: Dry, spacing_s: float, n_knots: int) -> Float[Array, "*batch knot"]:
    """A curve given frame by frame, at points `spacing_s` apart: the mean of the frames around each."""
    away = jnp.abs(dry.time_s[None, :] - spacing_s * jnp.arange(n_knots, dtype=curve.dtype)[:, None])
    reach = max(spacing_s, dry.frame_s)
    weight = jnp.maximum(1.0 - away / reach, 0.0) + 1e-6 * jnp.exp(-away / reach)
    return curve @ (weight / jnp.sum(weight, axis=1, keepdims=True)).T
