"""The programs of a mix as they are compiled ahead: those of a first version before all others."""

from __future__ import annotations

from threading import Event
from typing import NamedTuple

from hybrid.ahead import Submit
from hybrid.compiled import n_made
from hybrid.knowledge.evaluate import prepare_readings
from hybrid.knowledge.objective import Objective
from hybrid.proposal.field import prepare_first, prepare_proposal
from hybrid.proposal.weights import Network
from hybrid.refinement.programs import Task, prepare
from hybrid.treatment.bounds import unconstrain
from hybrid.treatment.types import Dry, Treatment


class Shapes(NamedTuple):
    """What programs are compiled for; of all values the shapes alone matter."""

    task: Task
    objective: Objective
    """Of all frames."""
    dry: Dry
    nothing: Treatment


class Programs:
    """What `submit` is given for a song. In the end of the block nothing waits for a first version any more."""

    def __init__(self, shapes: Shapes, network: Network | None, submit: Submit, *, refines: bool) -> None:
        self._shapes, self._network, self._submit, self._refines = shapes, network, submit, refines
        self._first_was_new = False
        self._first_is_ready, self._first_is_heard = Event(), Event()

    def __enter__(self) -> Programs:
        return self

    def __exit__(self, *_: object) -> None:
        self._first_is_heard.set()

    def prepare(self, *, has_first: bool) -> None:
        """Submits everything. What a first version is made of comes first, if there is to be one, and if that is new
        all else waits until the block ends: it would take its core."""
        if self._network and has_first:
            self._submit(self._prepare_first, self._network)
        else:
            self._prepare_all()

    def first_was_new(self) -> bool:
        """Whether what a first version is made of had to be traced, once it is ready; other programs of the song are
        then new as well."""
        self._first_is_ready.wait()
        return self._first_was_new

    def _prepare_first(self, network: Network) -> None:
        task, _, dry, nothing = self._shapes
        n_before = n_made()
        try:
            prepare_first(network, task.objective, dry, task.dry, nothing)
            self._first_was_new = n_made() > n_before
        finally:
            self._first_is_ready.set()
        if self._first_was_new:
            self._first_is_heard.wait()
        self._prepare_all()

    def _prepare_all(self) -> None:
        """What takes longest comes first."""
        task, objective, dry, nothing = self._shapes
        if self._refines or self._network:
            self._submit(prepare, task, unconstrain(nothing), self._submit)
        if self._network:
            self._submit(prepare_proposal, self._network, dry, nothing)
        self._submit(prepare_readings, objective, dry, nothing, self._submit)
