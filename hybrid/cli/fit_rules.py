"""`hybrid rules fit`: targets and tolerances learned from human mixes, as a rule file."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hybrid import shelf
from hybrid.calibrate.decisions import notes_on, observe_table
from hybrid.calibrate.estimate import alone, estimates
from hybrid.calibrate.observed import AT_THE_FADERS, IN_THE_MIX, WEIGHED, Observed
from hybrid.calibrate.parent import Parent, load_parent
from hybrid.calibrate.report import as_json as json_of
from hybrid.calibrate.report import few_songs, named, table
from hybrid.calibrate.rules import fitted
from hybrid.calibrate.schema import MixRow
from hybrid.calibrate.table import read_table
from hybrid.calibrate.write import Label, check_target, extended, id_of, rule_text
from hybrid.cli.options import Plugins
from hybrid.cli.progress import progress_bar
from hybrid.cli.signals import Context, load
from hybrid.errors import InputError, Problem
from hybrid.knowledge.rule_types import rule_types

if TYPE_CHECKING:
    from hybrid.calibrate.find import MixedSong


def fit(
    context: Context,
    inputs: Annotated[
        list[Path], typer.Argument(help="tables of decisions (.json, .yaml), songs with their mix, folders of songs")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="the rule file to write")],
    extends: Annotated[str, typer.Option(help="the rules that are fitted, a name or a file")] = "base",
    weigh_by_scores: Annotated[
        bool, typer.Option("--weigh-by-scores", help="among mixes of one song, those that listeners liked count more")
    ] = False,
    mix: Annotated[
        str | None, typer.Option(help="the mixes in a song's folder, such as '*final*.wav' [default: by their names]")
    ] = None,
    min_confidence: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="tracks that are fitted with less are left out")
    ] = 0.5,
    source: Annotated[str, typer.Option(help="what the mixes are, to be cited [default: names of the inputs]")] = "",
    url: Annotated[str, typer.Option(help="where they can be found")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace a file that exists")] = False,
    plugins: Plugins = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Learn targets and tolerances from human mixes, and write them as a rule file."""
    parent = load_parent(extends, rule_types(plugins or []))
    check_target(out, extends, overwrite)
    given = _read([path.expanduser() for path in inputs], mix)
    observed = observe_table(given.rows, parent, weigh_by_scores) + _listen(context, given, parent, min_confidence)
    found = estimates(observed)
    label = Label(id_of(out), extended(extends, out), source or _names(inputs), url, _command())
    rules = fitted(found, parent, label.id, given.basis(weigh_by_scores))
    single = named(alone(observed))
    notes = [*given.notes, *([f"in one song only, not fitted: {single}"] if single else [])]
    notes.extend(few_songs(found, rules.used))
    for note in notes:
        print(note, file=sys.stderr)
    if not rules.used:
        what = "nothing to fit: no quantity that the rules speak of occurs in two songs"
        raise InputError(Problem(_names(inputs), what))
    shelf.write(out, rule_text(rules, label))
    print(json_of(out, found, notes) if as_json else table(out, found))


class _Given(NamedTuple):
    """All inputs, and what a person should know of them."""

    songs: list[MixedSong]
    rows: list[MixRow]
    notes: list[str]

    def basis(self, is_weighed: bool) -> str:
        """How levels were measured."""
        said = {AT_THE_FADERS: bool(self.rows), WEIGHED: bool(self.rows) and is_weighed, IN_THE_MIX: bool(self.songs)}
        return " ".join(text for text, holds in said.items() if holds)


def _read(paths: Sequence[Path], pattern: str | None) -> _Given:
    """Songs and rows of all inputs. Raises InputError with everything that is wrong with any of them."""
    given, problems = _Given([], [], []), list[Problem]()
    for path in paths:
        try:
            _add(path, pattern, given)
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(*problems)
    return given


def _add(path: Path, pattern: str | None, given: _Given) -> None:
    if not path.is_dir():
        rows = read_table(path)
        given.rows.extend(rows)
        given.notes.extend(notes_on(rows))
        return
    from hybrid.calibrate.find import find_mixed_songs

    songs, notes = find_mixed_songs(path, pattern)
    given.songs.extend(songs)
    given.notes.extend(notes)


def _listen(context: Context, given: _Given, parent: Parent, min_confidence: float) -> list[Observed]:
    """What finished mixes say; only this starts JAX."""
    if not given.songs:
        return []
    load("hybrid.calibrate.folders")
    from hybrid.calibrate.folders import observe_song

    observed: list[Observed] = []
    with progress_bar(context) as progress:
        for place, song in enumerate(given.songs, 1):
            of_song = _Progress(progress, f"{place}/{len(given.songs)}")
            heard = observe_song(song, parent, min_confidence, of_song)
            observed.extend(heard.observed)
            given.notes.extend(heard.notes)
    return observed


class _Progress(NamedTuple):
    """Tells which song it is as well."""

    tell: Callable[[str, float], None]
    song: str

    def __call__(self, stage: str, share: float) -> None:
        self.tell(f"{self.song} {stage}", share)


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name or str(path) for path in paths)


def _command() -> str:
    return shlex.join(["hybrid", *sys.argv[1:]])
