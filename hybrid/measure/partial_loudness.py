"""Partial loudness of a track in a mix (Moore, Glasberg and Baer 1997), for measurement only.

Specific loudness in the bands from 500 Hz up, where the constants of the model are the same for all frequencies; K
is that for 1 kHz and above. Bands are one ERB wide, so that their power approximates excitation; it is spread
as in `masking`.
"""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.measure.decibel import mean_over
from hybrid.measure.loudness import OFFSET_DB
from hybrid.measure.masking import spreading
from hybrid.signal import bands

C, ALPHA, A, G, K = 0.046871, 0.2, 4.72096, 1.0, 10.0**-0.3
"""Constants of ANSI S3.4-2007 from 500 Hz up."""
THRESHOLD = 10.0**0.373
"""Excitation at the threshold in quiet, re that of a tone of 1 kHz at 0 dB."""
LOWEST_HZ = 500.0


def specific_alone(signal: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Specific loudness of an excitation in quiet, sone per Cam."""
    loudness = C * ((G * signal + A) ** ALPHA - A**ALPHA)
    faint = (2.0 * signal / (signal + THRESHOLD)) ** 1.5
    return loudness * jnp.where(signal < THRESHOLD, faint, 1.0)


def specific_partial(signal: Float[Array, "*shape"], noise: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Specific partial loudness of a signal's excitation in noise, sone per Cam; equations 19 and 20 of the paper."""
    masked = K * noise + THRESHOLD

    def above(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        both = (G * (x + noise) + A) ** ALPHA - A**ALPHA
        other = (G * (noise * (1.0 + K) + THRESHOLD) + A) ** ALPHA - (G * THRESHOLD + A) ** ALPHA
        return C * (both - other * (masked / jnp.maximum(x, 1e-9)) ** 0.3)

    def below(x: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        base = (G * noise + A) ** ALPHA
        share = ((G * (x + noise) + A) ** ALPHA - base) / ((G * (noise + masked) + A) ** ALPHA - base)
        return C * (2.0 * x / (x + masked)) ** 1.5 * ((G * THRESHOLD + A) ** ALPHA - A**ALPHA) * share

    # both equations meet at the masked threshold: there a sound is as loud as at the threshold in quiet
    return jnp.where(signal >= masked, above(jnp.maximum(signal, masked)), below(jnp.minimum(signal, masked)))


def kept_share(
    track: Float[Array, "track frame band"],
    mix: Float[Array, "frame band"],
    active: Float[Array, "track frame"],
    pressure: Float[Array, ""],
) -> Float[Array, " track"]:
    """Ratio of the partial loudness of each track to its loudness in quiet, 0 to 1, mean over active frames.

    `pressure` is the power re 0 dB SPL that corresponds to a power of one.
    """
    from_500 = bands.band_centres_hz() >= LOWEST_HZ
    # maskees alone are chosen: maskers below 500 Hz spread into these bands
    spread = jnp.asarray(spreading()[:, from_500], track.dtype)
    signal = (track @ spread) * pressure
    noise = (jnp.maximum(mix - track, 0.0) @ spread) * pressure
    in_quiet = jnp.sum(specific_alone(signal), axis=-1)
    partial = jnp.sum(jnp.maximum(specific_partial(signal, noise), 0.0), axis=-1)
    return mean_over(jnp.clip(partial / jnp.where(in_quiet > 0.0, in_quiet, 1.0), 0.0, 1.0), active)


def pressure_of(loudness_lufs: Float[Array, ""], level_db_spl: float) -> Float[Array, ""]:
    """Power re 0 dB SPL that corresponds to a power of one, for a mix of this loudness played at `level_db_spl`."""
    # a mix of this loudness has a K-weighted power of loudness less offset, in dB
    return 10.0 ** ((level_db_spl - loudness_lufs + OFFSET_DB) / 10.0)
