"""Families of roles that can be classified from audio alone, for files whose names show no role."""

from __future__ import annotations

from hybrid.audio.roles import matches

FAMILIES = {
    "kick": ("drums.kick",),
    "snare or clap": ("drums.snare",),
    "cymbals": ("drums.hihat", "drums.cymbals", "drums.overheads"),
    "toms and percussion": ("drums.tom", "drums.percussion"),
    "kit": ("drums", "drums.room"),
    "bass": ("bass",),
    "chords": ("keys", "guitar", "strings", "synth.pad", "synth.arp", "synth"),
    "melody": ("brass", "woodwind", "synth.lead", "keys.mallet"),
    "voice": ("vocal",),
    "noise or effect": ("fx", "click", "reference"),
}
"""Roles of each family; a whole kit on one track is a family of its own. A role belongs to the family of its longest
matching entry."""
ROLE_OF = {
    "kick": "drums.kick",
    "snare or clap": "drums.snare",
    "cymbals": "drums.cymbals",
    "toms and percussion": "drums.percussion",
    "kit": "drums",
    "bass": "bass",
    "chords": "keys",
    "melody": "synth.lead",
    "voice": "vocal",
    "noise or effect": "fx",
}
"""The role of a track of which only the family is known."""


def family_of(role: str) -> str | None:
    """The family of a role; None for `unknown`."""
    matching = [(len(stem), family) for family, stems in FAMILIES.items() for stem in stems if matches(stem, role)]
    return max(matching)[1] if matching else None
