"""Sizes that determine the shapes of a network's weights; importing this module does not import JAX."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Sizes of a network, and the length of its input."""

    n_roles: int
    n_families: int
    n_goal: int = 0
    """Features of a goal, or 0 for a network that follows none."""
    frame: int = 128
    whole: int = 184
    n_heads: int = 4
    n_frame_blocks: int = 2
    n_moment_blocks: int = 3
    n_whole_blocks: int = 2
    n_refine_blocks: int = 2
    n_unrolled_steps: int = 6
    """Number of refine steps after the first prediction."""
    n_frames: int = 64
    """Longest input in frames, as in training: 26 s. Longer songs are divided into segments."""
