"""The tracks of a song, rendered one after the other and written as a song folder: raw tracks, mix and manifest.

Raw tracks of instruments that were recorded keep their levels to each other; where there is no such level, every track
peaks at -6 dBFS.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float32, Float64

from hybrid.audio.loudness import loudness_lufs
from hybrid.audio.manifest import MANIFEST, write_manifest
from hybrid.audio.roles import Guess, guess_all, is_finished_mix
from hybrid.audio.song import Song, Track, file_name, unique_names
from hybrid.corpus.authored.decisions import TrackDecision
from hybrid.corpus.authored.types import SAMPLE_RATE, AuthoredTrack

MIX = "mix.flac"
_PEAK = 10.0 ** (-6.0 / 20.0)
"""Sample peak of the loudest raw track, or of each."""
_MIX_PEAK = 10.0 ** (-1.0 / 20.0)
_LOWEST_LUFS = -70.0
"""The absolute gate of ITU-R BS.1770: nothing below it has a loudness."""


class RenderedSong:
    """The tracks of a song, raw samples on disk, and the sum of the treated ones."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self.tracks: list[AuthoredTrack] = []
        """Without samples."""
        self.peaks: list[float] = []
        """Of the raw tracks."""
        self.treated_lufs: list[float] = []
        self.mix: Float64[np.ndarray, "2 time"] = np.zeros((2, 0))

    @property
    def n_samples(self) -> int:
        """Length of the longest track, and of the mix."""
        return self.mix.shape[1]

    def add(self, track: AuthoredTrack) -> None:
        """Takes a track, unless it is silent, raw or treated."""
        if not (track.raw.any() and track.treated.any()):
            return
        np.save(self._path(len(self.tracks)), track.raw)
        self.peaks.append(float(np.max(np.abs(track.raw))))
        self.treated_lufs.append(loudness_lufs(track.treated, SAMPLE_RATE))
        self.mix = _padded(self.mix, track.treated.shape[1])
        self.mix[:, : track.treated.shape[1]] += track.treated
        nothing = np.zeros((1, 0), np.float32)
        self.tracks.append(track._replace(raw=nothing, treated=nothing))

    def raw(self, index: int) -> Float32[np.ndarray, "channel time"]:
        """The raw samples of a track, as long as the mix."""
        return _padded(np.load(self._path(index)), self.n_samples)[:, : self.n_samples]

    def compare(self, mix: Float32[np.ndarray, "2 time"]) -> float:
        """Power of a mix less the sum of the tracks, relative to the mix, in dB; the mix takes the sum's place."""
        n = max(self.n_samples, mix.shape[1])
        total, self.mix = _padded(self.mix, n), _padded(mix.astype(np.float64), n)
        power = np.mean(np.square(self.mix))
        # rounding of 32-bit samples is 150 dB below
        return float(10.0 * np.log10(max(np.mean(np.square(self.mix - total)) / max(power, 1e-30), 1e-20)))

    def _path(self, index: int) -> Path:
        return self._scratch / f"{index}.npy"


def _padded(samples: np.ndarray, n: int) -> np.ndarray:
    return np.pad(samples, ((0, 0), (0, max(0, n - samples.shape[1]))))


def write_song_folder(rendered: RenderedSong, folder: Path, recorded: bool, title: str) -> list[TrackDecision]:
    """Writes tracks, mix and manifest, and returns the decisions."""
    mix_lufs = loudness_lufs(rendered.mix, SAMPLE_RATE)
    _write(folder / MIX, rendered.mix * (_MIX_PEAK / np.max(np.abs(rendered.mix))))
    names = unique_names(file_name(_track_name(track.name, title)) for track in rendered.tracks)
    guesses = guess_all([track.name for track in rendered.tracks])
    tracks, decisions = list[Track](), list[TrackDecision]()
    for index, (track, name, guess) in enumerate(zip(rendered.tracks, names, guesses, strict=True)):
        raw = rendered.raw(index) * np.float32(_PEAK / (max(rendered.peaks) if recorded else rendered.peaks[index]))
        path = folder / f"{name}.flac"
        _write(path, raw)
        if track.role is not None:
            # an instrument called a lead need not be the lead of the song
            guess = Guess(track.role, (), float(track.role != "unknown"))
        tracks.append(Track(name, (path,), raw.shape[0], guess.role, guess.tags, guess.confidence))
        level_lu = _difference(rendered.treated_lufs[index], mix_lufs)
        decisions.append(
            TrackDecision(
                id=name,
                raw_lufs=_rounded(loudness_lufs(raw, SAMPLE_RATE)),
                level_lu=level_lu,
                pan=None if track.pan is None else round(track.pan, 1),
                send_db=None if track.send_db is None else round(track.send_db, 1),
                fader_db=None if track.fader_db is None else round(track.fader_db, 2),
                effects=track.effects,
                decided=tuple(sorted(track.decided)),
            )
        )
    song = Song(file_name(title or folder.name), folder, tuple(tracks), SAMPLE_RATE, rendered.n_samples)
    write_manifest(song, folder / MANIFEST)
    return decisions


def _track_name(name: str, title: str) -> str:
    """The name, or its number alone if it would be taken for the mix."""
    return name.split()[0] if is_finished_mix(name, title) else name


def _write(path: Path, samples: np.ndarray) -> None:
    soundfile.write(path, samples.T, SAMPLE_RATE, subtype="PCM_24", format="FLAC")


def _difference(lufs: float, mix_lufs: float) -> float | None:
    return _rounded(lufs - mix_lufs) if lufs > _LOWEST_LUFS else None


def _rounded(value: float) -> float | None:
    return round(value, 2) if value > _LOWEST_LUFS else None
