"""The step of training is the same on one device and on four."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

CODE = """
import json, sys
from pathlib import Path
import jax, numpy as np
from flax import nnx
from hybrid.audio.song import Song, Track
from hybrid.knowledge.resolve import load_rules
from hybrid.model.field import Field
from hybrid.model.sizes import Sizes
from hybrid.training.example import CachedExample, Example, Frames, Shape
from hybrid.training.sample import FAMILY_NAMES, ROLE_NAMES, SampleBuilder, stack
from hybrid.training.recipe import Recipe
from hybrid.training.step import TrainerSpec, make_trainer, rate_of
from hybrid.training.distillation import no_target
from tests.treatment.made import random_dry

small = {"frame": 8, "whole": 8, "n_heads": 2, "n_frame_blocks": 1, "n_moment_blocks": 1, "n_whole_blocks": 1,
         "n_unrolled_steps": 1}
recipe = Recipe(schema="recipe/1", about="", data=[{"songs": 4, "validation": 4}], steps=9, batch=4, network=small,
                n_tracks=3, n_frames=8, warm_up=0)
rules = load_rules(["tests/training/two_rules.yaml"])
builder = SampleBuilder(recipe, rules, Shape(3, 8, 2), lambda example: (no_target(3), no_target(3)))
tracks = tuple(Track(role, (), 2, role, (), 1.0) for role in ("vocal.lead", "bass", "guitar"))


class RandomExample(CachedExample):
    def read(self):
        frames = Frames.of(random_dry(3, 8, seed=self.seed))
        return Example(Song("random", Path(), tracks, 44100, 8 * 17640), frames)


batch = stack([builder.plain(RandomExample(Path(), None, seed)) for seed in range(4)])
sizes = Sizes(len(ROLE_NAMES), len(FAMILY_NAMES), **small)
graph, weights = nnx.split(Field(sizes, nnx.Rngs(0)), nnx.Param)


def train_on(devices):
    trainer = make_trainer(TrainerSpec.of(recipe), graph, (), devices)
    state, losses = trainer.init(weights), []
    for step in range(3):
        state, terms = trainer.step(state, batch, rate_of(recipe)(step))
        losses.append(float(terms.loss))
    size = float(sum(abs(np.asarray(x)).sum() for x in jax.tree.leaves(state.weights)))
    used = {d.id for x in jax.tree.leaves(state.weights) for d in x.devices()}
    return {"losses": losses, "size": size, "devices": len(used)}


print(json.dumps([train_on(jax.local_devices()[:1]), train_on(None)]))
"""


def test_four_devices_train_like_one():
    # a few small steps: what costs is compiling
    quick = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    flags = f"--xla_force_host_platform_device_count=4 --xla_cpu_multi_thread_eigen=false {quick}"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-3000:]
    one, four = json.loads(done.stdout.splitlines()[-1])
    assert (one["devices"], four["devices"]) == (1, 4)
    assert one["losses"][2] < one["losses"][0]
    # sums over songs are taken in another order
    assert all(abs(a - b) <= 1e-4 * abs(a) for a, b in zip(one["losses"], four["losses"], strict=True))
    assert abs(one["size"] - four["size"]) <= 1e-3 * one["size"]
