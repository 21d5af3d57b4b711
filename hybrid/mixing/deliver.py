"""Delivery of a planned mix: a rehearsal that finds the exact output level, then the files, measured as written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Protocol

import jax
import numpy as np
import soxr
from jaxtyping import Float

from hybrid.analysis.chunks import Progress, sum_of, workers
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.audio.wav import MIX_FILE, Subtype, WavWriter
from hybrid.knowledge import objective as objectives
from hybrid.knowledge.evaluate import verdict
from hybrid.knowledge.verdict import Verdict
from hybrid.measure.meter import Levels, Meter
from hybrid.measure.panel import Measured
from hybrid.mixing.mixdown import Chunk, Compare, rendered
from hybrid.mixing.observe import Observer
from hybrid.mixing.plan import Plan, correct_plan
from hybrid.treatment.types import Treatment

STEMS_FOLDER, RETURN_FILE = "stems", "returns/reverb.wav"
_FULL_SCALE_DB = -0.01
"""Highest sample peak of a stem: none may clip, even one that others cancel in the mix."""


class Format(NamedTuple):
    """Format of the audio files."""

    sample_rate: int
    subtype: Subtype
    stems: bool = True
    """Whether the treated tracks, and the return of the room, are written beside the mix."""


class Sink(Protocol):
    """Receiver of a signal block by block, such as a `WavWriter`."""

    def write(self, block: Float[np.ndarray, "2 time"]) -> None: ...


class Sinks(NamedTuple):
    """Receivers of a rendered song."""

    mix: Sink
    parts: Sequence[Sink]
    """The stems in the order of the tracks, then the return of the room, if there is one; or none of them."""


class Delivered(NamedTuple):
    """A mix as it was written."""

    plan: Plan
    """As corrected after the rehearsal."""
    treatment: Treatment
    """As rendered, with the exact output level."""
    levels: Levels
    """Of the written mix, by the exact meters."""
    measured: Measured
    """From the rendered audio."""
    verdict: Verdict


class Rehearsal(NamedTuple):
    """Measurements of a rendered mix before its output level."""

    levels: Levels
    stem_peak_db: float
    """The highest sample peak of a stem or of the return, dBFS."""
    measured: Measured


CORRECTIONS = 2
"""Rounds of correction at most, where rendered audio breaks a constraint that the prediction keeps."""


def deliver(plan: Plan, reader: SongReader, folder: Path, fmt: Format, progress: Progress) -> Delivered:
    """The mix, rehearsed, corrected where needed, and written into `folder` with its stems."""
    reader = reader.for_song(plan.song)
    with workers(reader.n_threads) as pool:
        plan, rehearsal = _rehearsed(plan, reader, fmt.sample_rate, pool, progress)
        levels, measured = rehearsal.levels, rehearsal.measured
        treatment = plan.refined.treatment
        if plan.is_given:
            # no louder than what does not clip, whatever was written by hand
            level = min(float(treatment.master.level_db), -levels.true_peak_dbtp)
        else:
            level = objectives.output_level_db(plan.objective.output, levels.integrated_lufs, levels.true_peak_dbtp)
        level = min(float(level), _FULL_SCALE_DB - rehearsal.stem_peak_db)
        treatment = replace(treatment, master=treatment.master._replace(level_db=jax.device_put(np.float32(level))))
    with open_files(plan.song, folder, fmt, treatment.reverb is not None) as files:
        levels = write_parts(reader, treatment, files, fmt.sample_rate, progress)
    # only the output level has changed since the rehearsal, and powers are before it
    measured = measured._replace(
        treatment=treatment,
        loudness_lufs=jax.device_put(np.float32(levels.integrated_lufs)),
        true_peak_dbtp=jax.device_put(np.float32(levels.true_peak_dbtp)),
        output_level_db=treatment.master.level_db,
    )
    return Delivered(plan, treatment, levels, measured, verdict(plan.objective, plan.song, measured))


def _rehearsed(
    plan: Plan, reader: SongReader, rate: int, pool: ThreadPoolExecutor, progress: Progress
) -> tuple[Plan, Rehearsal]:
    """The plan, corrected if its audio breaks a constraint, and the measurements of its audio."""
    rehearsal = _rehearse(plan, reader, rate, pool, progress)
    for _ in range(CORRECTIONS):
        correction = correct_plan(plan, rehearsal.measured)
        if correction is None:
            break
        # the last correction is rehearsed too: the output level is solved from the audio that is delivered
        plan, rehearsal = correction, _rehearse(correction, reader, rate, pool, progress)
    return plan, rehearsal


class Converter:
    """Resampler of a stream of stereo blocks; at the same rate blocks pass unchanged."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._stream = None
        if from_rate != to_rate:
            self._stream = soxr.ResampleStream(from_rate, to_rate, 2, "float32", "VHQ")

    def __call__(self, block: Float[np.ndarray, "2 time"], last: bool) -> Float[np.ndarray, "2 out"]:
        if self._stream is None:
            return block
        return self._stream.resample_chunk(np.ascontiguousarray(block.T), last=last).T


def _chunks(
    song: Song,
    reader: SongReader,
    treatment: Treatment,
    pool: ThreadPoolExecutor,
    stage: tuple[str, Progress],
    compare: Compare | None = None,
) -> Iterator[tuple[Chunk, bool]]:
    """Chunks of the rendered song, and whether each is the last; reports the progress of the stage."""
    name, progress = stage
    for chunk in rendered(song, reader, treatment, pool, compare):
        end = chunk.start + chunk.stems[0].shape[1]
        yield chunk, end >= song.n_samples
        progress(name, min(1.0, end / song.n_samples))


def _rehearse(plan: Plan, reader: SongReader, rate: int, pool: ThreadPoolExecutor, progress: Progress) -> Rehearsal:
    """Levels and measurements of the song, rendered once without writing."""
    song, treatment = plan.song, plan.refined.treatment
    # not from zero, of which a silent song would take the logarithm
    meter, peak = Meter(rate, 2), 1e-5
    converters = [Converter(song.sample_rate, rate) for _ in range(_n_parts(song, treatment))]
    observer = Observer(song, plan.analysis.dry, pool)
    for chunk, last in _chunks(song, reader, treatment, pool, ("rehearse", progress), observer.compare):
        observer.add(sum_of(chunk.parts), chunk.filtered)

        def at_rate(index: int, chunk: Chunk = chunk, last: bool = last) -> Float[np.ndarray, "2 out"]:
            return converters[index](chunk.parts[index], last)

        # resampling raises peaks, of a burst by more than any headroom: stems are measured as they will be written
        parts = list(pool.map(at_rate, range(len(converters))))
        meter.add(sum_of(parts))
        peak = max(peak, *(max(part.max(initial=0.0), -part.min(initial=0.0)) for part in parts))
    levels = meter.levels()
    return Rehearsal(levels, 20.0 * float(np.log10(peak)), observer.measured(treatment, levels))


def _n_parts(song: Song, treatment: Treatment) -> int:
    """The number of stems, and of the return of the room if there is one."""
    return len(song.tracks) + (treatment.reverb is not None)


def write_parts(reader: SongReader, treatment: Treatment, sinks: Sinks, sample_rate: int, progress: Progress) -> Levels:
    """Levels of the reader's song under a treatment, at its output level, as it is rendered into `sinks`."""
    song = reader.song
    gain = np.float32(10.0 ** (float(treatment.master.level_db) / 20.0))
    meter = Meter(sample_rate, 2)
    n_parts = _n_parts(song, treatment)
    converters = [Converter(song.sample_rate, sample_rate) for _ in range(n_parts)]
    with workers(reader.n_threads) as pool:
        for chunk, last in _chunks(song, reader, treatment, pool, ("render", progress)):

            def put(index: int, chunk: Chunk = chunk, last: bool = last) -> Float[np.ndarray, "2 out"]:
                part = converters[index](chunk.parts[index] * gain, last)
                if sinks.parts:
                    sinks.parts[index].write(part)
                return part

            # summed after gain and conversion: the mix is the sum of its stems as they are written
            mix = sum_of(list(pool.map(put, range(n_parts))))
            sinks.mix.write(mix)
            meter.add(mix)
    return meter.levels()


@contextmanager
def open_files(song: Song, folder: Path, fmt: Format, has_room: bool) -> Iterator[Sinks]:
    """The file of the mix and, if the format has stems, one for each track, named after it, and one for the return of
    the room, if there is one."""
    with ExitStack() as stack:

        def opened(path: Path) -> WavWriter:
            return stack.enter_context(WavWriter(path, fmt.sample_rate, 2, fmt.subtype))

        stems = []
        if fmt.stems:
            (folder / STEMS_FOLDER).mkdir()
            stems = [opened(folder / STEMS_FOLDER / f"{track.id}.wav") for track in song.tracks]
        if fmt.stems and has_room:
            (folder / RETURN_FILE).parent.mkdir()
            stems.append(opened(folder / RETURN_FILE))
        yield Sinks(opened(folder / MIX_FILE), stems)
