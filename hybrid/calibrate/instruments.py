"""The roles of a table's tracks: from the instrument that it states, and from the name where that says more."""

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
"""By instrument and subtype. Electric keys are organs, pianos and synthesisers: the name tells which."""

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
"""By instrument alone, where the subtype says nothing known."""

NAME_SAYS_MORE: dict[str, tuple[str, ...]] = {
    "drums.overheads": ("drums.room",),
    "keys": ("synth",),
}
"""Roles that a name may put in place of a stated one, besides those below it."""


def role_of(instrument: str | None, subtype: str | None, name: str) -> str:
    """The dotted role of a track; "unknown" where neither the table nor the name says one.

    The double of a lead voice is a backing voice, as it is in a folder of tracks.
    """
    said = guess(name)
    kind = (instrument or "").upper()
    stated = ROLE_OF.get((kind, (subtype or "").upper())) or FAMILY_OF.get(kind)
    if stated is None:
        return said.role
    if stated == "vocal.lead" and "double" in said.tags:
        return "vocal.backing"
    says_more = any(matches(role, said.role) for role in (stated, *NAME_SAYS_MORE.get(stated, ())))
    return said.role if says_more else stated
