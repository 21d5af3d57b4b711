"""All rule types by name: the one table that the loader, the objective and the reports read."""

from __future__ import annotations

from hybrid.knowledge.types.base import RuleType
from hybrid.knowledge.types.fidelity import MinimalChange, SmoothControl, TimbreChange
from hybrid.knowledge.types.loudness import (
    AudibilityFloor,
    IntegratedLoudness,
    LeadToRestRatio,
    RoleBudget,
    TruePeak,
)
from hybrid.knowledge.types.masking import MaskerToSignal, SpectralOverlap
from hybrid.knowledge.types.space import LeftRightBalance, MonoFoldown, PanPosition, SideEnergy, SimilarApart
from hybrid.knowledge.types.spectrum import LongTermSpectrum, LowEnergyRatio, SpectralTilt

TYPES: dict[str, type[RuleType]] = {
    "lead_to_rest_ratio": LeadToRestRatio,
    "role_budget": RoleBudget,
    "audibility_floor": AudibilityFloor,
    "integrated_loudness": IntegratedLoudness,
    "true_peak": TruePeak,
    "masker_to_signal": MaskerToSignal,
    "spectral_overlap": SpectralOverlap,
    "long_term_spectrum": LongTermSpectrum,
    "spectral_tilt": SpectralTilt,
    "low_energy_ratio": LowEnergyRatio,
    "side_energy": SideEnergy,
    "pan_position": PanPosition,
    "left_right_balance": LeftRightBalance,
    "similar_apart": SimilarApart,
    "mono_foldown": MonoFoldown,
    "timbre_change": TimbreChange,
    "smooth_control": SmoothControl,
    "minimal_change": MinimalChange,
}
