"""Scope of a rule in a song: tracks, frames, and the table of its type, as arrays of the padded song."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Array, Float


class Scope(NamedTuple):
    """Ones for the tracks and frames that a rule speaks of; padding holds zeros."""

    member: Float[Array, " track"]
    against: Float[Array, " track"]
    frames: Float[Array, " frame"]
    only_with: Float[Array, " track"]
    """Tracks one of which must sound for a frame to count (`when: active`); all ones where the rule names none."""
    table: Float[Array, "..."]
    """What `RuleType.lookup_table` gives for the song: membership of buses (bus, track), values by role (track, value),
    partners (track, track), the frames of sections (section, frame), or a curve and its extent (2, band)."""
