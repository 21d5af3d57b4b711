"""The synthetic demo song: a session of raw tracks without a balance.

The tracks are well recorded and badly balanced: some are 12 dB and more too loud, the lead is masked, there is rumble
on the voice and a resonance in the pad, so that a mix has problems to solve.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile as sf
from jaxtyping import Float32

from hybrid.audio.manifest import MANIFEST, write_manifest
from hybrid.audio.scan import scan_folder
from hybrid.corpus.synthetic.composition import compose, stream
from hybrid.corpus.synthetic.session import record
from hybrid.corpus.synthetic.signals import SAMPLE_RATE as SAMPLE_RATE
from hybrid.corpus.synthetic.signals import Samples

# Sample peaks of the raw tracks, dBFS: hats, keys and pad far too loud; lead, snare and bass too soft.
RAW_PEAKS_DBFS = {
    "01_Kick": -5.0,
    "02_Snare": -16.0,
    "03_HiHat": -3.0,
    "04_Toms": -9.0,
    "05_Overheads": -15.0,
    "06_Tambourine": -8.0,
    "07_Bass": -17.0,
    "08_ElecPiano": -2.0,
    "09_Guitar1": -8.0,
    "10_Guitar2": -15.0,
    "11_Pad": -3.0,
    "12_LeadVox": -19.0,
    "13_BackingVox1": -7.0,
    "14_BackingVox2": -12.0,
}
LEVEL_JITTER_DB = 2.0  # standard deviation of the levels over seeds
LOUDEST_DBFS = -1.5


def demo_tracks(seed: int = 0) -> dict[str, Float32[np.ndarray, "channel time"]]:
    """The raw tracks of the demo song for a seed, by name, one or two channels, all of one length.

    Seed 0 is the song `demo`. Sample peaks are below -1 dBFS.
    """
    recorded = record(compose(seed), seed)
    jitter_db = LEVEL_JITTER_DB * np.clip(stream(seed, "levels").standard_normal(len(recorded)), -2.0, 2.0)
    return {
        name: _at_peak(recorded[name], min(peak_dbfs + float(move_db), LOUDEST_DBFS))
        for (name, peak_dbfs), move_db in zip(RAW_PEAKS_DBFS.items(), jitter_db, strict=True)
    }


def write_demo(folder: Path, seed: int = 0) -> None:
    """Writes the tracks as 24-bit WAV files into `folder`, which is created if it is missing, and their `song.yaml`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, track in demo_tracks(seed).items():
        sf.write(folder / f"{name}.wav", track.T, SAMPLE_RATE, subtype="PCM_24")
    # a bad balance is to be mended, not to be kept
    write_manifest(replace(scan_folder(folder), raw_levels="arbitrary"), folder / MANIFEST)


def _at_peak(track: Samples, peak_dbfs: float) -> Float32[np.ndarray, "channel time"]:
    return (track * 10.0 ** (peak_dbfs / 20.0) / np.max(np.abs(track))).astype(np.float32)
