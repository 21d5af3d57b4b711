"""Paths with named parts: `{split}/{song}/{label}.{audio}` says where things lie, and what their names mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from hybrid.audio.probe import AUDIO_SUFFIXES
from hybrid.units import field_error

AUDIO = "audio"
"""The part that stands for the ending of any audio file that can be read."""
_PART = re.compile(r"\{(\w+)\}|\*\*/|\*")
_NAME = re.compile(r"[A-Za-z]\w*")
_WIDEST, _DEEPEST = 3, 2
"""Parts in one name, and `**/` in a template: more could be matched in too many ways."""
_ENDING = "|".join(sorted(ending.removeprefix(".") for ending in AUDIO_SUFFIXES))


def fields_of(template: str) -> frozenset[str]:
    """The names of its parts. Raises a refusal for one that is not written as a name, or braces left open."""
    names = [match[1] for match in _PART.finditer(template) if match[1]]
    odd = [name for name in names if not _NAME.fullmatch(name)]
    if odd or "{" in _PART.sub("", template) or "}" in _PART.sub("", template):
        raise field_error(f"expected a path with parts such as {{song}}, got {template!r}")
    if template.count("**/") > _DEEPEST or any(len(_PART.findall(each)) > _WIDEST for each in template.split("/")):
        raise field_error(
            f"expected at most {_WIDEST} parts in a folder's name and {_DEEPEST} times **/, got {template!r}"
        )
    return frozenset(names) - {AUDIO}


def match(template: str, path: str) -> dict[str, str] | None:
    """What each part stands for in a path with `/`, or None if the path is another.

    A part is never empty and ends with its folder; the same name twice means the same text twice. `*` is any
    text in one folder's name, `**/` any folders or none.
    """
    found = _pattern(template).fullmatch(path)
    return found and found.groupdict()


def filled(template: str, values: Mapping[str, str]) -> str:
    """The template with its parts replaced. Raises KeyError for a part that has no value."""
    return _PART.sub(lambda part: values[part[1]] if part[1] else part[0], template)


@cache
def _pattern(template: str) -> re.Pattern[str]:
    seen: set[str] = set()
    pieces, at = [], 0
    for part in _PART.finditer(template):
        pieces.append(re.escape(template[at : part.start()]))
        pieces.append(_piece(part[0], part[1], seen))
        at = part.end()
    return re.compile("".join([*pieces, re.escape(template[at:])]))


def _piece(text: str, name: str | None, seen: set[str]) -> str:
    if text == "**/":
        return "(?:[^/]+/)*?"
    if text == "*":
        return "[^/]*"
    if name == AUDIO:
        return f"(?i:{_ENDING})"
    if name in seen:
        return f"(?P={name})"
    assert name is not None
    seen.add(name)
    return f"(?P<{name}>[^/]+?)"
