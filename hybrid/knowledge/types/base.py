"""The base of all rule types: the common keys of a rule, and the interval that it allows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Float
from pydantic import (
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StrictBool,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from hybrid import quantity
from hybrid.knowledge.select import Selector, Words
from hybrid.knowledge.types.fields import (
    EVERY_PART,
    Aggregate,
    Aggregation,
    Evidence,
    Part,
    Schedule,
    Slug,
    Weight,
    When,
)
from hybrid.knowledge.types.hooks import RuleHooks
from hybrid.signal.bands import N_BANDS, band_centres_hz, bands_between
from hybrid.units import Plain, field_error, parse_quantity, parse_range, quantity_schema

For = Annotated[Selector, Field(alias="for")]
ALL = Selector.model_validate("all")
MIX = Selector(bus="mix")
MASTER = Selector(bus="master")


class RuleType(RuleHooks):
    """One kind of rule: a measurement, what may be asked of it, and what it may move.

    A type declares what `RuleHooks` lists, as far as it differs from the defaults there; the default `scale`, one unit
    of penalty; and `acts_on`. Further fields are its parameters. The first line of its docstring says the rule in one
    sentence, to be read in reports.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Slug
    type: str
    kind: Literal["prefer", "require"] = "prefer"
    for_: For = ALL
    against: Selector | None = None
    target: float | None = None
    tolerance: float = 0.0
    min: float | None = None
    max: float | None = None
    range: tuple[float, float] | None = None
    scale: Plain = 1.0
    weight: Weight = 1.0
    tier: Literal[0, 1, 2, 3] = 2
    acts_on: tuple[Part, ...] = EVERY_PART
    when: When | None = None
    aggregate: Aggregation = Aggregate("mean")
    schedule: Schedule | None = None
    on_empty: Literal["skip", "warn", "error"] = "warn"
    enabled: StrictBool = True
    tags: Words = ()
    conflicts: Words = ()
    needs: Words = ()
    cite: Words = ()
    evidence: Evidence = "guess"
    notes: str = ""

    @classmethod
    def says(cls) -> str:
        """The rule in one sentence."""
        return (cls.__doc__ or "").partition("\n")[0]

    @classmethod
    def family_name(cls) -> str:
        """The family of the type: loudness, masking ..."""
        return cls.family or cls.__module__.rpartition(".")[2]

    def n_targets(self, n_tracks: int) -> int:
        """Number of values that a reading of the rule has in a song that is padded to `n_tracks`."""
        if self.entries():
            return len(self.entries())
        return {"track": n_tracks, "pair": n_tracks**2, "band": N_BANDS, "mix": 1, "bus": 1}[self.target_kind]

    def bounds(self, beat_s: float | None = None) -> tuple[float | None, float | None]:
        """The lowest and the highest value that cost nothing, in `unit`; None where there is no limit.

        `beat_s` is the length of a beat, where the song's tempo is known, for types that ask in beats.
        """
        if self.target is not None:
            return self.target - self.tolerance, self.target + self.tolerance
        return self.range or (self.min, self.max)

    def naming(self, tracks: Sequence[str]) -> RuleType:
        """The rule with an entry for each of these tracks, by id, where the type has entries by track; else itself."""
        return self

    def following(
        self,
        value: Float[np.ndarray, " target"],
        share: Float[np.ndarray, " target"],
        tolerance: Float[np.ndarray, " target"],
    ) -> RuleType:
        """The rule, on, asking for the values that were read of a mix, each with its tolerance, in the rule's unit.

        Targets without a share were not read, and nothing is asked of them. This is for rules of one target; types of
        several say how they write theirs.
        """
        return self.model_copy(update=asking(float(value[0]), float(tolerance[0])))

    def shifted(self, draw: Callable[[], float]) -> RuleType:
        """The rule with what it asks moved by random amounts, each a call of `draw`, in the rule's unit."""
        shift = draw()
        ends = {key: getattr(self, key) for key in ("target", "min", "max")}
        moved: dict[str, object] = {key: end + shift for key, end in ends.items() if end is not None}
        if self.range is not None:
            moved["range"] = (self.range[0] + shift, self.range[1] + shift)
        return self.model_copy(update=moved)

    def patched(self, role: str, shift: float) -> dict[str, object]:
        """Fields of a patch, as YAML says them, by which the rule asks for `shift` more, in the unit of a difference:
        of tracks of a role, where it has values by role, else of all.

        A limit is no target: a patch of a rule that has none is empty.
        """
        if self.target is None:
            return {}
        # rounding may leave -0.0
        target = round(self.target + shift, 2) + 0.0
        return {"target": target if self.unit == "plain" else quantity.write(target, self.unit)}

    def tolerance_from(self) -> float | None:
        """Widening of the interval when the schedule starts, in the unit of a difference; None without one."""
        text = self.schedule.tolerance_from if self.schedule else None
        return None if text is None else quantity.read(text, quantity.difference_unit(self.unit))

    def written(self) -> dict[str, object]:
        """The rule as YAML says it, with every default spelled out and nothing that is empty."""
        return _said(self.model_dump(mode="json", by_alias=True))

    @field_validator("target", "min", "max", mode="before")
    @classmethod
    def _read_ask(cls, value: object, info: ValidationInfo) -> float | None:
        return None if value is None else parse_quantity(value, cls.unit, info)

    @field_validator("tolerance", mode="before")
    @classmethod
    def _read_tolerance(cls, value: object, info: ValidationInfo) -> float:
        tolerance = parse_quantity(value, quantity.difference_unit(cls.unit), info)
        if tolerance < 0:
            raise field_error(f"a tolerance is not negative, got {value!r}")
        return tolerance

    @field_validator("scale")
    @classmethod
    def _positive(cls, scale: float) -> float:
        if scale <= 0.0:
            raise field_error("a scale must be above 0")
        return scale

    @field_validator("range", mode="before")
    @classmethod
    def _read_range(cls, value: object) -> tuple[float, float] | None:
        return None if value is None else parse_range(value, cls.unit)

    @model_validator(mode="after")
    def _consistent(self) -> RuleType:
        for objection in (
            self._ask_objection(),
            self._scope_objection(),
            self._band_objection(),
            self._schedule_objection(),
        ):
            if objection:
                raise field_error(objection)
        return self

    @field_serializer("target", "min", "max", when_used="json")
    def _write_ask(self, value: float | None) -> str | float | None:
        return value if value is None or self.unit == "plain" else quantity.write(value, self.unit)

    @field_serializer("tolerance", when_used="json")
    def _write_tolerance(self, value: float) -> str | float | None:
        if self.target is None:
            return None
        return value if self.unit == "plain" else quantity.write(value, quantity.difference_unit(self.unit))

    @field_serializer("range", when_used="json")
    def _write_range(self, value: tuple[float, float] | None) -> str | None:
        return None if value is None else quantity.write_range(value, self.unit)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        described = handler.resolve_ref_schema(handler(schema))
        asks = {key: quantity_schema(cls.unit) for key in ("target", "min", "max")}
        asks["tolerance"] = quantity_schema(quantity.difference_unit(cls.unit))
        asks["range"] = {"type": "string", "description": f"such as '{quantity.range_example(cls.unit)}'"}
        described["properties"] |= asks
        return described

    def _ask_objection(self) -> str:
        given = [key for key in ("target", "min", "max", "range") if getattr(self, key) is not None]
        if not self.asks:
            return f"{self.type} takes no {given[0]}: what it asks for is in its own keys" if given else ""
        if not given:
            return "asks for nothing: give target and tolerance, min, max or range"
        if len(given) > 1 and given != ["min", "max"]:
            return f"asks twice, by {' and '.join(given)}: give one of them"
        low, high = self.bounds()
        if low is not None and high is not None and low > high:
            return "min is above max, so that nothing satisfies it"
        if self.tolerance and self.target is None:
            return "a tolerance belongs to a target"
        return ""

    def _scope_objection(self) -> str:
        if self.target_kind in ("mix", "band") and self.for_.bus not in ("mix", "master"):
            return f"{self.type} measures the whole mix: write `for: {{bus: mix}}`, or leave it out"
        if self.opposes == "must" and self.against is None:
            return f"{self.type} needs `against`: what the tracks are compared with"
        if self.opposes == "never" and self.against is not None:
            return f"{self.type} compares with nothing: leave out `against`"
        if self.when and self.when.active == "against" and self.against is None:
            return "`when: {active: against}` needs `against`"
        return ""

    def _band_objection(self) -> str:
        for low, high in self.bands_hz():
            if not bands_between((low, high)).any():
                near = min(band_centres_hz(), key=lambda hz: abs(hz - low))
                return (
                    f"{quantity.write_range((low, high), 'Hz')} lies between two of the bands that are measured: "
                    f"make it wide enough to hold a centre, such as {near:.0f} Hz"
                )
        return ""

    def _schedule_objection(self) -> str:
        try:
            self.tolerance_from()
        except quantity.UnitError as error:
            return f"schedule.tolerance_from: {error}"
        return ""


def asking(target: float, tolerance: float) -> dict[str, object]:
    """The fields of a rule that is on and asks for a target, with the precision that a report has."""
    limits = {"target": round(target, 2), "tolerance": round(tolerance, 2), "min": None, "max": None, "range": None}
    return {**limits, "enabled": True}


def rms(value: Float[np.ndarray, " target"], share: Float[np.ndarray, " target"]) -> float:
    """Root of the mean square of values weighted by shares."""
    return float(np.sqrt(np.sum(np.square(value) * share) / max(float(np.sum(share)), 1e-9)))


def _said(fields: dict[str, object]) -> dict[str, object]:
    pairs = {key: _said(value) if isinstance(value, dict) else value for key, value in fields.items()}
    return {key: value for key, value in pairs.items() if value not in (None, "", [], {})}
