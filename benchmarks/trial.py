"""Every rule on trial: python benchmarks/trial.py SONGS... -o FOLDER [--without WHAT...] [--rules NAME]

SONGS is a folder of songs whose mix by a person is there as `mix`; with `decisions.json`, as `hybrid corpus build`
makes it, levels and places of tracks are compared too. Of every song a stretch is mixed by all rules without the
network, once without each rule, and once without each group: all that acts on a part of the treatment, and what the
levels of the raw tracks tell. All are compared in the power domain with the person's mix: levels of tracks and
families, places, bands of mid and side, the course of loudness, width. Errors are in units of the raw sum's mean error:
1 is as far off as doing nothing. Prints Markdown: by how much the distance changes without each rule; above 0 the rule
brings mixes nearer to people. --without takes rules, groups or nothing; both by default.
With --against, such as a genre's rules against those that they patch, only the rules that differ are on trial: each is
put back to what it is in the others. Songs are measured once for the same rules.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import jax
import numpy as np
from jaxtyping import Array, Float
from people import LOWEST_LUFS, family, stretch_of

import hybrid
from hybrid.audio.song import Song
from hybrid.compiled import clear_compiled
from hybrid.corpus.authored.decisions import FILE, Decisions, decided_folders, read_decisions
from hybrid.corpus.authored.song_folder import MIX
from hybrid.corpus.split import artist_of
from hybrid.errors import InputError
from hybrid.judging.balance import family_error_lu, level_error_lu, pan_error
from hybrid.judging.statistics import paired_effect
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import RuleType
from hybrid.measure import loudness
from hybrid.mixing.plan import MixConfig, MixProblem, formulate
from hybrid.model.input_features import at_network_frames
from hybrid.refinement import refine as refinement
from hybrid.signal.bands import band_centres_hz
from hybrid.study.arm import is_ablatable
from hybrid.treatment import effect
from hybrid.treatment.types import Dry, Treatment

ALL, RAW, START, OTHERS = "all rules", "raw sum", "start", "all of these"
UNTOLD = "without recorded levels"
GROUPS = ("gain.level", "gain.ride", "eq", "dynamics", "pan.position", "pan.spread", "pan", "reverb")
DEPTH_DB = 50.0
"""Bands that are further below the loudest are ignored."""
BLOCK_S = loudness.SHORT_TERM_S
COLUMNS = ("track", "family", "pan", "mid", "side", "course", "width")
REGIONS_HZ = {"<120": (0, 120), "120-500": (120, 500), "500-2k": (500, 2000), "2k-6k": (2000, 6000), ">6k": (6000, 2e4)}
MIXES = (MIX, "mix.flac", "mix.wav")

Errors = dict[str, float]


# Arms


def without(rules: RuleSet, name: str) -> RuleSet:
    """The rules without one of them."""
    changed = (rule.model_copy(update={"enabled": False}) if rule.id == name else rule for rule in rules.rules)
    return replace(rules, rules=tuple(changed))


def without_group(rules: RuleSet, group: str) -> RuleSet:
    """The rules, none of which acts on a group of the treatment."""

    def is_in(part: str) -> bool:
        return part == group or part.startswith(group + ".")

    changed = []
    for rule in rules.rules:
        rest = tuple(part for part in rule.acts_on if not is_in(part) and not group.startswith(part + "."))
        acts = len(rest) < len(rule.acts_on)
        update = {"acts_on": rest} if rest else {"enabled": False}
        changed.append(rule.model_copy(update=update) if acts and is_ablatable(rule) else rule)
    return replace(rules, rules=tuple(changed))


def differs(rule: RuleType, other: RuleType | None) -> bool:
    """Whether a rule asks for something else than another one of its name, or for something where there is none."""
    if other is None or not other.enabled:
        return rule.enabled
    told = {"notes", "source", "evidence", "title", "description"}
    return rule.model_dump(exclude=told) != other.model_dump(exclude=told)


def put_back(rules: RuleSet, others: RuleSet, names: Collection[str]) -> RuleSet:
    """The rules, some of them as they are in others, or off where those have none of that name."""
    before = {rule.id: rule for rule in others.rules}
    off = {"enabled": False}
    changed = (
        rule if rule.id not in names else before.get(rule.id) or rule.model_copy(update=off) for rule in rules.rules
    )
    return replace(rules, rules=tuple(changed))


def arms_of(rules: RuleSet, others: RuleSet | None, without_what: Collection[str]) -> dict[str, RuleSet]:
    """All arms by name, that of all rules first."""
    arms = {ALL: rules}
    if "nothing" in without_what:
        return arms
    if others is not None:
        before = {rule.id: rule for rule in others.rules}
        differ = [rule.id for rule in rules.rules if is_ablatable(rule) and differs(rule, before.get(rule.id))]
        return (
            arms
            | {name: put_back(rules, others, {name}) for name in differ}
            | {OTHERS: put_back(rules, others, differ)}
        )
    if "groups" in without_what:
        arms |= {f"nothing on {group}": without_group(rules, group) for group in GROUPS}
        arms[UNTOLD] = rules
    if "rules" in without_what:
        arms |= {rule.id: without(rules, rule.id) for rule in rules.rules if is_ablatable(rule)}
    return arms


# Measuring


@jax.jit
def _sums(dry: Dry, treatment: Treatment) -> tuple[Array, Array, Array]:
    layer = effect.treated(dry, treatment)
    track_k, pair_k = effect.track_k(layer), effect.pair_k(layer)
    mix_k = jax.numpy.maximum(track_k.sum(axis=0) + pair_k.sum(axis=0), 0.0)
    levels = loudness.active_lufs(track_k, dry.active)
    return (
        levels,
        jax.numpy.einsum("ctb,t->cb", effect.mixture(layer), dry.inside),
        loudness.block_power(mix_k, dry.frame_s, BLOCK_S),
    )


class Heard(dict[str, Float[np.ndarray, "..."]]):
    """What was measured of a mix: levels of tracks (LUFS), powers of mid and side by band, short-term loudness."""


def heard(dry: Dry, treatment: Treatment, n_tracks: int) -> Heard:
    """What is compared of a mix."""
    levels, spectrum, course = (np.asarray(x, np.float64) for x in _sums(dry, treatment))
    left, right, cross = spectrum
    # blocks that reach beyond the end of the song are left out
    n_blocks = round(float(np.sum(np.asarray(dry.inside)))) - round(BLOCK_S / dry.frame_s) + 1
    short_term = 10.0 * np.log10(course[: max(1, n_blocks)] + 1e-9)
    mid, side = (left + right + 2.0 * cross) / 4.0, np.maximum(left + right - 2.0 * cross, 0.0) / 4.0
    return Heard(levels=levels[:n_tracks], mid=mid, side=side, course=short_term)


def errors(own: Heard, human: Heard, places: Mapping[str, float], song: Song, keep: Sequence[int]) -> Errors:
    """Errors of a mix against the person's, by column."""
    found: Errors = {}
    if keep:
        chosen = np.array(keep)
        levels, wanted = own["levels"][chosen], human["levels"][chosen]
        found["track"] = level_error_lu(levels, wanted)
        families = [family(song.tracks[k].role) for k in keep]
        error = family_error_lu(levels, wanted, families)
        found |= {} if error is None else {"family": error}
    if len(places):
        position = {track.id: float(own["position"][k]) for k, track in enumerate(song.tracks)}
        error = pan_error(position, places)
        found |= {} if error is None else {"pan": error}
    mids, sides = zip(*((_shares_db(x["mid"], x), _shares_db(x["side"], x)) for x in (own, human)), strict=True)
    heard_bands = (mids[1] > mids[1].max() - DEPTH_DB) & (band_centres_hz() > 35.0) & (band_centres_hz() < 14_000.0)
    found["mid"] = float(np.mean(np.abs(mids[0] - mids[1])[heard_bands]))
    found["side"] = float(np.mean(np.abs(np.maximum(sides[0], -40.0) - np.maximum(sides[1], -40.0))[heard_bands]))
    n = min(len(own["course"]), len(human["course"]))
    course = own["course"][:n] - human["course"][:n]
    # silence is compared with nothing
    louder = human["course"][:n] > human["course"][:n].max() - 30.0
    found["course"] = float(np.mean(np.abs(course - np.median(course[louder]))[louder]))
    width = [10.0 * np.log10(x["side"].sum() / x["mid"].sum() + 1e-3) for x in (own, human)]
    found["width"] = abs(width[0] - width[1])
    found |= {f"tone {name}": value for name, value in _regions_db(own, human).items()}
    return found


def _shares_db(power: Float[np.ndarray, " band"], of: Heard) -> Float[np.ndarray, " band"]:
    return 10.0 * np.log10(power / (of["mid"] + of["side"]).sum() + 1e-7)


def _regions_db(own: Heard, human: Heard) -> dict[str, float]:
    """The mix's share of regions less the person's, dB."""
    hz = band_centres_hz()
    shares = {}
    for name, (low, high) in REGIONS_HZ.items():
        inside = (hz >= low) & (hz < high)
        ratio = [x["mid"][inside].sum() / x["mid"].sum() + 1e-5 for x in (own, human)]
        shares[name] = float(10.0 * np.log10(ratio[0] / ratio[1]))
    return shares


def mix_of(folder: Path) -> Path | None:
    """The person's mix of a song."""
    return next((folder / name for name in MIXES if (folder / name).is_file()), None)


def measure(folder: Path, rules: RuleSet, others: RuleSet | None, options: argparse.Namespace) -> dict[str, Errors]:
    """Errors of all arms on a stretch of a song."""
    path = mix_of(folder)
    assert path is not None
    song, start = stretch_of(hybrid.load_song(folder), options.seconds)
    whole = replace(song.tracks[0], id="mix", files=(path,), channels=2, offset_s=-start / song.sample_rate, polarity=1)
    reference = at_network_frames(hybrid.analyse(replace(song, tracks=(whole,)), None, None).analysis.dry)
    analysed = hybrid.analyse(song, rules, None)
    # frames as long as those that networks see: a quarter of the time, and no rule is about shorter ones
    analysis = analysed.analysis._replace(dry=at_network_frames(analysed.analysis.dry))
    song, dry = analysed.song, analysis.dry
    n = len(song.tracks)
    config = MixConfig(options.steps)
    untold = replace(song, raw_levels="arbitrary")
    problems = {
        name: formulate(untold if name == UNTOLD else song, analysis, arm, config)
        for name, arm in arms_of(rules, others, options.without).items()
    }
    nothing = problems[ALL].nothing
    human = heard(reference, _for_tracks(nothing, reference.active.shape[0]), 1)
    keep, places = [], {}
    if (folder / FILE).is_file():
        keep, places = _decided(read_decisions(folder / FILE), song, heard(dry, nothing, n), human)
    found = {}
    treatments = {RAW: nothing, START: problems[ALL].start, **refined(problems, options.steps)}
    for name, treatment in treatments.items():
        own = heard(dry, treatment, n)
        own["position"] = np.asarray(treatment.pan.position)
        found[name] = errors(own, human, places, song, keep)
    return found


def _for_tracks(nothing: Treatment, n_tracks: int) -> Treatment:
    """The treatment that does nothing, for another number of tracks."""
    old = nothing.pan.position.shape[0]
    return jax.tree.map(lambda x: x[:n_tracks] if np.ndim(x) and len(x) == old else x, nothing)


def _decided(decided: Decisions, song: Song, raw: Heard, human: Heard) -> tuple[list[int], dict[str, float]]:
    """Tracks that are part of the balance, with their levels in the person's mix put into `human`, and places."""
    by_id = {track.id: track for track in decided.tracks}
    levels, keep, places = raw["levels"].copy(), [], {}
    for k, track in enumerate(song.tracks):
        of = by_id.get(track.id)
        if of is None or of.gain_lu is None or levels[k] < LOWEST_LUFS:
            continue
        levels[k] += of.gain_lu
        keep.append(k)
        if "pan" in of.decided and of.pan is not None:
            places[track.id] = of.pan
    human["levels"] = levels
    return (keep if len(keep) > 2 else []), places


def refined(problems: Mapping[str, MixProblem], steps: int) -> dict[str, Treatment]:
    """The treatment of each arm."""
    done = {name: refinement.refine(problem.task, problem.start, steps) for name, problem in problems.items()}
    return {name: jax.device_put(one.treatment, jax.local_devices()[0]) for name, one in done.items()}


# Tables


def report(songs: Mapping[str, Mapping[str, Errors]]) -> Iterator[str]:
    """Errors of the main arms, and what changes without each rule."""
    raw = {
        column: fmean(values)
        for column in COLUMNS
        if (values := [of[RAW][column] for of in songs.values() if column in of[RAW]])
    }
    yield f"{len(songs)} songs; errors, and the distance: their mean in units of the raw sum's mean errors.\n"
    yield f"| | {' | '.join(raw)} | distance |"
    yield f"|---|{'---|' * (len(raw) + 1)}"
    arms = list(next(iter(songs.values())))
    for arm in [name for name in arms if name in (RAW, START, ALL, UNTOLD) or name.startswith("nothing")]:
        means = [fmean(of[arm][column] for of in songs.values() if column in of[arm]) for column in raw]
        total = fmean(distance(of[arm], raw) for of in songs.values())
        yield f"| {arm} | {' | '.join(f'{value:.2f}' for value in means)} | {total:.3f} |"
    yield f"\n| tone of the mid, less the person's, dB | {' | '.join(REGIONS_HZ)} |\n|---|{'---|' * len(REGIONS_HZ)}"
    regions = [f"tone {name}" for name in REGIONS_HZ]
    for arm in (RAW, START, ALL):
        values = (fmean(of[arm][name] for of in songs.values()) for name in regions)
        yield f"| {arm} | {' | '.join(f'{value:+.1f}' for value in values)} |"
    yield "\nWithout the rule, less with it; above 0 the rule brings mixes nearer. Songs that it changes.\n"
    yield f"| without | songs | distance | {' | '.join(raw)} |"
    yield f"|---|---|---|{'---|' * len(raw)}"
    rows = []
    for arm in arms:
        if arm in (RAW, START, ALL):
            continue
        changed = [of for of in songs.values() if distance(of[arm], raw) != distance(of[ALL], raw)]
        by_author: dict[str, list[float]] = defaultdict(list)
        for name, of in songs.items():
            by_author[artist_of(name)].append(distance(of[arm], raw) - distance(of[ALL], raw))
        # the author is the unit: songs of one are alike
        change = [fmean(values) for values in by_author.values()]
        by_column = [
            fmean(of[arm][column] - of[ALL][column] for of in songs.values() if column in of[ALL]) for column in raw
        ]
        if changed:
            effect_of = paired_effect(change) if len(change) > 2 else None
            interval = f" ({effect_of.low:+.3f} to {effect_of.high:+.3f})" if effect_of else ""
            cells = " | ".join(f"{value:+.2f}" for value in by_column)
            rows.append((fmean(change), f"| {arm} | {len(changed)} | {fmean(change):+.3f}{interval} | {cells} |"))
    yield from (line for _, line in sorted(rows))


def distance(of: Errors, raw: Mapping[str, float]) -> float:
    """The mean of a mix's errors in units of the raw sum's mean errors."""
    return fmean(of[column] / scale for column, scale in raw.items() if column in of)


def main() -> None:
    # rounds for the last of an unkept constraint take four times as long, and move nothing that is compared here
    refinement.EXTRA_ROUNDS = 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, help="folders of song folders")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--limit", type=int, help="at most so many songs of each author")
    parser.add_argument("--split", action="append", help="only songs of this split by author; may be repeated")
    parser.add_argument("--most", type=int, default=16, help="no songs of more tracks than this")
    parser.add_argument("--without", nargs="+", choices=("rules", "groups", "nothing"), default=["rules", "groups"])
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--rules", action="append", help="rule files or names [default: base]")
    parser.add_argument("--against", action="append", help="rule files or names that the rules are compared with")
    options = parser.parse_args()
    rules = hybrid.load_rules(*(options.rules or ["base"]))
    others = hybrid.load_rules(*options.against) if options.against else None
    key = hashlib.sha256(
        f"{rules.hash} {others and others.hash} {options.steps} {options.seconds} {sorted(options.without)}".encode()
    ).hexdigest()[:12]
    kept = options.out / key
    kept.mkdir(parents=True, exist_ok=True)
    songs = {}
    for corpus in options.folders:
        splits = decided_folders(corpus) if any(corpus.glob(f"*/{FILE}")) else {}
        folders = [path for path in corpus.iterdir() if path.is_dir() and mix_of(path)]
        if options.split:
            folders = [path for path in folders if splits.get(path) in options.split]
        # drawn by chance, not by the alphabet
        folders.sort(key=lambda path: hashlib.sha256(path.name.encode()).digest())
        used: dict[str, int] = defaultdict(int)
        for folder in folders:
            author = artist_of(folder.name)
            if options.limit and used[author] >= options.limit:
                continue
            path = kept / f"{corpus.name}-{folder.name}.json"
            try:
                if not path.is_file():
                    n = len(hybrid.load_song(folder).tracks)
                    if not 3 <= n <= options.most:
                        continue
                    path.write_text(json.dumps(measure(folder, rules, others, options)))
                    clear_compiled()
            except InputError as error:
                print(f"{folder.name}: {error.problems[0]}", flush=True)
                continue
            used[author] += 1
            songs[f"{corpus.name}/{folder.name}"] = json.loads(path.read_text())
            print(f"{corpus.name}/{folder.name}", flush=True)
    text = "\n".join(report(songs)) + "\n"
    (options.out / "trial.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
