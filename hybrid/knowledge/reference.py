"""The reference of all rule types in `rules/README.md`, generated from the types below its hand-written part.

To renew it: python -m hybrid.knowledge.reference rules/README.md
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from hybrid import shelf
from hybrid.knowledge.describe import Parameter, TypeSheet, family_description, part_words, sheet_of
from hybrid.knowledge.rule_types import SHIPPED, RuleTypes

HEADING = "## Types"
"""The line from which on the file is generated."""
_INTRODUCTION = """\
From here on this page is generated from the types themselves, by \
`python -m hybrid.knowledge.reference rules/README.md`. A type measures; a rule of that type says of whom, \
and what is asked. `scale` and `acts_on` are what a rule of the type has unless it says otherwise."""


def renewed(page: str, types: RuleTypes = SHIPPED) -> str:
    """The page with everything from the line `## Types` on generated anew; a page without it gets it at its end."""
    written = re.split(rf"^{HEADING}$", page, maxsplit=1, flags=re.MULTILINE)[0].rstrip()
    return f"{written}\n\n{reference(types)}"


def reference(types: RuleTypes = SHIPPED) -> str:
    """The table of all types, then each of them, by family, as Markdown."""
    sheets = [sheet_of(name, types) for name in types]
    families = list(dict.fromkeys(sheet.family for sheet in sheets))
    sheets.sort(key=lambda sheet: families.index(sheet.family))
    return "\n".join([HEADING, "", _INTRODUCTION, "", *_table(sheets), "", *_families(sheets, types)]).rstrip() + "\n"


def _table(sheets: Iterable[TypeSheet]) -> Iterator[str]:
    yield "| type | family | unit | one number for | says |"
    yield "|---|---|---|---|---|"
    for sheet in sheets:
        cells = (f"[`{sheet.name}`](#{sheet.name})", sheet.family, sheet.unit, sheet.stands_for, sheet.says)
        yield _row(cells)


def _families(sheets: Iterable[TypeSheet], types: RuleTypes) -> Iterator[str]:
    for family, members in groupby(sheets, key=lambda sheet: sheet.family):
        of_family = list(members)
        yield from (f"## {family.replace('_', ' ').capitalize()}", "", family_description(types[of_family[0].name]), "")
        for sheet in of_family:
            yield from _section(sheet, types)


def _section(sheet: TypeSheet, types: RuleTypes) -> Iterator[str]:
    def linked(text: str) -> str:
        """The text with the names of other types as links to them."""
        return re.sub(r"\w+", link, text)

    def link(word: re.Match[str]) -> str:
        return f"[{word[0]}](#{word[0]})" if word[0] in types and word[0] != sheet.name else word[0]

    yield from (f"### {sheet.name}", "", f"**{sheet.says}**", "")
    for paragraph in sheet.measures:
        yield from (linked(paragraph), "")
    if not sheet.is_optimised:
        yield from ("Measured and reported, never optimised.", "")
    yield f"- unit: {sheet.unit}, one number for {sheet.stands_for}"
    yield f"- scale: {sheet.scale}"
    yield f"- acts on: {', '.join(f'`{part}`' for part in sheet.acts_on)} ({part_words(sheet.acts_on)})"
    yield f"- measured from: {sheet.requires}"
    yield f"- source: {linked(sheet.source)}"
    yield f"- cheats: {linked(sheet.cheats)}"
    yield f"- guarded by: {linked(', '.join(sheet.guards)) or 'no other type'}"
    yield ""
    if sheet.parameters:
        yield from ("| parameter | holds | default | meaning |", "|---|---|---|---|")
        yield from map(_parameter_row, sheet.parameters)
        yield ""


def _parameter_row(parameter: Parameter) -> str:
    return _row((f"`{parameter.key}`", parameter.holds, parameter.default, parameter.doc))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    for page in map(Path, sys.argv[1:]):
        shelf.write(page, renewed(page.read_text(encoding="utf-8")))
