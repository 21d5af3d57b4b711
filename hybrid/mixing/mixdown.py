"""Renders a treated song chunk by chunk: bounded memory, all tracks of a chunk in parallel."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.mixing.analyse import Grid, grid_of, read_chunk
from hybrid.treatment import render
from hybrid.treatment.types import Treatment


class Chunk(NamedTuple):
    """A stretch of the treated song, before the output level. Stems sum to the mix."""

    start: int
    stems: list[Float[np.ndarray, "2 time"]]

    @property
    def mix(self) -> Float[np.ndarray, "2 time"]:
        """The sum of the stems."""
        total = np.zeros_like(self.stems[0])
        for stem in self.stems:
            total += stem
        return total


def rendered(song: Song, reader: SongReader, treatment: Treatment, pool: ThreadPoolExecutor) -> Iterator[Chunk]:
    """The treated tracks in chunks of about 3 s, together as long as the song.

    The same samples come out whatever the chunk they fall in: filters run through from chunk to chunk.
    """
    grid = grid_of(song)
    renderer = render.make_renderer(song.sample_rate)
    plan = render.plan(renderer, treatment)
    pan = np.asarray(plan.pan)
    tails = [render.empty_tail(renderer, track.channels) for track in song.tracks]
    for number in range(grid.n_chunks):
        moving = render.moving(renderer, treatment, jnp.asarray(number))

        def treat(index: int, number: int = number, moving=moving) -> Float[np.ndarray, "2 time"]:
            x = read_chunk(reader, grid, index, number)
            y, tails[index] = render.filtered(renderer, x, plan.static_db[index], moving[index], tails[index])
            return np.asarray(render.panned(y, pan[index]))

        stems = list(pool.map(treat, range(len(song.tracks))))
        start = number * grid.chunk - grid.context
        yield _cut(Chunk(start, stems), song, grid)


def _cut(chunk: Chunk, song: Song, grid: Grid) -> Chunk:
    """The part of a chunk that lies in the song: the first begins three hops early, the last ends late."""
    first = max(0, -chunk.start)
    last = min(grid.chunk, song.n_samples - chunk.start)
    return Chunk(chunk.start + first, [stem[:, first : max(first, last)] for stem in chunk.stems])
