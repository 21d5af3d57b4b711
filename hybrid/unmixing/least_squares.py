"""Gains with which each track went into a mix, from moments, by regularised non-negative least squares. NumPy.

A gain is what a part of a track (its mid or its side) has in an output channel in a band; none is negative. Where
a track has little energy beside the unexplained rest, its gain there is shrunk towards its gain over all bands.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from hybrid.unmixing.moments import Moments

_RIDGE = 1e-4
"""Regularisation as a share of the energy of a part: parts that are nearly equal get equal gains."""
_DOUBT = 0.01
"""Share of the unexplained energy of a band: a part with that energy there is shrunk half way to its overall gain."""
_SWEEPS = 200
_ROUNDS = 60


class Gains(NamedTuple):
    """Gains of the parts of a mix, and the energy that they leave unexplained."""

    gain: Float[np.ndarray, "band 2 part"]
    """0 for silent parts."""
    unexplained: Float[np.ndarray, "band 2"]
    """Energy of the residual."""
    certain: Float[np.ndarray, "band 2 part"]
    """Contribution of a part that no other part could make, over that and `doubt`, 0 to 1."""


def unmix(moments: Moments) -> Gains:
    """Gains of every part by band and output channel, with the unexplained energy and the certainty."""
    overall = _overall(moments)
    # a first pass finds what stays unexplained, which says how far each band is to be trusted
    first = _in_bands(moments, overall, 1e-3 * moments.of_mix)
    doubt = _DOUBT * _unexplained(moments, first) + 1e-6 * moments.of_mix
    gain = _in_bands(moments, overall, doubt)
    return Gains(gain, _unexplained(moments, gain), _certain(moments, gain, doubt))


def _unexplained(moments: Moments, gain: Float[np.ndarray, "band 2 part"]) -> Float[np.ndarray, "band 2"]:
    energy = np.einsum("bop,bopq,boq->bo", gain, moments.within, gain)
    return np.maximum(moments.of_mix - 2.0 * np.sum(gain * moments.with_mix, axis=-1) + energy, 0.0)


def _overall(moments: Moments) -> Float[np.ndarray, "2 part"]:
    """One gain over all bands, weighted by their K-weighted energy."""
    within = np.einsum("b,bopq->opq", moments.k_weight, moments.within)
    with_mix = np.einsum("b,bop->op", moments.k_weight, moments.with_mix)
    own = np.einsum("opp->op", within)
    within = within + _RIDGE * own[..., None] * np.eye(own.shape[-1])
    for side in np.flatnonzero(moments.parts.is_side):
        mid = int(moments.parts.track[side])
        # the gain of a silent side is not determined: it is tied to that of its mid
        tie = 1e-3 * own[:, mid]
        within[:, [side, mid], [side, mid]] += tie[:, None]
        within[:, [side, mid], [mid, side]] -= tie[:, None]
    return _solve(within, with_mix)


def _in_bands(
    moments: Moments, overall: Float[np.ndarray, "2 part"], doubt: Float[np.ndarray, "band 2"]
) -> Float[np.ndarray, "band 2 part"]:
    """Gains per band, shrunk towards the overall ones with the strength of `doubt`, an energy."""
    # not the overall gain alone: a part for which that is zero would be held there in every band
    unit = overall + 0.03 * np.sqrt(np.mean(np.square(overall))) + 1e-9
    shrinkage = doubt[..., None] / np.square(unit) + _RIDGE * np.einsum("bopp->bop", moments.within)
    within = moments.within + shrinkage[..., None] * np.eye(overall.shape[-1])
    # a ridge about the overall gains: one about zero would lower all uncertain ones
    return _solve(within, moments.with_mix + shrinkage * overall)


def _certain(
    moments: Moments, gain: Float[np.ndarray, "band 2 part"], doubt: Float[np.ndarray, "band 2"]
) -> Float[np.ndarray, "band 2 part"]:
    """Share of certainty: the contribution that no other part could make (over the variance inflation factor), against
    `doubt`."""
    own = np.einsum("bopp->bop", moments.within)
    matrix, _ = _normalised(moments.within + _RIDGE * own[..., None] * np.eye(own.shape[-1]))
    inverse = np.linalg.inv(matrix + 1e-9 * np.eye(own.shape[-1]))
    # 1 / diagonal of the inverse correlation is 1 - R^2, what the other parts do not explain of one
    alone = np.clip(1.0 / np.einsum("bopp->bop", inverse), 0.0, 1.0)
    energy = alone * own * np.square(gain)
    return energy / (energy + doubt[..., None] + 1e-30)


def _normalised(within: Float[np.ndarray, "*batch part part"]) -> tuple[np.ndarray, np.ndarray]:
    """The matrix with ones on its diagonal (zeros for silent parts), and the scale of either side."""
    own = np.einsum("...pp->...p", within)
    scale = np.where(own > 0.0, 1.0 / np.sqrt(np.where(own > 0.0, own, 1.0)), 0.0)
    return within * scale[..., :, None] * scale[..., None, :], scale


def _solve(
    within: Float[np.ndarray, "*batch part part"], with_mix: Float[np.ndarray, "*batch part"]
) -> Float[np.ndarray, "*batch part"]:
    """Solution of non-negative least squares by coordinate descent, from the unconstrained one; 0 for silent parts."""
    # a diagonal of ones: the ridge is as small beside every part, and an update needs no division
    matrix, scale = _normalised(within)
    rhs = with_mix * scale
    n = rhs.shape[-1]
    gain = np.maximum(np.linalg.solve(matrix + 1e-9 * np.eye(n), rhs[..., None])[..., 0], 0.0)
    for _ in range(_SWEEPS):
        before = gain.copy()
        for p in range(n):
            rest = np.sum(matrix[..., p, :] * gain, axis=-1) - matrix[..., p, p] * gain[..., p]
            gain[..., p] = np.maximum(rhs[..., p] - rest, 0.0)
        if np.max(np.abs(gain - before), initial=0.0) < 1e-7 * np.max(gain, initial=1e-30):
            break
    return gain * scale


def by_envelope(
    mix: Float[np.ndarray, "2 frame band"],
    explained: Float[np.ndarray, "2 frame band"],
    tracks: Float[np.ndarray, "track 2 frame band"],
) -> Float[np.ndarray, "band 2 track"]:
    """Power gains of the tracks that, added to the `explained` power, are nearest to the power of the mix over time.

    They are above 0 for a track that went in detuned, delayed, reverberant or with shifted hits, whose waveform is not
    in the mix. Multiplicative updates under the Kullback-Leibler divergence (Lee and Seung 2001) with known spectra.
    """
    floor = 1e-9 * np.max(mix, initial=1e-20)
    total = np.sum(tracks, axis=2)
    # multiplicative updates never leave zero: every track begins with an equal share of the mix
    gain = np.where(total > 0.0, np.sum(mix, axis=1) / np.where(total > 0.0, total, 1.0), 0.0) / max(len(tracks), 1)
    for _ in range(_ROUNDS):
        estimate = explained + np.einsum("iob,iofb->ofb", gain, tracks)
        ratio = mix / (estimate + floor)
        gain *= np.einsum("iofb,ofb->iob", tracks, ratio) / (total + floor)
    return gain.T
