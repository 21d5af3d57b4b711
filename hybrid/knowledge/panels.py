"""Panels of one treatment through which gradients reach only some of its parts: how `acts_on` limits a rule."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import reduce

import jax
import jax.numpy as jnp
from jaxtyping import Array

from hybrid.knowledge.readings import Panel
from hybrid.measure.panel import Measured
from hybrid.treatment.types import Treatment, hold, is_named, treatment_parts


def panels_by_parts(
    acts_on: Collection[tuple[str, ...]], treatment: Treatment, panel: Callable[[Treatment], Measured]
) -> dict[tuple[str, ...], Panel]:
    """A panel for every entry of `acts_on`: equal in value, with gradients only to the parts that the entry names.

    One panel for each entry would need a backward pass for each, and there are more of those than parts. So parts named
    by the same entries form a block, each block has one panel in which all other parts are held (their gradient is
    stopped), and the panel of an entry joins those of its blocks. The derivative of a measurement by several blocks is
    the sum of its derivatives by each, so that the gradient is exact, and that of all rules goes back through a block
    in one pass. Forward passes are the same, and XLA makes one of them.
    """
    entries = sorted(acts_on)
    blocks: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for part in treatment_parts(treatment):
        blocks.setdefault(tuple(entry for entry in entries if is_named(part, entry)), []).append(part)
    # the key of a block is the entries that name its parts; parts that no rule moves need no panel
    by_block = {named_by: panel(hold(treatment, tuple(parts))) for named_by, parts in blocks.items() if named_by}
    return {
        entry: Panel(
            *_joined([each for named_by, each in by_block.items() if entry in named_by] or [panel(hold(treatment, ()))])
        )
        for entry in entries
    }


def _joined(panels: Sequence[Measured]) -> Measured:
    """The panel of several that are equal in value, with a gradient to the parts of all of them."""
    leaves, trees = zip(*map(jax.tree.flatten, panels), strict=True)
    # integers carry no gradient, and custom derivatives do not accept them
    joined = [
        _first_with_all_gradients(*same) if jnp.isdtype(same[0].dtype, "real floating") else same[0]
        for same in zip(*leaves, strict=True)
    ]
    return jax.tree.unflatten(trees[0], joined)


@jax.custom_jvp
def _first_with_all_gradients(*same: Array) -> Array:
    """The first of several equal arrays, whose tangent is the sum of their tangents."""
    return same[0]


@_first_with_all_gradients.defjvp
def _first_with_all_gradients_jvp(same: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    return same[0], reduce(jnp.add, tangents)
