"""Gain curves of a treatment: from its parameters to gains per band, per frame and between channels."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.signal import bands
from hybrid.treatment.parts import N_TONE, N_ZONES, RIDE_S, SPREAD_OFF_DB, ZONES_HZ
from hybrid.treatment.types import Dry, Eq, Reverb, Treatment, added_power

LN_DB = float(np.log(10.0) / 10.0)
"""Natural logarithm of a power ratio of one decibel."""
FAINT = 1e-12
"""A power of -120 dB, below which a band counts as empty."""


def tone_curves() -> Float[np.ndarray, "tone band"]:
    """Gain in dB of every band per dB at each point of the tone curve, linear in ERB-number between points.

    Unlike the basis of a spline, none is negative anywhere, so that alternating settings gain nothing.
    """
    knots = np.linspace(0.0, bands.N_BANDS - 1.0, N_TONE)
    away = np.abs(np.arange(bands.N_BANDS) - knots[:, None]) / (knots[1] - knots[0])
    return np.maximum(1.0 - away, 0.0)


def zone_curves() -> Float[np.ndarray, "zone band"]:
    """Share of every zone of dynamics in every band; zones cross over within about two bands and sum to one."""
    position = bands.erb_number(bands.band_centres_hz())
    above = [1.0 / (1.0 + np.exp(-2.0 * (position - bands.erb_number(f)))) for f in ZONES_HZ]
    steps = np.stack([np.ones_like(position), *above, np.zeros_like(position)])
    # differences of neighbouring steps telescope: the shares of a band sum to one by construction
    return steps[:N_ZONES] - steps[1:]


def low_cut_db(corner_hz: Float[Array, " track"], at_hz: Float[Array, " f"]) -> Float[Array, "track f"]:
    """Gain of the low cut in dB: third-order Butterworth, -3 dB at its corner, 18 dB per octave below."""
    return -10.0 * jnp.log10(1.0 + (corner_hz[:, None] / at_hz) ** 6)


def high_cut_db(corner_hz: Float[Array, " track"], at_hz: Float[Array, " f"]) -> Float[Array, "track f"]:
    """Gain of the high cut in dB: third-order Butterworth, -3 dB at its corner, 18 dB per octave above."""
    return -10.0 * jnp.log10(1.0 + (at_hz / corner_hz[:, None]) ** 6)


def filters_db(eq: Eq, at_hz: Float[Array, " f"]) -> Float[Array, "track f"]:
    """Gain in dB of all filters of each track, without its tone curve."""
    low_cut = low_cut_db(eq.low_cut_hz, at_hz)
    return low_cut if eq.high_cut_hz is None else low_cut + high_cut_db(eq.high_cut_hz, at_hz)


def low_cut_band_db(
    corner_hz: Float[Array, " track"], low_power: Float[Array, "track low"], low_hz: Float[Array, " low"]
) -> Float[Array, "track band"]:
    """Mean gain of the low cut within every band, dB, weighted by the fine spectrum of each raw track.

    The cut is steep and the lowest bands are wide: its gain at their centres would be several decibels off.
    Bands above the fine spectrum, where the cut has no effect, read 0, as do bands without power.
    """
    # the bin at 0 Hz would divide by zero
    gain = jnp.exp(LN_DB * low_cut_db(corner_hz, jnp.maximum(low_hz, 1.0)))
    inside = _low_weights(low_hz)
    return 10.0 * jnp.log10(((low_power * gain) @ inside + FAINT) / (low_power @ inside + FAINT))


def _low_weights(low_hz: Float[Array, " low"]) -> Float[Array, "low band"]:
    """Band weights of the fine spectrum's bins, computed in the graph since the bins depend on the sample rate."""
    first, last = float(bands.erb_number(bands.LOWEST_HZ)), float(bands.erb_number(bands.HIGHEST_HZ))
    # `bands.band_weights` once more: that one is NumPy, and takes no traced frequencies
    erb = 21.4 * jnp.log10(1.0 + 0.00437 * low_hz)
    position = jnp.clip((erb - first) / (last - first), 0.0, 1.0) * (bands.N_BANDS - 1)
    return jnp.maximum(0.0, 1.0 - jnp.abs(position[:, None] - jnp.arange(bands.N_BANDS)))


def points_at(curve: Float[Array, "*batch knot"], spacing_s: float, time_s: Float[Array, " n"]) -> Array:
    """Values of a curve of points `spacing_s` apart at the given times, by linear interpolation."""
    # just below the last point, so that there is a next one to interpolate to
    position = jnp.clip(time_s / spacing_s, 0.0, curve.shape[-1] - 1.001)
    index = jnp.floor(position).astype(jnp.int32)
    share = position - index
    return curve[..., index] * (1.0 - share) + curve[..., index + 1] * share


def static_db(treatment: Treatment, dry: Dry) -> Float[Array, "track band"]:
    """Gain in dB that is constant over time: level, tone, low cut and high cut."""
    tone = treatment.eq.tone_db @ jnp.asarray(tone_curves(), treatment.eq.tone_db.dtype)
    low_cut = low_cut_band_db(treatment.eq.low_cut_hz, dry.low_power, dry.low_hz)
    static = treatment.gain.level_db[:, None] + tone + low_cut
    if treatment.eq.high_cut_hz is None:
        return static
    # the bands above 1 kHz are a sixth of an octave wide: the gain at a centre is right to a quarter of a decibel
    return static + high_cut_db(treatment.eq.high_cut_hz, jnp.asarray(bands.band_centres_hz(), static.dtype))


def moving_db(treatment: Treatment, time_s: Float[Array, " n"]) -> Float[Array, "track zone n"]:
    """Gain in dB over time in each zone: ride and dynamics."""
    ride = points_at(treatment.gain.ride_db, RIDE_S, time_s)
    return points_at(treatment.dynamics.zone_db, treatment.knot_s, time_s) + ride[:, None, :]


def pan_matrix(treatment: Treatment) -> Float[Array, "track 2 2"]:
    """Amplitude gains `[output channel, input channel]`: width on the side signal, then the sine-cosine law."""
    # (mid + w side, mid - w side) with mid and side as half the sum and half the difference of the channels
    side = jnp.exp(0.5 * LN_DB * treatment.pan.width_db)
    same, other = 0.5 * (1.0 + side), 0.5 * (1.0 - side)
    width = jnp.stack([jnp.stack([same, other], -1), jnp.stack([other, same], -1)], -2)
    angle = (treatment.pan.position / 100.0 + 1.0) * (np.pi / 4.0)
    # the root of two makes the centre unity, so that a neutral treatment sums the tracks unchanged
    position = np.sqrt(2.0) * jnp.stack([jnp.cos(angle), jnp.sin(angle)], -1)
    return position[..., None] * width


SPREAD_FROM_HZ = 200.0
"""Below it the spread fades out, 12 dB per octave: bodies and basses stay in the middle. By taste."""


def spread_power(spread_db: Float[Array, " track"], at_hz: Float[np.ndarray | Array, " f"]) -> Float[Array, "track f"]:
    """Power of the side signal that a spread makes of the mid, relative to the mid, at frequencies above 0 Hz."""
    return added_power(spread_db, SPREAD_OFF_DB)[:, None] / (1.0 + (SPREAD_FROM_HZ / at_hz) ** 4)


def spread_phase(at_hz: Float[np.ndarray, " f"]) -> Float[np.ndarray, " f"]:
    """Sine whose sign alternates with every ERB, of mean square 1: what the side signal is of the mid, in quadrature.

    Quadrature leaves both channels equally loud at every frequency, and the alternation spreads the sound, where one
    sign for all would only turn phases.
    """
    return np.sqrt(2.0) * np.sin(np.pi * bands.erb_number(at_hz))


def room_decay_s(reverb: Reverb) -> Float[Array, " band"]:
    """Decay time of every band, s: geometric means of the zones' times where zones cross over."""
    return jnp.exp(jnp.log(reverb.decay_s) @ jnp.asarray(zone_curves(), reverb.decay_s.dtype))
