"""The index of a data set: what every song of it is, as lines of JSON, and what is wrong with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from pydantic import TypeAdapter, ValidationError

from hybrid import shelf
from hybrid.audio.align import find_lag
from hybrid.audio.probe import probe
from hybrid.audio.read import SongReader, open_song
from hybrid.audio.scan import finished_mixes
from hybrid.audio.song import Song, Track
from hybrid.corpus.dataset import Dataset
from hybrid.corpus.find import Found
from hybrid.corpus.load import song_of
from hybrid.errors import InputError, Problem

SCHEMA = "index/1"
_BLOCK_S = 10.0
_LATE_S = 0.001
"""Mixes that begin so much before or after their tracks are told."""
_SHORT_S = 0.5
"""Tracks that end so much before or after their mix are told."""


class Entry(NamedTuple):
    """One song of a data set."""

    song: str
    split: str | None
    duration_s: float
    sample_rate_hz: int
    tracks: tuple[Mapping[str, object], ...]
    """Id, files, role, tags, confidence, channels, and hashes of what the files hold."""
    mix: str | None
    notes: tuple[str, ...]
    problems: tuple[str, ...]


class Index(NamedTuple):
    """All songs, and the folder that their paths start from."""

    dataset: str
    root: Path
    entries: tuple[Entry, ...]


def scan(dataset: Dataset, progress: Callable[[float], None]) -> Index:
    """Reads the header of every file, and hashes what it holds; songs that cannot be read are there with the reason."""
    done: list[Entry] = []
    with ThreadPoolExecutor() as pool:
        for entry in pool.map(lambda found: _entry(found, dataset), dataset.songs):
            done.append(entry)
            progress(len(done) / len(dataset.songs))
    return Index(dataset.name, dataset.root, tuple(done))


def _entry(found: Found, dataset: Dataset) -> Entry:
    root = dataset.root
    mix = mix_of(found)
    there = str(_from(root, mix)) if mix else None
    blank = Entry(found.name, found.split, 0.0, 0, (), there, (), ())
    try:
        with TemporaryDirectory(prefix="hybrid-") as scratch:
            song = song_of(found, dataset.roles, Path(scratch))
            unpacked = Path(scratch)
            tracks = tuple(_track(track, root, unpacked) for track in song.tracks)
    except InputError as error:
        return blank._replace(problems=tuple(str(problem) for problem in error.problems))
    except OSError as error:
        return blank._replace(problems=(f"{error.filename}: {error.strerror}",))
    return blank._replace(
        duration_s=round(song.n_samples / song.sample_rate, 3),
        sample_rate_hz=song.sample_rate,
        tracks=tracks,
        notes=song.notes,
    )


def _track(track: Track, root: Path, unpacked: Path) -> Mapping[str, object]:
    return {
        "id": track.id,
        "files": [path.name if path.is_relative_to(unpacked) else str(_from(root, path)) for path in track.files],
        "sha256": [_hash(path) for path in track.files],
        "role": track.role,
        "tags": list(track.tags),
        "confidence": track.confidence,
        "channels": track.channels,
    }


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _from(root: Path, path: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else path


def mix_of(found: Found) -> Path | None:
    """The finished mix of a song, if one lies beside its tracks as a file of its own."""
    if found.mix:
        return found.mix.path if found.mix.stream is None else None
    if found.sources or found.problems:
        return None
    try:
        return next(iter(finished_mixes(found.folder)), None)
    except InputError:
        return None


def write_index(index: Index, path: Path) -> None:
    """A line that says what it is an index of, then one for each song. Raises InputError if it cannot be written."""
    head = {"schema": SCHEMA, "dataset": index.dataset, "root": str(index.root.resolve())}
    lines = [head, *(entry._asdict() for entry in index.entries)]
    shelf.write(path, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))


def read_index(path: Path) -> Index:
    """What `write_index` wrote. Raises InputError for anything else."""
    try:
        head, *lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] or [None]
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be read: {error.strerror}")) from error
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(str(path), "is not an index: it is not JSON, line by line")) from error
    if not isinstance(head, dict) or head.get("schema") != SCHEMA or not {"dataset", "root"} <= head.keys():
        raise InputError(Problem(str(path), f"is not an index: expected {SCHEMA!r} in its first line"))
    try:
        entries = TypeAdapter(tuple[Entry, ...]).validate_python(lines)
    except ValidationError as error:
        first = error.errors()[0]
        place = int(first["loc"][0]) + 2 if first["loc"] else 1
        raise InputError(Problem(f"{path}:{place}", "is not a song of an index", "scan the data set again")) from error
    return Index(str(head["dataset"]), Path(str(head["root"])), entries)


class Verified(NamedTuple):
    """What a close look at a song found."""

    song: str
    problems: tuple[str, ...]
    """What is broken: a file that changed since the index, that cannot be decoded, that holds NaN."""
    notes: tuple[str, ...]
    """What is worth knowing: where its mix begins, what differs in length."""


def verify(dataset: Dataset, index: Index, progress: Callable[[float], None]) -> Iterator[Verified]:
    """Decodes every file of every song from start to end, compares it with the index, and finds its mix."""
    entries = {entry.song: entry for entry in index.entries}
    for number, found in enumerate(dataset.songs, start=1):
        yield _verified(found, dataset, entries.get(found.name))
        progress(number / len(dataset.songs))
    for gone in sorted(entries.keys() - {found.name for found in dataset.songs}):
        yield Verified(gone, ("is in the index, and no longer there",), ())


def _verified(found: Found, dataset: Dataset, entry: Entry | None) -> Verified:
    if entry is None:
        return Verified(found.name, ("is not in the index: scan again",), ())
    problems, notes = [], []
    try:
        with TemporaryDirectory(prefix="hybrid-") as scratch:
            song = song_of(found, dataset.roles, Path(scratch))
            problems += _changed(song, entry)
            with open_song(song) as reader:
                problems += _undecodable(reader)
                mix = mix_of(found)
                if mix and not problems:
                    notes += list(_beside(mix, song, reader))
    except InputError as error:
        problems += [str(problem) for problem in error.problems]
    return Verified(found.name, tuple(problems), tuple(notes))


def _changed(song: Song, entry: Entry) -> Iterator[str]:
    known = {str(track["id"]): track["sha256"] for track in entry.tracks}
    yield from (f"{gone}: is gone" for gone in sorted(known.keys() - {track.id for track in song.tracks}))
    for track in song.tracks:
        if track.id not in known:
            yield f"{track.id}: is not in the index: scan again"
        elif known[track.id] != [_hash(path) for path in track.files]:
            yield f"{track.id}: is not what it was when the index was written"


def _undecodable(reader: SongReader) -> Iterator[str]:
    """What keeps a track from being read to its end."""
    song = reader.song
    size = round(_BLOCK_S * song.sample_rate)
    for number, _ in enumerate(song.tracks):
        try:
            for start in range(0, song.n_samples, size):
                reader.read(number, start, min(size, song.n_samples - start))
        except InputError as error:
            yield from (str(problem) for problem in error.problems)


def _beside(path: Path, song: Song, reader: SongReader) -> Iterator[str]:
    """How a finished mix lies to its tracks: its rate, its length, and where it begins."""
    header = probe(path)
    if header.sample_rate != song.sample_rate:
        yield f"{path.name} has {header.sample_rate} Hz, its tracks {song.sample_rate} Hz"
    track = Track("mixture", (path,), header.channels, "reference", (), 1.0)
    n_samples = -(-header.n_samples * song.sample_rate // header.sample_rate)
    alone = Song(song.name, song.folder, (track,), song.sample_rate, n_samples)
    with open_song(alone) as mix:

        def summed(start: int, n: int) -> Float[np.ndarray, " time"]:
            return sum(
                (reader.read(k, start, n).mean(axis=0) for k in range(len(song.tracks))), np.zeros(n, np.float32)
            )

        def mixed(start: int, n: int) -> Float[np.ndarray, " time"]:
            return mix.read(0, start, n).mean(axis=0)

        lag = find_lag(summed, mixed, song.n_samples, song.sample_rate)
    if not lag.is_reliable:
        yield f"{path.name} cannot be found among its tracks: another version of the song, or far from their sum"
    elif abs(lag.samples) >= _LATE_S * song.sample_rate:
        yield f"{path.name} begins {lag.samples / song.sample_rate:+.4f} s after its tracks"
    longer_s = (n_samples - song.n_samples) / song.sample_rate
    if abs(longer_s) > _SHORT_S:
        yield f"{path.name} is {abs(longer_s):.1f} s {'longer' if longer_s > 0 else 'shorter'} than its tracks"


def split_songs(entries: Sequence[Entry], shares: Mapping[str, float], seed: int) -> dict[str, str]:
    """A split for every song: by hash of its artist, if its name says one (`Artist - Title`, `Artist_Title`), so that
    no artist is in two; about as many songs in each as its share asks for. Who joins later moves nobody."""
    splits = {}
    for entry in entries:
        place = int.from_bytes(hashlib.sha256(f"{seed} {artist_of(entry.song)}".encode()).digest()[:8], "big") / 2.0**64
        reach, last = 0.0, ""
        for name, share in shares.items():
            reach, last = reach + share, name
            if place < reach:
                break
        splits[entry.song] = last
    return splits


def artist_of(song: str) -> str:
    """The part of a song's name that says who plays it, or all of the name."""
    for mark in (" - ", "_"):
        before, found, _ = song.partition(mark)
        if found and before.strip() and not before.strip().isdigit():
            return before.strip().casefold()
    return song.casefold()
