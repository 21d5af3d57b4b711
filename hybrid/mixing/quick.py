"""The short way to a mix: a song is heard by the network and rendered once, neither refined, rehearsed nor judged."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Complex

from hybrid.analysis.chunks import Progress, ahead, grid_of, read_chunk, spread, workers
from hybrid.analysis.microphones import aligned_by, listener_of
from hybrid.analysis.recording import NO_PAIRS, blank_recording
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.audio.write import MIX_FILE, WavWriter
from hybrid.knowledge import objective as objectives
from hybrid.knowledge.compile import optional_parts, output_of
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.select import name_roles
from hybrid.measure.meter import Levels, Meter
from hybrid.mixing.deliver import Converter, Format
from hybrid.mixing.mixdown import mixed
from hybrid.mixing.plan import MixConfig
from hybrid.model.input_features import NETWORK_FRAME_S
from hybrid.proposal.field import UNKNOWN, classify_tracks, proposal_context, proposed, with_classified_roles
from hybrid.proposal.weights import Network
from hybrid.refinement.initial import role_start
from hybrid.refinement.pins import pinned, pins_of
from hybrid.signal.bandpower import CHUNK_HOPS, COMPARED_BINS
from hybrid.treatment.types import Dry, Treatment, neutral

_EVERY = 2
"""Windows that are looked at: every other one. What the network hears changes by less than what a listener does, and
microphones are compared by no more."""
_BLOCK_BYTES = 8 << 20


class Quick(NamedTuple):
    """A mix that is written."""

    song: Song
    treatment: Treatment
    levels: Levels
    """Of the written mix, by the exact meters."""


def quick_mix(
    song: Song, reader: SongReader, rules: RuleSet, config: MixConfig, folder: Path, fmt: Format, progress: Progress
) -> Quick:
    """Writes the mix that the network proposes, at the loudness and true peak that the rules ask for."""
    network = config.network
    assert network is not None and not config.n_steps
    song = replace(song, tracks=name_roles(song.tracks, rules.roles))
    dry, song = _listen(song, reader, progress)
    reader = reader.for_song(song)
    if any(track.role == UNKNOWN for track in song.tracks):
        song = with_classified_roles(song, classify_tracks(network, dry, song.tracks))
    treatment = _proposed(song, dry, rules, network, config.seed)
    return _write(song, reader, treatment, rules, folder, fmt, progress)


def _listen(song: Song, reader: SongReader, progress: Progress) -> tuple[Dry, Song]:
    """The powers of the raw tracks, about, without what pairs share, and the song with its microphones settled."""
    grid, recording = grid_of(song), blank_recording(song, NO_PAIRS)
    listener = listener_of(song)
    looked_at = frozenset(spread(grid.n_chunks) if listener else ())

    def measure(chunk: int, track: int) -> Complex[np.ndarray, "window heard"] | None:
        spectrum = recording.measure(chunk, track, read_chunk(reader, grid, track, chunk), _EVERY)
        if spectrum is None or chunk not in looked_at:
            return None
        return np.asarray(spectrum)[..., :COMPARED_BINS].mean(axis=0)

    with workers(reader.n_threads) as pool:
        for chunk, mids in enumerate(ahead(pool, measure, grid.n_chunks, len(song.tracks))):
            if listener and chunk in looked_at:
                silence = np.zeros((CHUNK_HOPS // _EVERY, listener.n_bins), np.complex64)
                listener(np.stack([silence if mid is None else mid for mid in mids]))
            progress("analyse", (chunk + 1) / grid.n_chunks)
    return recording.dry(0.0), aligned_by(song, listener) if listener else song


def _proposed(song: Song, dry: Dry, rules: RuleSet, network: Network, seed: int) -> Treatment:
    """What the network proposes; positions that a rule requires are as required, sends start at usual levels."""
    n_tracks = dry.power.shape[0]
    nothing = neutral(n_tracks, dry.active.shape[-1] * dry.frame_s, NETWORK_FRAME_S, optional_parts(rules.rules))
    usual = role_start(nothing, dry, song.tracks, np.zeros(n_tracks, np.float32), seed)
    context = proposal_context(rules, song, dry)
    treatment = proposed(network, dry, context, replace(nothing, reverb=usual.reverb), song.tracks, seed)
    return pinned(treatment, pins_of(rules.rules, context.objective, song, nothing))


def _write(
    song: Song, reader: SongReader, treatment: Treatment, rules: RuleSet, folder: Path, fmt: Format, progress: Progress
) -> Quick:
    """Renders once into a scratch file, then writes that at its output level."""
    meter, convert = Meter(fmt.sample_rate, 2), Converter(song.sample_rate, fmt.sample_rate)
    done = 0
    with tempfile.TemporaryFile(dir=folder) as scratch, workers(reader.n_threads) as pool:
        for block in mixed(song, reader, treatment, pool):
            done += block.shape[1]
            heard = convert(block, done >= song.n_samples)
            meter.add(heard)
            scratch.write(np.ascontiguousarray(heard.T, np.float32).tobytes())
            progress("render", done / song.n_samples)
        levels = meter.levels()
        loudness, peak = levels.integrated_lufs, levels.true_peak_dbtp
        level = float(objectives.output_level_db(output_of(rules.rules), loudness, peak))
        scratch.seek(0)
        with WavWriter(folder / MIX_FILE, fmt.sample_rate, 2, fmt.subtype) as file:
            while part := scratch.read(_BLOCK_BYTES):
                file.write((np.float32(10.0 ** (level / 20.0)) * np.frombuffer(part, np.float32)).reshape(-1, 2).T)
    master = treatment.master._replace(level_db=jax.device_put(np.float32(level)))
    written = levels._replace(integrated_lufs=loudness + level, true_peak_dbtp=peak + level)
    return Quick(song, replace(treatment, master=master), written)
