"""What every page of this program is: one file that asks nobody for anything, in the style of `style.css`."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib.resources import files

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def document(title: str, body: str, more_style: str = "") -> str:
    """A whole page of HTML; the same for the same body, byte by byte."""
    style = files("hybrid.export.report").joinpath("style.css").read_text("utf-8")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{escape(title)}</title>
<style>
{style}{more_style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def large_numbers(cells: Iterable[tuple[str, str, str]]) -> str:
    """Names, values and what is said below them, side by side."""
    inner = "".join(f"<div><dt>{name}</dt><dd>{value}</dd><dd>{note}</dd></div>" for name, value, note in cells)
    return f'<dl class="numbers">{inner}</dl>'
