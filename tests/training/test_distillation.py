"""Distillation loss: zero for the mix itself and for its mirror image, and growing with every change."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.training.distillation import DistillationTarget, no_target, target_of
from hybrid.training.distillation_loss import distillation_loss
from hybrid.training.stored_targets import load_target, pad_target, store_target
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


def _loss(dry: Dry, target: DistillationTarget, **parts: np.ndarray) -> float:
    return float(distillation_loss(target_of(dry, _treatment(dry, **parts)), target, jnp.ones(N)))


def test_the_loss_of_a_mix_against_itself_is_zero_at_any_output_level(dry: Dry):
    level_db = np.array([3.0, -4.0, 0.0, 6.0])
    target = target_of(dry, _treatment(dry, level_db=level_db))
    assert _loss(dry, target, level_db=level_db) == pytest.approx(0.0, abs=1e-5)
    assert _loss(dry, target, level_db=level_db + 7.0) == pytest.approx(0.0, abs=1e-4)


def test_the_loss_grows_with_the_error_of_a_fader(dry: Dry):
    target = target_of(dry, _treatment(dry))
    losses = [_loss(dry, target, level_db=np.array([off, 0.0, 0.0, 0.0])) for off in (0.0, 2.0, 4.0, 8.0)]
    assert np.all(np.diff(losses) > 0.0)


def test_tone_and_position_count_but_not_the_side(dry: Dry):
    position = np.array([60.0, 0.0, 0.0, 0.0])
    target = target_of(dry, _treatment(dry, position=position))
    assert _loss(dry, target) > 0.05
    tone = np.zeros((N, 10))
    tone[1, 7] = 6.0
    assert _loss(dry, target, position=position, tone_db=tone) > 0.02
    centred = replace(dry, power=dry.power.at[:, 1].set(dry.power[:, 0]), cross=0.0 * dry.cross)
    target = target_of(centred, _treatment(centred, position=position))
    assert _loss(centred, target, position=-position) == pytest.approx(0.0, abs=1e-5)


def test_without_a_target_the_loss_is_zero(dry: Dry):
    assert _loss(dry, no_target(N), level_db=np.array([9.0, 0.0, 0.0, 0.0])) == 0.0


def test_a_stored_target_is_unchanged_and_padded_with_zeros(dry: Dry, tmp_path):
    target = target_of(dry, _treatment(dry))
    store_target(target, tmp_path / "one.human")
    loaded = load_target(tmp_path / "one.human")
    assert loaded is not None
    for old, new in zip(target, loaded, strict=True):
        np.testing.assert_array_equal(old, new)
    wide = pad_target(loaded, N + 2)
    assert wide.band_db.shape == (N + 2, 40) and np.abs(wide.band_db[N:]).max() == 0.0
    assert pad_target(loaded, 2).balance.shape == (2,)
    assert load_target(tmp_path / "none") is None and float(pad_target(None, 3).exists) == 0.0
