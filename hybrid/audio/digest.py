"""A hash of a song: a result that carries it can be traced to its inputs."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

from hybrid.audio.song import Song, Track


def digest(song: Song) -> str:
    """SHA-256 of a song, in hexadecimal: of the bytes of its files or arrays and of all metadata that change its mix.

    The paths of the files and the confidences of their roles are not part of it: a song that is moved keeps its
    digest.
    """
    # hashing releases the interpreter lock
    with ThreadPoolExecutor() as pool:
        files = list(pool.map(_files_digest, song.tracks))
    metadata = [(each.id, each.role, each.tags, each.gain_db, each.offset_s, each.polarity) for each in song.tracks]
    text = json.dumps([song.sample_rate, song.tempo_bpm, song.raw_levels, metadata, files])
    return hashlib.sha256(text.encode()).hexdigest()


def _files_digest(track: Track) -> list[str]:
    if track.samples is not None:
        return [hashlib.sha256(track.samples.array.data).hexdigest()]
    hashes = []
    for path in track.files:
        with path.open("rb") as stream:
            hashes.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return hashes
