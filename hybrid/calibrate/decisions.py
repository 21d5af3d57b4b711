"""Levels and positions from a table of decisions.

Levels are those at the faders: raw loudness plus fader gain, before effects and compression, summed as powers, as if
every track sounded all the time. Buses and effect returns are left out, since the table does not say what they carry.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean, median
from typing import NamedTuple

import numpy as np

from hybrid.audio.pairs import find_pairs
from hybrid.audio.song import Track
from hybrid.calibrate.instruments import role_of
from hybrid.calibrate.levels import SongLevels
from hybrid.calibrate.observations import Observation, Quantity
from hybrid.calibrate.parent import Parent
from hybrid.calibrate.schema import MixRow, TrackRow


class Decision(NamedTuple):
    """One track of a mix; None where the table has nothing."""

    track: Track
    raw_lufs: float | None
    """Loudness before the fader, LUFS."""
    lufs: float | None
    """Loudness after the fader, LUFS."""
    position: float | None
    """In pan units."""


class _MixIdentity(NamedTuple):
    """Song and mix of some observations, and their weight among the mixes of the song."""

    song: str
    mix: str
    weight: float

    def observation(self, quantity: Quantity, of: str, value: float, n_tracks: int) -> Observation:
        return Observation(quantity, of, self.song, self.mix, value, n_tracks, self.weight)


def observe_table(rows: Sequence[MixRow], parent: Parent, weigh_by_scores: bool) -> list[Observation]:
    """All observations of the mixes of a table, in the units of their quantities."""
    # weights compare mixes of one song only; all songs have the same weight
    weights = _by_score(rows) if weigh_by_scores else [1.0] * len(rows)
    observations: list[Observation] = []
    for index, (row, weight) in enumerate(zip(rows, weights, strict=True)):
        # two rows of one name are two mixes
        observations.extend(_observe(decisions(row), _MixIdentity(row.song, f"{row.mix} ({index})", weight), parent))
    return observations


def table_levels(rows: Sequence[MixRow], weigh_by_scores: bool) -> list[SongLevels]:
    """Levels of the tracks of every mix, with what they may depend on; how much of a song a track sounds is unknown."""
    weights = _by_score(rows) if weigh_by_scores else [1.0] * len(rows)
    found = []
    for row, weight in zip(rows, weights, strict=True):
        known = [(each, each.raw_lufs, each.lufs) for each in decisions(row)]
        levels = [(each.track, raw, lufs) for each, raw, lufs in known if raw is not None and lufs is not None]
        if levels:
            tracks, raw_lufs, lufs = zip(*levels, strict=True)
            found.append(
                SongLevels(
                    song=row.song,
                    author=row.song,
                    roles=tuple(track.role for track in tracks),
                    has_lead=any("lead" in track.tags for track in tracks),
                    level_lu=np.array(lufs),
                    recorded_lu=np.array(raw_lufs),
                    presence=np.zeros(len(tracks)),
                    weight=weight,
                )
            )
    return found


def notes_on(rows: Iterable[MixRow]) -> list[str]:
    """Notes on the rows of a table that are left out, with the reason."""
    tracks = [track for row in rows for track in row.tracks]
    audio = [track for track in tracks if track.is_audio]
    without_level = sum(track.faded_lufs is None for track in audio)
    unnamed = Counter(track.name for track in audio if _role(track) == "unknown")
    notes = {
        f"{len(tracks) - len(audio)} of {len(tracks)} rows are buses, effects or signals: left out": len(audio)
        < len(tracks),
        f"without fader or raw loudness, left out of levels: {without_level} of {len(audio)} tracks": without_level,
        f"tracks of no known role count in the whole only: {', '.join(sorted(unnamed))}": unnamed,
    }
    return [note for note, applies in notes.items() if applies]


def decisions(row: MixRow) -> list[Decision]:
    """The recorded tracks of a mix; the two mono sides of a stereo track are joined, as in a folder of tracks."""
    audio = [track for track in row.tracks if track.is_audio]
    pairs = {pair.left: pair for pair in find_pairs([track.name for track in audio]) if _are_mono(audio, pair[:2])}
    # the right side is part of the track of its left side
    rights = {pair.right for pair in pairs.values()}
    return [
        _joined(_decision(track), _decision(audio[pairs[i].right])) if i in pairs else _decision(track)
        for i, track in enumerate(audio)
        if i not in rights
    ]


def _are_mono(tracks: Sequence[TrackRow], places: Iterable[int]) -> bool:
    return all((tracks[i].channels or "MONO").upper() == "MONO" for i in places)


def _role(track: TrackRow) -> str:
    return track.role or role_of(track.instrument, track.subtype, track.name)


def _decision(row: TrackRow) -> Decision:
    role = _role(row)
    tags = ("lead",) if role == "vocal.lead" else ()
    channels = 2 if (row.channels or "").upper() == "STEREO" else 1
    return Decision(
        track=Track(row.name, (), channels, role, tags, 1.0),
        raw_lufs=row.raw_lufs,
        lufs=row.faded_lufs,
        position=fmean(row.parameters.pan) if row.parameters.pan else None,
    )


def _joined(left: Decision, right: Decision) -> Decision:
    """A stereo track of two mono ones: their powers add, and its position is half way between theirs."""
    places = [each.position for each in (left, right) if each.position is not None]
    raw_lufs, lufs = (
        [level for level in levels if level is not None]
        for levels in ((left.raw_lufs, right.raw_lufs), (left.lufs, right.lufs))
    )
    return Decision(
        left.track,
        _sum_lufs(raw_lufs) if raw_lufs else None,
        _sum_lufs(lufs) if lufs else None,
        fmean(places) if places else None,
    )


def _observe(mixed_tracks: Sequence[Decision], mix: _MixIdentity, parent: Parent) -> Iterator[Observation]:
    by_role: dict[str, list[Decision]] = defaultdict(list)
    for each in mixed_tracks:
        if each.track.role != "unknown":
            by_role[each.track.role].append(each)
    for role, tracks in by_role.items():
        # sides are interchangeable: only the distance from the centre is a convention
        distances = [abs(each.position) for each in tracks if each.position is not None]
        if distances:
            yield mix.observation("distance", role, median(distances), len(distances))
    audible = {i: each.lufs for i, each in enumerate(mixed_tracks) if each.lufs is not None}
    if audible:
        yield from _levels([each.track for each in mixed_tracks], audible, mix, parent)


def _levels(
    tracks: Sequence[Track], lufs: Mapping[int, float], mix: _MixIdentity, parent: Parent
) -> Iterator[Observation]:
    """Loudness of tracks and of buses over that of the whole, LU, and of the lead over the rest."""
    whole = _sum_lufs(lufs.values())
    by_role: dict[str, list[float]] = defaultdict(list)
    for i, level in lufs.items():
        if tracks[i].role != "unknown":
            by_role[tracks[i].role].append(level - whole)
    for role, levels in by_role.items():
        yield mix.observation("level", role, median(levels), len(levels))
    shares = parent.shares(tracks)
    # all entries together: fitted targets are shifted until they add up to it
    covered = {"budget": tuple({i for members in shares.values() for i in members})}
    both: tuple[tuple[Quantity, Mapping[str, tuple[int, ...]]], ...] = (("share", shares), ("covered", covered))
    for quantity, buses in both:
        for name, members in buses.items():
            levels = [lufs[i] for i in members if i in lufs]
            if levels:
                yield mix.observation(quantity, name, _sum_lufs(levels) - whole, len(levels))
    lead, rest = ([lufs[i] for i in members if i in lufs] for members in parent.lead_and_rest(tracks))
    if lead and rest:
        yield mix.observation("lead", "lead", _sum_lufs(lead) - _sum_lufs(rest), len(lead))


def _sum_lufs(levels: Iterable[float]) -> float:
    """Loudness of the sum of uncorrelated tracks, LUFS."""
    return 10.0 * math.log10(math.fsum(10.0 ** (level / 10.0) for level in levels))


def _by_score(rows: Sequence[MixRow]) -> list[float]:
    """The weight of each mix: its mean score, or the average over the mixes of its song if it has none."""
    songs: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row.score is not None:
            songs[row.song].append(row.score)
    return [row.score if row.score is not None else fmean(songs[row.song] or [1.0]) for row in rows]
