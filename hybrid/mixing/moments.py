"""How a finished mix and its tracks move together: their second moments in bands, gathered in one pass.

Whatever gains the tracks went in with, least squares needs no more of the audio than this.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Float, Int

from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.mixing.align import Lag
from hybrid.mixing.analyse import Grid, Progress, Recording, grid_of, read_chunk, workers
from hybrid.signal import bandpower, bands, stft
from hybrid.treatment.types import Dry

_PIECE_HOPS = 32
"""Hops transformed at a time: the spectra of sixty tracks at 48 kHz take 75 MB."""


class Parts(NamedTuple):
    """What of the tracks a mix is made of: the mid of every track, then the side of every stereo track.

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

    parts: Parts
    within: Float[np.ndarray, "band 2 part part"]
    with_mix: Float[np.ndarray, "band 2 part"]
    of_mix: Float[np.ndarray, "band 2"]
    k_weight: Float[np.ndarray, " band"]


class Heard(NamedTuple):
    """The moments, and the mix's band powers on the clock of its tracks."""

    moments: Moments
    mix: Dry


class MixFile(NamedTuple):
    """A finished mix at the rate of its tracks."""

    reader: SongReader
    lag: Lag

    def read(self, start: int, n: int) -> Float[np.ndarray, "2 n"]:
        """Samples on the tracks' clock, to the nearest whole one; a mono mix is in both channels."""
        return np.broadcast_to(self.reader.read(0, start + self.lag.whole, n), (2, n))

    def covers(self, start: int, n: int) -> Float[np.ndarray, " n"]:
        """One for samples on the tracks' clock that the mix has."""
        at = np.arange(start, start + n) + self.lag.whole
        return ((at >= 0) & (at < self.reader.song.n_samples)).astype(np.float32)


def parts_of(song: Song) -> Parts:
    """The parts of a song's tracks."""
    stereo = [index for index, track in enumerate(song.tracks) if track.channels == 2]
    track = np.array([*range(len(song.tracks)), *stereo])
    return Parts(track, (np.arange(len(track)) >= len(song.tracks)).astype(np.float64))


def listen(song: Song, reader: SongReader, mix: MixFile, progress: Progress) -> Heard:
    """Hear a song's tracks beside their mix, chunk by chunk."""
    grid, parts = grid_of(song), parts_of(song)
    analyser = bandpower.make_analyser(song.sample_rate)
    recording = Recording(grid, 1, 0)
    no_pairs = np.zeros((0, 2), np.int32)
    sums = _Sums(song.sample_rate, len(parts.track) + 2, mix.lag)
    with workers() as pool:
        for chunk in range(grid.n_chunks):
            start, n = chunk * grid.chunk - grid.context, grid.chunk + grid.context
            covered, mixed = mix.covers(start, n), mix.read(start, n)
            recording.add(analyser, chunk, [mixed], no_pairs, pool)
            split = pool.map(lambda i, c=chunk: _split(read_chunk(reader, grid, i, c)), range(len(song.tracks)))
            mids, sides = zip(*split, strict=True)
            rows = [row * covered for row in (*mids, *(side for side in sides if side is not None))]
            sums.add(analyser, grid, [*rows, *mixed], pool)
            progress("compare", (chunk + 1) / grid.n_chunks)
    return Heard(sums.moments(parts), recording.dry(song.sample_rate, no_pairs, 0.0))


def _split(x: Float[np.ndarray, "channel n"]) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"] | None]:
    """Mid and side; a mono track has no side."""
    return (x[0], None) if len(x) == 1 else (0.5 * (x[0] + x[1]), 0.5 * (x[0] - x[1]))


class _Sums:
    """Products of all rows with all rows, the last two of which are the mix's channels."""

    def __init__(self, sample_rate: int, n_rows: int, lag: Lag) -> None:
        window = stft.HOPS_PER_WINDOW * stft.hop_samples(sample_rate)
        self._edges = _edges(bands.bin_frequencies_hz(window, sample_rate))
        # what is left of the lag after whole samples: a turn of the mix's spectrum
        rest = lag.samples - lag.whole
        self._turn = np.exp(2j * np.pi * rest * np.arange(window // 2 + 1) / window).astype(np.complex64)
        self._total = np.zeros((bands.N_BANDS, n_rows, n_rows))
        self._k_weight = bandpower.k_weight(sample_rate)

    def add(
        self,
        analyser: bandpower.Analyser,
        grid: Grid,
        rows: list[Float[np.ndarray, " time"]],
        pool: ThreadPoolExecutor,
    ) -> None:
        """Take a chunk of every row, each with its context."""
        size = _PIECE_HOPS * grid.hop
        for start in range(0, grid.chunk, size):
            pieces = [row[None, start : start + size + grid.context] for row in rows]
            spectra = list(pool.map(lambda x: np.asarray(bandpower.spectra(analyser, x))[0], pieces))
            self._multiply([*spectra[:-2], spectra[-2] * self._turn, spectra[-1] * self._turn], pool)

    def _multiply(self, spectra: list[Complex[np.ndarray, "hop bin"]], pool: ThreadPoolExecutor) -> None:
        def multiply(band: int) -> None:
            low, high = self._edges[band], self._edges[band + 1]
            inside = np.stack([s[:, low:high].ravel() for s in spectra]).view(np.float32)
            self._total[band] += inside @ inside.T

        list(pool.map(multiply, range(bands.N_BANDS)))

    def moments(self, parts: Parts) -> Moments:
        """All that was taken."""
        n = len(parts.track)
        signs = np.stack([np.ones(n), 1.0 - 2.0 * parts.is_side])
        return Moments(
            parts,
            within=self._total[:, None, :n, :n] * signs[:, :, None] * signs[:, None, :],
            with_mix=self._total[:, n:, :n] * signs,
            of_mix=self._total[:, [n, n + 1], [n, n + 1]],
            k_weight=self._k_weight,
        )


def _edges(bin_hz: Float[np.ndarray, " bin"]) -> Int[np.ndarray, " edge"]:
    """The first bin of every band, half way between centres, and the end of the last; the bin at 0 Hz is left out."""
    erb = bands.erb_number(bands.band_centres_hz())
    borders = np.searchsorted(bands.erb_number(bin_hz), 0.5 * (erb[1:] + erb[:-1]))
    return np.concatenate([[1], np.maximum(borders, 1), [len(bin_hz)]])
