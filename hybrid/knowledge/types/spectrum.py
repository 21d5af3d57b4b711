"""Spectrum: how energy lies over frequency, in the mix and at the low end of each track."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float

from hybrid.knowledge.types.base import MIX, For, RuleType, asking, rms
from hybrid.knowledge.types.fields import Corners, Curve, Part
from hybrid.knowledge.types.hooks import Statistic, TargetKind
from hybrid.knowledge.types.lookup import SongLookup
from hybrid.knowledge.types.requires import Requires
from hybrid.signal import bands
from hybrid.units import Db, DbPerOctave, HzBand, Share


class LongTermSpectrum(RuleType):
    """The mix's spectrum follows the usual curve.

    For every band, level of the mix over the frames in which it sounds, minus `curve` there, minus the mean
    of that difference over all bands: free of level, in dB in bands of constant Q. The curve is
    interpolated along log frequency and held beyond its ends. `signal` is `mid` or `side` for what both channels
    share, or do not.

    Source: Pestana 2013, a nearly linear fall of about 5 dB/oct in density, 2 dB/oct in such bands.
    Cheats: a drone that fills a weak band (acts on tone only, counts only frames that sound).
    """

    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("mix")
    target_kind: ClassVar[TargetKind] = "band"
    fitted_by: ClassVar[Statistic | None] = "spectrum"
    data: ClassVar[frozenset[str]] = frozenset({"curve"})

    curve: Curve
    signal: Literal["both", "mid", "side"] = "both"
    for_: For = MIX
    scale: Db = 1.5
    acts_on: tuple[Part, ...] = ("eq",)

    def reference_curve(self) -> tuple[tuple[float, float], ...]:
        return self.curve

    def following(
        self,
        value: Float[np.ndarray, " target"],
        share: Float[np.ndarray, " target"],
        tolerance: Float[np.ndarray, " target"],
    ) -> RuleType:
        """The rule with the curve that was read as its own, and one tolerance for all bands."""
        filled = share > 0.0
        # outwards at the ends, so that they hold the centres of the outermost bands
        hz = [float(f"{centre:.3g}") for centre in bands.band_centres_hz()[filled].tolist()]
        hz[0], hz[-1] = hz[0] * 0.99, hz[-1] * 1.01
        levels = (bands.curve_db(self.curve) + value)[filled]
        curve = tuple((round(at, 1), round(level, 2)) for at, level in zip(hz, levels.tolist(), strict=True))
        return self.model_copy(update={**asking(0.0, rms(tolerance, share)), "curve": curve})

    def lookup_table(self, song: SongLookup) -> Float[np.ndarray, "2 band"]:
        """The curve in dB, and the octaves of the bands within its corners."""
        inside = bands.bands_between((self.curve[0][0], self.curve[-1][0]))
        return np.stack([bands.curve_db(self.curve), inside * bands.octaves_per_band()]).astype(np.float32)


class SpectralTilt(RuleType):
    """The mix falls off towards the treble by the usual slope.

    Slope of a straight line fitted to the band levels of the mix over octaves within `band`, in dB/oct in
    bands of constant Q: white noise +3.01, pink noise 0.

    Source: Pestana 2013. Contained in long_term_spectrum: enable one of the two.
    Cheats: any shape with the right slope.
    """

    unit: ClassVar[str] = "dB/oct"
    requires: ClassVar[Requires] = Requires("mix")
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

    moved_by: ClassVar[tuple[str, ...]] = ("gain", "eq", "dynamics", "pan")
    unit: ClassVar[str] = "dB"

    data: ClassVar[frozenset[str]] = frozenset({"cutoff"})

    cutoff: Corners
    scale: Db = 3.0
    acts_on: tuple[Part, ...] = ("eq.low_cut",)

    def by_role(self) -> Mapping[str, tuple[float, ...]]:
        return {role: (corner,) for role, corner in self.cutoff.items()}

    def low_cut_hz(self, table: Float[np.ndarray, "..."]) -> Float[np.ndarray, " track"] | None:
        return table[:, 0]


class BandOwnership(RuleType):
    """A band belongs to one part of the arrangement.

    Within `band`, power of the tracks in `for` relative to those in `against`, as sums, over the frames in which
    the owner sounds, in dB: 0 for a share of one half, +6.02 for 0.8.

    Source: textbook practice (Owsinski, Izhaki); which band is whose is by taste.
    Cheats: faders (acts on tone only), thinning everybody else (long_term_spectrum, timbre_change).
    """

    unit: ClassVar[str] = "dB"
    target_kind: ClassVar[TargetKind] = "bus"
    opposes: ClassVar[Literal["never", "may", "must"]] = "must"

    band: HzBand
    scale: Db = 1.5
    acts_on: tuple[Part, ...] = ("eq.tone",)


class RegionExcess(RuleType):
    """No region of the spectrum sticks out.

    Level of `band` of the sum of the tracks in `for`, over the frames in which they sound, minus the straight line
    between the octave below and the octave above it, in dB: 0 for any straight slope, and on pink noise some +4 for a
    bell of 8 dB and Q 1, which lifts its neighbours too. The line carries no gradient.

    Source: textbook practice; regions and limits (mud, box, harshness) are by taste.
    Cheats: lifting the neighbours (the line does not pull; long_term_spectrum).
    """

    unit: ClassVar[str] = "dB"
    target_kind: ClassVar[TargetKind] = "bus"

    band: HzBand
    scale: Db = 1.5
    acts_on: tuple[Part, ...] = ("eq.tone",)


class Sibilance(RuleType):
    """A voice hisses no more than it did.

    For every track, power from 5 to 9 kHz relative to 0.3 to 4 kHz, the mean of the sharpest `share` of the frames
    in which it sounds, minus the same of the raw track, in dB. A limit of -3 dB asks for de-essing.

    Source: textbook practice; the regions and the limit are by taste.
    Cheats: lifting 0.3 to 4 kHz (timbre_change).
    """

    moved_by: ClassVar[tuple[str, ...]] = ("eq", "dynamics", "pan")
    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("tracks", ("eq.tone", "dynamics"))

    share: Share = 0.05
    scale: Db = 1.5
    acts_on: tuple[Part, ...] = ("eq.tone", "dynamics")


class LowEndBudget(RuleType):
    """The low end carries its usual part.

    Power of the mix below 120 Hz relative to that from 120 Hz to 2 kHz, in dB, while the mix sounds. Loudness
    hardly hears the lowest octave, so that this has to be asked for by itself.

    Source: by design; 13 human mixes have -4.3 dB below 120 Hz relative to the whole.
    Cheats: none known (acts on tone and levels alike, within their own rules).
    """

    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("mix")
    target_kind: ClassVar[TargetKind] = "mix"

    for_: For = MIX
    scale: Db = 1.5
    acts_on: tuple[Part, ...] = ("gain.level", "eq.tone")
