"""The roles of the tracks of a table: from the stated instrument, or from the name where that is more specific."""

from __future__ import annotations

from hybrid.audio.roles import guess, matches

ROLE_OF: dict[tuple[str, str], str] = {
    ("VOCALS", "LEAD"): "vocal.lead",
    ("VOCALS", "BACKGROUND"): "vocal.backing",
    ("DRUMS", "KICK"): "drums.kick",
    ("DRUMS", "SNARE"): "drums.snare",
    ("DRUMS", "TOM"): "drums.tom",
    ("DRUMS", "HI-HAT"): "drums.hihat",
    ("DRUMS", "CRASH"): "drums.cymbals",
    ("DRUMS", "RIDE"): "drums.cymbals",
    ("DRUMS", "OVERHEAD"): "drums.overheads",
    ("DRUMS", "OVERHEADS"): "drums.overheads",
    ("DRUMS", "ROOM"): "drums.room",
    ("DRUMS", "TAMBOURINE"): "drums.percussion",
    ("DRUMS", "MISC"): "drums.percussion",
    ("BASS", "ELECTRIC"): "bass.electric",
    ("BASS", "SYNTH"): "bass.synth",
    ("BASS", "ACOUSTIC"): "bass.acoustic",
    ("GUITARS", "ELECTRIC"): "guitar.electric",
    ("GUITARS", "ACOUSTIC"): "guitar.acoustic",
    ("KEYS", "ACOUSTIC"): "keys.piano",
}
"""By instrument and subtype. Electric keys are absent: the name distinguishes organs, pianos and synthesisers."""

FAMILY_OF: dict[str, str] = {
    "VOCALS": "vocal",
    "DRUMS": "drums",
    "BASS": "bass",
    "GUITARS": "guitar",
    "KEYS": "keys",
    "SYNTH": "synth",
    "STRINGS": "strings",
    "BRASS": "brass",
    "WOODWIND": "woodwind",
}
"""By instrument alone, where the subtype is unknown."""

REFINED_BY_NAME: dict[str, tuple[str, ...]] = {
    "drums.overheads": ("drums.room",),
    "keys": ("synth",),
}
"""Roles that a name may substitute for a stated one, besides its sub-roles."""


def role_of(instrument: str | None, subtype: str | None, name: str) -> str:
    """The dotted role of a track; "unknown" where neither instrument nor name gives one.

    The double of a lead voice is a backing voice, as in a folder of tracks.
    """
    from_name = guess(name)
    kind = (instrument or "").upper()
    stated = ROLE_OF.get((kind, (subtype or "").upper())) or FAMILY_OF.get(kind)
    if stated is None:
        return from_name.role
    if stated == "vocal.lead" and "double" in from_name.tags:
        return "vocal.backing"
    name_is_finer = any(matches(role, from_name.role) for role in (stated, *REFINED_BY_NAME.get(stated, ())))
    return from_name.role if name_is_finer else stated
