"""The spread: a side signal that is made of the mid, as predicted, as rendered, and in mono."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import hybrid
from hybrid.audio.song import Song
from hybrid.signal import bands
from hybrid.treatment import effect
from hybrid.treatment.bounds import constrain, unconstrain
from hybrid.treatment.curves import SPREAD_FROM_HZ
from hybrid.treatment.parts import SPREAD_OFF_DB
from hybrid.treatment.types import Treatment, neutral

RATE, SECONDS = 44100, 6.0
NOISE = 0.05 * np.random.default_rng(0).standard_normal((3, round(RATE * SECONDS))).astype(np.float32)
WIDE_DB = -6.0


@pytest.fixture(scope="module")
def song() -> Song:
    return hybrid.load_song({"mono": NOISE[:1], "stereo": NOISE[1:]}, sample_rate=RATE)


@pytest.fixture(scope="module")
def nothing() -> Treatment:
    return neutral(2, SECONDS, 0.2, ("pan.spread",))


def spread(treatment: Treatment, *levels_db: float) -> Treatment:
    level = np.full(treatment.pan.position.shape, SPREAD_OFF_DB, np.float32)
    level[: len(levels_db)] = levels_db
    return replace(treatment, pan=treatment.pan._replace(spread_db=jnp.asarray(level)))


def powers(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Power of mid and side by band."""
    spectra = np.abs(np.fft.rfft([x.mean(axis=0), 0.5 * (x[0] - x[1])])) ** 2
    weights = bands.band_weights(np.fft.rfftfreq(x.shape[1], 1.0 / RATE))
    mid, side = spectra @ weights
    return mid, side


def db(ratio: np.ndarray) -> np.ndarray:
    return 10.0 * np.log10(ratio)


def test_as_rendered_it_is_as_wide_as_predicted_and_gone_in_mono(song: Song, nothing: Treatment):
    wide = spread(nothing, WIDE_DB)
    raw, out = (hybrid.render(song, each, stems=True).stems["mono"] for each in (nothing, wide))
    mid, side = powers(out)
    hz = bands.band_centres_hz()
    # from the corner on, where it is 3 dB down, to where the highest band ends
    inside = (hz > SPREAD_FROM_HZ) & (hz < 15_000.0)
    predicted = effect.spread_power(wide.pan.spread_db[:1], hz)[0]
    np.testing.assert_allclose(db(side / mid)[inside], db(np.asarray(predicted))[inside], atol=1.0)
    assert db(side / mid)[hz < 60.0].max() < -20.0
    # one and the same in both channels, and nothing of it in their sum
    assert abs(db(np.mean(out[0] ** 2) / np.mean(out[1] ** 2))) < 0.1
    assert db(np.sum((out.sum(axis=0) - raw.sum(axis=0)) ** 2) / np.sum(raw.sum(axis=0) ** 2)) < -80.0


def test_the_mix_is_the_sum_of_the_stems(song: Song, nothing: Treatment):
    moved = spread(replace(nothing, pan=nothing.pan._replace(position=jnp.array([40.0, -20.0]))), WIDE_DB, -12.0)
    out = hybrid.render(song, moved, stems=True)
    assert np.abs(out.samples - sum(out.stems.values())).max() < 1e-4


def test_prediction_is_the_measurement_of_what_is_rendered(song: Song, nothing: Treatment):
    moved = spread(replace(nothing, pan=nothing.pan._replace(position=jnp.array([30.0, -20.0]))), WIDE_DB, -9.0)
    dry = hybrid.analyse(song, None, None).analysis.dry
    padded = neutral(dry.power.shape[0], SECONDS, 0.2, ("pan.spread",))
    wide = spread(
        replace(padded, pan=padded.pan._replace(position=padded.pan.position.at[:2].set(moved.pan.position))),
        WIDE_DB,
        -9.0,
    )
    layer = effect.treated(dry, wide)
    mix = hybrid.load_song({"mix": hybrid.render(song, moved).samples}, sample_rate=RATE)
    measured = hybrid.analyse(mix, None, None).analysis.dry
    predicted = over_time(layer)
    rendered = over_time(effect.untreated(measured))
    inside = bands.band_centres_hz() > SPREAD_FROM_HZ
    np.testing.assert_allclose(db(predicted[:2] / rendered[:2])[:, inside], 0.0, atol=1.0)
    sides = [0.25 * (x[0] + x[1] - 2.0 * x[2]) for x in (predicted, rendered)]
    assert abs(db(sides[0][inside].sum() / sides[1][inside].sum())) < 0.3
    # the mix holds the power of its tracks and pairs
    parts = effect.summed(effect.track_power(layer)) + effect.summed(effect.pair_power(layer))
    np.testing.assert_allclose(np.sum(effect.mixture(layer)[:2], axis=0), parts, rtol=1e-3, atol=1e-9)


def over_time(layer: effect.Layer) -> np.ndarray:
    return np.einsum("ctb,t->cb", effect.mixture(layer), layer.dry.inside)


def test_where_it_is_off_it_changes_nothing_and_has_a_finite_gradient(song: Song):
    dry = hybrid.analyse(song, None, None).analysis.dry
    n = dry.power.shape[0]
    off, without = neutral(n, SECONDS, 0.2, ("pan.spread",)), neutral(n, SECONDS, 0.2)
    both = [np.asarray(effect.mix_power(effect.treated(dry, each))) for each in (off, without)]
    np.testing.assert_array_equal(*both)

    def power(unconstrained: Treatment) -> jax.Array:
        return jnp.sum(effect.mix_power(effect.treated(dry, constrain(unconstrained))))

    slope = jax.grad(power)(unconstrain(off)).pan.spread_db
    assert np.isfinite(slope).all() and (np.asarray(slope)[:2] > 0.0).all()
