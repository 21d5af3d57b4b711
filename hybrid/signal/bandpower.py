"""Band powers of a signal, computed chunk by chunk from its short-time spectra.

A chunk is 16 frames of about 100 ms: the spectra of two chunks of all tracks are in memory at a time. Its three hops
of context come from the previous chunk, so that chunks of a stream give the same values as the whole signal at once.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from hybrid.signal import bands, kweighting, stft

CHUNK_FRAMES = 16
CHUNK_HOPS = CHUNK_FRAMES * stft.HOPS_PER_FRAME
LOW_BINS = 96
"""Number of bins up to about 1 kHz, whose long-term powers are stored per bin."""
COMPARED_BINS = 600
"""Number of bins up to about 6 kHz, in which tracks are compared per bin: higher up, microphones decorrelate."""
CONTEXT_HOPS = stft.HOPS_PER_WINDOW - 1


class Analyser(NamedTuple):
    """Window and weights that depend on the sample rate alone."""

    window: Float[Array, " window"]
    weights: Float[Array, "bin twice"]
    """Matrix from squared bin magnitudes to band powers: the plain bands, then the K-weighted ones."""


class MidSpectra(NamedTuple):
    """Spectra of a chunk of several mono signals, and the powers that they share."""

    cross_power: Float[Array, "group track track"]
    """K-weighted real cross powers between all pairs, in groups of about an octave; own powers on the diagonal."""
    spectra: Complex[Array, "track window compared"]
    """Lowest bins of windows that overlap by half."""


class Powers(NamedTuple):
    """Left, right and real cross power in bands, plain and K-weighted, and the mean power of the lowest bins."""

    plain: Float[Array, "3 frame band"]
    weighted: Float[Array, "3 frame band"]
    low: Float[Array, " low"]


def make_analyser(sample_rate: int) -> Analyser:
    """Window and band weights for a sample rate in Hz."""
    window = stft.hann(stft.HOPS_PER_WINDOW * stft.hop_samples(sample_rate))
    frequency_hz = bands.bin_frequencies_hz(len(window), sample_rate)
    plain = bands.band_weights(frequency_hz) * bands.spectrum_scale(window)[:, None]
    # bin by bin, before bins are summed: the width of the bands then costs loudness no accuracy
    weighted = plain * kweighting.power_response(frequency_hz, sample_rate)[:, None]
    both = np.concatenate([plain, weighted], axis=1)
    return Analyser(jnp.asarray(window, jnp.float32), jnp.asarray(both, jnp.float32))


def k_weight(sample_rate: int) -> Float[np.ndarray, " band"]:
    """Mean power response of the K-weighting in every band; empty bands above half the sample rate read 0."""
    frequency_hz = bands.bin_frequencies_hz(stft.HOPS_PER_WINDOW * stft.hop_samples(sample_rate), sample_rate)
    weights = bands.band_weights(frequency_hz)
    total = weights.sum(axis=0)
    response = weights.T @ kweighting.power_response(frequency_hz, sample_rate)
    return np.divide(response, total, out=np.zeros_like(total), where=total > 0.0)


def _banded(power: Float[Array, "*batch hop bin"], weights: Float[Array, "bin out"], every: int = 1) -> Array:
    frames = power.reshape(*power.shape[:-2], -1, stft.HOPS_PER_FRAME // every, power.shape[-1])
    # both are linear: the mean first makes the product smaller by the number of hops in a frame
    return jnp.mean(frames, axis=-2) @ weights


def band_powers(
    analyser: Analyser, x: Float[np.ndarray, "channel time"], every: int = 1
) -> tuple[Powers, Complex[Array, "channel hop bin"]]:
    """Mean-square band powers of a chunk with its context, and its spectra, of every `every`-th window.

    A mono signal has three equal channels of power.
    """
    return _band_powers(analyser, stft.windowed(x, analyser.window, every), every)


@partial(jax.jit, static_argnames="every")
def _band_powers(
    analyser: Analyser, windows: Float[Array, "channel hop window"], every: int
) -> tuple[Powers, Complex[Array, "channel hop bin"]]:
    spectrum = stft.spectra(windows)
    # written out: the absolute value would take a square root only to square it again
    squares = jnp.square(spectrum.real) + jnp.square(spectrum.imag)
    if spectrum.shape[0] == 2:
        cross = spectrum[0].real * spectrum[1].real + spectrum[0].imag * spectrum[1].imag
        squares = jnp.concatenate([squares, cross[None]])
    both = _banded(squares, analyser.weights, every)
    # left, right and cross power of a mono signal are equal
    both = jnp.broadcast_to(both, (3, *both.shape[1:]))
    n = both.shape[-1] // 2
    return Powers(both[..., :n], both[..., n:], jnp.mean(squares[:2, :, :LOW_BINS], axis=(0, 1))), spectrum


@jax.jit
def cross_powers(
    analyser: Analyser, first: Complex[Array, "a hop bin"], second: Complex[Array, "b hop bin"]
) -> Float[Array, "2 2 frame band"]:
    """Real cross power in bands between each channel of one signal and each channel of another; mono fills both."""
    real = first.real[:, None] * second.real[None] + first.imag[:, None] * second.imag[None]
    out = _banded(real, analyser.weights[:, : analyser.weights.shape[1] // 2])
    return jnp.broadcast_to(out, (2, 2, *out.shape[2:]))


@jax.jit
def mid_spectra(analyser: Analyser, mids: Float[Array, "track time"]) -> MidSpectra:
    """Spectra of mid signals and their pairwise cross powers, from which shared phase and its delay are estimated."""
    # the shares of a bin in all bands sum to one: what is left is the K-weighting of the bin
    k_weights = analyser.weights[:, analyser.weights.shape[1] // 2 :].sum(axis=1)
    plain = stft.half_overlap_spectra(mids, analyser.window)
    n_bins = plain.shape[-1]
    # groups of an octave, without the bin at 0 Hz
    edges = (1, *(2**k for k in range(2, 20) if 2**k < n_bins), n_bins)
    return MidSpectra(products(plain * jnp.sqrt(k_weights), edges), plain[..., :COMPARED_BINS])


def products(spectra: Complex[Array, "row window bin"], edges: tuple[int, ...]) -> Float[Array, "group row row"]:
    """Real parts of the inner products of all rows' spectra, over time and the bins from each edge to the next."""

    def product(low: int, high: int) -> Float[Array, "row row"]:
        inside = spectra[:, :, low:high].reshape(len(spectra), -1)
        # real parts alone: two real products instead of the four of a complex one
        return inside.real @ inside.real.T + inside.imag @ inside.imag.T

    return jnp.stack([product(low, high) for low, high in pairwise(edges)])


def inside(n_samples: int, hop: int, n_frames: int) -> Float[np.ndarray, " frame"]:
    """Share of each frame, 0 to 1, that a signal of `n_samples` fills, weighted by the energy of the windows."""
    size = stft.HOPS_PER_WINDOW * hop
    energy = np.concatenate([[0.0], np.cumsum(np.square(stft.hann(size)))])
    # the first window of a chunk begins three hops before it
    begin = (np.arange(n_frames * stft.HOPS_PER_FRAME) - CONTEXT_HOPS) * hop
    first, last = np.clip(-begin, 0, size), np.clip(n_samples - begin, 0, size)
    share = (energy[last] - energy[np.minimum(first, last)]) / energy[-1]
    return share.reshape(n_frames, stft.HOPS_PER_FRAME).mean(axis=1)
