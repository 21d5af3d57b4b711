"""Readings of the reverb family. In a dry mix the room is no target."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from hybrid.knowledge.readings.reading import Reading, mix_sounding, one, sounding, tracks_heard, treatment_of
from hybrid.knowledge.scope import Scope
from hybrid.knowledge.types import DecayTime, PreDelay, ReturnBand, ReturnToDirect, ReverbToMix
from hybrid.measure.panel import Measured
from hybrid.signal import bands
from hybrid.treatment.curves import tone_curves

_LEAST = 1e-6
"""Less than 60 dB below is none."""


def return_to_direct(rule: ReturnToDirect, song: Measured, scope: Scope) -> Reading:
    """Loudness of the reverberation of each track over the track itself, less its offset, LU; -60 for none."""
    back = (
        song.tracks.reverb_return.of_track @ song.dry.k_weight
        if song.tracks.reverb_return
        else jnp.zeros_like(song.track_k)
    )
    # over all frames of the rule, since a tail rings on in the rests of its track
    returned, both = (jnp.sum(power * scope.frames, axis=-1) for power in (back, song.track_k))
    ratio = returned / jnp.maximum(both - returned, 1e-12)
    audible = tracks_heard(scope, sounding(song, scope))
    return Reading(10.0 * jnp.log10(ratio + _LEAST) - scope.table[:, 0], audible)


def reverb_to_mix(rule: ReverbToMix, song: Measured, scope: Scope) -> Reading:
    """Loudness of all reverberation over the whole mix, LU; -60 for none."""
    active = mix_sounding(song, scope)
    back, whole = active @ song.return_k, active @ song.mix_k
    return one(10.0 * jnp.log10(back / jnp.maximum(whole, 1e-12) + _LEAST))


def decay_time(rule: DecayTime, song: Measured, scope: Scope) -> Reading:
    """Time in which the return falls by 60 dB, mean of the middle zones, s."""
    reverb = treatment_of(song).reverb
    return _no_room() if reverb is None else one(jnp.mean(reverb.decay_s[1:-1]))


def pre_delay(rule: PreDelay, song: Measured, scope: Scope) -> Reading:
    """Time before the return begins, s."""
    reverb = treatment_of(song).reverb
    return _no_room() if reverb is None else one(reverb.pre_delay_s)


def return_band(rule: ReturnBand, song: Measured, scope: Scope) -> Reading:
    """Power of the return outside its band over that inside, dB, for equal power in every octave; -60 for none."""
    reverb = treatment_of(song).reverb
    if reverb is None:
        return _no_room()
    # bands are equal in ERB-number: equal power per octave fills each by its width in octaves
    power = _octaves(reverb.tone_db.dtype) * 10.0 ** (0.1 * reverb.tone_db @ jnp.asarray(tone_curves()))
    inside = jnp.asarray(bands.bands_between(rule.band), power.dtype)
    return one(10.0 * jnp.log10((power @ (1.0 - inside)) / (power @ inside) + _LEAST))


def _no_room() -> Reading:
    return Reading(jnp.zeros(1), jnp.zeros(1))


def _octaves(dtype: jnp.dtype) -> Float[Array, " band"]:
    return jnp.asarray(bands.octaves_per_band(), dtype)
