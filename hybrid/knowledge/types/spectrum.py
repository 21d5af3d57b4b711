"""Spectrum: how energy lies over frequency, in the mix and at the low end of each track."""

from __future__ import annotations

from typing import ClassVar

from hybrid.knowledge.types.base import MIX, For, RuleType, TargetKind
from hybrid.knowledge.types.fields import Corners, Curve, Part
from hybrid.units import Db, DbPerOctave, HzBand


class LongTermSpectrum(RuleType):
    """The mix's spectrum follows the usual curve.

    For every band, level of the mix over the frames in which it sounds, minus `curve` there, minus the mean
    of that difference over all bands: free of level, in dB in bands of constant Q. The curve is
    interpolated along log frequency and held beyond its ends.

    Source: Pestana 2013, a nearly linear fall of about 5 dB/oct in density, 2 dB/oct in such bands.
    Cheats: a drone that fills a weak band (acts on tone only, counts only frames that sound).
    """

    unit: ClassVar[str] = "dB"
    target_kind: ClassVar[TargetKind] = "band"

    curve: Curve
    for_: For = MIX
    scale: Db = 1.5
    acts_on: tuple[Part, ...] = ("eq",)


class SpectralTilt(RuleType):
    """The mix falls off towards the treble by the usual slope.

    Slope of a straight line fitted to the band levels of the mix over octaves within `band`, in dB/oct in
    bands of constant Q: white noise +3.01, pink noise 0.

    Source: Pestana 2013. Contained in long_term_spectrum: enable one of the two.
    Cheats: any shape with the right slope.
    """

    unit: ClassVar[str] = "dB/oct"
    target_kind: ClassVar[TargetKind] = "mix"

    band: HzBand = (100.0, 4000.0)
    for_: For = MIX
    scale: DbPerOctave = 0.5
    acts_on: tuple[Part, ...] = ("eq",)


class LowEnergyRatio(RuleType):
    """A track carries no rumble below its own range.

    For every track, its power below `cutoff` relative to its whole power, over the frames in which it
    sounds, in dB. The cutoff may differ by role; a track whose role has none is left out.

    Source: textbook practice; the corners by role are by taste.
    Cheats: none known: the low cut is the only part it moves.
    """

    unit: ClassVar[str] = "dB"

    cutoff: Corners
    scale: Db = 3.0
    acts_on: tuple[Part, ...] = ("eq.low_cut",)
