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
from hybrid.knowledge.compile import compile_rules
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.schema import Section
from hybrid.knowledge.select import Selector
from hybrid.knowledge.types import TYPES, RuleType
from hybrid.measure import loudness
from hybrid.signal import bandpower, bands, kweighting
from hybrid.treatment.parts import N_TONE, PARTS, Bounded
from hybrid.treatment.types import Dry, Treatment, map_parts, neutral
from tests.quick import QUICK

Plain = str | float | bool | Sequence["Plain"] | Mapping[str, "Plain"]
Spectrum = Float[np.ndarray, " line"]

SAMPLE_RATE = 44100
FRAME_S = 0.1
N_TRACKS, N_FRAMES, N_PAIRS = 4, 32, 4
"""The one shape that most tests share, so that little is compiled."""
LINE_HZ = np.arange(8820) * 2.5
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
    "equal_loudness": ({"target": "0 LU", "tolerance": "1 LU", "boost": {"vocal": "6 LU"}},),
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


SECTIONS = {
    name: (Section.model_validate({"from": start, "to": end}),)
    for name, start, end in (("verse", "0 s", "0.8 s"), ("chorus", "0.8 s", "60 s"))
}


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


def rule_set(*rules: RuleType, **sets: Selector) -> RuleSet:
    """These rules, from no file."""
    return RuleSet("made", "Made", rules, (), {}, SECTIONS, sets, {}, (), (), {})


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
    return _dry(power, power_k, nothing, np.zeros((N_PAIRS, 2, 2, n_frames, bands.N_BANDS)), low_power)


def _placed(part: Part, band_power: Float[np.ndarray, " band"], course: Float[np.ndarray, " frame"]) -> np.ndarray:
    return np.array(part.place)[:, None, None] * course[:, None] * band_power


def _dry(power: np.ndarray, power_k: np.ndarray, pairs: np.ndarray, cross: np.ndarray, low_power: np.ndarray) -> Dry:
    track_k = jnp.asarray(power_k[:, :2].sum(axis=(1, 3)), jnp.float32)
    return Dry(
        power=jnp.asarray(power, jnp.float32),
        power_k=jnp.asarray(power_k, jnp.float32),
        pairs=jnp.asarray(pairs),
        cross=jnp.asarray(cross, jnp.float32),
        active=loudness.activity(track_k, jnp.ones(power.shape[2]), FRAME_S),
        inside=jnp.ones(power.shape[2]),
        time_s=(jnp.arange(power.shape[2]) + 0.5) * FRAME_S,
        k_weight=jnp.asarray(bandpower.k_weight(SAMPLE_RATE), jnp.float32),
        low_power=jnp.asarray(low_power, jnp.float32),
        low_hz=jnp.asarray(LINE_HZ[: low_power.shape[1]], jnp.float32),
        low_k=jnp.ones(low_power.shape[1]),
        peak=jnp.full(power.shape[2], 0.01),
        peak_to_loudness_db=jnp.asarray(14.0),
        frame_s=FRAME_S,
    )


ROLES = ("vocal.lead", "bass", "guitar", "guitar")


def random_song(n_tracks: int = N_TRACKS, n_frames: int = N_FRAMES) -> Song:
    """As many tracks as asked, a lead first, then basses and guitars in turn; every third is mono."""
    places = [CENTRE if i % 3 == 0 else WIDE for i in range(n_tracks)]
    parts = [
        Part(pink(), place=places[i], role=ROLES[i % 4] if i else ROLES[0], tags=() if i else ("lead",))
        for i in range(n_tracks)
    ]
    return song_of(parts, n_frames)


def random_dry(seed: int, n_tracks: int = N_TRACKS, n_frames: int = N_FRAMES) -> Dry:
    """Measurements of tracks that change over time and frequency, some wide, some with rests, some sharing phase.

    All tracks are within a few decibels of each other, so that no rule is far from where it can be met.
    """
    rng = np.random.default_rng(seed)
    shape = (n_tracks, n_frames, bands.N_BANDS)
    level_db = -36.0 + rng.normal(0.0, 4.0, shape) + rng.normal(0.0, 6.0, (n_tracks, 1, bands.N_BANDS))
    level_db[2:, 5:9] -= 40.0  # rests
    left = 10.0 ** (level_db / 10.0)
    mono = (np.arange(n_tracks) % 3 == 0)[:, None, None]
    right = np.where(mono, left, left * 10.0 ** (rng.normal(0.0, 0.2, shape)))
    cross = np.where(mono, left, np.sqrt(left * right) * rng.uniform(-0.2, 0.9, shape))
    power = np.stack([left, right, cross], axis=1)
    pairs = np.zeros((N_PAIRS, 2), np.int32)
    shared = np.zeros((N_PAIRS, 2, 2, n_frames, bands.N_BANDS))
    if n_tracks > 2:
        pairs[0] = 1, 2
        shared[0] = 0.4 * np.sqrt(np.einsum("atb,ctb->actb", power[1, :2], power[2, :2]))
    low_power = np.abs(rng.normal(0.0, 1e-6, (n_tracks, (LINE_HZ <= 1000.0).sum())))
    return _dry(power, power * bandpower.k_weight(SAMPLE_RATE), pairs, shared, low_power)


def untouched(dry: Dry, knot_s: float = 0.2) -> Treatment:
    """The treatment that does nothing, of the shape that fits."""
    n_tracks, n_frames = dry.active.shape
    return neutral(n_tracks, n_frames * dry.frame_s, knot_s, optional=("reverb",))


_FROM = {
    "eq.low_cut": (30.0, 90.0),
    "reverb.send": (-24.0, -6.0),
    "reverb.decay": (0.5, 2.0),
    "reverb.pre_delay": (0.01, 0.09),
}
"""Parts that do not move about zero, and where they lie."""


def random_treatment(dry: Dry, seed: int, size: float = 1.0) -> Treatment:
    """Every control moved by about `size` of its own units of change."""
    rng = np.random.default_rng(seed)

    def moved(part: str, value: jax.Array) -> jax.Array:
        if part in _FROM:
            return jnp.asarray(rng.uniform(*_FROM[part], value.shape), value.dtype)
        bijector = PARTS[part].bijector
        scale = bijector.scale if isinstance(bijector, Bounded) else 3.0
        return jnp.asarray(size * scale * rng.uniform(-1.0, 1.0, value.shape), value.dtype)

    return map_parts(moved, untouched(dry))


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


def objective_of(rules: Sequence[RuleType], song: Song, dry: Dry, **sets: Selector) -> Objective:
    """The objective of the rules for a song of that padded shape."""
    return compile_rules(rule_set(*rules, **sets), song, dry.active.shape[0], np.asarray(dry.time_s))[0]


class Pulls(NamedTuple):
    """What each rule reads and costs, and the slope of each cost."""

    readings: tuple[Reading, ...]
    cost: Float[jax.Array, " rule"]
    slope: Treatment
    """Each leaf with an axis of rules in front."""


@partial(jax.jit, compiler_options=QUICK)
def pulls(objective: Objective, dry: Dry, treatment: Treatment) -> Pulls:
    """Readings, costs and slopes of all rules, one by one."""

    def costs(moved: Treatment) -> tuple[jax.Array, tuple[Reading, ...]]:
        read_of = objectives.readings(objective, dry, moved)
        return objectives.penalties(objective, read_of, jnp.zeros_like(objective.weight)), read_of

    cost, pull, read_of = jax.vjp(costs, treatment, has_aux=True)
    rows = jax.lax.map(lambda unit: pull(unit)[0], jnp.eye(len(cost), dtype=cost.dtype))
    return Pulls(read_of, cost, rows)


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
