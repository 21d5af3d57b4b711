"""Samples of a track that lie in memory instead of in a file."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32


class ArraySamples:
    """The samples of one track, read as those of a file are. Each is equal to itself alone."""

    def __init__(self, array: Float32[np.ndarray, "channel time"]) -> None:
        self.array = np.ascontiguousarray(array)

    def __repr__(self) -> str:
        return "ArraySamples({} channels, {} samples)".format(*self.array.shape)

    @property
    def n_samples(self) -> int:
        """Samples of each channel."""
        return self.array.shape[1]

    def read(self, start: int, n: int) -> Float32[np.ndarray, "n channel"]:
        """`n` samples from `start` on; both ends must lie in the array."""
        return self.array[:, start : start + n].T
