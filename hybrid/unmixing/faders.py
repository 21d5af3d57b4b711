"""From gains in bands to faders: the static treatment of each track that comes nearest. NumPy.

Axes are band, output channel, track. How much a band counts for a track is its K-weighted energy there.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from hybrid.treatment.curves import tone_curves
from hybrid.treatment.parts import N_TONE, PARTS
from hybrid.unmixing.least_squares import Gains
from hybrid.unmixing.moments import Moments

_TONE_RIDGE = 0.02
"""Pull of the tone curve to flat, against squared decibels in a band that counts fully."""
_EMPTY = 1e-6
"""Of a track's strongest band: bands 60 dB below say nothing of its tone."""
_TELLING = 0.1
"""Share of a band's energy from which what only follows the envelope begins to tell of a track's tone."""


class Amounts(NamedTuple):
    """What is in the mix of each track: amplitude gains of its mid and side, and its own K-weighted energy."""

    mid: Float[np.ndarray, "band 2 track"]
    side: Float[np.ndarray, "band 2 track"]
    mid_energy: Float[np.ndarray, "band track"]
    side_energy: Float[np.ndarray, "band track"]
    sure: Float[np.ndarray, "band track"]
    """How much the gains can be believed, 0 to 1."""


class Faders(NamedTuple):
    """The static treatment of every track, as `Treatment` holds it, within its ranges but for the level."""

    level_db: Float[np.ndarray, " track"]
    """The mean of the gain, weighted by energy; 0 for silent tracks, -120 for those that are not in the mix."""
    tone_db: Float[np.ndarray, "track tone"]
    position: Float[np.ndarray, " track"]
    width_db: Float[np.ndarray, " track"]


def amounts(moments: Moments, unmixed: Gains, envelope: Float[np.ndarray, "band 2 track"]) -> Amounts:
    """Gains of the waveform and, on top of them in power, those of the envelope, by track."""
    n = envelope.shape[-1]
    stereo = moments.parts.track[n:]
    own = moments.k_weight[:, None] * np.einsum("bpp->bp", moments.within[:, 0])
    side, side_energy = np.zeros_like(envelope), np.zeros((len(own), n))
    side[..., stereo] = np.sqrt(np.square(unmixed.gain[..., n:]) + envelope[..., stereo])
    side_energy[:, stereo] = own[:, n:]
    mid = np.sqrt(np.square(unmixed.gain[..., :n]) + envelope)
    return Amounts(mid, side, own[:, :n], side_energy, _sure(moments, unmixed, envelope, own))


def _sure(
    moments: Moments,
    unmixed: Gains,
    envelope: Float[np.ndarray, "band 2 track"],
    own: Float[np.ndarray, "band part"],
) -> Float[np.ndarray, "band track"]:
    n = envelope.shape[-1]
    wave = own * np.sum(np.square(unmixed.gain), axis=1)
    certain = own * np.sum(np.square(unmixed.gain) * unmixed.certain, axis=1)
    wave, certain = (_by_track(x, moments.parts.track, n) for x in (wave, certain))
    trail = _by_track(own, moments.parts.track, n) * np.sum(envelope, axis=1)
    mix = _TELLING * (moments.k_weight * np.sum(moments.of_mix, axis=1))[:, None]
    return _ratio(certain + trail * _ratio(trail, trail + mix), wave + trail)


def _by_track(x: Float[np.ndarray, "band part"], track: np.ndarray, n: int) -> Float[np.ndarray, "band track"]:
    """Sums over the parts of each track."""
    return x @ (track[:, None] == np.arange(n))


def _ratio(a: Float[np.ndarray, "*shape"], b: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """a / b, 0 where b is 0."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0.0)


def faders(found: Amounts) -> Faders:
    """The faders nearest to what is in the mix of each track."""
    position, width = _position(found), _width(found)
    curve, weight = _curve(found, position, width)
    level = np.where(weight.any(axis=0), _db(_ratio(np.sum(weight * curve, axis=0), weight.sum(axis=0))), 0.0)
    tone = _tone(np.clip(_db(curve) - level, -12.0, 12.0), weight, found.sure)
    return Faders(level, tone, position, _db(width))


def _position(found: Amounts) -> Float[np.ndarray, " track"]:
    """By the sine-cosine law, within its range; 0 for tracks that are not in the mix."""
    out = np.sum(found.mid_energy[:, None] * found.mid + found.side_energy[:, None] * found.side, axis=0)
    angle = np.where(out.any(axis=0), np.arctan2(out[1], out[0]), np.pi / 4.0)
    low, high = PARTS["pan.position"].bijector.limits
    return np.clip(100.0 * (angle * (4.0 / np.pi) - 1.0), low, high)


def _width(found: Amounts) -> Float[np.ndarray, " track"]:
    """Gain of the side over that of the mid; 1 for tracks whose side lies 40 dB below their mid."""
    low, high = PARTS["pan.width"].bijector.limits
    side = found.side_energy[:, None]
    wide, plain = np.sum(side * found.side, axis=(0, 1)), np.sum(side * found.mid, axis=(0, 1))
    is_heard = (found.side_energy.sum(axis=0) > 1e-4 * found.mid_energy.sum(axis=0)) & (plain > 0.0)
    ratio = np.where(is_heard, _ratio(wide, plain), 1.0)
    return np.clip(ratio, 10.0 ** (low / 20.0), 10.0 ** (high / 20.0))


def _curve(
    found: Amounts, position: Float[np.ndarray, " track"], width: Float[np.ndarray, " track"]
) -> tuple[Float[np.ndarray, "band track"], Float[np.ndarray, "band track"]]:
    """Amplitude gain of each track per band at its position and width, and how much each band counts."""
    angle = (position / 100.0 + 1.0) * (np.pi / 4.0)
    law = np.sqrt(2.0) * np.stack([np.cos(angle), np.sin(angle)])
    weight = found.mid_energy + np.square(width) * found.side_energy
    made = found.mid_energy[:, None] * found.mid + width * found.side_energy[:, None] * found.side
    return 0.5 * _ratio(np.sum(law * made, axis=1), weight), weight


def _tone(
    curve_db: Float[np.ndarray, "band track"],
    weight: Float[np.ndarray, "band track"],
    sure: Float[np.ndarray, "band track"],
) -> Float[np.ndarray, "track tone"]:
    """Points of the tone curve nearest to a curve, in which bands count by about the loudness they hold."""
    knots = tone_curves()
    share = _ratio(weight, np.broadcast_to(weight.max(axis=0), weight.shape))
    counts = np.where(share > _EMPTY, share, 0.0) ** 0.3 * sure
    normal = np.einsum("kb,bi,lb->ikl", knots, counts, knots) + _TONE_RIDGE * np.eye(N_TONE)
    wanted = np.einsum("kb,bi,bi->ik", knots, counts, curve_db)
    low, high = PARTS["eq.tone"].bijector.limits
    return np.clip(np.linalg.solve(normal, wanted[..., None])[..., 0], low, high)


def _db(gain: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Of an amplitude gain; 0 reads -120."""
    return 20.0 * np.log10(np.maximum(gain, 1e-6))
