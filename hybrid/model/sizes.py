"""What the shapes of a network's weights follow from; importing this starts nothing."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Sizes of a network, and how much of a song it hears at once."""

    n_roles: int
    n_families: int
    n_reference: int = 0
    frame: int = 128
    whole: int = 184
    n_heads: int = 4
    n_frame_blocks: int = 2
    n_moment_blocks: int = 3
    n_whole_blocks: int = 2
    n_refine_blocks: int = 2
    n_unrolled_steps: int = 6
    """How often the network hears its own proposal and says more."""
    n_frames: int = 64
    """Frames that are heard at once, as in training: 26 s. Longer songs are heard in stretches."""
