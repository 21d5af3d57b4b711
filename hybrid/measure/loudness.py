"""Loudness after ITU-R BS.1770 and EBU R 128, from K-weighted powers in short frames.

Powers are mean squares summed over left and right (channel weights of one). Blocks of 400 ms (momentary) and 3 s
(short-term) advance by one frame. Gates choose blocks and carry no gradient, so that a loudness is reached
by levels, not by silencing blocks. A full-scale 997 Hz sine in one channel reads -3.01 LUFS.
"""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.compiled import seldom
from hybrid.measure.decibel import mean_over
from hybrid.measure.statistics import quantile

OFFSET_DB = -0.691
"""BS.1770 equation 2."""
MOMENTARY_S, SHORT_TERM_S = 0.4, 3.0
ABSOLUTE_GATE_LUFS, RELATIVE_GATE_LU = -70.0, -10.0
_FULL = 0.9
"""Share of the fullest block that a block must fill to count."""
_FLOOR = 1e-12
"""A power of -120.7 LUFS, below every gate."""


def lufs(power_k: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Loudness of a K-weighted power, LUFS; silence reads -120.7."""
    return OFFSET_DB + 10.0 * jnp.log10(power_k + _FLOOR)


def block_power(power_k: Float[Array, "*batch frame"], frame_s: float, block_s: float) -> Array:
    """Running means over `block_s` of powers in frames of `frame_s`, one per frame, over the block that ends there.

    A signal shorter than the block is one block, and blocks that would begin before the signal are left out: the
    result has fewer frames than the input.
    """
    n = min(max(1, round(block_s / frame_s)), power_k.shape[-1])
    count = power_k.shape[-1] - n + 1
    # shifted sums: differences of a running sum would lose quiet blocks after loud ones in float32
    return jnp.sum(jnp.stack([power_k[..., k : k + count] for k in range(n)]), axis=0) / n


class Blocks(NamedTuple):
    """Mean powers of blocks of 400 ms, each over its part within the signal, and a mask of blocks that exist."""

    power: Float[Array, "*batch block"]
    exists: Float[Array, " block"]
    """1 for blocks within the signal; if it is shorter than a block, for those that contain all of it."""


def momentary(power_k: Float[Array, "*batch frame"], inside: Float[Array, " frame"], frame_s: float) -> Blocks:
    """Momentary blocks, mean squares, of a signal that fills the share `inside` of each frame; the rest is padding."""
    share = block_power(inside, frame_s, MOMENTARY_S)
    power = block_power(power_k, frame_s, MOMENTARY_S) / jnp.maximum(share, 1e-3)
    # windows overlap, so that the first and the last block of a long signal are not quite full
    return Blocks(power, (share >= _FULL * jnp.max(share)).astype(power_k.dtype))


def gate(blocks: Blocks) -> Float[Array, "*batch block"]:
    """1 for blocks that count towards integrated loudness, else 0; both gates of BS.1770 annex 1."""
    level = lufs(jax.lax.stop_gradient(blocks.power))
    above_gate = blocks.exists * (level > ABSOLUTE_GATE_LUFS)
    # over blocks above the absolute gate alone: silence must not lower the relative one
    threshold = lufs(mean_over(jax.lax.stop_gradient(blocks.power), above_gate)) + RELATIVE_GATE_LU
    return above_gate * (level > threshold[..., None])


@partial(jax.jit, static_argnames="frame_s", inline=True)
def integrated_lufs(
    power_k: Float[Array, "*batch frame"], inside: Float[Array, " frame"], frame_s: float
) -> Float[Array, "*batch"]:
    """Integrated loudness, LUFS; -120.7 where no block passes the gates."""
    blocks = momentary(power_k, inside, frame_s)
    return lufs(mean_over(blocks.power, gate(blocks)))


RANGE_GATE_LU = -20.0
"""EBU Tech 3342: blocks further below the mean do not count towards the loudness range."""


def range_lu(power_k: Float[Array, " frame"], inside: Float[Array, " frame"], frame_s: float) -> Float[Array, ""]:
    """Loudness range after EBU Tech 3342, LU: 95th less 10th percentile of short-term loudness within its gates."""
    share = block_power(inside, frame_s, SHORT_TERM_S)
    power = block_power(power_k, frame_s, SHORT_TERM_S) / jnp.maximum(share, 1e-3)
    # gates choose blocks and carry no gradient
    fixed = jax.lax.stop_gradient(power)
    above_gate = ((share >= _FULL * jnp.max(share)) & (lufs(fixed) > ABSOLUTE_GATE_LUFS)).astype(power.dtype)
    passing = above_gate * (lufs(fixed) > lufs(mean_over(fixed, above_gate)) + RANGE_GATE_LU)
    return quantile(lufs(power), 0.95, passing) - quantile(lufs(power), 0.1, passing)


def active_lufs(power_k: Float[Array, "*batch frame"], active: Float[Array, "*batch frame"]) -> Float[Array, "*batch"]:
    """Loudness of the mean power over the frames that `active` (0 to 1) marks, with no other gate."""
    return lufs(mean_over(power_k, active))


@seldom(static="frame_s")
def activity(
    power_k: Float[Array, "*batch frame"], inside: Float[Array, " frame"], frame_s: float
) -> Float[Array, "*batch frame"]:
    """1 where a raw track is active: its momentary loudness is above -60 LUFS and its own loudness less 15 LU, else 0.

    Frames within every block that passes are marked, and gaps of up to 200 ms are closed. The thresholds are guesses.
    """
    n = power_k.shape[-1]
    blocks = momentary(power_k, inside, frame_s)
    own = lufs(mean_over(blocks.power, gate(blocks)))
    passes = (lufs(blocks.power) > jnp.maximum(-60.0, own[..., None] - 15.0)).astype(power_k.dtype)
    spread = n - passes.shape[-1]
    lead = [(0, 0)] * (passes.ndim - 1)
    spread_marks = [jnp.pad(passes, [*lead, (k, spread - k)]) for k in range(spread + 1)]
    # a block of 400 ms passes on a short sound anywhere in it: keep the frames that are themselves not far below
    marked = jnp.stack(spread_marks).max(axis=0) * (lufs(power_k) > jnp.maximum(-60.0, own[..., None] - 25.0))
    return jnp.maximum(marked, _closed(marked, max(1, round(0.2 / frame_s))))


def _closed(marks: Float[Array, "*batch frame"], gap: int) -> Float[Array, "*batch frame"]:
    """Marks with gaps of up to `gap` frames filled."""
    lead = [(0, 0)] * (marks.ndim - 1)
    n = marks.shape[-1]
    before = jnp.pad(marks, [*lead, (gap, 0)])
    after = jnp.pad(marks, [*lead, (0, gap)])
    marked_before = jnp.stack([before[..., k : k + n] for k in range(gap)]).max(axis=0)
    marked_after = jnp.stack([after[..., k + 1 : k + 1 + n] for k in range(gap)]).max(axis=0)
    return marked_before * marked_after
