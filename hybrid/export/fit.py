"""How tracks went into a finished mix, as JSON and as a plain table."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from hybrid.audio.song import Track
from hybrid.pages.table import text_table
from hybrid.pages.words import fixed, frequency, position
from hybrid.signal.bands import band_centres_hz

if TYPE_CHECKING:
    from hybrid.unmixing.fit import Fit

_HEAD = ("track", "level", "position", "width", "tone", "confidence")
_HALF = 0.5
UNSEEN = "effects, compression, automation and mastering are not part of the fit"


def fit_json(fit: Fit, tracks: Sequence[Track], sample_rate: int) -> dict[str, object]:
    """The fit as JSON values with units in their names; levels are relative to the output level."""
    treatment = fit.treatment
    return {
        "explained": fit.explained,
        "rest_db": _rest_db(fit),
        "bands": [
            {"hz": round(float(hz), 1), "explained": None if math.isnan(share) else float(share)}
            for hz, share in zip(band_centres_hz(), fit.explained_in_band, strict=True)
        ],
        "lag_ms": 1000.0 * fit.lag.samples / sample_rate,
        "lag_is_clear": fit.lag.is_reliable,
        "output_level_db": float(treatment.master.level_db),
        "not_explained": UNSEEN,
        "tracks": [
            {
                "id": track.id,
                "confidence": float(fit.confidence[i]),
                "level_db": float(treatment.gain.level_db[i]),
                "tone_db": [round(float(x), 3) for x in treatment.eq.tone_db[i]],
                "position": float(treatment.pan.position[i]),
                "width_db": float(treatment.pan.width_db[i]) if track.channels == 2 else None,
            }
            for i, track in enumerate(tracks)
        ],
    }


def fit_table(fit: Fit, tracks: Sequence[Track], sample_rate: int) -> str:
    """The fit as lines of text: what it explains, then what it says of each track."""
    rows = [_row(fit, index, track) for index, track in enumerate(tracks)]
    below = fixed(-_rest_db(fit))
    level = fixed(float(fit.treatment.master.level_db), signed=True)
    return "\n".join(
        [
            f"the tracks explain {_percent(fit.explained)} of the mix; the rest lies {below} dB below",
            *_weak_bands(fit),
            UNSEEN,
            _late(fit, sample_rate),
            f"output level {level} dB, levels relative to it:",
            "",
            text_table([_HEAD, *rows]),
        ]
    )


def _row(fit: Fit, index: int, track: Track) -> tuple[str, ...]:
    treatment = fit.treatment
    tone = np.asarray(treatment.eq.tone_db[index])
    width = f"{fixed(float(treatment.pan.width_db[index]), signed=True)} dB" if track.channels == 2 else "mono"
    return (
        track.id,
        f"{fixed(float(treatment.gain.level_db[index]), signed=True)} dB",
        position(float(treatment.pan.position[index])),
        width,
        f"{fixed(float(tone.min()), signed=True)} to {fixed(float(tone.max()), signed=True)} dB",
        _percent(fit.confidence[index]),
    )


def _rest_db(fit: Fit) -> float:
    """Energy that is not explained, relative to the mix, dB; at least -60."""
    return 10.0 * math.log10(max(1.0 - fit.explained, 1e-6))


def _percent(share: float) -> str:
    return f"{100.0 * share:.1f} %"


def _weak_bands(fit: Fit) -> list[str]:
    """Where less than half is explained, neighbours together."""
    runs = groupby(zip(band_centres_hz(), fit.explained_in_band, strict=True), lambda band: bool(band[1] < _HALF))
    spans = [[hz for hz, _ in run] for is_weak, run in runs if is_weak]
    named = [" to ".join(dict.fromkeys(frequency(hz) for hz in (span[0], span[-1]))) for span in spans]
    return [f"less than half of the bands at {', '.join(named)}"] if named else []


def _late(fit: Fit, sample_rate: int) -> str:
    if not fit.lag.is_reliable:
        return "mix and tracks do not line up anywhere within 2 s: taken to start together"
    lag_ms = 1000.0 * fit.lag.samples / sample_rate
    return f"the mix comes {fixed(abs(lag_ms), 2)} ms {'after' if lag_ms >= 0.0 else 'before'} its tracks"
