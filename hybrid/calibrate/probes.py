"""Rules that measure the quantities to be fitted; their limits are arbitrary."""

from __future__ import annotations

from dataclasses import replace

from hybrid import quantity
from hybrid.calibrate.parent import WIDTH_BANDS, Parent
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import LongTermSpectrum, PanPosition, RuleType, SideEnergy
from hybrid.units import ValidationContext

PLACE, CURVE = "probe.place", "probe.curve"


def probes(parent: Parent) -> RuleSet:
    """A rule set with the parent's roles and sets and the probe rules alone. Shares are not measured by rules, since
    they leave out unreliable tracks."""
    place = PanPosition.model_validate({"id": PLACE, "type": "pan_position", "target": "C"})
    curve = LongTermSpectrum.model_validate(
        {"id": CURVE, "type": "long_term_spectrum", "target": "0 dB", "curve": {"30 Hz": "0 dB", "16 kHz": "0 dB"}}
    )
    rules: list[RuleType] = [place, curve, *(_side(name, band) for name, band in bands_of(parent).items())]
    return replace(parent.rules, rules=tuple(rules))


def bands_of(parent: Parent) -> dict[str, tuple[float, float]]:
    """The bands in Hz in which width is measured, by rule id."""
    return {**WIDTH_BANDS, **{rule.id: rule.bands_hz()[0] for rule in parent.side}}


def _side(name: str, band: tuple[float, float]) -> SideEnergy:
    fields = {"id": name, "type": "side_energy", "band": quantity.write_range(band, "Hz"), "max": "0 dB"}
    return SideEnergy.model_validate(fields, context=ValidationContext(strict=False))
