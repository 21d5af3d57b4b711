"""A run of a study as its folder holds it, for notebooks and papers."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from hybrid.errors import InputError, Problem
from hybrid.study.folder import About
from hybrid.study.rows import ABOUT_FILE, ROWS_FILE, Row, read_rows
from hybrid.study.schema import Study
from hybrid.study.tables import EFFECT_COLUMNS, TEXT_COLUMNS, mixes_table, values_table
from hybrid.tabular import Row as Cells
from hybrid.tabular import Table, Tabular

EFFECTS_FILE = "effects.csv"


@dataclass(frozen=True, repr=False)
class StudyRun(Tabular):
    """A run of a study; as a table, its effects."""

    study: Study
    mixes: Table
    """A row for every mix: song, seed, arm, time, every metric, and the penalty of every rule."""
    values: Table
    """A row for every arm and quantity: the mean over songs with its interval."""
    effects: Table
    """A row for every arm and metric: the difference from all rules with its interval and p-values."""
    made_with: dict[str, str]

    def __repr__(self) -> str:
        return f"StudyRun({self.study.title!r}, {len(self.mixes.cells)} mixes)"

    def rows(self) -> list[Cells]:
        return self.effects.rows()


def load_study(folder: str | Path) -> StudyRun:
    """The run in the output folder of `hybrid ablate`. Raises InputError if it holds none that is finished."""
    folder = Path(folder).expanduser()
    try:
        about = About.model_validate_json((folder / ABOUT_FILE).read_bytes())
        study = Study.model_validate(about.study)
        rows: list[Row] = read_rows(folder / ROWS_FILE)
        with (folder / EFFECTS_FILE).open(encoding="utf-8", newline="") as file:
            effects = tuple(map(_cells, csv.DictReader(file)))
    except FileNotFoundError as error:
        what = f"is not a finished run of a study: {Path(str(error.filename)).name} is missing"
        raise InputError(Problem(str(folder), what, "expected the output folder of `hybrid ablate`")) from error
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise InputError(Problem(str(folder), "is not a run of a study, or a damaged one")) from error
    return StudyRun(
        study,
        mixes_table(rows),
        values_table(rows),
        Table("effects of the arms", effects, EFFECT_COLUMNS),
        about.made_with,
    )


def _cells(row: dict[str, str]) -> Cells:
    # an arm may have a number as its name
    return {head: text if head in TEXT_COLUMNS else float(text) if text else None for head, text in row.items()}
