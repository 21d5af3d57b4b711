"""Side effects of each rule: every rule is followed alone from random treatments, and all others are measured.

    python benchmarks/cheat_audit.py [--songs FOLDER...] [--steps 500] [--seeds 3] [--rules NAMES...] [--json FILE]

Prints a Markdown table with a row for every rule that some random start broke, over all songs and seeds: in how many of
those starts it came below a penalty of 0.01, its own penalty, the excess of all other rules together in scales, which
of them it worsens most, and how it changed the treatment. Then the pairs of rules with opposed gradients, at the random
starts and after all rules were followed together. Without songs it takes the demo song, which may be named as `demo`
beside others.

There are no constraints and no pins, so that a rule acts as it would in a mix with no rule against it. It moves only
the parts that it acts on. All rules of a song share one compiled program: their weights are data.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int

from hybrid import shelf
from hybrid.analysis.song import analyse_song
from hybrid.audio.manifest import load_song
from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.corpus.demo import write_demo
from hybrid.knowledge import objective as objectives
from hybrid.knowledge.compile import compile_rules
from hybrid.knowledge.findings import has_limits
from hybrid.knowledge.objective import Objective, project
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType
from hybrid.measure.panel import raw_of
from hybrid.mixing.plan import naming_of
from hybrid.refinement.conflicts import Conflict, conflicts
from hybrid.refinement.descent import RATE
from hybrid.refinement.refine import Refined, Round
from hybrid.treatment.bounds import constrain, unconstrain
from hybrid.treatment.makeup import apply_makeup
from hybrid.treatment.pooling import pool
from hybrid.treatment.types import Dry, Treatment, map_parts, neutral

FRAMES = 64
"""Frames that those of a song are pooled to: an audit makes hundreds of descents."""
KNOT_S = 0.2
BATCH = 8
"""Rules that are followed in one call, one after the other, each on a treatment of its own."""
REACHED, BROKEN = 0.01, 1e-3
"""Penalty below which a rule counts as satisfied, and above which it is followed."""
START_RANGES = {"eq.low_cut": (30.0, 90.0), "reverb.send": (-24.0, -6.0)}
"""Parts that start within a range instead of about neutral, where they have no gradient."""


class Case(NamedTuple):
    """An analysed song and its compiled rules."""

    name: str
    rules: tuple[RuleType, ...]
    objective: Objective
    dry: Dry
    nothing: Treatment
    n_tracks: int


class Change(NamedTuple):
    """Difference between the treatments at the end and at the start of a descent, over the tracks of the song."""

    level_mean_db: float
    level_max_db: float
    """With rides."""
    tone_rms_db: float
    low_cut_octaves: float
    place: float
    """Mean of pan units."""
    width_db: float
    dynamics_mean_db: float
    dynamics_range_db: float
    send_db: float
    room_octaves: float
    """Mean of decay and pre-delay."""


class Run(NamedTuple):
    """One rule alone, on one song, from one random treatment."""

    rule: str
    song: str
    seed: int
    before: float
    after: float
    others_before: float
    """Excess of all other rules in scales, the mean over the targets of each, added up."""
    others_after: float
    worsened: dict[str, float]
    """By how many scales each other rule got worse."""
    change: Change


class Audit(NamedTuple):
    """Descents of all rules that a random treatment breaks, and the conflicts between rules by song."""

    runs: tuple[Run, ...]
    conflicts: dict[str, tuple[Conflict, ...]]


def every_rule(names: Sequence[str] = ()) -> RuleSet:
    """The rules of these files, all of them on; `base` and all others that are shipped if none is named."""
    known = [name for name in shelf.names("rules") if "/" not in name]
    rules = load_rules(names or sorted(known, key=lambda name: name == "base"))
    return replace(rules, rules=tuple(rule.model_copy(update={"enabled": True}) for rule in rules.rules))


def case_of(folder: Path, rules: RuleSet, name: str) -> Case:
    """The case of the song in `folder`, with its frames pooled."""
    song = load_song(folder)
    with open_song(song) as reader:
        analysed = analyse_song(song, reader, naming_of(rules, None))
    song, dry = analysed.song, analysed.analysis.dry
    return made_case(name, song, pool(dry, -(-dry.active.shape[-1] // FRAMES)), rules)


def made_case(name: str, song: Song, dry: Dry, rules: RuleSet) -> Case:
    """The case of a song that is analysed already."""
    n_tracks, n_frames = dry.active.shape
    objective, _ = compile_rules(rules, song, n_tracks, np.asarray(dry.time_s))
    nothing = neutral(n_tracks, n_frames * dry.frame_s, max(KNOT_S, dry.frame_s), optional=("reverb",))
    return Case(name, rules.rules, objective, dry, nothing, len(song.tracks))


def random_start(nothing: Treatment, seed: int) -> Treatment:
    """Random coordinates, about one whitened unit from neutral; low cuts and sends within a range."""
    rng = np.random.default_rng(seed)

    def placed(part: str, value: Array) -> Array:
        return (
            jnp.asarray(rng.uniform(*START_RANGES[part], value.shape), value.dtype) if part in START_RANGES else value
        )

    def displaced(part: str, value: Array) -> Array:
        still = part in START_RANGES or part == "master.level"
        return value if still else value + jnp.asarray(rng.standard_normal(value.shape), value.dtype)

    return map_parts(displaced, unconstrain(map_parts(placed, nothing)))


class Descent(NamedTuple):
    """Coordinates at the end of descents, and gradients at their start."""

    unconstrained: Float[Array, "batch coordinate"]
    gradient: Float[Array, "batch coordinate"]


@jax.jit
def descend(
    objective: Objective, dry: Dry, start: Treatment, weights: Float[Array, "batch rule"], n_steps: Int[Array, ""]
) -> Descent:
    """Results of `n_steps` of Adam from one start, for every row of `weights`, weights of the rules."""
    raw, (flat, tree) = raw_of(dry), jax.flatten_util.ravel_pytree(start)
    adam = optax.scale_by_adam(0.9, 0.99, 1e-6)

    def cost(unconstrained: Float[Array, " coordinate"], weight: Float[Array, " rule"]) -> Float[Array, ""]:
        readings = objectives.evaluate_before_makeup(objective, dry, constrain(tree(unconstrained)), raw)
        return weight @ objectives.penalties(objective, readings, jnp.zeros_like(weight))

    def alone(weight: Float[Array, " rule"]) -> Descent:
        def step(k: Array, now: tuple[Array, optax.OptState, Array]) -> tuple[Array, optax.OptState, Array]:
            unconstrained, state, first = now
            gradient = jax.grad(cost)(unconstrained, weight)
            update, state = adam.update(gradient, state)
            rate = RATE * (0.55 + 0.45 * jnp.cos(jnp.pi * k / n_steps))
            return unconstrained - rate * jnp.asarray(update), state, jnp.where(k == 0, gradient, first)

        unconstrained, _, first = jax.lax.fori_loop(0, n_steps, step, (flat, adam.init(flat), jnp.zeros_like(flat)))
        return Descent(unconstrained, first)

    return jax.lax.map(alone, weights)


@jax.jit
def judged(
    objective: Objective, dry: Dry, unconstrained: Treatment
) -> tuple[Float[Array, " rule"], Float[Array, " rule"], Treatment]:
    """Penalty of each rule, mean excess over its targets in scales, and the treatment before make-up."""
    n_rules = len(objective.program.rules)
    treatment = project(objective.output, dry, apply_makeup(dry, constrain(unconstrained)))
    readings = objectives.readings(objective, dry, treatment)
    targets = objectives.targets_of(objective, readings)
    beyond = objectives.excess(targets.value, targets.low, targets.high) / targets.scale
    total, count = (objectives.by_rule(x, targets.rule, n_rules) for x in (beyond * targets.share, targets.share))
    return (
        objectives.penalties(objective, readings, jnp.zeros(n_rules)),
        total / jnp.maximum(count, 1e-6),
        constrain(unconstrained),
    )


def audit_song(case: Case, n_steps: int, seeds: Sequence[int]) -> Audit:
    """The audit of one song: every rule that can be followed alone, from every seed."""
    runs, rounds = [], []
    start = case.nothing
    for seed in seeds:
        start = random_start(case.nothing, seed)
        together, ends, at_start = _followed(case, start, n_steps)
        rounds += [at_start, _compared(case, together)]
        runs += _runs(case, seed, start, ends)
        print(f"{case.name}, seed {seed}", file=sys.stderr, flush=True)
    return Audit(tuple(runs), {case.name: conflicts(Refined(start, tuple(rounds), n_steps), case.rules)})


def followed_alone(case: Case, unconstrained: Treatment) -> list[int]:
    """Indices of the broken rules that descent can follow: not those of the output level, which is solved."""
    cost = np.asarray(judged(case.objective, case.dry, unconstrained)[0])
    can = [rule.optimised and rule.acts_on != ("master",) for rule in case.rules]
    return np.flatnonzero((cost > BROKEN) & np.array(can)).tolist()


def _followed(case: Case, start: Treatment, n_steps: int) -> tuple[Treatment, dict[int, Treatment], Round]:
    """The end of all rules together, the end of each alone, and the gradients of rules at the start."""
    indices = followed_alone(case, start)
    weights = np.eye(len(case.rules), dtype=np.float32)[indices]
    both = _batch(case, start, np.concatenate([np.asarray(case.objective.weight)[None], weights]), n_steps)
    tree = jax.flatten_util.ravel_pytree(start)[1]
    ends = {index: tree(unconstrained) for index, unconstrained in zip(indices, both.unconstrained[1:], strict=True)}
    return tree(both.unconstrained[0]), ends, _round_of(case, start, indices, both.gradient[1:])


def _compared(case: Case, unconstrained: Treatment) -> Round:
    """Costs and cosines of rules at a treatment."""
    indices = followed_alone(case, unconstrained)
    weights = np.eye(len(case.rules), dtype=np.float32)[indices]
    return _round_of(case, unconstrained, indices, _batch(case, unconstrained, weights, 1).gradient)


def _batch(case: Case, start: Treatment, weights: Float[np.ndarray, "run rule"], n_steps: int) -> Descent:
    """Descents for all rows of `weights`, in batches of one size, so that one program serves any number of rules."""
    padded = np.pad(weights, ((0, -len(weights) % BATCH), (0, 0)))
    steps = jnp.int32(n_steps)
    parts = [
        descend(case.objective, case.dry, start, jnp.asarray(p), steps) for p in np.split(padded, len(padded) // BATCH)
    ]
    return Descent(*(jnp.concatenate(x)[: len(weights)] for x in zip(*parts, strict=True)))


def _round_of(
    case: Case, unconstrained: Treatment, indices: list[int], gradients: Float[Array, "run coordinate"]
) -> Round:
    """Costs and cosines of rules, in the form that refinement records."""
    cost = np.asarray(judged(case.objective, case.dry, unconstrained)[0])
    directions = np.asarray(gradients) / np.maximum(np.linalg.norm(gradients, axis=1, keepdims=True), 1e-9)
    cosine = np.zeros((len(cost), len(cost)), np.float32)
    cosine[np.ix_(indices, indices)] = directions @ directions.T
    return Round(cost, np.zeros(()), cosine)


def _runs(case: Case, seed: int, start: Treatment, ends: dict[int, Treatment]) -> list[Run]:
    cost, beyond, initial = (jax.tree.map(np.asarray, x) for x in judged(case.objective, case.dry, start))
    # a rule without limits, such as minimal change, cannot be broken
    limited = np.array([has_limits(rule) for rule in case.rules])
    runs = []
    for index, unconstrained in ends.items():
        after, further, final = (jax.tree.map(np.asarray, x) for x in judged(case.objective, case.dry, unconstrained))
        others = limited & (np.arange(len(cost)) != index)
        worse = further - beyond
        runs.append(
            Run(
                case.rules[index].id,
                case.name,
                seed,
                float(cost[index]),
                float(after[index]),
                float(beyond[others].sum()),
                float(further[others].sum()),
                {case.rules[k].id: float(worse[k]) for k in np.flatnonzero(others & (worse > 0.0))},
                change_of(initial, final, case.n_tracks),
            )
        )
    return runs


def change_of(before: Treatment, after: Treatment, n_tracks: int) -> Change:
    """The difference between two treatments."""
    change = jax.tree.map(lambda new, old: new - old, after, before)
    level, ride = change.gain.level_db[:n_tracks], change.gain.ride_db[:n_tracks]
    zones = change.dynamics.zone_db[:n_tracks]
    cuts = [np.maximum(each.eq.low_cut_hz[:n_tracks], 10.0) for each in (before, after)]
    room = [(each.reverb.decay_s.mean(), each.reverb.pre_delay_s) for each in (before, after) if each.reverb]
    return Change(
        float(np.mean(np.abs(level))),
        float(np.max(np.abs(level[:, None] + ride))),
        float(np.sqrt(np.mean(np.square(change.eq.tone_db[:n_tracks])))),
        float(np.mean(np.abs(np.log2(cuts[1] / cuts[0])))),
        float(np.mean(np.abs(change.pan.position[:n_tracks]))),
        float(np.mean(np.abs(change.pan.width_db[:n_tracks]))),
        float(np.mean(zones)),
        float(np.quantile(zones, 0.95) - np.quantile(zones, 0.05)),
        float(np.mean(np.abs(change.reverb.send_db[:n_tracks]))) if change.reverb else 0.0,
        float(np.mean(np.abs(np.log2(np.divide(room[1], room[0]))))) if room else 0.0,
    )


def table(audit: Audit) -> str:
    """The rules that were broken, as Markdown, over songs and seeds: means, and the largest level change."""
    heads = ("rule", "reached", "own penalty", "others' excess", "worsens most", "level, most (dB)", "tone, low cut",
             "place, width", "dynamics, range", "send, room")  # fmt: skip
    rows = [
        _row(rule, [run for run in audit.runs if run.rule == rule])
        for rule in dict.fromkeys(r.rule for r in audit.runs)
    ]
    return "\n".join([_line(heads), _line("---" for _ in heads), *(_line(row) for row in rows)])


def _row(rule: str, runs: Sequence[Run]) -> tuple[str, ...]:
    mean = {name: float(np.mean([getattr(run, name) for run in runs])) for name in Run._fields[3:7]}
    m = Change(*np.mean([run.change for run in runs], axis=0).tolist())
    return (
        rule,
        f"{sum(run.after < REACHED for run in runs)}/{len(runs)}",
        f"{mean['before']:.2f} → {mean['after']:.3f}",
        f"{mean['others_before']:.1f} → {mean['others_after']:.1f}",
        _worst(runs),
        f"{m.level_mean_db:.1f}, {max(run.change.level_max_db for run in runs):.1f}",
        f"{m.tone_rms_db:.1f} dB, {m.low_cut_octaves:.1f} oct",
        f"{m.place:.0f}, {m.width_db:.1f} dB",
        f"{m.dynamics_mean_db:+.1f}, {m.dynamics_range_db:.1f} dB",
        f"{m.send_db:.1f} dB, {m.room_octaves:.1f} oct",
    )


def _worst(runs: Sequence[Run]) -> str:
    """The other rule that gets worse most, as a mean over the runs."""
    names = {name for run in runs for name in run.worsened}
    mean = {name: sum(run.worsened.get(name, 0.0) for run in runs) / len(runs) for name in names}
    name = max(sorted(mean), key=lambda each: mean[each], default="")
    return f"{name} {mean[name]:+.1f}" if name and mean[name] >= 0.05 else ""


def conflict_table(audit: Audit) -> str:
    """Pairs of rules with opposed gradients, as Markdown, those of most songs and of the lowest cosine first."""
    pairs: dict[tuple[str, str], list[tuple[str, Conflict]]] = {}
    for song, pairs_of_song in audit.conflicts.items():
        for conflict in pairs_of_song:
            pairs.setdefault((conflict.first, conflict.second), []).append((song, conflict))
    ordered = sorted(pairs.items(), key=lambda pair: (-len(pair[1]), _size(pair[1]), pair[0]))
    heads = ("rules", "mean cosine", "rounds", "songs")
    rows = [
        (
            f"{first}, {second}",
            f"{_size(on):.2f}",
            f"{np.mean([c.share for _, c in on]):.0%}",
            ", ".join(s for s, _ in on),
        )
        for (first, second), on in ordered
    ]
    return "\n".join([_line(heads), _line("---" for _ in heads), *(_line(row) for row in rows)])


def _size(on: Sequence[tuple[str, Conflict]]) -> float:
    return float(np.mean([conflict.cosine for _, conflict in on]))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def as_json(audit: Audit) -> dict[str, object]:
    """All runs and conflicts, with names."""
    runs = [run._asdict() | {"change": run.change._asdict()} for run in audit.runs]
    return {"runs": runs, "conflicts": {song: [c._asdict() for c in each] for song, each in audit.conflicts.items()}}


def audited(songs: Sequence[Path], rules: RuleSet, n_steps: int, n_seeds: int) -> Audit:
    """The audit of all songs; `demo` is the demo song, unless there is such a folder."""
    with tempfile.TemporaryDirectory() as made:
        write_demo(Path(made))
        folders = {path.name: path if path.is_dir() or path.name != "demo" else Path(made) for path in songs}
        parts = [audit_song(case_of(folder, rules, name), n_steps, range(n_seeds)) for name, folder in folders.items()]
    return Audit(
        tuple(run for part in parts for run in part.runs), {k: v for part in parts for k, v in part.conflicts.items()}
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--songs", type=Path, nargs="+", default=[Path("demo")], help="song folders; demo is the demo song"
    )
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rules", nargs="*", default=[], help="names or paths of rule files; all shipped if none")
    parser.add_argument("--json", type=Path, help="also write every run into this file")
    options = parser.parse_args()
    audit = audited(options.songs, every_rule(options.rules), options.steps, options.seeds)
    print(table(audit), conflict_table(audit), sep="\n\n")
    if options.json:
        options.json.write_text(json.dumps(as_json(audit), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
