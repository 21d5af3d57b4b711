"""The rule types that a command knows: the shipped ones, those of installed packages, and those of plug-in files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from hybrid import shelf
from hybrid.errors import InputError, Problem
from hybrid.knowledge.plugins import check_type, load_entry, load_file, type_name
from hybrid.knowledge.types import TYPES, RuleType

GROUP = "hybrid.rule_types"
"""The entry point group in which a package declares its rule types: their names, and `module:Class`."""


@dataclass(frozen=True, eq=False)
class RuleTypes(Mapping[str, type[RuleType]]):
    """Rule types by name. Those of installed packages are imported when they are first looked up.

    Raises InputError on looking up a type whose package cannot be imported, or declares something else.
    """

    types: Mapping[str, type[RuleType] | EntryPoint]
    origins: Mapping[str, str] = field(default_factory=dict)
    """Where types that are not shipped come from: a file, or a package and its version."""

    def __getitem__(self, name: str) -> type[RuleType]:
        found = self.types[name]
        return load_entry(found, self.origins[name]) if isinstance(found, EntryPoint) else found

    def __contains__(self, name: object) -> bool:
        return name in self.types

    def __iter__(self) -> Iterator[str]:
        return iter(self.types)

    def __len__(self) -> int:
        return len(self.types)

    def __hash__(self) -> int:
        return hash(tuple(self.types))

    def with_types(self, added: Mapping[str, type[RuleType] | EntryPoint], origin: str) -> RuleTypes:
        """These and others, from one place. Raises InputError for a name that is taken."""
        taken = [
            Problem(origin, f"the rule type {name!r} is already {self._whose(name)}", "give the class another name")
            for name in added
            if name in self.types
        ]
        if taken:
            raise InputError(*taken)
        origins = {**self.origins, **dict.fromkeys(added, origin)}
        return RuleTypes({**self.types, **added}, origins)

    def _whose(self, name: str) -> str:
        return f"that of {self.origins[name]}" if name in self.origins else "a shipped one"


SHIPPED = RuleTypes(TYPES)


def rule_types(plugins: Iterable[str | Path | type[RuleType]] = ()) -> RuleTypes:
    """The shipped types, those that installed packages declare, and those of plug-ins: files, or classes themselves.

    Raises InputError for a file that cannot be imported or defines no rule type, for a class that is none, and for a
    name that is taken.
    """
    found, plugins = SHIPPED, list(plugins)
    for entry in entry_points(group=GROUP):
        origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.value
        found = found.with_types({entry.name: entry}, origin)
    files = [each for each in plugins if not isinstance(each, type)]
    for file in dict.fromkeys(shelf.expanded(each).absolute() for each in files):
        found = found.with_types(load_file(file), str(file))
    for kind in dict.fromkeys(each for each in plugins if isinstance(each, type)):
        check_type(kind, kind.__module__)
        found = found.with_types({type_name(kind): kind}, kind.__module__)
    return found
