"""The two types of this layer: what was measured of the raw tracks, and what is done to them.

Levels, rides, tone, dynamics and sends are in dB, positions in pan units from -100 (left) to 100 (right), frequencies
in Hz, times in s. All zeros and no reverb is "do nothing": the tracks are summed as they are, a mono track going to
both channels alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

N_TONE = 10
"""Points of the tone curve, equally spaced over the bands."""
ZONES_HZ = (150.0, 1000.0, 5000.0)
"""Borders between the zones of bands that dynamics act on: body, low mids, presence, air (by taste)."""
N_ZONES = len(ZONES_HZ) + 1
RIDE_S = 2.0
"""Spacing of the ride's points: slower than 0.25 Hz."""
SEND_OFF_DB = -60.0
"""Nothing is sent at this level or below."""
ROOM_DECAY_S, ROOM_PRE_DELAY_S = 1.2, 0.02
"""The room that is there before any rule asks for another: a small hall (by taste)."""
PER_SONG = ("master.level", "reverb.decay", "reverb.pre_delay", "reverb.tone")
"""Parts that the whole song shares; all others have an entry per track."""


@partial(
    jax.tree_util.register_dataclass,
    data_fields=[
        "power",
        "power_k",
        "pairs",
        "cross",
        "active",
        "inside",
        "time_s",
        "k_weight",
        "low_power",
        "low_hz",
        "low_k",
        "peak",
        "peak_to_loudness_db",
    ],
    meta_fields=["frame_s"],
)
@dataclass(frozen=True)
class Dry:
    """What was measured of the raw tracks, once. Padding tracks, pairs and frames hold zeros.

    The middle axis of powers is left, right, and the real part of left times conjugate right; a mono track has
    three equal entries. Powers are mean squares: a full-scale sine has 0.5 per channel.
    """

    power: Float[Array, "track 3 frame band"]
    power_k: Float[Array, "track 3 frame band"]
    """The same after the K-weighting, applied per bin before banding: level changes are exact."""
    pairs: Int[Array, "pair 2"]
    """Tracks that share phase."""
    cross: Float[Array, "pair 2 2 frame band"]
    """Real cross power between a channel of a pair's first track and a channel of its second."""
    active: Float[Array, "track frame"]
    """Share of the frame in which the track sounds, 0 to 1."""
    inside: Float[Array, " frame"]
    """Share of the frame that the song fills: less than 1 at its ends, 0 in padding."""
    time_s: Float[Array, " frame"]
    """Centres of the frames."""
    k_weight: Float[Array, " band"]
    """Mean power response of the K-weighting within a band."""
    low_power: Float[Array, "track low"]
    """Long-term spectrum of each track below about 1 kHz, bin by bin, for what is steep there."""
    low_hz: Float[Array, " low"]
    low_k: Float[Array, " low"]
    """Power response of the K-weighting at those bins."""
    peak: Float[Array, " frame"]
    """Square of the largest sample, in either channel, of the sum of the tracks as they are."""
    peak_to_loudness_db: Float[Array, ""]
    """True peak of the raw sum minus its loudness, the best guess at that of any mix before it is rendered."""
    frame_s: float


class Gain(NamedTuple):
    """Static level and a slow ride on top of it."""

    level_db: Float[Array, " track"]
    ride_db: Float[Array, "track ride"]


class Eq(NamedTuple):
    """A tone curve, straight lines over ERB between points; the corner of a low cut, 18 dB per octave (0 Hz: off)."""

    tone_db: Float[Array, "track tone"]
    low_cut_hz: Float[Array, " track"]


class Dynamics(NamedTuple):
    """Gain over time in each zone of bands."""

    zone_db: Float[Array, "track zone knot"]


class Pan(NamedTuple):
    """Position by the sine-cosine law, unity at the centre; width as the gain of a stereo track's side signal."""

    position: Float[Array, " track"]
    width_db: Float[Array, " track"]


class Reverb(NamedTuple):
    """What every track sends to one shared room, and the room.

    A send follows fader and place. It is the level of what comes back relative to the track itself, over all
    frequencies at a flat tone.
    """

    send_db: Float[Array, " track"]
    decay_s: Float[Array, " zone"]
    """Time to fall by 60 dB in each zone of bands."""
    pre_delay_s: Float[Array, ""]
    tone_db: Float[Array, " tone"]
    """Tone curve of the return."""


class Master(NamedTuple):
    """Output level."""

    level_db: Float[Array, ""]


@partial(
    jax.tree_util.register_dataclass,
    data_fields=["gain", "eq", "dynamics", "pan", "reverb", "master"],
    meta_fields=["knot_s"],
)
@dataclass(frozen=True)
class Treatment:
    """What the mixer does to every track, in the groups that a rule may act on."""

    gain: Gain
    eq: Eq
    dynamics: Dynamics
    pan: Pan
    reverb: Reverb | None
    """None where no rule asks for reverb: then nothing of it is computed."""
    master: Master
    knot_s: float
    """Spacing of the points of `dynamics`."""


def _part(path: tuple[object, ...]) -> str:
    """Name of a part without its unit, as rules write it in `acts_on`: "gain.level"."""
    name = jax.tree_util.keystr(path, simple=True, separator=".")
    return name.removesuffix("_db").removesuffix("_hz").removesuffix("_s")


def map_parts(function: Callable[..., Array], *treatments: Treatment) -> Treatment:
    """A treatment whose every part is `function(name, part of each treatment)`."""
    return jax.tree_util.tree_map_with_path(
        lambda path, *leaves: function(_part(path), *leaves), treatments[0], *treatments[1:]
    )


def treatment_parts(treatment: Treatment) -> dict[str, Array]:
    """The parts of a treatment by name."""
    return {_part(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(treatment)}


def send_power(send_db: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Power of what comes back relative to what is sent; none at all at -60 dB."""
    return jnp.where(send_db > SEND_OFF_DB, 10.0 ** (0.1 * send_db) - 10.0 ** (0.1 * SEND_OFF_DB), 0.0)


def is_named(part: str, acts_on: tuple[str, ...]) -> bool:
    """Whether `acts_on` names the part or its group."""
    return any(part == name or part.startswith(name + ".") for name in acts_on)


def hold(treatment: Treatment, acts_on: tuple[str, ...]) -> Treatment:
    """The same treatment, through which a gradient reaches only the groups or parts named in `acts_on`."""

    def held(part: str, value: Array) -> Array:
        return value if is_named(part, acts_on) else jax.lax.stop_gradient(value)

    return map_parts(held, treatment)


def neutral(n_tracks: int, duration_s: float, knot_s: float, room: bool = False) -> Treatment:
    """The treatment that does nothing, with time curves for `duration_s`; with a `room`, nothing is sent there."""

    def points(spacing_s: float) -> int:
        return int(duration_s / spacing_s) + 2

    def full(value: float, *shape: int) -> Array:
        return jax.device_put(np.full(shape, value, np.float32))

    zeros = partial(full, 0.0)
    reverb = Reverb(full(SEND_OFF_DB, n_tracks), full(ROOM_DECAY_S, N_ZONES), full(ROOM_PRE_DELAY_S), zeros(N_TONE))

    return Treatment(
        gain=Gain(zeros(n_tracks), zeros(n_tracks, points(RIDE_S))),
        eq=Eq(zeros(n_tracks, N_TONE), zeros(n_tracks)),
        dynamics=Dynamics(zeros(n_tracks, N_ZONES, points(knot_s))),
        pan=Pan(zeros(n_tracks), zeros(n_tracks)),
        reverb=reverb if room else None,
        master=Master(zeros()),
        knot_s=knot_s,
    )
