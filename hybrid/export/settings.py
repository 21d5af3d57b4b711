"""A treatment written out for people: every move with its unit, track by track."""

from __future__ import annotations

import jax
import numpy as np

from hybrid.audio.song import Song, Track, polarity_name
from hybrid.signal import bands
from hybrid.treatment.parts import N_TONE, RIDE_S, ZONES_HZ
from hybrid.treatment.types import Reverb, Treatment

LOW_CUT_OFF_HZ = 15.0
"""Corners below this are as good as off, and are written as null."""


def zone_names() -> tuple[str, ...]:
    """The zones of dynamics by their borders."""
    low, *inner, high = ZONES_HZ
    middle = [f"{a:.0f}-{b:.0f} Hz" for a, b in zip((low, *inner), (*inner, high), strict=True)]
    return (f"below {low:.0f} Hz", *middle, f"above {high:.0f} Hz")


def tone_points_hz() -> tuple[float, ...]:
    """Frequencies of the points of the tone curve."""
    ends = bands.erb_number(bands.LOWEST_HZ), bands.erb_number(bands.HIGHEST_HZ)
    return tuple(round(float(f), 1) for f in bands.frequency_hz(np.linspace(*ends, N_TONE)))


def settings(song: Song, treatment: Treatment) -> dict[str, object]:
    """The whole treatment as plain data for JSON; curves are cut to the song's length."""
    duration_s = song.n_samples / song.sample_rate
    treatment = jax.tree.map(np.asarray, treatment)
    return {
        "schema": "settings/1",
        "song": song.name,
        "duration_s": round(duration_s, 3),
        "axes": {
            "tone_hz": tone_points_hz(),
            "zones": zone_names(),
            "ride_spacing_s": RIDE_S,
            "dynamics_spacing_s": round(treatment.knot_s, 4),
        },
        "master": {"level_db": round(float(treatment.master.level_db), 3)},
        **({} if treatment.reverb is None else {"room": _room(treatment.reverb)}),
        "tracks": [_track(track, treatment, i, duration_s) for i, track in enumerate(song.tracks)],
    }


def _room(reverb: Reverb) -> dict[str, object]:
    return {
        "decay_s": [round(float(s), 3) for s in np.asarray(reverb.decay_s)],
        "pre_delay_s": round(float(reverb.pre_delay_s), 4),
        "tone_db": [round(float(db), 2) for db in np.asarray(reverb.tone_db)],
    }


def _track(track: Track, treatment: Treatment, i: int, duration_s: float) -> dict[str, object]:
    def row(values: object, digits: int = 2) -> list[float]:
        return [round(float(value), digits) for value in np.asarray(values)]

    n_ride = min(int(duration_s / RIDE_S) + 2, treatment.gain.ride_db.shape[1])
    n_zone = min(int(duration_s / treatment.knot_s) + 2, treatment.dynamics.zone_db.shape[2])
    corner_hz = float(treatment.eq.low_cut_hz[i])
    sends = {} if treatment.reverb is None else {"reverb": {"send_db": row(treatment.reverb.send_db[i : i + 1])[0]}}
    return {
        "id": track.id,
        "role": track.role,
        "polarity": polarity_name(track.polarity),
        "offset_s": round(track.offset_s or 0.0, 6),
        "gain": {
            "level_db": round(float(treatment.gain.level_db[i]), 2),
            "ride_db": row(treatment.gain.ride_db[i, :n_ride]),
        },
        "eq": {
            "tone_db": row(treatment.eq.tone_db[i]),
            "low_cut_hz": round(corner_hz, 1) if corner_hz >= LOW_CUT_OFF_HZ else None,
        },
        "dynamics": {"zone_db": [row(zone[:n_zone]) for zone in treatment.dynamics.zone_db[i]]},
        "pan": {
            "position": round(float(treatment.pan.position[i]), 1),
            "width_db": round(float(treatment.pan.width_db[i]), 2) if track.channels == 2 else None,
        },
        **sends,
    }
