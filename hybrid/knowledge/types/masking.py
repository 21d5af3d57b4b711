"""Masking: who covers whom, by energy. Partial loudness is left out on purpose."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hybrid.knowledge.types.base import RuleType, TargetKind
from hybrid.knowledge.types.fields import Part
from hybrid.units import Db, Plain


class MaskerToSignal(RuleType):
    """The rest does not cover a track where that track's energy lies.

    For every track, masking level of all other tracks, spread over frequency, minus its own band level,
    clipped softly to 0..`ceiling` dB, then the mean over the bands and frames in which the track sounds,
    weighted by its dry energy to the power 0.3. In dB; identical tracks of equal level read about 0 at an
    offset of 6 dB.

    Source: Ronan 2018; Hafezi and Reiss 2015, who found EQ to move it by a few per cent only: judge by
    listening.
    Cheats: gain wars (does not act on gain), muting the maskers (audibility_floor), filling bands (dry
    weights).
    """

    unit: ClassVar[str] = "dB"

    offset: Db = 6.0
    """How far below a masker of noise its masking level lies."""
    ceiling: Annotated[Db, Field(gt=0)] = 20.0
    """Above this ratio a band is lost anyway and counts no more."""
    scale: Db = 3.0
    acts_on: tuple[Part, ...] = ("eq", "dynamics")


class SpectralOverlap(RuleType):
    """Two tracks that sound together do not fill the same bands.

    For every pair of tracks, the overlap of their distributions of power over bands, while both sound,
    times the share of time in which they do: 1 for identical spectra, 0 for disjoint ones. Independent of
    level. Pairs are all those within `for`, or one from `for` and one from `against`.

    Source: by design, a measure of masking that no fader can game.
    Cheats: extreme filtering (timbre_change).
    """

    unit: ClassVar[str] = "plain"
    target_kind: ClassVar[TargetKind] = "pair"
    opposes: ClassVar[Literal["never", "may", "must"]] = "may"

    scale: Plain = 0.1
    acts_on: tuple[Part, ...] = ("eq",)
