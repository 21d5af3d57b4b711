"""What went in, as one hash: a result that carries it can be traced to its inputs."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

from hybrid.audio.song import Song, Track


def digest(song: Song) -> str:
    """The SHA-256 of a song, in hexadecimal: the bytes of its files and all that decides its sound.

    Where the files lie and how sure their roles are does not count: a song keeps its digest when it moves.
    """
    with ThreadPoolExecutor() as pool:
        files = list(pool.map(_files_digest, song.tracks))
    said = [(each.id, each.role, each.tags, each.gain_db, each.offset_s, each.polarity) for each in song.tracks]
    text = json.dumps([song.sample_rate, song.tempo_bpm, said, files])
    return hashlib.sha256(text.encode()).hexdigest()


def _files_digest(track: Track) -> list[str]:
    hashes = []
    for path in track.files:
        with path.open("rb") as stream:
            hashes.append(hashlib.file_digest(stream, "sha256").hexdigest())
    return hashes
