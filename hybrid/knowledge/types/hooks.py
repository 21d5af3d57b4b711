"""Declarations of a rule type: facts of the class, and hooks, each with a neutral default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel

from hybrid.knowledge.types.lookup import SongLookup
from hybrid.knowledge.types.requires import Requires

TargetKind = Literal["track", "bus", "mix", "band", "pair"]
Statistic = Literal["share", "lead", "distance", "side", "spectrum", "usual", "expected"]
"""What `hybrid rules fit` estimates of reference mixes: shares of buses, the lead over the rest, distance from the
centre, side over mid, the spectrum, what is usual for tracks of a role, and how their levels depend on the song."""


class RuleHooks(BaseModel):
    """Facts and hooks of a rule type; a type overrides those in which it differs."""

    unit: ClassVar[str] = "plain"
    target_kind: ClassVar[TargetKind] = "track"
    asks: ClassVar[bool] = True
    """Whether a rule states an interval; if not, the type brings its own."""
    opposes: ClassVar[Literal["never", "may", "must"]] = "never"
    """Whether a rule names `against`."""
    optimised: ClassVar[bool] = True
    """Whether the rule's gradient is worth following; if not, it is measured and reported, and moves nothing."""
    moved_by: ClassVar[tuple[str, ...]] = ("gain", "eq", "dynamics", "pan", "reverb")
    """Groups and parts of a treatment that can change what the type measures: another in `acts_on` moves nothing. Not
    relied on for a type of a plug-in that does not state it."""
    requires: ClassVar[Requires] = Requires("tracks")
    """The knowledge of a mix that the type is measured from."""
    opens_room: ClassVar[bool] = False
    """Whether the mix has reverb once a rule of this type is on."""
    starts_levels: ClassVar[bool] = False
    """Whether refinement without a network starts where the raw tracks' values, in LU, are taken off their levels."""
    fitted_by: ClassVar[Statistic | None] = None
    """The statistic of reference mixes by which `hybrid rules fit` sets what rules of the type ask."""
    family: ClassVar[str] = ""
    """The family by which ablations judge rules of the type; empty for the name of the type's module."""
    measure: ClassVar[Callable[..., object]]
    """The method `measure(self, song: Panel, scope: Scope) -> Reading` of a plug-in's type: one value for each target,
    in `unit`, as a pure and differentiable function of the song, traced by JAX. Shipped types have theirs in
    `hybrid.knowledge.readings`, so that rule files can be checked without JAX."""
    data: ClassVar[frozenset[str]] = frozenset()
    """Parameters that are data rather than program: another value compiles nothing anew."""

    def required(self) -> Requires:
        """The knowledge that this rule is measured from: more than the type's where a parameter asks for more."""
        return self.requires

    def entries(self) -> Mapping[str, tuple[float | None, float | None]]:
        """The targets that the rule itself names, each with its bounds; none for types whose targets the song gives."""
        return {}

    def by_role(self) -> Mapping[str, tuple[float, ...]]:
        """Values that the rule looks up for each track by its role; a track without an entry gets zeros."""
        return {}

    def buses(self) -> tuple[str, ...]:
        """Sets or role patterns whose tracks the rule takes together, a row of the table each."""
        return ()

    def section_names(self) -> tuple[str, ...] | None:
        """Sections whose frames the rule looks up, empty for all of the rule file; None if it looks up no sections."""
        return None

    def lookup_table(self, song: SongLookup) -> Float[np.ndarray, "..."]:
        """`Scope.table`: what the rule looks up in a song, of a shape that does not depend on which tracks match."""
        if self.buses():
            return song.bus_members(self.buses())
        if self.by_role():
            return song.values_by_role(self.by_role())
        names = self.section_names()
        return np.zeros(0, np.float32) if names is None else song.section_frames(names)

    def bands_hz(self) -> tuple[tuple[float, float], ...]:
        """Bands within which the rule measures, in Hz; none for a rule that measures all bands."""
        band: tuple[float, float] | None = getattr(self, "band", None)
        return () if band is None else (band,)

    def reference_curve(self) -> tuple[tuple[float, float], ...]:
        """Points (Hz, dB) of the curve that the mix's spectrum is held against; none for other rules."""
        return ()

    def aim_lufs(self) -> float | None:
        """Loudness to which the output level brings the mix, in LUFS; None if the rule sets none."""
        return None

    def ceiling_dbtp(self) -> float | None:
        """True peak under which the output level keeps the mix, in dBTP; None if the rule sets none."""
        return None

    def fixed_position(self) -> float | None:
        """Pan position at which the rule's mono tracks are pinned by construction; None if it pins none."""
        return None

    def trusts_raw_levels(self) -> bool:
        """Whether the levels of the raw tracks to each other are evidence for the rule."""
        return False

    def low_cut_hz(self, table: Float[np.ndarray, "..."]) -> Float[np.ndarray, " track"] | None:
        """Corner in Hz of the low cut that mends each track, 0 for none; None if no low cut mends the rule.

        `table` is the rule's own.
        """
        return None
