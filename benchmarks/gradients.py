"""Gradients of every rule on songs that are no music: python benchmarks/gradients.py [--songs NAMES...]

Silence, offsets, single samples, squares, copies and their inverses, sound beyond what is heard, levels far from any
recording: 25 songs, of which each rule's penalty and its gradient are taken from six treatments (neutral, three at
random, and with every part near either end of its range). Prints a table by song: how many gradients were taken, how
many are not finite, and of which rules; the largest penalty tells how far from music the song is. Minutes: one program
is compiled for each length and number of tracks.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import soundfile
from cheat_audit import Case, case_of, descend, every_rule, judged, random_start
from jaxtyping import Array, Float

from hybrid.errors import InputError
from hybrid.treatment.bounds import unconstrain
from hybrid.treatment.types import Treatment, map_parts

RATE, SECONDS = 22050, 6.0
N = int(RATE * SECONDS)
NAMES = ("Kick", "Snare", "Bass", "Vox")
N_RANDOM = 3
FAR = 12.0
"""Whitened units from neutral, at which parts are within a thousandth of the ends of their ranges."""
BATCH = 16

Sound = Float[np.ndarray, "sample"] | Float[np.ndarray, "sample channel"]


def _noise(seed: int, n: int = N) -> Float[np.ndarray, " sample"]:
    return 0.1 * np.random.default_rng(seed).standard_normal(n)


def _click(at: int, height: float = 0.9, n: int = N) -> Float[np.ndarray, " sample"]:
    y = np.zeros(n)
    y[at] = height
    return y


def _tone(frequency_hz: float, n: int = N) -> Float[np.ndarray, " sample"]:
    return 0.3 * np.sin(2 * np.pi * frequency_hz * np.arange(n) / RATE)


def _music(n: int = N) -> list[Sound]:
    """Four tracks that are ordinary, of which a song changes some."""
    time_s = np.arange(n) / RATE
    beat = np.exp(-(time_s % 0.5) / 0.06)
    return [_tone(55, n) * beat, _noise(1, n) * beat, _tone(110, n), _tone(330, n) * (time_s % 2 > 0.5)]


def _with(last: Sound) -> list[Sound]:
    return [*_music(len(last))[:3], last]


def _sides(left: float, right: float) -> Sound:
    return np.stack([left * _noise(5), right * _noise(6)], axis=1)


SONGS: dict[str, Callable[[], Sequence[Sound]]] = {
    "ordinary": _music,
    "all silent": lambda: [np.zeros(N)] * 4,
    "one silent": lambda: _with(np.zeros(N)),
    "all silent but one sample": lambda: [np.zeros(N)] * 3 + [_click(N // 2)],
    "a sample each": lambda: [_click(k * 1000) for k in range(1, 5)],
    "first and last sample": lambda: _with(_click(0) + _click(N - 1)),
    "offset": lambda: _with(np.full(N, 0.5)),
    "offsets alone": lambda: [np.full(N, 0.1 * k) for k in range(1, 5)],
    "square at full scale": lambda: [np.sign(_tone(f) + 1e-12) for f in (50, 200, 110, 440)],
    "the same four times": lambda: [_noise(1)] * 4,
    "cancels": lambda: [_noise(1), -_noise(1), _tone(110), -_tone(110)],
    "sides that cancel": lambda: _with(np.stack([_noise(2), -_noise(2)], axis=1)),
    "left alone": lambda: [_sides(1, 0) for _ in range(4)],
    "right almost alone": lambda: [_sides(1e-6, 1) for _ in range(4)],
    "steady noise": lambda: [_noise(k) for k in range(4)],
    "subsonic": lambda: [_tone(f) for f in (0.2, 1, 3, 8)],
    "up to the highest frequency": lambda: [_tone(f) for f in (10500, 10900, 11000, 11020)],
    "the least bits": lambda: [np.round(_noise(k) * 10) / 32768 for k in range(4)],
    "-200 dBFS": lambda: [y * 1e-10 for y in _music()],
    "one at -200 dBFS": lambda: _with(_tone(330) * 1e-10),
    "denormal": lambda: [y * 1e-39 for y in _music()],
    "one at +60 dBFS": lambda: _with(_tone(330) * 1e3),
    "+120 dBFS": lambda: [y * 1e6 for y in _music()],
    "half a second": lambda: _music(RATE // 2),
    "one track": lambda: [_music()[3]],
}


def write_nasty(name: str, folder: Path) -> None:
    """The tracks of one of these songs, as floats."""
    for track, y in zip(reversed(NAMES), reversed(SONGS[name]()), strict=False):
        soundfile.write(folder / f"{track}.wav", y, RATE, "DOUBLE")


def starts(case: Case) -> list[Treatment]:
    """Unconstrained treatments at which gradients are taken."""
    nothing = unconstrain(case.nothing)

    def far(by: float) -> Treatment:
        return map_parts(lambda part, value: value if part == "master.level" else value + by, nothing)

    return [nothing, *(random_start(case.nothing, seed) for seed in range(N_RANDOM)), far(-FAR), far(FAR)]


def gradients(case: Case, start: Treatment) -> Float[Array, "rule coordinate"]:
    """The gradient of every rule's penalty."""
    weights = np.eye(len(case.rules), dtype=np.float32)
    padded = np.pad(weights, ((0, -len(weights) % BATCH), (0, 0)))
    parts = [
        descend(case.objective, case.dry, start, jnp.asarray(part), jnp.int32(1)).gradient
        for part in np.split(padded, len(padded) // BATCH)
    ]
    return jnp.concatenate(parts)[: len(weights)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--songs", nargs="+", choices=list(SONGS), default=list(SONGS))
    options = parser.parse_args()
    rules = every_rule()
    total = bad = 0
    print("| song | gradients | not finite | rules | largest penalty |\n|---|---|---|---|---|", flush=True)
    for name in options.songs:
        with tempfile.TemporaryDirectory() as folder:
            write_nasty(name, Path(folder))
            try:
                case = case_of(Path(folder), rules, name)
            except InputError as error:
                print(f"| {name} | | | refused: {error.problems[0].what} | |", flush=True)
                continue
            taken, wrong, of, largest = 0, 0, set[str](), 0.0
            for start in starts(case):
                cost = np.asarray(judged(case.objective, case.dry, start)[0])
                finite = np.isfinite(np.asarray(gradients(case, start))).all(axis=1) & np.isfinite(cost)
                taken += len(finite)
                wrong += int((~finite).sum())
                of |= {case.rules[k].id for k in np.flatnonzero(~finite)}
                largest = max(largest, float(np.nanmax(cost)))
            total, bad = total + taken, bad + wrong
            print(f"| {name} | {taken} | {wrong} | {', '.join(sorted(of))} | {largest:.3g} |", flush=True)
    print(f"\n{total} gradients, {bad} not finite")


if __name__ == "__main__":
    main()
