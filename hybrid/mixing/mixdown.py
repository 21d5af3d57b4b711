"""Rendering of a treated song chunk by chunk, in bounded memory, the tracks of a chunk in parallel."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex, Float

from hybrid.analysis.chunks import grid_of, map_chunks, read_chunk
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.signal.bandpower import CHUNK_HOPS
from hybrid.treatment import render
from hybrid.treatment.render import Room
from hybrid.treatment.types import Treatment

_AHEAD = 8
"""Chunks that are in progress while one is transformed back: as many cores are kept busy, with 2 MB each."""


class Chunk(NamedTuple):
    """A chunk of the treated song, before the output level."""

    start: int
    filtered: list[Float[np.ndarray, "_ time"]]
    """The tracks before panning, each with its own channels."""
    stems: list[Float[np.ndarray, "2 time"]]
    returned: Float[np.ndarray, "2 time"] | None
    """The return of the room; None in a dry mix."""

    @property
    def parts(self) -> list[Float[np.ndarray, "2 time"]]:
        """Signals that add up to the mix: the stems, then the return of the room, if there is one."""
        return self.stems if self.returned is None else [*self.stems, self.returned]


Compare = Callable[[int, Float[np.ndarray, "channel time"], Float[np.ndarray, "channel time"]], None]
"""Called with the index of a track, a block of its raw samples, and the same block treated, before panning."""


def rendered(
    song: Song,
    reader: SongReader,
    treatment: Treatment,
    pool: ThreadPoolExecutor,
    compare: Compare | None = None,
) -> Iterator[Chunk]:
    """The treated tracks in chunks of about 1.6 s, together as long as the song.

    Filters carry their state from chunk to chunk, so that samples do not depend on the division into chunks. `compare`
    gets the blocks of each track in order.
    """
    grid = grid_of(song)
    renderer = render.make_renderer(song.sample_rate)
    plan = render.plan(renderer, treatment)
    static, pan, spread = np.asarray(plan.static_db), np.asarray(plan.pan), _spreads(plan, len(song.tracks))
    tails = [
        render.empty_tail(renderer, track.channels * (1 if spread[k] is None else 2))
        for k, track in enumerate(song.tracks)
    ]
    room = Room(treatment.reverb, song.sample_rate, grid.chunk) if treatment.reverb is not None else None

    def treat(number: int, index: int) -> tuple[Float[np.ndarray, "_ time"], Float[np.ndarray, "2 time"]]:
        x = read_chunk(reader, grid, index, number)
        # silence in, and no earlier window that rings on: silence out, without a transform
        if not x.any() and not tails[index].any():
            y = np.zeros((tails[index].shape[0], grid.chunk), np.float32)
        else:
            moving = render.zone_gains_db(renderer, treatment, index, number)
            # `map_chunks` begins a chunk when the one before is complete, so that this tail is final
            y, tail = render.filter_chunk(renderer, x, static[index], moving, tails[index], spread[index])
            y, tails[index] = np.asarray(y), np.asarray(tail)
            if compare:
                # a block begins with three hops of context and comes out three hops late: both start at one sample
                compare(index, x[:, : grid.chunk], y[: len(x)])
        stem = render.pan_channels(y[: len(x)], pan[index])
        return y[: len(x)], stem if spread[index] is None else stem + render.side_of(y[len(x) :], pan[index])

    for number, treated in enumerate(map_chunks(pool, treat, grid.n_chunks, len(song.tracks))):
        start = number * grid.chunk - grid.context
        filtered, stems = ([_cut(both[k], start, song) for both in treated] for k in (0, 1))
        returned = _cut(room([stem for _, stem in treated]), start, song) if room else None
        yield Chunk(max(0, start), filtered, stems, returned)


def mixed(
    song: Song, reader: SongReader, treatment: Treatment, pool: ThreadPoolExecutor
) -> Iterator[Float[np.ndarray, "2 time"]]:
    """The mix of all that `rendered` gives, chunk by chunk, for a fraction of the work: tracks are added before the
    inverse transform."""
    grid = grid_of(song)
    renderer = render.make_renderer(song.sample_rate)
    plan = render.plan(renderer, treatment)
    static, pan, spread = np.asarray(plan.static_db), np.asarray(plan.pan), _spreads(plan, len(song.tracks))
    room = Room(treatment.reverb, song.sample_rate, grid.chunk) if treatment.reverb is not None else None
    # what each track adds to the mix, and what it sends to the room
    shares = np.ones((len(song.tracks), 1), np.float32)
    if room:
        shares = np.column_stack([shares, room.sends[: len(song.tracks)]])
    tail = np.concatenate([render.empty_tail(renderer, 2)] * shares.shape[1])
    # chunks are in progress side by side, and a track may be read by one thread at a time
    is_read = [Lock() for _ in song.tracks]

    def add(number: int, _: int) -> Complex[Array, "channel hop bin"]:
        sums = jnp.zeros((shares.shape[1], 2, CHUNK_HOPS, renderer.bin_hz.shape[0]), jnp.complex64)
        for index, lock in enumerate(is_read):
            with lock:
                x = read_chunk(reader, grid, index, number)
            if x.any():
                moving = render.zone_gains_db(renderer, treatment, index, number)
                gains = render.ChunkGains(static[index], moving, pan[index], shares[index], spread[index])
                sums = render.add_track(renderer, sums, x, gains)
        return sums.reshape(-1, *sums.shape[2:]).block_until_ready()

    for number, (sums,) in enumerate(map_chunks(pool, add, grid.n_chunks, 1, _AHEAD)):
        # in order, for tail and room carry over from chunk to chunk; nothing above depends on another chunk
        samples, tail = (np.asarray(each) for each in render.synthesise(renderer, sums, tail))
        whole = samples[:2] + room.process(samples[2:]) if room else samples
        yield _cut(whole, number * grid.chunk - grid.context, song)


def _spreads(plan: render.RenderPlan, n_tracks: int) -> list[Float[np.ndarray, " bin"] | None]:
    """The spread of each track; None where it is off, so that such tracks cost nothing."""
    if plan.spread is None:
        return [None] * n_tracks
    return [each if each.any() else None for each in np.asarray(plan.spread)[:n_tracks]]


def _cut(y: Float[np.ndarray, "channel time"], start: int, song: Song) -> Float[np.ndarray, "channel kept"]:
    """The part of a chunk that lies in the song: the first begins three hops early, the last ends late."""
    first = max(0, -start)
    return y[:, first : max(first, min(y.shape[1], song.n_samples - start))]
