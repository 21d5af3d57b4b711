"""Data types of this layer: measurements of the raw tracks, and their treatment.

Levels, rides, tone, dynamics and sends are in dB, positions in pan units from -100 (left) to 100 (right), frequencies
in Hz, times in s. All zeros and no reverb is neutral: the tracks are summed unchanged, a mono track equally in both
channels.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from hybrid.treatment.parts import N_TONE, N_ZONES, PARTS, RIDE_S, SEND_OFF_DB, Axis


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Dry:
    """Measurements of the raw tracks. Padding tracks, pairs and frames hold zeros.

    The annotations say which axis is which, for all that cut, join or reorder tracks, pairs or frames (`axes`).
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
    """Long-term spectrum of each track below about 1 kHz, per bin, for filters that are steep there."""
    low_hz: Float[Array, " low"]
    low_k: Float[Array, " low"]
    """Power response of the K-weighting at those bins."""
    peak: Float[Array, " frame"]
    """Square of the largest sample, in either channel, of the sum of the raw tracks."""
    peak_to_loudness_db: Float[Array, ""]
    """True peak of the raw sum minus its loudness, dB: the estimate for any mix before it is rendered."""
    # static under jit: lengths of blocks and running means, which are shapes, follow from it
    frame_s: float = field(metadata={"static": True})


class Gain(NamedTuple):
    """Static level and a slow ride added to it, dB."""

    level_db: Float[Array, " track"]
    ride_db: Float[Array, "track ride"]


class Eq(NamedTuple):
    """A tone curve, linear in ERB-number between points; corners of a low cut (0 Hz: off) and of a high cut
    (infinite: off), 18 dB per octave."""

    tone_db: Float[Array, "track tone"]
    low_cut_hz: Float[Array, " track"]
    high_cut_hz: Float[Array, " track"] | None = None
    """None where no rule acts on it."""


class Dynamics(NamedTuple):
    """Gain in dB over time in each zone of bands."""

    zone_db: Float[Array, "track zone knot"]


class Pan(NamedTuple):
    """Position by the sine-cosine law, unity at the centre; width as the gain of a stereo track's side signal; spread
    as a side signal made of the mid, by which a mono track gets a width of its own."""

    position: Float[Array, " track"]
    width_db: Float[Array, " track"]
    spread_db: Float[Array, " track"] | None = None
    """Level of that side signal relative to the mid, above `curves.SPREAD_FROM_HZ`; it cancels in the sum of both
    channels. None where no rule acts on it."""


class Reverb(NamedTuple):
    """Sends of every track to one shared room, and the room.

    A send is taken after fader and pan. It is the level of the reverberation relative to the track itself, over all
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
@dataclass(frozen=True, repr=False)
class Treatment:
    """Parameters of the mix of every track, in the groups that a rule may act on."""

    gain: Gain
    eq: Eq
    dynamics: Dynamics
    pan: Pan
    reverb: Reverb | None
    """None where no rule acts on reverb: then nothing of it is computed."""
    master: Master
    knot_s: float
    """Spacing of the points of `dynamics`."""

    def __repr__(self) -> str:
        groups = dict.fromkeys(part.partition(".")[0] for part in treatment_parts(self))
        return f"Treatment({np.shape(self.gain.level_db)[-1]} tracks: {', '.join(groups)})"


_NAMES = {f"{part.group}.{part.field}": part.name for part in PARTS.values()}


def _part(path: tuple[object, ...]) -> str:
    """Name of a part without its unit, as rules write it in `acts_on`: "gain.level"."""
    return _NAMES[jax.tree_util.keystr(path, simple=True, separator=".")]


def map_parts(function: Callable[..., Array], *treatments: Treatment) -> Treatment:
    """Treatment whose every part is `function(name, part of each treatment)`."""
    return jax.tree_util.tree_map_with_path(
        lambda path, *leaves: function(_part(path), *leaves), treatments[0], *treatments[1:]
    )


def treatment_parts(treatment: Treatment) -> dict[str, Array]:
    """Parts of a treatment by name."""
    return {_part(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(treatment)}


def added_power(level_db: Float[Array, "*shape"], off_db: float) -> Float[Array, "*shape"]:
    """Power of what is added at a level, relative to the track; exactly 0 at `off_db` and below."""
    # less the power at which it is off, so that it opens without a step
    return jnp.where(level_db > off_db, 10.0 ** (0.1 * level_db) - 10.0 ** (0.1 * off_db), 0.0)


def send_power(send_db: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Reverberant power relative to the power of the track; exactly 0 at -60 dB and below."""
    return added_power(send_db, SEND_OFF_DB)


def is_named(part: str, acts_on: tuple[str, ...]) -> bool:
    """Whether `acts_on` names the part or its group."""
    return any(part == name or part.startswith(name + ".") for name in acts_on)


def hold(treatment: Treatment, acts_on: tuple[str, ...]) -> Treatment:
    """The same treatment, whose gradient is stopped except in the groups or parts named in `acts_on`."""

    def stopped(part: str, value: Array) -> Array:
        return value if is_named(part, acts_on) else jax.lax.stop_gradient(value)

    return map_parts(stopped, treatment)


def neutral(n_tracks: int, duration_s: float, knot_s: float, optional: Collection[str] = ()) -> Treatment:
    """Neutral treatment, with time curves for `duration_s`.

    It has the optional parts that are named, individually or by their group: with "reverb" there is a room, whose sends
    are off.
    """
    size: dict[Axis, int] = {
        "track": n_tracks,
        "tone": N_TONE,
        "zone": N_ZONES,
        # a point at the start, and one past the end that the last frames are interpolated to
        "ride": int(duration_s / RIDE_S) + 2,
        "knot": int(duration_s / knot_s) + 2,
    }
    values = {
        # filled by NumPy: jnp.full would compile a program for every shape
        part.name: jax.device_put(np.full([size[axis] for axis in part.axes], part.neutral, np.float32))
        for part in PARTS.values()
        if not part.optional or is_named(part.name, tuple(optional))
    }
    return from_parts(values, knot_s)


def from_parts(values: Mapping[str, Array], knot_s: float) -> Treatment:
    """Treatment made of these parts; optional ones may be missing."""
    fields: dict[str, dict[str, Array]] = {}
    for name, value in values.items():
        fields.setdefault(PARTS[name].group, {})[PARTS[name].field] = value
    return Treatment(
        gain=Gain(**fields["gain"]),
        eq=Eq(**fields["eq"]),
        dynamics=Dynamics(**fields["dynamics"]),
        pan=Pan(**fields["pan"]),
        reverb=Reverb(**fields["reverb"]) if "reverb" in fields else None,
        master=Master(**fields["master"]),
        knot_s=knot_s,
    )
