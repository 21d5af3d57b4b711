"""The axes of what was measured, read off the annotations of `Dry`, which alone state them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import get_type_hints

from jaxtyping import AbstractArray, Array

from hybrid.treatment.types import Dry

AXES: dict[str, tuple[str, ...]] = {
    name: tuple(hint.dim_str.split())
    for name, hint in get_type_hints(Dry).items()
    if isinstance(hint, type) and issubclass(hint, AbstractArray)
}
"""Names of the axes of each array of `Dry`, in order: ("track", "3", "frame", "band") for `power`."""


def places_of(axis: str) -> dict[str, int]:
    """Position of the axis in each field that has it: 2 for frames in `power`, 0 in `peak`."""
    return {name: axes.index(axis) for name, axes in AXES.items() if axis in axes}


def map_axis(function: Callable[[Array, int], Array], dry: Dry, axis: str) -> Dry:
    """`dry` with `function(field, position of the axis)` in place of each field that has the axis."""
    return replace(dry, **{name: function(getattr(dry, name), place) for name, place in places_of(axis).items()})
