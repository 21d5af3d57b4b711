"""The proposing network: every track is heard by itself, then beside all others, moment by moment and as a whole.

It then hears how the tracks stand in the mix that it has proposed, feels how the rules pull at it, and says what it
would change; and again.

Tracks have no order: shuffling them shuffles the proposal. Any number of tracks and frames will do; those that are
absent are masked.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from hybrid.model.hearing import N_FACTS, N_FRAME, Hearing, Hints
from hybrid.model.pull import LOUDNESS_DB, N_FELT, N_FIXED, Pull
from hybrid.model.sizes import Sizes
from hybrid.model.standing import N_RELATION, N_STANDING, Standing
from hybrid.treatment.types import N_TONE, N_ZONES

STRIDE = 8
"""Frames to a moment: about 3 s."""
REACH = 5
"""Frames that are heard at once, an odd number."""
_FOLLOWS = 0.1
"""How far a network that is not trained yet goes where it is pulled, in moves."""


class Proposal(NamedTuple):
    """What the network says, in whitened moves unless a unit is named; all tracks at the same loudness are zero."""

    loudness_db: Float[Array, " track"]
    """Of each track in the mix beside the others."""
    ride: Float[Array, "track frame"]
    tone: Float[Array, "track tone"]
    low_cut: Float[Array, " track"]
    zone: Float[Array, "track zone frame"]
    position: Float[Array, " track"]
    width: Float[Array, " track"]
    send: Float[Array, " track"]
    decay: Float[Array, " zone"]
    pre_delay: Float[Array, ""]
    room_tone: Float[Array, " tone"]
    family: Float[Array, "track family"]
    """Logits of what the track is, from the sound and what is played beside it."""
    thought: Float[Array, "track size"]
    """What is kept of a track between looks; nothing outside the network reads it."""


class _Attention(nnx.Module):
    """Self-attention along the last axis but one, of items that are present, less to those further away."""

    def __init__(self, size: int, n_heads: int, rngs: nnx.Rngs) -> None:
        self.norm = nnx.LayerNorm(size, rngs=rngs)
        self.into = nnx.Linear(size, 3 * size, use_bias=False, rngs=rngs)
        self.out = nnx.Linear(size, size, use_bias=False, kernel_init=nnx.initializers.zeros, rngs=rngs)
        self.n_heads = n_heads

    def __call__(
        self, x: Float[Array, "*batch n size"], present: Float[Array, "*batch n"], away: Float[Array, "n n"]
    ) -> Float[Array, "*batch n size"]:
        steep = 2.0 ** -jnp.arange(self.n_heads, dtype=x.dtype)
        mixed, _ = _attended(self.into(self.norm(x)), present, -steep[:, None, None] * away)
        return x + self.out(mixed)


def _attended(
    parts: Float[Array, "*batch n three_sizes"], present: Float[Array, "*batch n"], bias: Float[Array, "head n n"]
) -> tuple[Float[Array, "*batch n size"], Float[Array, "*batch head n n"]]:
    """What each item takes from those that are present, given queries, keys and values side by side, and how much of
    each it takes."""
    query, key, value = (each.reshape(*each.shape[:-1], len(bias), -1) for each in jnp.split(parts, 3, axis=-1))
    score = jnp.einsum("...qhd,...khd->...hqk", query, key) / jnp.sqrt(float(query.shape[-1]))
    weight = jax.nn.softmax(score + bias - 1e9 * (1.0 - present[..., None, None, :]), axis=-1)
    mixed = jnp.einsum("...hqk,...khd->...qhd", weight, value)
    return mixed.reshape(*parts.shape[:-1], -1), weight


class _Feed(nnx.Module):
    def __init__(self, size: int, rngs: nnx.Rngs) -> None:
        self.norm = nnx.LayerNorm(size, rngs=rngs)
        self.into = nnx.Linear(size, 2 * size, rngs=rngs)
        self.out = nnx.Linear(2 * size, size, kernel_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, x: Float[Array, "*batch size"]) -> Float[Array, "*batch size"]:
        return x + self.out(jax.nn.gelu(self.into(self.norm(x))))


class _Frames(nnx.Module):
    """One track's frames beside their neighbours in time."""

    def __init__(self, size: int, rngs: nnx.Rngs) -> None:
        self.taps = nnx.Param(jnp.zeros((REACH, size)).at[REACH // 2].set(1.0))
        self.feed = _Feed(size, rngs)

    def __call__(self, x: Float[Array, "track frame size"]) -> Float[Array, "track frame size"]:
        n, half = x.shape[-2], REACH // 2
        padded = jnp.pad(x, ((0, 0), (half, half), (0, 0)))
        return self.feed(
            sum((padded[:, k : k + n] * self.taps[k] for k in range(1, REACH)), padded[:, :n] * self.taps[0])
        )


class _Moments(nnx.Module):
    """Moments beside all others of the track, and beside the same moment of all other tracks."""

    def __init__(self, sizes: Sizes, rngs: nnx.Rngs) -> None:
        self.along = _Attention(sizes.frame, sizes.n_heads, rngs)
        self.across = _Attention(sizes.frame, sizes.n_heads, rngs)
        self.feed = _Feed(sizes.frame, rngs)

    def __call__(
        self, x: Float[Array, "track moment size"], present: Float[Array, "track moment"]
    ) -> Float[Array, "track moment size"]:
        n = jnp.arange(x.shape[-2])
        x = self.along(x, present, jnp.abs(n[:, None] - n).astype(x.dtype))
        x = jnp.swapaxes(x, 0, 1)
        x = self.across(x, present.T, jnp.zeros((len(present), len(present)), x.dtype))
        return self.feed(jnp.swapaxes(x, 0, 1))


class _Wholes(nnx.Module):
    """Tracks as wholes beside each other."""

    def __init__(self, sizes: Sizes, rngs: nnx.Rngs) -> None:
        self.across = _Attention(sizes.whole, sizes.n_heads, rngs)
        self.feed = _Feed(sizes.whole, rngs)

    def __call__(self, x: Float[Array, "track size"], present: Float[Array, " track"]) -> Float[Array, "track size"]:
        return self.feed(self.across(x, present, jnp.zeros((len(x), len(x)), x.dtype)))


class _Related(nnx.Module):
    """Tracks beside each other, with what lies between each two of them."""

    def __init__(self, sizes: Sizes, rngs: nnx.Rngs) -> None:
        zeros = nnx.initializers.zeros
        self.norm = nnx.LayerNorm(sizes.whole, rngs=rngs)
        self.into = nnx.Linear(sizes.whole, 3 * sizes.whole, use_bias=False, rngs=rngs)
        self.between = nnx.Linear(N_RELATION, sizes.n_heads, use_bias=False, rngs=rngs)
        self.out = nnx.Linear(sizes.whole, sizes.whole, use_bias=False, kernel_init=zeros, rngs=rngs)
        self.told = nnx.Linear(sizes.n_heads * N_RELATION, sizes.whole, use_bias=False, rngs=rngs)
        self.feed = _Feed(sizes.whole, rngs)
        self.n_heads = sizes.n_heads

    def __call__(
        self,
        x: Float[Array, "track size"],
        pair: Float[Array, "track track relation"],
        present: Float[Array, " track"],
    ) -> Float[Array, "track size"]:
        liked = jnp.moveaxis(4.0 * self.between(pair), -1, 0)
        mixed, weight = _attended(self.into(self.norm(x)), present, liked)
        told = jnp.einsum("hqk,qkr->qhr", weight, pair).reshape(len(x), -1)
        return self.feed(x + self.out(mixed) + self.told(told))


class Field(nnx.Module):
    """Proposes a treatment of all tracks of a song. Until it is trained it proposes to make them equally
    loud, each a little to the side of its seat."""

    def __init__(self, sizes: Sizes, rngs: nnx.Rngs) -> None:
        zeros = nnx.initializers.zeros
        self.sizes = sizes
        self.hear = nnx.Linear(N_FRAME, sizes.frame, rngs=rngs)
        self.frames = nnx.List([_Frames(sizes.frame, rngs) for _ in range(sizes.n_frame_blocks)])
        self.role = nnx.Embed(sizes.n_roles + 1, sizes.frame, embedding_init=zeros, rngs=rngs)
        self.know = nnx.Linear(N_FACTS + 2, sizes.frame, rngs=rngs)
        self.moments = nnx.List([_Moments(sizes, rngs) for _ in range(sizes.n_moment_blocks)])
        self.gather = nnx.Linear(2 * sizes.frame, sizes.whole, rngs=rngs)
        self.refer = nnx.Linear(max(sizes.n_reference, 1), sizes.whole, kernel_init=zeros, rngs=rngs)
        self.wholes = nnx.List([_Wholes(sizes, rngs) for _ in range(sizes.n_whole_blocks)])
        self.norm = nnx.LayerNorm(sizes.whole, rngs=rngs)
        self.track = nnx.Linear(sizes.whole, N_TONE + 6, kernel_init=zeros, rngs=rngs)
        self.song = nnx.Linear(sizes.whole, N_ZONES + 1 + N_TONE, kernel_init=zeros, rngs=rngs)
        self.family = nnx.Linear(sizes.whole, sizes.n_families, kernel_init=zeros, rngs=rngs)
        self.stand = nnx.Linear(N_STANDING + N_FELT + 1, sizes.whole, rngs=rngs)
        self.looks = nnx.List([_Related(sizes, rngs) for _ in range(sizes.n_look_blocks)])
        self.looked = nnx.LayerNorm(sizes.whole, rngs=rngs)
        self.change = nnx.Linear(sizes.whole, N_FIXED, kernel_init=zeros, rngs=rngs)
        self.follow = nnx.Linear(sizes.whole, N_FELT, kernel_init=zeros, rngs=rngs)
        self.tell = nnx.Linear(sizes.whole, sizes.frame, rngs=rngs)
        self.move = nnx.Linear(2 * sizes.frame, sizes.frame, rngs=rngs)
        self.moving = nnx.Linear(sizes.frame, 1 + N_ZONES, kernel_init=zeros, rngs=rngs)

    def __call__(self, hearing: Hearing, hints: Hints) -> Proposal:
        """The first proposal for one song."""
        n_frames = hearing.frame.shape[1]
        facts = jnp.concatenate([hearing.fact, hints.leads[:, None], hints.seat[:, None]], axis=-1)
        known = self.role(hints.role) + self.know(facts)
        x = self.hear(hearing.frame) + known[:, None]
        for block in self.frames:
            x = block(x)
        moment, sounds = _moments(x, hearing.active)
        for block in self.moments:
            moment = block(moment, sounds)
        whole = jax.nn.gelu(self.gather(_summary(moment, sounds)))
        absent = jnp.zeros(self.refer.in_features, x.dtype)
        whole = whole + self.refer(hints.reference if hints.reference.size else absent)
        for block in self.wholes:
            whole = block(whole, hearing.present)
        whole = self.norm(whole)
        moment = moment + self.tell(whole)[:, None]
        near = jnp.repeat(moment, STRIDE, axis=1)[:, :n_frames]
        moves = self.moving(jax.nn.gelu(self.move(jnp.concatenate([x, near], axis=-1))))
        fixed = self.track(whole)
        present = hearing.present / jnp.maximum(jnp.sum(hearing.present), 1.0)
        room = self.song(present @ whole)
        return Proposal(
            loudness_db=10.0 * fixed[:, N_TONE],
            ride=moves[..., 0],
            tone=fixed[:, :N_TONE],
            low_cut=fixed[:, N_TONE + 1],
            zone=jnp.moveaxis(moves[..., 1:], -1, 1),
            position=fixed[:, N_TONE + 2] + (1.0 + fixed[:, N_TONE + 5]) * hints.seat,
            width=fixed[:, N_TONE + 3],
            send=fixed[:, N_TONE + 4],
            decay=room[:N_ZONES],
            pre_delay=room[N_ZONES],
            room_tone=room[N_ZONES + 1 :],
            family=self.family(whole),
            thought=whole,
        )

    def again(self, said: Proposal, standing: Standing, pull: Pull, hearing: Hearing, hints: Hints) -> Proposal:
        """What it says after a look at the mix that it has proposed: of what is said of a track all may change, and
        each may follow its pull."""
        x = said.thought + self.stand(jnp.concatenate([standing.track, pull.track, hints.leads[:, None]], axis=-1))
        for block in self.looks:
            x = block(x, standing.pair, hearing.present)
        x = self.looked(x)
        rate = _FOLLOWS + self.follow(x)
        by = self.change(x) + rate[:, :N_FIXED] * pull.fixed
        return said._replace(
            loudness_db=said.loudness_db + LOUDNESS_DB * by[:, N_TONE],
            ride=said.ride + rate[:, N_FIXED, None] * pull.ride,
            zone=said.zone + rate[:, N_FIXED + 1 :, None] * pull.zone,
            tone=said.tone + by[:, :N_TONE],
            low_cut=said.low_cut + by[:, N_TONE + 1],
            position=said.position + by[:, N_TONE + 2],
            width=said.width + by[:, N_TONE + 3],
            send=said.send + by[:, N_TONE + 4],
        )


def _moments(
    x: Float[Array, "track frame size"], active: Float[Array, "track frame"]
) -> tuple[Float[Array, "track moment size"], Float[Array, "track moment"]]:
    """Means over frames that sound, and whether any does."""
    short = -x.shape[1] % STRIDE
    x = jnp.pad(x, ((0, 0), (0, short), (0, 0))).reshape(len(x), -1, STRIDE, x.shape[-1])
    weight = jnp.pad(active, ((0, 0), (0, short))).reshape(len(x), -1, STRIDE)
    total = jnp.sum(weight, axis=-1)
    return jnp.einsum("imkd,imk->imd", x, weight) / jnp.maximum(total, 1e-3)[..., None], (total > 0.0).astype(x.dtype)


def _summary(
    moment: Float[Array, "track moment size"], sounds: Float[Array, "track moment"]
) -> Float[Array, "track both"]:
    """Mean and highest over the moments in which a track sounds; zeros for one that never does."""
    n = jnp.sum(sounds, axis=-1, keepdims=True)
    mean = jnp.sum(moment * sounds[..., None], axis=1) / jnp.maximum(n, 1.0)
    highest = jnp.max(jnp.where(sounds[..., None] > 0.0, moment, -1e9), axis=1)
    return jnp.concatenate([mean, jnp.where(n > 0.0, highest, 0.0)], axis=-1)
