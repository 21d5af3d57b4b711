"""Templates of paths with named parts, such as `{split}/{song}/{label}.{audio}`: matching and filling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from hybrid.audio.probe import AUDIO_SUFFIXES
from hybrid.units import field_error

AUDIO = "audio"
"""The part that matches the suffix of any audio file that can be read."""
_PART = re.compile(r"\{(\w+)\}|\*\*/|\*")
_NAME = re.compile(r"[A-Za-z]\w*")
_MAX_PARTS, _MAX_GLOBSTARS = 3, 2
"""Parts in one name, and `**/` in a template: with more, the number of possible matches explodes."""
_SUFFIX = "|".join(sorted(suffix.removeprefix(".") for suffix in AUDIO_SUFFIXES))


def field_names(template: str) -> frozenset[str]:
    """The names of the parts of a template. Raises a field error for a part that is no name, or an open brace."""
    names = [match[1] for match in _PART.finditer(template) if match[1]]
    invalid = [name for name in names if not _NAME.fullmatch(name)]
    if invalid or "{" in _PART.sub("", template) or "}" in _PART.sub("", template):
        raise field_error(f"expected a path with parts such as {{song}}, got {template!r}")
    n_parts = max(len(_PART.findall(each)) for each in template.split("/"))
    if template.count("**/") > _MAX_GLOBSTARS or n_parts > _MAX_PARTS:
        limits = f"at most {_MAX_PARTS} parts in a folder's name and {_MAX_GLOBSTARS} times **/"
        raise field_error(f"expected {limits}, got {template!r}")
    return frozenset(names) - {AUDIO}


def match(template: str, path: str) -> dict[str, str] | None:
    """The text of each part in a path with `/`, or None if the path does not match.

    A part is never empty and spans no slash; two parts of one name match the same text. `*` matches any text in one
    folder's name, `**/` any number of folders.
    """
    matched = _pattern(template).fullmatch(path)
    return matched and matched.groupdict()


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with its parts replaced. Raises KeyError for a part that has no value."""
    return _PART.sub(lambda part: values[part[1]] if part[1] else part[0], template)


@cache
def _pattern(template: str) -> re.Pattern[str]:
    names: set[str] = set()
    pieces, at = [], 0
    for part in _PART.finditer(template):
        pieces.append(re.escape(template[at : part.start()]))
        pieces.append(_piece(part[0], part[1], names))
        at = part.end()
    return re.compile("".join([*pieces, re.escape(template[at:])]))


def _piece(text: str, name: str | None, names: set[str]) -> str:
    """The regular expression of a part; its name is added to those of the parts before it."""
    # non-greedy, so that parts after it match as early as possible
    if text == "**/":
        return "(?:[^/]+/)*?"
    if text == "*":
        return "[^/]*"
    if name == AUDIO:
        return f"(?i:{_SUFFIX})"
    if name in names:
        return f"(?P={name})"
    assert name is not None
    names.add(name)
    return f"(?P<{name}>[^/]+?)"
