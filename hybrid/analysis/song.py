"""Preparation of a song for everything else: roles named, microphones aligned, tracks measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Complex, Int

from hybrid.analysis.analyse import Analysis, analyse
from hybrid.analysis.chunks import Progress, grid_of, map_chunks, read_chunk, sampled_chunks, workers
from hybrid.analysis.microphones import accumulator_for, align_from, align_microphones
from hybrid.analysis.recording import NO_PAIRS, blank_recording
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.measure.balance import raw_lufs
from hybrid.measure.loudness import ABSOLUTE_GATE_LUFS
from hybrid.signal.bandpower import CHUNK_HOPS, COMPARED_BINS
from hybrid.tabular import Row, Tabular
from hybrid.treatment.types import Dry

_SPARSE_STEP = 2
"""Spacing of the windows that a sparse analysis measures: levels change inaudibly, and microphones are compared by no
more windows."""


def _unchanged(song: Song) -> Song:
    return song


class Naming(NamedTuple):
    """Functions that give tracks of unknown role one; by default none does."""

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
        levels = raw_lufs(self.analysis.dry).tolist()
        return [{**row, "raw_lufs": level} for row, level in zip(self.song.rows(), levels, strict=False)]


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
    """The song with roles named, microphones aligned and tracks measured."""
    return measure_song(align_song(song, reader, naming, progress), reader, progress)


def align_song(
    song: Song,
    reader: SongReader,
    naming: Naming = _AS_NAMED,
    progress: Progress = lambda stage, share: None,
) -> AlignedSong:
    """The song as it will be measured: programs that depend on its shape alone can be compiled meanwhile."""
    song, pairs = align_microphones(naming.by_name(song), reader)
    by_ear = naming.ear_for(song)
    if by_ear is None:
        return AlignedSong(song, pairs, None)
    analysis = analyse(song, reader.for_song(song), progress, pairs)
    return AlignedSong(by_ear(song, analysis.dry), pairs, analysis)


def measure_song(
    aligned: AlignedSong, reader: SongReader, progress: Progress = lambda stage, share: None
) -> AnalysedSong:
    """The aligned song with its measurements, which are made here unless naming by ear has made them."""
    song, pairs, analysis = aligned
    analysis = analysis or analyse(song, reader.for_song(song), progress, pairs)
    return AnalysedSong(_with_quiet_notes(song, analysis.dry), analysis)


def _with_quiet_notes(song: Song, dry: Dry) -> Song:
    """The song with a note for each track that sounds, and is too quiet for its loudness to count."""
    levels = raw_lufs(dry).tolist()
    quiet = (
        f"{track.id} is too quiet to be balanced, below -70 LUFS: left at its level; gain_db would raise it"
        for track, level in zip(song.tracks, levels, strict=False)
        if level <= ABSOLUTE_GATE_LUFS
        if not any(note.startswith((f"{track.id} is silent", f"{track.id} ends before")) for note in song.notes)
    )
    return replace(song, notes=(*song.notes, *quiet))


def analyse_sparsely(song: Song, reader: SongReader, naming: Naming, progress: Progress) -> SparseAnalysis:
    """The same song, measured in every other window while it is read once; cross powers of pairs are left out."""
    song = naming.by_name(song)
    grid, recording = grid_of(song), blank_recording(song, NO_PAIRS)
    accumulator = accumulator_for(song)
    compared = frozenset(sampled_chunks(grid.n_chunks) if accumulator else ())

    def measure(chunk: int, track: int) -> Complex[np.ndarray, "window bin"] | None:
        spectrum = recording.measure(chunk, track, read_chunk(reader, grid, track, chunk), _SPARSE_STEP)
        if spectrum is None or chunk not in compared:
            return None
        # the transform is linear: the mean of both channels' spectra is that of the mid
        return np.asarray(spectrum)[..., :COMPARED_BINS].mean(axis=0)

    with workers(reader.n_threads) as pool:
        for chunk, mids in enumerate(map_chunks(pool, measure, grid.n_chunks, len(song.tracks))):
            if accumulator and chunk in compared:
                silence = np.zeros((CHUNK_HOPS // _SPARSE_STEP, accumulator.n_bins), np.complex64)
                accumulator(np.stack([silence if mid is None else mid for mid in mids]))
            progress("analyse", (chunk + 1) / grid.n_chunks)
    dry = recording.dry(0.0)
    song = align_from(song, accumulator) if accumulator else song
    by_ear = naming.ear_for(song)
    return SparseAnalysis(_with_quiet_notes(by_ear(song, dry) if by_ear else song, dry), dry)
