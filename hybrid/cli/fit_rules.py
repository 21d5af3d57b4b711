"""`hybrid rules fit`: a rule file with targets and tolerances fitted to human mixes."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from hybrid import shelf
from hybrid.calibrate.decisions import notes_on, observe_table, table_levels
from hybrid.calibrate.estimate import estimates, single_song_keys
from hybrid.calibrate.expected import fit_levels
from hybrid.calibrate.levels import SongLevels
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
    loaded = _read([shelf.expanded(path) for path in inputs], mix)
    observations = observe_table(loaded.rows, parent, weigh_by_scores)
    balances = table_levels(loaded.rows, weigh_by_scores)
    measured = _observe_songs(context, loaded, parent, min_confidence)
    observations += measured.observations
    levels = fit_levels([*balances, *measured.levels])
    estimated = estimates(observations)
    label = Label(id_of(out), parent_reference(extends, out), source or _names(inputs), url, _command())
    model = None if isinstance(levels, str) else levels
    rules = fit_rules(estimated, parent, label.id, loaded.basis(weigh_by_scores), model)
    single = describe_keys(single_song_keys(observations))
    notes = [*loaded.notes, *([f"in one song only, not fitted: {single}"] if single else [])]
    notes.extend(few_songs(estimated, rules.used))
    for note in notes:
        print(note, file=sys.stderr)
    if not rules.used and model is None:
        what = "nothing to fit: no quantity of the rules occurs in two songs"
        raise InputError(Problem(_names(inputs), what))
    shelf.write(out, rule_text(rules, label))
    print(json_of(out, estimated, levels, notes) if as_json else table(out, estimated, levels))


class _Inputs(NamedTuple):
    """The content of all inputs, and notes for the user."""

    songs: list[MixedSong]
    decided: list[Path]
    """Folders of songs whose authors' levels are known: nothing needs to be told from their mixes."""
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
    inputs, problems = _Inputs([], [], [], []), list[Problem]()
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
    from hybrid.calibrate.find import decided_songs, find_mixed_songs

    decided = decided_songs(path)
    if decided.folders:
        inputs.decided.extend(decided.folders)
        inputs.notes.extend(decided.notes)
        return
    songs, notes = find_mixed_songs(path, pattern)
    inputs.songs.extend(songs)
    inputs.notes.extend(notes)


class _Measured(NamedTuple):
    """What was measured of songs that are folders of audio."""

    observations: list[Observation]
    levels: list[SongLevels]


def _observe_songs(context: Context, inputs: _Inputs, parent: Parent, min_confidence: float) -> _Measured:
    """Observations of finished mixes, and levels that authors set; only these start JAX."""
    measured = _Measured([], [])
    n_songs = len(inputs.songs) + len(inputs.decided)
    if not n_songs:
        return measured
    load("hybrid.calibrate.folders")
    from hybrid.calibrate.decided import observe_decisions
    from hybrid.calibrate.folders import observe_song

    with progress_bar(context) as progress:
        for number, song in enumerate(inputs.songs, 1):
            observed = observe_song(song, parent, min_confidence, _SongProgress(progress, f"{number}/{n_songs}"))
            measured.observations.extend(observed.observations)
            measured.levels.extend(observed.levels)
            inputs.notes.extend(observed.notes)
        for number, folder in enumerate(inputs.decided, len(inputs.songs) + 1):
            measured.levels.append(observe_decisions(folder, _SongProgress(progress, f"{number}/{n_songs}")))
    return measured


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
