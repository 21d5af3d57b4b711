"""The songs of a data set on disk, by names and paths alone: no audio file is opened."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from hybrid import document
from hybrid.audio.manifest import MANIFEST
from hybrid.audio.probe import AUDIO_SUFFIXES, UNSUPPORTED_SUFFIXES, is_utf8
from hybrid.audio.scan import folders_of_tracks
from hybrid.corpus import template
from hybrid.corpus.layout import LABEL, SPLIT, Layout, MetadataLayout, Split
from hybrid.document import YamlValue
from hybrid.errors import InputError, Problem, printable

_SUFFIXES = AUDIO_SUFFIXES | UNSUPPORTED_SUFFIXES
_MIXTURE = "mixture"
"""Label of the file or stream that is the mix."""


class SourceFile(NamedTuple):
    """A file of a song, with the label that the data set gives it."""

    label: str
    path: Path
    stem: str = ""
    """The group it belongs to; empty where it is not stated."""
    bleed: bool | None = None
    stream: int | None = None
    """Index of the stream, for one of several in a container."""


class SongFiles(NamedTuple):
    """The files of a song in a data set."""

    name: str
    folder: Path
    sources: tuple[SourceFile, ...] = ()
    """Empty for a folder of tracks, which is read as `hybrid mix` reads it."""
    mix: SourceFile | None = None
    split: Split | None = None
    problems: tuple[Problem, ...] = ()
    """Reasons why it cannot be read."""


class Corpus(NamedTuple):
    """The songs and the unrecognised files in a data set's folder."""

    songs: tuple[SongFiles, ...]
    """Sorted by name; names are unique."""
    unrecognised: tuple[Path, ...]
    """Audio files that match no template of the layout."""


def find_songs(layout: Layout | None, root: Path) -> Corpus:
    """The songs in `root` by a layout; without one, every folder in it is a song.

    Raises InputError if the folder does not exist or holds no song.
    """
    if not root.is_dir():
        raise InputError(Problem(str(root), "is a file, expected a folder" if root.exists() else "no such folder"))
    corpus = _folder_songs(root) if layout is None else _LayoutReader(layout, root).corpus()
    if not corpus.songs:
        examples = ", ".join(str(path.relative_to(root)) for path in corpus.unrecognised[:3])
        hint = f"files such as {examples} match no template of the layout" if examples else ""
        if layout is None and _has_tracks(root):
            hint = "it is a song itself: give the folder that it lies in, or use `hybrid mix`"
        raise InputError(Problem(str(root), "holds no song", hint))
    return corpus


def _folder_songs(root: Path) -> Corpus:
    visible = [path for path in sorted(root.iterdir()) if not path.name.startswith(".")]
    # a broken link is listed, so that it is reported
    songs = [path for path in visible if path.is_dir() or (path.is_symlink() and not path.exists())]
    return Corpus(tuple(_with_problems(SongFiles(path.name, path), root) for path in songs), ())


class _LayoutReader:
    """Matches the files of a data set with the templates of its layout."""

    def __init__(self, layout: Layout, root: Path) -> None:
        self._layout, self._root = layout, root
        self._files = sorted(_files_below(root))
        self._known: set[str] = set()

    def corpus(self) -> Corpus:
        # metadata precede paths: they know roles and bleed
        songs = dict(self._songs_with_metadata())
        for name, song in self._songs_by_path():
            songs.setdefault(name, song)
        unrecognised = [
            self._root / path
            for path in self._files
            if path not in self._known and Path(path).suffix.lower() in _SUFFIXES
        ]
        ordered = (songs[name] for name in sorted(songs))
        return Corpus(tuple(_with_problems(song, self._root) for song in ordered), tuple(unrecognised))

    def _songs_by_path(self) -> Iterator[tuple[str, SongFiles]]:
        """Songs whose tracks are named by their paths alone, each with its name."""
        layout = self._layout
        mixes: dict[str, SourceFile] = {}
        sources: dict[str, list[SourceFile]] = {}
        parts_of: dict[str, dict[str, str]] = {}
        rank: dict[str, int] = {}
        for path in self._files:
            if any(template.match(each, path) is not None for each in layout.without):
                self._known.add(path)
                continue
            # a file that matches a mix is no track, even if it matches the template of tracks
            order, parts = _first_match(layout.mixes, path)
            if parts is not None:
                name = self._name(parts)
                self._known.add(path)
                if order < rank.get(name, len(layout.mixes)):
                    rank[name], mixes[name] = order, SourceFile(_MIXTURE, self._root / path)
                continue
            _, parts = _first_match(layout.tracks, path)
            if parts is not None:
                self._known.add(path)
                name = self._name(parts)
                parts_of.setdefault(name, parts)
                sources.setdefault(name, []).extend(self._sources(path, parts))
        for name, members in sources.items():
            mix_stream = next((source for source in members if source.label == _MIXTURE), None)
            tracks = tuple(source for source in members if source is not mix_stream)
            folder = Path(os.path.commonpath([source.path.parent for source in members]))
            if not tracks:
                yield name, SongFiles(name, folder, problems=(Problem(str(folder), "holds a mixture, and no track"),))
                continue
            yield name, SongFiles(name, folder, tracks, mixes.get(name, mix_stream), self._split(parts_of[name]))

    def _sources(self, path: str, parts: Mapping[str, str]) -> Iterator[SourceFile]:
        if not self._layout.streams:
            yield SourceFile(parts[LABEL], self._root / path)
        for number, label in enumerate(self._layout.streams):
            yield SourceFile(label, self._root / path, stream=number)

    def _songs_with_metadata(self) -> Iterator[tuple[str, SongFiles]]:
        """Songs with a file of metadata, each with its name."""
        layout = self._layout.described
        for path in self._files if layout else ():
            parts = template.match(layout.file, path) if layout else None
            if layout is None or parts is None:
                continue
            self._known.add(path)
            name, file = self._name(parts), self._root / path
            try:
                song = self._read(layout, file, parts, name)
            except InputError as error:
                song = SongFiles(name, file.parent, problems=error.problems)
            for source in (*song.sources, *([song.mix] if song.mix else [])):
                self._known.add(_relative(self._root, source.path))
            yield name, song

    def _read(self, layout: MetadataLayout, file: Path, parts: Mapping[str, str], name: str) -> SongFiles:
        top = _load_metadata(file)
        if not isinstance(top, dict):
            raise InputError(Problem(str(file), "expected keys and values"))
        of_song = {**parts, **_scalars(top)}
        sources = []
        for values in _nodes(top, layout.tracks.split("."), of_song, file):
            if layout.only_if and not _is_true(_fill(layout.only_if, values, file)):
                continue
            stem = _fill(layout.stem, values, file) if layout.stem else ""
            bleed = _is_true(_fill(layout.bleed, values, file)) if layout.bleed else None
            path = file.parent / _fill(layout.path, values, file)
            sources.append(SourceFile(_fill(layout.label, values, file), path, stem, bleed))
        mix = file.parent / _fill(layout.mix, of_song, file) if layout.mix else None
        source = SourceFile(_MIXTURE, mix) if mix and mix.is_file() else None
        return SongFiles(name, file.parent, tuple(sources), source, self._split(parts))

    def _name(self, parts: Mapping[str, str]) -> str:
        return template.fill(self._layout.song, parts).replace("/", " ")

    def _split(self, parts: Mapping[str, str]) -> Split | None:
        return self._layout.splits.get(parts.get(SPLIT, ""))


def _files_below(root: Path) -> Iterator[str]:
    """Paths of all files from `root`, without hidden files and folders."""
    for folder, folders, files in os.walk(root):
        # in place, so that os.walk does not descend into hidden folders
        folders[:] = [name for name in folders if not name.startswith(".")]
        inner = Path(folder).relative_to(root)
        for name in files:
            if not name.startswith("."):
                yield (inner / name).as_posix()


def _first_match(templates: tuple[str, ...], path: str) -> tuple[int, dict[str, str] | None]:
    """Index of the first template that matches, and the parts of the path by it; None if none does."""
    for order, each in enumerate(templates):
        parts = template.match(each, path)
        if parts is not None:
            return order, parts
    return len(templates), None


def _load_metadata(file: Path) -> YamlValue:
    """The data of a YAML or JSON file. Raises InputError for one that cannot be read."""
    if file.suffix.lower() != ".json":
        return document.read(file).data
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise InputError(Problem(str(file), f"cannot be read: {error.strerror}")) from error
    except (ValueError, RecursionError) as error:
        raise InputError(Problem(str(file), f"is not JSON: {type(error).__name__}: {error}")) from error


def _scalars(node: Mapping) -> dict[str, str]:
    """The values of a map that are neither maps nor lists, as text."""
    return {str(key): str(value) for key, value in node.items() if not isinstance(value, dict | list)}


def _nodes(node: YamlValue, keys: list[str], values: Mapping[str, str], file: Path) -> Iterator[dict[str, str]]:
    """The scalar values of every node at `keys`, joined with those of all nodes above it."""
    if isinstance(node, dict):
        values = {**values, **_scalars(node)}
    if not keys:
        yield dict(values)
        return
    key, *rest = keys
    if not key.startswith("{"):
        inner = node.get(key) if isinstance(node, dict) else None
        if inner is None:
            raise InputError(Problem(str(file), f"has no key {key!r}"))
        yield from _nodes(inner, rest, values, file)
        return
    if not isinstance(node, dict | list):
        raise InputError(Problem(str(file), f"expected keys or a list where {key} is, got {node!r}"))
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for place, inner in items:
        yield from _nodes(inner, rest, {**values, key.strip("{}"): str(place)}, file)


def _fill(text: str, values: Mapping[str, str], file: Path) -> str:
    try:
        return template.fill(text, values)
    except KeyError as error:
        raise InputError(Problem(str(file), f"a track has no key {error.args[0]!r}")) from error


def _is_true(text: str) -> bool:
    return text.strip().lower() in ("yes", "true", "1")


def _relative(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _with_problems(song: SongFiles, root: Path) -> SongFiles:
    """The song with a problem for each of its files that does not exist or is outside the data set's folder."""
    root = root.resolve()
    paths = [source.path for source in (*song.sources, *([song.mix] if song.mix else []))]
    problems = list(song.problems)
    for path in paths or [song.folder]:
        problems += [Problem(str(path), what) for what in _path_problems(path, root)]
    if not (paths or problems) and not _has_tracks(song.folder):
        below = folders_of_tracks(song.folder)
        hint = f"for the songs in it, {', '.join(below[:3])}, give this folder" if below else ""
        problems.append(Problem(str(song.folder), "holds no audio files", hint))
    if not is_utf8(song.name):
        problems.append(Problem(str(song.folder), "has a name that is not UTF-8", "rename it"))
        song = song._replace(name=printable(song.name))
    return song._replace(problems=tuple(problems))


def _path_problems(path: Path, root: Path) -> Iterator[str]:
    try:
        if not path.resolve().is_relative_to(root):
            yield "is outside the data set's folder"
        elif not path.exists():
            yield "does not exist"
    except (OSError, RuntimeError) as error:
        yield f"cannot be reached: {error.strerror if isinstance(error, OSError) else 'a loop of links'}"


def _has_tracks(folder: Path) -> bool:
    if (folder / MANIFEST).is_file():
        return True
    try:
        return any(path.suffix.lower() in _SUFFIXES for path in folder.iterdir())
    except OSError:
        return False
