"""A part of a file that is still to be validated, in which every value knows where it was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from hybrid.document import Document, YamlKey, YamlValue

Keys = tuple[YamlKey, ...]


class Origin(NamedTuple):
    """Where a value was written: a document and the keys that lead to it there."""

    document: Document
    keys: Keys

    @property
    def line(self) -> str:
        """As "file:line"."""
        return self.document.line(*self.keys)

    def below(self, keys: Keys) -> Origin:
        """The origin of something under this value."""
        return Origin(self.document, (*self.keys, *keys))


@dataclass(frozen=True)
class Draft:
    """A map of plain values and the origin of each of them, by the keys within the map."""

    value: dict[str, YamlValue]
    origins: Mapping[Keys, Origin]

    def origin(self, keys: Keys) -> Origin:
        """The origin of the value at `keys`, under the nearest parent that has one."""
        n = len(keys)
        while n and keys[:n] not in self.origins:
            n -= 1
        return self.origins[keys[:n]].below(keys[n:])


def draft(document: Document, *keys: YamlKey) -> Draft:
    """The map at `keys` of a document, or an empty one if there is none."""
    value = _at(document.data, keys)
    # what lies below, rather than all of the file: a file of two thousand rules is read once, not once for each
    found = {below: Origin(document, at) for below in _paths(value) if (at := (*keys, *below)) in document.values}
    origins = {(): Origin(document, keys)} | found
    return Draft(value, origins) if isinstance(value, dict) else Draft({}, {(): Origin(document, keys)})


def _paths(value: YamlValue) -> Iterator[Keys]:
    """The keys of a value and of all values below it."""
    yield ()
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield from ((key, *rest) for rest in _paths(item))


def path(keys: Keys) -> str:
    """Keys as one reads them: "rules[2].scale"."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in keys)
    return text.removeprefix(".")


def override(under: Draft, over: Draft) -> Draft:
    """`under` with what `over` says: maps merge, anything else replaces."""
    replaced = [keys for keys in over.origins if not _both_maps(_at(under.value, keys), _at(over.value, keys))]
    kept = {keys: at for keys, at in under.origins.items() if not any(keys[: len(r)] == r for r in replaced)}
    merged = _merge(under.value, over.value)
    assert isinstance(merged, dict)
    return Draft(merged, {**kept, **over.origins})


def only(keys: Keys, value: YamlValue, origin: Origin) -> Draft:
    """A map with this one value, to override with."""
    for key in reversed(keys):
        value = {str(key): value}
    assert isinstance(value, dict)
    return Draft(value, {keys: origin})


def _merge(under: YamlValue, over: YamlValue) -> YamlValue:
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    return {**under, **{key: _merge(under.get(key), value) for key, value in over.items()}}


def _both_maps(one: YamlValue, other: YamlValue) -> bool:
    return isinstance(one, dict) and isinstance(other, dict)


def _at(value: YamlValue, keys: Keys) -> YamlValue:
    for key in keys:
        if isinstance(value, dict) and isinstance(key, str):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return None
    return value
