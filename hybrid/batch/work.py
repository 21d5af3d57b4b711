"""One song of a data set: its job, whether the job is done already, and the attempt at it."""

from __future__ import annotations

import hashlib
import json
import platform
import signal
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

from hybrid import shelf
from hybrid.audio import write
from hybrid.audio.encode import FileFormat
from hybrid.audio.manifest import MANIFEST
from hybrid.audio.references import Reference, Rough, parse_reference
from hybrid.audio.wav import MIX_FILE, Subtype
from hybrid.audio.write import OutputFolder
from hybrid.batch.record import Record
from hybrid.corpus.find import SongFiles
from hybrid.corpus.load import assemble_song
from hybrid.errors import InputError, UnwritableError, printable
from hybrid.scratch import scratch_folder
from hybrid.source_hash import source_hash

SONG_NAME = "{song}"
"""Stands for the name of a song in paths of references."""

if TYPE_CHECKING:
    from hybrid.knowledge.ruleset import RuleSet
    from hybrid.proposal.weights import Network


class BatchConfig(NamedTuple):
    """Rules, network and options under which every song of a run is mixed."""

    rules: tuple[str, ...] = ("base",)
    """Names or paths of rule files."""
    sets: tuple[str, ...] = ()
    model: str = "base"
    steps: int = 300
    seed: int = 0
    subtype: Subtype = "PCM_24"
    sample_rate: int | None = None
    file_format: FileFormat = "wav"
    stems: bool = False
    verdict: bool = True
    references: tuple[str, ...] = ()
    """Finished mixes to follow, as `hybrid mix` has them; `{song}` stands for the name of the song."""
    rough: str | None = None
    """A rough mix of each song, whose balance is kept; `{song}` stands for the name of the song."""
    amount: float = 1.0
    """How much of it is kept."""
    plugins: tuple[str, ...] = ()
    """Paths of files with further rule types, for whichever process reads the rules."""


class Job(NamedTuple):
    """A song to be mixed; can be sent to another process or machine that sees the same files."""

    song: SongFiles
    roles: Mapping[str, Sequence[str]]
    """Role, then tags, of every label of its data set."""
    out: Path
    """The folder of its results."""
    place: str
    """`out` relative to the folder of all results."""
    config: BatchConfig
    hash: str
    """Of the config, the contents of rules and weights, and the source of the modules that mix."""


class Worker:
    """The resources of a process for one song: its threads, and whether it was asked to stop."""

    def __init__(self, n_threads: int | None = None) -> None:
        self.n_threads = n_threads
        """One per core if None."""
        self._exit_code: int | None = None

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Signal handler that raises SystemExit, once: a second signal must not interrupt the clean-up."""
        signal.signal(number, signal.SIG_IGN)
        self._exit_code = 128 + number
        self.stop_if_asked()

    def stop_if_asked(self) -> None:
        """Raises SystemExit again, in case a finaliser or a library has swallowed it."""
        if self._exit_code is not None:
            raise SystemExit(self._exit_code)


def config_hash(config: BatchConfig, rules: str, network: str) -> str:
    """`Job.hash`, from the hashes of rules and weights."""
    # names are left out: the hashes of rules and weights identify their contents, whatever they are called
    unnamed = config._replace(rules=(), sets=(), model="", plugins=())
    parts = [unnamed._asdict(), rules, network, source_hash(__name__)]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def references_of(config: BatchConfig, song: SongFiles) -> tuple[Reference, ...]:
    """The finished mixes that a song is to follow."""
    return tuple(parse_reference(text.replace(SONG_NAME, song.name)) for text in config.references)


def rough_of(config: BatchConfig, song: SongFiles) -> Rough | None:
    """The rough mix of a song; None without one."""
    return Rough(shelf.expanded(config.rough.replace(SONG_NAME, song.name)), config.amount) if config.rough else None


def stamp_of(song: SongFiles, followed: Sequence[Path] = ()) -> str:
    """Hash of the names, sizes and times of the files of a song and of the mixes that it follows; a missing file counts
    as such."""
    paths = [source.path for source in song.sources] or _files(song.folder)
    paths = [*paths, *followed]
    # contents are not read: resuming a run over a large data set must be fast
    parts = [(str(path), *_size_and_time(path)) for path in paths]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file() or path.name == MANIFEST)
    except OSError:
        return []


def _size_and_time(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def is_done(job: Job, before: Record | None) -> bool:
    """Whether the job is done by its last record: no input has changed since, and the mix exists."""
    if before is None or before.state != "done" or before.asked != job.hash:
        return False
    return mix_path(job).is_file() and before.out == job.place and before.stamp == _stamp(job)


def _stamp(job: Job) -> str:
    followed = [*references_of(job.config, job.song), rough_of(job.config, job.song)]
    return stamp_of(job.song, [each.path for each in followed if each])


def mix_path(job: Job) -> Path:
    """Where the mix of a job is."""
    return (job.out / MIX_FILE).with_suffix(f".{job.config.file_format}")


def attempt(job: Job, worker: Worker) -> Record:
    """The record of one attempt: the song is mixed into its folder, whole or not at all. No error is raised: it is
    written into the record."""
    start, stamp = time.monotonic(), _stamp(job)
    record = Record(job.song.name, "failed", job.place, job.hash, stamp, host=platform.node())
    try:
        record = _mix(job, record, worker)
    except InputError as error:
        messages = (f"{each} ({printable(each.hint)})" if each.hint else str(each) for each in error.problems)
        record = record._replace(reason="; ".join(messages), unwritable=isinstance(error, UnwritableError))
    except Exception as error:
        # a fault of the program at one song must not stop the others: its traceback is recorded
        record = record._replace(reason=printable(f"{type(error).__name__}: {error}"), trace=traceback.format_exc())
    return record._replace(seconds=round(time.monotonic() - start, 3))


def _mix(job: Job, record: Record, worker: Worker) -> Record:
    from hybrid.compiled import clear_compiled
    from hybrid.export.mixed import OutputSpec, write_mix
    from hybrid.mixing.plan import MixConfig

    config = job.config
    rules, network = rules_of(config.rules, config.sets, config.plugins), network_of(config.model)
    with scratch_folder() as scratch:
        song = assemble_song(job.song, job.roles, scratch)
        inputs = [path for track in song.tracks for path in track.files]
        with OutputFolder(job.out, overwrite=True, inputs=inputs) as folder:
            spec = OutputSpec(
                folder.path, config.subtype, config.sample_rate, config.file_format, config.stems, config.verdict
            )
            mix_config = MixConfig(config.steps, config.seed, network, n_threads=worker.n_threads)._replace(
                references=references_of(config, job.song), rough=rough_of(config, job.song)
            )
            written = write_mix(song, rules, mix_config, spec, lambda stage, share: worker.stop_if_asked())
    excess = {}
    if written.delivered:
        excess = {
            finding.id: round(max(target.excess for target in finding.targets) / finding.scale, 4)
            for finding in written.delivered.verdict.rules
            if finding.targets
        }
    # compiled programs fit one shape of song: kept for every song, they would fill the memory
    clear_compiled()
    return record._replace(
        state="done",
        inputs=written.inputs,
        duration_s=round(song.n_samples / song.sample_rate, 3),
        tracks=len(song.tracks),
        loudness_lufs=_finite(written.levels.integrated_lufs),
        true_peak_dbtp=_finite(written.levels.true_peak_dbtp),
        rules=excess,
        notes=(*written.notes, *folder.notes),
    )


def _finite(level: float) -> float | None:
    return round(float(level), 3) if abs(level) < float("inf") else None


# a process mixes many songs under the same rules with the same network


@cache
def rules_of(names: tuple[str, ...], sets: tuple[str, ...], plugins: tuple[str, ...] = ()) -> RuleSet:
    """The rules of these files, with `sets` applied and rule types of `plugins`; read once in a process."""
    from hybrid.knowledge.resolve import load_rules
    from hybrid.knowledge.rule_types import rule_types

    return load_rules(list(names), list(sets), rule_types(plugins))


@cache
def network_of(name: str) -> Network | None:
    """The network of that name, or None for "none"; read once in a process."""
    from hybrid.export.mixed import NO_NETWORK
    from hybrid.proposal.weights import load_network

    return None if name == NO_NETWORK else load_network(name)


def rule_and_weight_hashes(config: BatchConfig) -> tuple[str, str]:
    """Hashes of the rules and of the weights that a config names. Raises InputError if they are missing or not
    valid."""
    network = network_of(config.model)
    return rules_of(config.rules, config.sets, config.plugins).hash, network.hash if network else ""


def clear_unfinished(job: Job) -> None:
    """Removes the temporary folders that a killed attempt at this song has left."""
    write.clear_unfinished(job.out, job.place.count("/") + 1)
