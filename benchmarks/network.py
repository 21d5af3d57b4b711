"""Penalties with and without a network's proposal: python benchmarks/network.py [SONGS...] [--rules FILE...] [--robust]

For every song in the folders given, and for songs of the synthetic test split, on which no network was trained, the
weighted penalties of all rules: of the raw sum, of usual levels by role, of the network alone, and of both starts after
some steps of refinement. With --robust, the share that the network removes when tracks are shuffled, dropped or
doubled, or their roles hidden. With --rules, under other rules than those of training. Prints tables; with --out,
writes them, with a plot.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from hybrid.audio.manifest import load_song
from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.compiled import clear_compiled
from hybrid.corpus.card import read_card
from hybrid.corpus.play import write_song
from hybrid.knowledge import objective as objectives
from hybrid.knowledge.evaluate import read_panel
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.measure.panel import predict
from hybrid.mixing.plan import MixConfig, Plan, plan_mix
from hybrid.proposal.weights import Network, load_network
from hybrid.refinement.refine import refine
from hybrid.treatment.types import Treatment

STEPS = (25, 50, 100, 300)


class Course(NamedTuple):
    """Weighted penalties of one song."""

    song: str
    raw: float
    by_role: dict[int, float]
    """After so many steps from usual levels by role; 0 is the start."""
    by_network: dict[int, float]

    @property
    def removed(self) -> float:
        """Share of what the best refinement from usual levels removes that the network alone removes."""
        return (self.raw - self.by_network[0]) / max(self.raw - min(self.by_role.values()), 1e-9)


def total(plan: Plan, treatment: Treatment) -> float:
    """Weighted penalties of all rules, in the power domain, over all frames."""
    dry, objective = plan.analysis.dry, plan.objective
    readings = read_panel(objective, predict(dry, objectives.project(objective.output, dry, treatment)))
    return float(objective.weight @ objectives.penalties(objective, readings, jnp.zeros_like(objective.weight)))


def planned(song: Song, rules: RuleSet, network: Network | None) -> Plan:
    """The plan of a song without refinement."""
    with open_song(song) as reader:
        return plan_mix(song, reader, rules, MixConfig(0, 0, network), lambda stage, share: None)


def course(
    song: Song, rules: RuleSet, network: Network, steps: tuple[int, ...], network_steps: tuple[int, ...]
) -> Course:
    """Penalties of one song from both starts, after each number of steps."""
    penalties = {}
    for name, proposer, counts in (("by_role", None, steps), ("by_network", network, network_steps)):
        plan = planned(song, rules, proposer)
        start = plan.refined.treatment
        penalties[name] = {0: total(plan, start)} | {
            n: total(plan, refine(plan.task, start, n).treatment) for n in counts
        }
    nothing = jax.tree.map(jnp.zeros_like, plan.refined.treatment)
    if plan.refined.treatment.reverb is not None:
        raise SystemExit("expected rules without reverb: the raw sum has none")
    return Course(song.name, total(plan, nothing), **penalties)


def songs(folders: list[Path], n_synthetic: int, scratch: Path) -> Iterator[Song]:
    """Real songs, then synthetic ones."""
    for folder in folders:
        for path in sorted(path for path in folder.iterdir() if path.is_dir()):
            yield load_song(path)
    card = read_card("synthetic")
    first, _ = card.splits["test"]
    for seed in range(first, first + n_synthetic):
        yield write_song(card, seed, scratch / str(seed))


def shuffled(song: Song, rules: RuleSet, network: Network) -> float:
    """Largest change of a level when the order of tracks changes, dB."""
    order = np.random.default_rng(0).permutation(len(song.tracks))
    other = replace(song, tracks=tuple(song.tracks[k] for k in order))
    straight, turned = (planned(each, rules, network).refined.treatment for each in (song, other))
    levels = np.asarray(straight.gain.level_db)[order] - np.asarray(turned.gain.level_db)[: len(order)]
    return float(np.abs(levels - levels.mean()).max())


def variants(song: Song) -> Iterator[tuple[str, Song]]:
    """Names and songs: the song as it is, and changed in three ways."""
    yield "as it is", song
    half = song.tracks[::2] if len(song.tracks) > 3 else song.tracks
    yield "half the tracks", replace(song, tracks=half)
    double = replace(song.tracks[0], id=f"{song.tracks[0].id} again")
    yield "a track twice", replace(song, tracks=(*song.tracks, double))
    nameless = tuple(replace(track, role="unknown", tags=(), confidence=0.0) for track in song.tracks)
    yield "roles hidden", replace(song, tracks=nameless)


def table(courses: list[Course]) -> str:
    """Courses of all songs, as Markdown."""
    head = ["song", "raw", "role start", "network alone", "removed"]
    head += [f"{start} + {n}" for n in STEPS for start in ("role", "network")]
    rows = [head, ["---"] * len(head)]
    for each in courses:
        after = [penalties[n] for n in STEPS for penalties in (each.by_role, each.by_network)]
        numbers = (each.raw, each.by_role[0], each.by_network[0])
        rows.append([each.song, *(f"{x:.2f}" for x in numbers), f"{each.removed:.0%}", *(f"{x:.2f}" for x in after)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def plot(courses: list[Course], path: Path) -> None:
    """Writes a picture of the share of penalties that is left after each number of steps, from either start."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), layout="constrained")
    axes = figure.subplots()
    steps = (0, *STEPS)
    for name, label in (("by_role", "from usual levels by role"), ("by_network", "from the network's proposal")):
        shares = np.array([[getattr(c, name)[n] / c.raw for n in steps] for c in courses])
        axes.plot(steps, np.median(shares, axis=0), "o-", label=label)
        axes.fill_between(steps, *np.quantile(shares, (0.25, 0.75), axis=0), alpha=0.2)
    axes.set(xlabel="steps of refinement", ylabel="penalties left of the raw sum's", ylim=(0, None))
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(path, dpi=120)


def removed_text(course: Course) -> str:
    """The share that the network removes, or penalties before and after where refinement removes next to nothing."""
    if course.raw - min(course.by_role.values()) < 0.05:
        return f"{course.raw:.2f} → {course.by_network[0]:.2f}"
    return f"{course.removed:.0%}"


def robustness(results: list[tuple[str, float, dict[str, Course]]]) -> str:
    """Results of changed songs, as Markdown."""
    rows = [["song", "shuffled, dB", *results[0][2]], ["---"] * (2 + len(results[0][2]))]
    rows += [[song, f"{decibels:.4f}", *map(removed_text, other.values())] for song, decibels, other in results]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="*", type=Path)
    parser.add_argument("--synthetic", type=int, default=8)
    parser.add_argument("--model", default="base")
    parser.add_argument("--rules", nargs="+", default=["base"])
    parser.add_argument("--robust", action="store_true", help="tracks shuffled, dropped, doubled, roles hidden")
    parser.add_argument("--out", type=Path, help="a folder for tables and plot")
    options = parser.parse_args()
    for folder in options.folders:
        if not folder.is_dir():
            parser.error(f"no such folder: {folder}")
    if options.out and not options.robust and importlib.util.find_spec("matplotlib") is None:
        parser.error("--out draws a plot: pip install matplotlib")
    rules, network = load_rules(options.rules), load_network(options.model)
    courses: list[Course] = []
    other: list[tuple[str, float, dict[str, Course]]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for song in songs(options.folders, options.synthetic, Path(scratch)):
            clear_compiled()
            if options.robust:
                changed = {name: course(each, rules, network, (100,), ()) for name, each in variants(song)}
                other.append((song.name, shuffled(song, rules, network), changed))
                print(robustness(other).splitlines()[-1], flush=True)
            else:
                courses.append(course(song, rules, network, STEPS, STEPS))
                print(table(courses).splitlines()[-1], flush=True)
    shown = robustness(other) if options.robust else table(courses)
    print(shown)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        name = "robustness" if options.robust else "network"
        (options.out / f"{name}.md").write_text(shown + "\n")
        if courses:
            (options.out / "network.json").write_text(json.dumps([each._asdict() for each in courses], indent=1) + "\n")
            plot(courses, options.out / "network.png")


if __name__ == "__main__":
    main()
