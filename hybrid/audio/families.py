"""Families of roles that can be told by ear alone: what a network names where a file's name says nothing."""

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
"""Roles of each family; a whole kit on one track is one of its own. Of a role and the roles below it, the closest
entry counts."""
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
"""The role that a family stands for where no more is known."""


def family_of(role: str) -> str | None:
    """The family of a role; None for `unknown`."""
    found = [(len(stem), family) for family, stems in FAMILIES.items() for stem in stems if matches(stem, role)]
    return max(found)[1] if found else None
