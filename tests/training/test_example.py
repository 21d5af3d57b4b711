"""Training examples: measured, stored and loaded unchanged, padded or cut to one shape."""

from __future__ import annotations

from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest

from hybrid.audio.manifest import load_song
from hybrid.model.input_features import NETWORK_FRAME_S
from hybrid.training.example import Example, Frames, Shape, load_example, measure_example, shaped, store_example
from hybrid.treatment.axes import AXES
from tests.training.dataset import SECONDS, write_song

SHAPE = Shape(5, 16, 4)


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    folder = tmp_path_factory.mktemp("one") / "song"
    write_song(folder, 0)
    return measure_example(load_song(folder))


def test_frames_of_four_tenths_of_a_second_cover_the_whole_song(example: Example):
    assert np.diff(example.frames.time_s) == pytest.approx(NETWORK_FRAME_S, rel=0.03)
    # the last window ends after the song
    assert example.frames.power.shape == (3, 3, round(SECONDS / NETWORK_FRAME_S) + 1, 40)
    assert [track.role for track in example.song.tracks] == ["bass", "guitar", "vocal.lead"]


def test_an_example_holds_all_arrays_of_a_recording_with_their_axes():
    hints = get_type_hints(Frames)
    assert {name: tuple(hints[name].dim_str.split()) for name in Frames._fields} == AXES


def test_a_stored_example_comes_back_as_it_was(example: Example, tmp_path: Path):
    path = tmp_path / "deep" / "one.safetensors"
    path.parent.mkdir()
    store_example(example, path)
    loaded = load_example(path)
    assert loaded is not None
    for old, new in zip(example.frames, loaded.frames, strict=True):
        np.testing.assert_array_equal(old, new)
        assert np.shape(old) == np.shape(new)
    assert [(t.id, t.role, t.tags) for t in loaded.song.tracks] == [(t.id, t.role, t.tags) for t in example.song.tracks]
    assert loaded.song.n_samples == example.song.n_samples


def test_a_damaged_example_counts_as_missing(example: Example, tmp_path: Path):
    path = tmp_path / "one.safetensors"
    store_example(example, path)
    path.write_bytes(path.read_bytes()[:-100])
    assert load_example(path) is None
    assert load_example(tmp_path / "none") is None


def test_short_examples_are_padded_with_silence_and_long_ones_cut(example: Example):
    padded = shaped(example, SHAPE)
    assert padded.frames.power.shape == (5, 3, 16, 40)
    np.testing.assert_array_equal(padded.frames.power[:3, :, : example.frames.power.shape[2]], example.frames.power)
    assert padded.frames.power[3:].max() == 0.0 and padded.frames.inside[-3:].max() == 0.0
    np.testing.assert_allclose(np.diff(padded.frames.time_s), NETWORK_FRAME_S, rtol=1e-4)

    cut = shaped(example, Shape(2, 4, 4), first=3)
    assert [track.role for track in cut.song.tracks] == ["bass", "guitar"]
    np.testing.assert_array_equal(cut.frames.power, example.frames.power[:2, :, 3:7])
    # points of a treatment start at time zero of the excerpt
    assert cut.frames.time_s[0] == example.frames.time_s[0]


def test_pairs_with_a_track_that_was_cut_are_zeroed(example: Example):
    dry = example.frames._replace(
        pairs=np.array([[0, 1], [0, 2]], np.int32), cross=np.ones((2, 2, 2, *example.frames.power.shape[2:]))
    )
    cut = shaped(Example(example.song, dry), Shape(2, 4, 3)).frames
    assert cut.pairs.tolist() == [[0, 1], [0, 0], [0, 0]]
    assert cut.cross[0].min() == 1.0 and cut.cross[1:].max() == 0.0
