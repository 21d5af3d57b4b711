"""Results as tables: for notebooks, and for pandas."""

from __future__ import annotations

import sys
from xml.etree import ElementTree

import pytest

from hybrid.errors import InputError
from hybrid.tabular import Row, Table, Tabular


class Made(Tabular):
    """Two rows of every kind of cell."""

    def __repr__(self) -> str:
        return "Made(<2>)"

    def rows(self) -> list[Row]:
        return [{"name": "a<b", "value": 0.123456}, {"name": "c", "value": None}]


class Empty(Made):
    """No row."""

    def rows(self) -> list[Row]:
        return []


def test_a_notebook_shows_a_table_with_the_repr_as_its_caption():
    table = ElementTree.fromstring(Made()._repr_html_())
    assert [cell.text for cell in table.iter("th")] == ["name", "value"]
    assert [cell.text for cell in table.iter("td")] == ["a<b", "0.1235", "c", None]
    assert table.findtext("caption") == "Made(<2>)"


def test_a_table_without_rows_is_its_caption():
    table = ElementTree.fromstring(Empty()._repr_html_())
    assert table.findtext("caption") == "Made(<2>)"
    assert not list(table.iter("tr"))


def test_pandas_gets_the_rows():
    frame = Made().to_pandas()
    assert list(frame.columns) == ["name", "value"]
    assert frame["value"][0] == 0.123456
    assert frame["value"].isna().tolist() == [False, True]


def test_without_pandas_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        InputError, match=r"(?s)needs pandas, which is not installed.*pip install 'hybrid-mix\[stats\]'"
    ):
        Made().to_pandas()


def test_a_table_without_rows_keeps_the_names_of_its_columns():
    table = Table("nothing yet", (), ("arm", "mean"))
    assert table.to_csv() == "arm,mean\n"
    assert list(table.to_pandas().columns) == ["arm", "mean"]
    assert "arm & mean" in table.to_latex()


def test_latex_holds_names_that_mean_something_to_it():
    rows: tuple[Row, ...] = ({"arm": "[a_b]\n& 50 %", "mean": -0.5}, {"arm": "−2 LU", "mean": float("nan")})
    body = Table("", rows).to_latex().partition("\\midrule\n")[2]
    assert body.startswith("{[}a\\_b] \\& 50 \\% & -0.5 \\\\\n$-$2 LU & – \\\\\n\\bottomrule")
