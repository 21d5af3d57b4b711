"""All metrics of several mixes of one song at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from hybrid.audio.read import SongReader
from hybrid.errors import Problem, SongError
from hybrid.judge.distance import Beside, feature_errors, multiresolution_db, spectrum_errors_db, track_errors
from hybrid.judge.features import features_of
from hybrid.judge.mix import Mix
from hybrid.judge.table import METRICS, REFERENCE
from hybrid.judge.tracks import Fit, Heard, fit_tracks, heard


class Judged(NamedTuple):
    """What is found of a mix."""

    metrics: dict[str, float]
    """By the names of `METRICS`, finite: those that can be read from what is there."""
    features: dict[str, float]
    fit: Fit | None
    heard: Heard | None
    """With tracks."""
    reference_explained: float | None
    """Share of the reference that the tracks explain; None without both."""


def judge(mixes: Sequence[Mix], reader: SongReader | None = None, beside: Beside | None = None) -> list[Judged]:
    """Every mix by itself, as its tracks are heard in it, and against a reference that lies beside them, as far as
    these are given; where the reference is shorter, of what both have.

    All are of one song, begin with its tracks and have their rate. Raises SongError for mixes of another rate.
    """
    if beside:
        mixes = [beside.within(mix) for mix in mixes]
    reference = beside.reference if beside else None
    everything = [*mixes, *([reference] if reference else [])]
    if reader:
        for mix in everything:
            if mix.sample_rate != reader.song.sample_rate:
                what = f"is at {mix.sample_rate} Hz, its tracks at {reader.song.sample_rate} Hz"
                raise SongError(Problem(mix.name, what))
    fits = fit_tracks(reader, everything) if reader else []
    audible = heard(reader, fits[: len(mixes)]) if reader else []
    wanted = features_of(reference) if reference else {}
    judged = []
    for index, mix in enumerate(mixes):
        features = features_of(mix)
        metrics: dict[str, float | None] = {**_alone(features)}
        if reader:
            metrics["heard"] = audible[index].mean
        if reference:
            metrics |= _against(mix, features, reference, wanted)
        if reader and reference:
            metrics |= track_errors(fits[index], fits[-1])
        known = {name: value for name in METRICS if (value := metrics.get(name)) is not None and np.isfinite(value)}
        fit, share = (fits[index], audible[index]) if reader else (None, None)
        judged.append(Judged(known, features, fit, share, fits[-1].explained if reader and reference else None))
        mix.forget()
    return judged


def _alone(features: Mapping[str, float]) -> dict[str, float]:
    folded = {"folded_lu": abs(features["fold_down_lu"])}
    return folded | {name: features[name] for name in ("clipped", "dc_db") if name in features}


def _against(
    mix: Mix, features: Mapping[str, float], reference: Mix, wanted: Mapping[str, float]
) -> dict[str, float | None]:
    errors = feature_errors(features, wanted)
    spectra = {f"spectrum_{name}_db": error for name, error in spectrum_errors_db(mix, reference).items()}
    over_time = {
        "stft_mid_db": multiresolution_db(mix.mid, reference.mid),
        "stft_side_db": multiresolution_db(mix.side, reference.side),
    }
    own = {name: error for name, error in errors.items() if name in METRICS and METRICS[name].needs in REFERENCE}
    return {**own, **spectra, **over_time}
