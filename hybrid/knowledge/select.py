"""Which tracks a rule speaks of: selectors, and role names for tracks that have none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, TypeVar

import regex
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    model_serializer,
    model_validator,
)
from pydantic.config import JsonDict

from hybrid.audio import roles
from hybrid.audio.song import Song, Track
from hybrid.errors import InputError, Problem, shown
from hybrid.units import FieldCodec, field_error

_T = TypeVar("_T")
_LONGEST_PATTERN = 500
_MATCHING_S = 0.5
"""Time for one name; ordinary patterns take microseconds."""
_REGEX = re.compile(r"/(.*)/(i?)", re.DOTALL)


def _read_name(value: object, info: ValidationInfo) -> regex.Pattern[str] | str:
    if not isinstance(value, str) or not value.strip():
        raise field_error(f"expected a name, or a pattern such as '/^gtr/i', got {shown(value)}")
    match = _REGEX.fullmatch(value)
    if not match and value.startswith("/"):
        raise field_error(f"expected a pattern such as '/^gtr/i', with a slash at both ends, got {shown(value)}")
    if not match and ("*" in value or value.startswith("^") or value.endswith("$")):
        raise field_error(f"expected a whole name, or a pattern such as '/{_as_pattern(value)}/i', got {shown(value)}")
    if not match:
        return value.strip()
    if len(match[1]) > _LONGEST_PATTERN:
        raise field_error(f"expected a pattern of at most {_LONGEST_PATTERN} characters, got {len(match[1])}")
    try:
        return regex.compile(match[1], regex.IGNORECASE if match[2] else 0)
    except (regex.error, OverflowError, MemoryError, RecursionError) as error:
        raise field_error(f"the pattern {shown(value)} is not valid: {error}") from None


def _as_pattern(wildcards: str) -> str:
    """The pattern that a name with wildcards is likely to mean."""
    text = wildcards.strip().removeprefix("^").removesuffix("$")
    start, end = "" if text.startswith("*") else "^", "" if text.endswith("*") else "$"
    return start + ".*".join(regex.escape(each) for each in text.strip("*").split("*")) + end


def _write_name(value: object) -> str:
    if isinstance(value, str):
        return value
    assert isinstance(value, regex.Pattern)
    return f"/{value.pattern}/{'i' if value.flags & regex.IGNORECASE else ''}"


def _is_called(pattern: regex.Pattern[str] | str, name: str) -> bool:
    """Whether a track has a name, whatever its case, or a pattern occurs in its name. Raises InputError if that takes
    too long to tell."""
    if isinstance(pattern, str):
        return pattern.casefold() == name.casefold()
    try:
        return pattern.search(name, timeout=_MATCHING_S) is not None
    except TimeoutError as error:
        what = f"the pattern {shown(_write_name(pattern))} takes too long on {shown(name)}"
        raise InputError(Problem("match", what, "repeat no part that repeats something itself")) from error


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _one_or_list(words: tuple[str, ...]) -> str | list[str]:
    return words[0] if len(words) == 1 else list(words)


Words = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | list[str])]
"""One word or a list of them."""
NamePattern = Annotated[regex.Pattern[str] | str, FieldCodec(_read_name, _write_name, {"type": "string"})]
"""The name of a track, or a regular expression for names, written '/^gtr/i'."""


def _or_all(schema: JsonDict) -> None:
    keys = dict(schema)
    schema.clear()
    schema["anyOf"] = [{"const": "all"}, keys]


class Selector(BaseModel):
    """A set of tracks: those that satisfy every key given. With no key, `all`."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_or_all)

    role: Words = ()
    tag: Words = ()
    name: NamePattern | None = None
    bus: str | None = None
    set: str | None = None
    not_: Selector | None = Field(default=None, alias="not")

    @model_validator(mode="before")
    @classmethod
    def _all(cls, value: object) -> object:
        if value == "all":
            return {}
        if value == {} or not isinstance(value, dict | Selector):
            raise field_error(f"expected `all` or a map such as {{role: guitar.*}}, got {value!r}")
        return value

    @model_serializer
    def written(self) -> dict[str, object] | str:
        """The selector as YAML says it."""
        fields = {
            "role": _one_or_list(self.role),
            "tag": _one_or_list(self.tag),
            "name": self.name and _write_name(self.name),
            "bus": self.bus,
            "set": self.set,
            "not": self.not_ and self.not_.written(),
        }
        return {key: value for key, value in fields.items() if value} or "all"


class RoleName(BaseModel, frozen=True, extra="forbid"):
    """A role, and tags, for the tracks whose name matches."""

    match: NamePattern
    role: str
    tags: Words = ()


def select(selector: Selector, tracks: Sequence[Track], sets: Mapping[str, Selector]) -> tuple[int, ...]:
    """The indices of the selected tracks; a bus stands for the tracks that feed it."""
    return tuple(index for index, track in enumerate(tracks) if _fits(selector, track, sets))


def share_selector(name: str, sets: Mapping[str, Selector]) -> Selector:
    """The tracks that an entry of a budget stands for: a named set, else a role."""
    return Selector(set=name) if name in sets else Selector(role=(name,))


def name_roles(song: Song, names: Sequence[RoleName]) -> Song:
    """The song, its tracks of unknown role with the role of the first match of their name."""
    tracks = (_named(track, names) if track.role == "unknown" else track for track in song.tracks)
    return replace(song, tracks=tuple(tracks))


def by_role(table: Mapping[str, _T], role: str) -> _T | None:
    """The entry of the most specific pattern that matches `role`, or None."""
    pattern = pattern_of(table, role)
    return None if pattern is None else table[pattern]


def pattern_of(patterns: Iterable[str], role: str) -> str | None:
    """The most specific pattern that matches `role`, or None."""
    return max((each for each in patterns if roles.matches(each, role)), key=_specificity, default=None)


def _specificity(pattern: str) -> int:
    return 0 if pattern == "all" else 1 + pattern.removesuffix(".*").count(".")


def _named(track: Track, names: Sequence[RoleName]) -> Track:
    for name in names:
        if _is_called(name.match, track.id):
            return replace(track, role=name.role, tags=tuple(dict.fromkeys((*track.tags, *name.tags))))
    return track


def _fits(selector: Selector, track: Track, sets: Mapping[str, Selector]) -> bool:
    if selector.role and not any(roles.matches(role, track.role) for role in selector.role):
        return False
    if selector.tag and not set(selector.tag) & set(track.tags):
        return False
    if selector.name and not _is_called(selector.name, track.id):
        return False
    if selector.bus not in (None, "mix", "master") and not roles.matches(selector.bus, track.role):
        return False
    if selector.set and not _fits(sets[selector.set], track, sets):
        return False
    return not (selector.not_ and _fits(selector.not_, track, sets))
