"""Results that are tables: shown by notebooks, and given to pandas where it is installed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, tostring

from hybrid.errors import InputError, Problem

if TYPE_CHECKING:
    from pandas import DataFrame

Cell = str | float | bool | None
Row = dict[str, Cell]


class Tabular(ABC):
    """A result that knows its rows; its `repr` is their caption."""

    @abstractmethod
    def rows(self) -> list[Row]:
        """The table row by row, each by the same names of columns."""

    def to_pandas(self) -> DataFrame:
        """The rows as a data frame. Raises InputError where pandas is not installed."""
        try:
            from pandas import DataFrame
        except ImportError as error:
            hint = "pip install 'hybrid-mix[stats]'"
            raise InputError(Problem("to_pandas", "needs pandas, which is not installed", hint)) from error
        return DataFrame(self.rows())

    def _repr_html_(self) -> str:
        """The rows as a table for a notebook."""
        return html_table(repr(self), self.rows())


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
