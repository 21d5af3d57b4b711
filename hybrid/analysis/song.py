"""The preamble of whatever is done with a song: its roles named, its microphones aligned, its tracks measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Complex, Int

from hybrid.analysis.analyse import Analysis, analyse
from hybrid.analysis.chunks import Progress, ahead, grid_of, read_chunk, spread, workers
from hybrid.analysis.microphones import align_microphones, aligned_by, listener_of
from hybrid.analysis.recording import NO_PAIRS, blank_recording
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.measure.loudness import active_lufs
from hybrid.signal.bandpower import CHUNK_HOPS, COMPARED_BINS
from hybrid.tabular import Row, Tabular
from hybrid.treatment.types import Dry

_SPARSE_STEP = 2
"""Every how many windows a sparse analysis measures one. A network's input changes by less than a listener would hear,
and microphones are compared by no more windows."""


def _unchanged(song: Song) -> Song:
    return song


class Naming(NamedTuple):
    """How tracks of unknown role get one; by default they keep theirs."""

    by_name: Callable[[Song], Song] = _unchanged
    by_ear: Callable[[Song, Dry], Song] | None = None
    """From what was measured; None if nobody listens."""

    def ear_for(self, song: Song) -> Callable[[Song, Dry], Song] | None:
        """`by_ear` if the song has a track of unknown role, else None."""
        return self.by_ear if any(track.role == "unknown" for track in song.tracks) else None


_AS_NAMED = Naming()


class AlignedSong(NamedTuple):
    """A song whose roles are named and whose microphones are aligned."""

    song: Song
    pairs: Int[np.ndarray, "pair 2"]
    """Tracks that share phase."""
    analysis: Analysis | None
    """None unless roles were named by ear, which takes a measurement."""


@dataclass(frozen=True, repr=False)
class AnalysedSong(Tabular):
    """A song whose tracks are measured."""

    song: Song
    """With its roles named, and its microphones aligned."""
    analysis: Analysis

    def __repr__(self) -> str:
        levels = self.analysis.raw_levels
        raw = f"raw sum at {levels.integrated_lufs:.1f} LUFS, {levels.true_peak_dbtp:.1f} dBTP"
        return f"AnalysedSong({self.song!r}, {raw})"

    def rows(self) -> list[Row]:
        """A row for each track, with its loudness while it sounds, in LUFS."""
        dry = self.analysis.dry
        lufs = active_lufs(jnp.sum(dry.power_k[:, :2], axis=(1, 3)), dry.active).tolist()
        return [{**row, "raw_lufs": level} for row, level in zip(self.song.rows(), lufs, strict=False)]


class SparseAnalysis(NamedTuple):
    """A song as `analyse_sparsely` measures it."""

    song: Song
    """With its roles named, and its microphones aligned."""
    dry: Dry
    """Without cross powers of pairs, peaks and levels."""


def analyse_song(
    song: Song,
    reader: SongReader,
    naming: Naming = _AS_NAMED,
    progress: Progress = lambda stage, share: None,
) -> AnalysedSong:
    """The song measured: what everything that is done with it begins with."""
    return measure_song(align_song(song, reader, naming, progress), reader, progress)


def align_song(
    song: Song,
    reader: SongReader,
    naming: Naming = _AS_NAMED,
    progress: Progress = lambda stage, share: None,
) -> AlignedSong:
    """The song as it will be measured, before it is, so that what depends on its shape alone can be made meanwhile."""
    song, pairs = align_microphones(naming.by_name(song), reader)
    by_ear = naming.ear_for(song)
    if by_ear is None:
        return AlignedSong(song, pairs, None)
    analysis = analyse(song, reader.for_song(song), progress, pairs)
    return AlignedSong(by_ear(song, analysis.dry), pairs, analysis)


def measure_song(
    aligned: AlignedSong, reader: SongReader, progress: Progress = lambda stage, share: None
) -> AnalysedSong:
    """The aligned song with its measurements, which are made now unless naming has taken them."""
    song, pairs, analysis = aligned
    return AnalysedSong(song, analysis or analyse(song, reader.for_song(song), progress, pairs))


def analyse_sparsely(song: Song, reader: SongReader, naming: Naming, progress: Progress) -> SparseAnalysis:
    """The same song, measured in half of its windows while it is read once; what pairs of tracks share is left out."""
    song = naming.by_name(song)
    grid, recording = grid_of(song), blank_recording(song, NO_PAIRS)
    listener = listener_of(song)
    compared = frozenset(spread(grid.n_chunks) if listener else ())

    def measure(chunk: int, track: int) -> Complex[np.ndarray, "window heard"] | None:
        spectrum = recording.measure(chunk, track, read_chunk(reader, grid, track, chunk), _SPARSE_STEP)
        if spectrum is None or chunk not in compared:
            return None
        return np.asarray(spectrum)[..., :COMPARED_BINS].mean(axis=0)

    with workers(reader.n_threads) as pool:
        for chunk, mids in enumerate(ahead(pool, measure, grid.n_chunks, len(song.tracks))):
            if listener and chunk in compared:
                silence = np.zeros((CHUNK_HOPS // _SPARSE_STEP, listener.n_bins), np.complex64)
                listener(np.stack([silence if mid is None else mid for mid in mids]))
            progress("analyse", (chunk + 1) / grid.n_chunks)
    dry = recording.dry(0.0)
    song = aligned_by(song, listener) if listener else song
    by_ear = naming.ear_for(song)
    return SparseAnalysis(by_ear(song, dry) if by_ear else song, dry)
