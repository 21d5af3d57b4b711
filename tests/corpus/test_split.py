"""Splits by artist."""

from __future__ import annotations

import pytest

from hybrid.corpus.split import artist_of, split_songs


def test_no_artist_is_in_two_splits_and_added_songs_move_no_other():
    names = [f"Artist {n % 60} - Song {n}" for n in range(600)]
    shares = {"train": 0.8, "validation": 0.1, "test": 0.1}
    drawn = split_songs(names, shares, 0)
    of_artist = {(artist_of(song), split) for song, split in drawn.items()}
    assert len(of_artist) == 60
    assert 420 < sum(split == "train" for split in drawn.values()) < 540
    more = split_songs([*names, "Newcomer - One"], shares, 0)
    assert all(more[name] == split for name, split in drawn.items())
    assert split_songs(names, shares, 1) != drawn


def test_artists_who_share_a_recording_are_in_one_split():
    """A sample used by two artists, and by a third through another, would be learned from and judged by."""
    names = [f"Artist {n} - Song" for n in range(200)]
    recordings = {names[n]: {f"own {n}", f"shared {n // 4}"} for n in range(200)}
    recordings[names[3]].add("shared 1")
    drawn = split_songs(names, {"train": 0.5, "test": 0.5}, 0, recordings)
    for first in range(0, 200, 4):
        assert len({drawn[name] for name in names[first : first + 4]}) == 1
    assert drawn[names[0]] == drawn[names[7]] and len(set(drawn.values())) == 2
    assert split_songs(names, {"train": 0.5, "test": 0.5}, 0) != drawn


@pytest.mark.parametrize(
    ("song", "artist"),
    [("A - B", "a"), ("Artist_Title", "artist"), ("001 - A - B", "001 - a - b"), ("Track00001", "track00001")],
)
def test_the_artist_is_the_first_part_of_a_songs_name(song: str, artist: str):
    assert artist_of(song) == artist
