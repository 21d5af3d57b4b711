"""All metrics by name: unit, direction, margin, and the families of rules that measure the same.

A rule is not judged by its own measurement, which it improves by definition: for the families in `control_for` a metric
is a control only.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from hybrid.judging.features import FEATURES

Needs = Literal["mix", "tracks", "reference", "reference and tracks", "stems"]
REFERENCE = frozenset({"reference", "reference and tracks"})


class Metric(NamedTuple):
    """A number by which mixes are compared."""

    unit: str
    about: str
    needs: Needs
    margin: float
    """The largest difference that does not matter, about a just noticeable one, in round numbers. Guesses, but for
    level (1 dB is about a just noticeable difference in music)."""
    control_for: frozenset[str] = frozenset()
    better: Literal["lower", "higher"] = "lower"


def _error(name: str, margin: float, *own_of: str) -> Metric:
    feature = FEATURES[name]
    return Metric(feature.unit, f"error of {feature.about}", "reference", margin, frozenset(own_of))


METRICS = {
    # the tracks in the mix against those in the reference mix
    "level_lu": Metric("LU", "mean error of the tracks' levels, as fitted", "reference and tracks", 1.0),
    "pan": Metric("", "mean error of the tracks' pan positions, -1 to 1", "reference and tracks", 0.05),
    "tone_db": Metric("dB", "mean error of the tracks' octave gains", "reference and tracks", 1.0),
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
    # features of the whole mix against those of the reference mix
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
        "partial loudness of the tracks over their unmasked loudness, share of one",
        "tracks",
        0.01,
        better="higher",
    ),
    "folded_lu": Metric("LU", "change of loudness in mono", "mix", 0.5, frozenset({"space"})),
    "clipped": Metric("samples", FEATURES["clipped"].about, "mix", 1.0),
    "dc_db": Metric("dB", FEATURES["dc_db"].about, "mix", 1.0),
    "roughness_db_per_s": Metric(
        "dB/s", "mean rate of gain changes of active tracks", "stems", 0.5, frozenset({"fidelity", "dynamics"})
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
"""The primary metric of each family of rules, chosen before any measurement. Rules on the output, of loudness and
peaks, have none: every metric is at one loudness, or is their own measurement."""
