"""Terms that may explain the level of a track in a human mix: columns of numbers for the tracks of a song."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from hybrid.calibrate.levels import SongLevels

FEWEST = 5
"""Authors for a fit that speaks of other authors; where there are fewer, songs for one that speaks of other songs by
them; and those of either that must have a role for it to have a level of its own."""
ROLE_PENALTY = 2.0
"""A role that this many songs have is believed by half. Authors left out hardly tell 1 from 8: 3.21 LU off for all of
them, in 57 songs by 31 authors."""


class Term(NamedTuple):
    """Columns that may explain levels: a name, and the columns' names and values for a mix."""

    name: str
    columns: Callable[[SongLevels], dict[str, Float[np.ndarray, " track"]]]
    penalty: float = 0.0


def family(role: str) -> str:
    """The first part of a role."""
    return role.partition(".")[0]


def terms_of(songs: Sequence[SongLevels]) -> list[Term]:
    """All terms, in the order in which they are tried: each is judged beside those that were kept before it."""
    known = _roles_known(songs)
    families = {role for role in known if "." not in role}

    def of_role(mix: SongLevels) -> dict[str, Float[np.ndarray, " track"]]:
        """A role is its family and what it differs from that."""
        own = _indicators("role", mix.roles, known - families)
        return _indicators("role", [family(role) for role in mix.roles], families) | own

    def of_lead(mix: SongLevels) -> dict[str, Float[np.ndarray, " track"]]:
        columns = _indicators("lead", [family(role) for role in mix.roles], families)
        return {name: column * mix.has_lead for name, column in columns.items()}

    return [
        Term("recorded", lambda mix: {"recorded": mix.recorded_lu}),
        Term("roles", of_role, ROLE_PENALTY),
        Term("presence", lambda mix: {"presence": mix.presence}),
        Term("company", lambda mix: {"company": _company(mix.roles)}),
        Term("lead", of_lead, ROLE_PENALTY),
    ]


def _indicators(prefix: str, roles: Sequence[str], known: set[str]) -> dict[str, Float[np.ndarray, " track"]]:
    return {f"{prefix} {name}": np.array([role == name for role in roles], float) for name in sorted(known)}


def _roles_known(songs: Sequence[SongLevels]) -> set[str]:
    """Roles and families of which enough authors have a track; a role that is all of its family is left out."""
    authors, counts = defaultdict[str, set[str]](set), Counter[str]()
    for each in songs:
        for role in each.roles:
            names = {role, family(role)}
            counts.update(names)
            for name in names:
                authors[name].add(each.author)
    known = {name for name, of in authors.items() if len(of) >= FEWEST and name != "unknown"}
    return {name for name in known if "." not in name or counts[name] < counts[family(name)]}


def _company(roles: Sequence[str]) -> Float[np.ndarray, " track"]:
    """Doublings of the number of tracks of a track's family; strangers are no company."""
    members = Counter(family(role) for role in roles)
    return np.array([0.0 if role == "unknown" else np.log2(members[family(role)]) for role in roles])
