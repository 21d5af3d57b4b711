"""Distances between mixes: nothing to itself, nothing to its mirror image, and more the more is changed."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.training.imitate import padded, store_target, stored_target
from hybrid.training.imitation import distance
from hybrid.training.target import Target, no_target, target_of
from hybrid.treatment.types import Dry, Treatment, neutral
from tests.treatment.made import random_dry

N = 4


@pytest.fixture(scope="module")
def dry() -> Dry:
    return random_dry(N, 24)


def _treatment(dry: Dry, **parts: np.ndarray) -> Treatment:
    nothing = neutral(N, 24 * dry.frame_s, 0.2)
    level = jnp.asarray(parts.get("level_db", np.zeros(N)), jnp.float32)
    tone = jnp.asarray(parts.get("tone_db", np.zeros((N, 10))), jnp.float32)
    position = jnp.asarray(parts.get("position", np.zeros(N)), jnp.float32)
    return replace(
        nothing,
        gain=nothing.gain._replace(level_db=level),
        eq=nothing.eq._replace(tone_db=tone),
        pan=nothing.pan._replace(position=position),
    )


def _far(dry: Dry, wanted: Target, **parts: np.ndarray) -> float:
    return float(distance(target_of(dry, _treatment(dry, **parts)), wanted, jnp.ones(N)))


def test_a_mix_is_no_distance_from_itself_at_any_output_level(dry: Dry):
    level_db = np.array([3.0, -4.0, 0.0, 6.0])
    wanted = target_of(dry, _treatment(dry, level_db=level_db))
    assert _far(dry, wanted, level_db=level_db) == pytest.approx(0.0, abs=1e-5)
    assert _far(dry, wanted, level_db=level_db + 7.0) == pytest.approx(0.0, abs=1e-4)


def test_the_further_a_fader_is_off_the_greater_the_distance(dry: Dry):
    wanted = target_of(dry, _treatment(dry))
    far = [_far(dry, wanted, level_db=np.array([off, 0.0, 0.0, 0.0])) for off in (0.0, 2.0, 4.0, 8.0)]
    assert np.all(np.diff(far) > 0.0)


def test_tone_and_place_count_but_not_the_side(dry: Dry):
    position = np.array([60.0, 0.0, 0.0, 0.0])
    wanted = target_of(dry, _treatment(dry, position=position))
    assert _far(dry, wanted) > 0.05
    tone = np.zeros((N, 10))
    tone[1, 7] = 6.0
    assert _far(dry, wanted, position=position, tone_db=tone) > 0.02
    centred = replace(dry, power=dry.power.at[:, 1].set(dry.power[:, 0]), cross=0.0 * dry.cross)
    wanted = target_of(centred, _treatment(centred, position=position))
    assert _far(centred, wanted, position=-position) == pytest.approx(0.0, abs=1e-5)


def test_without_a_mix_to_imitate_there_is_no_distance(dry: Dry):
    assert _far(dry, no_target(N), level_db=np.array([9.0, 0.0, 0.0, 0.0])) == 0.0


def test_a_target_is_kept_whole_and_padded_with_nothing(dry: Dry, tmp_path):
    wanted = target_of(dry, _treatment(dry))
    store_target(wanted, tmp_path / "one.human")
    again = stored_target(tmp_path / "one.human")
    assert again is not None
    for old, new in zip(wanted, again, strict=True):
        np.testing.assert_array_equal(old, new)
    wide = padded(again, N + 2)
    assert wide.band_db.shape == (N + 2, 40) and np.abs(wide.band_db[N:]).max() == 0.0
    assert padded(again, 2).aside.shape == (2,)
    assert stored_target(tmp_path / "none") is None and float(padded(None, 3).given) == 0.0
