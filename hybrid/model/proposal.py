"""From what a network says to a treatment of the song."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hybrid.model.field import Field, Proposal
from hybrid.model.hearing import Hearing, Hints, hear
from hybrid.model.standing import stand
from hybrid.treatment.bounds import bounded, moves_of
from hybrid.treatment.makeup import made_up
from hybrid.treatment.types import RIDE_S, Dry, Dynamics, Eq, Gain, Pan, Reverb, Treatment

_FIXED = ("loudness_db", "tone", "low_cut", "position", "width", "send", "family", "thought")
"""What is said of a track once for the whole song."""


def propose(network: Field, dry: Dry, nothing: Treatment, hints: Hints) -> tuple[Treatment, Proposal]:
    """The treatment that the network proposes for these tracks, shaped like `nothing`; its output level is open."""
    heard = hear(dry)
    treatment, said = looked(network, _said(network, dry, hints), heard, dry, nothing, hints)
    return made_up(dry, treatment), said


def looked(
    network: Field, said: Proposal, hearing: Hearing, dry: Dry, nothing: Treatment, hints: Hints
) -> tuple[Treatment, Proposal]:
    """The treatment, before make-up, that the network settles on once it has heard what it proposed, and what it said.

    No gradient goes through what it hears: it learns from what it says each time.
    """
    for _ in range(network.sizes.n_looks):
        treatment = jax.lax.stop_gradient(sought(said, hearing, dry, nothing))
        said = network.again(said, stand(dry, treatment, hearing), hearing, hints)
    return sought(said, hearing, dry, nothing), said


def _said(network: Field, dry: Dry, hints: Hints) -> Proposal:
    """What the network says of a song of any length: songs that are longer than those it was trained on are heard in
    stretches, and what is said of each track counts by how long it sounds in each."""
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
