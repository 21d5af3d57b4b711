"""From what a network says to a treatment of the song."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.model.field import Field, Proposal
from hybrid.model.hearing import Hearing, Hints, hear
from hybrid.treatment.bounds import bounded, moves_of
from hybrid.treatment.makeup import made_up
from hybrid.treatment.types import RIDE_S, Dry, Dynamics, Eq, Gain, Pan, Reverb, Treatment


def propose(network: Field, dry: Dry, nothing: Treatment, hints: Hints) -> tuple[Treatment, Proposal]:
    """The treatment that the network proposes for these tracks, shaped like `nothing`; its output level is open."""
    hearing = hear(dry)
    said = network(hearing, hints)
    return made_up(dry, sought(said, hearing, dry, nothing)), said


def sought(said: Proposal, hearing: Hearing, dry: Dry, nothing: Treatment) -> Treatment:
    """The same before make-up: levels say how loud each track is. Nothing is done to tracks that never sound."""
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
    return bounded(
        replace(
            moves,
            gain=Gain(moves.gain.level_db, _at(heard(said.ride), dry, RIDE_S, ride.shape[-1])),
            eq=Eq(heard(said.tone), moves.eq.low_cut_hz + heard(said.low_cut)),
            dynamics=Dynamics(_at(heard(said.zone), dry, nothing.knot_s, zone.shape[-1])),
            pan=Pan(heard(said.position), heard(said.width)),
            reverb=reverb,
        )
    )


def _at(curve: Float[Array, "*batch frame"], dry: Dry, spacing_s: float, n_knots: int) -> Float[Array, "*batch knot"]:
    """A curve given frame by frame, at points `spacing_s` apart: the mean of the frames around each."""
    away = jnp.abs(dry.time_s[None, :] - spacing_s * jnp.arange(n_knots, dtype=curve.dtype)[:, None])
    reach = max(spacing_s, dry.frame_s)
    weight = jnp.maximum(1.0 - away / reach, 0.0) + 1e-6 * jnp.exp(-away / reach)
    return curve @ (weight / jnp.sum(weight, axis=1, keepdims=True)).T
