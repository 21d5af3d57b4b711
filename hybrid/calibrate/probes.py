"""The rules with which mixes are measured: they read what is to be fitted, and what they ask for does not matter."""

from __future__ import annotations

from dataclasses import replace

from hybrid import quantity
from hybrid.calibrate.parent import WIDTH_BANDS, Parent
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import LongTermSpectrum, PanPosition, RuleType, SideEnergy
from hybrid.units import ValidationContext

PLACE, CURVE = "probe.place", "probe.curve"


def probes(parent: Parent) -> RuleSet:
    """The parent's roles and sets with these rules only: shares are measured otherwise, with tracks left out."""
    place = PanPosition.model_validate({"id": PLACE, "type": "pan_position", "target": "C"})
    curve = LongTermSpectrum.model_validate(
        {"id": CURVE, "type": "long_term_spectrum", "target": "0 dB", "curve": {"30 Hz": "0 dB", "16 kHz": "0 dB"}}
    )
    rules: list[RuleType] = [place, curve, *(_side(name, band) for name, band in bands_of(parent).items())]
    return replace(parent.rules, rules=tuple(rules))


def bands_of(parent: Parent) -> dict[str, tuple[float, float]]:
    """The bands in which width is measured, by the id of the rule on them."""
    return {**WIDTH_BANDS, **{rule.id: rule.bands_hz()[0] for rule in parent.side}}


def _side(name: str, band: tuple[float, float]) -> SideEnergy:
    said = {"id": name, "type": "side_energy", "band": quantity.write_range(band, "Hz"), "max": "0 dB"}
    return SideEnergy.model_validate(said, context=ValidationContext(strict=False))
