"""Whether a mix keeps the arc of a song with a riser and a drop: python benchmarks/arc.py FOLDER

Sixteen seconds of a riser, a pad and a roll lead to sixteen of drums, bass and lead, which are louder. The song is
mixed with its tracks named, and under names that tell nothing. Prints the loudness of both halves, LUFS, of the raw
sum and of the mixes: the drop has to stay above the riser by about as much as it was played.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float
from pyloudnorm import Meter
from scipy.signal import butter, sosfilt

import hybrid

RATE, HALF_S, BEAT_S = 44100, 16, 0.5
Samples = Float[np.ndarray, " time"]


def tracks() -> dict[str, Samples]:
    """The tracks by name."""
    rng = np.random.default_rng(3)
    t = np.arange(2 * HALF_S * RATE) / RATE
    rise, drop, beat = (t < HALF_S) * t / HALF_S, t >= HALF_S, t % BEAT_S
    noise = rng.normal(size=t.size)
    root_hz = np.array([55.0, 55.0, 65.4, 49.0])[(t // 2 % 4).astype(int)]
    low, high = _band(noise, 300, 1500), _band(noise, 2000, 9000)
    chord = sum(np.sin(2 * np.pi * hz * t + k) for k, hz in enumerate((220.0, 277.2, 329.6, 440.0)))
    kick = np.sin(2 * np.pi * (50 * beat + 3 * (1 - np.exp(-30 * beat)))) * np.exp(-8 * beat)
    lead = sum(_saw(ratio * root_hz, t) for ratio in (4.0, 6.0, 8.02))
    hats = _band(rng.normal(size=t.size), 7000, 18000) * np.exp(-25 * ((t + BEAT_S / 2) % BEAT_S))
    return {
        "Kick": 0.44 * drop * kick,
        "Bass": 0.35 * drop * _band(_saw(root_hz, t), 20, 400) * (1 - np.exp(-12 * beat)),
        "Lead Synth": 0.04 * drop * lead,
        "Hats": 0.25 * drop * hats,
        "Riser": 0.31 * rise**1.5 * ((1 - rise) * low + rise * high),
        "Pad": 0.045 * (rise > 0) * chord,
        "Snare Roll": 0.1 * np.maximum(2 * rise - 1, 0) * noise * np.exp(-30 * (t % (BEAT_S / 2))),
    }


def _saw(frequency_hz: float | Samples, t: Samples) -> Samples:
    return 2.0 * (frequency_hz * t % 1.0) - 1.0


def _band(x: Samples, low_hz: float, high_hz: float) -> Samples:
    return np.asarray(sosfilt(butter(2, [low_hz, high_hz], "band", fs=RATE, output="sos"), x))


def halves_lufs(x: Float[np.ndarray, " time *channel"]) -> str:
    """Loudness of both halves, and of the second over the first."""
    n, meter = HALF_S * RATE, Meter(RATE)
    first, second = (meter.integrated_loudness(half) for half in (x[:n], x[n : 2 * n]))
    return f"{first:.1f} | {second:.1f} | {second - first:+.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    made = tracks()
    print("| | riser | drop | change |\n|---|---|---|---|")
    print(f"| raw sum | {halves_lufs(np.sum(list(made.values()), axis=0))} |")
    for kind in ("named", "nameless"):
        song = folder / kind
        song.mkdir(parents=True, exist_ok=True)
        for number, (name, samples) in enumerate(made.items(), start=1):
            soundfile.write(song / f"{name if kind == 'named' else f'Audio {number}'}.wav", samples, RATE, "PCM_24")
        hybrid.mix(song, out=folder / f"{kind}-mix", overwrite=True)
        mix, _ = soundfile.read(folder / f"{kind}-mix" / "mix.wav")
        print(f"| {kind} | {halves_lufs(mix)} |", flush=True)


if __name__ == "__main__":
    main()
