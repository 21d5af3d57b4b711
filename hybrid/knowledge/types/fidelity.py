"""Fidelity: an instrument stays itself, controls move smoothly, and little is done."""

from __future__ import annotations

from typing import ClassVar

from hybrid.knowledge.types.base import RuleType
from hybrid.knowledge.types.fields import Part
from hybrid.units import Db, DbPerSecond


class TimbreChange(RuleType):
    """Every track is still the same instrument.

    For every track, root mean square over bands of its change in level, less the mean change, weighted by
    dry energy, in dB: 0 for pure gain.

    Source: Ronan 2018, who bounds every band of a track at 6 dB.
    Cheats: change where the dry track has no energy, which is not heard either.
    """

    unit: ClassVar[str] = "dB"

    scale: Db = 1.0
    acts_on: tuple[Part, ...] = ("eq", "dynamics")


class SmoothControl(RuleType):
    """Levels move without zipping or pumping.

    For every track, how fast its gain moves while it sounds, the mean of the fastest tenth of the absolute
    slope of rides and dynamics, in dB/s: 0 for constant gain.

    Source: textbook practice.
    Cheats: none known.
    """

    unit: ClassVar[str] = "dB/s"

    scale: DbPerSecond = 5.0
    acts_on: tuple[Part, ...] = ("gain", "dynamics")


class MinimalChange(RuleType):
    """Do little.

    For every track, the sum of squares of all its controls, each in its own unit of change: a small pull
    towards doing nothing, which decides wherever the other rules leave a choice. It asks for nothing else.

    Source: by design; it makes the problem well posed.
    Cheats: none; its share of the whole penalty is reported.
    """

    unit: ClassVar[str] = "plain"
    asks: ClassVar[bool] = False
