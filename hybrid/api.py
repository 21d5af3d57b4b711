"""The program from Python: what the command line does, step by step, on files or on arrays.

`load_song` and `load_rules` read; `analyse`, `propose`, `refine` and `render` are the steps of `mix`; `objective` gives
the rules as functions of a treatment; `check` and `judge` look at finished mixes. Where rules are expected, a name, a
file or a text does as well; where an analysed song is, a song does, or its path. Everything is deterministic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import soundfile
from jaxtyping import Num

from hybrid import document
from hybrid.analysis.chunks import Progress
from hybrid.analysis.song import AnalysedSong, analyse_song
from hybrid.audio import manifest
from hybrid.audio.arrays import song_from_arrays, with_roles
from hybrid.audio.read import open_song
from hybrid.audio.references import Reference, Rough, checked, parse_reference, whole
from hybrid.audio.song import RawLevels, Song
from hybrid.audio.wav import MIX_FILE, Subtype
from hybrid.audio.write import OutputFolder
from hybrid.corpus.demo import SAMPLE_RATE, demo_tracks
from hybrid.edits.file import option_edits
from hybrid.errors import InputError, Problem, suggest
from hybrid.export.mixed import OutputSpec, write_mix
from hybrid.judging.distance import align_reference
from hybrid.judging.judge import MixEvaluation
from hybrid.judging.judge import judge as judge_mixes
from hybrid.judging.mix import read_mix
from hybrid.knowledge import resolve
from hybrid.knowledge.objective import project
from hybrid.knowledge.rule_types import rule_types
from hybrid.knowledge.ruleset import RuleSet, flow
from hybrid.knowledge.select import name_roles
from hybrid.knowledge.types import RuleType
from hybrid.mixing.deliver import Format, deliver
from hybrid.mixing.edited import plan_edited, without_muted
from hybrid.mixing.follow import goal_of
from hybrid.mixing.plan import MixConfig, MixProblem, formulate, naming_of
from hybrid.mixing.rendered import MixResult, MixSource, RenderedMix, mix_file, render_song
from hybrid.mixing.song_objective import SongObjective, song_objective
from hybrid.proposal.weights import Network, load_network
from hybrid.refinement import refine as refinement
from hybrid.refinement.initial import check_start
from hybrid.refinement.pins import pinned
from hybrid.refinement.refine import Refined
from hybrid.scratch import scratch_folder
from hybrid.treatment.types import Treatment
from hybrid.unmixing.check import Check, check_mix, check_mix_of
from hybrid.unmixing.mix_file import song_without_mix

DEMO = "demo"
Rules = RuleSet | str | Path
"""Rules, a name or a file of them, or their YAML."""
SongSource = AnalysedSong | Song | str | Path
"""A song, its folder or its `song.yaml`, or "demo"."""


def _quiet(stage: str, share: float) -> None:
    """Reports nothing."""


def load_song(
    source: str | Path | Mapping[str, Num[np.ndarray, "..."]],
    sample_rate: int | None = None,
    *,
    roles: Mapping[str, str] | None = None,
    name: str = "song",
    raw_levels: RawLevels | None = None,
) -> Song:
    """The song in a folder or of a `song.yaml`, the one that "demo" names, or that of tracks given as arrays by name.

    Arrays have full scale 1 and channels first, or one dimension, and need a `sample_rate` in Hz. `roles` states those
    of some tracks; the others are guessed from names. `raw_levels` tells whether the levels of the tracks to each other
    are "recorded" or "arbitrary", in place of what the song.yaml says. Raises InputError, or SongError for audio that
    cannot be mixed.
    """
    known = get_args(RawLevels)
    if raw_levels is not None and raw_levels not in known:
        what = f"expected {' or '.join(known)}, got {raw_levels!r}{suggest(str(raw_levels), known)}"
        raise InputError(Problem("raw_levels", what))
    song = _loaded(source, sample_rate, roles, name)
    return song if raw_levels is None else replace(song, raw_levels=raw_levels)


def _loaded(
    source: str | Path | Mapping[str, Num[np.ndarray, "..."]],
    sample_rate: int | None,
    roles: Mapping[str, str] | None,
    name: str,
) -> Song:
    if isinstance(source, Mapping):
        if sample_rate is None:
            raise InputError(Problem("sample_rate", "is missing: arrays do not state theirs, expected Hz"))
        return song_from_arrays(source, sample_rate, roles, name)
    if sample_rate is not None:
        raise InputError(Problem("sample_rate", "is for arrays: files state theirs"))
    if source == DEMO and not Path(source).exists():
        # its bad balance is no evidence
        return replace(song_from_arrays(demo_tracks(), SAMPLE_RATE, roles, DEMO), raw_levels="arbitrary")
    song = manifest.load_song(Path(source))
    return replace(song, tracks=with_roles(song.tracks, roles or {}))


def load_rules(
    *sources: str | Path,
    set: Mapping[str, object] | Sequence[str] = (),
    plugins: Sequence[str | Path | type[RuleType]] = (),
) -> RuleSet:
    """The rules of names, files or YAML texts, later ones over earlier ones; `base` if there is none.

    `set` overrides single values: `{"lead.level.target": "2 LU"}`, or as the command line has it. `plugins` are rule
    types of one's own, as files or as classes. Raises InputError with every mistake.
    """
    named = [
        document.parse(str(source), Path(f"<text {number}>")) if "\n" in str(source) else str(source)
        for number, source in enumerate(sources or ("base",), start=1)
    ]
    overrides = [f"{key}={flow(value)}" for key, value in set.items()] if isinstance(set, Mapping) else set
    return resolve.load_rules(named, overrides, rule_types(plugins))


def analyse(
    song: SongSource,
    rules: Rules | None = None,
    network: Network | str | None = "base",
    *,
    progress: Progress = _quiet,
) -> AnalysedSong:
    """The song measured, its microphones aligned; tracks of unknown role are named by `rules`, then by the network."""
    plain, known = _song(song), None if rules is None else _rules(rules)
    with open_song(plain) as reader:
        return analyse_song(plain, reader, naming_of(known, _network(network)), progress)


def objective(song: SongSource, rules: Rules = "base") -> SongObjective:
    """The rules as functions of the treatment of this song: `cost`, `cost_unconstrained`, `verdict`, `neutral()`."""
    return song_objective(_analysed(song, rules), _rules(rules))


def propose(
    song: SongSource, rules: Rules = "base", network: Network | str | None = "base", seed: int = 0
) -> Treatment:
    """The treatment that the network proposes under these rules; without one, a usual level for each role.

    The seed draws the sides on which tracks start.
    """
    problem = _formulated(song, rules, MixConfig(0, seed, _network(network)))
    return project(problem.task.objective.output, problem.task.dry, pinned(problem.start, problem.task.pins))


def refine(
    song: SongSource,
    rules: Rules = "base",
    start: Treatment | None = None,
    steps: int = 300,
    *,
    seed: int = 0,
    progress: Progress = _quiet,
) -> Refined:
    """The treatment that satisfies the rules best, found by descent from `start`, or from usual levels of roles.

    More than 50 steps are rounded up to whole rounds of 50. Rules that the raw sum keeps are held.
    """
    problem = _formulated(song, rules, MixConfig(steps, seed))
    task = problem.task
    if start is not None:
        check_start(start, problem.start)
        # a start that has something in all groups moves in all of them at once, as after a network
        task = task._replace(in_turn=np.float32(0.0))
    return refinement.refine(task, problem.start if start is None else start, steps, progress)


def render(
    song: SongSource,
    treatment: Treatment,
    folder: str | Path | None = None,
    *,
    stems: bool = False,
    sample_rate: int | None = None,
    overwrite: bool = False,
    progress: Progress = _quiet,
) -> RenderedMix:
    """The song under exactly this treatment, in memory or as 32-bit float files in a new `folder`.

    The song must be the one that was analysed, whose microphones are aligned. `stems` keeps the treated tracks, and
    what comes back from the room, as well.
    """
    plain = _song(song)
    fmt = Format(sample_rate or plain.sample_rate, "FLOAT", stems)
    if folder is None:
        return render_song(plain, treatment, fmt, None, progress)
    with OutputFolder(Path(folder), overwrite, _files(plain)) as out:
        rendered = render_song(plain, treatment, fmt, out.path, progress)
    return replace(rendered, folder=Path(folder))


def mix(
    song: SongSource,
    rules: Rules = "base",
    out: str | Path | None = None,
    steps: int = 300,
    network: Network | str | None = "base",
    *,
    seed: int = 0,
    subtype: Subtype = "PCM_24",
    sample_rate: int | None = None,
    stems: bool = True,
    references: Sequence[str | Path | Reference] = (),
    rough: str | Path | Rough | None = None,
    edits: Sequence[str] = (),
    overwrite: bool = False,
    progress: Progress = _quiet,
) -> MixResult:
    """The mix of a song: analysed, proposed, refined, rendered and judged; in memory, or written to a new folder `out`.

    A folder holds what `hybrid mix` writes: `subtype` and `stems` are about its files. In memory the mix is of floats
    and alone; `render` gives its stems. `references` are finished mixes to be followed: files, texts such as
    "a.wav:tone=0.6,width", or a `Reference` of a path and amounts; `rough` is a mix of these tracks whose balance is
    kept, or a `Rough` of a path and an amount. `edits` are moves of your own, such as "guitar gain.level +2 dB".
    """
    plain, known = _song(song), _rules(rules)
    followed = tuple(_reference(each) for each in references)
    config = MixConfig(steps, seed, _network(network), references=followed, rough=_rough(rough))
    config = config._replace(edits=option_edits(edits))
    rate = sample_rate or plain.sample_rate
    if out is None:
        heard, config = without_muted(plain, config)
        with scratch_folder() as scratch, open_song(heard) as reader:
            goal = goal_of(heard, config, progress)
            plan = plan_edited(goal, plain, reader, known, config, progress)
            delivered = deliver(plan, reader, scratch, Format(rate, "FLOAT", stems=False), progress)
            samples, _ = soundfile.read(scratch / MIX_FILE, dtype="float32", always_2d=True)
        return MixResult.of(delivered, rate, arrays={MIX_FILE: samples.T})
    with OutputFolder(Path(out), overwrite, _files(plain)) as folder:
        written = write_mix(plain, known, config, OutputSpec(folder.path, subtype, sample_rate, stems=stems), progress)
    assert written.delivered is not None
    return MixResult.of(written.delivered, rate, Path(out))


def check(
    mix: MixSource,
    song: SongSource | None = None,
    rules: Rules = "base",
    *,
    sample_rate: int | None = None,
    progress: Progress = _quiet,
) -> Check:
    """The verdict on a finished mix: by itself, or with its tracks, which are fitted to it.

    A mix that is an array needs its `sample_rate` in Hz.
    """
    with mix_file(mix, sample_rate) as path:
        if song is None:
            return check_mix(path, _rules(rules), progress)
        return check_mix_of(path, _song(song), _rules(rules), progress)


def judge(
    mix: MixSource,
    against: MixSource | None = None,
    song: SongSource | None = None,
    *,
    sample_rate: int | None = None,
) -> MixEvaluation:
    """Metrics of a finished mix that share nothing with the rules: alone, against a reference mix, with its tracks."""
    with ExitStack() as stack:
        path = stack.enter_context(mix_file(mix, sample_rate))
        tracks = song_without_mix(_song(song), path)[0] if song is not None else None
        reader = stack.enter_context(open_song(tracks)) if tracks else None
        first = read_mix(path, tracks.sample_rate if tracks else None)
        reference = None
        if against is not None:
            other = stack.enter_context(mix_file(against, sample_rate))
            reference = align_reference(read_mix(other, first.sample_rate), first)
        return judge_mixes([first], reader, reference)[0]


def _song(source: SongSource) -> Song:
    if isinstance(source, AnalysedSong):
        return source.song
    return source if isinstance(source, Song) else load_song(source)


def _rules(rules: Rules) -> RuleSet:
    return rules if isinstance(rules, RuleSet) else load_rules(rules)


def _reference(source: str | Path | Reference) -> Reference:
    if isinstance(source, Reference):
        return checked(source, str(source.path))
    return whole(source) if isinstance(source, Path) else parse_reference(source)


def _rough(source: str | Path | Rough | None) -> Rough | None:
    if source is None or isinstance(source, Rough):
        return source
    return Rough(Path(source))


def _network(network: Network | str | None) -> Network | None:
    return load_network(network) if isinstance(network, str) else network


def _analysed(song: SongSource, rules: Rules) -> AnalysedSong:
    """With roles as these rules name them."""
    analysed = song if isinstance(song, AnalysedSong) else analyse(song, rules)
    return replace(analysed, song=name_roles(analysed.song, _rules(rules).roles))


def _formulated(song: SongSource, rules: Rules, config: MixConfig) -> MixProblem:
    known = _rules(rules)
    analysed = _analysed(song, known)
    return formulate(analysed.song, analysed.analysis, known, config)


def _files(song: Song) -> list[Path]:
    return [path for track in song.tracks for path in track.files]
