"""Splits by artist: no artist is in two of them."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import TypeVar

_Split = TypeVar("_Split", bound=str)


def split_songs(
    songs: Iterable[str],
    shares: Mapping[_Split, float],
    seed: int,
    recordings: Mapping[str, Collection[str]] = MappingProxyType({}),
) -> dict[str, _Split]:
    """A split for every song, by a hash of its artist, with about the given share of the songs in each.

    All songs of an artist (see `artist_of`) are in one split, and so are artists of whom songs share a recording: one
    of the digests in `recordings`, by song. Songs that are added later move no other, unless they join two artists.
    """
    songs = list(songs)
    leader = joined_artists(songs, recordings)
    splits = dict[str, _Split]()
    for song in songs:
        # the hash as a uniform number in [0, 1): the split is the one whose cumulated share it falls into
        digest = hashlib.sha256(f"{seed} {leader[artist_of(song)]}".encode()).digest()
        position = int.from_bytes(digest[:8], "big") / 2.0**64
        cumulated = 0.0
        for split, share in shares.items():
            cumulated += share
            splits[song] = split
            if position < cumulated:
                break
    return splits


def joined_artists(songs: Iterable[str], recordings: Mapping[str, Collection[str]]) -> dict[str, str]:
    """For every artist the first, by name, of those that share recordings with it, directly or through others."""
    leader = {artist_of(song): artist_of(song) for song in songs}

    def first(artist: str) -> str:
        while leader[artist] != artist:
            artist = leader[artist]
        return artist

    owner: dict[str, str] = {}
    for song in songs:
        for digest in recordings.get(song, ()):
            pair = sorted((first(artist_of(song)), first(owner.setdefault(digest, artist_of(song)))))
            leader[pair[1]] = pair[0]
    return {artist: first(artist) for artist in leader}


def artist_of(song: str) -> str:
    """The artist in a song's name (`Artist - Title`, `Artist_Title`) in lower case, or else the whole name."""
    for separator in (" - ", "_"):
        artist, match, _ = song.partition(separator)
        if match and artist.strip() and not artist.strip().isdigit():
            return artist.strip().casefold()
    return song.casefold()
