"""Song folders from files that hold their authors' balance: raw tracks, the mix, `song.yaml` and `decisions.json`.

Folders are named `Author - Title`, so that every split by artist is one by author.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import NamedTuple

import yaml

from hybrid import shelf
from hybrid.audio.song import file_name, unique_names
from hybrid.audio.write import OutputFolder
from hybrid.corpus.authored.decisions import CARD, FILE, Decisions, read_decisions, write_decisions
from hybrid.corpus.authored.read import read_source
from hybrid.corpus.authored.song_folder import RenderedSong, write_song_folder
from hybrid.corpus.authored.sources import SourceSong, find_source_songs
from hybrid.corpus.authored.types import SAMPLE_RATE
from hybrid.corpus.card import Card
from hybrid.corpus.fluidsynth import installed_soundfonts
from hybrid.errors import InputError, Problem
from hybrid.processes import leave_with
from hybrid.scratch import scratch_folder

_LARGEST_RESIDUAL_DB = -60.0
"""Inaudible; beyond, the tracks by themselves are not those of the mix, as where instruments change within notes."""
_FEWEST_TRACKS = 2
_ARTISTS = {"train": 0.6, "validation": 0.2, "test": 0.2}


class BuiltSong(NamedTuple):
    """What became of a song: its folder, or the reasons why there is none."""

    name: str
    where: str
    n_tracks: int = 0
    seconds: float = 0.0
    is_kept: bool = False
    """Whether an earlier run built it."""
    problems: tuple[str, ...] = ()


class BuildResult(NamedTuple):
    """Songs of a run, sorted by name, and the patterns of sources of which no file is there."""

    songs: tuple[BuiltSong, ...]
    missing: tuple[str, ...]


class _Job(NamedTuple):
    card: Card
    song: SourceSong
    name: str
    out: Path
    font: Path | None
    overwrite: bool


def build_songs(
    card: Card,
    folder: Path,
    out: Path,
    progress: Callable[[float], None],
    soundfonts: Sequence[Path] = (),
    overwrite: bool = False,
    n_processes: int | None = None,
) -> BuildResult:
    """Builds the songs of a card whose files are in `folder`, each in a folder of its own in `out`, and a card.

    Those that an earlier run built of the same files with the same players are kept, unless they are overwritten. A
    MIDI file is played by one of the SoundFonts, those of the card unless others are given, drawn by its name. Raises
    InputError if the card's songs are not built, if nothing of them is there, or if nothing plays them here.
    """
    if not card.is_built:
        raise InputError(Problem(card.name, "is not built from files: its songs are there, or synthesised"))
    found = find_source_songs(card.sources, shelf.expanded(folder))
    fonts = installed_soundfonts(soundfonts or card.soundfonts, card.install) if card.player == "midi" else []
    out = shelf.expanded(out)
    jobs = [
        _Job(card, song, name, out / name, _drawn(fonts, song.name), overwrite)
        for song, name in zip(found.songs, _names(found.songs), strict=True)
    ]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(Problem(str(out), f"cannot be written: {error.strerror}")) from error
    songs = list[BuiltSong]()
    for song in _run(jobs, n_processes):
        songs.append(song)
        progress(len(songs) / len(jobs))
    _write_card(card, out)
    return BuildResult(tuple(sorted(songs)), found.missing)


def _run(jobs: Sequence[_Job], n_processes: int | None) -> Iterator[BuiltSong]:
    """What becomes of each job, in their order; one process is this one."""
    if n_processes == 1:
        yield from map(_build, jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_processes, context, leave_with, (os.getpid(),)) as pool:
        try:
            yield from pool.map(_build, jobs)
        except BrokenProcessPool as error:
            what = "a process that rendered a song was killed, by a fault of its player or for want of memory"
            raise InputError(Problem("build", what, "run it again: songs that are done are kept")) from error
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _names(songs: Sequence[SourceSong]) -> list[str]:
    return unique_names(file_name(f"{song.author} - {song.name}") for song in songs)


def _drawn(fonts: Sequence[Path], name: str) -> Path | None:
    """One of the fonts, by a hash of the song's name: songs that are added later move no other."""
    digest = hashlib.sha256(name.encode()).digest()
    return fonts[int.from_bytes(digest[:8], "big") % len(fonts)] if fonts else None


def _write_card(card: Card, out: Path) -> None:
    """The card of the songs that were built, to train and to test on."""
    about = {
        "schema": "dataset/1",
        "name": card.name,
        "about": f"Songs built from the files of the card {card.name}. {card.about}",
        "licence": card.licence,
        "player": "files",
        "folder": ".",
        "artists": _ARTISTS,
    }
    shelf.write(out / CARD, yaml.safe_dump(about, sort_keys=False, allow_unicode=True, width=116))


def _build(job: _Job) -> BuiltSong:
    song = job.song
    try:
        digest = hashlib.sha256(song.data).hexdigest()
        authored = read_source(job.card, song, job.font)
        done = job.out / FILE
        if not job.overwrite and done.is_file():
            decisions = read_decisions(done)
            if (decisions.source_sha256, decisions.renderer) == (digest, authored.renderer):
                return BuiltSong(job.name, song.where, len(decisions.tracks), is_kept=True)
        with OutputFolder(job.out, True, [song.path]) as folder, scratch_folder() as scratch:
            rendered = RenderedSong(scratch)
            for track in authored.tracks():
                rendered.add(track)
            if len(rendered.tracks) < _FEWEST_TRACKS:
                raise InputError(Problem(song.where, "has no two tracks that sound: there is nothing to balance"))
            residual_db = None if authored.mix is None else rendered.compare(authored.mix())
            if residual_db is not None and authored.is_sum and residual_db > _LARGEST_RESIDUAL_DB:
                what = f"its instruments by themselves are not its mix: {residual_db:.0f} dB apart"
                raise InputError(Problem(song.where, what))
            tracks = write_song_folder(rendered, folder.path, authored.recorded, authored.title)
            decisions = Decisions(
                title=authored.title,
                author=song.author,
                licence=song.licence,
                source=song.where,
                source_sha256=digest,
                renderer=authored.renderer,
                raw_levels="recorded" if authored.recorded else "normalised",
                residual_db=None if residual_db is None else round(residual_db, 1),
                tracks=tuple(tracks),
            )
            write_decisions(decisions, folder.path / FILE)
        return BuiltSong(job.name, song.where, len(tracks), rendered.n_samples / SAMPLE_RATE)
    except InputError as error:
        return BuiltSong(job.name, song.where, problems=tuple(str(problem) for problem in error.problems))
