"""Programs compiled before they are needed: a song of noise of some shape is mixed, and forgotten."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from hybrid.analysis.chunks import Progress
from hybrid.audio.manifest import load_song
from hybrid.compiled import n_made
from hybrid.export.mixed import OutputSpec, write_mix
from hybrid.knowledge.ruleset import RuleSet
from hybrid.mixing.plan import MixConfig
from hybrid.scratch import scratch_folder

_NAMES = ("Kick", "Snare", "Bass", "Lead Vocal", "Electric Guitar", "Piano", "Synth Pad", "Backing Vocal")
_BLOCK = 1 << 20
_LEVEL = 0.02


class Shape(NamedTuple):
    """What programs are compiled for: songs that are padded to the same size share them."""

    n_tracks: int
    duration_s: float
    sample_rate: int


def warm(shape: Shape, rules: RuleSet, config: MixConfig, progress: Progress, *, verdict: bool = True) -> int:
    """Compiles everything that mixes a song of this shape, with a verdict or without, and returns the number of
    programs that were new.

    Raises InputError for rules that must match a track and match none of the usual ones.
    """
    n_before = n_made()
    with scratch_folder() as folder:
        song, out = folder / "song", folder / "mix"
        song.mkdir()
        out.mkdir()
        _write_noise(song, shape)
        # rules on bars need a tempo
        loaded = replace(load_song(song), tempo_bpm=120.0)
        write_mix(loaded, rules, config, OutputSpec(out, "PCM_16", verdict=verdict), progress)
    return n_made() - n_before


def _write_noise(folder: Path, shape: Shape) -> None:
    """Tracks of noise, mono and stereo in turn, named after usual roles."""
    n_samples = round(shape.duration_s * shape.sample_rate)
    for number in range(shape.n_tracks):
        rng = np.random.default_rng(number)
        name = f"{number + 1:02d} {_NAMES[number % len(_NAMES)]}.wav"
        channels = 1 + number % 2
        with soundfile.SoundFile(folder / name, "w", shape.sample_rate, channels, "PCM_16") as file:
            for start in range(0, n_samples, _BLOCK):
                noise = rng.standard_normal((min(_BLOCK, n_samples - start), channels), np.float32)
                file.write(_LEVEL * noise)
