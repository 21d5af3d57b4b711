"""The verdict on any finished mix: from the mix alone, or with its tracks, by how each of them went into it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hybrid.audio.probe import probe
from hybrid.audio.read import open_song
from hybrid.audio.samples import is_silent
from hybrid.audio.song import Song, Track
from hybrid.errors import InputError, Problem, SongError
from hybrid.knowledge.compile import compile_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.select import name_roles
from hybrid.knowledge.types import RuleType
from hybrid.knowledge.verdict import Verdict
from hybrid.measure.meter import Meter
from hybrid.measure.panel import Measured, Scalar, observe
from hybrid.mixing.analyse import Progress, analyse
from hybrid.mixing.fit import RELIABLE, Fit, fit
from hybrid.mixing.readout import verdict
from hybrid.treatment.effect import as_measured, treated
from hybrid.treatment.types import Dry, Treatment, neutral

_MIX_LEVEL = ("mix", "band")
_UNTOLD = "counts gain over time or effects, which a finished mix does not tell"
_BLOCK = 1 << 18
_SHORT = 0.9
"""Share of the song that a mix must cover to be compared without a word."""


class LeftOut(NamedTuple):
    """A rule that says nothing here, and why."""

    rule: str
    why: str


class Check(NamedTuple):
    """What is found of a finished mix."""

    verdict: Verdict
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    song: Song | None = None
    """With the tracks: what was fitted."""
    fit: Fit | None = None
    doubtful: tuple[str, ...] = ()
    """Rules about tracks, where the tracks explain less than half of the mix."""


def check_mix(path: Path, rules: RuleSet, progress: Progress) -> Check:
    """The verdict from the mix alone: it is taken for a song of one track, to which nothing is done."""
    song = _mix_song(path)
    kept, left_out = _split(rules, lambda rule: _why_not_alone(rule, song))
    with open_song(song) as reader:
        dry, levels = analyse(song, reader, progress)
    readings = (levels.integrated_lufs, levels.true_peak_dbtp)
    panel = observe(dry, neutral(dry.active.shape[0], 1.0, 1.0), as_measured(dry), dry, readings)
    found, notes = _judge(kept, song, panel)
    return Check(found, left_out, (*_mono(song), *notes))


def check_mix_of(path: Path, song: Song, rules: RuleSet, progress: Progress) -> Check:
    """The verdict on a mix of `song`, whose tracks are fitted to it.

    Raises InputError if the mix is the song's only track, and SongError for files that are unfit.
    """
    mix = _mix_song(path)
    song, notes = _without(song, path)
    song = replace(song, tracks=name_roles(song.tracks, rules.roles))
    kept, left_out = _split(rules, _why_not_fitted)
    with open_song(song) as reader, _open_at(mix, song.sample_rate) as mix_reader:
        dry = analyse(song, reader, progress).dry
        fitted = fit(song, reader, mix_reader, dry, progress)
    panel = _panel_fitted(fitted.dry, fitted.treatment, fitted.mix, _levels(mix))
    found, warnings = _judge(kept, song, panel)
    return Check(
        found,
        left_out,
        (*song.notes, *notes, *_mono(mix), *_shorter(mix, song), *warnings),
        song,
        fitted,
        _doubtful(kept, fitted),
    )


def _mix_song(path: Path) -> Song:
    """The mix as a song of one track. Raises InputError for a folder, SongError for a file that is unfit or silent."""
    if path.is_dir():
        raise InputError(Problem(str(path), "is a folder, expected the file of a finished mix"))
    file = probe(path)
    if is_silent(file):
        raise SongError(Problem(str(path), "is silent: there is nothing to check"))
    track = Track("mix", (path,), file.channels, "unknown", (), 0.0)
    return Song(path.stem, path.parent, (track,), file.sample_rate, file.n_samples)


def open_mix(path: Path, sample_rate: int):
    """A reader of a finished mix, at that rate. Raises InputError for a folder, SongError for a file that is unfit."""
    return _open_at(_mix_song(path), sample_rate)


def _open_at(mix: Song, sample_rate: int):
    n_samples = -(-mix.n_samples * sample_rate // mix.sample_rate)
    return open_song(replace(mix, sample_rate=sample_rate, n_samples=n_samples))


def _levels(mix: Song) -> tuple[float, float]:
    """Integrated loudness and true peak of a mix at its own rate, by the exact meters; mono is in both channels."""
    meter = Meter(mix.sample_rate, 2)
    with open_song(mix) as reader:
        for start in range(0, mix.n_samples, _BLOCK):
            block = reader.read(0, start, min(_BLOCK, mix.n_samples - start))
            meter.add(np.broadcast_to(block, (2, block.shape[1])))
    levels = meter.levels()
    return levels.integrated_lufs, levels.true_peak_dbtp


def _without(song: Song, path: Path) -> tuple[Song, tuple[str, ...]]:
    """The song less the tracks that are the mix itself, and a note of each."""
    same = [track for track in song.tracks if any(_is_same(file, path) for file in track.files)]
    if len(same) == len(song.tracks):
        raise InputError(Problem(str(song.folder), f"holds no track but the mix itself, {path.name}"))
    tracks = tuple(track for track in song.tracks if track not in same)
    return replace(song, tracks=tracks), tuple(f"{track.id} is the mix itself: not a track" for track in same)


def _is_same(a: Path, b: Path) -> bool:
    return a.resolve() == b.resolve()


def _split(rules: RuleSet, why_not: Callable[[RuleType], str | None]) -> tuple[RuleSet, tuple[LeftOut, ...]]:
    """The rules that can be judged, and those that are on and cannot."""
    reasons = [(rule, why_not(rule)) for rule in rules.rules]
    kept = tuple(rule for rule, why in reasons if why is None)
    left_out = tuple(LeftOut(rule.id, why) for rule, why in reasons if why is not None and rule.enabled)
    return replace(rules, rules=kept), left_out


def _why_not_alone(rule: RuleType, song: Song) -> str | None:
    if not rule.told_by_mix:
        return _UNTOLD
    if rule.target_kind not in _MIX_LEVEL:
        return "speaks of tracks: needs --song"
    if rule.when and rule.when.bars and song.tempo_bpm is None:
        return "speaks of bars: needs --song with a tempo"
    return None


def _why_not_fitted(rule: RuleType) -> str | None:
    return None if rule.told_by_mix else _UNTOLD


def _doubtful(rules: RuleSet, fitted: Fit) -> tuple[str, ...]:
    if fitted.explained >= RELIABLE:
        return ()
    return tuple(rule.id for rule in rules.enabled if rule.target_kind not in _MIX_LEVEL)


def _mono(mix: Song) -> tuple[str, ...]:
    return ("the mix is mono: measured as the same in both channels",) if mix.tracks[0].channels == 1 else ()


def _shorter(mix: Song, song: Song) -> tuple[str, ...]:
    mix_s, song_s = (each.n_samples / each.sample_rate for each in (mix, song))
    return (f"the mix lasts {mix_s:.1f} s of {song_s:.1f} s: the rest of the tracks is left out",) * (
        mix_s < _SHORT * song_s
    )


def _judge(rules: RuleSet, song: Song, panel: Measured) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict, and what was odd when rules met tracks."""
    objective, report = compile_rules(rules, song, panel.dry.active.shape[0], np.asarray(panel.dry.time_s))
    return verdict(objective, song, panel), report.warnings


def _panel_fitted(dry: Dry, treatment: Treatment, mix: Dry, levels: tuple[Scalar, Scalar]) -> Measured:
    """The panel of the fitted tracks and of the mix itself, which is taken back to before the output level."""
    before = np.float32(10.0 ** (-0.1 * float(treatment.master.level_db)))
    mix = replace(mix, power=mix.power * before, power_k=mix.power_k * before, peak=mix.peak * before)
    return observe(dry, treatment, treated(dry, treatment), mix, levels)
