"""A recording in fewer frames, which are those of a finer one joined."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
from jaxtyping import Array

from hybrid.compiled import seldom
from hybrid.treatment.axes import map_axis
from hybrid.treatment.types import Dry


@seldom(static="factor")
def pool(dry: Dry, factor: int) -> Dry:
    """Measurements with `factor` frames pooled to one: means of powers and activity, maxima of peaks."""

    def pooled(x: Array, axis: int) -> Array:
        x = jnp.moveaxis(x, axis, -1)
        x = jnp.pad(x, [*[(0, 0)] * (x.ndim - 1), (0, -x.shape[-1] % factor)])
        x = jnp.mean(x.reshape(*x.shape[:-1], -1, factor), axis=-1)
        return jnp.moveaxis(x, -1, axis)

    # the last frame may be short of frames: padding counts as silence
    highest = jnp.max(jnp.pad(dry.peak, (0, -dry.peak.shape[0] % factor)).reshape(-1, factor), axis=1)
    centre = dry.time_s[0] + 0.5 * (factor - 1) * dry.frame_s
    n_frames = -(-dry.active.shape[-1] // factor)
    return replace(
        map_axis(pooled, dry, "frame"),
        peak=highest,
        time_s=centre + jnp.arange(n_frames) * (factor * dry.frame_s),
        frame_s=factor * dry.frame_s,
    )
