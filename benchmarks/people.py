"""How near mixes are to people: python benchmarks/people.py CORPUS... -o FOLDER [--table FILE] [--quick]

CORPUS is a folder of songs with `decisions.json`, as `hybrid corpus build` makes it. Of every song a stretch is mixed
by the network alone, by the rules alone and by both, and these and simpler balances are compared with the author's:
levels of tracks and families, places, third octaves of mid and side, dynamics, width. --quick mixes nothing, and
compares balances of levels alone, those that the rules expect among them: whole corpora in minutes. --table adds a
table of faders by several engineers, in which another engineer of the same song is one of the balances. Songs are
measured once: a run that was stopped goes on, and results of other rules or weights are measured anew. Prints Markdown;
also written to FOLDER/people.md.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median
from typing import NamedTuple

import numpy as np
import soundfile
from scipy import stats

import hybrid
from hybrid.audio.loudness import loudness_lufs
from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.calibrate.decisions import decisions
from hybrid.calibrate.table import read_table
from hybrid.compiled import clear_compiled
from hybrid.corpus.authored.decisions import FILE, Decisions, decided_folders, read_decisions
from hybrid.corpus.authored.song_folder import MIX
from hybrid.corpus.split import artist_of
from hybrid.errors import InputError
from hybrid.judging.balance import family_error_lu, level_error_lu, pan_error
from hybrid.judging.statistics import paired_effect
from hybrid.knowledge.ruleset import RuleSet
from hybrid.proposal.weights import Network, load_network

RAW, EQUAL, MEDIANS, HALF = "recorded levels", "equally loud", "medians of roles", "half recorded, half medians"
NETWORK, RULES, BOTH = "network alone", "rules alone", "network and rules"
EXPECTED = "levels that the rules expect"
FADERS, OTHER = "the author's levels and places alone", "another engineer"
MIXES = (NETWORK, RULES, BOTH)
OURS, STATIC = (EXPECTED, *MIXES), (RAW, EQUAL, MEDIANS, HALF)
REFERENCES = (RAW, EQUAL, MEDIANS)
"""What mixes should be nearer than."""
STEPS = 300
LOWEST_LUFS = -60.0
"""A track below it is not part of the balance of a stretch."""
AUDIO = {
    "mid dB": "spectrum_mid_db",
    "side dB": "spectrum_side_db",
    "crest dB": "crest_db",
    "range LU": "loudness_range_lu",
    "width dB": "width_db",
    "panning": "panning",
}
"""Columns of the whole mix, and their metrics in `hybrid judge`."""
OF_PLACES = ("side dB", "width dB", "panning")
LEVELS = ("track LU", "family LU", "pan")
FEWEST_TRACKS = 3
FEWEST_OF_ROLE = 3
"""Songs by others that know a role, for its median to count; else its family's."""


class Track(NamedTuple):
    """A track in a song with decisions, levels in LU."""

    name: str
    role: str
    raw: float
    """Level of the raw track."""
    human: float
    """Level in the author's mix."""
    pan: float | None
    """Position in it, if the author set one."""


class Row(NamedTuple):
    """What was measured of a song; JSON of it is kept."""

    song: str
    corpus: str
    author: str
    split: str
    roles: str
    """known, or unknown where half of the tracks and more have no role."""
    tracks: list[Track]
    levels: dict[str, list[float]]
    """Of every balance, level of each track."""
    pans: dict[str, dict[str, float]]
    audio: dict[str, dict[str, float]]
    """Of every mix, errors of the whole against the author's."""


# Songs and their decisions


class DecidedSong(NamedTuple):
    """A song of a corpus, before it is measured."""

    folder: Path
    corpus: str
    split: str
    decisions: Decisions

    @property
    def author(self) -> str:
        return artist_of(self.folder.name)


def decided_songs(corpora: Sequence[Path]) -> list[DecidedSong]:
    """Songs whose authors decided levels, of at least three tracks."""
    songs = []
    for corpus in corpora:
        for folder, split in decided_folders(corpus).items():
            decided = read_decisions(folder / FILE)
            heard = [track for track in decided.tracks if track.gain_lu is not None]
            if len(heard) >= FEWEST_TRACKS and any("level" in track.decided for track in heard):
                songs.append(DecidedSong(folder, corpus.name, split, decided))
    return songs


def stretch_of(song: Song, seconds: float) -> tuple[Song, int]:
    """The stretch of a song in which the most tracks sound, as a song, and its first sample."""
    length = min(song.n_samples, round(seconds * song.sample_rate))
    with open_song(song) as reader:
        hop = song.sample_rate
        starts = range(0, song.n_samples, hop)
        sounding = np.zeros(len(starts))
        for k in range(len(song.tracks)):
            power = np.array([np.mean(np.square(reader.read(k, at, min(hop, song.n_samples - at)))) for at in starts])
            sounding += power > 1e-3 * power.max()
    n = max(1, length // hop)
    totals = np.convolve(sounding, np.ones(n), "valid")
    start = min(int(np.argmax(totals)) * hop, song.n_samples - length)
    tracks = tuple(replace(track, offset_s=-start / song.sample_rate, polarity=1) for track in song.tracks)
    return replace(song, tracks=tracks, n_samples=length), start


# Balances


def medians_without(songs: Sequence[DecidedSong]) -> Callable[[str, str], float]:
    """The usual level of a role in songs by others than an author: LU relative to the mix."""
    by_author: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for song in songs:
        roles = {track.id: track.role for track in hybrid.load_song(song.folder).tracks}
        for track in song.decisions.tracks:
            if track.level_lu is not None and "level" in track.decided:
                for name in _generalised(roles.get(track.id, "unknown")):
                    by_author[name][song.author].append(track.level_lu)

    def usual(role: str, author: str) -> float:
        for name in _generalised(role):
            # one value for each author, or the diligent would speak for all
            others = [median(levels) for other, levels in by_author[name].items() if other != author]
            if len(others) >= FEWEST_OF_ROLE or name == "":
                return median(others) if others else -12.0
        raise AssertionError("every role generalises to all")

    return usual


def _generalised(role: str) -> tuple[str, str, str]:
    return role, role.partition(".")[0], ""


def family(role: str) -> str:
    """The family of a role, by which levels are summed."""
    return role.partition(".")[0]


def static_levels(tracks: Sequence[Track], usual: Sequence[float]) -> dict[str, list[float]]:
    """Levels of the balances that need no mixing."""
    raw = np.array([track.raw for track in tracks])
    usual_lu = np.array(usual)
    # the means are made equal, so that half of each is half way between two balances
    half = 0.5 * (raw - raw.mean()) + 0.5 * (usual_lu - usual_lu.mean())
    return {RAW: list(raw), EQUAL: [0.0] * len(tracks), MEDIANS: list(usual_lu), HALF: list(half)}


# Measuring


class Setup(NamedTuple):
    """What songs are mixed by, and how much of them."""

    rules: RuleSet
    network: Network
    seconds: float
    mixes: tuple[str, ...]
    """Which of ours are mixed; none to compare levels alone."""

    @property
    def hash(self) -> str:
        """Of all that rows depend on, beside their songs."""
        text = f"{self.rules.hash} {self.network.hash} {STEPS} {self.seconds} {self.mixes} {hybrid.__version__}"
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def measure(song: DecidedSong, usual: Callable[[str, str], float], setup: Setup) -> Row:
    """All balances of a stretch of a song against the author's."""
    whole = hybrid.load_song(song.folder)
    stretch, start = stretch_of(whole, setup.seconds)
    raw = raw_samples(stretch)
    decided = {track.id: track for track in song.decisions.tracks}
    tracks = []
    for track in stretch.tracks:
        of, level = decided[track.id], loudness_lufs(raw[track.id], stretch.sample_rate)
        if level > LOWEST_LUFS and of.gain_lu is not None:
            # the author's gain is that of the whole song
            pan = of.pan if "pan" in of.decided else None
            tracks.append(Track(track.id, track.role, level, level + of.gain_lu, pan))
    levels = static_levels(tracks, [usual(track.role, song.author) for track in tracks])
    proposed = hybrid.propose(stretch, setup.rules, network=None)
    gain_db = {track.id: float(proposed.gain.level_db[k]) for k, track in enumerate(stretch.tracks)}
    levels[EXPECTED] = [track.raw + gain_db[track.name] for track in tracks]
    human, _ = soundfile.read(song.folder / MIX, dtype="float32", always_2d=True, start=start, frames=stretch.n_samples)
    mixes, pans = {}, dict[str, dict[str, float]]()
    faded = [] if not setup.mixes else [*levels.items(), (FADERS, [track.human for track in tracks])]
    for name, balance in faded:
        gains = {track.name: level - track.raw for track, level in zip(tracks, balance, strict=True)}
        pans[name] = {track.name: track.pan or 0.0 for track in tracks} if name == FADERS else dict.fromkeys(gains, 0.0)
        mixes[name] = summed(raw, gains, pans[name])
    for name in setup.mixes:
        proposer, steps = None if name == RULES else setup.network, 0 if name == NETWORK else STEPS
        mixed = hybrid.mix(stretch, setup.rules, steps=steps, network=proposer)
        stems = hybrid.render(mixed.song, mixed.treatment, stems=True).stems
        levels[name] = [loudness_lufs(stems[track.name], stretch.sample_rate) for track in tracks]
        positions = np.asarray(mixed.treatment.pan.position)
        pans[name] = {track.id: float(positions[k]) for k, track in enumerate(mixed.song.tracks)}
        mixes[name] = mixed.samples
    unknown = sum(track.role == "unknown" for track in tracks)
    return Row(
        song=song.folder.name,
        corpus=song.corpus,
        author=song.author,
        split=song.split,
        roles="unknown" if 2 * unknown >= len(tracks) else "known",
        tracks=tracks,
        levels=levels,
        pans=pans,
        audio={name: errors(mix, human.T, stretch.sample_rate) for name, mix in mixes.items()},
    )


def raw_samples(song: Song) -> dict[str, np.ndarray]:
    """The raw tracks of a stretch in stereo, by their ids."""
    with open_song(song) as reader:
        return {
            track.id: np.broadcast_to(reader.read(k, 0, song.n_samples), (2, song.n_samples))
            for k, track in enumerate(song.tracks)
        }


def summed(raw: Mapping[str, np.ndarray], gains_db: Mapping[str, float], pans: Mapping[str, float]) -> np.ndarray:
    """The sum of raw tracks at these gains and places, by the sine-cosine law."""
    mix = np.zeros(next(iter(raw.values())).shape, np.float64)
    for name, samples in raw.items():
        # what is too quiet to be part of the balance keeps its level
        angle = (pans.get(name, 0.0) + 100.0) * math.pi / 400.0
        gain = math.sqrt(2.0) * 10.0 ** (gains_db.get(name, 0.0) / 20.0)
        mix += gain * np.array([[math.cos(angle)], [math.sin(angle)]]) * samples
    # no sample beyond full scale: the metrics are at one loudness
    return (mix / max(1.0, np.abs(mix).max())).astype(np.float32)


def errors(mix: np.ndarray, human: np.ndarray, sample_rate: int) -> dict[str, float]:
    """Errors of a mix against the author's, by `hybrid judge`."""
    metrics = hybrid.judge(mix, human, sample_rate=sample_rate).metrics
    return {name: float(metrics[key]) for name, key in AUDIO.items() if key in metrics}


def measured(songs: Sequence[DecidedSong], out: Path, setup: Setup) -> list[Row]:
    """The rows of all songs; those that were measured under the same rules and weights are read."""
    usual = medians_without(songs)
    kept = out / "rows" / setup.hash
    kept.mkdir(parents=True, exist_ok=True)
    rows = []
    for number, song in enumerate(songs, start=1):
        digest = hashlib.sha256((song.folder / FILE).read_bytes()).hexdigest()[:12]
        path = kept / f"{song.corpus}-{song.folder.name}-{digest}.json"
        if not path.is_file():
            try:
                row = measure(song, usual, setup)
            except InputError as error:
                print(f"{song.folder.name}: {error.problems[0]}", flush=True)
                continue
            path.write_text(json.dumps(row._asdict()))
            clear_compiled()
        row = Row(**json.loads(path.read_text()))
        # the medians follow from all songs, and cost nothing
        tracks = [Track(*track) for track in row.tracks]
        levels = {**row.levels, **static_levels(tracks, [usual(track.role, row.author) for track in tracks])}
        rows.append(row._replace(tracks=tracks, levels=levels))
        print(f"{number} of {len(songs)}: {song.corpus}/{song.folder.name}", flush=True)
    return rows


# Tables


class Errors(NamedTuple):
    """Errors of one balance in one song, by column."""

    song: str
    author: str
    group: str
    of: dict[str, dict[str, float]]
    """By balance, then by column."""


def errors_of(row: Row, group: str) -> Errors:
    """Errors of all balances of a song."""
    human = np.array([track.human for track in row.tracks])
    families = [family(track.role) for track in row.tracks]
    places = {track.name: track.pan for track in row.tracks if track.pan is not None}
    of: dict[str, dict[str, float]] = defaultdict(dict)
    for name, levels in row.levels.items():
        of[name]["track LU"] = level_error_lu(np.array(levels), human)
        if (error := family_error_lu(np.array(levels), human, families)) is not None:
            of[name]["family LU"] = error
    for name, pans in row.pans.items():
        if places and (error := pan_error(pans, places)) is not None:
            of[name]["pan"] = error
    for name, audio in row.audio.items():
        # places that nobody chose are the format's, and so is the width that follows from them
        of[name].update({column: error for column, error in audio.items() if places or column not in OF_PLACES})
    return Errors(row.song, row.author, group, dict(of))


def table(errors: Sequence[Errors], columns: Sequence[str], balances: Sequence[str]) -> Iterator[str]:
    """Mean errors by balance, songs as the unit, with 95 % intervals of the mean."""
    columns = [column for column in columns if any(column in of for each in errors for of in each.of.values())]
    yield f"| | {' | '.join(columns)} |"
    yield f"|---|{'---|' * len(columns)}"
    for name in balances:
        cells = []
        for column in columns:
            values = [each.of[name][column] for each in errors if column in each.of.get(name, {})]
            cells.append(_mean(values) if values else "")
        if any(cells):
            yield f"| {name} | {' | '.join(cells)} |"


def _mean(values: Sequence[float]) -> str:
    if len(values) < 3:
        return f"{fmean(values):.2f}"
    effect = paired_effect(values)
    return f"{effect.mean:.2f} ({effect.low:.2f} to {effect.high:.2f})"


def comparisons(errors: Sequence[Errors], column: str) -> Iterator[str]:
    """Every mix of ours against every reference: ratio of means, songs in which it is nearer, and the sign tests."""
    yield "| | against | ratio | nearer, songs | p | nearer, authors | p |"
    yield "|---|---|---|---|---|---|---|"
    for own in OURS:
        for other in REFERENCES:
            pairs = [
                (each.author, each.of[own][column], each.of[other][column])
                for each in errors
                if column in each.of.get(own, {}) and column in each.of.get(other, {})
            ]
            if not pairs:
                continue
            by_author: dict[str, list[float]] = defaultdict(list)
            for author, mine, theirs in pairs:
                by_author[author].append(mine - theirs)
            ratio = fmean(mine for _, mine, _ in pairs) / fmean(theirs for *_, theirs in pairs)
            songs = _sign([mine - theirs for _, mine, theirs in pairs])
            authors = _sign([fmean(differences) for differences in by_author.values()])
            yield f"| {own} | {other} | {ratio:.2f} | {songs} | {authors} |"


def _sign(differences: Sequence[float]) -> str:
    """Songs in which the first is nearer, of all that differ, and the two-sided p of the sign test."""
    apart = [difference for difference in differences if difference != 0.0]
    nearer = sum(difference < 0.0 for difference in apart)
    p = stats.binomtest(nearer, len(apart)).pvalue if apart else 1.0
    return f"{nearer} of {len(apart)} | {p:.2g}"


def report(rows: Sequence[Row]) -> Iterator[str]:
    """All tables: over all songs, by corpus, and by whether roles are known."""
    everything = [errors_of(row, "") for row in rows]
    n_authors = len({row.author for row in rows})
    yield f"{len(rows)} songs by {n_authors} authors; mean errors, with 95 % intervals of the mean over songs.\n"
    balances = (*STATIC, *OURS, FADERS)
    yield from table(everything, LEVELS, balances)
    if any(row.audio for row in rows):
        yield "\nThe whole mix:\n"
        yield from table(everything, tuple(AUDIO), balances)
    for column in ("track LU", "family LU"):
        yield f"\nNearer to the author in {column}:\n"
        yield from comparisons(everything, column)
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row.corpus].append(row)
        groups[f"roles {row.roles}"].append(row)
    for name, members in sorted(groups.items()):
        yield f"\n{name}: {len(members)} songs by {len({row.author for row in members})} authors\n"
        yield from table([errors_of(row, name) for row in members], (*LEVELS, *AUDIO), balances)


class FadedTrack(NamedTuple):
    """A track of a table of faders, levels in LUFS."""

    role: str
    raw: float
    faded: float


FadedMix = dict[str, FadedTrack]
"""A mix of a table of faders: its tracks by name."""


def engineers(path: Path) -> Iterator[str]:
    """Balances of a table of faders by several engineers of each song, another of whom is one of them."""
    mixes: dict[str, list[FadedMix]] = defaultdict(list)
    for row in read_table(path):
        raw = {track.name: track.raw_lufs for track in row.tracks if track.is_audio}
        faded = {each.track.id: each for each in decisions(row) if each.lufs is not None}
        mixes[row.song].append(
            {
                name: FadedTrack(each.track.role, level, each.lufs)
                for name, each in faded.items()
                if (level := raw.get(name)) is not None and each.lufs is not None
            }
        )
    by_song = [_engineers_of(song, mixes) for song in mixes]
    n_mixes = sum(len(of_song) for of_song in mixes.values())
    yield f"{n_mixes} mixes of {len(mixes)} songs by engineers, faders alone; medians are those of other songs.\n"
    yield from table([each for each in by_song if each.of], ("track LU", "family LU"), (*STATIC, OTHER))


def _engineers_of(song: str, mixes: Mapping[str, list[FadedMix]]) -> Errors:
    """Errors of balances against every mix of a song, averaged: the song is the unit."""
    usual, values = _usual_levels(mixes, song), dict[str, dict[str, list[float]]]()
    for mix in mixes[song]:
        if len(mix) < FEWEST_TRACKS:
            continue
        tracks = [Track(name, each.role, each.raw, each.faded, None) for name, each in mix.items()]
        balances = static_levels(tracks, [usual(track.role) for track in tracks])
        compared = [(name, mix, dict(zip(mix, levels, strict=True))) for name, levels in balances.items()]
        others = [{name: each.faded for name, each in other.items()} for other in mixes[song] if other is not mix]
        compared += [(OTHER, mix, {name: level for name, level in other.items() if name in mix}) for other in others]
        for name, human, levels in compared:
            if len(levels) >= FEWEST_TRACKS:
                for column, error in _faded_errors(human, levels).items():
                    values.setdefault(name, {}).setdefault(column, []).append(error)
    return Errors(song, song, "", {name: {c: fmean(v) for c, v in columns.items()} for name, columns in values.items()})


def _faded_errors(mix: FadedMix, levels: Mapping[str, float]) -> dict[str, float]:
    own, human = np.array(list(levels.values())), np.array([mix[name].faded for name in levels])
    error = family_error_lu(own, human, [family(mix[name].role) for name in levels])
    return {"track LU": level_error_lu(own, human)} | ({} if error is None else {"family LU": error})


def _usual_levels(mixes: Mapping[str, list[FadedMix]], song: str) -> Callable[[str], float]:
    """The median level of a role in mixes of other songs, LU relative to the mix."""
    by_role: dict[str, list[float]] = defaultdict(list)
    for mix in (mix for other, of_song in mixes.items() if other != song for mix in of_song if mix):
        whole = 10.0 * math.log10(sum(10.0 ** (each.faded / 10.0) for each in mix.values()))
        for each in mix.values():
            for name in _generalised(each.role):
                by_role[name].append(each.faded - whole)
    return lambda role: next(median(by_role[name]) for name in _generalised(role) if by_role[name])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpora", nargs="*", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--table", type=Path, help="faders by several engineers, JSON or YAML")
    parser.add_argument("--split", action="append", help="only songs of this split by author; may be repeated")
    parser.add_argument("--quick", action="store_true", help="levels alone, without mixing")
    parser.add_argument("--mixes", nargs="+", choices=MIXES, default=MIXES, help="which mixes of ours [default: all]")
    parser.add_argument("--limit", type=int, help="at most so many songs of each corpus, drawn by their names")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the stretch of each song")
    parser.add_argument("--rules", action="append", help="rule files or names [default: base]")
    parser.add_argument("--model", default="base")
    options = parser.parse_args()
    songs = [song for song in decided_songs(options.corpora) if not options.split or song.split in options.split]
    if options.limit:
        drawn = sorted(songs, key=lambda song: hashlib.sha256(song.folder.name.encode()).digest())
        counts: dict[str, int] = defaultdict(int)
        chosen = set()
        for song in drawn:
            counts[song.corpus] += 1
            if counts[song.corpus] <= options.limit:
                chosen.add(song.folder)
        songs = [song for song in songs if song.folder in chosen]
    rules = hybrid.load_rules(*(options.rules or ["base"]))
    mixes = () if options.quick else tuple(name for name in MIXES if name in options.mixes)
    setup = Setup(rules, load_network(options.model), options.seconds, mixes)
    rows = measured(songs, options.out, setup) if songs else []
    lines = [*report(rows)] if rows else []
    if options.table:
        lines += ["", *engineers(options.table)]
    text = "\n".join(lines) + "\n"
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "people.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
