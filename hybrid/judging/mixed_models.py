"""Linear mixed models of a metric: arms are fixed effects, songs random intercepts, and seeds are averaged within both.

More powerful than a test per arm where songs are normally distributed. Optional: needs statsmodels
(`pip install 'hybrid-mix[stats]'`).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hybrid.errors import InputError, Problem

MIN_SONGS = 3


class MixedModelEffect(NamedTuple):
    """The difference of an arm from the baseline, with its 95 % confidence interval."""

    mean: float
    low: float
    high: float
    p: float
    """By Wald's test, not corrected for the number of arms."""


def check_library() -> None:
    """Raises InputError if statsmodels is not installed."""
    try:
        import statsmodels.formula.api  # noqa: F401
    except ImportError as error:
        hint = "pip install 'hybrid-mix[stats]'"
        raise InputError(Problem("mixed models", "need statsmodels, which is not installed", hint)) from error


def mixed_model(values: Mapping[tuple[str, int, str], float], baseline: str) -> dict[str, MixedModelEffect]:
    """Differences of all arms from `baseline`, by values of songs, seeds and arms with equal residual variance.

    Seeds of a song are averaged. Empty for fewer than three songs, for equal values, and where no model can be fitted.
    Raises InputError without statsmodels.
    """
    check_library()
    import pandas
    from statsmodels.formula.api import mixedlm

    seeds: dict[tuple[str, str], list[float]] = {}
    for (song, _, arm), value in values.items():
        seeds.setdefault((song, arm), []).append(value)
    rows = [(song, arm, sum(each) / len(each)) for (song, arm), each in seeds.items()]
    table = pandas.DataFrame(rows, columns=["song", "arm", "value"])
    arms = [arm for arm in dict.fromkeys(table["arm"]) if arm != baseline]
    songs = {song for song, _, arm in values if arm == baseline}
    if len(songs) < MIN_SONGS or len(set(values.values())) < 2 or not arms:
        return {}
    # names of arms may not be valid in a formula: columns are numbered
    for number, arm in enumerate(arms):
        table[f"arm{number}"] = (table["arm"] == arm).astype(float)
    formula = "value ~ " + " + ".join(f"arm{number}" for number in range(len(arms)))
    with warnings.catch_warnings():
        # a variance of songs of zero is on the boundary of the parameters, which statsmodels warns of
        warnings.simplefilter("ignore")
        try:
            # restricted likelihood: plain maximum likelihood underestimates the variance of few songs
            fitted = mixedlm(formula, table, groups=table["song"]).fit(reml=True)
        except np.linalg.LinAlgError:
            return {}
    interval = fitted.conf_int()
    effects = {
        arm: MixedModelEffect(
            float(fitted.params[f"arm{number}"]),
            float(interval.loc[f"arm{number}"][0]),
            float(interval.loc[f"arm{number}"][1]),
            float(fitted.pvalues[f"arm{number}"]),
        )
        for number, arm in enumerate(arms)
    }
    return {arm: each for arm, each in effects.items() if np.isfinite(each).all()}
