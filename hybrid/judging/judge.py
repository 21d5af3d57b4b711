"""Evaluation of several mixes of one song: all metrics and the measurements behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hybrid.audio.read import SongReader
from hybrid.errors import Problem, SongError
from hybrid.judging.distance import (
    AlignedReference,
    feature_errors,
    multiresolution_db,
    spectrum_errors_db,
    track_errors,
)
from hybrid.judging.features import FEATURES, features_of
from hybrid.judging.mix import Mix
from hybrid.judging.table import METRICS, REFERENCE
from hybrid.judging.tracks import Audibility, TrackFit, fit_tracks, track_audibility
from hybrid.tabular import Row, Tabular


@dataclass(frozen=True, repr=False)
class MixEvaluation(Tabular):
    """Metrics of a mix, and the measurements behind them."""

    metrics: dict[str, float]
    """Finite values by the names of `METRICS`, as far as tracks and a reference allow."""
    features: dict[str, float]
    fit: TrackFit | None
    """With tracks, as the next."""
    audibility: Audibility | None
    reference_explained: float | None
    """Share of the reference's energy that the tracks explain; None without tracks or without a reference."""

    def __repr__(self) -> str:
        return f"MixEvaluation({len(self.metrics)} metrics, {len(self.features)} features)"

    def rows(self) -> list[Row]:
        """A row for each metric, then for each feature."""
        tables = (("metric", METRICS, self.metrics), ("feature", FEATURES, self.features))
        return [
            {"kind": kind, "name": name, "value": value, "unit": known[name].unit, "about": known[name].about}
            for kind, known, values in tables
            for name, value in values.items()
        ]


def judge(
    mixes: Sequence[Mix], reader: SongReader | None = None, reference: AlignedReference | None = None
) -> list[MixEvaluation]:
    """The metrics of every mix by itself and, where they are given, with its tracks and against an aligned reference.

    All mixes are of one song, start with its tracks and are compared where the reference has samples. Raises SongError
    for mixes at another sample rate than the tracks.
    """
    if reference:
        mixes = [reference.crop(mix) for mix in mixes]
    reference_mix = reference.mix if reference else None
    all_mixes = [*mixes, *([reference_mix] if reference_mix else [])]
    if reader:
        for mix in all_mixes:
            if mix.sample_rate != reader.song.sample_rate:
                what = f"is at {mix.sample_rate} Hz, its tracks at {reader.song.sample_rate} Hz"
                raise SongError(Problem(mix.name, what))
    # the reference is fitted along with the mixes: tracks are read once
    fits = fit_tracks(reader, all_mixes) if reader else []
    audibilities = track_audibility(reader, fits[: len(mixes)]) if reader else []
    reference_features = features_of(reference_mix) if reference_mix else {}
    evaluations = []
    for index, mix in enumerate(mixes):
        features = features_of(mix)
        values: dict[str, float | None] = {**_own_metrics(features)}
        if reader:
            values["heard"] = audibilities[index].mean
        if reference_mix:
            values |= _reference_metrics(mix, features, reference_mix, reference_features)
        if reader and reference_mix:
            values |= track_errors(fits[index], fits[-1])
        metrics = {name: value for name in METRICS if (value := values.get(name)) is not None and np.isfinite(value)}
        fit, audibility = (fits[index], audibilities[index]) if reader else (None, None)
        explained = fits[-1].explained if reader and reference_mix else None
        evaluations.append(MixEvaluation(metrics, features, fit, audibility, explained))
        mix.clear_cache()
    return evaluations


def _own_metrics(features: Mapping[str, float]) -> dict[str, float]:
    """Metrics that need the mix alone."""
    folded = {"folded_lu": abs(features["fold_down_lu"])}
    return folded | {name: features[name] for name in ("clipped", "dc_db") if name in features}


def _reference_metrics(
    mix: Mix, features: Mapping[str, float], reference: Mix, reference_features: Mapping[str, float]
) -> dict[str, float | None]:
    """Metrics that need a reference mix."""
    errors = feature_errors(features, reference_features)
    spectra = {f"spectrum_{name}_db": error for name, error in spectrum_errors_db(mix, reference).items()}
    over_time = {
        "stft_mid_db": multiresolution_db(mix.mid, reference.mid),
        "stft_side_db": multiresolution_db(mix.side, reference.side),
    }
    own = {name: error for name, error in errors.items() if name in METRICS and METRICS[name].needs in REFERENCE}
    return {**own, **spectra, **over_time}
