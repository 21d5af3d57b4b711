"""Distillation targets of songs whose levels and places a person decided."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np

from hybrid.audio.song import Song
from hybrid.corpus.authored.decisions import read_decisions
from hybrid.training.distillation import UNDECIDED, DistillationTarget, target_of
from hybrid.treatment.types import Dry, neutral


def decided_target(path: Path, song: Song, dry: Dry) -> DistillationTarget | None:
    """The target of the decisions in a file: levels and places, and the tracks' own tone. Places that are no decision
    do not count. None if the levels of fewer than two tracks are known.

    Raises InputError with every problem of the file.
    """
    decided = {track.id: track for track in read_decisions(path).tracks}
    tracks = [decided.get(track.id) for track in song.tracks]
    if sum(track is not None and track.gain_lu is not None for track in tracks) < 2:
        return None
    n_tracks, n_frames = dry.active.shape
    untouched = neutral(n_tracks, n_frames * dry.frame_s, dry.frame_s)
    level, position, is_placed = (np.zeros(n_tracks, np.float32) for _ in range(3))
    for k, track in enumerate(tracks):
        if track is None:
            continue
        level[k] = track.gain_lu or 0.0
        if track.pan is not None and "pan" in track.decided:
            position[k], is_placed[k] = track.pan, 1.0
    treatment = replace(
        untouched,
        gain=untouched.gain._replace(level_db=jax.device_put(level)),
        pan=untouched.pan._replace(position=jax.device_put(position)),
    )
    target = target_of(dry, treatment)
    return target._replace(balance=np.where(is_placed > 0.0, np.asarray(target.balance), UNDECIDED).astype(np.float32))
