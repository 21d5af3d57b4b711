"""Results that are tables: shown by notebooks, and given to pandas where it is installed."""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, tostring

from hybrid import shelf
from hybrid.errors import InputError, Problem, UnwritableError

if TYPE_CHECKING:
    from pandas import DataFrame

Cell = str | int | float | None
Row = dict[str, Cell]


class Tabular(ABC):
    """A result that knows its rows; its `repr` is their caption."""

    @abstractmethod
    def rows(self) -> list[Row]:
        """The table row by row, each by the same names of columns."""

    def column_names(self) -> list[str]:
        """The names of the columns; those of the first row, if the table does not know them without one."""
        return list(rows[0]) if (rows := self.rows()) else []

    def to_pandas(self) -> DataFrame:
        """The rows as a data frame. Raises InputError where pandas is not installed."""
        try:
            from pandas import DataFrame
        except ImportError as error:
            hint = "pip install 'hybrid-mix[stats]'"
            raise InputError(Problem("to_pandas", "needs pandas, which is not installed", hint)) from error
        rows = self.rows()
        return DataFrame(rows, columns=None if rows else self.column_names())

    def _repr_html_(self) -> str:
        """The rows as a table for a notebook."""
        return html_table(repr(self), self.rows())


@dataclass(frozen=True, repr=False)
class Table(Tabular):
    """A table with its caption, whose rows have the same names of columns."""

    caption: str
    cells: tuple[Row, ...]
    columns: tuple[str, ...] = ()
    """Their names, for a table that may have no rows."""

    def __repr__(self) -> str:
        return f"{self.caption}: {len(self.cells)} rows"

    def rows(self) -> list[Row]:
        return list(self.cells)

    def to_csv(self, path: str | Path | None = None) -> str:
        """The rows as CSV, numbers with six digits; written to a file as well, if a path is given."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if heads := self.column_names():
            writer.writerow(heads)
        writer.writerows([_written(cell) for cell in row.values()] for row in self.cells)
        return _written_to(path, text.getvalue())

    def to_latex(self, path: str | Path | None = None) -> str:
        """The rows as a `tabular` with the rules of booktabs, numbers with four digits; written to a file as well, if a
        path is given."""
        heads = self.column_names()
        is_number = {head: all(isinstance(row[head], float | int | None) for row in self.cells) for head in heads}
        columns = "".join("r" if is_number[head] else "l" for head in heads)
        lines = [
            _latex_row(heads),
            r"\midrule",
            *(_latex_row([_latex_text(row[head]) for head in heads]) for row in self.cells),
        ]
        body = "\n".join(lines)
        text = f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{body}\n\\bottomrule\n\\end{{tabular}}\n"
        return _written_to(path, text)

    def column_names(self) -> list[str]:
        return super().column_names() or list(self.columns)

    def to_parquet(self, path: str | Path) -> None:
        """Writes the rows as Parquet. Raises InputError where pandas or pyarrow is not installed."""
        frame = self.to_pandas()
        try:
            frame.to_parquet(path)
        except ImportError as error:
            hint = "pip install 'hybrid-mix[stats]'"
            raise InputError(Problem("to_parquet", "needs pyarrow, which is not installed", hint)) from error
        except OSError as error:
            raise UnwritableError(Problem(str(path), f"cannot be written: {error.strerror}")) from error


def _written_to(path: str | Path | None, text: str) -> str:
    if path is not None:
        shelf.write(shelf.expanded(path), text)
    return text


def _written(cell: Cell) -> Cell:
    if cell is None or (isinstance(cell, float) and cell != cell):
        return ""
    return f"{cell:.6g}" if isinstance(cell, float) else cell


_LATEX = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "−": "$-$",
        # after the end of a row, a bracket would be its argument
        "[": "{[}",
    }
)


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(" ".join(cell.split()).translate(_LATEX) for cell in cells) + r" \\"


def _latex_text(cell: Cell) -> str:
    return "–" if isinstance(cell, float) and cell != cell else _text(cell)


def html_table(caption: str, rows: Sequence[Row]) -> str:
    """A plain HTML table with the names of the first row as its head."""
    table = Element("table")
    SubElement(table, "caption").text = caption
    if rows:
        _add_row(SubElement(table, "thead"), "th", list(rows[0]))
    body = SubElement(table, "tbody")
    for row in rows:
        _add_row(body, "td", list(row.values()))
    return tostring(table, encoding="unicode", method="html")


def _add_row(parent: Element, tag: str, cells: Sequence[Cell]) -> None:
    row = SubElement(parent, "tr")
    for cell in cells:
        SubElement(row, tag).text = _text(cell)


def _text(cell: Cell) -> str:
    if cell is None:
        return ""
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)
