"""`hybrid rules fit`: targets and tolerances learned from human mixes, as a rule file."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from hybrid import shelf
from hybrid.calibrate.decisions import notes_on, observe_table
from hybrid.calibrate.estimate import Estimate, Key, alone, estimates
from hybrid.calibrate.find import MixedSong, find_mixed_songs
from hybrid.calibrate.observed import AT_THE_FADERS, IN_THE_MIX, UNIT, Observed, Quantity
from hybrid.calibrate.parent import Parent, load_parent
from hybrid.calibrate.prior import prior_rows
from hybrid.calibrate.rules import fitted, thin
from hybrid.calibrate.schema import MixRow
from hybrid.calibrate.table import read_table
from hybrid.calibrate.write import Label, check_target, extended, id_of, rule_text, write_rules
from hybrid.cli.progress import progress_bar
from hybrid.cli.signals import load
from hybrid.errors import InputError, Problem


def fit(
    inputs: Annotated[
        list[Path],
        typer.Argument(help="tables of decisions (.json, .yaml), songs with a finished mix, folders of them"),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="the rule file to write")],
    extends: Annotated[str, typer.Option(help="the rules that are fitted: a name or a file")] = "base",
    weigh_by_scores: Annotated[
        bool, typer.Option("--weigh-by-scores", help="among mixes of a song, count those more that listeners liked")
    ] = False,
    mix: Annotated[
        str | None, typer.Option(help="which files of a song are its mixes, such as '*final*.wav' [default: by name]")
    ] = None,
    min_confidence: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="tracks of less are left out, in songs that are audio")
    ] = 0.5,
    source: Annotated[str, typer.Option(help="what the mixes are, to be cited [default: names of the inputs]")] = "",
    url: Annotated[str, typer.Option(help="where they can be found")] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace a file that exists")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Learn targets and tolerances from human mixes, and write them as a rule file."""
    parent = load_parent(extends)
    check_target(out, shelf.find("rules", extends), overwrite)
    songs, rows = _read([path.expanduser() for path in inputs], mix)
    observed = observe_table(rows, parent, weigh_by_scores)
    _tell([*notes_on(rows), *(["listeners' scores are of tables only"] if weigh_by_scores and songs else [])])
    observed += _listen(songs, parent, min_confidence) if songs else []
    found = estimates(observed)
    label = Label(id_of(out), extended(extends, out), source or _names(inputs), url, _command())
    rules = fitted(found, parent, label.id, _basis(songs, rows))
    if not rules.used:
        what = "nothing to fit: no quantity that the rules speak of occurs in two songs"
        raise InputError(Problem(_names(inputs), what))
    single = dict.fromkeys(of for quantity, of in alone(observed) if quantity != "spectrum")
    _tell([f"in one song only, not fitted: {', '.join(single)}"] if single else [])
    _tell(thin(found, rules.used))
    write_rules(out, rule_text(rules, label))
    print(_json(out, found) if as_json else _table(out, found))


def _read(paths: Sequence[Path], pattern: str | None) -> tuple[list[MixedSong], list[MixRow]]:
    """Songs and rows of all inputs. Raises InputError with what is wrong with each of them."""
    songs, rows, problems = list[MixedSong](), list[MixRow](), list[Problem]()
    for path in paths:
        try:
            if path.is_dir():
                found, notes = find_mixed_songs(path, pattern)
                songs.extend(found)
                _tell(notes)
            else:
                rows.extend(read_table(path))
        except InputError as error:
            problems.extend(error.problems)
    if problems:
        raise InputError(*problems)
    return songs, rows


def _listen(songs: Sequence[MixedSong], parent: Parent, min_confidence: float) -> list[Observed]:
    """What finished mixes say; this starts JAX."""
    load("hybrid.calibrate.folders")
    from hybrid.calibrate.folders import observe_song

    observed: list[Observed] = []
    with progress_bar() as progress:
        for place, song in enumerate(songs, 1):
            told = f"{place}/{len(songs)}"
            heard = observe_song(
                song, parent, min_confidence, lambda stage, done, at=told: progress(f"{at} {stage}", done)
            )
            observed.extend(heard.observed)
            _tell(heard.notes)
    return observed


class _Progress(NamedTuple):
    """Tells which song it is as well."""

    tell: Callable[[str, float], None]
    song: str

    def __call__(self, stage: str, share: float) -> None:
        self.tell(f"{self.song} {stage}", share)


def _basis(songs: Sequence[MixedSong], rows: Sequence[MixRow]) -> str:
    """How levels were measured."""
    return " ".join([AT_THE_FADERS] * bool(rows) + [IN_THE_MIX] * bool(songs))


def _tell(notes: Iterable[str]) -> None:
    for note in notes:
        print(note, file=sys.stderr)


def _names(paths: Sequence[Path]) -> str:
    return ", ".join(path.name or str(path) for path in paths)


def _command() -> str:
    return shlex.join(["hybrid", *sys.argv[1:]])


def _json(out: Path, found: Mapping[Key, Estimate]) -> str:
    said = {
        "schema": "fit/1",
        "rules": str(out),
        "estimates": [
            {"quantity": kind, "of": of, "unit": UNIT[kind], **each._asdict(), "is_thin": each.is_thin}
            for (kind, of), each in found.items()
        ],
        "prior": [row._asdict() for row in prior_rows(found)],
    }
    return json.dumps(said, indent=2, ensure_ascii=False)


def _table(out: Path, found: Mapping[Key, Estimate]) -> str:
    head = ("what", "of", "median", "quartiles", "tolerance", "songs", "mixes", "tracks")
    rows = [head, *(_row(kind, of, each) for (kind, of), each in found.items() if kind != "covered")]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join([*lines, "", f"wrote {out}: hybrid mix SONG -o OUT --rules {shlex.quote(str(out))}"])


def _row(kind: Quantity, of: str, each: Estimate) -> tuple[str, ...]:
    return (
        kind,
        of,
        f"{each.median:.1f} {UNIT[kind]}",
        f"{each.low:.1f} to {each.high:.1f}",
        f"{each.tolerance:.1f}{' (few songs)' if each.is_thin else ''}",
        str(each.n_songs),
        str(each.n_mixes),
        str(each.n_tracks),
    )
