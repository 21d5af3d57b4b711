"""`hybrid rules fit`: a rule file with targets and tolerances fitted to human mixes."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hybrid import shelf
from hybrid.calibrate.decisions import notes_on, observe_table
from hybrid.calibrate.estimate import estimates, single_song_keys
from hybrid.calibrate.observations import LEVELS_AT_FADERS, LEVELS_IN_MIX, WEIGHTED_BY_SCORES, Observation
from hybrid.calibrate.parent import Parent, load_parent
from hybrid.calibrate.report import as_json as json_of
from hybrid.calibrate.report import describe_keys, few_songs, table
from hybrid.calibrate.rules import fit_rules
from hybrid.calibrate.schema import MixRow
from hybrid.calibrate.table import read_table
from hybrid.calibrate.write import Label, check_target, id_of, parent_reference, rule_text
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
        bool, typer.Option("--weigh-by-scores", help="weight the mixes of a song by listeners' scores")
    ] = False,
    mix: Annotated[
        str | None,
        typer.Option(help="pattern of the mixes in a song's folder, such as '*final*.wav' [default: by their names]"),
    ] = None,
    min_confidence: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="leave out tracks that are fitted with less confidence")
    ] = 0.5,
    source: Annotated[str, typer.Option(help="name of the mixes, to be cited [default: names of the inputs]")] = "",
    url: Annotated[str, typer.Option(help="web address of the mixes, to be cited")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace a file that exists")] = False,
    plugins: Plugins = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Fit targets and tolerances to human mixes, and write them as a rule file."""
    parent = load_parent(extends, rule_types(plugins or []))
    check_target(out, extends, overwrite)
    loaded = _read([path.expanduser() for path in inputs], mix)
    observations = observe_table(loaded.rows, parent, weigh_by_scores)
    observations += _observe_mixes(context, loaded, parent, min_confidence)
    estimated = estimates(observations)
    label = Label(id_of(out), parent_reference(extends, out), source or _names(inputs), url, _command())
    rules = fit_rules(estimated, parent, label.id, loaded.basis(weigh_by_scores))
    single = describe_keys(single_song_keys(observations))
    notes = [*loaded.notes, *([f"in one song only, not fitted: {single}"] if single else [])]
    notes.extend(few_songs(estimated, rules.used))
    for note in notes:
        print(note, file=sys.stderr)
    if not rules.used:
        what = "nothing to fit: no quantity of the rules occurs in two songs"
        raise InputError(Problem(_names(inputs), what))
    shelf.write(out, rule_text(rules, label))
    print(json_of(out, estimated, notes) if as_json else table(out, estimated))


class _Inputs(NamedTuple):
    """The content of all inputs, and notes for the user."""

    songs: list[MixedSong]
    rows: list[MixRow]
    notes: list[str]

    def basis(self, is_weighted: bool) -> str:
        """Sentences for the notes on how levels were measured."""
        sentences = {
            LEVELS_AT_FADERS: bool(self.rows),
            WEIGHTED_BY_SCORES: bool(self.rows) and is_weighted,
            LEVELS_IN_MIX: bool(self.songs),
        }
        return " ".join(sentence for sentence, applies in sentences.items() if applies)


def _read(paths: Sequence[Path], pattern: str | None) -> _Inputs:
    """Songs and rows of all inputs. Raises InputError with the problems of all of them."""
    inputs, problems = _Inputs([], [], []), list[Problem]()
    for path in paths:
        try:
            _add(path, pattern, inputs)
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(*problems)
    return inputs


def _add(path: Path, pattern: str | None, inputs: _Inputs) -> None:
    if not path.is_dir():
        rows = read_table(path)
        inputs.rows.extend(rows)
        inputs.notes.extend(notes_on(rows))
        return
    from hybrid.calibrate.find import find_mixed_songs

    songs, notes = find_mixed_songs(path, pattern)
    inputs.songs.extend(songs)
    inputs.notes.extend(notes)


def _observe_mixes(context: Context, inputs: _Inputs, parent: Parent, min_confidence: float) -> list[Observation]:
    """Observations of the finished mixes of songs; only these start JAX."""
    if not inputs.songs:
        return []
    load("hybrid.calibrate.folders")
    from hybrid.calibrate.folders import observe_song

    observations: list[Observation] = []
    with progress_bar(context) as progress:
        for number, song in enumerate(inputs.songs, 1):
            of_song = _SongProgress(progress, f"{number}/{len(inputs.songs)}")
            observed = observe_song(song, parent, min_confidence, of_song)
            observations.extend(observed.observations)
            inputs.notes.extend(observed.notes)
    return observations


class _SongProgress(NamedTuple):
    """A progress callback that adds the number of the song to the stage."""

    progress: Callable[[str, float], None]
    song: str

    def __call__(self, stage: str, share: float) -> None:
        self.progress(f"{self.song} {stage}", share)


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name or str(path) for path in paths)


def _command() -> str:
    return shlex.join(["hybrid", *sys.argv[1:]])
