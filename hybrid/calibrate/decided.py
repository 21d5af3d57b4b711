"""Levels in songs with `decisions.json`, whose authors set them: what a corpus of human decisions gives to a fit."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from hybrid.analysis.chunks import Progress
from hybrid.analysis.song import analyse_song
from hybrid.audio.manifest import load_song
from hybrid.audio.read import open_song
from hybrid.audio.song import Track
from hybrid.calibrate.levels import SongLevels
from hybrid.corpus.authored.decisions import FILE, Decisions, read_decisions
from hybrid.corpus.split import artist_of
from hybrid.measure.balance import level_features, raw_lufs, raw_power_k
from hybrid.treatment.types import Dry


def observe_decisions(folder: Path, progress: Progress) -> SongLevels:
    """Levels of the tracks whose author set them. Raises InputError if the folder cannot be read."""
    gain_lu = _gains_lu(read_decisions(folder / FILE))
    song = load_song(folder)
    with open_song(song) as reader:
        analysed = analyse_song(song, reader, progress=progress)
    # the author's gain is that of integrated loudness; a gain is the same for any loudness
    gains = np.array([gain_lu.get(track.id, np.nan) for track in analysed.song.tracks])
    levels = levels_under(analysed.song.tracks, analysed.analysis.dry, gains)
    return levels._replace(song=folder.resolve().name, author=artist_of(folder.resolve().name))


def _gains_lu(decided: Decisions) -> dict[str, float]:
    """Level in the mix less level of the raw track, LU, of the tracks whose level the author set."""
    return {
        track.id: track.gain_lu for track in decided.tracks if "level" in track.decided and track.gain_lu is not None
    }


def levels_under(tracks: Sequence[Track], dry: Dry, gain_lu: Float[np.ndarray, " track"]) -> SongLevels:
    """Levels of measured tracks under these gains; those without one, NaN, and those that never sound are left out."""
    n, padded = len(tracks), dry.active.shape[0]
    counts = np.isfinite(gain_lu) & (np.asarray(dry.active)[:n].sum(axis=1) > 0.0)
    features = level_features(raw_power_k(dry), dry.active, jnp.asarray(np.pad(counts, (0, padded - n)), jnp.float32))
    level_lu = np.asarray(raw_lufs(dry))[:n] + gain_lu
    return SongLevels(
        song="",
        author="",
        roles=tuple(track.role for track, counted in zip(tracks, counts, strict=True) if counted),
        has_lead=any("lead" in track.tags for track in tracks),
        level_lu=level_lu[counts],
        recorded_lu=np.asarray(features.recorded_lu)[:n][counts],
        presence=np.asarray(features.presence)[:n][counts],
    )
