"""From what a network says to a treatment of the song."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.model.field import Field, Proposal
from hybrid.model.hearing import Hearing, Hints, hear
from hybrid.treatment.bounds import RANGES, bounded, moves_of
from hybrid.treatment.makeup import made_up
from hybrid.treatment.types import RIDE_S, Dry, Dynamics, Eq, Gain, Pan, Treatment


def propose(network: Field, dry: Dry, nothing: Treatment, hints: Hints) -> tuple[Treatment, Proposal]:
    """The treatment that the network proposes for these tracks, shaped like `nothing`; its output level is open."""
    hearing = hear(dry)
    said = network(hearing, hints)
    return made_up(dry, sought(said, hearing, dry, nothing)), said


def sought(said: Proposal, hearing: Hearing, dry: Dry, nothing: Treatment) -> Treatment:
    """The same before make-up: levels say how loud each track is."""
    present = hearing.present
    level = (said.loudness_db - hearing.loudness_db) * present
    # levels are relative: their mean is nothing that is heard
    level = (level - jnp.sum(level) / jnp.maximum(jnp.sum(present), 1.0)) * present
    limits = RANGES["gain.level"]
    start = replace(
        nothing, gain=nothing.gain._replace(level_db=jnp.clip(level, 0.99 * limits.low, 0.99 * limits.high))
    )
    moves = moves_of(start)
    knots = moves.dynamics.zone_db.shape[-1]
    proposed = replace(
        moves,
        gain=Gain(moves.gain.level_db, _at(said.ride, dry, RIDE_S, moves.gain.ride_db.shape[-1])),
        eq=Eq(said.tone, moves.eq.low_cut_hz + said.low_cut),
        dynamics=Dynamics(_at(said.zone, dry, nothing.knot_s, knots)),
        pan=Pan(said.position, said.width),
    )
    if proposed.reverb is not None:
        reverb = proposed.reverb
        proposed = replace(
            proposed,
            reverb=reverb._replace(
                send_db=reverb.send_db + said.send,
                decay_s=said.decay,
                pre_delay_s=said.pre_delay,
                tone_db=said.room_tone,
            ),
        )
    return bounded(_only(proposed, moves, present))


def _only(proposed: Treatment, nothing: Treatment, present: Float[Array, " track"]) -> Treatment:
    """What is proposed for tracks that sound, and nothing for others; the room as it is."""

    def kept(new: Array, old: Array) -> Array:
        if new.ndim == 0 or new.shape[0] != len(present):
            return new
        mask = present.reshape(-1, *[1] * (new.ndim - 1))
        return jnp.where(mask > 0.0, new, old)

    tracks = jax.tree.map(kept, proposed, nothing)
    return replace(
        tracks,
        reverb=tracks.reverb
        and proposed.reverb
        and tracks.reverb._replace(
            decay_s=proposed.reverb.decay_s, pre_delay_s=proposed.reverb.pre_delay_s, tone_db=proposed.reverb.tone_db
        ),
    )


def _at(curve: Float[Array, "*batch frame"], dry: Dry, spacing_s: float, n_knots: int) -> Float[Array, "*batch knot"]:
    """A curve given frame by frame, at points `spacing_s` apart: the mean of the frames around each."""
    away = jnp.abs(dry.time_s[None, :] - spacing_s * jnp.arange(n_knots, dtype=curve.dtype)[:, None])
    reach = max(spacing_s, dry.frame_s)
    weight = jnp.maximum(1.0 - away / reach, 0.0) + 1e-6 * jnp.exp(-away / reach)
    return curve @ (weight / jnp.sum(weight, axis=1, keepdims=True)).T
