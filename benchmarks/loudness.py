"""Integrated loudness compared with other meters, on the same noise in one run: python benchmarks/loudness.py

Prints loudness, the difference to pyloudnorm's DeMan filter, and the median time of seven readings of three minutes
of stereo. Needs pyloudnorm and pyebur128 (`pip install pyloudnorm pyebur128`); says so where one is missing. Both
libebur128 and our meter run with loudness alone, and with loudness and true peak.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable

import numpy as np

from hybrid.measure.meter import LoudnessMeter, Meter

SECONDS, RUNS, BLOCK = 180, 7, 1 << 17


def material(sample_rate: int) -> np.ndarray:
    """Stereo test signal: decaying bursts of coloured noise, partly correlated, with passages below the gates."""
    rng = np.random.default_rng(0)
    n = SECONDS * sample_rate
    time_s = np.arange(n) / sample_rate
    common, own = rng.standard_normal(n), rng.standard_normal((2, n))
    envelope = np.exp(-6.0 * (time_s % 0.5)) * (0.02 + np.sin(np.pi * time_s / SECONDS) ** 2)
    noise = np.cumsum(0.2 * (common + own), axis=1)
    noise -= np.concatenate([np.zeros((2, 400)), noise[:, :-400]], axis=1)
    return (0.1 * envelope * noise / np.max(np.abs(noise)) * 4.0).astype(np.float32)


def ours(x: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness by this project's meter, LUFS."""
    meter = LoudnessMeter(sample_rate, 2)
    for start in range(0, x.shape[1], BLOCK):
        meter.add(x[:, start : start + BLOCK])
    return meter.loudness().integrated_lufs


def ours_true_peak(x: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness by this project's meter of loudness and true peak, LUFS."""
    meter = Meter(sample_rate, 2)
    for start in range(0, x.shape[1], BLOCK):
        meter.add(x[:, start : start + BLOCK])
    return meter.levels().integrated_lufs


def pyloudnorm_deman(x: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness by pyloudnorm with the exact filter, LUFS."""
    pyloudnorm = importlib.import_module("pyloudnorm")
    return float(pyloudnorm.Meter(sample_rate, filter_class="DeMan").integrated_loudness(x.T.astype(np.float64)))


def libebur128(x: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness by libebur128 through pyebur128, LUFS."""
    ebur = importlib.import_module("pyebur128")
    state = ebur.R128State(2, sample_rate, ebur.MeasurementMode.MODE_I)
    state.add_frames(np.ascontiguousarray(x.T).ravel(), x.shape[1])
    return float(ebur.get_loudness_global(state))


def libebur128_true_peak(x: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness by libebur128, which measures true peak as well, LUFS."""
    ebur = importlib.import_module("pyebur128")
    state = ebur.R128State(2, sample_rate, ebur.MeasurementMode.MODE_I | ebur.MeasurementMode.MODE_TRUE_PEAK)
    state.add_frames(np.ascontiguousarray(x.T).ravel(), x.shape[1])
    ebur.get_true_peak(state, 0)
    return float(ebur.get_loudness_global(state))


def timed(meter: Callable[[np.ndarray, int], float], x: np.ndarray, sample_rate: int) -> tuple[float, float]:
    """The reading, and the median time in seconds after one warm-up."""
    reading = meter(x, sample_rate)
    took = []
    for _ in range(RUNS):
        start = time.perf_counter()
        meter(x, sample_rate)
        took.append(time.perf_counter() - start)
    return reading, float(np.median(took))


def main() -> None:
    """Print a table per sample rate."""
    for sample_rate in (44100, 48000, 96000):
        x = material(sample_rate)
        rows: dict[str, tuple[float, float]] = {}
        for meter in (pyloudnorm_deman, libebur128, ours, libebur128_true_peak, ours_true_peak):
            try:
                rows[meter.__name__] = timed(meter, x, sample_rate)
            except ModuleNotFoundError as error:
                print(f"{meter.__name__}: not measured, {error.name} is not installed")
        reference = rows.get("pyloudnorm_deman", rows["ours"])[0]
        for name, (reading, took) in rows.items():
            levels = f"{reading:9.4f} LUFS {reading - reference:+.4f} LU"
            print(f"{sample_rate} Hz {name:20} {levels} {1000 * took:7.1f} ms, {took / rows['ours'][1]:.2f} of ours")


if __name__ == "__main__":
    main()
