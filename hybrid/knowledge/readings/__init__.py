"""How each rule type is measured: a differentiable function of the panel, for every entry of `types.TYPES`.

Kept beside the types rather than in them, so that rule files can be checked without starting JAX.
"""

from __future__ import annotations

from collections.abc import Callable

from hybrid.knowledge.readings import fidelity, loudness, masking, space, spectrum
from hybrid.knowledge.readings.reading import Reading

READINGS: dict[str, Callable[..., Reading]] = {
    "lead_to_rest_ratio": loudness.lead_to_rest_ratio,
    "role_budget": loudness.role_budget,
    "audibility_floor": loudness.audibility_floor,
    "integrated_loudness": loudness.integrated_loudness,
    "true_peak": loudness.true_peak,
    "masker_to_signal": masking.masker_to_signal,
    "spectral_overlap": masking.spectral_overlap,
    "long_term_spectrum": spectrum.long_term_spectrum,
    "spectral_tilt": spectrum.spectral_tilt,
    "low_energy_ratio": spectrum.low_energy_ratio,
    "side_energy": space.side_energy,
    "pan_position": space.pan_position,
    "left_right_balance": space.left_right_balance,
    "similar_apart": space.similar_apart,
    "mono_foldown": space.mono_foldown,
    "timbre_change": fidelity.timbre_change,
    "smooth_control": fidelity.smooth_control,
    "minimal_change": fidelity.minimal_change,
}
