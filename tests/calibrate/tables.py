"""Miniature tables of decisions, whose medians can be told by hand."""

from __future__ import annotations

from hybrid.calibrate.decisions import observe_table
from hybrid.calibrate.estimate import Estimate, Key, estimates
from hybrid.calibrate.parent import Parent, load_parent
from hybrid.calibrate.schema import MixRow

Row = dict[str, object]


def parent() -> Parent:
    return load_parent("base")


def track(name: str, instrument: str, subtype: str, lufs: float | None = -20.0, gain: object = 0.0, **more) -> Row:
    pan = more.pop("pan", [0])
    fields = {"name": name, "type": "AUDIO", "instrument": instrument, "subtype": subtype, "channels": "MONO"}
    return {**fields, "raw_lufs": lufs, "parameters": {"gain": gain, "pan": list(pan)}, **more}


def band(lead_db: float = 0.0, drums_db: float = 0.0, all_db: float = 0.0, pan: float = 40.0) -> list[Row]:
    """A lead, a kick, a bass, a guitar to one side, and a backing voice, all equally loud before their faders."""
    return [
        track("LeadVox", "VOCALS", "LEAD", gain=lead_db + all_db),
        track("Kick", "DRUMS", "KICK", gain=drums_db + all_db),
        track("Bass", "BASS", "ELECTRIC", gain=all_db),
        track("Gtr", "GUITARS", "ELECTRIC", gain=all_db, pan=[pan]),
        track("Bv", "VOCALS", "BACKGROUND", gain=all_db, pan=[-pan]),
    ]


def mix(song: str, tracks: list[Row], scores: tuple[float, ...] = (), name: str = "A") -> Row:
    return {"mix": name, "song": song, "genre": "POP", "scores": list(scores), "tracks": tracks}


def tracks_of(fields: Row) -> list[Row]:
    tracks = fields["tracks"]
    assert isinstance(tracks, list)
    return tracks


def rows(*mixes: Row) -> list[MixRow]:
    return [MixRow.model_validate(each) for each in mixes]


def estimates_of(*mixes: Row, weigh_by_scores: bool = False, extends: str = "base") -> dict[Key, Estimate]:
    return estimates(observe_table(rows(*mixes), load_parent(extends), weigh_by_scores))
