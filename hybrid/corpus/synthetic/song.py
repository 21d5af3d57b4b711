"""The song that a seed stands for, as files and with what its tracks really are."""

from __future__ import annotations

from pathlib import Path

import soundfile

from hybrid.audio.song import Song, Track
from hybrid.corpus.synthetic.band import PlayPart, Take, band_of, play_band, synthesise
from hybrid.corpus.synthetic.signals import SAMPLE_RATE
from hybrid.corpus.synthetic.spoil import spoil


def write_song(seed: int, folder: Path, play_part: PlayPart = synthesise) -> Song:
    """Plays the song, spoils its takes as takes are spoilt, and writes them into `folder` as 16-bit WAV files.

    Roles are those that were played, not guessed from names; the first lead voice carries the tag.
    """
    takes = spoil(play_band(seed, play_part), seed)
    return song_of(takes, f"{band_of(seed).name}-{seed}", folder)


def song_of(takes: list[Take], name: str, folder: Path) -> Song:
    """The song of these takes, written into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    tracks = []
    for take in takes:
        path = folder / f"{take.name}.wav"
        soundfile.write(path, take.samples.T, SAMPLE_RATE, subtype="PCM_16")
        tags = ("lead",) if take.role == "vocal.lead" else ()
        tracks.append(Track(take.name, (path,), len(take.samples), take.role, tags, 1.0))
    return Song(name, folder, tuple(tracks), SAMPLE_RATE, max(take.samples.shape[1] for take in takes))
