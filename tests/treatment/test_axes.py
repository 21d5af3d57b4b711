"""What has tracks, frames and pairs among all that was measured, and where, is read off the type."""

from __future__ import annotations

from dataclasses import fields

import jax
import jax.numpy as jnp
import numpy as np

from hybrid.treatment.axes import AXES, map_axis, places_of
from hybrid.treatment.types import Dry
from tests.treatment.made import random_dry


def test_every_array_has_the_axes_that_its_annotation_names():
    dry = random_dry(4, 24)
    sizes = {"track": 4, "frame": 24, "pair": 1, "band": 40, "low": dry.low_hz.shape[0]}
    assert len(AXES) == len(jax.tree.leaves(dry)) == len(fields(Dry)) - 1
    for name, axes in AXES.items():
        assert getattr(dry, name).shape == tuple(sizes.get(axis) or int(axis) for axis in axes), name


def test_frames_lie_where_they_lie_in_each_array():
    places = {"power": 2, "power_k": 2, "cross": 3, "active": 1, "inside": 0, "time_s": 0, "peak": 0}
    assert places_of("frame") == places
    assert places_of("track") == {"power": 0, "power_k": 0, "active": 0, "low_power": 0}
    assert places_of("pair") == {"pairs": 0, "cross": 0}


def test_only_arrays_with_the_axis_are_changed():
    dry = random_dry(4, 24)
    cut = map_axis(lambda x, axis: jnp.take(x, jnp.arange(5), axis), dry, "frame")
    changed = {name for name in AXES if getattr(cut, name) is not getattr(dry, name)}
    assert changed == set(places_of("frame"))
    np.testing.assert_array_equal(cut.cross, dry.cross[:, :, :, :5])
    assert cut.frame_s == dry.frame_s
