"""A run over a data set: which songs, in which folders, which of them are done, and what became of the others."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from hybrid.audio.song import file_name, unique_names
from hybrid.audio.write import is_result_folder
from hybrid.batch.local import Engine
from hybrid.batch.record import Manifest, Record, last_records
from hybrid.batch.work import Asked, Job, clear_unfinished, hash_of, hashes, is_done
from hybrid.corpus.dataset import Dataset
from hybrid.corpus.find import SongFiles
from hybrid.corpus.layout import Split
from hybrid.errors import InputError, Problem

_PARTS = frozenset({"song", "split", "number"})
_PART = re.compile(r"\{(\w*)\}")
SLURM = "slurm"
"""The folder in which submitit keeps what it needs."""
_RESERVED = re.compile(r"(manifest|summary)[^/]*\.(jsonl?|html)(/|$)|slurm(/|$)", re.IGNORECASE)
"""Names of what else lies in the folder of results."""
_LONGEST_NAME = 120
"""Of a song's folder; systems allow 255 bytes, and a name may be spelt in three bytes a letter."""


class Shard(NamedTuple):
    """The nth of several parts of a data set that are mixed apart, counted from one."""

    number: int = 1
    of: int = 1

    @property
    def name(self) -> str:
        """Empty if it is the whole."""
        return f"{self.number}-of-{self.of}" if self.of > 1 else ""

    def has(self, song: str) -> bool:
        """Whether a song is in it, by its name alone: whoever else is in the data set changes nothing."""
        digest = hashlib.sha256(song.encode()).digest()
        return int.from_bytes(digest[:8], "big") % self.of == self.number - 1


class Choice(NamedTuple):
    """Which songs of a data set are mixed."""

    shard: Shard = Shard()
    pattern: str = "*"
    """With * and ?, of their names."""
    split: Split | None = None
    limit: int | None = None
    """Of the songs that are left, the first so many."""


class Told(NamedTuple):
    """How far a run has come."""

    done: int
    failed: int
    of: int
    """Songs to be done in this run."""
    audio_s: float
    """Length of all songs that were mixed in this run."""


class Ended(NamedTuple):
    """What a run leaves behind."""

    records: dict[str, Record]
    """The last of each song that was chosen."""
    kept: int
    """Songs that were done before."""


def jobs_of(dataset: Dataset, out: Path, asked: Asked, choice: Choice, template: str) -> list[Job]:
    """A job for every song that is chosen. Raises InputError for rules, weights or a template that cannot be used, if
    no song is chosen, and for results that would lie over what is not ours."""
    hash_ = hash_of(asked, *hashes(asked))
    places = _places(dataset.songs, template)
    letters = {"*": ".*", "?": "."}
    wanted = re.compile("".join(letters.get(each, re.escape(each)) for each in choice.pattern), re.DOTALL)
    chosen = [
        (found, place)
        for found, place in zip(dataset.songs, places, strict=True)
        if choice.shard.has(found.name)
        and wanted.fullmatch(found.name)
        and (choice.split is None or found.split == choice.split)
    ][: choice.limit]
    if not chosen:
        raise InputError(Problem(dataset.name, f"has {len(dataset.songs)} songs, but none that was asked for"))
    jobs = [Job(found, dataset.roles, out / place, place, asked, hash_) for found, place in chosen]
    problems = [
        Problem(str(job.out), "holds files that are not results")
        for job in jobs
        if job.out.exists() and not is_result_folder(job.out)
    ]
    if problems:
        raise InputError(*problems[:5])
    here, there = out.resolve(), dataset.root.resolve()
    if here.is_relative_to(there) or any(found.folder.resolve().is_relative_to(here) for found, _ in chosen):
        raise InputError(Problem(str(out), "lies in the data set, or holds some of it", "choose another output folder"))
    return jobs


def run(
    jobs: Sequence[Job], out: Path, shard: Shard, engine: Engine, resume: bool, tell: Callable[[Told], None]
) -> Ended:
    """Does the jobs that are not done, and writes down what became of each as soon as it is known.

    Raises InputError if there are records of an earlier run and `resume` is false, or if nothing can be written.
    """
    before = check_fresh(jobs, out, resume)
    finished = {job.found.name: before[job.found.name] for job in jobs if is_done(job, before.get(job.found.name))}
    left = [job for job in jobs if job.found.name not in finished]
    for job in left:
        clear_unfinished(job)
    records, n, audio_s = dict(finished), {"done": 0, "failed": 0}, 0.0
    with Manifest(out, shard.name) as manifest:
        tell(Told(0, 0, len(left), 0.0))
        for record in engine(left):
            manifest.add(record)
            records[record.song] = record
            n[record.state] += 1
            audio_s += record.duration_s
            tell(Told(n["done"], n["failed"], len(left), audio_s))
            if record.unwritable:
                raise InputError(Problem(str(out), f"the run is stopped: {record.reason}", "go on with --resume"))
    return Ended(records, len(finished))


def check_fresh(jobs: Sequence[Job], out: Path, resume: bool) -> dict[str, Record]:
    """Makes the folder of results; the records of earlier runs in it. Raises InputError if it cannot be made, or if
    there are records of these songs and `resume` is false."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(Problem(str(out), f"cannot be written: {error.strerror}")) from error
    if any(path.name != SLURM for path in out.iterdir()) and not any(out.glob("manifest*.jsonl")):
        raise InputError(Problem(str(out), "holds files that are not results", "choose another output folder"))
    before = last_records(out)
    if not resume and any(job.found.name in before for job in jobs):
        raise InputError(Problem(str(out), "holds results of an earlier run", "add --resume, or choose another folder"))
    return before


def _places(songs: Sequence[SongFiles], template: str) -> list[str]:
    """Where the results of each song go; no two to one place, whatever the case of letters. Raises InputError for a
    template that does not tell songs apart, or that leads elsewhere."""
    names = _PART.findall(template)
    odd = sorted(set(names) - _PARTS)
    if odd or not {"song", "number"} & set(names):
        what = f"expected a path with {{song}} or {{number}}, and {{split}} where it is known, got {template!r}"
        raise InputError(Problem("--name", what))
    if template.startswith("/") or any(part in ("", ".", "..") for part in template.split("/")):
        raise InputError(Problem("--name", f"expected a path below the output folder, got {template!r}"))
    digits, places = len(str(len(songs))), list[str]()
    for number, found in enumerate(songs, start=1):
        values = {
            "song": _short(file_name(found.name)),
            "split": found.split or "none",
            "number": f"{number:0{digits}d}",
        }
        place = _PART.sub(lambda part, values=values: values[part[1]], template)
        places.append(f"song {place}" if _RESERVED.match(place) else place)
    return unique_names(places)


def _short(name: str) -> str:
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name.encode()[: _LONGEST_NAME - 9].decode(errors='ignore')}-{digest}"
