"""Applies a treatment to samples: a time-varying filter of each track by short-time spectra, chunk by chunk.

The gains are real, so tracks that share phase keep sharing it, and powers change just as `effect` says. Position
and width do not depend on frequency and are applied to the filtered samples.
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
from hybrid.treatment.curves import LN_DB, filters_db, moving_db, pan_matrix, tone_curves, zone_curves
from hybrid.treatment.parts import PARTS
from hybrid.treatment.types import Reverb, Treatment, map_parts, send_power

_Any = Array | np.ndarray


class Renderer(NamedTuple):
    """What depends on the sample rate alone."""

    window: Float[Array, " window"]
    bin_hz: Float[Array, " bin"]
    tone: Float[Array, "tone bin"]
    zones: Float[Array, "zone bin"]
    hop_s: Float[Array, ""]


class Plan(NamedTuple):
    """A treatment as the renderer needs it; time curves are read off per chunk."""

    static_db: Float[Array, "track bin"]
    pan: Float[Array, "track 2 2"]


def make_renderer(sample_rate: int) -> Renderer:
    """Window and interpolation matrices for a sample rate."""
    hop = stft.hop_samples(sample_rate)
    window = np.sqrt(stft.hann(stft.HOPS_PER_WINDOW * hop))
    bin_hz = bands.bin_frequencies_hz(len(window), sample_rate)
    spread = bands.band_weights(bin_hz).T
    matrices = (window, bin_hz, tone_curves() @ spread, zone_curves() @ spread, hop / sample_rate)
    return Renderer(*(jnp.asarray(m, jnp.float32) for m in matrices))


@jax.jit
def plan(renderer: Renderer, treatment: Treatment) -> Plan:
    """The part of a treatment that does not change with time, per bin."""
    filters = filters_db(treatment.eq, jnp.maximum(renderer.bin_hz, 1.0))
    static = treatment.gain.level_db[:, None] + treatment.eq.tone_db @ renderer.tone + filters
    return Plan(static, pan_matrix(treatment))


@jax.jit
def moving(
    renderer: Renderer, treatment: Treatment, track: int | Int[Array, ""], chunk: int | Int[Array, ""]
) -> Float[Array, "zone hop"]:
    """Gain over time of a track in a chunk, at the centres of its windows."""
    hops = chunk * CHUNK_HOPS + jnp.arange(CHUNK_HOPS)
    one = _alone(treatment, track)
    return moving_db(one, jnp.maximum(hops - 1.0, 0.0) * renderer.hop_s)[0]


def _alone(treatment: Treatment, track: int | Int[Array, ""]) -> Treatment:
    """The treatment of one track alone."""
    return map_parts(lambda part, x: x[jnp.asarray(track)][None] if PARTS[part].per_track else x, treatment)


def filtered(
    renderer: Renderer,
    x: Float[np.ndarray, "channel time"],
    static_db: Float[_Any, " bin"],
    zone_db: Float[_Any, "zone hop"],
    tail: Float[_Any, "channel tail"],
) -> tuple[Float[Array, "channel chunk"], Float[Array, "channel tail"]]:
    """A chunk of one track after its gains, three hops late, and the tail that the next chunk completes."""
    return _filtered(renderer, stft.windowed(x, renderer.window), static_db, zone_db, tail)


@jax.jit
def _filtered(
    renderer: Renderer, windows: Float[Array, "channel hop window"], static_db: Array, zone_db: Array, tail: Array
) -> tuple[Float[Array, "channel chunk"], Float[Array, "channel tail"]]:
    return sounded(renderer, stft.spectra(windows) * _gain(renderer, static_db, zone_db), tail)


def added(
    renderer: Renderer,
    sums: Complex[Array, "sum 2 hop bin"],
    shares: Float[np.ndarray, " sum"],
    x: Float[np.ndarray, "channel time"],
    static_db: Float[_Any, " bin"],
    zone_db: Float[_Any, "zone hop"],
    pan: Float[_Any, "2 2"],
) -> Complex[Array, "sum 2 hop bin"]:
    """Sums of spectra with a chunk of one more track as it stands in the mix, so much of it in each: what `filtered`
    and `panned` do, before the inverse. `sums` is used up."""
    return _added(sums, renderer, shares, stft.windowed(x, renderer.window), static_db, zone_db, pan)


@partial(jax.jit, donate_argnums=0)
def _added(
    sums: Complex[Array, "sum 2 hop bin"],
    renderer: Renderer,
    shares: Float[Array, " sum"],
    windows: Float[Array, "channel hop window"],
    static_db: Array,
    zone_db: Array,
    pan: Float[Array, "2 2"],
) -> Complex[Array, "sum 2 hop bin"]:
    spectrum, gain = stft.spectra(windows), _gain(renderer, static_db, zone_db)
    if len(windows) == 1:
        placed = jnp.sum(pan, axis=1)[:, None, None] * (spectrum * gain)
    else:
        placed = jnp.stack([(row[0] * spectrum[0] + row[1] * spectrum[1]) * gain for row in pan])
    return sums + shares[:, None, None, None] * placed


def _gain(
    renderer: Renderer, static_db: Float[Array, " bin"], zone_db: Float[Array, "zone hop"]
) -> Float[Array, "hop bin"]:
    """Of amplitudes."""
    return jnp.exp((0.5 * LN_DB) * (static_db + zone_db.T @ renderer.zones))


@jax.jit
def sounded(
    renderer: Renderer, spectrum: Complex[Array, "channel hop bin"], tail: Float[Array, "channel tail"]
) -> tuple[Float[Array, "channel chunk"], Float[Array, "channel tail"]]:
    """The samples of a chunk of spectra, three hops late, and the tail that the next chunk completes."""
    return stft.overlap_add(spectrum, renderer.window, tail)


def panned(x: Float[np.ndarray, "channel time"], pan: Float[np.ndarray, "2 2"]) -> Float[np.ndarray, "2 time"]:
    """A track's two channels in the mix; a mono track goes through as two equal channels."""
    return pan.sum(axis=1)[:, None] * x if len(x) == 1 else pan @ x


class Room:
    """The shared room of a treatment: takes the placed tracks block by block, and gives what comes back."""

    def __init__(self, reverb: Reverb, sample_rate: int, block: int) -> None:
        self.sends = np.sqrt(np.asarray(send_power(reverb.send_db)))
        """Amplitude of what each track sends."""
        tone_db = np.asarray(reverb.tone_db) @ tone_curves()
        responses = room.impulse_responses(
            np.asarray(reverb.decay_s), zone_curves(), tone_db, float(reverb.pre_delay_s), sample_rate
        )
        self._convolve = room.Convolver(responses, block)

    def __call__(self, stems: Sequence[Float[np.ndarray, "2 block"]]) -> Float[np.ndarray, "2 block"]:
        """The next block of what comes back."""
        sent = np.zeros_like(stems[0])
        for send, stem in zip(self.sends, stems, strict=False):
            sent += send * stem
        return self.back(sent)

    def back(self, sent: Float[np.ndarray, "2 block"]) -> Float[np.ndarray, "2 block"]:
        """What comes back of the next block of all that is sent."""
        return self._convolve(sent)


def empty_tail(renderer: Renderer, channels: int) -> Float[np.ndarray, "channel tail"]:
    """The tail before the first chunk."""
    return np.zeros((channels, CONTEXT_HOPS * renderer.window.shape[-1] // stft.HOPS_PER_WINDOW), np.float32)
