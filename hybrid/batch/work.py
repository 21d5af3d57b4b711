"""One song of a data set: what is to be done, whether it is done already, and doing it."""

from __future__ import annotations

import glob
import hashlib
import json
import platform
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

from hybrid.audio.manifest import MANIFEST
from hybrid.audio.write import MIX_FILE, OutputFolder, Subtype
from hybrid.batch.record import Record
from hybrid.corpus.find import SongFiles
from hybrid.corpus.load import assemble_song
from hybrid.errors import InputError, UnwritableError, printable
from hybrid.source_hash import source_hash

if TYPE_CHECKING:
    from hybrid.knowledge.ruleset import RuleSet
    from hybrid.proposal.weights import Network


class Asked(NamedTuple):
    """How every song is to be mixed."""

    rules: tuple[str, ...] = ("base",)
    """Names or paths of rule files."""
    sets: tuple[str, ...] = ()
    model: str = "base"
    steps: int = 300
    seed: int = 0
    subtype: Subtype = "PCM_24"
    sample_rate: int | None = None
    stems: bool = False
    verdict: bool = True
    plugins: tuple[str, ...] = ()
    """Paths of files with further rule types, for whichever process reads the rules."""


class Job(NamedTuple):
    """A song to be mixed; can be sent to another process or machine that sees the same files."""

    found: SongFiles
    roles: Mapping[str, Sequence[str]]
    """What the labels of its data set mean."""
    out: Path
    """The folder of its results."""
    place: str
    """The same from the folder of all results."""
    asked: Asked
    hash: str
    """Of all that is asked, of the rules and weights themselves, and of the source that mixes."""


class Worker:
    """What a process has for one song: so many threads, and whether it has been asked to stop meanwhile."""

    def __init__(self, n_threads: int | None = None) -> None:
        self.n_threads = n_threads
        """One per core if None."""
        self._exit_code: int | None = None

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Handles a signal: leaves by an exception. Once, so that a second does not disturb the cleaning up."""
        signal.signal(number, signal.SIG_IGN)
        self._exit_code = 128 + number
        self.stop_if_asked()

    def stop_if_asked(self) -> None:
        """Raises SystemExit again, which may have been lost in a finaliser or a library."""
        if self._exit_code is not None:
            raise SystemExit(self._exit_code)


def hash_of(asked: Asked, rules: str, network: str) -> str:
    """What `Job.hash` is, by the hashes of rules and weights."""
    said = [
        asked._replace(rules=(), sets=(), model="", plugins=())._asdict(),
        rules,
        network,
        source_hash(__name__),
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def stamp_of(found: SongFiles) -> str:
    """A hash of names, sizes and times of the files of a song; of what is not there, that it is not."""
    paths = [source.path for source in found.sources] or _files(found.folder)
    said = [(str(path), *_sizes(path)) for path in paths]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_file() or path.name == MANIFEST)
    except OSError:
        return []


def _sizes(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return -1, -1
    return status.st_size, status.st_mtime_ns


def is_done(job: Job, before: Record | None) -> bool:
    """Whether a record says that the job is done: nothing that it follows from has changed, and the mix is there."""
    if before is None or before.state != "done" or before.asked != job.hash:
        return False
    return (job.out / MIX_FILE).is_file() and before.out == job.place and before.stamp == stamp_of(job.found)


def attempt(job: Job, worker: Worker) -> Record:
    """Mixes the song into its folder, whole or not at all. Whatever goes wrong is told in the record."""
    start, stamp = time.monotonic(), stamp_of(job.found)
    record = Record(job.found.name, "failed", job.place, job.hash, stamp, host=platform.node())
    try:
        record = _mixed(job, record, worker)
    except InputError as error:
        told = (f"{each} ({printable(each.hint)})" if each.hint else str(each) for each in error.problems)
        record = record._replace(reason="; ".join(told), unwritable=isinstance(error, UnwritableError))
    except Exception as error:
        # a fault of the program at one song must not cost the others: where it happened is kept
        record = record._replace(reason=printable(f"{type(error).__name__}: {error}"), trace=traceback.format_exc())
    return record._replace(seconds=round(time.monotonic() - start, 3))


def _mixed(job: Job, record: Record, worker: Worker) -> Record:
    from hybrid.compiled import clear_compiled
    from hybrid.export.mixed import OutputSpec, write_mix
    from hybrid.mixing.plan import MixConfig

    asked = job.asked
    rules, network = rules_of(asked.rules, asked.sets, asked.plugins), network_of(asked.model)
    with tempfile.TemporaryDirectory(prefix="hybrid-") as scratch:
        song = assemble_song(job.found, job.roles, Path(scratch))
        inputs = [path for track in song.tracks for path in track.files]
        with OutputFolder(job.out, overwrite=True, inputs=inputs) as folder:
            spec = OutputSpec(folder.path, asked.subtype, asked.sample_rate, asked.stems, asked.verdict)
            config = MixConfig(asked.steps, asked.seed, network, n_threads=worker.n_threads)
            written = write_mix(song, rules, config, spec, lambda stage, share: worker.stop_if_asked())
    excess = {}
    if written.delivered:
        excess = {
            finding.id: round(max(target.excess for target in finding.targets) / finding.scale, 4)
            for finding in written.delivered.verdict.rules
            if finding.targets
        }
    clear_compiled()
    return record._replace(
        state="done",
        inputs=written.inputs,
        duration_s=round(song.n_samples / song.sample_rate, 3),
        tracks=len(song.tracks),
        loudness_lufs=_finite(written.levels.integrated_lufs),
        true_peak_dbtp=_finite(written.levels.true_peak_dbtp),
        rules=excess,
        notes=written.notes,
    )


def _finite(level: float) -> float | None:
    return round(float(level), 3) if abs(level) < float("inf") else None


# a process mixes many songs under the same rules with the same network


@cache
def rules_of(names: tuple[str, ...], sets: tuple[str, ...], plugins: tuple[str, ...] = ()) -> RuleSet:
    """The rules of these files, read once in a process; `plugins` are files with further rule types."""
    from hybrid.knowledge.resolve import load_rules
    from hybrid.knowledge.rule_types import rule_types

    return load_rules(list(names), list(sets), rule_types(plugins))


@cache
def network_of(name: str) -> Network | None:
    """The network of that name, read once in a process; None for none."""
    from hybrid.export.mixed import NO_NETWORK
    from hybrid.proposal.weights import load_network

    return None if name == NO_NETWORK else load_network(name)


def hashes(asked: Asked) -> tuple[str, str]:
    """Of the rules and of the weights that are asked for. Raises InputError if they are not there or wrong."""
    network = network_of(asked.model)
    return rules_of(asked.rules, asked.sets, asked.plugins).hash, network.hash if network else ""


def clear_unfinished(job: Job) -> None:
    """Removes what an attempt at this song that was killed has left."""
    hidden = f".{glob.escape(job.out.name)}.????????"
    for parent in job.out.parents[: job.place.count("/") + 1]:
        for path in parent.glob(f"{hidden}.old"):
            # the older results stepped aside for new ones that never came
            if not job.out.exists():
                path.rename(job.out)
            shutil.rmtree(path, ignore_errors=True)
        for path in parent.glob(hidden):
            shutil.rmtree(path, ignore_errors=True)
