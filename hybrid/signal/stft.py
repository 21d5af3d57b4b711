"""Short-time Fourier transform on a grid of about 25 ms, and its exact inverse.

Conventions: samples are on the last axis. A window is four hops long and four hops make one *frame* of about
100 ms, the time unit of all measurements. Lengths in samples are 5-smooth, so that transforms are fast at
any rate. The transform's first window ends with the first hop, so that every sample lies under four windows.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

HOP_S = 0.025
HOPS_PER_WINDOW = 4
HOPS_PER_FRAME = 4


def hop_samples(sample_rate: int) -> int:
    """Number of samples nearest to 25 ms that has no prime factor above 5: 1200 at 48 kHz, 1125 at 44.1 kHz."""
    target = HOP_S * sample_rate
    smooth = [2**i * 3**j * 5**k for i in range(14) for j in range(9) for k in range(7)]
    return min(smooth, key=lambda n: abs(n - target))


def frame_s(sample_rate: int) -> float:
    """Duration of one frame in seconds, about 0.1."""
    return HOPS_PER_FRAME * hop_samples(sample_rate) / sample_rate


def n_frames(n_samples: int, sample_rate: int) -> int:
    """Number of frames that cover `n_samples` and the tail of the last window."""
    hop = hop_samples(sample_rate)
    return -(-(n_samples + (HOPS_PER_WINDOW - 1) * hop) // (HOPS_PER_FRAME * hop))


def hann(n: int) -> Float[np.ndarray, " {n}"]:
    """Periodic Hann window of `n` samples."""
    # not the symmetric one: copies of this a quarter apart sum to a constant, and so do their squares
    return 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(n) / n)


def windowed(
    x: Float[np.ndarray, "*batch time"], window: Float[Array, " window"], every: int = 1
) -> Float[np.ndarray, "*batch hop window"]:
    """Overlapping segments of `x` times `window`, ready for the transform; its length is a multiple of four.

    Three hops of context come first, so time is (n + 3) hops for n windows. `every` 2 takes every other window, half
    the work: under a Hann window their mean powers differ little.
    Overlapping views are free on the host; compiled, joining slices takes as long as half the transform.
    """
    step = every * (window.shape[-1] // HOPS_PER_WINDOW)
    views = np.lib.stride_tricks.sliding_window_view(x, window.shape[-1], axis=-1)
    return views[..., ::step, :] * np.asarray(window)


def spectra(windows: Float[Array, "*batch hop window"]) -> Complex[Array, "*batch hop bin"]:
    """Real Fourier transforms of windowed segments."""
    return jnp.fft.rfft(windows, axis=-1)


def half_overlap_spectra(x: Float[Array, "row time"], window: Float[Array, " window"]) -> Complex[Array, "row hop bin"]:
    """Spectra of windows that overlap by half, enough for sums over time under a Hann window."""
    half = window.shape[-1] // 2
    halves = x[:, : x.shape[1] // half * half].reshape(len(x), -1, half)
    return jnp.fft.rfft(jnp.concatenate([halves[:, :-1], halves[:, 1:]], axis=-1) * window, axis=-1)


def overlap_add(
    spectra: Complex[Array, "*batch hop bin"],
    window: Float[Array, " window"],
    tail: Float[Array, "*batch tail"],
) -> tuple[Float[Array, "*batch time"], Float[Array, "*batch tail"]]:
    """Samples that are complete, and the tail of three hops that later windows complete.

    With `window` the square root of a Hann window here and in `windowed`, unchanged spectra give the input back,
    three hops late.
    """
    size = window.shape[-1]
    hop = size // HOPS_PER_WINDOW
    # the root of a Hann window acts twice, and Hann windows a quarter apart sum to two
    frames = jnp.fft.irfft(spectra, n=size, axis=-1) * (0.5 * window)
    # hop k of a window is added k hops after the window's first: four shifted sums instead of a loop over windows
    parts = frames.reshape(*frames.shape[:-1], HOPS_PER_WINDOW, hop)
    n = parts.shape[-3]
    lead = [(0, 0)] * (parts.ndim - 3)
    overlap = HOPS_PER_WINDOW - 1
    shifted = [jnp.pad(parts[..., k, :], [*lead, (k, overlap - k), (0, 0)]) for k in range(HOPS_PER_WINDOW)]
    total = shifted[0] + shifted[1] + shifted[2] + shifted[3]
    total = total.reshape(*total.shape[:-2], -1)
    total = total.at[..., : overlap * hop].add(tail)
    return total[..., : n * hop], total[..., n * hop :]
