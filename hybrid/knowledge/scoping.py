"""Scopes of rules in a song: which tracks and frames each speaks of, and what it looks up there.

Arrays are as long as the padded song, whatever a selector matched: another song, or another selection, is other
data for the same compiled program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import numpy as np
from jaxtyping import Float

from hybrid.audio.song import Song
from hybrid.errors import InputError, Problem
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import RuleType
from hybrid.knowledge.types.fields import When
from hybrid.knowledge.types.lookup import SongLookup, ones


def scope_of(rule: RuleType, song: Song, lookup: SongLookup) -> Scope:
    """The scope of one rule in one song; `InputError` for bars without a tempo."""
    member = ones(lookup.selected(rule.for_), lookup.n_tracks)
    against = ones(lookup.selected(rule.against) if rule.against else (), lookup.n_tracks)
    wanted = rule.when.active if rule.when else None
    every = ones(range(len(song.tracks)), lookup.n_tracks)
    only_with = {"for": member, "against": against, None: every}[wanted]
    return Scope(*jax.device_put((member, against, _frames(rule, song, lookup), only_with, rule.lookup_table(lookup))))


def _frames(rule: RuleType, song: Song, lookup: SongLookup) -> Float[np.ndarray, " frame"]:
    """One for frames of the song in which the rule holds."""
    time_s = lookup.time_s
    inside = (time_s <= song.n_samples / song.sample_rate).astype(np.float32)
    if rule.when is None:
        return inside
    for spans in _spans(rule.when, rule.id, song, lookup.sections):
        inside *= np.max([(time_s >= start) & (time_s < end) for start, end in spans], axis=0)
    return inside


def _spans(
    when: When, rule_id: str, song: Song, sections: Mapping[str, Sequence[tuple[float, float]]]
) -> list[list[tuple[float, float]]]:
    """Alternatives in seconds; a frame must lie in one of each list."""
    spans = []
    if when.sections:
        spans.append([span for name in when.sections for span in sections[name]])
    if when.from_ is not None or when.to is not None:
        end = float("inf") if when.to is None else when.to
        spans.append([(when.from_ or 0.0, end)])
    if when.bars:
        if song.tempo_bpm is None:
            raise InputError(
                Problem(
                    rule_id,
                    "`when: bars` needs the song's tempo, which is not known",
                    "state tempo_bpm in song.yaml",
                )
            )
        bar_s = 4.0 * 60.0 / song.tempo_bpm
        spans.append([((when.bars[0] - 1) * bar_s, when.bars[1] * bar_s)])
    return spans
