"""Space: where tracks stand between the loudspeakers, and what is left of them in mono."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from pydantic import field_validator

from hybrid import quantity
from hybrid.knowledge.types.base import MIX, For, RuleType, asking, rms
from hybrid.knowledge.types.fields import DbByFrequency, Part, Widths
from hybrid.knowledge.types.hooks import Statistic, TargetKind
from hybrid.knowledge.types.lookup import SongLookup
from hybrid.knowledge.types.requires import Requires
from hybrid.signal import bands
from hybrid.units import Db, HzBand, PanStep, Plain, Share, field_error


class SideEnergy(RuleType):
    """The side signal keeps within bounds in a band.

    Power of the side signal relative to that of the mid signal within `band`, in dB: a mono source panned
    half way to one side reads -7.66, the centre reads the floor.

    Source: Perez Gonzalez and Reiss 2010; Mansbridge 2012 (low frequencies stay central).
    Cheats: thinning the band (long_term_spectrum).
    """

    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("mix")
    target_kind: ClassVar[TargetKind] = "mix"
    fitted_by: ClassVar[Statistic | None] = "side"

    band: HzBand
    for_: For = MIX
    scale: Db = 3.0
    acts_on: tuple[Part, ...] = ("pan",)


class PanPosition(RuleType):
    """A track stands at its place.

    For every track, its pan position from -100 (left) to 100 (right), where 10 units are about 1.4 dB
    between the channels at the centre. A stereo track's position is that of its balance.

    Source: Perez Gonzalez and Reiss 2010; Mansbridge 2012.
    Cheats: none known.
    """

    moved_by: ClassVar[tuple[str, ...]] = ("gain", "eq", "dynamics", "pan")
    unit: ClassVar[str] = "pan"
    fitted_by: ClassVar[Statistic | None] = "distance"

    scale: PanStep = 10.0
    acts_on: tuple[Part, ...] = ("pan.position",)

    def fixed_position(self) -> float | None:
        return self.target if self.kind == "require" else None


class SpreadLevel(RuleType):
    """Some tracks are not spread.

    For every track, level of the side signal that its spread makes of its mid, relative to the mid, in dB: -40 where
    there is none. The spread gives width to mono tracks, and cancels in mono.

    Source: by design; that lows and leads stay in the middle is practice.
    Cheats: none known.
    """

    moved_by: ClassVar[tuple[str, ...]] = ("pan.spread",)
    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("treatment", ("pan.spread",))

    scale: Db = 3.0
    acts_on: tuple[Part, ...] = ("pan.spread",)


class LeftRightBalance(RuleType):
    """Left and right carry the same power.

    Power of the right channel of the mix relative to the left, in dB. Mirroring the mix changes its sign.

    Source: Mansbridge 2012, whose tolerance is 1.4 dB.
    Cheats: everything in the centre (similar_apart).
    """

    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("mix")
    target_kind: ClassVar[TargetKind] = "mix"

    for_: For = MIX
    scale: Db = 1.0
    acts_on: tuple[Part, ...] = ("pan",)


class SimilarApart(RuleType):
    """Tracks that sound alike stand apart.

    For every pair of tracks, closeness of their pan positions, a bell of 40 pan units, times how much their
    dry spectra overlap while both sound, times the share of each that is not low frequency: 1 for twins at
    one place, 0 for strangers.

    Source: Perez Gonzalez and Reiss 2010 (similar spectra apart, in even steps; priority keeps the centre).
    Cheats: everything hard left and right (left_right_balance).
    """

    moved_by: ClassVar[tuple[str, ...]] = ("pan.position",)
    unit: ClassVar[str] = "plain"
    requires: ClassVar[Requires] = Requires("treatment", ("pan.position",))
    target_kind: ClassVar[TargetKind] = "pair"

    scale: Plain = 0.1
    acts_on: tuple[Part, ...] = ("pan.position",)


class MonoFoldown(RuleType):
    """The mix survives being played in mono.

    Power of the mono sum relative to that of both channels, in dB: 0 for mono, -3.01 for uncorrelated
    channels, the floor for antiphase. Over all frequencies, for the worst of the bands, or how unevenly it
    falls on the tracks: the standard deviation of their own changes, none of which counts below -30 dB. A
    track in antiphase beside a loud centre is seen by the last alone.

    Source: by geometry; the limits are by taste.
    Cheats: none known.
    """

    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("mix")
    target_kind: ClassVar[TargetKind] = "mix"

    resolution: Literal["broadband", "bands", "tracks"] = "broadband"
    for_: For = MIX
    scale: Db = 1.0
    acts_on: tuple[Part, ...] = ("pan",)

    def required(self) -> Requires:
        return Requires("tracks") if self.resolution == "tracks" else self.requires


class BandBalance(RuleType):
    """Left and right carry the same power in every region.

    As left_right_balance, K-weighted, in regions around 750, 1650, 3650, 7750 and 16000 Hz, in dB. A region with
    less than `floor` of what all of them hold together in the raw tracks is left out. `at` moves what is asked in
    single regions: with a target of 0 dB, `{750 Hz: 1 dB}` asks for 1 dB there.

    Source: Mansbridge 2012, with regions of Tzanetakis 2007 and Perez Gonzalez 2010.
    Cheats: everything in the centre (side_energy, similar_apart).
    """

    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("mix")
    target_kind: ClassVar[TargetKind] = "mix"
    centres_hz: ClassVar[tuple[float, ...]] = (750.0, 1650.0, 3650.0, 7750.0, 16000.0)

    data: ClassVar[frozenset[str]] = frozenset({"at"})

    floor: Share = 0.05
    at: DbByFrequency = ()
    for_: For = MIX
    scale: Db = 1.0
    acts_on: tuple[Part, ...] = ("pan",)

    def entries(self) -> Mapping[str, tuple[float | None, float | None]]:
        low, high = self.bounds()
        offsets = dict(self.at)
        return {
            quantity.write(centre, "Hz"): (
                None if low is None else low + offsets.get(centre, 0.0),
                None if high is None else high + offsets.get(centre, 0.0),
            )
            for centre in self.centres_hz
        }

    def following(
        self,
        value: Float[np.ndarray, " target"],
        share: Float[np.ndarray, " target"],
        tolerance: Float[np.ndarray, " target"],
    ) -> RuleType:
        """The rule asking each region for its own value, with one tolerance for all."""
        regions = zip(self.centres_hz, value.tolist(), share.tolist(), strict=True)
        at = tuple((centre, round(balance, 2)) for centre, balance, counts in regions if counts > 0.0)
        return self.model_copy(update={**asking(0.0, rms(tolerance, share)), "at": at})

    @field_validator("at")
    @classmethod
    def _known_regions(cls, at: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        unknown = [quantity.write(hz, "Hz") for hz, _ in at if hz not in cls.centres_hz]
        if unknown:
            known = ", ".join(quantity.write(hz, "Hz") for hz in cls.centres_hz)
            raise field_error(f"no region around {unknown[0]}: expected {known}")
        return at


class WidthByFrequency(RuleType):
    """The mix widens towards the treble.

    For every band in `widths`, power of the side signal as a share of mid and side together: 0 for mono, 0.5 for
    uncorrelated channels of equal level, 1 for antiphase. What is asked is the range beside each band.

    Source: Mansbridge 2012, the idea; MUSDB18 stems, whose panning widens with frequency; the ranges are by taste.
    Cheats: widening by antiphase (mono_foldown).
    """

    unit: ClassVar[str] = "plain"
    requires: ClassVar[Requires] = Requires("mix")
    target_kind: ClassVar[TargetKind] = "mix"
    asks: ClassVar[bool] = False
    data: ClassVar[frozenset[str]] = frozenset({"widths"})

    widths: Widths
    for_: For = MIX
    scale: Plain = 0.1
    acts_on: tuple[Part, ...] = ("pan",)

    def entries(self) -> Mapping[str, tuple[float | None, float | None]]:
        return {quantity.write_range(band, "Hz"): share for band, share in self.widths.items()}

    def bands_hz(self) -> tuple[tuple[float, float], ...]:
        return tuple(self.widths)

    def following(
        self,
        value: Float[np.ndarray, " target"],
        share: Float[np.ndarray, " target"],
        tolerance: Float[np.ndarray, " target"],
    ) -> RuleType:
        """The rule with a range around the value of each band; one that was not read may have any width."""
        low, high = np.clip([value - tolerance, value + tolerance], 0.0, 1.0).round(4).tolist()
        asked = zip(self.widths, low, high, share.tolist(), strict=True)
        widths = {band: (first, last) if counts > 0.0 else (0.0, 1.0) for band, first, last, counts in asked}
        return self.model_copy(update={"widths": widths, "enabled": True})

    def lookup_table(self, song: SongLookup) -> Float[np.ndarray, "entry band"]:
        """One for the measured bands within each of `widths`."""
        return np.stack([bands.bands_between(band) for band in self.widths]).astype(np.float32)


class PairSpread(RuleType):
    """Two tracks of one part stand on opposite sides.

    For every two tracks of `for` that follow each other in one role, how far apart they stand as a share of the
    way from left to right, less how far their middle is off the centre. 0.5 for L50 and R50. Tracks that share
    phase, two microphones on one source, are not doubles and are left out.

    Source: textbook practice for doubled guitars and voices; 0.7 of correlation as the border of doubles is
    published in rules for panning.
    Cheats: none known; left_right_balance and no hard pan hold its ends.
    """

    moved_by: ClassVar[tuple[str, ...]] = ("gain", "eq", "dynamics", "pan")
    unit: ClassVar[str] = "plain"
    target_kind: ClassVar[TargetKind] = "pair"

    scale: Plain = 0.1
    acts_on: tuple[Part, ...] = ("pan.position",)

    def lookup_table(self, song: SongLookup) -> Float[np.ndarray, "track track"]:
        """One for pairs of the rule's tracks that follow each other by name in one role: 1st and 2nd, 3rd and 4th."""
        tracks, chosen = song.tracks, song.selected(self.for_)
        table = np.zeros((song.n_tracks, song.n_tracks), np.float32)
        for role in {tracks[i].role for i in chosen}:
            same = sorted((i for i in chosen if tracks[i].role == role), key=lambda i: tracks[i].id)
            for first, second in zip(same[::2], same[1::2], strict=False):
                table[first, second] = 1.0
        return table
