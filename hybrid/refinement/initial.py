"""The treatment that refinement starts from without a network: usual levels, tracks a little apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from hybrid.audio.song import Track
from hybrid.errors import InputError, Problem
from hybrid.knowledge.select import by_role
from hybrid.knowledge.start_levels import Beyond
from hybrid.measure import loudness
from hybrid.measure.balance import raw_lufs
from hybrid.treatment.parts import PARTS, SPREAD_OFF_DB
from hybrid.treatment.types import Dry, Treatment, treatment_parts

ROLE_LEVELS_LU = {
    "vocal.lead": -12.9,
    "vocal": -15.0,
    "bass": -14.9,
    "guitar.electric": -16.3,
    "guitar": -13.3,
    "keys": -18.7,
    "synth": -18.7,
    "strings": -18.7,
    "brass": -18.7,
    "woodwind": -18.7,
    "drums": -18.7,
    "drums.kick": -21.0,
    "drums.snare": -20.0,
    "drums.overheads": -22.5,
    "drums.cymbals": -22.5,
    "drums.tom": -26.7,
    "drums.hihat": -25.1,
    "all": -18.7,
}
"""Loudness of a track after its fader, relative to all tracks of its song after theirs, LU: medians of 90 human mixes
of 13 songs (MixologyDB, MIT), per microphone. Roles that are not in the data take the value of keys, a guess."""
_WHOLE_KIT_LU = -11.5
"""A kit or loop on one track: its microphones together lie 8 to 10 dB above one of them (the same data)."""
_OUTERMOST_PAN = 20.0
"""Pan units from the centre to the outermost track at the start: enough to break the tie between left and right."""
_SPREAD_DB = -20.0
"""Spread of tracks that need not be in the middle at the start, where rules act on it: it has a gradient there, and
can hardly be heard. A guess."""
SENDS_DB = {"vocal": -15.0, "drums.snare": -18.0, "drums.kick": -40.0, "bass": -40.0, "drums": -30.0, "all": -24.0}
"""Sends by role where there is a room: guesses, in the order of the reverbs in 90 human mixes (MixologyDB)."""


class RawFindings(NamedTuple):
    """What rules say of the raw tracks, by which a start is better."""

    corner_hz: Float[np.ndarray, " padded"]
    """The corner below which each track has too much; 0 Hz where it has not."""
    beyond: Beyond | None
    """How the tracks lie to the levels that rules expect; None if no rule expects levels."""


def nothing_found(n_tracks: int) -> RawFindings:
    """Findings of rules that say nothing."""
    return RawFindings(np.zeros(n_tracks, np.float32), None)


def usual_start(
    treatment: Treatment, dry: Dry, tracks: Sequence[Track], raw_findings: RawFindings, seed: int
) -> Treatment:
    """`treatment` with usual levels and sends, positions slightly off the centre, low cuts an octave below the corners.

    Levels are those that a rule expects, else those of roles. A low cut at its lowest corner has no gradient, so that
    it starts where it has one. 0 Hz leaves it off.
    """
    n = len(tracks)
    beyond = raw_findings.beyond
    raw = np.asarray(raw_lufs(dry))[:n]
    # a silent track reads the floor, and would be raised to its bound
    sounds = raw > loudness.ABSOLUTE_GATE_LUFS
    if beyond is None or not np.any(beyond.is_expected):
        level = np.array([_level(track) for track in tracks]) - raw
    else:
        level = -np.asarray(beyond.too_loud_lu)[:n]
    # only differences matter, since the output level is solved: the middle track keeps its level
    level = np.where(sounds, level - (np.median(level[sounds]) if sounds.any() else 0.0), 0.0)
    # at a bound the bijector has no gradient
    low, high = PARTS["gain.level"].bijector.limits
    level = np.clip(level, 0.9 * low, 0.9 * high)
    sends = np.array([by_role(SENDS_DB, track.role) for track in tracks], np.float32)
    spread_db = treatment.pan.spread_db
    reverb = treatment.reverb and treatment.reverb._replace(send_db=_padded(treatment.reverb.send_db, sends))
    return replace(
        treatment,
        reverb=reverb,
        gain=treatment.gain._replace(level_db=_padded(treatment.gain.level_db, level)),
        eq=treatment.eq._replace(low_cut_hz=_padded(treatment.eq.low_cut_hz, 0.5 * raw_findings.corner_hz)),
        pan=treatment.pan._replace(
            position=_padded(treatment.pan.position, _spread(tracks, seed)),
            spread_db=None if spread_db is None else _padded(spread_db, _spreads(tracks), SPREAD_OFF_DB),
        ),
    )


def _level(track: Track) -> float:
    if track.role == "drums":
        return _WHOLE_KIT_LU
    level = by_role(ROLE_LEVELS_LU, track.role)
    return ROLE_LEVELS_LU["all"] if level is None else level


def _spread(tracks: Sequence[Track], seed: int) -> Float[np.ndarray, " track"]:
    """Distinct positions around the centre in pan units, in an order drawn from the seed; central roles are at 0.

    Two similar tracks at one position have no gradient that would separate them.
    """
    central = np.array([_is_central(track) for track in tracks], bool)
    n = int(np.sum(~central))
    position = np.zeros(len(tracks))
    position[~central] = (
        np.random.default_rng(seed).permutation(np.linspace(-_OUTERMOST_PAN, _OUTERMOST_PAN, n)) if n > 1 else 0.0
    )
    return position


def _spreads(tracks: Sequence[Track]) -> Float[np.ndarray, " track"]:
    """Spreads at the start: none for tracks that belong in the middle."""
    return np.array([SPREAD_OFF_DB if _is_central(track) else _SPREAD_DB for track in tracks])


def _is_central(track: Track) -> bool:
    central = {"bass": True, "drums.kick": True, "drums.snare": True, "drums": True}
    return "lead" in track.tags or by_role(central, track.role) is True


def network_start(usual: Treatment, nothing: Treatment) -> Treatment:
    """What the proposal of a network is a change of: the usual sends and spreads, and nothing else."""
    return replace(nothing, reverb=usual.reverb, pan=nothing.pan._replace(spread_db=usual.pan.spread_db))


def check_start(start: Treatment, like: Treatment) -> None:
    """Raises InputError for a start that is of another song, or has a room where the rules ask for none."""
    hint = "propose it for this song under the same rules"
    parts, expected = treatment_parts(start), treatment_parts(like)
    if list(parts) != list(expected):
        raise InputError(Problem("start", f"has the parts {', '.join(parts)}, expected {', '.join(expected)}", hint))
    for name, part in parts.items():
        if np.shape(part) != np.shape(expected[name]):
            what = f"{name} has the shape {np.shape(part)}, expected {np.shape(expected[name])}"
            raise InputError(Problem("start", what, hint))


def _padded(
    like: Float[Array, " padded"], values: Float[np.ndarray, " track"], neutral: float = 0.0
) -> Float[Array, " padded"]:
    """The values, followed by the neutral one up to the length of `like`."""
    padding = (0, len(like) - len(values))
    return jax.device_put(np.pad(values, padding, constant_values=neutral).astype(np.float32))
