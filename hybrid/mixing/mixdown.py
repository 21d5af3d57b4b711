"""Renders a treated song chunk by chunk: bounded memory, all tracks of a chunk in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.mixing.analyse import ahead, grid_of, read_chunk
from hybrid.signal.bandpower import CHUNK_HOPS
from hybrid.treatment import render
from hybrid.treatment.render import Room
from hybrid.treatment.types import Treatment


class Chunk(NamedTuple):
    """A stretch of the treated song, before the output level."""

    start: int
    filtered: list[Float[np.ndarray, "_ time"]]
    """The tracks before they are placed, as many channels as each has."""
    stems: list[Float[np.ndarray, "2 time"]]
    back: Float[np.ndarray, "2 time"] | None
    """What comes back from the room; None in a dry mix."""

    @property
    def parts(self) -> list[Float[np.ndarray, "2 time"]]:
        """All that adds up to the mix: the stems, then what comes back from the room, if there is one."""
        return self.stems if self.back is None else [*self.stems, self.back]


Compare = Callable[[int, Float[np.ndarray, "channel time"], Float[np.ndarray, "channel time"]], None]
"""Is shown the index of a track, a stretch of it as it is, and the same stretch treated, before it is placed."""


def rendered(
    song: Song,
    reader: SongReader,
    treatment: Treatment,
    pool: ThreadPoolExecutor,
    compare: Compare | None = None,
) -> Iterator[Chunk]:
    """The treated tracks in chunks of about 1.6 s, together as long as the song.

    The same samples come out whatever the chunk they fall in: filters run through from chunk to chunk. Those of one
    track are shown to `compare` in order.
    """
    grid = grid_of(song)
    renderer = render.make_renderer(song.sample_rate)
    plan = render.plan(renderer, treatment)
    static, pan = np.asarray(plan.static_db), np.asarray(plan.pan)
    tails = [render.empty_tail(renderer, track.channels) for track in song.tracks]
    room = Room(treatment.reverb, song.sample_rate, grid.chunk) if treatment.reverb is not None else None

    def treat(number: int, index: int) -> tuple[Float[np.ndarray, "_ time"], Float[np.ndarray, "2 time"]]:
        x = read_chunk(reader, grid, index, number)
        if not x.any() and not tails[index].any():
            y = np.zeros((x.shape[0], grid.chunk), np.float32)
        else:
            moving = render.moving(renderer, treatment, index, number)
            y, tail = render.filtered(renderer, x, static[index], moving, tails[index])
            y, tails[index] = np.asarray(y), np.asarray(tail)
            if compare:
                compare(index, x[:, : grid.chunk], y)
        return y, render.panned(y, pan[index])

    for number, treated in enumerate(ahead(pool, treat, grid.n_chunks, len(song.tracks))):
        start = number * grid.chunk - grid.context
        filtered, stems = ([_cut(both[k], start, song) for both in treated] for k in (0, 1))
        back = _cut(room([stem for _, stem in treated]), start, song) if room else None
        yield Chunk(max(0, start), filtered, stems, back)


def mixed(
    song: Song, reader: SongReader, treatment: Treatment, pool: ThreadPoolExecutor
) -> Iterator[Float[np.ndarray, "2 time"]]:
    """The sum of all that `rendered` gives, chunk by chunk, for a fraction of the work: tracks are added before the
    inverse transform."""
    grid = grid_of(song)
    renderer = render.make_renderer(song.sample_rate)
    plan = render.plan(renderer, treatment)
    static, pan = np.asarray(plan.static_db), np.asarray(plan.pan)
    room = Room(treatment.reverb, song.sample_rate, grid.chunk) if treatment.reverb is not None else None
    sends = room.sends[: len(song.tracks)] if room else None
    tails = [render.empty_tail(renderer, 2)] * 2

    def treat(number: int, index: int) -> Complex[Array, "2 hop bin"] | None:
        x = read_chunk(reader, grid, index, number)
        if not x.any():
            return None
        moving = render.moving(renderer, treatment, index, number)
        return render.stereo(renderer, x, static[index], moving, pan[index]).block_until_ready()

    def sound(which: int, parts: list[Complex[Array, "2 hop bin"]]) -> Float[np.ndarray, "2 time"]:
        if not parts and not tails[which].any():
            return np.zeros((2, grid.chunk), np.float32)
        blank = jnp.zeros((2, CHUNK_HOPS, renderer.bin_hz.shape[0]), jnp.complex64)
        y, tail = render.sounded(renderer, sum(parts, blank), tails[which])
        tails[which] = np.asarray(tail)
        return np.asarray(y)

    for number, spectra in enumerate(ahead(pool, treat, grid.n_chunks, len(song.tracks))):
        heard = [(index, spectrum) for index, spectrum in enumerate(spectra) if spectrum is not None]
        whole = sound(0, [spectrum for _, spectrum in heard])
        if room and sends is not None:
            whole = whole + room.back(sound(1, [sends[index] * spectrum for index, spectrum in heard]))
        yield _cut(whole, number * grid.chunk - grid.context, song)


def _cut(y: Float[np.ndarray, "channel time"], start: int, song: Song) -> Float[np.ndarray, "channel kept"]:
    """The part of a chunk that lies in the song: the first begins three hops early, the last ends late."""
    first = max(0, -start)
    return y[:, first : max(first, min(y.shape[1], song.n_samples - start))]
