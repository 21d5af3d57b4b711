"""Reverberation as decaying noise: impulse responses, convolution in blocks, and the effect on powers in frames.

Four uncorrelated responses lead from two inputs to two outputs, each of half the energy: for any input, both
outputs have the same power and are uncorrelated. In every zone of bands the noise falls
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
"""Fixed, so that every mix has the same noise."""


def impulse_responses(
    decay_s: Float[np.ndarray, " zone"],
    zones: Float[np.ndarray, "zone band"],
    tone_db: Float[np.ndarray, " band"],
    pre_delay_s: float,
    sample_rate: int,
) -> Float[np.ndarray, "2 2 time"]:
    """Impulse responses `[output, input, time]` down to -60 dB; `zones` are shares that sum to one in every band.

    In every band, the responses from both inputs to either output have a total energy of one, times the tone.
    """
    n = int(np.ceil(float(np.max(decay_s)) * sample_rate)) + 1
    # twice the length: what zero-phase filters smear before the start falls beyond the end, and is cut off
    weights = bands.band_weights(np.fft.rfftfreq(2 * n, 1.0 / sample_rate))
    noise = np.fft.rfft(np.random.default_rng(_SEED).standard_normal((2, 2, n)), 2 * n)
    time_s = np.arange(n) / sample_rate
    # the same noise in every zone, band-limited, under that zone's envelope; amplitudes fall by half of the exponent
    decaying = sum(
        np.fft.irfft(noise * (weights @ zone))[..., :n] * np.exp(-0.5 * LN_60_DB / decay * time_s)
        for zone, decay in zip(zones, decay_s, strict=True)
    )
    spectrum = np.fft.rfft(decaying, 2 * n)
    # one realisation of noise deviates from its mean spectrum: equalise the energy of every band
    total = weights.sum(axis=0)
    energy = np.mean(np.sum(np.square(np.abs(spectrum)), axis=1), axis=0) @ weights
    target = 10.0 ** (tone_db / 10.0) * np.divide(total, energy, out=np.zeros_like(total), where=energy > 0.0)
    levelled = np.fft.irfft(spectrum * np.sqrt(weights @ target))[..., :n]
    return np.pad(levelled, ((0, 0), (0, 0), (round(pre_delay_s * sample_rate), 0))).astype(np.float32)


@jax.jit
def _convolve(
    spectra: Complex[Array, "2 2 bin"], x: Float[Array, "2 block"], tail: Float[Array, "2 rest"]
) -> tuple[Float[Array, "2 block"], Float[Array, "2 rest"]]:
    block, size = x.shape[1], 2 * (spectra.shape[2] - 1)
    y = jnp.fft.irfft(jnp.sum(spectra * jnp.fft.rfft(x, size), axis=1), size)
    # overlap-add: what rings on from earlier blocks falls into the first samples of this one
    y = y[:, : block + tail.shape[1]].at[:, : tail.shape[1]].add(tail)
    return y[:, :block], y[:, block:]


class Convolver:
    """FFT convolver of a stream of stereo blocks of one length with the impulse responses of a room."""

    def __init__(self, responses: Float[np.ndarray, "2 2 time"], block: int) -> None:
        rest = responses.shape[2] - 1
        self._spectra = jnp.asarray(np.fft.rfft(responses, _fast_length(block + rest)), jnp.complex64)
        self._tail = np.zeros((2, rest), np.float32)

    def __call__(self, x: Float[np.ndarray, "2 block"]) -> Float[np.ndarray, "2 block"]:
        """Next block of reverberation; exact silence once the input is silent and the tail has ended."""
        if not x.any() and not self._tail.any():
            return np.zeros_like(x)
        y, tail = _convolve(self._spectra, x, self._tail)
        self._tail = np.asarray(tail)
        return np.asarray(y)


def _fast_length(n: int) -> int:
    """Smallest even length of at least `n` without a prime factor above 3, for which the FFT is fast."""
    return min(m for k in range(40) for j in range(4) for m in [2 ** (k + 1) * 3**j] if m >= n)


def tails(
    power: Float[Array, "*batch frame band"],
    decay_s: Float[Array, " band"],
    pre_delay_s: Float[Array, ""],
    frame_s: float,
    longest_s: tuple[float, float],
) -> Float[Array, "*batch frame band"]:
    """Reverberant power per frame: `power` convolved with each band's decay, after the pre-delay.

    Sums over time are preserved, except for power beyond the last frame, which is lost. `longest_s` are the longest
    decay and pre-delay that are possible: they set the length of the convolution.
    """
    # a steady power in one frame, under an exponential decay: the integrals over the same frame, and over the next
    fall = LN_60_DB * frame_s / decay_s
    kept = jnp.exp(-fall)
    same_frame = 1.0 - (1.0 - kept) / fall
    next_frame = jnp.square(1.0 - kept) / fall
    # every further frame has `kept` times the power of the one before: a recursion, unrolled in log2 steps by
    # 1 / (1 - r z) = (1 + r z)(1 + r^2 z^2)(1 + r^4 z^4) ...
    recursion, ratio = power, kept
    for k in range(int(np.ceil(np.log2(longest_s[0] / frame_s + 1.0)))):
        recursion, ratio = recursion + ratio * _delayed(recursion, 2**k), jnp.square(ratio)
    reverberant = same_frame * power + next_frame * _delayed(recursion, 1)
    # a pre-delay between two frames is shared between them, linearly, so that it has a gradient
    frames = pre_delay_s / frame_s
    steps = range(int(np.ceil(longest_s[1] / frame_s)) + 1)
    return sum(
        (jnp.maximum(1.0 - jnp.abs(frames - k), 0.0) * _delayed(reverberant, k) for k in steps),
        jnp.zeros_like(reverberant),
    )


@partial(jax.jit, static_argnames="n", inline=True)
def _delayed(x: Float[Array, "*batch frame band"], n: int) -> Float[Array, "*batch frame band"]:
    """`x` delayed by `n` frames, preceded by silence."""
    n = min(n, x.shape[-2])
    return jnp.concatenate([jnp.zeros_like(x[..., :n, :]), x[..., : x.shape[-2] - n, :]], axis=-2)
