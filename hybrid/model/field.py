"""Proposing network: encodes each track over time, relates it to all other tracks, and predicts a proposal.

A refine step then updates the prediction from features of the proposed mix and of the gradient of the rules' cost; it
is unrolled several times with shared weights. Towards a goal, a refine step with weights of its own is also told what
the goal asks: what the network does without one stays as it is.

The network is equivariant to the order of tracks. It takes any number of tracks and frames; absent ones are masked.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from hybrid.model.gradient_features import LEVEL_DB, N_FIXED, N_GRADIENT, GradientFeatures
from hybrid.model.input_features import N_FACTS, N_FRAME, Conditioning, InputFeatures
from hybrid.model.mix_features import N_MIX_FEATURES, N_RELATION, MixFeatures
from hybrid.model.sizes import Sizes
from hybrid.treatment.parts import N_TONE, N_ZONES

STRIDE = 8
"""Frames per moment: about 3 s."""
REACH = 5
"""Kernel size of the convolutions over frames, an odd number."""
_INITIAL_RATE = 0.1
"""Initial step of a refine step along the gradient features, in unconstrained units."""


class Proposal(NamedTuple):
    """Prediction of the network, in unconstrained units unless one is named; zero is the level where it starts."""

    level_db: Float[Array, " track"]
    """Change of the level of each track relative to the others, from where the treatment starts."""
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
    """Logits of the family of each track, from its sound and its context."""
    hidden: Float[Array, "track size"]
    """Hidden state of each track after the first prediction, which every refine step starts from; internal."""


class _Attention(nnx.Module):
    """Self-attention along the last axis but one, over items that are present, with a linear distance bias (ALiBi)."""

    def __init__(self, size: int, n_heads: int, rngs: nnx.Rngs) -> None:
        self.norm = nnx.LayerNorm(size, rngs=rngs)
        self.in_proj = nnx.Linear(size, 3 * size, use_bias=False, rngs=rngs)
        # zero at first: a residual block begins as the identity
        self.out_proj = nnx.Linear(size, size, use_bias=False, kernel_init=nnx.initializers.zeros, rngs=rngs)
        self.n_heads = n_heads

    def __call__(
        self, x: Float[Array, "*batch n size"], present: Float[Array, "*batch n"], distance: Float[Array, "n n"]
    ) -> Float[Array, "*batch n size"]:
        # geometric slopes: the first head sees little but its neighbours, the last sees far
        slope = 2.0 ** -jnp.arange(self.n_heads, dtype=x.dtype)
        mixed, _ = _attend(self.in_proj(self.norm(x)), present, -slope[:, None, None] * distance)
        return x + self.out_proj(mixed)


def _attend(
    parts: Float[Array, "*batch n three_sizes"], present: Float[Array, "*batch n"], bias: Float[Array, "head n n"]
) -> tuple[Float[Array, "*batch n size"], Float[Array, "*batch head n n"]]:
    """Values attended by each item, and its attention weights, over items that are present.

    `parts` holds queries, keys and values side by side.
    """
    query, key, value = (each.reshape(*each.shape[:-1], len(bias), -1) for each in jnp.split(parts, 3, axis=-1))
    score = jnp.einsum("...qhd,...khd->...hqk", query, key) / jnp.sqrt(float(query.shape[-1]))
    # large but finite: where no item at all is present, a softmax over minus infinities would be NaN
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
    """Depthwise convolution over the frames of each track, and a feed-forward layer."""

    def __init__(self, size: int, rngs: nnx.Rngs) -> None:
        # the centre tap alone is one: the convolution begins as the identity
        self.taps = nnx.Param(jnp.zeros((REACH, size)).at[REACH // 2].set(1.0))
        self.feed_forward = _FeedForward(size, rngs)

    def __call__(self, x: Float[Array, "track frame size"]) -> Float[Array, "track frame size"]:
        n, half = x.shape[-2], REACH // 2
        padded = jnp.pad(x, ((0, 0), (half, half), (0, 0)))
        return self.feed_forward(
            sum((padded[:, k : k + n] * self.taps[k] for k in range(1, REACH)), padded[:, :n] * self.taps[0])
        )


class _MomentBlock(nnx.Module):
    """Attention over the moments of a track, then over all tracks at the same moment."""

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
        # tracks are a set: no distance between them, so that their order does not matter
        x = self.track_attention(x, present.T, jnp.zeros((len(present), len(present)), x.dtype))
        return self.feed_forward(jnp.swapaxes(x, 0, 1))


class _SongBlock(nnx.Module):
    """Attention over tracks, each summarised over the song."""

    def __init__(self, sizes: Sizes, rngs: nnx.Rngs) -> None:
        self.track_attention = _Attention(sizes.whole, sizes.n_heads, rngs)
        self.feed_forward = _FeedForward(sizes.whole, rngs)

    def __call__(self, x: Float[Array, "track size"], present: Float[Array, " track"]) -> Float[Array, "track size"]:
        return self.feed_forward(self.track_attention(x, present, jnp.zeros((len(x), len(x)), x.dtype)))


class _RefineBlock(nnx.Module):
    """Attention over tracks, biased by and carrying the features of each pair."""

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
        # a bias of the scores by pair features; the factor raises its learning rate
        bias = jnp.moveaxis(4.0 * self.relation_bias(pair), -1, 0)
        mixed, weight = _attend(self.in_proj(self.norm(x)), present, bias)
        # attended pair features, which the values of single tracks cannot hold
        relations = jnp.einsum("hqk,qkr->qhr", weight, pair).reshape(len(x), -1)
        return self.feed_forward(x + self.out_proj(mixed) + self.relation_proj(relations))


class _RefineStep(nnx.Module):
    """Changes of a prediction, by the mix that it makes and by the gradient of the rules' cost; of `n_goal` features of
    a goal, if any."""

    def __init__(self, sizes: Sizes, n_goal: int, rngs: nnx.Rngs) -> None:
        zeros = nnx.initializers.zeros
        self.mix_embed = nnx.Linear(N_MIX_FEATURES + N_GRADIENT + 1, sizes.whole, rngs=rngs)
        # zero at first: the step begins as one without a goal
        self.goal_embed = (
            nnx.Linear(n_goal, sizes.whole, use_bias=False, kernel_init=zeros, rngs=rngs) if n_goal else None
        )
        self.blocks = nnx.List([_RefineBlock(sizes, rngs) for _ in range(sizes.n_refine_blocks)])
        self.norm = nnx.LayerNorm(sizes.whole, rngs=rngs)
        self.change_head = nnx.Linear(sizes.whole, N_FIXED, kernel_init=zeros, rngs=rngs)
        self.rate_head = nnx.Linear(sizes.whole, N_GRADIENT, kernel_init=zeros, rngs=rngs)

    def __call__(
        self,
        prediction: Proposal,
        mix: MixFeatures,
        gradient: GradientFeatures,
        goal: Float[Array, " goal"],
        features: InputFeatures,
        conditioning: Conditioning,
    ) -> Proposal:
        """Prediction after the step: each value of a track may change freely, and along its gradient feature."""
        x = prediction.hidden + self.mix_embed(
            jnp.concatenate([mix.track, gradient.track, conditioning.leads[:, None]], axis=-1)
        )
        if self.goal_embed is not None:
            x = x + self.goal_embed(goal)
        for block in self.blocks:
            x = block(x, mix.pair, features.present)
        x = self.norm(x)
        # a learnt step size per value; curves change along their gradient features alone
        rate = _INITIAL_RATE + self.rate_head(x)
        change = self.change_head(x) + rate[:, :N_FIXED] * gradient.fixed
        return prediction._replace(
            level_db=prediction.level_db + LEVEL_DB * change[:, N_TONE],
            ride=prediction.ride + rate[:, N_FIXED, None] * gradient.ride,
            zone=prediction.zone + rate[:, N_FIXED + 1 :, None] * gradient.zone,
            tone=prediction.tone + change[:, :N_TONE],
            low_cut=prediction.low_cut + change[:, N_TONE + 1],
            position=prediction.position + change[:, N_TONE + 2],
            width=prediction.width + change[:, N_TONE + 3],
            send=prediction.send + change[:, N_TONE + 4],
        )


class Field(nnx.Module):
    """Network that predicts a treatment of all tracks of a song.

    Untrained, it predicts the levels where the treatment starts, and a position a little to the side of each track's
    side code.
    """

    def __init__(self, sizes: Sizes, rngs: nnx.Rngs) -> None:
        zeros = nnx.initializers.zeros
        self.sizes = sizes
        self.frame_embed = nnx.Linear(N_FRAME, sizes.frame, rngs=rngs)
        self.frame_blocks = nnx.List([_FrameBlock(sizes.frame, rngs) for _ in range(sizes.n_frame_blocks)])
        self.role_embed = nnx.Embed(sizes.n_roles + 1, sizes.frame, embedding_init=zeros, rngs=rngs)
        self.fact_embed = nnx.Linear(N_FACTS + 2, sizes.frame, rngs=rngs)
        self.moment_blocks = nnx.List([_MomentBlock(sizes, rngs) for _ in range(sizes.n_moment_blocks)])
        self.summary_proj = nnx.Linear(2 * sizes.frame, sizes.whole, rngs=rngs)
        self.summary_shift = nnx.Param(jnp.zeros(sizes.whole))
        self.song_blocks = nnx.List([_SongBlock(sizes, rngs) for _ in range(sizes.n_whole_blocks)])
        self.norm = nnx.LayerNorm(sizes.whole, rngs=rngs)
        self.track_head = nnx.Linear(sizes.whole, N_TONE + 6, kernel_init=zeros, rngs=rngs)
        self.song_head = nnx.Linear(sizes.whole, N_ZONES + 1 + N_TONE, kernel_init=zeros, rngs=rngs)
        self.family_head = nnx.Linear(sizes.whole, sizes.n_families, kernel_init=zeros, rngs=rngs)
        self.refine = _RefineStep(sizes, 0, rngs)
        self.follow = _RefineStep(sizes, sizes.n_goal, rngs) if sizes.n_goal else None
        self.song_proj = nnx.Linear(sizes.whole, sizes.frame, rngs=rngs)
        self.curve_proj = nnx.Linear(2 * sizes.frame, sizes.frame, rngs=rngs)
        self.curve_head = nnx.Linear(sizes.frame, 1 + N_ZONES, kernel_init=zeros, rngs=rngs)

    def __call__(self, features: InputFeatures, conditioning: Conditioning) -> Proposal:
        """First prediction for one song, before any refine step."""
        n_frames = features.frame.shape[1]
        # recorded levels that say nothing are hidden, like roles that nobody knows
        fact = features.fact.at[:, 0].multiply(conditioning.is_recorded)
        facts = jnp.concatenate([fact, conditioning.leads[:, None], conditioning.side[:, None]], axis=-1)
        track_embedding = self.role_embed(conditioning.role) + self.fact_embed(facts)
        x = self.frame_embed(features.frame) + track_embedding[:, None]
        for block in self.frame_blocks:
            x = block(x)
        moment, is_active = _moments(x, features.active)
        for block in self.moment_blocks:
            moment = block(moment, is_active)
        whole = jax.nn.gelu(self.summary_proj(_summary(moment, is_active))) + self.summary_shift
        for block in self.song_blocks:
            whole = block(whole, features.present)
        whole = self.norm(whole)
        # curves per frame: fine detail from the frames, context from the moment that each lies in
        moment = moment + self.song_proj(whole)[:, None]
        context = jnp.repeat(moment, STRIDE, axis=1)[:, :n_frames]
        curves = self.curve_head(jax.nn.gelu(self.curve_proj(jnp.concatenate([x, context], axis=-1))))
        fixed = self.track_head(whole)
        present = features.present / jnp.maximum(jnp.sum(features.present), 1.0)
        # the song shares one room, predicted from the mean over tracks
        room = self.song_head(present @ whole)
        return Proposal(
            level_db=10.0 * fixed[:, N_TONE],
            ride=curves[..., 0],
            tone=fixed[:, :N_TONE],
            low_cut=fixed[:, N_TONE + 1],
            zone=jnp.moveaxis(curves[..., 1:], -1, 1),
            # by a learnt factor: of a track that could equally go left or right, the side code decides
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
        goal: Float[Array, " goal"],
        features: InputFeatures,
        conditioning: Conditioning,
    ) -> Proposal:
        """Prediction after one refine step, towards the goal where `goal` has features of one.

        Weights that were not trained to follow goals take the gradient alone.
        """
        step = self.follow if self.follow is not None and goal.size else self.refine
        return step(prediction, mix, gradient, goal, features, conditioning)


def _moments(
    x: Float[Array, "track frame size"], active: Float[Array, "track frame"]
) -> tuple[Float[Array, "track moment size"], Float[Array, "track moment"]]:
    """Means over the active frames of each moment, and 1 for moments with any, else 0."""
    short = -x.shape[1] % STRIDE
    x = jnp.pad(x, ((0, 0), (0, short), (0, 0))).reshape(len(x), -1, STRIDE, x.shape[-1])
    weight = jnp.pad(active, ((0, 0), (0, short))).reshape(len(x), -1, STRIDE)
    total = jnp.sum(weight, axis=-1)
    return jnp.einsum("imkd,imk->imd", x, weight) / jnp.maximum(total, 1e-3)[..., None], (total > 0.0).astype(x.dtype)


def _summary(
    moment: Float[Array, "track moment size"], is_active: Float[Array, "track moment"]
) -> Float[Array, "track both"]:
    """Mean and maximum over the active moments of each track; zeros for a track without any."""
    n = jnp.sum(is_active, axis=-1, keepdims=True)
    mean = jnp.sum(moment * is_active[..., None], axis=1) / jnp.maximum(n, 1.0)
    highest = jnp.max(jnp.where(is_active[..., None] > 0.0, moment, -1e9), axis=1)
    return jnp.concatenate([mean, jnp.where(n > 0.0, highest, 0.0)], axis=-1)
