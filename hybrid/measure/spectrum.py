"""Spectral balance: long-term band levels, their slope, and energy below a corner. Levels in dB."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.measure.decibel import db, mean_over
from hybrid.signal import bands


def long_term_db(mix: Float[Array, "frame band"], active: Float[Array, " frame"]) -> Float[Array, " band"]:
    """Mean level of each band over active frames, dB per octave of bandwidth: pink noise reads the same in all."""
    power = (active @ mix) / jnp.maximum(jnp.sum(active), 1e-9)
    return db(power / jnp.asarray(bands.octaves_per_band(), power.dtype))


def relative_to_mean(level_db: Float[Array, " band"], weight: Float[Array, " band"]) -> Float[Array, " band"]:
    """Levels less their weighted mean, dB: the spectral shape."""
    return level_db - mean_over(level_db, weight)


def tilt_db_per_octave(level_db: Float[Array, " band"], weight: Float[Array, " band"]) -> Float[Array, ""]:
    """Slope of band levels over log frequency by least squares, dB per octave.

    White noise reads +3.01, pink noise 0, given levels per octave of bandwidth; 0 without any weight.
    """
    octave = jnp.asarray(np.log2(bands.band_centres_hz()), level_db.dtype)
    # with centred octaves the mean of the levels has no effect on the slope
    centred = octave - mean_over(octave, weight)
    spread = jnp.sum(weight * jnp.square(centred))
    return jnp.sum(weight * centred * level_db) / jnp.where(spread > 0.0, spread, 1.0)


def shares_below(corner_hz: Float[Array, "*batch"] | float) -> Float[Array, "*batch band"]:
    """Share of each band's width, in ERB-number, below a corner frequency, 0 to 1."""
    position = jnp.asarray(bands.erb_number(bands.band_centres_hz()))
    # `erb_number` in JAX, since corners are data and have a gradient
    corner = 21.4 * jnp.log10(1.0 + 0.00437 * jnp.asarray(corner_hz))
    # bands are taken as one Cam wide, which they are to 1.4 %
    return jnp.clip(corner[..., None] - position + 0.5, 0.0, 1.0)


def excess_db(level_db: Float[Array, " band"], band_hz: tuple[float, float]) -> Float[Array, ""]:
    """Mean level of a region above the straight line between the octaves on both sides of it, dB.

    The line carries no gradient. Where one side has no bands, it is level; where neither has, the excess is 0.
    """
    low, high = band_hz
    octave = np.log2(bands.band_centres_hz())
    width = bands.octaves_per_band()
    region = bands.bands_between(band_hz)

    def mean(inside: Float[np.ndarray, " band"]) -> tuple[Float[Array, ""] | None, float]:
        # a mean over octaves, in which bands lie denser the higher they are
        weight = width * inside
        total = weight.sum()
        return (level_db @ (weight / total), float(octave @ weight / total)) if total else (None, 0.0)

    # a band on the border belongs to the region, and is no neighbour of it
    (below, below_at), (above, above_at) = (
        mean(bands.bands_between(beside) * (1.0 - region)) for beside in ((0.5 * low, low), (high, 2.0 * high))
    )
    level, at = mean(region)
    assert level is not None, "a region holds at least one band"
    if below is None or above is None:
        line = below if above is None else above
    else:
        line = below + (above - below) * ((at - below_at) / (above_at - below_at))
    # no gradient: lifting the neighbours is no way to lower an excess
    return jnp.zeros_like(level) if line is None else level - jax.lax.stop_gradient(line)


def below_db(
    track: Float[Array, "track frame band"],
    active: Float[Array, "track frame"],
    corner_hz: Float[Array, " track"],
) -> Float[Array, " track"]:
    """Power below a corner as a share of the track's whole power, dB, over its active frames.

    A band that the corner divides counts by the share of its width below, in ERB-number; silence reads -100.
    """
    power = jnp.einsum("itb,it->ib", track, active) / jnp.maximum(jnp.sum(active, axis=-1, keepdims=True), 1e-9)
    share = shares_below(corner_hz).astype(power.dtype)
    low, whole = jnp.sum(power * share, axis=-1), jnp.sum(power, axis=-1)
    return jnp.where(whole > 0.0, db(low / jnp.where(whole > 0.0, whole, 1.0)), -100.0)
