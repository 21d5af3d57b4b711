"""The names that rule types of one's own are written with: see docs/guide/rule-types.md. JAX."""

from __future__ import annotations

from hybrid.knowledge.readings.reading import (
    Panel,
    Reading,
    bus_reading,
    mix_sounding,
    one,
    pair_reading,
    pairs_of,
    smoothed,
    sounding,
    tracks_heard,
    treatment_of,
)
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types.base import MASTER, MIX, For, RuleType
from hybrid.knowledge.types.fields import LuByRole, Part
from hybrid.knowledge.types.hooks import Statistic, TargetKind
from hybrid.knowledge.types.lookup import SongLookup
from hybrid.knowledge.types.requires import Requires
from hybrid.measure.decibel import db, mean_over
from hybrid.measure.panel import Measured, bus_active, bus_k
from hybrid.measure.statistics import quantile, worst_mean
from hybrid.units import Db, DbPerOctave, DbPerSecond, Hz, HzBand, Lu, PanStep, Plain, Seconds, Share

__all__ = [
    "MASTER",
    "MIX",
    "Db",
    "DbPerOctave",
    "DbPerSecond",
    "For",
    "Hz",
    "HzBand",
    "Lu",
    "LuByRole",
    "Measured",
    "PanStep",
    "Panel",
    "Part",
    "Plain",
    "Reading",
    "Requires",
    "RuleType",
    "Scope",
    "Seconds",
    "Share",
    "SongLookup",
    "Statistic",
    "TargetKind",
    "bus_active",
    "bus_k",
    "bus_reading",
    "db",
    "mean_over",
    "mix_sounding",
    "one",
    "pair_reading",
    "pairs_of",
    "quantile",
    "smoothed",
    "sounding",
    "tracks_heard",
    "treatment_of",
    "worst_mean",
]
