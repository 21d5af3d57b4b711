"""Masking: who covers whom, by energy. Partial loudness is left out on purpose."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from hybrid.knowledge.types.base import RuleType
from hybrid.knowledge.types.fields import Part
from hybrid.knowledge.types.hooks import TargetKind
from hybrid.knowledge.types.requires import Requires
from hybrid.units import Db, HzBand, Plain, Share


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

    moved_by: ClassVar[tuple[str, ...]] = ("eq", "dynamics", "pan")
    unit: ClassVar[str] = "plain"
    target_kind: ClassVar[TargetKind] = "pair"
    opposes: ClassVar[Literal["never", "may", "must"]] = "may"

    scale: Plain = 0.1
    acts_on: tuple[Part, ...] = ("eq",)


class EssentialBandMasking(RuleType):
    """A track gives way where it is not at its best and hides another that is.

    For every track in `for`, how far it stands above the tracks in `against` together, in dB, in the bands that
    are essential to them and not to it, weighted by how essential. Essential are, softly, the strongest
    `essential` bands of a raw track's spectrum. Only the covering track is moved, and only a cut helps: what it
    was cut by beyond `max_cut` is not counted. Within `band`, in the frames in which both sound.

    Source: Hafezi and Reiss 2015, whose listeners heard no less masking but preferred the mixes a little.
    Cheats: flattening the own spectrum (which bands are essential is taken from the raw tracks).
    """

    moved_by: ClassVar[tuple[str, ...]] = ("gain", "eq", "dynamics", "pan")
    unit: ClassVar[str] = "dB"
    requires: ClassVar[Requires] = Requires("treatment", ("eq.tone",))
    opposes: ClassVar[Literal["never", "may", "must"]] = "must"

    band: HzBand = (30.0, 16000.0)
    essential: Share = 0.3
    max_cut: Annotated[Db, Field(gt=0, le=6)] = 6.0
    scale: Db = 3.0
    acts_on: tuple[Part, ...] = ("eq.tone",)


class MaskingBalance(RuleType):
    """No track is sacrificed for the others.

    Soft maximum less soft minimum, over the tracks, of their mean masking as a share of `ceiling`: 0 where all
    are covered alike, 1 where one is lost and another is free.

    Source: Ronan 2018, the difference term of the objective.
    Cheats: covering all tracks alike (masker_to_signal, audibility_floor).
    """

    unit: ClassVar[str] = "plain"
    target_kind: ClassVar[TargetKind] = "bus"

    offset: Db = 6.0
    """How far below a masker of noise its masking level lies."""
    ceiling: Annotated[Db, Field(gt=0)] = 20.0
    scale: Plain = 0.1
    acts_on: tuple[Part, ...] = ("eq", "dynamics")


class LeadClarity(RuleType):
    """The lead can be understood.

    Over the bands of speech, weighted by their importance for intelligibility, how far the tracks in `for` stand
    above those in `against`: each band counts 0 at -15 dB and 1 at +15 dB, on average over the frames in which
    the lead sounds. 0.5 for equal powers in every band.

    Source: ANSI S3.5-1997, the form of the speech intelligibility index and its importance by third octaves.
    Cheats: a harsh lead (region_excess, timbre_change).
    """

    unit: ClassVar[str] = "plain"
    target_kind: ClassVar[TargetKind] = "bus"
    opposes: ClassVar[Literal["never", "may", "must"]] = "must"

    scale: Plain = 0.1
    acts_on: tuple[Part, ...] = ("eq.tone", "dynamics")


class MaskedToUnmasked(RuleType):
    """How much of its own loudness each track keeps in the mix.

    For every track, its partial loudness beside the rest over its loudness alone, from 0 to 1. Measured and
    reported only: processing that follows partial loudness is claimed by patents until 2038.

    Source: Moore, Glasberg and Baer 1997; Aichinger 2011. Every mix is taken to be played at `level`.
    Cheats: none while it moves nothing.
    """

    unit: ClassVar[str] = "plain"
    optimised: ClassVar[bool] = False

    level: Annotated[Db, Field(gt=0, le=120)] = 73.0
    """Sound pressure level of the mix, both loudspeakers together: 73 dB is that of EBU's alignment noise."""
    scale: Plain = 0.1
