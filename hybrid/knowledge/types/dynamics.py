"""Dynamics: how much gains move, what is left of the life of a track, and the form of the song."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import field_validator

from hybrid.knowledge.select import Words
from hybrid.knowledge.types.base import RuleType
from hybrid.knowledge.types.fields import Part
from hybrid.knowledge.types.hooks import TargetKind
from hybrid.knowledge.types.requires import Requires
from hybrid.units import Db, HzBand, Lu, Share, field_error


class GainReduction(RuleType):
    """A track is held as firmly as its kind usually is.

    For every track, how far dynamics turn it down from where they leave it most, over the frames in which it sounds
    and weighted over zones by its energy, in dB from 0 down: the mean, or the deepest twentieth.

    Source: ranges by role are by taste; Ronan 2018 for bounds of compressors.
    Cheats: holding it by the fader instead (level_consistency is about that).
    """

    moved_by: ClassVar[tuple[str, ...]] = ("dynamics",)
    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("treatment", ("dynamics",))

    statistic: Literal["mean", "deepest"] = "mean"
    scale: Db = 1.0
    acts_on: tuple[Part, ...] = ("dynamics",)


class LevelConsistency(RuleType):
    """The lead keeps its distance to the rest.

    Loudness of the tracks in `for` minus those in `against` in windows of 3 s while both sound: 95th less 5th
    percentile, after the mean of each section is taken off, in LU. A ride does it.

    Source: practice; the limit is by taste.
    Cheats: lifting breaths and noise between words (quiet_rests).
    """

    unit: ClassVar[str] = "LU"
    target_kind: ClassVar[TargetKind] = "bus"
    opposes: ClassVar[Literal["never", "may", "must"]] = "must"

    sections: Words = ()
    """Whose means are taken off; those of the rule file, all of them, unless they are named."""
    scale: Lu = 1.0
    acts_on: tuple[Part, ...] = ("gain.ride",)

    def section_names(self) -> tuple[str, ...] | None:
        return self.sections


class MicroDynamics(RuleType):
    """A track keeps its small movements.

    For every track, how far its level moves about its running mean over 2 s, root mean square over the frames in
    which it sounds, relative to the same of the raw track, in dB: 0 untouched, less than 0 flattened. Frames of a
    tenth of a second and more see the slower part of what the ear calls fluctuation, below 5 Hz, which is what
    the treatment's dynamics can move at all.

    Source: by design, after the modulation spectrum; the range is by taste.
    Cheats: none known; two-sided.
    """

    moved_by: ClassVar[tuple[str, ...]] = ("gain", "eq", "dynamics", "pan")
    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("tracks", ("gain.ride", "dynamics"))

    scale: Db = 1.0
    acts_on: tuple[Part, ...] = ("dynamics", "gain.ride")


class ContourChange(RuleType):
    """The song keeps its own arc.

    Short-term loudness of the tracks in `for`, in windows of 3 s, against that of the same raw tracks at the levels
    that they have in the mix: what moves in time, not where faders stand. Its standard deviation over the windows
    within 20 LU of the loudest, in LU; 0 for faders alone.

    Source: by design; EBU Tech 3341 for short-term loudness. In mixes by people the course follows their own faders
    (correlation 0.84 in 13 songs), whatever else they do.
    Cheats: none known; a constant change is none.
    """

    unit: ClassVar[str] = "LU"
    target_kind: ClassVar[TargetKind] = "bus"

    scale: Lu = 0.5
    acts_on: tuple[Part, ...] = ("gain.ride", "dynamics")


class SidechainDepth(RuleType):
    """The bass ducks under the kick.

    For every track in `for`, mean gain of its dynamics within `band` while the tracks in `against` strike, minus
    that while they do not, in dB: negative where it ducks. Read off the gain, not the signal, so that the pattern of
    the bass does not matter. Counts only tracks that share more than half of the band with the kick.

    Source: practice; the range is by taste.
    Cheats: turning the bass down for good (a difference, so 0).
    """

    moved_by: ClassVar[tuple[str, ...]] = ("dynamics",)
    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("treatment", ("dynamics",))
    opposes: ClassVar[Literal["never", "may", "must"]] = "must"

    band: HzBand = (40.0, 120.0)
    scale: Db = 1.0
    acts_on: tuple[Part, ...] = ("dynamics",)


class SectionContrast(RuleType):
    """One section stands out from another.

    Loudness of the tracks in `for` while they sound in the first of two `sections` minus that in the second, in LU;
    less the share `of_raw` of the same difference between the raw tracks, so that `of_raw: 50 %` with `min: 0 LU` keeps
    half of what was played.

    Source: practice; the range is by taste.
    Cheats: none known; two-sided.
    """

    unit: ClassVar[str] = "LU"
    target_kind: ClassVar[TargetKind] = "bus"

    sections: Words
    of_raw: Share = 0.0
    scale: Lu = 1.0
    acts_on: tuple[Part, ...] = ("gain.ride", "dynamics")

    def section_names(self) -> tuple[str, ...] | None:
        return self.sections

    @field_validator("sections")
    @classmethod
    def _two(cls, sections: tuple[str, ...]) -> tuple[str, ...]:
        if len(sections) != 2 or sections[0] == sections[1]:
            raise field_error("expected two different sections such as [chorus, verse]: the first against the second")
        return sections
