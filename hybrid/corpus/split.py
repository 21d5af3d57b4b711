"""Splits by artist: no artist is in two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TypeVar

_Split = TypeVar("_Split", bound=str)


def split_songs(songs: Iterable[str], shares: Mapping[_Split, float], seed: int) -> dict[str, _Split]:
    """A split for every song, by a hash of its artist, with about the given share of the songs in each.

    All songs of an artist (see `artist_of`) are in one split, and songs that are added later move no other.
    """
    splits = dict[str, _Split]()
    for song in songs:
        # the hash as a uniform number in [0, 1): the split is the one whose cumulated share it falls into
        digest = hashlib.sha256(f"{seed} {artist_of(song)}".encode()).digest()
        position = int.from_bytes(digest[:8], "big") / 2.0**64
        cumulated = 0.0
        for split, share in shares.items():
            cumulated += share
            splits[song] = split
            if position < cumulated:
                break
    return splits


def artist_of(song: str) -> str:
    """The artist in a song's name (`Artist - Title`, `Artist_Title`) in lower case, or else the whole name."""
    for separator in (" - ", "_"):
        artist, match, _ = song.partition(separator)
        if match and artist.strip() and not artist.strip().isdigit():
            return artist.strip().casefold()
    return song.casefold()
