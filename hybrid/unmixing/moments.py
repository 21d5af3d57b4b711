"""Second moments of a finished mix and its tracks in bands, measured in one pass.

Least squares needs no more of the audio than these, whatever the gains.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float, Int

from hybrid.analysis.chunks import Grid, Progress, grid_of, read_chunk, workers
from hybrid.analysis.recording import NO_PAIRS, Recording
from hybrid.audio.align import Lag
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.signal import bandpower, bands, stft
from hybrid.treatment.types import Dry

_PIECE_HOPS = 32
"""Hops transformed at a time: the spectra of sixty stereo tracks at 48 kHz take 40 MB."""
_FIRST = 2
"""The rows before those of the tracks: the mix's left and right."""
_ROWS = 4
"""Rows are padded to a multiple: few shapes are ever compiled."""


class MidSideParts(NamedTuple):
    """The parts that a mix is a sum of: the mid of every track, then the side of every stereo track.

    Mid is the mean of both channels, side half of left less right. Width is then a gain like any other, and none
    is negative.
    """

    track: Int[np.ndarray, " part"]
    is_side: Float[np.ndarray, " part"]
    """One for sides, else zero."""


class Moments(NamedTuple):
    """Sums over time and frequency of real products of spectra, by band and output channel.

    Gains g leave of_mix - 2 with_mix.g + g.within.g of the mix's energy unexplained. In the right channel sides have
    the other sign.
    """

    parts: MidSideParts
    within: Float[np.ndarray, "band 2 part part"]
    with_mix: Float[np.ndarray, "band 2 part"]
    of_mix: Float[np.ndarray, "band 2"]
    k_weight: Float[np.ndarray, " band"]


class MomentsAndMix(NamedTuple):
    """Moments of a mix and its tracks, and the band powers of the mix on the clock of the tracks."""

    moments: Moments
    mix: Dry


class MixFile(NamedTuple):
    """A finished mix at the sample rate of its tracks."""

    reader: SongReader
    lag: Lag

    def read(self, start: int, n: int) -> Float[np.ndarray, "2 n"]:
        """Samples on the tracks' clock, to the nearest whole one; a mono mix is in both channels."""
        return np.broadcast_to(self.reader.read(0, start + self.lag.rounded, n), (2, n))

    def covers(self, start: int, n: int) -> Float[np.ndarray, " n"]:
        """One for samples on the tracks' clock that the mix has."""
        at = np.arange(start, start + n) + self.lag.rounded
        return ((at >= 0) & (at < self.reader.song.n_samples)).astype(np.float32)


def mid_side_parts(song: Song) -> MidSideParts:
    """Mids and sides of the tracks of a song."""
    stereo = [index for index, track in enumerate(song.tracks) if track.channels == 2]
    track = np.array([*range(len(song.tracks)), *stereo])
    return MidSideParts(track, (np.arange(len(track)) >= len(song.tracks)).astype(np.float64))


def measure_moments(song: Song, reader: SongReader, mix: MixFile, progress: Progress) -> MomentsAndMix:
    """Moments of the tracks of a song and their mix, measured chunk by chunk."""
    grid, parts = grid_of(song), mid_side_parts(song)
    analyser = bandpower.make_analyser(song.sample_rate)
    recording = Recording(grid, song.sample_rate, 1, NO_PAIRS)
    n = grid.chunk + grid.context
    rows = np.zeros((-(-(_FIRST + len(parts.track)) // _ROWS) * _ROWS, n), np.float32)
    sums = _Sums(song.sample_rate, grid, len(rows), mix.lag)
    with workers(reader.n_threads) as pool:
        for chunk in range(grid.n_chunks):
            start = chunk * grid.chunk - grid.context
            rows[:_FIRST] = mix.read(start, n)
            recording.measure(chunk, 0, rows[:_FIRST])
            recording.measure_peaks(chunk, rows[:_FIRST])
            covered = mix.covers(start, n)
            tracks = list(pool.map(lambda i, c=chunk: read_chunk(reader, grid, i, c), range(len(song.tracks))))
            # samples of tracks beyond the mix would pull their gains down
            for row, (track, is_side) in enumerate(zip(*parts, strict=True), start=_FIRST):
                rows[row] = _part(tracks[track], bool(is_side)) * covered
            sums.add(analyser, rows, pool)
            progress("compare", (chunk + 1) / grid.n_chunks)
    # no distance from loudness to peak is needed: of an observed mix, meters read both
    return MomentsAndMix(sums.moments(parts), recording.dry(0.0))


def _part(x: Float[np.ndarray, "channel n"], is_side: bool) -> Float[np.ndarray, " n"]:
    return 0.5 * (x[0] - x[1]) if is_side else x.mean(axis=0)


class _Sums:
    """Sums of the products of all rows with all rows: first the channels of the mix, then parts, then padding."""

    def __init__(self, sample_rate: int, grid: Grid, n_rows: int, lag: Lag) -> None:
        window = stft.HOPS_PER_WINDOW * grid.hop
        self._grid = grid
        self._edges = _edges(bands.bin_frequencies_hz(window, sample_rate))
        # what is left of the lag after whole samples is a turn of the mix's spectrum
        rest = lag.samples - lag.rounded
        self._turn = jnp.asarray(np.exp(2j * np.pi * rest * np.arange(window // 2 + 1) / window), jnp.complex64)
        self._total = np.zeros((bands.N_BANDS, n_rows, n_rows))
        self._k_weight = bandpower.k_weight(sample_rate)

    def add(self, analyser: bandpower.Analyser, rows: Float[np.ndarray, "row time"], pool: ThreadPoolExecutor) -> None:
        """Adds the products of one chunk of every row, with its context."""
        size = _PIECE_HOPS * self._grid.hop

        def multiply(start: int) -> Float[np.ndarray, "band row row"]:
            piece = rows[:, start : start + size + self._grid.context]
            return np.asarray(_products(analyser, self._turn, piece, self._edges))

        for product in pool.map(multiply, range(0, self._grid.chunk, size)):
            self._total += product

    def moments(self, parts: MidSideParts) -> Moments:
        """Moments of all chunks that were added."""
        n = len(parts.track)
        mix, rows = slice(0, _FIRST), slice(_FIRST, _FIRST + n)
        signs = np.stack([np.ones(n), 1.0 - 2.0 * parts.is_side])
        return Moments(
            parts,
            within=self._total[:, None, rows, rows] * signs[:, :, None] * signs[:, None, :],
            with_mix=self._total[:, mix, rows] * signs,
            of_mix=np.einsum("bcc->bc", self._total[:, mix, mix]),
            k_weight=self._k_weight,
        )


@partial(jax.jit, static_argnums=3)
def _products(
    analyser: bandpower.Analyser,
    turn: Complex[Array, " bin"],
    rows: Float[Array, "row time"],
    edges: tuple[int, ...],
) -> Float[Array, "band row row"]:
    """Real products of all rows' spectra, summed over bins and time in every band; bands without bins read 0."""
    return bandpower.products(stft.half_overlap_spectra(rows, analyser.window).at[:_FIRST].multiply(turn), edges)


def _edges(bin_hz: Float[np.ndarray, " bin"]) -> tuple[int, ...]:
    """The first bin of every band, half way between centres, and the end of the last; the bin at 0 Hz is left out."""
    erb = bands.erb_number(bands.band_centres_hz())
    borders = np.searchsorted(bands.erb_number(bin_hz), 0.5 * (erb[1:] + erb[:-1]))
    return (1, *(max(1, int(border)) for border in borders), len(bin_hz))
