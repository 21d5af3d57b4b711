"""Space: sources whose place is known."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.measure import space

QUARTER = np.cos(np.pi / 8.0) ** 2, np.sin(np.pi / 8.0) ** 2
"""Left and right power of a mono source at p = 0.25 of the sine-cosine law."""
PANNED = jnp.asarray([*QUARTER, np.sqrt(QUARTER[0] * QUARTER[1])])
MONO, UNRELATED, ANTIPHASE = (jnp.asarray([1.0, 1.0, c]) for c in (1.0, 0.0, -1.0))
SILENCE = jnp.zeros(3)


@pytest.mark.parametrize("p", [-100.0, -88.0, -50.0, 0.0, 20.0, 100.0])
def test_a_mono_source_reads_the_position_it_was_panned_to(p):
    angle = (p / 100.0 + 1.0) * np.pi / 4.0
    found = space.position(jnp.asarray(np.cos(angle) ** 2), jnp.asarray(np.sin(angle) ** 2))
    # the floor of -100 dB pulls a hard-panned source in by a thousandth
    assert float(found) == pytest.approx(p, abs=0.01)


def test_silence_is_in_the_middle_with_finite_gradients():
    assert float(space.position(jnp.zeros(()), jnp.zeros(()))) == 0.0
    measures = (lambda p: space.position(p[0], p[1]), space.side_to_mid_db, space.side_share, space.foldown_db)
    for measure in measures:
        assert np.isfinite(jax.grad(measure)(SILENCE)).all()


def test_a_quarter_left_is_7_66_db_to_the_left():
    assert float(space.balance_db(PANNED[0], PANNED[1])) == pytest.approx(-7.66, abs=0.01)
    assert float(space.balance_db(PANNED[1], PANNED[0])) == pytest.approx(7.66, abs=0.01)
    assert float(space.balance_db(jnp.ones(()), jnp.ones(()))) == 0.0


def test_a_quarter_left_has_a_side_signal_7_65_db_below_the_mid():
    # tan^2(22.5 degrees) = 0.172
    assert float(space.side_to_mid_db(PANNED)) == pytest.approx(10.0 * np.log10(np.tan(np.pi / 8.0) ** 2), abs=1e-3)
    assert float(space.side_to_mid_db(PANNED)) == pytest.approx(-7.65, abs=0.01)


def test_mono_has_no_side_and_unrelated_channels_as_much_as_mid():
    assert float(space.side_to_mid_db(MONO)) == pytest.approx(-100.0, abs=0.01)
    assert float(space.side_to_mid_db(UNRELATED)) == pytest.approx(0.0, abs=1e-4)
    assert float(space.side_to_mid_db(ANTIPHASE)) == pytest.approx(100.0, abs=0.01)


@pytest.mark.parametrize(
    ("power", "change_db"),
    [(MONO, 0.0), (UNRELATED, -3.01), (jnp.asarray([1.0, 0.0, 0.0]), -3.01), (ANTIPHASE, -100.0), (SILENCE, 0.0)],
    ids=["mono", "unrelated", "one side", "antiphase", "silence"],
)
def test_change_of_power_in_mono(power, change_db):
    assert float(space.foldown_db(power)) == pytest.approx(change_db, abs=0.01)


@pytest.mark.parametrize("gain", [1e-3, 10.0])
def test_place_does_not_depend_on_level(gain):
    # at -30 dB the floor is 70 dB away
    assert float(space.side_to_mid_db(gain * PANNED)) == pytest.approx(float(space.side_to_mid_db(PANNED)), abs=1e-3)
    assert float(space.foldown_db(gain * PANNED)) == pytest.approx(float(space.foldown_db(PANNED)), abs=1e-3)


def test_swapping_channels_mirrors_the_place():
    swapped = PANNED[jnp.asarray([1, 0, 2])]
    assert float(space.position(*swapped[:2])) == pytest.approx(-float(space.position(*PANNED[:2])), abs=1e-3)
    assert float(space.side_to_mid_db(swapped)) == pytest.approx(float(space.side_to_mid_db(PANNED)), abs=1e-5)


@pytest.mark.parametrize(
    ("power", "share"),
    [
        *((MONO, 0.0), (UNRELATED, 0.5), (jnp.asarray([0.0, 1.0, 0.0]), 0.5), (ANTIPHASE, 1.0), (SILENCE, 0.0)),
        (PANNED, np.sin(np.pi / 8.0) ** 2),
    ],
    ids=["mono", "unrelated", "one side", "antiphase", "silence", "a quarter left"],
)
def test_share_of_the_side_signal(power, share):
    assert float(space.side_share(power)) == pytest.approx(share, abs=1e-6)


@pytest.mark.parametrize("width_db", [-20.0, -6.0, 0.0, 6.0])
def test_a_wider_sound_has_the_share_of_its_side_in_mid_and_side(width_db):
    side = 10.0 ** (width_db / 10.0)
    power = jnp.asarray([0.5 * (1.0 + side), 0.5 * (1.0 + side), 0.5 * (1.0 - side)])
    assert float(space.side_share(power)) == pytest.approx(side / (1.0 + side), abs=1e-6)
    # the floor of side_to_mid_db is 80 dB below
    assert float(space.side_to_mid_db(power)) == pytest.approx(width_db, abs=1e-3)


@pytest.mark.parametrize("power", [MONO, UNRELATED, PANNED])
def test_what_is_no_side_is_what_a_fold_to_mono_keeps(power):
    kept = 10.0 * np.log10(1.0 - float(space.side_share(power)))
    assert float(space.foldown_db(power)) == pytest.approx(kept, abs=1e-4)


@pytest.mark.parametrize("gain", [1e-6, 1e4])
def test_share_of_the_side_signal_does_not_depend_on_level(gain):
    assert float(space.side_share(gain * PANNED)) == pytest.approx(float(space.side_share(PANNED)), abs=1e-6)


def test_every_band_has_its_own_share_of_side_and_a_silent_one_none():
    by_band = jnp.stack([MONO, SILENCE, UNRELATED, ANTIPHASE], axis=-1)
    np.testing.assert_allclose(space.side_share(by_band), [0.0, 0.0, 0.5, 1.0], atol=1e-6)
    slope = np.asarray(jax.grad(lambda p: jnp.sum(space.side_share(p)))(by_band))
    # 1/2 - C / (L + R): two units of power lose half a share per unit of correlation
    np.testing.assert_allclose(slope[2], [-0.5, 0.0, -0.5, -0.5], atol=1e-6)
