"""Fidelity: an instrument stays itself, controls move smoothly, and little is done."""

from __future__ import annotations

from typing import ClassVar

from hybrid.knowledge.types.base import RuleType
from hybrid.knowledge.types.fields import EVERY_PART, Part
from hybrid.knowledge.types.hooks import TargetKind
from hybrid.knowledge.types.requires import Requires
from hybrid.units import Db, DbPerSecond


class TimbreChange(RuleType):
    """Every track is still the same instrument.

    For every track, root mean square over bands of its change in level, less the mean change, weighted by
    dry energy, in dB: 0 for pure gain.

    Source: Ronan 2018, who bounds every band of a track at 6 dB.
    Cheats: change where the dry track has no energy, which is not heard either.
    """

    moved_by: ClassVar[tuple[str, ...]] = ("gain.ride", "eq", "dynamics", "pan")
    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("tracks", ("eq", "dynamics"))

    scale: Db = 1.0
    acts_on: tuple[Part, ...] = ("eq", "dynamics")


class SmoothControl(RuleType):
    """Levels move without zipping or pumping.

    For every track, how fast its gain moves while it sounds, the mean of the fastest tenth of the absolute
    slope of rides and dynamics, in dB/s: 0 for constant gain.

    Source: textbook practice.
    Cheats: none known.
    """

    moved_by: ClassVar[tuple[str, ...]] = ("gain.ride", "dynamics")
    unit: ClassVar[str] = "dB/s"
    requires: ClassVar[Requires] = Requires("treatment", ("gain.ride", "dynamics"))

    scale: DbPerSecond = 5.0
    acts_on: tuple[Part, ...] = ("gain", "dynamics")


class MinimalChange(RuleType):
    """Do little.

    For every track, the sum of squares of all its controls, each in its own unit of change: a small pull
    towards doing nothing, which decides wherever the other rules leave a choice. It asks for nothing else.

    Source: by design; it makes the problem well posed.
    Cheats: none; its share of the whole penalty is reported.
    """

    moved_by: ClassVar[tuple[str, ...]] = ("gain", "eq", "dynamics", "pan", "reverb.send")
    unit: ClassVar[str] = "plain"
    requires: ClassVar[Requires] = Requires("treatment", EVERY_PART)
    asks: ClassVar[bool] = False


class TransientsKept(RuleType):
    """Attacks keep their edge.

    For every track, how much louder its attacks are than what follows within a tenth of a second, after treatment
    less before, in dB: the mean over the onsets of the raw track, each by its strength. 0 for constant gain.

    Source: by design; the range is by taste.
    Cheats: gain spikes at onsets (smooth_control).
    """

    moved_by: ClassVar[tuple[str, ...]] = ("gain.ride", "dynamics")
    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("treatment", ("gain.ride", "dynamics"))

    scale: Db = 1.5
    acts_on: tuple[Part, ...] = ("dynamics",)


class PhaseCoherence(RuleType):
    """Microphones on one source add up.

    For the tracks in `for` together, power of their sum below 500 Hz relative to the sum of their powers, in dB,
    minus the same of the raw tracks: 0 as recorded. Polarity and delay are set right before; this one keeps tone and
    dynamics of single microphones from taking it back.

    Source: by geometry: two equal tracks +3.01 dB, one of them inverted the floor.
    Cheats: none known.
    """

    moved_by: ClassVar[tuple[str, ...]] = ("gain", "eq", "dynamics", "pan")
    unit: ClassVar[str] = "dB"
    target_kind: ClassVar[TargetKind] = "bus"

    scale: Db = 1.0
    acts_on: tuple[Part, ...] = ("eq.tone", "dynamics")


class QuietRests(RuleType):
    """Nothing new is heard in the rests.

    For every track, its level where it does not sound relative to where it does, after treatment less before, in dB:
    0 for constant gain, negative for a gate, positive where rests are lifted.

    Source: by design; 3 dB is by taste.
    Cheats: none known; which frames are rests is taken from the raw track.
    """

    moved_by: ClassVar[tuple[str, ...]] = ("gain.ride", "eq", "dynamics", "pan")
    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("tracks", ("gain.ride", "dynamics"))

    scale: Db = 3.0
    acts_on: tuple[Part, ...] = ("gain.ride", "dynamics")


class Distortion(RuleType):
    """No dirt is added.

    For every track, power that a fixed filter of up to 12 ms and a gain that follows at up to 5 Hz explain of it,
    from the raw track, relative to the rest, in dB: 40 for 1 % of a third harmonic. Needs audio: until a mix is
    rendered it reads 100, and it moves nothing.

    Source: by design, a signal-to-distortion ratio; 30 dB is by taste.
    Cheats: none while it moves nothing.
    """

    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("tracks", EVERY_PART)
    optimised: ClassVar[bool] = False

    scale: Db = 3.0


class Artefacts(RuleType):
    """What comes out was in what went in.

    As distortion, but the filter may change every 0.4 s, as a treatment of tone over time may: what is left was
    made, not shaped. Needs audio: until a mix is rendered it reads 100, and it moves nothing.

    Source: by design, a signal-to-artefacts ratio; 25 dB is by taste.
    Cheats: none while it moves nothing.
    """

    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("tracks", EVERY_PART)
    optimised: ClassVar[bool] = False

    scale: Db = 3.0
