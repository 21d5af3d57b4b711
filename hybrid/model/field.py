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

from hybrid.model.gradient_features import LOUDNESS_DB, N_FIXED, N_GRADIENT, GradientFeatures
from hybrid.model.input_features import N_FACTS, N_FRAME, Conditioning, InputFeatures
from hybrid.model.mix_features import N_MIX_FEATURES, N_RELATION, MixFeatures
from hybrid.model.sizes import Sizes
from hybrid.treatment.parts import N_TONE, N_ZONES

STRIDE = 8
"""Frames to a moment: about 3 s."""
REACH = 5
"""Frames that are heard at once, an odd number."""
_INITIAL_RATE = 0.1
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
    hidden: Float[Array, "track size"]
    """What is kept of a track between looks; nothing outside the network reads it."""


class _Attention(nnx.Module):
    """Self-attention along the last axis but one, of items that are present, less to those further away."""

    def __init__(self, size: int, n_heads: int, rngs: nnx.Rngs) -> None:
        self.norm = nnx.LayerNorm(size, rngs=rngs)
        self.in_proj = nnx.Linear(size, 3 * size, use_bias=False, rngs=rngs)
        self.out_proj = nnx.Linear(size, size, use_bias=False, kernel_init=nnx.initializers.zeros, rngs=rngs)
        self.n_heads = n_heads

    def __call__(
        self, x: Float[Array, "*batch n size"], present: Float[Array, "*batch n"], away: Float[Array, "n n"]
    ) -> Float[Array, "*batch n size"]:
        steep = 2.0 ** -jnp.arange(self.n_heads, dtype=x.dtype)
        mixed, _ = _attended(self.in_proj(self.norm(x)), present, -steep[:, None, None] * away)
        return x + self.out_proj(mixed)


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


class _FeedForward(nnx.Module):
    def __init__(self, size: int, rngs: nnx.Rngs) -> None:
        self.norm = nnx.LayerNorm(size, rngs=rngs)
        self.in_proj = nnx.Linear(size, 2 * size, rngs=rngs)
        self.out_proj = nnx.Linear(2 * size, size, kernel_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, x: Float[Array, "*batch size"]) -> Float[Array, "*batch size"]:
        return x + self.out_proj(jax.nn.gelu(self.in_proj(self.norm(x))))


class _FrameBlock(nnx.Module):
    """One track's frames beside their neighbours in time."""

    def __init__(self, size: int, rngs: nnx.Rngs) -> None:
        self.taps = nnx.Param(jnp.zeros((REACH, size)).at[REACH // 2].set(1.0))
        self.feed_forward = _FeedForward(size, rngs)

    def __call__(self, x: Float[Array, "track frame size"]) -> Float[Array, "track frame size"]:
        n, half = x.shape[-2], REACH // 2
        padded = jnp.pad(x, ((0, 0), (half, half), (0, 0)))
        return self.feed_forward(
            sum((padded[:, k : k + n] * self.taps[k] for k in range(1, REACH)), padded[:, :n] * self.taps[0])
        )


class _MomentBlock(nnx.Module):
    """Moments beside all others of the track, and beside the same moment of all other tracks."""

    def __init__(self, sizes: Sizes, rngs: nnx.Rngs) -> None:
        self.time_attention = _Attention(sizes.frame, sizes.n_heads, rngs)
        self.track_attention = _Attention(sizes.frame, sizes.n_heads, rngs)
        self.feed_forward = _FeedForward(sizes.frame, rngs)

    def __call__(
        self, x: Float[Array, "track moment size"], present: Float[Array, "track moment"]
    ) -> Float[Array, "track moment size"]:
        n = jnp.arange(x.shape[-2])
        x = self.time_attention(x, present, jnp.abs(n[:, None] - n).astype(x.dtype))
        x = jnp.swapaxes(x, 0, 1)
        x = self.track_attention(x, present.T, jnp.zeros((len(present), len(present)), x.dtype))
        return self.feed_forward(jnp.swapaxes(x, 0, 1))


class _SongBlock(nnx.Module):
    """Tracks as wholes beside each other."""

    def __init__(self, sizes: Sizes, rngs: nnx.Rngs) -> None:
        self.track_attention = _Attention(sizes.whole, sizes.n_heads, rngs)
        self.feed_forward = _FeedForward(sizes.whole, rngs)

    def __call__(self, x: Float[Array, "track size"], present: Float[Array, " track"]) -> Float[Array, "track size"]:
        return self.feed_forward(self.track_attention(x, present, jnp.zeros((len(x), len(x)), x.dtype)))


class _RefineBlock(nnx.Module):
    """Tracks beside each other, with what lies between each two of them."""

    def __init__(self, sizes: Sizes, rngs: nnx.Rngs) -> None:
        zeros = nnx.initializers.zeros
        self.norm = nnx.LayerNorm(sizes.whole, rngs=rngs)
        self.in_proj = nnx.Linear(sizes.whole, 3 * sizes.whole, use_bias=False, rngs=rngs)
        self.relation_bias = nnx.Linear(N_RELATION, sizes.n_heads, use_bias=False, rngs=rngs)
        self.out_proj = nnx.Linear(sizes.whole, sizes.whole, use_bias=False, kernel_init=zeros, rngs=rngs)
        self.relation_proj = nnx.Linear(sizes.n_heads * N_RELATION, sizes.whole, use_bias=False, rngs=rngs)
        self.feed_forward = _FeedForward(sizes.whole, rngs)
        self.n_heads = sizes.n_heads

    def __call__(
        self,
        x: Float[Array, "track size"],
        pair: Float[Array, "track track relation"],
        present: Float[Array, " track"],
    ) -> Float[Array, "track size"]:
        liked = jnp.moveaxis(4.0 * self.relation_bias(pair), -1, 0)
        mixed, weight = _attended(self.in_proj(self.norm(x)), present, liked)
        told = jnp.einsum("hqk,qkr->qhr", weight, pair).reshape(len(x), -1)
        return self.feed_forward(x + self.out_proj(mixed) + self.relation_proj(told))


class Field(nnx.Module):
    """Proposes a treatment of all tracks of a song. Until it is trained it proposes to make them equally
    loud, each a little to the side of its seat."""

    def __init__(self, sizes: Sizes, rngs: nnx.Rngs) -> None:
        zeros = nnx.initializers.zeros
        self.sizes = sizes
        self.frame_embed = nnx.Linear(N_FRAME, sizes.frame, rngs=rngs)
        self.frame_blocks = nnx.List([_FrameBlock(sizes.frame, rngs) for _ in range(sizes.n_frame_blocks)])
        self.role_embed = nnx.Embed(sizes.n_roles + 1, sizes.frame, embedding_init=zeros, rngs=rngs)
        self.fact_embed = nnx.Linear(N_FACTS + 2, sizes.frame, rngs=rngs)
        self.moment_blocks = nnx.List([_MomentBlock(sizes, rngs) for _ in range(sizes.n_moment_blocks)])
        self.summary_proj = nnx.Linear(2 * sizes.frame, sizes.whole, rngs=rngs)
        self.reference_proj = nnx.Linear(max(sizes.n_reference, 1), sizes.whole, kernel_init=zeros, rngs=rngs)
        self.song_blocks = nnx.List([_SongBlock(sizes, rngs) for _ in range(sizes.n_whole_blocks)])
        self.norm = nnx.LayerNorm(sizes.whole, rngs=rngs)
        self.track_head = nnx.Linear(sizes.whole, N_TONE + 6, kernel_init=zeros, rngs=rngs)
        self.song_head = nnx.Linear(sizes.whole, N_ZONES + 1 + N_TONE, kernel_init=zeros, rngs=rngs)
        self.family_head = nnx.Linear(sizes.whole, sizes.n_families, kernel_init=zeros, rngs=rngs)
        self.mix_embed = nnx.Linear(N_MIX_FEATURES + N_GRADIENT + 1, sizes.whole, rngs=rngs)
        self.refine_blocks = nnx.List([_RefineBlock(sizes, rngs) for _ in range(sizes.n_refine_blocks)])
        self.refine_norm = nnx.LayerNorm(sizes.whole, rngs=rngs)
        self.change_head = nnx.Linear(sizes.whole, N_FIXED, kernel_init=zeros, rngs=rngs)
        self.rate_head = nnx.Linear(sizes.whole, N_GRADIENT, kernel_init=zeros, rngs=rngs)
        self.song_proj = nnx.Linear(sizes.whole, sizes.frame, rngs=rngs)
        self.curve_proj = nnx.Linear(2 * sizes.frame, sizes.frame, rngs=rngs)
        self.curve_head = nnx.Linear(sizes.frame, 1 + N_ZONES, kernel_init=zeros, rngs=rngs)

    def __call__(self, features: InputFeatures, conditioning: Conditioning) -> Proposal:
        """The first proposal for one song."""
        n_frames = features.frame.shape[1]
        facts = jnp.concatenate([features.fact, conditioning.leads[:, None], conditioning.side[:, None]], axis=-1)
        known = self.role_embed(conditioning.role) + self.fact_embed(facts)
        x = self.frame_embed(features.frame) + known[:, None]
        for block in self.frame_blocks:
            x = block(x)
        moment, sounds = _moments(x, features.active)
        for block in self.moment_blocks:
            moment = block(moment, sounds)
        whole = jax.nn.gelu(self.summary_proj(_summary(moment, sounds)))
        absent = jnp.zeros(self.reference_proj.in_features, x.dtype)
        whole = whole + self.reference_proj(conditioning.reference if conditioning.reference.size else absent)
        for block in self.song_blocks:
            whole = block(whole, features.present)
        whole = self.norm(whole)
        moment = moment + self.song_proj(whole)[:, None]
        near = jnp.repeat(moment, STRIDE, axis=1)[:, :n_frames]
        moves = self.curve_head(jax.nn.gelu(self.curve_proj(jnp.concatenate([x, near], axis=-1))))
        fixed = self.track_head(whole)
        present = features.present / jnp.maximum(jnp.sum(features.present), 1.0)
        room = self.song_head(present @ whole)
        return Proposal(
            loudness_db=10.0 * fixed[:, N_TONE],
            ride=moves[..., 0],
            tone=fixed[:, :N_TONE],
            low_cut=fixed[:, N_TONE + 1],
            zone=jnp.moveaxis(moves[..., 1:], -1, 1),
            position=fixed[:, N_TONE + 2] + (1.0 + fixed[:, N_TONE + 5]) * conditioning.side,
            width=fixed[:, N_TONE + 3],
            send=fixed[:, N_TONE + 4],
            decay=room[:N_ZONES],
            pre_delay=room[N_ZONES],
            room_tone=room[N_ZONES + 1 :],
            family=self.family_head(whole),
            hidden=whole,
        )

    def refine_step(
        self,
        prediction: Proposal,
        mix: MixFeatures,
        gradient: GradientFeatures,
        features: InputFeatures,
        conditioning: Conditioning,
    ) -> Proposal:
        """What it says after a look at the mix that it has proposed: of what is said of a track all may change, and
        each may follow its pull."""
        x = prediction.hidden + self.mix_embed(
            jnp.concatenate([mix.track, gradient.track, conditioning.leads[:, None]], axis=-1)
        )
        for block in self.refine_blocks:
            x = block(x, mix.pair, features.present)
        x = self.refine_norm(x)
        rate = _INITIAL_RATE + self.rate_head(x)
        by = self.change_head(x) + rate[:, :N_FIXED] * gradient.fixed
        return prediction._replace(
            loudness_db=prediction.loudness_db + LOUDNESS_DB * by[:, N_TONE],
            ride=prediction.ride + rate[:, N_FIXED, None] * gradient.ride,
            zone=prediction.zone + rate[:, N_FIXED + 1 :, None] * gradient.zone,
            tone=prediction.tone + by[:, :N_TONE],
            low_cut=prediction.low_cut + by[:, N_TONE + 1],
            position=prediction.position + by[:, N_TONE + 2],
            width=prediction.width + by[:, N_TONE + 3],
            send=prediction.send + by[:, N_TONE + 4],
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
