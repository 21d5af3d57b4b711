"""Rule files in the order in which they apply: parents before the files that extend them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from hybrid import shelf
from hybrid.document import Document
from hybrid.errors import InputError
from hybrid.knowledge.draft import Draft, draft
from hybrid.knowledge.schema import RuleFile
from hybrid.knowledge.validate import Outcome, problem, validate
from hybrid.units import ValidationContext

_REFERRED_TO = {"extends", "rules", "sets", "sections"}
"""Keys of a file that hold what others refer to."""


@dataclass(frozen=True)
class Source:
    """One rule file: its draft, and what can be validated of it on its own."""

    draft: Draft
    file: RuleFile
    is_named: bool
    """Asked for by name, not only extended by another file."""

    @property
    def document(self) -> Document:
        """The file as it was read."""
        return self.draft.origins[()].document


class Gathered(NamedTuple):
    """Rule files in the order in which they apply, with what is wrong with each on its own."""

    sources: list[Source]
    outcome: Outcome
    is_whole: bool
    """Whether all that rules may refer to was read: other rules, sets and sections."""


def gather(names: Sequence[str | Document]) -> Gathered:
    """The files that `names` mean and all that they extend, each once, later ones overriding earlier ones.

    A document stands for itself; what it extends is looked for beside its path.
    """
    gathering = _Gathering()
    for name in names:
        gathering.add_named(name)
    # a broken file that several extend is read, and complained of, for each
    problems, warnings = (list(dict.fromkeys(each)) for each in gathering.outcome)
    return Gathered(list(gathering.sources.values()), Outcome(problems, warnings), gathering.is_whole)


class _Gathering:
    def __init__(self) -> None:
        self.sources: dict[Path, Source] = {}
        self.outcome = Outcome([], [])
        self.is_whole = True
        self._chain: list[Path] = []

    def add_named(self, name: str | Document) -> None:
        try:
            if isinstance(name, Document):
                self._add_document(name)
            else:
                self._add(shelf.find("rules", name))
        except InputError as error:
            self.is_whole = False
            self.outcome.problems.extend(error.problems)

    def _add(self, path: Path) -> None:
        if path.resolve() not in self.sources:
            self._add_document(shelf.read(path))

    def _add_document(self, document: Document) -> None:
        path = document.path
        written = draft(document)
        file, outcome = validate(RuleFile, written, {})
        self.outcome.problems.extend(outcome.problems)
        self.outcome.warnings.extend(outcome.warnings)
        if file is None:
            file = _salvage(written)
            self.is_whole &= not _REFERRED_TO.intersection(written.value).difference(file.model_fields_set)
        self._chain.append(path.resolve())
        for index, parent in enumerate(file.extends):
            self._add_parent(parent, index, written)
        self._chain.pop()
        self.sources[path.resolve()] = Source(written, file, is_named=not self._chain)

    def _add_parent(self, name: str, index: int, written: Draft) -> None:
        origin = written.origin(("extends", index))
        try:
            path = shelf.find("rules", name, beside=origin.document.path.parent)
            if path.resolve() in self._chain:
                self.outcome.problems.append(problem(origin, self._cycle(path)))
            else:
                self._add(path)
        except InputError as error:
            self.is_whole = False
            placed = (problem(origin, each.what, each.hint) if not each.where else each for each in error.problems)
            self.outcome.problems.extend(placed)

    def _cycle(self, path: Path) -> str:
        chain = [*self._chain[self._chain.index(path.resolve()) :], path]
        return f"extends itself: {' → '.join(each.stem for each in chain)}"


def _salvage(written: Draft) -> RuleFile:
    """The valid keys of an invalid file, so that the rules in it are checked as well."""
    valid: dict[str, object] = {"schema": "mixrules/1", "id": "invalid"}
    for key, value in written.value.items():
        try:
            RuleFile.model_validate({**valid, key: value}, context=ValidationContext(strict=False))
        except ValidationError:
            continue
        valid[key] = value
    return RuleFile.model_validate(valid, context=ValidationContext(strict=False))
