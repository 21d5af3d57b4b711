"""All rule types by name: the one table that the loader, the objective and the reports read."""

from __future__ import annotations

from hybrid.knowledge.types.balance import ExpectedLevel
from hybrid.knowledge.types.base import RuleType
from hybrid.knowledge.types.dynamics import (
    ContourChange,
    GainReduction,
    LevelConsistency,
    MicroDynamics,
    SectionContrast,
    SidechainDepth,
)
from hybrid.knowledge.types.fidelity import (
    Artefacts,
    Distortion,
    MinimalChange,
    PhaseCoherence,
    QuietRests,
    SmoothControl,
    TimbreChange,
    TransientsKept,
)
from hybrid.knowledge.types.given import GivenLevel, GivenPlace
from hybrid.knowledge.types.group import CorpusPrior, GroupIntegrity
from hybrid.knowledge.types.loudness import AudibilityFloor, EqualLoudness, LeadToRestRatio, RoleBudget
from hybrid.knowledge.types.masking import (
    EssentialBandMasking,
    LeadClarity,
    MaskedToUnmasked,
    MaskerToSignal,
    MaskingBalance,
    SpectralOverlap,
)
from hybrid.knowledge.types.output import IntegratedLoudness, LoudnessRange, PeakToLoudness, PeakToShortTerm, TruePeak
from hybrid.knowledge.types.reverb import DecayTime, PreDelay, ReturnBand, ReturnToDirect, ReverbToMix
from hybrid.knowledge.types.space import (
    BandBalance,
    LeftRightBalance,
    MonoFoldown,
    PairSpread,
    PanPosition,
    SideEnergy,
    SimilarApart,
    SpreadLevel,
    WidthByFrequency,
)
from hybrid.knowledge.types.spectrum import (
    BandOwnership,
    LongTermSpectrum,
    LowEndBudget,
    LowEnergyRatio,
    RegionExcess,
    Sibilance,
    SpectralTilt,
)

TYPES: dict[str, type[RuleType]] = {
    "lead_to_rest_ratio": LeadToRestRatio,
    "role_budget": RoleBudget,
    "given_level": GivenLevel,
    "given_place": GivenPlace,
    "equal_loudness": EqualLoudness,
    "expected_level": ExpectedLevel,
    "audibility_floor": AudibilityFloor,
    "integrated_loudness": IntegratedLoudness,
    "true_peak": TruePeak,
    "loudness_range": LoudnessRange,
    "peak_to_loudness": PeakToLoudness,
    "peak_to_short_term": PeakToShortTerm,
    "masker_to_signal": MaskerToSignal,
    "essential_band_masking": EssentialBandMasking,
    "masking_balance": MaskingBalance,
    "spectral_overlap": SpectralOverlap,
    "masked_to_unmasked": MaskedToUnmasked,
    "lead_clarity": LeadClarity,
    "band_ownership": BandOwnership,
    "long_term_spectrum": LongTermSpectrum,
    "spectral_tilt": SpectralTilt,
    "low_energy_ratio": LowEnergyRatio,
    "region_excess": RegionExcess,
    "sibilance": Sibilance,
    "low_end_budget": LowEndBudget,
    "side_energy": SideEnergy,
    "pan_position": PanPosition,
    "spread_level": SpreadLevel,
    "left_right_balance": LeftRightBalance,
    "band_balance": BandBalance,
    "similar_apart": SimilarApart,
    "width_by_frequency": WidthByFrequency,
    "mono_foldown": MonoFoldown,
    "pair_spread": PairSpread,
    "return_to_direct": ReturnToDirect,
    "reverb_to_mix": ReverbToMix,
    "decay_time": DecayTime,
    "pre_delay": PreDelay,
    "return_band": ReturnBand,
    "gain_reduction": GainReduction,
    "level_consistency": LevelConsistency,
    "micro_dynamics": MicroDynamics,
    "sidechain_depth": SidechainDepth,
    "section_contrast": SectionContrast,
    "contour_change": ContourChange,
    "transients_kept": TransientsKept,
    "timbre_change": TimbreChange,
    "distortion": Distortion,
    "phase_coherence": PhaseCoherence,
    "smooth_control": SmoothControl,
    "quiet_rests": QuietRests,
    "minimal_change": MinimalChange,
    "artefacts": Artefacts,
    "corpus_prior": CorpusPrior,
    "group_integrity": GroupIntegrity,
}
