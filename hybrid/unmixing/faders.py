"""Faders from gains in bands: the static treatment nearest to the gains of each track. NumPy.

Axes are band, output channel, track. The weight of a band for a track is the K-weighted energy of the track there.
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
"""Regularisation of the tone curve towards flat, against squared decibels in a band of full weight."""
_EMPTY = 1e-6
"""Share of the strongest band of a track below which (-60 dB) a band has no weight for its tone."""
_ENVELOPE_SHARE = 0.1
"""Share of the energy of a band at which gains by the envelope have a confidence of a half."""


class TrackGains(NamedTuple):
    """Amplitude gains of the mid and the side of each track in the mix, and the K-weighted energy of the raw track."""

    mid: Float[np.ndarray, "band 2 track"]
    side: Float[np.ndarray, "band 2 track"]
    mid_energy: Float[np.ndarray, "band track"]
    side_energy: Float[np.ndarray, "band track"]
    confidence: Float[np.ndarray, "band track"]
    """Confidence of the gains, 0 to 1."""


class Faders(NamedTuple):
    """Static treatment of every track, in the units of `Treatment`, within its ranges but for the level."""

    level_db: Float[np.ndarray, " track"]
    """The mean of the gain, weighted by energy; 0 for silent tracks, -120 for those that are not in the mix."""
    tone_db: Float[np.ndarray, "track tone"]
    position: Float[np.ndarray, " track"]
    width_db: Float[np.ndarray, " track"]


def track_gains(moments: Moments, unmixed: Gains, envelope: Float[np.ndarray, "band 2 track"]) -> TrackGains:
    """Gains by track: those of the waveform, with the power gains of the envelope added in power."""
    n = envelope.shape[-1]
    stereo = moments.parts.track[n:]
    own = moments.k_weight[:, None] * np.einsum("bpp->bp", moments.within[:, 0])
    side, side_energy = np.zeros_like(envelope), np.zeros((len(own), n))
    # what follows the envelope alone is unrelated to the waveform: powers add, not amplitudes
    side[..., stereo] = np.sqrt(np.square(unmixed.gain[..., n:]) + envelope[..., stereo])
    side_energy[:, stereo] = own[:, n:]
    mid = np.sqrt(np.square(unmixed.gain[..., :n]) + envelope)
    return TrackGains(mid, side, own[:, :n], side_energy, _confidence(moments, unmixed, envelope, own))


def _confidence(
    moments: Moments,
    unmixed: Gains,
    envelope: Float[np.ndarray, "band 2 track"],
    own: Float[np.ndarray, "band part"],
) -> Float[np.ndarray, "band track"]:
    n = envelope.shape[-1]
    wave_energy = own * np.sum(np.square(unmixed.gain), axis=1)
    certain_energy = own * np.sum(np.square(unmixed.gain) * unmixed.certain, axis=1)
    wave_energy, certain_energy = (_by_track(x, moments.parts.track, n) for x in (wave_energy, certain_energy))
    envelope_energy = _by_track(own, moments.parts.track, n) * np.sum(envelope, axis=1)
    mix = _ENVELOPE_SHARE * (moments.k_weight * np.sum(moments.of_mix, axis=1))[:, None]
    return _ratio(
        certain_energy + envelope_energy * _ratio(envelope_energy, envelope_energy + mix), wave_energy + envelope_energy
    )


def _by_track(x: Float[np.ndarray, "band part"], track: np.ndarray, n: int) -> Float[np.ndarray, "band track"]:
    """Sums over the parts of each track."""
    return x @ (track[:, None] == np.arange(n))


def _ratio(a: Float[np.ndarray, "*shape"], b: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """a / b, 0 where b is 0."""
    return np.divide(a, b, out=np.zeros_like(a), where=b > 0.0)


def faders(gains: TrackGains) -> Faders:
    """Faders nearest to the gains of each track."""
    position, width = _position(gains), _width(gains)
    curve, weight = _curve(gains, position, width)
    level = np.where(weight.any(axis=0), _db(_ratio(np.sum(weight * curve, axis=0), weight.sum(axis=0))), 0.0)
    # a band that is not in the mix reads -120 dB, and would bend the whole curve
    tone = _tone(np.clip(_db(curve) - level, -12.0, 12.0), weight, gains.confidence)
    return Faders(level, tone, position, _db(width))


def _position(gains: TrackGains) -> Float[np.ndarray, " track"]:
    """Pan position by the sine-cosine law, within its range; 0 for tracks that are not in the mix."""
    out = np.sum(gains.mid_energy[:, None] * gains.mid + gains.side_energy[:, None] * gains.side, axis=0)
    # without a gain the angle would be zero, which is hard left
    angle = np.where(out.any(axis=0), np.arctan2(out[1], out[0]), np.pi / 4.0)
    low, high = PARTS["pan.position"].bijector.limits
    return np.clip(100.0 * (angle * (4.0 / np.pi) - 1.0), low, high)


def _width(gains: TrackGains) -> Float[np.ndarray, " track"]:
    """Gain of the side over that of the mid; 1 for tracks whose side lies 40 dB below their mid."""
    low, high = PARTS["pan.width"].bijector.limits
    side = gains.side_energy[:, None]
    wide, plain = np.sum(side * gains.side, axis=(0, 1)), np.sum(side * gains.mid, axis=(0, 1))
    is_audible = (gains.side_energy.sum(axis=0) > 1e-4 * gains.mid_energy.sum(axis=0)) & (plain > 0.0)
    ratio = np.where(is_audible, _ratio(wide, plain), 1.0)
    return np.clip(ratio, 10.0 ** (low / 20.0), 10.0 ** (high / 20.0))


def _curve(
    gains: TrackGains, position: Float[np.ndarray, " track"], width: Float[np.ndarray, " track"]
) -> tuple[Float[np.ndarray, "band track"], Float[np.ndarray, "band track"]]:
    """Amplitude gain of each track per band at its position and width, and the weight of each band."""
    angle = (position / 100.0 + 1.0) * (np.pi / 4.0)
    law = np.sqrt(2.0) * np.stack([np.cos(angle), np.sin(angle)])
    weight = gains.mid_energy + np.square(width) * gains.side_energy
    # least squares: the mid's gain is curve times law, the side's curve times width times law,
    # and the squares of the law sum to two
    energy = gains.mid_energy[:, None] * gains.mid + width * gains.side_energy[:, None] * gains.side
    return 0.5 * _ratio(np.sum(law * energy, axis=1), weight), weight


def _tone(
    curve_db: Float[np.ndarray, "band track"],
    weight: Float[np.ndarray, "band track"],
    confidence: Float[np.ndarray, "band track"],
) -> Float[np.ndarray, "track tone"]:
    """Tone curve nearest to a curve, at its points in dB; bands are weighted by about their loudness."""
    knots = tone_curves()
    share = _ratio(weight, np.broadcast_to(weight.max(axis=0), weight.shape))
    counts = np.where(share > _EMPTY, share, 0.0) ** 0.3 * confidence
    # the ridge also keeps tracks solvable whose bands have no weight
    normal = np.einsum("kb,bi,lb->ikl", knots, counts, knots) + _TONE_RIDGE * np.eye(N_TONE)
    rhs = np.einsum("kb,bi,bi->ik", knots, counts, curve_db)
    low, high = PARTS["eq.tone"].bijector.limits
    return np.clip(np.linalg.solve(normal, rhs[..., None])[..., 0], low, high)


def _db(gain: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Level of an amplitude gain, dB; -120 for a gain of 0."""
    return 20.0 * np.log10(np.maximum(gain, 1e-6))
