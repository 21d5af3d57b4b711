"""A run over a data set: its songs and their folders, what is done already, and the record of every song."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hybrid.audio.song import file_name, unique_names
from hybrid.audio.write import is_result_folder
from hybrid.batch.local import Engine
from hybrid.batch.record import Manifest, Record, last_records
from hybrid.batch.work import BatchConfig, Job, clear_unfinished, config_hash, is_done, rule_and_weight_hashes
from hybrid.corpus.dataset import Dataset
from hybrid.corpus.find import SongFiles
from hybrid.corpus.layout import Split
from hybrid.errors import InputError, Problem

_PARTS = frozenset({"song", "split", "number"})
_PART = re.compile(r"\{(\w*)\}")
SLURM = "slurm"
"""The folder in which submitit keeps what it needs."""
_RESERVED = re.compile(r"(manifest|summary)[^/]*\.(jsonl?|html)(/|$)|slurm(/|$)", re.IGNORECASE)
"""Names of our own files in the folder of results."""
_LONGEST_NAME = 120
"""Bytes of a song's folder name; file systems allow 255, of which suffixes take some."""


class Shard(NamedTuple):
    """The nth of several parts of a data set that are mixed separately, counted from one."""

    number: int = 1
    of: int = 1

    @property
    def name(self) -> str:
        """ "3-of-16"; empty if there is one part."""
        return f"{self.number}-of-{self.of}" if self.of > 1 else ""

    def has(self, song: str) -> bool:
        """Whether a song belongs to the shard: by a hash of its name alone, whatever other songs the data set has."""
        digest = hashlib.sha256(song.encode()).digest()
        # `hash` of a string differs between processes; eight bytes of SHA-256 do not, and are spread evenly
        return int.from_bytes(digest[:8], "big") % self.of == self.number - 1


class RunOptions(NamedTuple):
    """Where a run writes its results, and which part of the work it does."""

    out: Path
    shard: Shard = Shard()
    resume: bool = False
    """Whether it continues an earlier run."""


class SongFilter(NamedTuple):
    """Which songs of a data set are mixed."""

    shard: Shard = Shard()
    pattern: str = "*"
    """Of song names, with the wildcards * and ?."""
    split: Split | None = None
    limit: int | None = None
    """At most so many of the songs that match."""


class BatchProgress(NamedTuple):
    """Counts of a run that is under way."""

    done: int
    failed: int
    of: int
    """Songs to mix in this run."""
    audio_s: float
    """Summed length of the songs mixed in this run."""


class BatchResult(NamedTuple):
    """The records of a finished run."""

    records: dict[str, Record]
    """The last record of every selected song."""
    n_done_before: int
    """Songs that an earlier run had done."""


def jobs_of(dataset: Dataset, out: Path, config: BatchConfig, selection: SongFilter, template: str) -> list[Job]:
    """A job for every selected song; a shard may have none. Raises InputError for rules, weights or a template that
    cannot be used, if no song is selected, and if a folder to be written holds files that are not our results."""
    hash_ = config_hash(config, *rule_and_weight_hashes(config))
    places = _relative_folders(dataset.songs, template)
    letters = {"*": ".*", "?": "."}
    # not fnmatch: brackets are common in song names, and must not be wildcards
    name_pattern = re.compile("".join(letters.get(each, re.escape(each)) for each in selection.pattern), re.DOTALL)
    chosen = [
        (song, place)
        for song, place in zip(dataset.songs, places, strict=True)
        if name_pattern.fullmatch(song.name) and (selection.split is None or song.split == selection.split)
    ]
    if not chosen:
        raise InputError(Problem(dataset.name, f"has {len(dataset.songs)} songs, but none matches the selection"))
    chosen = [(song, place) for song, place in chosen if selection.shard.has(song.name)][: selection.limit]
    jobs = [Job(song, dataset.roles, out / place, place, config, hash_) for song, place in chosen]
    problems = [
        Problem(str(job.out), "holds files that are not results")
        for job in jobs
        if job.out.exists() and not is_result_folder(job.out)
    ]
    if problems:
        # the first few: the same mistake usually concerns every folder
        raise InputError(*problems[:5])
    here, there = out.resolve(), dataset.root.resolve()
    if here.is_relative_to(there) or any(song.folder.resolve().is_relative_to(here) for song, _ in chosen):
        raise InputError(Problem(str(out), "lies in the data set, or holds some of it", "choose another output folder"))
    return jobs


def jobs_left(jobs: Sequence[Job], options: RunOptions) -> list[Job]:
    """The jobs that a run would do. Raises InputError for results of an earlier run that is not to be resumed."""
    before = last_records(options.out) if options.out.is_dir() else {}
    _check_resumed(jobs, options, before)
    return [job for job in jobs if not is_done(job, before.get(job.song.name))]


def run(
    jobs: Sequence[Job], options: RunOptions, engine: Engine, progress: Callable[[BatchProgress], None]
) -> BatchResult:
    """The records of all jobs: those that are not done are done now, and each record is written as soon as it exists.

    Raises InputError if there are records of an earlier run that is not to be resumed, or if nothing can be written.
    """
    before = open_results(jobs, options)
    finished = {job.song.name: before[job.song.name] for job in jobs if is_done(job, before.get(job.song.name))}
    left = [job for job in jobs if job.song.name not in finished]
    for job in left:
        clear_unfinished(job)
    records, n, audio_s = dict(finished), {"done": 0, "failed": 0}, 0.0
    with Manifest(options.out, options.shard.name) as manifest:
        progress(BatchProgress(0, 0, len(left), 0.0))
        for record in engine(left):
            manifest.add(record)
            records[record.song] = record
            n[record.state] += 1
            audio_s += record.duration_s
            progress(BatchProgress(n["done"], n["failed"], len(left), audio_s))
            # a full disk would fail every later song as well
            if record.unwritable:
                what = f"the run is stopped: {record.reason}"
                raise InputError(Problem(str(options.out), what, "continue with --resume"))
    return BatchResult(records, len(finished))


def open_results(jobs: Sequence[Job], options: RunOptions) -> dict[str, Record]:
    """The records of earlier runs in the folder of results, which is made if it is missing. Raises InputError if it
    cannot be made, or if there are records of these songs and the run is not a resumed one."""
    out = options.out
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(Problem(str(out), f"cannot be written: {error.strerror}")) from error
    if any(path.name != SLURM for path in out.iterdir()) and not any(out.glob("manifest*.jsonl")):
        raise InputError(Problem(str(out), "holds files that are not results", "choose another output folder"))
    before = last_records(out)
    _check_resumed(jobs, options, before)
    return before


def _check_resumed(jobs: Sequence[Job], options: RunOptions, before: Mapping[str, Record]) -> None:
    if not options.resume and any(job.song.name in before for job in jobs):
        what = "holds results of an earlier run"
        raise InputError(Problem(str(options.out), what, "add --resume, or choose another folder"))


def _relative_folders(songs: Sequence[SongFiles], template: str) -> list[str]:
    """The folder of each song's results, relative to that of all; distinct even where case is ignored. Raises
    InputError for a template that does not distinguish songs, or that leads out of the folder."""
    names = _PART.findall(template)
    odd = sorted(set(names) - _PARTS)
    if odd or not {"song", "number"} & set(names):
        what = f"expected a path with {{song}} or {{number}}, and {{split}} where it is known, got {template!r}"
        raise InputError(Problem("--name", what))
    if template.startswith("/") or any(part in ("", ".", "..") for part in template.split("/")):
        raise InputError(Problem("--name", f"expected a path below the output folder, got {template!r}"))
    digits, places = len(str(len(songs))), list[str]()
    for number, song in enumerate(songs, start=1):
        values = {
            "song": _shortened(file_name(song.name)),
            "split": song.split or "none",
            "number": f"{number:0{digits}d}",
        }
        place = _PART.sub(lambda part, values=values: values[part[1]], template)
        places.append(f"song {place}" if _RESERVED.match(place) else place)
    return unique_names(places)


def _shortened(name: str) -> str:
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: _LONGEST_NAME - 9].decode(errors='ignore')}-{digest}"
