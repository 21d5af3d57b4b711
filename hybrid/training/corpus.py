"""The cached examples of a data set, measured by several processes where they are missing."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import platformdirs

from hybrid.audio.manifest import load_song
from hybrid.audio.read import SongReader
from hybrid.audio.song import Song
from hybrid.corpus.authored.decisions import FILE
from hybrid.corpus.card import Card, Split, song_folders
from hybrid.corpus.play import check_player, human_mix, song_name, song_numbers, source_identity, write_song
from hybrid.errors import InputError, Problem
from hybrid.processes import leave_with
from hybrid.scratch import scratch_folder
from hybrid.source_hash import source_hash
from hybrid.training.decided_targets import decided_target
from hybrid.training.example import CachedExample, measure_example, store_example
from hybrid.training.stored_targets import human_target, human_target_path, store_target
from hybrid.treatment.types import Dry

CACHE = "HYBRID_EXAMPLES"
"""The environment variable that overrides the folder of examples."""


def examples_of(card: Card, split: Split, n: int | None = None) -> list[CachedExample]:
    """The examples of the first `n` songs of a split, or of all. Raises InputError if it has fewer, or none."""
    check_player(card)
    if n is None and card.folder is None:
        what = f"plays as many songs as one likes, expected a number of them to {_for(split)}"
        raise InputError(Problem(card.name, what, "such as `{songs: 300, validation: 30}`"))
    numbers = song_numbers(card, split)
    n = max(1, len(numbers)) if n is None else n
    if n > len(numbers):
        hint = "" if split in card.splits else f"a copy of the card may say so: `splits: {{{split}: [first, end]}}`"
        raise InputError(Problem(card.name, f"has {len(numbers)} songs to {_for(split)}, expected {n} at least", hint))
    folder = folder_of(card)
    return [CachedExample(folder / f"{song_name(card, number)}.safetensors", card, number) for number in numbers[:n]]


def make_missing(
    examples: Sequence[CachedExample], progress: Callable[[float], None], n_processes: int | None = None
) -> None:
    """Measures all examples that are not on disk, in several processes. If interrupted, finished ones stay on disk."""
    missing = [each for each in examples if not each.path.is_file()]
    if not missing:
        return
    with ProcessPoolExecutor(n_processes or os.cpu_count(), get_context("spawn"), leave_with, (os.getpid(),)) as pool:
        try:
            for done, _ in enumerate(pool.map(_make, missing), start=1):
                progress(done / len(missing))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def songs_in(folder: Path, cache: Path, progress: Callable[[float], None]) -> list[CachedExample]:
    """The examples of the songs in a folder of song folders, cached in `cache`. Raises InputError if there are none."""
    inner, cache = song_folders(folder), cache / source_hash(__name__)[:12]
    examples = [CachedExample(cache / f"{path.name}.safetensors") for path in inner]
    for number, (path, each) in enumerate(zip(inner, examples, strict=True), start=1):
        if not each.path.is_file():
            store_example(measure_example(load_song(path)), each.path)
        progress(number / len(examples))
    return examples


def _make(example: CachedExample) -> None:
    assert example.card is not None
    example.path.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder() as scratch:
        mix = human_mix(example.card, example.seed, scratch)

        def fit_mix(song: Song, reader: SongReader, dry: Dry) -> None:
            target = None
            if mix:
                decided = mix.parent / FILE
                # what a person decided need not be told from the mix
                is_decided = decided.is_file()
                target = decided_target(decided, song, dry) if is_decided else human_target(mix, song, reader, dry)
            if target:
                store_target(target, human_target_path(example))

        store_example(measure_example(write_song(example.card, example.seed, scratch / "song"), fit_mix), example.path)


def folder_of(card: Card) -> Path:
    """The folder of the examples of a data set; its name has a hash of all that they depend on."""
    override = os.environ.get(CACHE)
    folder = Path(override) if override else Path(platformdirs.user_cache_dir("hybrid-mix")) / "examples"
    parts = repr((source_hash(__name__), source_identity(card))).encode()
    return folder / f"{card.name}-{hashlib.sha256(parts).hexdigest()[:12]}"


def _for(split: Split) -> str:
    return {"train": "train on", "validation": "validate on", "test": "test on"}[split]
