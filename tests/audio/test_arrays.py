"""Songs whose samples are arrays: read as files are, and refused where they cannot be tracks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hybrid.audio.arrays import song_from_arrays, with_roles
from hybrid.audio.digest import digest
from hybrid.audio.manifest import load_song
from hybrid.audio.read import open_song
from hybrid.errors import InputError, SongError

RATE = 16000
NOISE = 0.1 * np.random.default_rng(0).standard_normal((2, 2 * RATE)).astype(np.float32)


def test_arrays_are_tracks_by_name_with_guessed_roles():
    song = song_from_arrays({"Lead Vox": NOISE[0].astype(np.float64), "Room": NOISE[:, :RATE]}, RATE, name="two")
    assert [(t.id, t.role, t.tags, t.channels) for t in song.tracks] == [
        ("Lead Vox", "vocal.lead", ("lead",), 1),
        ("Room", "drums.room", (), 2),
    ]
    assert (song.name, song.sample_rate, song.n_samples) == ("two", RATE, 2 * RATE)
    assert repr(song) == "Song('two', 2 tracks, 2.0 s, 16000 Hz)"
    assert [row["role"] for row in song.rows()] == ["vocal.lead", "drums.room"]


def test_samples_are_read_from_arrays_as_from_files(tmp_path: Path):
    tracks = {"bass": NOISE[:1], "gtr": NOISE[:, :RATE]}
    for name, x in tracks.items():
        soundfile.write(tmp_path / f"{name}.wav", x.T, RATE, "FLOAT")
    files, arrays = load_song(tmp_path), song_from_arrays(tracks, RATE)
    moved = [
        replace(song, tracks=tuple(replace(t, offset_s=0.01, gain_db=-3.0, polarity=-1) for t in song.tracks))
        for song in (files, arrays)
    ]
    for one, other in ((files, arrays), moved):
        with open_song(one) as first, open_song(other) as second:
            for track, start in ((0, -100), (1, 500), (1, RATE - 100)):
                np.testing.assert_array_equal(first.read(track, start, 3000), second.read(track, start, 3000))


def test_a_digest_follows_the_samples():
    songs = [song_from_arrays({"bass": x}, RATE) for x in (NOISE[0], NOISE[0].copy(), NOISE[1])]
    hashes = [digest(song) for song in songs]
    assert hashes[0] == hashes[1] != hashes[2]
    # the samples are not compared: a song in memory equals itself alone
    assert songs[0] != songs[1]
    assert len(set(songs)) == 3


def test_stated_roles_are_not_guessed_over():
    song = song_from_arrays({"bass": NOISE[0], "x": NOISE[1]}, RATE, {"x": "vocal.lead"})
    assert [(t.role, t.tags, t.confidence) for t in song.tracks][1] == ("vocal.lead", ("lead",), 1.0)
    assert with_roles(song.tracks, {"bass": "synth"})[0].role == "synth"


def test_what_is_not_mixed_is_left_out_and_what_is_silent_is_noted():
    song = song_from_arrays({"bass": NOISE[0], "click": NOISE[0], "pad": 0.0 * NOISE}, RATE)
    assert [track.id for track in song.tracks] == ["bass", "pad"]
    assert song.notes == ("click is a click: left out", "pad is silent")


@pytest.mark.parametrize(
    ("arrays", "error", "message"),
    [
        ({"a": NOISE.T}, InputError, r"a: has the shape \(32000, 2\), expected .*\n\nhint: transpose it"),
        ({"a": NOISE[:, :0]}, InputError, r"a: has the shape \(2, 0\)"),
        ({"a": np.zeros(9, np.int16)}, InputError, "a: holds int16, expected floats"),
        ({"a": NOISE * np.nan}, SongError, "a: holds NaN, infinity"),
        ({"a": 0.0 * NOISE, "b": 0.0 * NOISE}, SongError, "all tracks are silent: a, b"),
        ({"click": NOISE}, InputError, "no track is left to mix: click is a click"),
        ({}, InputError, "no track is left to mix: none was given"),
    ],
)
def test_arrays_that_are_no_tracks_are_refused(arrays: dict, error: type[InputError], message: str):
    with pytest.raises(error, match=message):
        song_from_arrays(arrays, RATE)


def test_all_mistakes_are_told_at_once():
    with pytest.raises(InputError) as caught:
        song_from_arrays({"bass": NOISE[0]}, RATE, {"bas": "bass", "bass": "basss"})
    assert [str(problem) for problem in caught.value.problems] == [
        "roles: no track 'bas'; did you mean bass?",
        "roles['bass']: no such role: 'basss'; did you mean bass?",
    ]
    with pytest.raises(InputError, match="sample_rate: is 441, expected 8000 to 192000 Hz"):
        song_from_arrays({"bass": NOISE[0]}, 441)
