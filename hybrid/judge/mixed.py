"""Mixed models of one metric over all arms at once: arms are fixed, songs are random, seeds are averaged within both.

More powerful than tests arm by arm where its assumption holds, that songs differ from each other as a normal
distribution does. An option: needs statsmodels (`pip install 'hybrid-mix[stats]'`).
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from hybrid.errors import InputError, Problem

FEWEST_SONGS = 3


class Modelled(NamedTuple):
    """The difference of an arm from the baseline."""

    mean: float
    low: float
    high: float
    p: float
    """By Wald's test, not corrected for how many arms there are."""


def check_library() -> None:
    """Raises InputError if statsmodels is not installed."""
    try:
        import statsmodels.formula.api  # noqa: F401
    except ImportError as error:
        hint = "pip install 'hybrid-mix[stats]'"
        raise InputError(Problem("mixed models", "need statsmodels, which is not installed", hint)) from error


def mixed_model(values: Mapping[tuple[str, int, str], float], baseline: str) -> dict[str, Modelled]:
    """Differences of all arms from `baseline`, by values of songs, seeds and arms; all are taken to scatter alike.

    Seeds of a song are no further songs: their mean counts. Nothing for fewer than three songs, and where all values
    are the same or nothing can be fitted. Raises InputError without statsmodels.
    """
    check_library()
    import pandas
    from statsmodels.formula.api import mixedlm

    seeds: dict[tuple[str, str], list[float]] = {}
    for (song, _, arm), value in values.items():
        seeds.setdefault((song, arm), []).append(value)
    rows = [(song, arm, sum(found) / len(found)) for (song, arm), found in seeds.items()]
    table = pandas.DataFrame(rows, columns=["song", "arm", "value"])
    arms = [arm for arm in dict.fromkeys(table["arm"]) if arm != baseline]
    songs = {song for song, _, arm in values if arm == baseline}
    if len(songs) < FEWEST_SONGS or len(set(values.values())) < 2 or not arms:
        return {}
    # names of arms may hold anything: columns are numbered
    for number, arm in enumerate(arms):
        table[f"arm{number}"] = (table["arm"] == arm).astype(float)
    formula = "value ~ " + " + ".join(f"arm{number}" for number in range(len(arms)))
    with warnings.catch_warnings():
        # a song's variance of zero lies on the edge of what is fitted
        warnings.simplefilter("ignore")
        try:
            fitted = mixedlm(formula, table, groups=table["song"]).fit(reml=True)
        except np.linalg.LinAlgError:
            return {}
    interval = fitted.conf_int()
    found = {
        arm: Modelled(
            float(fitted.params[f"arm{number}"]),
            float(interval.loc[f"arm{number}"][0]),
            float(interval.loc[f"arm{number}"][1]),
            float(fitted.pvalues[f"arm{number}"]),
        )
        for number, arm in enumerate(arms)
    }
    return {arm: each for arm, each in found.items() if np.isfinite(each).all()}
