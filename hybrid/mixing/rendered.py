"""Rendered songs, whose samples are in memory or in files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float, Num

from hybrid import shelf
from hybrid.analysis.chunks import Progress
from hybrid.audio.arrays import song_from_arrays
from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.audio.wav import MIX_FILE
from hybrid.errors import InputError, Problem
from hybrid.knowledge.verdict import Finding, Verdict
from hybrid.measure.meter import Levels
from hybrid.mixing.deliver import RETURN_FILE, STEMS_FOLDER, Delivered, Format, Sinks, open_files, write_parts
from hybrid.scratch import scratch_folder
from hybrid.tabular import Row, Tabular
from hybrid.treatment.types import Treatment

StereoSamples = Float[np.ndarray, "2 time"]


@dataclass(frozen=True, repr=False, kw_only=True)
class RenderedMix:
    """A rendered song: its mix and, on request, the treated tracks that add up to it."""

    song: Song
    treatment: Treatment
    levels: Levels
    """Of the mix, by the exact meters."""
    sample_rate: int
    """Of the mix, Hz."""
    folder: Path | None = None
    """Where its files are; None if it is in memory."""
    arrays: Mapping[str, StereoSamples] = field(default_factory=dict)
    """Samples in memory, by the names that files would have."""

    def __repr__(self) -> str:
        return f"RenderedMix({self._summary()})"

    def _summary(self) -> str:
        levels = f"{self.levels.integrated_lufs:.1f} LUFS, {self.levels.true_peak_dbtp:.1f} dBTP"
        return f"{self.song.name!r}, {levels}, {self.folder or 'in memory'}"

    @property
    def samples(self) -> StereoSamples:
        """The mix, full scale 1; read from its file if it is not in memory."""
        mix = self._samples_of(MIX_FILE)
        assert mix is not None
        return mix

    @property
    def stems(self) -> dict[str, StereoSamples]:
        """The treated tracks by their ids; empty unless they were requested."""
        stems = {track.id: self._samples_of(f"{STEMS_FOLDER}/{track.id}.wav") for track in self.song.tracks}
        return {name: samples for name, samples in stems.items() if samples is not None}

    @property
    def returned(self) -> StereoSamples | None:
        """The return of the room; None without one, and without stems."""
        return self._samples_of(RETURN_FILE)

    def _samples_of(self, name: str) -> StereoSamples | None:
        if self.folder is None:
            return self.arrays.get(name)
        path = self.folder / name
        return soundfile.read(path, dtype="float32", always_2d=True)[0].T if path.is_file() else None


@dataclass(frozen=True, repr=False, kw_only=True)
class MixResult(RenderedMix, Tabular):
    """A mix with its verdict."""

    verdict: Verdict
    before: Verdict
    """Of the raw sum at the output level that the rules ask for."""
    notes: tuple[str, ...]
    """Messages for the user about the song and its rules."""

    @classmethod
    def of(
        cls,
        delivered: Delivered,
        sample_rate: int,
        folder: Path | None = None,
        arrays: Mapping[str, StereoSamples] | None = None,
    ) -> MixResult:
        """The result of a delivery, in a folder or in memory."""
        plan = delivered.plan
        return cls(
            song=plan.song,
            treatment=delivered.treatment,
            levels=delivered.levels,
            sample_rate=sample_rate,
            folder=folder,
            arrays=arrays or {},
            verdict=delivered.verdict,
            before=plan.before,
            notes=(*plan.song.notes, *plan.report.warnings),
        )

    def __repr__(self) -> str:
        kept, kept_before = (sum(finding.kept for finding in _used(each)) for each in (self.verdict, self.before))
        rules = f"{kept} of {len(_used(self.verdict))} rules kept ({kept_before} by the raw sum)"
        return f"MixResult({self._summary()}, {rules})"

    def rows(self) -> list[Row]:
        """The rows of the verdict, and whether the raw sum keeps each rule."""
        before = {finding.id: finding.kept for finding in _used(self.before)}
        return [{**row, "kept_before": before.get(str(row["rule"]))} for row in self.verdict.rows()]


def _used(verdict: Verdict) -> list[Finding]:
    return [finding for finding in verdict.rules if finding.targets]


MixSource = RenderedMix | str | Path | Num[np.ndarray, "..."]
"""A finished mix: rendered, an audio file, or samples with channels first."""


class _ArraySink:
    """Receiver that keeps all blocks in memory."""

    def __init__(self) -> None:
        self._blocks: list[StereoSamples] = []

    def write(self, block: StereoSamples) -> None:
        self._blocks.append(np.array(block))

    def samples(self) -> StereoSamples:
        return np.concatenate(self._blocks, axis=1)


def render_song(song: Song, treatment: Treatment, fmt: Format, folder: Path | None, progress: Progress) -> RenderedMix:
    """The song under exactly this treatment, at its output level; into `folder`, which is there, if one is given.

    Raises InputError for a treatment of fewer tracks.
    """
    n_treated = treatment.gain.level_db.shape[0]
    if n_treated < len(song.tracks):
        what = f"is of {n_treated} tracks, {song.name} has {len(song.tracks)}"
        raise InputError(Problem("treatment", what, hint="treatments belong to the song that was analysed"))
    has_room = treatment.reverb is not None
    with open_song(song) as reader:
        if folder is not None:
            with open_files(song, folder, fmt, has_room) as files:
                levels = write_parts(reader, treatment, files, fmt.sample_rate, progress)
            return RenderedMix(
                song=song, treatment=treatment, levels=levels, sample_rate=fmt.sample_rate, folder=folder
            )
        names = [f"{STEMS_FOLDER}/{track.id}.wav" for track in song.tracks] + [RETURN_FILE] * has_room
        mix, parts = _ArraySink(), {name: _ArraySink() for name in names if fmt.stems}
        levels = write_parts(reader, treatment, Sinks(mix, list(parts.values())), fmt.sample_rate, progress)
    arrays = {name: sink.samples() for name, sink in {MIX_FILE: mix, **parts}.items()}
    return RenderedMix(song=song, treatment=treatment, levels=levels, sample_rate=fmt.sample_rate, arrays=arrays)


@contextmanager
def mix_file(mix: MixSource, sample_rate: int | None) -> Iterator[Path]:
    """The file of a finished mix; what is in memory is written to a temporary one.

    Raises InputError or SongError for samples that are no mix, or have no sample rate.
    """
    if isinstance(mix, str | Path):
        yield shelf.expanded(mix)
        return
    if isinstance(mix, RenderedMix):
        if mix.folder is not None:
            yield mix.folder / MIX_FILE
            return
        mix, sample_rate = mix.samples, mix.sample_rate
    if sample_rate is None:
        raise InputError(Problem("sample_rate", "is missing: an array does not state its own, expected Hz"))
    song = song_from_arrays({"mix": mix}, sample_rate)
    with scratch_folder() as scratch, open_song(song) as reader:
        path = scratch / MIX_FILE
        # float, so that a mix beyond full scale is judged as it is, not clipped
        soundfile.write(path, reader.read(0, 0, song.n_samples).T, sample_rate, subtype="FLOAT")
        yield path
