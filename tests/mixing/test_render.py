"""Rendering a song: chunk by chunk as in one go, as long as the song, and stems that are the mix."""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.analysis.chunks import grid_of, workers
from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.mixing.mixdown import rendered
from hybrid.treatment import render
from hybrid.treatment.types import Treatment, map_parts, neutral
from tests.mixing.made import DURATION_S, RATE, song_of, sounds, stems_of


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Song:
    return song_of(tmp_path_factory.mktemp("song"), sounds())


def treatment_of(song: Song, seed: int | None = 0) -> Treatment:
    """Something done to everything, or nothing without a seed."""
    nothing = neutral(len(song.tracks), DURATION_S, 0.2)
    if seed is None:
        return nothing
    generator = np.random.default_rng(seed)
    random = map_parts(lambda _, x: jnp.asarray(2.0 * generator.standard_normal(x.shape), x.dtype), nothing)
    return replace(random, eq=random.eq._replace(low_cut_hz=jnp.full(len(song.tracks), 80.0)))


@pytest.fixture(scope="module")
def stems(song: Song) -> np.ndarray:
    with open_song(song) as reader:
        return stems_of(song, reader, treatment_of(song))


def test_chunks_equal_one_shot_sample_by_sample(song, stems):
    grid, renderer, treatment = grid_of(song), render.make_renderer(RATE), treatment_of(song)
    assert grid.n_chunks > 1
    plan = render.plan(renderer, treatment)
    with open_song(song) as reader:
        for index, track in enumerate(song.tracks):
            x = reader.read(index, -grid.context, grid.n_chunks * grid.chunk + grid.context)
            tail = render.empty_tail(renderer, track.channels)
            moving = [render.zone_gains_db(renderer, treatment, index, k) for k in range(grid.n_chunks)]
            y, _ = render.filter_chunk(renderer, x, plan.static_db[index], np.concatenate(moving, axis=-1), tail)
            whole = render.pan_channels(np.asarray(y), np.asarray(plan.pan[index]))
            whole = whole[:, grid.context :][:, : song.n_samples]
            # the order in which windows are added up, in float32
            assert np.abs(stems[index] - whole).max() < 2e-6


def test_the_song_keeps_its_length_and_chunks_follow_each_other_without_a_gap(song):
    at = 0
    with open_song(song) as reader, workers(reader.n_threads) as pool:
        for chunk in rendered(song, reader, treatment_of(song), pool):
            assert chunk.start == at
            assert {stem.shape for stem in chunk.stems} == {(2, chunk.stems[0].shape[1])}
            at += chunk.stems[0].shape[1]
    assert at == song.n_samples


def test_a_neutral_song_is_its_raw_tracks_in_both_channels(song):
    with open_song(song) as reader:
        stems = stems_of(song, reader, treatment_of(song, None))
    assert len(stems) > 0
    for stem, (name, raw) in zip(stems, sounds().items(), strict=True):
        # float32 transforms: 110 dB below full scale
        assert np.abs(stem - raw).max() < 3e-6, name


def test_the_same_song_renders_to_the_same_samples_again(song, stems):
    with open_song(song) as reader:
        np.testing.assert_array_equal(stems_of(song, reader, treatment_of(song)), stems)


def test_every_track_has_its_own_treatment(song, stems):
    treatment = treatment_of(song)
    louder = replace(treatment, gain=treatment.gain._replace(level_db=treatment.gain.level_db.at[1].add(-6.0206)))
    with open_song(song) as reader:
        other = stems_of(song, reader, louder)
    np.testing.assert_allclose(other[1], 0.5 * stems[1], atol=1e-6)
    np.testing.assert_array_equal(np.delete(other, 1, axis=0), np.delete(stems, 1, axis=0))


@pytest.mark.parametrize("n", [1, 100, round(0.3 * RATE)])
def test_very_short_songs_keep_every_sample(tmp_path, n):
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (1, n)).astype(np.float32)
    song = song_of(tmp_path, {"short": x})
    with open_song(song) as reader:
        y = stems_of(song, reader, treatment_of(song, None))[0]
    np.testing.assert_allclose(y, np.concatenate([x, x]), atol=1e-6)
