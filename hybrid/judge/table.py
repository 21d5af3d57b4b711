"""All metrics by name: unit, which way is better, and whose own measure each is.

A rule is not judged by what it measures itself: that it does what it asks is no news. `own_of` names
the families of rules for which a metric is a control only.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from hybrid.judge.features import FEATURES

Needs = Literal["mix", "tracks", "reference", "reference and tracks", "stems"]
REFERENCE = frozenset({"reference", "reference and tracks"})


class Metric(NamedTuple):
    """What is read of a mix, so that mixes can be compared by it."""

    unit: str
    about: str
    needs: Needs
    margin: float
    """Differences up to it do not matter: about where a difference is just heard, in round numbers. Guesses, but for
    level (1 dB is about a just noticeable difference in music)."""
    own_of: frozenset[str] = frozenset()
    better: Literal["lower", "higher"] = "lower"


def _error(name: str, margin: float, *own_of: str) -> Metric:
    feature = FEATURES[name]
    return Metric(feature.unit, f"error of {feature.about}", "reference", margin, frozenset(own_of))


METRICS = {
    "level_lu": Metric("LU", "mean error of the tracks' levels, as fitted", "reference and tracks", 1.0),
    "pan": Metric("", "mean error of the tracks' places, -1 to 1", "reference and tracks", 0.05),
    "tone_db": Metric("dB", "mean error of the tracks' octaves", "reference and tracks", 1.0),
    "spectrum_mid_db": Metric(
        "dB", "mean error of third-octave levels of mid", "reference", 1.0, frozenset({"spectrum"})
    ),
    "spectrum_side_db": Metric(
        "dB", "mean error of third-octave levels of side", "reference", 1.0, frozenset({"spectrum", "space"})
    ),
    "stft_mid_db": Metric(
        "dB", "distance of spectra over time at three resolutions, mid", "reference", 0.5, frozenset({"spectrum"})
    ),
    "stft_side_db": Metric("dB", "the same of side", "reference", 0.5),
    "crest_db": _error("crest_db", 1.0, "output"),
    "plr_lu": _error("plr_lu", 1.0, "output"),
    "loudness_range_lu": _error("loudness_range_lu", 1.0, "output"),
    "width_db": _error("width_db", 1.0, "space"),
    "balance_db": _error("balance_db", 1.0, "space"),
    "panning": _error("panning", 0.02),
    "panning_low": _error("panning_low", 0.02),
    "panning_mid": _error("panning_mid", 0.02),
    "panning_high": _error("panning_high", 0.02),
    "tilt_db_per_octave": _error("tilt_db_per_octave", 0.25, "spectrum"),
    "centroid_octaves": _error("centroid_octaves", 0.1, "spectrum"),
    "bandwidth_octaves": _error("bandwidth_octaves", 0.1, "spectrum"),
    "rolloff_octaves": _error("rolloff_octaves", 0.1, "spectrum"),
    "contrast_db": _error("contrast_db", 0.5),
    "flatness_db": _error("flatness_db", 1.0, "spectrum"),
    "heard": Metric(
        "",
        "loudness that is left to the tracks beside each other, share of one",
        "tracks",
        0.01,
        better="higher",
    ),
    "folded_lu": Metric("LU", "change of loudness in mono", "mix", 0.5, frozenset({"space"})),
    "clipped": Metric("samples", FEATURES["clipped"].about, "mix", 1.0),
    "dc_db": Metric("dB", FEATURES["dc_db"].about, "mix", 1.0),
    "roughness_db_per_s": Metric(
        "dB/s", "how much the gain of tracks moves while they sound", "stems", 0.5, frozenset({"fidelity", "dynamics"})
    ),
}

PRIMARY: dict[str, str | None] = {
    "loudness": "level_lu",
    "group": "level_lu",
    "masking": "heard",
    "spectrum": "tone_db",
    "fidelity": "stft_mid_db",
    "space": "panning",
    "reverb": "stft_side_db",
    "dynamics": "crest_db",
    "output": None,
}
"""The metric that each family of rules is judged by, stated before anything is measured. Listening tests, learned
embeddings and word error rates, which would judge some better, are not here. Rules on the output, of loudness and
peaks, are judged by none: every metric is at one loudness, or is what they measure."""
