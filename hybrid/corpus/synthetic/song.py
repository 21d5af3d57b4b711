"""The song of a seed as files, with the true roles of its tracks."""

from __future__ import annotations

from pathlib import Path

import soundfile

from hybrid.audio.song import Song, Track
from hybrid.corpus.synthetic.band import PlayPart, Take, play_band, style_of, synthesise
from hybrid.corpus.synthetic.degrade import degrade
from hybrid.corpus.synthetic.signals import SAMPLE_RATE


def write_song(seed: int, folder: Path, play_part: PlayPart = synthesise) -> Song:
    """The degraded song of a seed, written into `folder` as 16-bit WAV files.

    Roles are the true ones, not guessed from names; the lead voice has the tag `lead`.
    """
    takes = degrade(play_band(seed, play_part), seed)
    return write_takes(takes, f"{style_of(seed).name}-{seed}", folder)


def write_takes(takes: list[Take], name: str, folder: Path) -> Song:
    """The song of these takes, written into `folder` as 16-bit WAV files."""
    folder.mkdir(parents=True, exist_ok=True)
    tracks = []
    for take in takes:
        path = folder / f"{take.name}.wav"
        soundfile.write(path, take.samples.T, SAMPLE_RATE, subtype="PCM_16")
        tags = ("lead",) if take.role == "vocal.lead" else ()
        tracks.append(Track(take.name, (path,), len(take.samples), take.role, tags, 1.0))
    n_samples = max(take.samples.shape[1] for take in takes)
    # levels are drawn: nobody recorded them
    return Song(name, folder, tuple(tracks), SAMPLE_RATE, n_samples, raw_levels="arbitrary")
