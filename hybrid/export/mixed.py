"""A mix with all its files: the path of `hybrid mix`, `hybrid batch` and the API."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from hybrid import shelf
from hybrid.analysis.chunks import Progress
from hybrid.audio.digest import digest
from hybrid.audio.encode import FileFormat, check_format, encode_folder
from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.audio.wav import Subtype
from hybrid.edits.file import EDITS_FILE, edits_digest, edits_text
from hybrid.export.first import write_first
from hybrid.export.made import made_with
from hybrid.export.results import write_results, write_settings
from hybrid.knowledge.ruleset import RuleSet
from hybrid.measure.meter import Levels
from hybrid.mixing.deliver import Delivered, Format, deliver
from hybrid.mixing.edited import plan_edited, without_muted
from hybrid.mixing.follow import goal_of
from hybrid.mixing.plan import MixConfig
from hybrid.mixing.quick import quick_mix
from hybrid.treatment.types import Treatment

NO_NETWORK = "none"


class OutputSpec(NamedTuple):
    """The files of a mix that are written, and where."""

    folder: Path
    """Exists and is empty."""
    subtype: Subtype
    sample_rate: int | None = None
    """Hz; None for the song's own."""
    file_format: FileFormat = "wav"
    stems: bool = True
    verdict: bool = True
    """Without a verdict the network's proposal is rendered once: neither refined nor judged, no stems, no report."""
    first: Callable[[], AbstractContextManager[Path]] | None = None
    """Opens an empty folder for a first version, which is written if what refines the mix has to be compiled."""


class WrittenMix(NamedTuple):
    """A mix as it was written."""

    song: Song
    """With its roles named."""
    inputs: str
    """Digest of the song."""
    levels: Levels
    notes: tuple[str, ...]
    delivered: Delivered | None
    """None without a verdict."""


def write_mix(song: Song, rules: RuleSet, config: MixConfig, spec: OutputSpec, progress: Progress) -> WrittenMix:
    """The mix of a song, written by `spec`. Deterministic. Raises InputError for a format that cannot hold it."""
    folder, fmt = spec.folder, Format(spec.sample_rate or song.sample_rate, spec.subtype, spec.stems)
    check_format(spec.file_format, spec.subtype, fmt.sample_rate)
    whole = song
    song, config = without_muted(song, config)
    goal = goal_of(song, config, progress)
    options = {
        "steps": str(config.n_steps),
        "seed": str(config.seed),
        "network": config.network.hash if config.network else NO_NETWORK,
        **({"settings": config.settings.digest} if config.settings else {}),
        **({"references": goal.digest()} if goal else {}),
        **({"edits": edits_digest(config.edits)} if config.edits else {}),
    }
    inputs = digest(whole)
    made = made_with(rules.hash, inputs, options)
    with open_song(song, config.n_threads) as reader:

        def write_first_version(song: Song, treatment: Treatment) -> None:
            assert spec.first is not None
            with spec.first() as first:
                write_first(reader.for_song(song), treatment, rules, first, fmt, made, progress=progress)

        if not spec.verdict:
            quick = quick_mix(reader, rules, config, folder, fmt, progress=progress)
            write_settings(quick.song, quick.treatment, folder, made)
            encode_folder(folder, spec.file_format)
            return WrittenMix(quick.song, inputs, quick.levels, quick.song.notes, None)
        first = write_first_version if spec.first and config.n_steps else None
        plan = plan_edited(goal, whole, reader, rules, config, progress, first)
        delivered = deliver(plan, reader, folder, fmt, progress)
    write_results(delivered, folder, made)
    if config.edits:
        shelf.write(folder / EDITS_FILE, edits_text(config.edits))
    encode_folder(folder, spec.file_format)
    plan = delivered.plan
    notes = (*plan.song.notes, *(goal.abstained() if goal else ()), *plan.report.warnings)
    return WrittenMix(plan.song, inputs, delivered.levels, notes, delivered)
