"""A room as decaying noise: its impulse responses, convolution in blocks, and what it does to powers in frames.

Four unrelated responses lead from two inputs to two outputs, each of half the energy: whatever comes in, as much
power comes out of either side, and the sides are not correlated. In every zone of bands the noise falls
exponentially, by 60 dB in the zone's decay time; such noise sounds like a good hall (Moorer 1979).
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from hybrid.signal import bands

LN_60_DB = float(np.log(1e6))
"""Natural logarithm of a power ratio of 60 dB."""
_SEED = 1979
"""The noise is the same in every mix."""


def impulse_responses(
    decay_s: Float[np.ndarray, " zone"],
    zones: Float[np.ndarray, "zone band"],
    tone_db: Float[np.ndarray, " band"],
    pre_delay_s: float,
    sample_rate: int,
) -> Float[np.ndarray, "2 2 time"]:
    """Responses `[output, input, time]` down to -60 dB; `zones` are shares that sum to one in every band.

    In every band, both inputs together bring an energy of one to either output, times the tone.
    """
    n = int(np.ceil(float(np.max(decay_s)) * sample_rate)) + 1
    weights = bands.band_weights(np.fft.rfftfreq(2 * n, 1.0 / sample_rate))
    noise = np.fft.rfft(np.random.default_rng(_SEED).standard_normal((2, 2, n)), 2 * n)
    time_s = np.arange(n) / sample_rate
    falling = sum(
        np.fft.irfft(noise * (weights @ zone))[..., :n] * np.exp(-0.5 * LN_60_DB / decay * time_s)
        for zone, decay in zip(zones, decay_s, strict=True)
    )
    spectrum = np.fft.rfft(falling, 2 * n)
    total = weights.sum(axis=0)
    energy = np.mean(np.sum(np.square(np.abs(spectrum)), axis=1), axis=0) @ weights
    wanted = 10.0 ** (tone_db / 10.0) * np.divide(total, energy, out=np.zeros_like(total), where=energy > 0.0)
    levelled = np.fft.irfft(spectrum * np.sqrt(weights @ wanted))[..., :n]
    return np.pad(levelled, ((0, 0), (0, 0), (round(pre_delay_s * sample_rate), 0))).astype(np.float32)


@jax.jit
def _convolved(
    spectra: Complex[Array, "2 2 bin"], x: Float[Array, "2 block"], tail: Float[Array, "2 rest"]
) -> tuple[Float[Array, "2 block"], Float[Array, "2 rest"]]:
    block, size = x.shape[1], 2 * (spectra.shape[2] - 1)
    y = jnp.fft.irfft(jnp.sum(spectra * jnp.fft.rfft(x, size), axis=1), size)
    y = y[:, : block + tail.shape[1]].at[:, : tail.shape[1]].add(tail)
    return y[:, :block], y[:, block:]


class Convolver:
    """Convolves a stream of stereo blocks of one length with a room's responses, by FFT, block after block."""

    def __init__(self, responses: Float[np.ndarray, "2 2 time"], block: int) -> None:
        rest = responses.shape[2] - 1
        self._spectra = jnp.asarray(np.fft.rfft(responses, _fast(block + rest)), jnp.complex64)
        self._tail = np.zeros((2, rest), np.float32)

    def __call__(self, x: Float[np.ndarray, "2 block"]) -> Float[np.ndarray, "2 block"]:
        """The next block of the room's outputs; silence in and nothing left is silence."""
        if not x.any() and not self._tail.any():
            return np.zeros_like(x)
        y, tail = _convolved(self._spectra, x, self._tail)
        self._tail = np.asarray(tail)
        return np.asarray(y)


def _fast(n: int) -> int:
    """The next even length without a prime factor above 3: transforms of it are fast."""
    return min(m for k in range(40) for j in range(4) for m in [2 ** (k + 1) * 3**j] if m >= n)


def tails(
    power: Float[Array, "*batch frame band"],
    decay_s: Float[Array, " band"],
    pre_delay_s: Float[Array, ""],
    frame_s: float,
    longest_s: tuple[float, float],
) -> Float[Array, "*batch frame band"]:
    """What comes back of powers in frames: smeared by each band's decay and late; sums over time stay the same.

    `longest_s` are the longest decay and pre-delay that are possible: they set how far the smearing reaches. What
    would come back after the last frame is lost.
    """
    fall = LN_60_DB * frame_s / decay_s
    kept = jnp.exp(-fall)
    here = 1.0 - (1.0 - kept) / fall
    later = jnp.square(1.0 - kept) / fall
    # 1 / (1 - r z) = (1 + r z)(1 + r^2 z^2)(1 + r^4 z^4) ...
    ringing, ratio = power, kept
    for k in range(int(np.ceil(np.log2(longest_s[0] / frame_s + 1.0)))):
        ringing, ratio = ringing + ratio * _late(ringing, 2**k), jnp.square(ratio)
    back = here * power + later * _late(ringing, 1)
    frames = pre_delay_s / frame_s
    steps = range(int(np.ceil(longest_s[1] / frame_s)) + 1)
    return sum((jnp.maximum(1.0 - jnp.abs(frames - k), 0.0) * _late(back, k) for k in steps), jnp.zeros_like(back))


@partial(jax.jit, static_argnames="n", inline=True)
def _late(x: Float[Array, "*batch frame band"], n: int) -> Float[Array, "*batch frame band"]:
    """The same `n` frames later, silence first."""
    n = min(n, x.shape[-2])
    return jnp.concatenate([jnp.zeros_like(x[..., :n, :]), x[..., : x.shape[-2] - n, :]], axis=-2)
