"""Output: how loud the whole is, how its loudness moves, and how far its peaks stand out."""

from __future__ import annotations

from typing import ClassVar

from hybrid.knowledge.types.base import MASTER, MIX, For, RuleType
from hybrid.knowledge.types.fields import Part
from hybrid.knowledge.types.hooks import TargetKind
from hybrid.knowledge.types.requires import Requires
from hybrid.units import Db, Lu, Seconds, Share


class IntegratedLoudness(RuleType):
    """The mix is delivered at its loudness.

    Gated integrated loudness of the delivered mix after BS.1770, in LUFS. Met exactly by the output level.

    Source: ITU-R BS.1770-5; AES TD1008 for streaming.
    Cheats: long quiet passages, which the gate leaves out; low frequencies, which the K-weighting
    discounts.
    """

    moved_by: ClassVar[tuple[str, ...]] = ("gain", "eq", "dynamics", "pan", "reverb", "master")
    unit: ClassVar[str] = "LUFS"
    requires: ClassVar[Requires] = Requires("mix")
    target_kind: ClassVar[TargetKind] = "mix"

    for_: For = MASTER
    scale: Lu = 1.0
    acts_on: tuple[Part, ...] = ("master",)

    def aim_lufs(self) -> float | None:
        """The target, else the top of what is asked, else its bottom, in LUFS."""
        low, high = self.bounds()
        if self.target is not None:
            return self.target
        return high if high is not None else low


class TruePeak(RuleType):
    """The mix's true peak stays under its ceiling.

    Highest level between the samples of the delivered mix, oversampled, in dBTP. Met exactly by a trim.

    Source: EBU R 128, maximum true peak -1 dBTP; ITU-R BS.1770-5, annex 2.
    Cheats: turning the whole mix down (integrated_loudness fixes the level).
    """

    moved_by: ClassVar[tuple[str, ...]] = ("gain", "eq", "dynamics", "pan", "reverb", "master")
    unit: ClassVar[str] = "dBTP"
    requires: ClassVar[Requires] = Requires("mix")
    target_kind: ClassVar[TargetKind] = "mix"

    for_: For = MASTER
    scale: Db = 0.2
    acts_on: tuple[Part, ...] = ("master",)

    def ceiling_dbtp(self) -> float | None:
        return self.bounds()[1]


class LoudnessRange(RuleType):
    """Loud and quiet passages lie within a usual range.

    95th less 10th percentile of short-term loudness over 3 s, of what passes gates at -70 LUFS and 20 LU below
    the mean, in LU: 10 for two halves of -20 and -30 LUFS. Not judged in songs shorter than `shortest`, in
    which it says little.

    Source: EBU Tech 3342, which advises against a hard limit; the limits are by taste.
    Cheats: slow fades (no rule feels them; the range of a ride, 12 dB from end to end, is all that limits them),
    passages that sink below the gate (the gate has no slope).
    """

    unit: ClassVar[str] = "LU"
    requires: ClassVar[Requires] = Requires("mix")
    target_kind: ClassVar[TargetKind] = "mix"

    shortest: Seconds = 60.0
    for_: For = MIX
    scale: Lu = 1.0
    acts_on: tuple[Part, ...] = ("gain.ride", "dynamics")


class PeakToLoudness(RuleType):
    """The highest peak stands out from the whole by a usual amount.

    True peak of the output minus its integrated loudness, in dB: 3.01 for a full-scale sine of 997 Hz in one channel.
    Between renderings it is that of the raw sum, for a peak cannot be known from powers: it is reported, and not
    followed.

    Source: AES TD1004 names the quantity; the limits are by taste.
    Cheats: one click (peak_to_short_term, whose percentile a click does not move).
    """

    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("mix")
    target_kind: ClassVar[TargetKind] = "mix"
    optimised: ClassVar[bool] = False

    for_: For = MASTER
    scale: Db = 1.0
    acts_on: tuple[Part, ...] = ("dynamics",)


class PeakToShortTerm(RuleType):
    """Peaks stand out from what surrounds them, nearly everywhere.

    Highest sample peak within 3 s minus short-term loudness there, in dB, of which the lowest `share` of the song
    is averaged, while the song sounds. Between renderings, peaks keep their distance to the power of their frame.

    Source: AES TD1004 and common practice, 8 dB and more; the limit is by taste.
    Cheats: isolated spikes (a percentile, not a maximum).
    """

    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("mix")
    target_kind: ClassVar[TargetKind] = "mix"

    share: Share = 0.05
    for_: For = MIX
    scale: Db = 1.0
    acts_on: tuple[Part, ...] = ("dynamics",)
