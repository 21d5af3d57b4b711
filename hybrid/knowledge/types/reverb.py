"""Reverb: how much of it, and what kind of room. The first two open the room; without them a mix is dry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from hybrid.knowledge.types.base import MIX, For, RuleType
from hybrid.knowledge.types.fields import BeatRange, LuByRole, Part
from hybrid.knowledge.types.hooks import TargetKind
from hybrid.knowledge.types.requires import Requires
from hybrid.units import Db, HzBand, Lu, Seconds


class ReturnToDirect(RuleType):
    """Each track brings its usual reverb.

    For every track, loudness of what comes back from the room of it relative to the track itself, over the whole
    song, less its `offset`, in LU: the send in dB, at a flat tone.

    Source: Pestana and Reiss 2014, whose listeners preferred -9 LU and disliked reverb as loud as the sound. The
    offsets by role are by taste.
    Cheats: a return of frequencies that loudness does not hear (return_band), a room so short that it reads as
    the sound itself (decay_time).
    """

    unit: ClassVar[str] = "LU"
    requires: ClassVar[Requires] = Requires("treatment", ("reverb",))
    opens_room: ClassVar[bool] = True
    data: ClassVar[frozenset[str]] = frozenset({"offset"})

    offset: LuByRole = Field(default={})
    """By role, how much more than what is asked."""
    scale: Lu = 2.0
    acts_on: tuple[Part, ...] = ("reverb.send",)

    def by_role(self) -> Mapping[str, tuple[float, ...]]:
        return {role: (offset,) for role, offset in self.offset.items()} or {"all": (0.0,)}


class ReverbToMix(RuleType):
    """All reverb together stays in its place.

    Loudness of all that comes back from the room relative to the whole mix, in LU. Not the same as
    return_to_direct: this one is of the sum.

    Source: De Man 2017, who found a level, near -14 LU, above which reverb is too much.
    Cheats: as for return_to_direct.
    """

    unit: ClassVar[str] = "LU"
    requires: ClassVar[Requires] = Requires("treatment", ("reverb",))
    target_kind: ClassVar[TargetKind] = "mix"
    opens_room: ClassVar[bool] = True

    for_: For = MIX
    scale: Lu = 2.0
    acts_on: tuple[Part, ...] = ("reverb.send",)


class _InBeats(RuleType):
    """A time that may be asked for in beats where the song's tempo is known."""

    unit: ClassVar[str] = "s"
    target_kind: ClassVar[TargetKind] = "mix"

    beats: BeatRange | None = None
    """What is asked instead, in beats, where the tempo is known."""
    for_: For = MIX
    acts_on: tuple[Part, ...] = ("reverb",)

    def bounds(self, beat_s: float | None = None) -> tuple[float | None, float | None]:
        if self.beats is None or beat_s is None:
            return super().bounds()
        return self.beats[0] * beat_s, self.beats[1] * beat_s


class DecayTime(_InBeats):
    """The room rings as long as the music leaves time for.

    Time in which the return falls by 60 dB, the mean over the zones from 150 Hz to 5 kHz, in s.

    Source: ISO 3382-1 for the quantity; that a tail ends within a bar is practice.
    Cheats: none: it is a parameter of the room.
    """

    moved_by: ClassVar[tuple[str, ...]] = ("reverb.decay",)
    requires: ClassVar[Requires] = Requires("treatment", ("reverb.decay",))

    scale: Seconds = 0.3
    acts_on: tuple[Part, ...] = ("reverb.decay",)


class PreDelay(_InBeats):
    """The room answers a moment after the sound.

    Time between the sound and the first of what comes back, in s.

    Source: practice, a sixteenth to an eighth of a beat and up.
    Cheats: none: it is a parameter of the room.
    """

    moved_by: ClassVar[tuple[str, ...]] = ("reverb.pre_delay",)
    requires: ClassVar[Requires] = Requires("treatment", ("reverb.pre_delay",))

    scale: Seconds = 0.01
    acts_on: tuple[Part, ...] = ("reverb.pre_delay",)


class ReturnBand(RuleType):
    """The return leaves the lowest and the highest octaves alone.

    Power of the return outside `band` relative to that inside, in dB, for a sound of equal power in every octave.

    Source: practice, with cuts at 200 to 600 Hz and 6 to 10 kHz.
    Cheats: none known.
    """

    moved_by: ClassVar[tuple[str, ...]] = ("reverb.tone",)
    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("treatment", ("reverb.tone",))
    target_kind: ClassVar[TargetKind] = "mix"

    band: HzBand = (300.0, 8000.0)
    for_: For = MIX
    scale: Db = 3.0
    acts_on: tuple[Part, ...] = ("reverb.tone",)
