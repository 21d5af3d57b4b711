"""The index of a data set: metadata and problems of every song, as lines of JSON, and the check of songs against it."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from jaxtyping import Float
from pydantic import TypeAdapter, ValidationError

from hybrid import shelf
from hybrid.audio.align import find_lag
from hybrid.audio.probe import probe
from hybrid.audio.read import SongReader, open_song
from hybrid.audio.scan import finished_mixes
from hybrid.audio.song import Song, Track
from hybrid.corpus.dataset import Dataset
from hybrid.corpus.find import SongFiles
from hybrid.corpus.load import assemble_song
from hybrid.errors import InputError, Problem
from hybrid.json_text import json_text
from hybrid.scratch import scratch_folder

SCHEMA = "index/1"
_BLOCK_S = 10.0
_OFFSET_TOLERANCE_S = 0.001
"""Largest offset between a mix and its tracks that is not reported."""
_LENGTH_TOLERANCE_S = 0.5
"""Largest difference in length between a mix and its tracks that is not reported."""


class IndexEntry(NamedTuple):
    """A song of a data set."""

    song: str
    split: str | None
    duration_s: float
    sample_rate_hz: int
    tracks: tuple[Mapping[str, object], ...]
    """Id, files, role, tags, confidence, channels, hashes of the files' contents, and which of them are silent."""
    mix: str | None
    notes: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def recordings(self) -> frozenset[str]:
        """Hashes of the contents of its tracks' files, but for silent ones."""
        silent = {digest for track in self.tracks for digest in _texts(track.get("silent"))}
        return frozenset(digest for track in self.tracks for digest in _texts(track.get("sha256"))) - silent


def _texts(listed: object) -> list[str]:
    return [str(each) for each in listed] if isinstance(listed, list | tuple) else []


class Index(NamedTuple):
    """All songs of a data set, and the folder that their paths are relative to."""

    dataset: str
    root: Path
    entries: tuple[IndexEntry, ...]


def build_index(dataset: Dataset, progress: Callable[[float], None]) -> Index:
    """The index of a data set, from the header and a hash of every file; unreadable songs are listed with the reason.

    `progress` is called with the share of songs that are done.
    """
    entries: list[IndexEntry] = []
    with ThreadPoolExecutor() as pool:
        for entry in pool.map(lambda files: _entry(files, dataset), dataset.songs):
            entries.append(entry)
            progress(len(entries) / len(dataset.songs))
    return Index(dataset.name, dataset.root, tuple(entries))


def _entry(files: SongFiles, dataset: Dataset) -> IndexEntry:
    root = dataset.root
    mix = mix_path(files)
    relative_mix = str(_relative(root, mix)) if mix else None
    blank = IndexEntry(files.name, files.split, 0.0, 0, (), relative_mix, (), ())
    try:
        with scratch_folder() as scratch:
            song = assemble_song(files, dataset.roles, scratch)
            tracks = tuple(_track(track, root, scratch) for track in song.tracks)
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


def _track(track: Track, root: Path, scratch: Path) -> Mapping[str, object]:
    return {
        "id": track.id,
        # a stream that was unpacked has no path of its own in the data set
        "files": [path.name if path.is_relative_to(scratch) else str(_relative(root, path)) for path in track.files],
        "sha256": (digests := [_hash(path) for path in track.files]),
        "silent": [digest for path, digest in zip(track.files, digests, strict=True) if _is_silent(path)],
        "role": track.role,
        "tags": list(track.tags),
        "confidence": track.confidence,
        "channels": track.channels,
    }


def _hash(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _relative(root: Path, path: Path) -> Path:
    return path.relative_to(root) if path.is_relative_to(root) else path


def mix_path(files: SongFiles) -> Path | None:
    """Path of the finished mix of a song; None where there is none, or as a stream of a container."""
    if files.mix:
        return files.mix.path if files.mix.stream is None else None
    if files.sources or files.problems:
        return None
    try:
        return next(iter(finished_mixes(files.folder)), None)
    except InputError:
        return None


def write_index(index: Index, path: Path) -> None:
    """Writes a line with the data set's name and folder, then one for each song.

    Raises InputError if it cannot be written.
    """
    head = {"schema": SCHEMA, "dataset": index.dataset, "root": str(index.root.resolve())}
    lines = [head, *(entry._asdict() for entry in index.entries)]
    shelf.write(path, "".join(json_text(line, None) + "\n" for line in lines))


def read_index(path: Path) -> Index:
    """The index in a file that `write_index` wrote. Raises InputError for any other file."""
    try:
        # by line feeds alone: other separators of lines may be part of a name
        head, *lines = [json.loads(line) for line in path.read_bytes().split(b"\n") if line] or [None]
    except OSError as error:
        raise InputError(Problem(str(path), f"cannot be read: {error.strerror}")) from error
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(str(path), "is not an index: it is not JSON, line by line")) from error
    if not isinstance(head, dict) or head.get("schema") != SCHEMA or not {"dataset", "root"} <= head.keys():
        raise InputError(Problem(str(path), f"is not an index: expected {SCHEMA!r} in its first line"))
    try:
        entries = TypeAdapter(tuple[IndexEntry, ...]).validate_python(lines)
    except ValidationError as error:
        first = error.errors()[0]
        place = int(first["loc"][0]) + 2 if first["loc"] else 1
        raise InputError(Problem(f"{path}:{place}", "is not a song of an index", "scan the data set again")) from error
    return Index(str(head["dataset"]), Path(str(head["root"])), entries)


class VerifiedSong(NamedTuple):
    """Result of the check of a song against the index."""

    song: str
    problems: tuple[str, ...]
    """Files that changed since the index, that cannot be decoded or that hold NaN."""
    notes: tuple[str, ...]
    """Offset and difference in length between its mix and its tracks."""


def shared_recordings(index: Index) -> dict[str, tuple[str, ...]]:
    """For every song that shares recordings with others, their digests. Silence is no recording."""
    n_songs = Counter(digest for entry in index.entries for digest in entry.recordings)
    shared = {entry.song: tuple(sorted(d for d in entry.recordings if n_songs[d] > 1)) for entry in index.entries}
    return {song: digests for song, digests in shared.items() if digests}


def _is_silent(path: Path) -> bool:
    """Whether a file holds nothing but zeros; False for one that cannot be read."""
    try:
        # most files are not: the first block tells
        return not any(np.any(block) for block in soundfile.blocks(path, 1 << 16, dtype="float32"))
    except (OSError, soundfile.LibsndfileError):
        return False


def _sharing_notes(shared: Mapping[str, Sequence[str]], song: str) -> tuple[str, ...]:
    """A note for each of the songs that share recordings with this one."""
    own = set(shared.get(song, ()))
    counts = {other: len(own.intersection(digests)) for other, digests in shared.items() if other != song}
    return tuple(f"shares {n} of its recordings with {other}" for other, n in sorted(counts.items()) if n)


def verify(dataset: Dataset, index: Index, progress: Callable[[float], None]) -> Iterator[VerifiedSong]:
    """The check of every song: all files are decoded, compared with the index, and aligned with the mix."""
    entries, shared = {entry.song: entry for entry in index.entries}, shared_recordings(index)
    for number, files in enumerate(dataset.songs, start=1):
        verified = _verify_song(files, dataset, entries.get(files.name))
        yield verified._replace(notes=(*verified.notes, *_sharing_notes(shared, files.name)))
        progress(number / len(dataset.songs))
    for missing in sorted(entries.keys() - {files.name for files in dataset.songs}):
        yield VerifiedSong(missing, ("is in the index, and no longer exists",), ())


def _verify_song(files: SongFiles, dataset: Dataset, entry: IndexEntry | None) -> VerifiedSong:
    if entry is None:
        return VerifiedSong(files.name, ("is not in the index: scan again",), ())
    problems, notes = [], []
    try:
        with scratch_folder() as scratch:
            song = assemble_song(files, dataset.roles, scratch)
            problems += _changes(song, entry)
            with open_song(song) as reader:
                problems += _decoding_problems(reader)
                mix = mix_path(files)
                if mix and not problems:
                    notes += list(_mix_notes(mix, song, reader))
    except InputError as error:
        problems += [str(problem) for problem in error.problems]
    return VerifiedSong(files.name, tuple(problems), tuple(notes))


def _changes(song: Song, entry: IndexEntry) -> Iterator[str]:
    known = {str(track["id"]): track["sha256"] for track in entry.tracks}
    yield from (f"{missing}: is missing" for missing in sorted(known.keys() - {track.id for track in song.tracks}))
    for track in song.tracks:
        if track.id not in known:
            yield f"{track.id}: is not in the index: scan again"
        elif known[track.id] != [_hash(path) for path in track.files]:
            yield f"{track.id}: has changed since the index was written"


def _decoding_problems(reader: SongReader) -> Iterator[str]:
    """Problems met while every track is read from start to end."""
    song = reader.song
    size = round(_BLOCK_S * song.sample_rate)
    for number, _ in enumerate(song.tracks):
        try:
            for start in range(0, song.n_samples, size):
                reader.read(number, start, min(size, song.n_samples - start))
        except InputError as error:
            yield from (str(problem) for problem in error.problems)


def _mix_notes(path: Path, song: Song, reader: SongReader) -> Iterator[str]:
    """Differences between a finished mix and its tracks in sample rate, offset and length."""
    header = probe(path)
    if header.sample_rate != song.sample_rate:
        yield f"{path.name} has {header.sample_rate} Hz, its tracks {song.sample_rate} Hz"
    track = Track("mixture", (path,), header.channels, "reference", (), 1.0)
    n_samples = -(-header.n_samples * song.sample_rate // header.sample_rate)
    mix_song = Song(song.name, song.folder, (track,), song.sample_rate, n_samples)
    with open_song(mix_song) as mix_reader:

        def mono_sum(start: int, n: int) -> Float[np.ndarray, " time"]:
            return sum(
                (reader.read(k, start, n).mean(axis=0) for k in range(len(song.tracks))), np.zeros(n, np.float32)
            )

        def mono_mix(start: int, n: int) -> Float[np.ndarray, " time"]:
            return mix_reader.read(0, start, n).mean(axis=0)

        lag = find_lag(mono_sum, mono_mix, song.n_samples, song.sample_rate)
    if not lag.is_reliable:
        yield f"{path.name} cannot be aligned with its tracks: another version of the song, or far from their sum"
    elif abs(lag.samples) >= _OFFSET_TOLERANCE_S * song.sample_rate:
        yield f"{path.name} starts {lag.samples / song.sample_rate:+.4f} s after its tracks"
    longer_s = (n_samples - song.n_samples) / song.sample_rate
    if abs(longer_s) > _LENGTH_TOLERANCE_S:
        yield f"{path.name} is {abs(longer_s):.1f} s {'longer' if longer_s > 0 else 'shorter'} than its tracks"
