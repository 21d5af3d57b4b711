"""What a rule needs to know of a song: which tracks and frames it speaks of, as arrays.

Arrays are as long as the padded song, whatever a selector matched: another song, or another selection, is other
data for the same compiled program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from hybrid.audio.song import Song, Track
from hybrid.errors import InputError, Problem
from hybrid.knowledge.select import Selector, by_role, select, share_selector
from hybrid.knowledge.types import LevelConsistency, PairSpread, RoleBudget, RuleType, SectionContrast
from hybrid.knowledge.types.fields import When


class Scope(NamedTuple):
    """Ones for the tracks and frames that a rule speaks of; padding holds zeros."""

    member: Float[Array, " track"]
    against: Float[Array, " track"]
    frames: Float[Array, " frame"]
    only_with: Float[Array, " track"]
    """Tracks one of which must sound for a frame to count (`when: active`); all ones where the rule names none."""
    table: Float[Array, "..."]
    """What the type looks up: membership of buses (bus, track), values by role (track, value), partners
    (track, track) or the frames of sections (section, frame)."""


def ones(indices: Sequence[int], n: int) -> Float[np.ndarray, " n"]:
    """One at each index."""
    mask = np.zeros(n, np.float32)
    mask[list(indices)] = 1.0
    return mask


def scope_of(
    rule: RuleType,
    song: Song,
    sets: Mapping[str, Selector],
    sections: Mapping[str, Sequence[tuple[float, float]]],
    n_tracks: int,
    time_s: Float[np.ndarray, " frame"],
) -> Scope:
    """The scope of one rule in one song, padded to `n_tracks`; `InputError` for bars without a tempo."""
    member = ones(select(rule.for_, song.tracks, sets), n_tracks)
    against = ones(select(rule.against, song.tracks, sets) if rule.against else (), n_tracks)
    wanted = rule.when.active if rule.when else None
    only_with = {"for": member, "against": against, None: ones(range(len(song.tracks)), n_tracks)}[wanted]
    arrays = (
        member,
        against,
        _frames(rule, song, sections, time_s),
        only_with,
        _table(rule, song.tracks, sets, sections, (n_tracks, time_s)),
    )
    return Scope(*jax.device_put(arrays))


def _table(
    rule: RuleType,
    tracks: Sequence[Track],
    sets: Mapping[str, Selector],
    sections: Mapping[str, Sequence[tuple[float, float]]],
    size: tuple[int, Float[np.ndarray, " frame"]],
) -> Float[np.ndarray, "..."]:
    n_tracks, time_s = size
    if isinstance(rule, RoleBudget):
        shares = [select(share_selector(name, sets), tracks, sets) for name in rule.targets]
        return np.stack([ones(indices, n_tracks) for indices in shares])
    if rule.by_role():
        width = len(next(iter(rule.by_role().values())))
        rows = [by_role(rule.by_role(), track.role) or (0.0,) * width for track in tracks]
        return np.pad(np.array(rows, np.float32).reshape(-1, width), ((0, n_tracks - len(rows)), (0, 0)))
    if isinstance(rule, SectionContrast | LevelConsistency):
        return _section_frames(rule, sections, time_s)
    if isinstance(rule, PairSpread):
        return _partners(rule, tracks, sets, n_tracks)
    return np.zeros(0, np.float32)


def _section_frames(
    rule: SectionContrast | LevelConsistency,
    sections: Mapping[str, Sequence[tuple[float, float]]],
    time_s: Float[np.ndarray, " frame"],
) -> Float[np.ndarray, "section frame"]:
    """One for the frames of each section that the rule names, or of all sections that there are."""
    named = rule.sections or tuple(sections)
    rows = [np.max([(time_s >= start) & (time_s < end) for start, end in sections[name]], axis=0) for name in named]
    return np.array(rows, np.float32).reshape(len(named), len(time_s))


def _partners(
    rule: PairSpread, tracks: Sequence[Track], sets: Mapping[str, Selector], n_tracks: int
) -> Float[np.ndarray, "track track"]:
    """One for pairs of the rule's tracks that follow each other by name in one role: 1st and 2nd, 3rd and 4th."""
    table = np.zeros((n_tracks, n_tracks), np.float32)
    chosen = select(rule.for_, tracks, sets)
    for role in {tracks[i].role for i in chosen}:
        same = sorted((i for i in chosen if tracks[i].role == role), key=lambda i: tracks[i].id)
        for first, second in zip(same[::2], same[1::2], strict=False):
            table[first, second] = 1.0
    return table


def _frames(
    rule: RuleType,
    song: Song,
    sections: Mapping[str, Sequence[tuple[float, float]]],
    time_s: Float[np.ndarray, " frame"],
) -> Float[np.ndarray, " frame"]:
    """One for frames of the song in which the rule holds."""
    inside = (time_s <= song.n_samples / song.sample_rate).astype(np.float32)
    if rule.when is None:
        return inside
    for spans in _spans(rule.when, rule.id, song, sections):
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
