"""Made-up songs: raw measurements built straight from spectra, whose answers are known, and no audio.

Sounds are powers of spectral lines 2.5 Hz apart; `dry_of` puts them into bands as the analysis does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from hybrid.audio.song import Song, Track
from hybrid.knowledge import objective as objectives
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.types import TYPES, RuleType
from hybrid.signal import bands, kweighting
from hybrid.testing.songs import (
    FRAME_S,
    LINE_HZ,
    N_FRAMES,
    N_PAIRS,
    N_TRACKS,
    QUICK,
    SAMPLE_RATE,
    dry_from_powers,
    objective_of,
    untouched,
)
from hybrid.treatment.parts import N_TONE
from hybrid.treatment.types import Dry, Treatment

Plain = str | float | bool | Sequence["Plain"] | Mapping[str, "Plain"]
Spectrum = Float[np.ndarray, " line"]

CENTRE, LEFT, RIGHT = (1.0, 1.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
"""Left, right and cross power of a sound of unit power."""
WIDE, ANTIPHASE = (1.0, 1.0, 0.0), (1.0, 1.0, -1.0)

RULES: dict[str, tuple[Mapping[str, Plain], ...]] = {
    "lead_to_rest_ratio": (
        {"for": {"tag": "lead"}, "against": {"not": {"tag": "lead"}}, "target": "0.5 LU", "tolerance": "2 LU"},
    ),
    "role_budget": (
        {"targets": {"vocal.lead": {"target": "-3 LU"}, "bass": {"target": "-6 LU"}, "guitar": {"target": "-6 LU"}}},
    ),
    "given_level": ({"target": "0 LU", "tolerance": "1 LU", "levels": {"t0": "-3 LU", "t1": "-8 LU", "t2": "-9 LU"}},),
    "given_place": ({"target": "0 pan", "tolerance": "5 pan", "places": {"t0": "C", "t2": "C"}},),
    "equal_loudness": ({"target": "0 LU", "tolerance": "1 LU", "boost": {"vocal": "6 LU"}},),
    "expected_level": (
        {
            "target": "0 LU",
            "tolerance": "1 LU",
            "roles": {"all": {"level": "-1 LU"}, "vocal": {"level": "3 LU", "recorded": "1 LU", "with_lead": "0.5 LU"}},
            "recorded": {"value": 0.6},
            "presence": {"value": "1 LU"},
            "company": {"value": "-1 LU"},
        },
    ),
    "audibility_floor": ({"min": 0.8},),
    "integrated_loudness": ({"target": "-16 LUFS", "tolerance": "0.5 LU"},),
    "true_peak": ({"max": "-1 dBTP"},),
    "loudness_range": ({"range": "4 to 12 LU", "shortest": "1 s"},),
    "peak_to_loudness": ({"range": "10 to 16 dB"},),
    "peak_to_short_term": ({"min": "8 dB"},),
    "masker_to_signal": ({"max": "0 dB"},),
    "spectral_overlap": ({"max": 0.75}, {"max": 0.75, "for": {"tag": "lead"}, "against": {"role": "guitar"}}),
    "essential_band_masking": ({"for": {"role": "guitar"}, "against": {"tag": "lead"}, "max": "0 dB"},),
    "masking_balance": ({"max": 0.1},),
    "lead_clarity": ({"for": {"tag": "lead"}, "against": {"not": {"tag": "lead"}}, "min": 0.5},),
    "masked_to_unmasked": ({"min": 0.3},),
    "band_ownership": (
        {"for": {"role": "bass"}, "against": {"not": {"role": "bass"}}, "band": "60-250 Hz", "min": "0 dB"},
    ),
    "region_excess": ({"band": "200-400 Hz", "max": "4 dB"},),
    "sibilance": ({"max": "1 dB"},),
    "low_end_budget": ({"target": "-2 dB", "tolerance": "2 dB"},),
    "long_term_spectrum": ({"curve": {"100 Hz": "0 dB", "4 kHz": "-10.6 dB"}, "target": "0 dB", "tolerance": "3 dB"},),
    "spectral_tilt": ({"target": "-2 dB/oct", "tolerance": "1 dB/oct"},),
    "low_energy_ratio": ({"cutoff": "80 Hz", "max": "-30 dB"},),
    "side_energy": ({"band": "120-16000 Hz", "range": "-18 to -7 dB"},),
    "pan_position": ({"target": "C"},),
    "left_right_balance": ({"target": "0 dB", "tolerance": "1.4 dB"},),
    "similar_apart": ({"max": 0.3},),
    "mono_foldown": (
        {"min": "-3.5 dB"},
        {"min": "-6 dB", "resolution": "bands"},
        {"max": "1.5 dB", "resolution": "tracks"},
    ),
    "spread_level": ({"max": "-30 dB"},),
    "band_balance": ({"target": "0 dB", "tolerance": "1.4 dB"},),
    "width_by_frequency": ({"widths": {"20-120 Hz": "0 to 0.01", "500-2000 Hz": "0.03 to 0.3"}},),
    "pair_spread": ({"min": 0.5},),
    "return_to_direct": ({"target": "-9 LU", "tolerance": "2 LU", "offset": {"bass": "-15 LU"}},),
    "reverb_to_mix": ({"target": "-14 LU", "tolerance": "3 LU"},),
    "decay_time": ({"range": "0.8 to 2 s"},),
    "pre_delay": ({"range": "0.02 to 0.06 s"},),
    "return_band": ({"max": "-12 dB"},),
    "gain_reduction": ({"range": "-6 to -2 dB"}, {"min": "-12 dB", "statistic": "deepest"}),
    "level_consistency": ({"for": {"tag": "lead"}, "against": {"not": {"tag": "lead"}}, "max": "4 LU"},),
    "micro_dynamics": ({"range": "-3 to 2 dB"},),
    "sidechain_depth": ({"for": {"role": "bass"}, "against": {"role": "guitar"}, "range": "-5 to -1 dB"},),
    "section_contrast": (
        {"sections": ["chorus", "verse"], "range": "0.5 to 4 LU"},
        {"sections": ["chorus", "verse"], "of_raw": "50 %", "min": "0 LU"},
    ),
    "contour_change": ({"max": "0.5 LU"},),
    "transients_kept": ({"range": "-3 to 3 dB"},),
    "phase_coherence": ({"min": "-1 dB"},),
    "quiet_rests": ({"max": "3 dB"},),
    "distortion": ({"min": "30 dB"},),
    "artefacts": ({"min": "25 dB"},),
    "corpus_prior": tuple(
        {"range": "-1.5 to 1.5", "feature": feature, "table": {"all": {"mean": 1.0, "spread": 2.0}}}
        for feature in ("level", "position", "width", "brightness")
    ),
    "group_integrity": ({"for": {"not": {"tag": "lead"}}, "range": "-3 to 3 LU"},),
    "timbre_change": ({"max": "4 dB"},),
    "smooth_control": ({"max": "20 dB/s"},),
    "minimal_change": ({},),
}
"""One rule per type, at least, with no more than it needs."""


def rule_of(type_name: str, written: Mapping[str, Plain], rule_id: str = "made") -> RuleType:
    """A rule as a file would say it."""
    return TYPES[type_name].model_validate({"id": rule_id, "type": type_name, **written})


def all_rules() -> tuple[RuleType, ...]:
    """Every rule of `RULES`, its id its type and a number."""
    return tuple(
        rule_of(name, written, f"{name.replace('_', '-')}.{index}")
        for name, variants in RULES.items()
        for index, written in enumerate(variants)
    )


def pink(low_hz: float = 20.0, high_hz: float = 20000.0) -> Spectrum:
    """Equal power in every octave, of unit power in all."""
    inside = (low_hz <= LINE_HZ) & (high_hz >= LINE_HZ)
    return _unit(np.where(inside, 1.0 / np.maximum(LINE_HZ, 1.0), 0.0))


def white(low_hz: float = 0.0, high_hz: float = 22050.0) -> Spectrum:
    """Equal power in every hertz, of unit power in all."""
    return _unit(((low_hz <= LINE_HZ) & (high_hz > LINE_HZ)).astype(float))


def tone(frequency_hz: float) -> Spectrum:
    """All power at one frequency."""
    return _unit((np.arange(len(LINE_HZ)) == round(frequency_hz / LINE_HZ[1])).astype(float))


def _unit(power: Spectrum) -> Spectrum:
    return power / power.sum()


class Part(NamedTuple):
    """A track: what it plays, how loud in each channel, where between them, and when."""

    spectrum: Spectrum
    level_db: float = -20.0
    place: tuple[float, float, float] = CENTRE
    course: Sequence[float] = (1.0,)
    """Power over time, stretched over the song."""
    role: str = "unknown"
    tags: tuple[str, ...] = ()


def song_of(parts: Sequence[Part], n_frames: int = N_FRAMES, tempo_bpm: float | None = None) -> Song:
    """The parts as tracks named t0, t1 ..."""
    folder = Path("made")
    tracks = tuple(
        Track(f"t{i}", (folder / f"t{i}.wav",), 1 if part.place == CENTRE else 2, part.role, part.tags, 1.0)
        for i, part in enumerate(parts)
    )
    return Song("made", folder, tracks, SAMPLE_RATE, round(n_frames * FRAME_S * SAMPLE_RATE), tempo_bpm)


def dry_of(parts: Sequence[Part], n_tracks: int = N_TRACKS, n_frames: int = N_FRAMES) -> Dry:
    """The parts as measured, uncorrelated with each other, padded to `n_tracks`."""
    weights = bands.band_weights(LINE_HZ)
    weighted = weights * kweighting.power_response(LINE_HZ, SAMPLE_RATE)[:, None]
    power, power_k = (np.zeros((n_tracks, 3, n_frames, bands.N_BANDS)) for _ in range(2))
    low = LINE_HZ <= 1000.0
    low_power = np.zeros((n_tracks, low.sum()))
    for index, part in enumerate(parts):
        gain = 10.0 ** (part.level_db / 10.0)
        course = np.asarray(part.course)[np.arange(n_frames) * len(part.course) // n_frames]
        power[index] = _placed(part, gain * (part.spectrum @ weights), course)
        power_k[index] = _placed(part, gain * (part.spectrum @ weighted), course)
        low_power[index] = gain * part.spectrum[low] * course.mean()
    nothing = np.zeros((N_PAIRS, 2), np.int32)
    return dry_from_powers(power, power_k, nothing, np.zeros((N_PAIRS, 2, 2, n_frames, bands.N_BANDS)), low_power)


def _placed(part: Part, band_power: Float[np.ndarray, " band"], course: Float[np.ndarray, " frame"]) -> np.ndarray:
    return np.array(part.place)[:, None, None] * course[:, None] * band_power


def at_level(treatment: Treatment, *level_db: float) -> Treatment:
    """The treatment with levels of the first tracks."""
    level = treatment.gain.level_db.at[: len(level_db)].set(jnp.asarray(level_db))
    return replace(treatment, gain=treatment.gain._replace(level_db=level))


def at_position(treatment: Treatment, *position: float) -> Treatment:
    """The treatment with positions of the first tracks."""
    place = treatment.pan.position.at[: len(position)].set(jnp.asarray(position))
    return replace(treatment, pan=treatment.pan._replace(position=place))


def with_tone(treatment: Treatment, track: int, tone_db: Sequence[float]) -> Treatment:
    """The treatment with the tone curve of one track."""
    assert len(tone_db) == N_TONE
    curve = treatment.eq.tone_db.at[track].set(jnp.asarray(tone_db))
    return replace(treatment, eq=treatment.eq._replace(tone_db=curve))


@partial(jax.jit, compiler_options=QUICK)
def readings(objective: Objective, dry: Dry, treatment: Treatment) -> tuple[Reading, ...]:
    """Readings of all rules."""
    return objectives.readings(objective, dry, treatment)


@partial(jax.jit, compiler_options=QUICK)
def _climb(objective: Objective, dry: Dry, treatment: Treatment, towards: jax.Array) -> Treatment:
    return jax.grad(lambda moved: objectives.readings(objective, dry, moved)[0].value @ towards)(treatment)


class Heard(NamedTuple):
    """A made-up song under one rule."""

    objective: Objective
    dry: Dry

    def under(self, treatment: Treatment | None = None) -> Reading:
        """What the rule reads of the treated song."""
        return readings(self.objective, self.dry, treatment or self.untouched)[0]

    def value(self, treatment: Treatment | None = None, target: int = 0) -> float:
        """One of the numbers."""
        return float(self.under(treatment).value[target])

    def cost(self, treatment: Treatment | None = None) -> float:
        """The rule's penalty before its weight."""
        read_of = readings(self.objective, self.dry, treatment or self.untouched)
        return float(objectives.penalties(self.objective, read_of, jnp.zeros(1))[0])

    def climb(self, treatment: Treatment | None = None, target: int = 0) -> Treatment:
        """Slope of one of the numbers, over the parts that the rule acts on."""
        treatment = treatment or self.untouched
        n_targets = len(self.under(treatment).value)
        return _climb(self.objective, self.dry, treatment, jnp.eye(n_targets)[target])

    @property
    def untouched(self) -> Treatment:
        """The treatment that does nothing."""
        return untouched(self.dry)


def hear(type_name: str, parts: Sequence[Part], written: Mapping[str, Plain] | None = None) -> Heard:
    """The parts under a rule of that type, as in `RULES` but for what is `written`."""
    dry = dry_of(parts)
    rule = rule_of(type_name, {**RULES[type_name][0], **(written or {})})
    return Heard(objective_of([rule], song_of(parts), dry), dry)
