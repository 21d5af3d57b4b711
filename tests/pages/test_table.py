"""Tables of text."""

from __future__ import annotations

from hybrid.pages.table import text_table


def test_columns_are_as_wide_as_their_widest_cell_and_lines_end_without_blanks():
    assert text_table([("rule", "value", ""), ("a", "−12.0 LUFS", "")]) == "rule  value\na     −12.0 LUFS"
