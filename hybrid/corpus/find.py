"""The songs of a data set on disk: names and paths alone, no audio file is opened."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from hybrid import document
from hybrid.audio.manifest import MANIFEST
from hybrid.audio.probe import AUDIO_SUFFIXES, UNSUPPORTED_SUFFIXES, is_utf8
from hybrid.corpus import template
from hybrid.corpus.layout import LABEL, SPLIT, Described, Layout, Split
from hybrid.errors import InputError, Problem, printable

Plain = document.YamlValue


class Source(NamedTuple):
    """One file of a song, as the data set calls it."""

    label: str
    path: Path
    stem: str = ""
    """What it is part of; empty where nothing says."""
    bleed: bool | None = None
    stream: int | None = None
    """Which of the streams of a container it is."""


class Found(NamedTuple):
    """A song that a data set should have."""

    name: str
    folder: Path
    sources: tuple[Source, ...] = ()
    """Empty for a folder of tracks, which is read as `hybrid mix` reads it."""
    mix: Source | None = None
    split: Split | None = None
    problems: tuple[Problem, ...] = ()
    """Why it cannot be read as it should be."""


class Corpus(NamedTuple):
    """All that was found in a data set's folder."""

    songs: tuple[Found, ...]
    """By name; no two have one name."""
    strange: tuple[Path, ...]
    """Audio files that the layout does not know."""


def find_songs(layout: Layout | None, root: Path) -> Corpus:
    """The songs that lie in `root` by a layout; without one, every folder in it is a song.

    Raises InputError if the folder is not there or holds no song.
    """
    if not root.is_dir():
        raise InputError(Problem(str(root), "is a file, expected a folder" if root.exists() else "no such folder"))
    corpus = _folders(root) if layout is None else _Finder(layout, root).corpus()
    if not corpus.songs:
        some = ", ".join(str(path.relative_to(root)) for path in corpus.strange[:3])
        hint = f"files such as {some} are there, but the layout does not know them" if some else ""
        raise InputError(Problem(str(root), "holds no song", hint))
    return corpus


def _folders(root: Path) -> Corpus:
    shown = [path for path in sorted(root.iterdir()) if not path.name.startswith(".")]
    songs = [path for path in shown if path.is_dir() or (path.is_symlink() and not path.exists())]
    return Corpus(tuple(_checked(Found(path.name, path), root) for path in songs), ())


class _Finder:
    def __init__(self, layout: Layout, root: Path) -> None:
        self._layout, self._root = layout, root
        self._files = sorted(_files_below(root))
        self._known: set[str] = set()

    def corpus(self) -> Corpus:
        songs = dict(self._described())
        for name, found in self._by_path():
            songs.setdefault(name, found)
        strange = [
            self._root / path
            for path in self._files
            if path not in self._known and Path(path).suffix.lower() in AUDIO_SUFFIXES | UNSUPPORTED_SUFFIXES
        ]
        ordered = (songs[name] for name in sorted(songs))
        return Corpus(tuple(_checked(found, self._root) for found in ordered), tuple(strange))

    def _by_path(self) -> Iterator[tuple[str, Found]]:
        layout = self._layout
        mixes: dict[str, Source] = {}
        sources: dict[str, list[Source]] = {}
        said: dict[str, dict[str, str]] = {}
        rank: dict[str, int] = {}
        for path in self._files:
            if any(template.match(each, path) is not None for each in layout.without):
                self._known.add(path)
                continue
            order, parts = _first(layout.mixes, path)
            if parts is not None:
                name = self._name(parts)
                self._known.add(path)
                if order < rank.get(name, len(layout.mixes)):
                    rank[name], mixes[name] = order, Source("mixture", self._root / path)
                continue
            _, parts = _first(layout.tracks, path)
            if parts is not None:
                self._known.add(path)
                name = self._name(parts)
                said.setdefault(name, parts)
                sources.setdefault(name, []).extend(self._sources(path, parts))
        for name, found in sources.items():
            streams = next((source for source in found if source.label == "mixture"), None)
            tracks = tuple(source for source in found if source is not streams)
            folder = Path(os.path.commonpath([source.path.parent for source in found]))
            if not tracks:
                yield name, Found(name, folder, problems=(Problem(str(folder), "holds a mixture, and no track"),))
                continue
            yield name, Found(name, folder, tracks, mixes.get(name, streams), self._split(said[name]))

    def _sources(self, path: str, parts: Mapping[str, str]) -> Iterator[Source]:
        if not self._layout.streams:
            yield Source(parts[LABEL], self._root / path)
        for number, label in enumerate(self._layout.streams):
            yield Source(label, self._root / path, stream=number)

    def _described(self) -> Iterator[tuple[str, Found]]:
        described = self._layout.described
        for path in self._files if described else ():
            parts = template.match(described.file, path) if described else None
            if described is None or parts is None:
                continue
            self._known.add(path)
            name, file = self._name(parts), self._root / path
            try:
                found = self._read(described, file, parts, name)
            except InputError as error:
                found = Found(name, file.parent, problems=error.problems)
            for source in (*found.sources, *([found.mix] if found.mix else [])):
                self._known.add(_below(self._root, source.path))
            yield name, found

    def _read(self, described: Described, file: Path, parts: Mapping[str, str], name: str) -> Found:
        top = _plain(file)
        if not isinstance(top, dict):
            raise InputError(Problem(str(file), "expected keys and values"))
        above = {**parts, **_texts(top)}
        sources = []
        for values in _nodes(top, described.tracks.split("."), above, file):
            if described.only_if and not _is_yes(_fill(described.only_if, values, file)):
                continue
            stem = _fill(described.stem, values, file) if described.stem else ""
            bleed = _is_yes(_fill(described.bleed, values, file)) if described.bleed else None
            path = file.parent / _fill(described.path, values, file)
            sources.append(Source(_fill(described.label, values, file), path, stem, bleed))
        mix = file.parent / _fill(described.mix, above, file) if described.mix else None
        there = Source("mixture", mix) if mix and mix.is_file() else None
        return Found(name, file.parent, tuple(sources), there, self._split(parts))

    def _name(self, parts: Mapping[str, str]) -> str:
        return template.filled(self._layout.song, parts).replace("/", " ")

    def _split(self, parts: Mapping[str, str]) -> Split | None:
        return self._layout.splits.get(parts.get(SPLIT, ""))


def _files_below(root: Path) -> Iterator[str]:
    """All files by their paths from `root`, hidden ones and those in hidden folders apart."""
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        inner = Path(folder).relative_to(root)
        for name in files:
            if not name.startswith("."):
                yield (inner / name).as_posix()


def _first(templates: tuple[str, ...], path: str) -> tuple[int, dict[str, str] | None]:
    for order, each in enumerate(templates):
        parts = template.match(each, path)
        if parts is not None:
            return order, parts
    return len(templates), None


def _plain(file: Path) -> Plain:
    """What a YAML or JSON file says. Raises InputError for one that cannot be read."""
    if file.suffix.lower() != ".json":
        return document.read(file).data
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(Problem(str(file), f"cannot be read: {error.strerror}")) from error
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(str(file), f"is not JSON: {type(error).__name__}: {error}")) from error


def _texts(node: Mapping) -> dict[str, str]:
    """The values of a map that are neither maps nor lists, as text."""
    return {str(key): str(value) for key, value in node.items() if not isinstance(value, dict | list)}


def _nodes(node: Plain, keys: list[str], values: Mapping[str, str], file: Path) -> Iterator[dict[str, str]]:
    """What is said of each thing that lies at `keys`, and of all that it lies in."""
    if isinstance(node, dict):
        values = {**values, **_texts(node)}
    if not keys:
        yield dict(values)
        return
    key, *rest = keys
    if not key.startswith("{"):
        inner = node.get(key) if isinstance(node, dict) else None
        if inner is None:
            raise InputError(Problem(str(file), f"says no {key!r}"))
        yield from _nodes(inner, rest, values, file)
        return
    if not isinstance(node, dict | list):
        raise InputError(Problem(str(file), f"expected keys or a list where {key} is, got {node!r}"))
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for place, inner in items:
        yield from _nodes(inner, rest, {**values, key.strip("{}"): str(place)}, file)


def _fill(text: str, values: Mapping[str, str], file: Path) -> str:
    try:
        return template.filled(text, values)
    except KeyError as error:
        raise InputError(Problem(str(file), f"says no {error.args[0]!r} of a track")) from error


def _is_yes(text: str) -> bool:
    return text.strip().lower() in ("yes", "true", "1")


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _checked(found: Found, root: Path) -> Found:
    """The song with a problem for every file of it that lies outside the data set's folder, or is not there."""
    inside = root.resolve()
    paths = [source.path for source in (*found.sources, *([found.mix] if found.mix else []))]
    problems = list(found.problems)
    for path in paths or [found.folder]:
        problems += [Problem(str(path), what) for what in _misplaced(path, inside)]
    if not (paths or problems) and not _holds_tracks(found.folder):
        problems.append(Problem(str(found.folder), "holds no audio files"))
    if not is_utf8(found.name):
        problems.append(Problem(str(found.folder), "has a name that is not UTF-8", "rename it"))
        found = found._replace(name=printable(found.name))
    return found._replace(problems=tuple(problems))


def _misplaced(path: Path, inside: Path) -> Iterator[str]:
    try:
        if not path.resolve().is_relative_to(inside):
            yield "lies outside the data set's folder"
        elif not path.exists():
            yield "is not there"
    except (OSError, RuntimeError) as error:
        yield f"cannot be reached: {error.strerror if isinstance(error, OSError) else 'a loop of links'}"


def _holds_tracks(folder: Path) -> bool:
    if (folder / MANIFEST).is_file():
        return True
    try:
        return any(path.suffix.lower() in AUDIO_SUFFIXES | UNSUPPORTED_SUFFIXES for path in folder.iterdir())
    except OSError:
        return False
