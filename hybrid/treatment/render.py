"""Rendering of a treatment: a time-varying filter of each track on its short-time spectra, chunk by chunk.

The gains are real, so tracks that share phase continue to do so, and powers change as `effect` predicts. Pan and width
do not depend on frequency and are applied to the filtered samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from hybrid.signal import bands, room, stft
from hybrid.signal.bandpower import CHUNK_HOPS, CONTEXT_HOPS
from hybrid.treatment.curves import (
    LN_DB,
    filters_db,
    moving_db,
    pan_matrix,
    spread_phase,
    spread_power,
    tone_curves,
    zone_curves,
)
from hybrid.treatment.parts import PARTS
from hybrid.treatment.types import Reverb, Treatment, map_parts, send_power

_ArrayLike = Array | np.ndarray


class Renderer(NamedTuple):
    """Window and matrices that depend on the sample rate alone."""

    window: Float[Array, " window"]
    bin_hz: Float[Array, " bin"]
    tone: Float[Array, "tone bin"]
    zones: Float[Array, "zone bin"]
    hop_s: Float[Array, ""]
    spread_phase: Float[Array, " bin"]


class RenderPlan(NamedTuple):
    """Constant part of a treatment, per bin; time curves are evaluated per chunk."""

    static_db: Float[Array, "track bin"]
    pan: Float[Array, "track 2 2"]
    spread: Float[Array, "track bin"] | None
    """Amplitude of the side signal over the mid, in quadrature to it; None without spread."""


def make_renderer(sample_rate: int) -> Renderer:
    """Window and interpolation matrices for a sample rate in Hz."""
    hop = stft.hop_samples(sample_rate)
    # the square root of a Hann window before and after the transform: unchanged spectra reconstruct the input
    window = np.sqrt(stft.hann(stft.HOPS_PER_WINDOW * hop))
    bin_hz = bands.bin_frequencies_hz(len(window), sample_rate)
    # the weights that sum bins to bands also interpolate curves at band centres to the bins
    spread = bands.band_weights(bin_hz).T
    matrices = (window, bin_hz, tone_curves() @ spread, zone_curves() @ spread, hop / sample_rate, spread_phase(bin_hz))
    return Renderer(*(jnp.asarray(m, jnp.float32) for m in matrices))


@jax.jit
def plan(renderer: Renderer, treatment: Treatment) -> RenderPlan:
    """Gains of a treatment that are constant over time: dB per bin, the pan matrix, and the spread per bin."""
    # cuts are exact at every bin, where prediction has one value for a band; 0 Hz would divide by zero
    filters = filters_db(treatment.eq, jnp.maximum(renderer.bin_hz, 1.0))
    static = treatment.gain.level_db[:, None] + treatment.eq.tone_db @ renderer.tone + filters
    spread_db, spread = treatment.pan.spread_db, None
    if spread_db is not None:
        amplitude = jnp.sqrt(spread_power(spread_db, jnp.maximum(renderer.bin_hz, 1.0)))
        spread = amplitude * renderer.spread_phase
    return RenderPlan(static, pan_matrix(treatment), spread)


@jax.jit
def zone_gains_db(
    renderer: Renderer, treatment: Treatment, track: int | Int[Array, ""], chunk: int | Int[Array, ""]
) -> Float[Array, "zone hop"]:
    """Gain in dB over time of a track in a chunk, at the centres of its windows."""
    hops = chunk * CHUNK_HOPS + jnp.arange(CHUNK_HOPS)
    # window n ends n + 1 hops into the song and is four hops long: its centre is at hop n - 1
    one = _one_track(treatment, track)
    return moving_db(one, jnp.maximum(hops - 1.0, 0.0) * renderer.hop_s)[0]


def _one_track(treatment: Treatment, track: int | Int[Array, ""]) -> Treatment:
    """Treatment of a single track."""
    return map_parts(lambda part, x: x[jnp.asarray(track)][None] if PARTS[part].per_track else x, treatment)


def filter_chunk(
    renderer: Renderer,
    x: Float[np.ndarray, "channel time"],
    static_db: Float[_ArrayLike, " bin"],
    zone_db: Float[_ArrayLike, "zone hop"],
    tail: Float[_ArrayLike, "signal tail"],
    spread: Float[_ArrayLike, " bin"] | None = None,
) -> tuple[Float[Array, "signal chunk"], Float[Array, "signal tail"]]:
    """Filtered chunk of one track, three hops late, and the tail that the next chunk completes.

    With a spread, what it makes of each channel follows after the channels.
    """
    # windows are cut on the host, outside the compiled function: overlapping views cost nothing there
    return _filter_chunk(renderer, stft.windowed(x, renderer.window), static_db, zone_db, tail, spread)


@jax.jit
def _filter_chunk(
    renderer: Renderer,
    windows: Float[Array, "channel hop window"],
    static_db: Array,
    zone_db: Array,
    tail: Array,
    spread: Array | None,
) -> tuple[Float[Array, "signal chunk"], Float[Array, "signal tail"]]:
    spectrum = stft.spectra(windows) * _gain(renderer, static_db, zone_db)
    if spread is not None:
        spectrum = jnp.concatenate([spectrum, 1j * spread * spectrum])
    return synthesise(renderer, spectrum, tail)


class ChunkGains(NamedTuple):
    """Everything that is done to one chunk of one track."""

    static_db: Float[_ArrayLike, " bin"]
    zone_db: Float[_ArrayLike, "zone hop"]
    pan: Float[_ArrayLike, "2 2"]
    shares: Float[np.ndarray, " sum"]
    """Amplitude with which the track enters each sum."""
    spread: Float[_ArrayLike, " bin"] | None = None


def add_track(
    renderer: Renderer,
    sums: Complex[Array, "sum 2 hop bin"],
    x: Float[np.ndarray, "channel time"],
    gains: ChunkGains,
) -> Complex[Array, "sum 2 hop bin"]:
    """Sums of spectra plus one track's filtered and panned chunk, scaled for each sum by its share.

    Equals `filter_chunk` and `pan_channels`, but before the inverse transform, which then runs once for all tracks. The
    buffer of `sums` is donated: it must not be used afterwards.
    """
    windows = stft.windowed(x, renderer.window)
    return _add_track(sums, renderer, gains.shares, windows, gains.static_db, gains.zone_db, gains.pan, gains.spread)


@partial(jax.jit, donate_argnums=0)
def _add_track(
    sums: Complex[Array, "sum 2 hop bin"],
    renderer: Renderer,
    shares: Float[Array, " sum"],
    windows: Float[Array, "channel hop window"],
    static_db: Array,
    zone_db: Array,
    pan: Float[Array, "2 2"],
    spread: Array | None,
) -> Complex[Array, "sum 2 hop bin"]:
    spectrum, gain = stft.spectra(windows), _gain(renderer, static_db, zone_db)
    # a mono track is two equal channels: its pan is the sum over input channels
    if len(windows) == 1:
        panned = jnp.sum(pan, axis=1)[:, None, None] * (spectrum * gain)
    else:
        panned = jnp.stack([(row[0] * spectrum[0] + row[1] * spectrum[1]) * gain for row in pan])
    if spread is not None:
        side = 1j * spread * (0.5 * (panned[0] + panned[1]))
        panned = panned + jnp.stack([side, -side])
    return sums + shares[:, None, None, None] * panned


def _gain(
    renderer: Renderer, static_db: Float[Array, " bin"], zone_db: Float[Array, "zone hop"]
) -> Float[Array, "hop bin"]:
    """Amplitude gain in every window and bin."""
    # half the exponent of a power gain; decibels of zones are mixed before, as in the power domain
    return jnp.exp((0.5 * LN_DB) * (static_db + zone_db.T @ renderer.zones))


@jax.jit
def synthesise(
    renderer: Renderer, spectrum: Complex[Array, "channel hop bin"], tail: Float[Array, "channel tail"]
) -> tuple[Float[Array, "channel chunk"], Float[Array, "channel tail"]]:
    """Samples of a chunk of spectra, three hops late, and the tail that the next chunk completes."""
    return stft.overlap_add(spectrum, renderer.window, tail)


def pan_channels(x: Float[np.ndarray, "channel time"], pan: Float[np.ndarray, "2 2"]) -> Float[np.ndarray, "2 time"]:
    """Two channels of a track in the mix; a mono track is taken as two equal channels."""
    return pan.sum(axis=1)[:, None] * x if len(x) == 1 else pan @ x


def side_of(spread: Float[np.ndarray, "channel time"], pan: Float[np.ndarray, "2 2"]) -> Float[np.ndarray, "2 time"]:
    """The side signal of a panned track, from what its spread makes of each channel: opposite in both channels."""
    mid = pan.mean(axis=0)
    side = mid.sum() * spread[0] if len(spread) == 1 else mid @ spread
    return np.stack([side, -side])


class Room:
    """Shared reverb of a treatment: takes the panned tracks block by block and returns their reverberation."""

    def __init__(self, reverb: Reverb, sample_rate: int, block: int) -> None:
        self.sends = np.sqrt(np.asarray(send_power(reverb.send_db)))
        """Amplitude gain of the send of each track."""
        tone_db = np.asarray(reverb.tone_db) @ tone_curves()
        responses = room.impulse_responses(
            np.asarray(reverb.decay_s), zone_curves(), tone_db, float(reverb.pre_delay_s), sample_rate
        )
        self._convolve = room.Convolver(responses, block)

    def __call__(self, stems: Sequence[Float[np.ndarray, "2 block"]]) -> Float[np.ndarray, "2 block"]:
        """Next block of reverberation of the given stems."""
        # the response is linear: one convolution of the summed sends instead of one per track
        sent = np.zeros_like(stems[0])
        # sends are padded beyond the tracks of the song
        for send, stem in zip(self.sends, stems, strict=False):
            sent += send * stem
        return self.process(sent)

    def process(self, sent: Float[np.ndarray, "2 block"]) -> Float[np.ndarray, "2 block"]:
        """Next block of reverberation of the summed sends."""
        return self._convolve(sent)


def empty_tail(renderer: Renderer, channels: int) -> Float[np.ndarray, "channel tail"]:
    """Silent tail of three hops, for the first chunk."""
    return np.zeros((channels, CONTEXT_HOPS * renderer.window.shape[-1] // stft.HOPS_PER_WINDOW), np.float32)
