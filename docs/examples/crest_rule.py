"""A rule type of one's own: the hits of a drum stand out from what rings between them."""

from __future__ import annotations

from typing import ClassVar

from hybrid.plugin import (
    Db,
    Panel,
    Part,
    Reading,
    Requires,
    RuleType,
    Scope,
    Share,
    db,
    mean_over,
    sounding,
    tracks_heard,
    worst_mean,
)


class CrestFactor(RuleType):
    """A drum keeps its punch.

    For every track, level of the loudest `share` of the frames of a tenth of a second in which it sounds, minus the
    level of its mean power in all of them, in dB, K-weighted: 0 for a steady tone, 10 for one hit in ten frames.

    Source: the crest factor, over frames rather than samples, so that it can be predicted from powers.
    Cheats: pumping (smooth_control), a quieter tail that was meant to ring (timbre_change).
    """

    unit: ClassVar[str] = "dB"
    family: ClassVar[str] = "dynamics"
    requires: ClassVar[Requires] = Requires("tracks", ("gain.ride", "dynamics"))

    share: Share = 0.1
    """Of the frames, those that count as hits."""
    scale: Db = 1.0
    acts_on: tuple[Part, ...] = ("dynamics",)

    def measure(self, song: Panel, scope: Scope) -> Reading:
        """Level of each track's hits over its mean power, dB."""
        active = sounding(song, scope)
        counted = (active > 0.0).astype(active.dtype)
        hits = worst_mean(db(song.track_k), self.share, counted)
        return Reading(hits - db(mean_over(song.track_k, active)), tracks_heard(scope, active))
