"""A mix in one pass: the network's proposal rendered once, neither refined, rehearsed nor judged."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from hybrid.analysis.chunks import Progress, workers
from hybrid.analysis.song import analyse_sparsely
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.audio.wav import MIX_FILE, WavWriter
from hybrid.knowledge import objective as objectives
from hybrid.knowledge.compile import optional_parts, output_of
from hybrid.knowledge.ruleset import RuleSet
from hybrid.measure.meter import Levels, Meter
from hybrid.mixing.deliver import Converter, Format
from hybrid.mixing.mixdown import mixed
from hybrid.mixing.plan import MixConfig, blank_task, naming_of
from hybrid.mixing.proposals import proposed_unheard
from hybrid.model.input_features import NETWORK_FRAME_S
from hybrid.proposal.field import gradient_frames
from hybrid.proposal.weights import Network
from hybrid.treatment.types import Dry, Treatment, neutral

_BLOCK_BYTES = 8 << 20


class QuickMix(NamedTuple):
    """A mix in one pass, as it was written."""

    song: Song
    treatment: Treatment
    levels: Levels
    """Of the written mix, by the exact meters."""


def quick_mix(
    reader: SongReader, rules: RuleSet, config: MixConfig, folder: Path, fmt: Format, *, progress: Progress
) -> QuickMix:
    """The mix that the network proposes, written at the loudness and true peak that the rules ask for."""
    network = config.network
    assert network is not None and not config.n_steps
    song, dry = analyse_sparsely(reader.song, reader, naming_of(rules, network), progress)
    # the first of a shape compiles what proposes
    progress("propose", 0.0)
    treatment = _proposed(song, dry, rules, network, config.seed)
    progress("propose", 1.0)
    return write_once(reader.for_song(song), treatment, rules, folder, fmt, progress=progress)


def _proposed(song: Song, dry: Dry, rules: RuleSet, network: Network, seed: int) -> Treatment:
    # points as far apart as the frames in which the network predicts: it has no finer curve
    duration_s = dry.active.shape[-1] * dry.frame_s
    nothing = neutral(dry.power.shape[0], duration_s, NETWORK_FRAME_S, optional_parts(rules.rules))
    return proposed_unheard(network, dry, blank_task(song, gradient_frames(dry), rules, nothing), nothing, song, seed)


def write_once(
    reader: SongReader, treatment: Treatment, rules: RuleSet, folder: Path, fmt: Format, *, progress: Progress
) -> QuickMix:
    """The mix, rendered once into a temporary file, and written from there at its output level."""
    song = reader.song
    meter, convert = Meter(fmt.sample_rate, 2), Converter(song.sample_rate, fmt.sample_rate)
    done = 0
    with tempfile.TemporaryFile(dir=folder) as scratch, workers(reader.n_threads) as pool:
        for block in mixed(song, reader, treatment, pool):
            done += block.shape[1]
            converted = convert(block, done >= song.n_samples)
            meter.add(converted)
            scratch.write(np.ascontiguousarray(converted.T, np.float32).tobytes())
            progress("render", done / song.n_samples)
        levels = meter.levels()
        loudness, peak = levels.integrated_lufs, levels.true_peak_dbtp
        level = float(objectives.output_level_db(output_of(rules.rules), loudness, peak))
        scratch.seek(0)
        with WavWriter(folder / MIX_FILE, fmt.sample_rate, 2, fmt.subtype) as file:
            while part := scratch.read(_BLOCK_BYTES):
                file.write((np.float32(10.0 ** (level / 20.0)) * np.frombuffer(part, np.float32)).reshape(-1, 2).T)
    master = treatment.master._replace(level_db=jax.device_put(np.float32(level)))
    # one gain shifts both readings by itself: what is written need not be measured again
    written = levels._replace(integrated_lufs=loudness + level, true_peak_dbtp=peak + level)
    return QuickMix(song, replace(treatment, master=master), written)
