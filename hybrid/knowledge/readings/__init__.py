"""Measurements of the rule types: a differentiable function of the panel for every entry of `types.TYPES`.

Kept beside the types rather than in them, so that rule files can be checked without starting JAX. Types of plug-ins
measure by a method of their own; what it gives is checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import jax.numpy as jnp
from jaxtyping import Array

from hybrid.errors import InputError, Problem
from hybrid.knowledge.plugin_source import is_shipped, line_in, place_of
from hybrid.knowledge.plugins import FAULTS
from hybrid.knowledge.readings import dynamics, fidelity, group, loudness, masking, output, reverb, space, spectrum
from hybrid.knowledge.readings.reading import Panel, Reading
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import RuleType

__all__ = ["READINGS", "Panel", "Reading", "measured"]

READINGS: dict[str, Callable[..., Reading]] = {
    "lead_to_rest_ratio": loudness.lead_to_rest_ratio,
    "role_budget": loudness.role_budget,
    "given_level": loudness.given_level,
    "given_place": space.given_place,
    "equal_loudness": loudness.equal_loudness,
    "expected_level": loudness.expected_level,
    "audibility_floor": loudness.audibility_floor,
    "integrated_loudness": output.integrated_loudness,
    "true_peak": output.true_peak,
    "loudness_range": output.loudness_range,
    "peak_to_loudness": output.peak_to_loudness,
    "peak_to_short_term": output.peak_to_short_term,
    "masker_to_signal": masking.masker_to_signal,
    "essential_band_masking": masking.essential_band_masking,
    "masking_balance": masking.masking_balance,
    "spectral_overlap": masking.spectral_overlap,
    "masked_to_unmasked": masking.masked_to_unmasked,
    "lead_clarity": masking.lead_clarity,
    "band_ownership": spectrum.band_ownership,
    "long_term_spectrum": spectrum.long_term_spectrum,
    "spectral_tilt": spectrum.spectral_tilt,
    "low_energy_ratio": spectrum.low_energy_ratio,
    "region_excess": spectrum.region_excess,
    "sibilance": spectrum.sibilance,
    "low_end_budget": spectrum.low_end_budget,
    "side_energy": space.side_energy,
    "pan_position": space.pan_position,
    "spread_level": space.spread_level,
    "left_right_balance": space.left_right_balance,
    "band_balance": space.band_balance,
    "similar_apart": space.similar_apart,
    "width_by_frequency": space.width_by_frequency,
    "mono_foldown": space.mono_foldown,
    "pair_spread": space.pair_spread,
    "return_to_direct": reverb.return_to_direct,
    "reverb_to_mix": reverb.reverb_to_mix,
    "decay_time": reverb.decay_time,
    "pre_delay": reverb.pre_delay,
    "return_band": reverb.return_band,
    "gain_reduction": dynamics.gain_reduction,
    "level_consistency": dynamics.level_consistency,
    "micro_dynamics": dynamics.micro_dynamics,
    "sidechain_depth": dynamics.sidechain_depth,
    "section_contrast": dynamics.section_contrast,
    "contour_change": dynamics.contour_change,
    "transients_kept": fidelity.transients_kept,
    "timbre_change": fidelity.timbre_change,
    "distortion": fidelity.distortion,
    "phase_coherence": fidelity.phase_coherence,
    "smooth_control": fidelity.smooth_control,
    "quiet_rests": fidelity.quiet_rests,
    "minimal_change": fidelity.minimal_change,
    "artefacts": fidelity.artefacts,
    "corpus_prior": group.corpus_prior,
    "group_integrity": group.group_integrity,
}


_HINT = "measure gives Reading(value, share): a value in the rule's unit for each target, and how much it counts"


def measured(rule: RuleType, song: Panel, scope: Scope) -> Reading:
    """The reading of one rule. Raises InputError where a plug-in's `measure` fails, or reads no value per target."""
    if is_shipped(type(rule)):
        return READINGS[rule.type](rule, song, scope)
    place = place_of(type(rule), "measure")
    try:
        found = type(rule).measure(rule, song, scope)
    except FAULTS as error:
        where = line_in(place.rpartition(":")[0], error)
        what = f"{rule.type}: measure fails: {' '.join(f'{type(error).__name__}: {error}'.split())}"
        raise InputError(Problem(where, what)) from error
    if not isinstance(found, Reading):
        what = f"{rule.type}: measure gives {type(found).__name__}, expected a Reading"
        raise InputError(Problem(place, what, _HINT))
    # shape and type are all that can be checked here: under jit no values are known
    if problems := [Problem(place, f"{rule.type}: {what}", _HINT) for what in _objections(rule, found, song)]:
        raise InputError(*problems)
    return found


def _objections(rule: RuleType, found: Reading, song: Panel) -> Iterator[str]:
    n_tracks, n_frames = song.dry.active.shape
    n = rule.n_targets(n_tracks)
    each = {"track": "one for each track", "pair": "one for each pair of tracks", "band": "one for each band"}
    expected = "one for each entry" if rule.entries() else each.get(rule.target_kind, f"one for the {rule.target_kind}")
    arrays: list[tuple[str, Array, tuple[int, ...]]] = [("value", found.value, (n,)), ("share", found.share, (n,))]
    if found.course is not None:
        arrays.append(("course", found.course, (n, n_frames)))
    for name, array, shape in arrays:
        if jnp.shape(array) != shape:
            yield f"measure gives a {name} of shape {jnp.shape(array)}, expected {shape}: {expected}"
        elif not jnp.issubdtype(jnp.result_type(array), jnp.floating):
            yield f"measure gives a {name} of type {jnp.result_type(array)}, expected floating-point numbers"
