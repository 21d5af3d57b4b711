"""What a table of decisions says of levels and places.

Levels are those at the faders: raw loudness plus fader, before effects and compression, summed as powers, every track
taken to sound all the time. Buses and effect returns are left out, since the table does not say what they carry.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean, median
from typing import NamedTuple

from hybrid.audio.pairs import find_pairs
from hybrid.audio.song import Track
from hybrid.calibrate.instruments import role_of
from hybrid.calibrate.observed import Observed, Quantity
from hybrid.calibrate.parent import Parent
from hybrid.calibrate.schema import MixRow, TrackRow


class Decision(NamedTuple):
    """One track of a mix: its loudness after the fader and its position, None where the table does not tell."""

    track: Track
    lufs: float | None
    position: float | None


class _Mix(NamedTuple):
    """Whose numbers these are, and how much they count among those of the song."""

    song: str
    mix: str
    weight: float

    def observed(self, quantity: Quantity, of: str, value: float, n_tracks: int) -> Observed:
        return Observed(quantity, of, self.song, self.mix, value, n_tracks, self.weight)


def observe_table(rows: Sequence[MixRow], parent: Parent, weigh_by_scores: bool) -> list[Observed]:
    """Everything that a table says of its mixes."""
    weights = _by_score(rows) if weigh_by_scores else [1.0] * len(rows)
    found: list[Observed] = []
    for place, (row, weight) in enumerate(zip(rows, weights, strict=True)):
        found.extend(_observe(decisions(row), _Mix(row.song, f"{row.mix} ({place})", weight), parent))
    return found


def notes_on(rows: Iterable[MixRow]) -> list[str]:
    """What of a table does not count, and why."""
    tracks = [track for row in rows for track in row.tracks]
    audio = [track for track in tracks if track.is_audio]
    mute = sum(track.faded_lufs is None for track in audio)
    strange = Counter(track.name for track in audio if _role(track) == "unknown")
    notes = {
        f"{len(tracks) - len(audio)} of {len(tracks)} rows are buses, effects or signals: left out": len(audio)
        < len(tracks),
        f"without fader or raw loudness, left out of levels: {mute} of {len(audio)} tracks": mute,
        f"tracks of no known role count in the whole only: {', '.join(sorted(strange))}": strange,
    }
    return [note for note, holds in notes.items() if holds]


def decisions(row: MixRow) -> list[Decision]:
    """The recorded tracks of a mix; the left and the right of a stereo track are one, as in a folder of tracks."""
    audio = [track for track in row.tracks if track.is_audio]
    pairs = {pair.left: pair for pair in find_pairs([track.name for track in audio]) if _are_mono(audio, pair[:2])}
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
        lufs=row.faded_lufs,
        position=fmean(row.parameters.pan) if row.parameters.pan else None,
    )


def _joined(left: Decision, right: Decision) -> Decision:
    """A stereo track of two mono ones: powers add, and it stands half way between them."""
    places = [each.position for each in (left, right) if each.position is not None]
    lufs = [each.lufs for each in (left, right) if each.lufs is not None]
    return Decision(left.track, _sum_lufs(lufs) if lufs else None, fmean(places) if places else None)


def _observe(decided: Sequence[Decision], mix: _Mix, parent: Parent) -> Iterator[Observed]:
    by_role: dict[str, list[Decision]] = defaultdict(list)
    for each in decided:
        if each.track.role != "unknown":
            by_role[each.track.role].append(each)
    for role, tracks in by_role.items():
        distances = [abs(each.position) for each in tracks if each.position is not None]
        if distances:
            yield mix.observed("distance", role, median(distances), len(distances))
    heard = {i: each.lufs for i, each in enumerate(decided) if each.lufs is not None}
    if heard:
        yield from _levels([each.track for each in decided], heard, mix, parent)


def _levels(tracks: Sequence[Track], lufs: Mapping[int, float], mix: _Mix, parent: Parent) -> Iterator[Observed]:
    """Loudness of tracks and of buses over that of the whole, LU, and of the lead over the rest."""
    whole = _sum_lufs(lufs.values())
    by_role: dict[str, list[float]] = defaultdict(list)
    for i, level in lufs.items():
        if tracks[i].role != "unknown":
            by_role[tracks[i].role].append(level - whole)
    for role, levels in by_role.items():
        yield mix.observed("level", role, median(levels), len(levels))
    shares = parent.shares(tracks)
    covered = {"budget": tuple({i for members in shares.values() for i in members})}
    both: tuple[tuple[Quantity, Mapping[str, tuple[int, ...]]], ...] = (("share", shares), ("covered", covered))
    for quantity, buses in both:
        for name, members in buses.items():
            levels = [lufs[i] for i in members if i in lufs]
            if levels:
                yield mix.observed(quantity, name, _sum_lufs(levels) - whole, len(levels))
    lead, rest = ([lufs[i] for i in members if i in lufs] for members in parent.lead_and_rest(tracks))
    if lead and rest:
        yield mix.observed("lead", "lead", _sum_lufs(lead) - _sum_lufs(rest), len(lead))


def _sum_lufs(levels: Iterable[float]) -> float:
    """Loudness of uncorrelated tracks together."""
    return 10.0 * math.log10(math.fsum(10.0 ** (level / 10.0) for level in levels))


def _by_score(rows: Sequence[MixRow]) -> list[float]:
    """The mean score of each mix; one without counts as the other mixes of its song do on average."""
    songs: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if row.score is not None:
            songs[row.song].append(row.score)
    return [row.score if row.score is not None else fmean(songs[row.song] or [1.0]) for row in rows]
