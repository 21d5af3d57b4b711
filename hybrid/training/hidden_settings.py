"""Hidden settings: how somebody might like mixes, drawn at random and applied to any song.

Two songs under the same settings have what a person's mixes have in common; one of them is the reference, and the other
is to be mixed like it, with nothing said of the settings (Steinmetz et al. 2022 train style transfer of effects so).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from hybrid.audio.families import FAMILIES, family_of
from hybrid.audio.song import Track
from hybrid.treatment.curves import zone_curves
from hybrid.treatment.parts import N_TONE, PARTS
from hybrid.treatment.types import Dry, Dynamics, Treatment

_TILT_DB, _BEND_DB = 2.0, 0.8
"""Standard deviations of either end of the tone against its middle, and of each of its points: guesses, by which mixes
differ about as much as those of different people do."""
_LEVEL_DB, _WIDTH_DB, _LEAN = 2.0, 4.0, 10.0
"""Of the level of each family, of the side signals, and of a shift of all positions, which one song in three has."""
_SQUASH = 0.25
"""Of the share of its course by which the level of a track is evened out; negative exaggerates it."""
_SMOOTH_FRAMES = 5


class HiddenSettings(NamedTuple):
    """Changes that are common to the mixes of one taste."""

    tone_db: Float[np.ndarray, " tone"]
    level_db: Float[np.ndarray, " family"]
    """By family, in the order of `FAMILIES`; the last one is of all other tracks."""
    width_db: float
    spread: float
    """Factor of distances from the centre."""
    lean: float
    """Shift of all positions, pan units."""
    squash: float


def draw_settings(rng: np.random.Generator) -> HiddenSettings:
    """Settings at random, modest or strong."""
    size = rng.uniform(0.5, 2.5)
    tilt = rng.normal(0.0, _TILT_DB) * np.linspace(-1.0, 1.0, N_TONE)
    return HiddenSettings(
        tone_db=(size * (tilt + rng.normal(0.0, _BEND_DB, N_TONE))).astype(np.float32),
        level_db=rng.normal(0.0, size * _LEVEL_DB, len(FAMILIES) + 1).astype(np.float32),
        width_db=float(rng.normal(0.0, size * _WIDTH_DB)),
        spread=float(2.0 ** rng.normal(0.0, 0.5 * size)),
        lean=float(rng.normal(0.0, size * _LEAN) if rng.random() < 1 / 3 else 0.0),
        squash=float(rng.normal(0.0, size * _SQUASH)),
    )


def by_track(settings: HiddenSettings, tracks: Sequence[Track], n_tracks: int) -> Float[np.ndarray, " track"]:
    """Changes of the tracks' levels, dB; zeros for padding."""
    names = list(FAMILIES)
    index = [names.index(name) if (name := family_of(track.role)) else len(names) for track in tracks[:n_tracks]]
    return np.pad(settings.level_db[index], (0, n_tracks - len(index)))


def under(
    settings: HiddenSettings, level_db: Float[Array | np.ndarray, " track"], dry: Dry, treatment: Treatment
) -> Treatment:
    """The treatment under the settings, whose `by_track` is given, within the bounds of its parts."""
    changed = replace(
        treatment,
        gain=treatment.gain._replace(level_db=treatment.gain.level_db + level_db),
        eq=treatment.eq._replace(tone_db=treatment.eq.tone_db + settings.tone_db),
        dynamics=Dynamics(treatment.dynamics.zone_db + settings.squash * _evening_db(dry, treatment)),
        pan=treatment.pan._replace(
            position=settings.spread * treatment.pan.position + settings.lean,
            width_db=treatment.pan.width_db + settings.width_db,
        ),
    )
    return _bounded(changed)


def _evening_db(dry: Dry, treatment: Treatment) -> Float[Array, "track zone knot"]:
    """Gain in dB that evens out each zone of each track while it sounds, at the points of its dynamics."""
    zone = (dry.power[:, 0] + dry.power[:, 1]) @ jnp.asarray(zone_curves().T, dry.power.dtype)
    smooth = jnp.ones(_SMOOTH_FRAMES) / _SMOOTH_FRAMES
    smoothed = jnp.apply_along_axis(lambda x: jnp.convolve(x, smooth, mode="same"), 1, zone)
    sounds = dry.active[..., None] * (smoothed > 0.0)
    course = 10.0 * jnp.log10(jnp.maximum(smoothed, 1e-12)) * sounds
    mean = jnp.sum(course, axis=1, keepdims=True) / jnp.maximum(jnp.sum(sounds, axis=1, keepdims=True), 1e-6)
    evening = jnp.moveaxis((mean - course) * sounds, -1, 1)
    knots = treatment.knot_s * jnp.arange(treatment.dynamics.zone_db.shape[-1])
    return jnp.apply_along_axis(lambda curve: jnp.interp(knots, dry.time_s, curve), -1, evening)


def _bounded(treatment: Treatment) -> Treatment:
    # a bound itself has no gradient, and may be refined from
    def within(name: str, x: Array) -> Array:
        low, high = PARTS[name].bijector.limits
        return jnp.clip(x, 0.95 * low, 0.95 * high)

    gain, eq, pan = treatment.gain, treatment.eq, treatment.pan
    return replace(
        treatment,
        gain=gain._replace(level_db=within("gain.level", gain.level_db)),
        eq=eq._replace(tone_db=within("eq.tone", eq.tone_db)),
        dynamics=Dynamics(within("dynamics.zone", treatment.dynamics.zone_db)),
        pan=pan._replace(position=within("pan.position", pan.position), width_db=within("pan.width", pan.width_db)),
    )
