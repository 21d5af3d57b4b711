"""The rough mix of a song: its producer's balance, found by fitting how each track went into it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import jax
import numpy as np

from hybrid.analysis.analyse import analyse
from hybrid.analysis.chunks import Progress
from hybrid.audio.digest import digest
from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.errors import InputError, Problem
from hybrid.goals.measured import Abstained, ReferenceMix, Values, measure_reference
from hybrid.knowledge.compile import compile_rules
from hybrid.knowledge.evaluate import predicted_panel, read_panel
from hybrid.knowledge.ruleset import RuleSet
from hybrid.unmixing.fit import RELIABLE, Fit, fit
from hybrid.unmixing.mix_file import load_mix, open_at

ANOTHER_SONG = 0.1
"""Explained share below which a mix is not one of these tracks. Of other songs 0.001 and less is explained, in 12
pairs; of the songs themselves 0.76 to 0.98, in 4."""
SURE = 0.5
"""Confidence in the estimate of a track from which it is trusted wholly; below, in proportion."""


def measure_rough(path: Path, song: Song, template: RuleSet, progress: Progress) -> ReferenceMix:
    """The rough mix in a file: the whole as a reference, and levels and places of the tracks by fitting them to it.

    Raises InputError if the tracks of the song explain too little of it, with the share that they do.
    """
    mix = load_mix(path)
    with open_song(song) as reader, open_at(mix, song.sample_rate) as mix_reader:
        dry = analyse(song, reader, progress).dry
        fitted = fit(song, reader, mix_reader, dry, progress)
    if fitted.explained < ANOTHER_SONG:
        what = f"is no mix of {song.name}: its tracks explain {fitted.explained:.0%} of it"
        hint = f"a rough mix is explained by {ANOTHER_SONG:.0%} and more; follow another song by --reference"
        raise InputError(Problem(str(path), what, hint))
    whole = measure_reference(path, template, progress)
    return _with_tracks(whole, _by_track(fitted, song, template), song, digest(mix))


def _by_track(fitted: Fit, song: Song, template: RuleSet) -> dict[str, Values]:
    """What the rules by track read of the fit, with the trust in each track."""
    rules = tuple(rule for rule in template.rules if rule.target_kind == "track")
    n_tracks, time_s = fitted.dry.active.shape[0], np.asarray(fitted.dry.time_s)
    objective, _ = compile_rules(replace(template, rules=rules), song, n_tracks, time_s)
    readings = read_panel(objective, predicted_panel(objective.output, fitted.dry, fitted.treatment))
    trust = np.zeros(n_tracks)
    sure = np.clip(fitted.confidence / SURE, 0.0, 1.0) * min(1.0, fitted.explained / RELIABLE)
    trust[: len(sure)] = sure
    found = {}
    for rule, reading in zip(rules, jax.device_get(readings), strict=True):
        value, share = np.asarray(reading.value, np.float64), np.asarray(reading.share, np.float64)
        found[rule.id] = Values(value, share * (trust > 0.0), np.zeros(len(value)), trust)
    return found


def _with_tracks(whole: ReferenceMix, by_track: dict[str, Values], song: Song, hashed: str) -> ReferenceMix:
    abstained = [each for each in whole.abstained if each.rule not in by_track]
    for name, values in by_track.items():
        trusts = zip(song.tracks, values.trust.tolist(), strict=False)
        if unsure := [track.id for track, trust in trusts if trust < 1.0]:
            abstained.append(Abstained(name, f"the fit is not sure of {', '.join(unsure)}"))
    return replace(whole, quantities={**whole.quantities, **by_track}, abstained=tuple(abstained), digest=hashed)
