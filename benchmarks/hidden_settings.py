"""How far a reference leads to the mix that it was made with: python benchmarks/hidden_settings.py SONGS... -o FOLDER

Each song is mixed two ways, by itself and under settings drawn at random that nobody is told of: tone, balance of
families, width, place, dynamics. The second half of the song is mixed, by the network alone and with refinement, after
the hidden mix itself, after the first half of the song under the same settings, and after the first half of another
song, under the same settings and under others. Distances are those from the hidden mix of the second half: differences
of all quantities that are followed, in scales of their rules, mean over quantities of an aspect and over the four
aspects, of rendered audio.
`--synthetic N` adds songs that the program plays, of seeds that no network was trained on. Mixes are measured once: a
run that was stopped goes on. Prints Markdown; also written to FOLDER/hidden-settings.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import soundfile
from scipy import stats

import hybrid
from hybrid.audio.manifest import load_song
from hybrid.audio.read import open_song
from hybrid.corpus.card import read_card
from hybrid.corpus.play import write_song
from hybrid.errors import InputError
from hybrid.goals.goal import TEMPLATE, aspects_of
from hybrid.goals.measured import ReferenceMix, measure_reference, template_of
from hybrid.knowledge.resolve import load_rules
from hybrid.training.hidden_settings import HiddenSettings, by_track, draw_settings, under

ASPECTS = ("tone", "width", "place", "dynamics")
HALF_S = 30.0
FIRST_SEED = 900_000
"""Of the synthetic songs: far from those of training and validation."""
NONE, ITSELF, RIGHT = "none", "the hidden mix itself", "its first half, the same settings"
SAME, WRONG = "another song, the same settings", "another song, other settings"
Result = dict[str, dict[str, dict[str, float]]]
"""By way of mixing and reference, distances by aspect."""
WAYS = {"the network alone": 0, "refinement": 100}


def halves(folder: Path, out: Path) -> None:
    """Writes the tracks of both halves of a song, around its middle, as song folders `first` and `second`."""
    song = load_song(folder)
    size = min(song.n_samples // 2, int(HALF_S * song.sample_rate))
    with open_song(song) as reader:
        for name, start in (("first", song.n_samples // 2 - size), ("second", song.n_samples // 2)):
            (out / name).mkdir(parents=True)
            for index, track in enumerate(song.tracks):
                # by their roles, which names tell: both halves are known alike
                file = out / name / f"{track.id}.wav"
                soundfile.write(file, reader.read(index, start, size).T, song.sample_rate, subtype="FLOAT")


def hidden_mix(folder: Path, settings: HiddenSettings, path: Path) -> Path:
    """Writes the mix of a song under settings, as a change of the network's mix, unless it is there."""
    if path.is_file():
        return path
    own = hybrid.mix(folder, steps=0)
    treatment = own.treatment
    dry = hybrid.analyse(own.song).analysis.dry
    changed = under(settings, by_track(settings, own.song.tracks, dry.power.shape[0]), dry, treatment)
    write(hybrid.render(own.song, changed).samples, own.sample_rate, path)
    return path


def write(samples: np.ndarray, sample_rate: int, path: Path) -> None:
    # no deliverable: levels are those of the treatment, so that nothing may clip
    soundfile.write(path, samples.T / max(1.0, 1.1 * float(np.abs(samples).max())), sample_rate, subtype="FLOAT")


def read(path: Path) -> ReferenceMix:
    return measure_reference(path, TEMPLATE_RULES, lambda stage, share: None)


TEMPLATE_RULES = template_of(load_rules([TEMPLATE]))


def distance(mix: ReferenceMix, other: ReferenceMix) -> dict[str, float]:
    """Differences in scales, by aspect."""
    found: dict[str, list[float]] = {aspect: [] for aspect in ASPECTS}
    for rule in TEMPLATE_RULES.rules:
        mine, theirs = mix.quantities.get(rule.id), other.quantities.get(rule.id)
        if mine is None or theirs is None:
            continue
        counts = (mine.share > 0.0) & (theirs.share > 0.0)
        # inaudible bands, which have no level to speak of
        if rule.type == "long_term_spectrum":
            counts &= (theirs.value > theirs.value.max() - 40.0) & (mine.value > mine.value.max() - 40.0)
        for aspect in set(aspects_of(rule)) & set(ASPECTS):
            if counts.any():
                found[aspect].append(float(np.mean(np.abs(mine.value - theirs.value)[counts])) / rule.scale)
    return {aspect: fmean(each) for aspect, each in found.items() if each}


def measure(folder: Path, other: Path, out: Path, seed: int) -> Result:
    """Distances from the hidden mix of the second half of a song, of mixes after all references, as far as `out` does
    not have them yet."""
    file = out / "result.json"
    result: Result = json.loads(file.read_text()) if file.is_file() else {way: {} for way in WAYS}
    if all({*result[way]} == {NONE, ITSELF, RIGHT, SAME, WRONG} for way in WAYS):
        return result
    out.mkdir(parents=True, exist_ok=True)
    songs = {"own": folder, "other": other}
    for name, song in songs.items():
        shutil.rmtree(out / name, ignore_errors=True)
        halves(song, out / name)
    mine, others = (draw_settings(np.random.default_rng([seed, k])) for k in range(2))
    references = {
        ITSELF: hidden_mix(out / "own" / "second", mine, out / "aim.wav"),
        RIGHT: hidden_mix(out / "own" / "first", mine, out / "right.wav"),
        SAME: hidden_mix(out / "other" / "first", mine, out / "same.wav"),
        WRONG: hidden_mix(out / "other" / "first", others, out / "wrong.wav"),
    }
    aim = read(references[ITSELF])
    for way, steps in WAYS.items():
        for name, reference in {NONE: None, **references}.items():
            if name not in result[way]:
                mixed = hybrid.mix(out / "own" / "second", steps=steps, references=[reference] if reference else [])
                write(mixed.samples, mixed.sample_rate, out / "mix.wav")
                result[way][name] = distance(read(out / "mix.wav"), aim)
                file.write_text(json.dumps(result))
    for name in songs:
        shutil.rmtree(out / name)
    return result


def total(distances: dict[str, float]) -> float:
    return fmean(distances.values())


def closed(result: Result, way: str, name: str) -> float:
    """Share of the distance between a mix by itself and the hidden mix that a reference closes."""
    return 1.0 - total(result[way][name]) / total(result[way][NONE])


def report(results: Sequence[Result]) -> str:
    """The table as Markdown."""
    lines = [
        f"{len(results)} songs",
        "",
        f"| | {' | '.join(ASPECTS)} | all | closed (of all, sum over songs; median) | right closes more, p |",
        "|---" * (len(ASPECTS) + 4) + "|",
    ]
    for way in WAYS:
        for name in (NONE, ITSELF, RIGHT, SAME, WRONG):
            each = [result[way][name] for result in results]
            means = [fmean(d[aspect] for d in each if aspect in d) for aspect in ASPECTS]
            own = [total(result[way][NONE]) for result in results]
            share = 1.0 - sum(map(total, each)) / sum(own)
            shares = [closed(result, way, name) for result in results]
            right = [closed(result, way, RIGHT) for result in results]
            p = stats.wilcoxon(right, shares)[1] if name in (SAME, WRONG) and len(results) > 1 else None
            lines.append(
                f"| {way}: {name} | {' | '.join(f'{mean:.2f}' for mean in means)} | {fmean(map(total, each)):.2f} "
                f"| {share:.0%}; {float(np.median(shares)):.0%} | {'' if p is None else f'{p:.2g}'} |"
            )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", nargs="*", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--synthetic", type=int, default=0)
    arguments = parser.parse_args()
    folders = list(arguments.songs)
    for seed in range(FIRST_SEED, FIRST_SEED + arguments.synthetic):
        folder = arguments.out / "played" / str(seed)
        if not folder.is_dir():
            write_song(read_card("synthetic"), seed, folder)
        folders.append(folder)
    results = []
    for number, folder in enumerate(folders):
        other = folders[(number + 1) % len(folders)]
        try:
            results.append(measure(folder, other, arguments.out / folder.name, number))
        except InputError as error:
            print(f"{folder.name}: {error}", file=sys.stderr)
            continue
        print(f"{folder.name}: done", file=sys.stderr, flush=True)
    text = report(results)
    (arguments.out / "hidden-settings.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
