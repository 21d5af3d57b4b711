"""The order of songs: those whose programs are compiled go ahead, and no two processes compile the same."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hybrid.analysis.recording import padded_shape
from hybrid.analysis.song import analyse_song
from hybrid.audio.manifest import load_song
from hybrid.audio.read import open_song
from hybrid.batch.shapes import likely_shape, next_job
from hybrid.corpus.find import SongFiles

RATE = 8000


def _order(jobs: str, n_processes: int) -> str:
    """The order in which jobs, named by their shapes, are begun, if they end in the order in which they began."""
    waiting, running, ready, begun = list(reversed(jobs)), list[str](), set[Hashable](), ""
    while waiting or running:
        while waiting and len(running) < n_processes:
            running.append(waiting.pop(next_job(waiting, running, ready, lambda job: job)))
            begun += running[-1]
        ready.add(running.pop(0))
    return begun


@pytest.mark.parametrize(
    ("jobs", "n_processes", "begun"),
    [
        ("aabb", 1, "aabb"),
        # two processes begin with different shapes, and wait for none
        ("aaabbb", 2, "abaabb"),
        ("aaaa", 2, "aaaa"),
        # of a shape that is ready all go ahead of new ones
        ("abcabc", 1, "aabbcc"),
    ],
)
def test_no_two_processes_begin_with_the_same_shape(jobs: str, n_processes: int, begun: str):
    assert _order(jobs, n_processes) == begun


def test_a_song_that_cannot_be_read_waits_for_nothing():
    assert next_job([None, "b", "a"], ["a"], {"b"}, lambda job: job) == 1
    assert next_job([None, "a"], ["a"], set(), lambda job: job) == 0


@pytest.mark.parametrize(("n_tracks", "seconds"), [(3, 2.0), (5, 11.0)])
def test_the_shape_is_that_of_the_analysis(tmp_path: Path, n_tracks: int, seconds: float):
    rng = np.random.default_rng(0)
    for number in range(n_tracks):
        soundfile.write(tmp_path / f"{number}.wav", 0.1 * rng.normal(size=round(seconds * RATE)), RATE)
    song = load_song(tmp_path)
    with open_song(song) as reader:
        power = analyse_song(song, reader).analysis.dry.power
    assert likely_shape(SongFiles("song", tmp_path)) == (power.shape[0], power.shape[2])


def test_long_songs_are_averaged_to_as_many_frames():
    short, long = (padded_shape(8, 60.0 * minutes, 44100) for minutes in (3.0, 12.0))
    assert short[0] == long[0] == 8 and short[1] == long[1]


def test_a_folder_without_audio_has_no_shape(tmp_path: Path):
    assert likely_shape(SongFiles("none", tmp_path)) is None
    assert likely_shape(SongFiles("gone", tmp_path / "gone")) is None
