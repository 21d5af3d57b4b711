"""Share of a treated track that filtering of the raw track explains: distortion and artefacts by least squares.

Two models. *Fixed*: one filter for the whole song, with a gain that follows the track every 0.2 s, or with none,
whichever explains more. *Slow*: a filter that changes every 0.4 s. Filters have one complex coefficient per eight bins
of windows of 0.1 s, which is a response of about 12 ms, and per two bins below 160 Hz, where a tone curve and a low
cut change much within 80 Hz. The residual is distortion under the first model, and an artefact under the second.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from hybrid.signal import stft

GROUP, LOW_GROUP, LOW_BINS = 8, 2, 16
"""Bins per filter coefficient, in general and among the `LOW_BINS` lowest."""
STEP, SEGMENT = 4, 8
"""Windows, half overlapping, that share a gain (0.2 s) and a slow filter (0.4 s)."""
_RIDGE = 1e-6
"""Regularisation re the mean power: no filter gains more than 60 dB, so that spectral leakage explains nothing."""
CEILING_DB = 100.0


class WaveformMoments(NamedTuple):
    """Sums over a segment of a track; those of several segments add."""

    raw: Float[np.ndarray | Array, "2 group"]
    """Energy of the raw track, without gain and with the slow gain."""
    both: Complex[np.ndarray | Array, "2 group"]
    """Inner products with the treated track."""
    treated: Float[np.ndarray | Array, " group"]
    unexplained: Float[np.ndarray | Array, ""]
    """Residual energy of the slow model."""


@jax.jit
def waveform_moments(
    x: Float[Array, "channel time"], y: Float[Array, "channel time"], window: Float[Array, " window"]
) -> WaveformMoments:
    """Sums over a segment of a raw track and the same segment after its treatment."""
    raw, treated = _spectra(x, window), _spectra(y, window)
    # the gain of each step is the ratio of amplitudes, which a ride or a compressor follows
    steps = [z.reshape(-1, STEP, *z.shape[1:]) for z in (raw, treated)]
    energy_x, energy_y = (jnp.sum(_square(z), axis=(1, 2, 3), keepdims=True) for z in steps)
    gain = jnp.sqrt(energy_y / jnp.where(energy_x > 0.0, energy_x, 1.0))
    candidates = [raw, (steps[0] * gain).reshape(raw.shape)]
    return WaveformMoments(
        raw=_grouped(jnp.stack([jnp.sum(_square(z), axis=(0, 1)) for z in candidates])),
        both=_grouped(jnp.stack([jnp.sum(jnp.conj(z) * treated, axis=(0, 1)) for z in candidates])),
        treated=_grouped(jnp.sum(_square(treated), axis=(0, 1))),
        unexplained=_left_by_slow(raw, treated),
    )


def _spectra(x: Float[Array, "channel time"], window: Float[Array, " window"]) -> Complex[Array, "w channel bin"]:
    """Spectra of windows that overlap by half; windows beyond the last whole segment are left out."""
    spectra = stft.half_overlap_spectra(x, window)
    return spectra[:, : spectra.shape[1] // SEGMENT * SEGMENT].swapaxes(0, 1)


def _grouped(x: Array) -> Array:
    """Sums over the bins of each group, on the last axis; bins above the last whole group are left out."""
    low, high = x[..., :LOW_BINS], x[..., LOW_BINS:]
    high = high[..., : high.shape[-1] // GROUP * GROUP]
    sums = [jnp.sum(part.reshape(*x.shape[:-1], -1, n), axis=-1) for part, n in ((low, LOW_GROUP), (high, GROUP))]
    return jnp.concatenate(sums, axis=-1)


def _square(z: Complex[Array, "*shape"]) -> Float[Array, "*shape"]:
    return jnp.square(z.real) + jnp.square(z.imag)


def _left_by_slow(raw: Complex[Array, "w channel bin"], treated: Complex[Array, "w channel bin"]) -> Float[Array, ""]:
    segments = [z.reshape(-1, SEGMENT, *z.shape[1:]) for z in (raw, treated)]
    power, own = (_grouped(jnp.sum(_square(z), axis=(1, 2))) for z in segments)
    both = _grouped(jnp.sum(jnp.conj(segments[0]) * segments[1], axis=(1, 2)))
    floor = _RIDGE * jnp.mean(power, axis=1, keepdims=True)
    # least squares with one coefficient: the residual is |y|^2 - |<x, y>|^2 / |x|^2
    return jnp.sum(jnp.maximum(own - _square(both) / jnp.maximum(power + floor, 1e-30), 0.0))


def explained_db(total: WaveformMoments) -> Float[np.ndarray, " 2"]:
    """Explained over residual power, dB, of the fixed and of the slow model; 100 for silence."""
    # double precision: the residual is a small difference of large sums
    power, both = np.asarray(total.raw, np.float64), np.asarray(total.both, np.complex128)
    treated = np.asarray(total.treated, np.float64)
    floor = _RIDGE * power.mean(axis=1, keepdims=True)
    left = treated - np.square(np.abs(both)) / np.maximum(power + floor, 1e-30)
    fixed = float(np.maximum(left, 0.0).sum(axis=1).min())
    return np.array([_ratio_db(float(treated.sum()), rest) for rest in (fixed, float(total.unexplained))])


def _ratio_db(whole: float, rest: float) -> float:
    # both powers have the floor, so that the ratio stays within the ceiling on either side
    least = 10.0 ** (-0.1 * CEILING_DB) * whole
    return CEILING_DB if whole <= 0.0 else 10.0 * float(np.log10(max(whole - rest, least) / max(rest, least)))
