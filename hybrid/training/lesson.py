"""What a network is given at once, and what it is asked: a recording, its rules, its hints, and mixes to imitate."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import NamedTuple

import grain
import jax
import numpy as np
from jaxtyping import Bool, Float, Int

from hybrid.audio.families import FAMILIES, family_of
from hybrid.audio.roles import ROLES
from hybrid.audio.song import Song
from hybrid.knowledge.compile import compile_rules
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.select import name_roles
from hybrid.model.input_features import Conditioning
from hybrid.proposal.field import conditioning_of
from hybrid.training.example import Example, Frames, Kept, Shape, shaped
from hybrid.training.recipe import Recipe
from hybrid.training.target import Target
from hybrid.training.vary import asked_otherwise, recast, varied

FAMILY_NAMES = tuple(FAMILIES)
ROLE_NAMES = tuple(sorted(ROLES))
Leaf = jax.Array | np.ndarray
_MOST_READ = 1024
"""Examples whose compiled rules are kept in memory, of each set of rules: 2 MB each."""


class Lesson(NamedTuple):
    """One song and what is asked of it."""

    frames: Frames
    objective: Objective
    conditioning: Conditioning
    audible: Float[np.ndarray, " track"]
    """0 where the network is told what a track is but does not hear it."""
    family: Int[np.ndarray, " track"]
    """Place in the list of families; -1 where it is not known."""
    refined: Target
    human: Target


@partial(jax.tree_util.register_dataclass, data_fields=["leaves"], meta_fields=["form"])
@dataclass(frozen=True)
class Batch:
    """Several lessons: every array of a lesson, with an axis more at the front."""

    leaves: list[Leaf]
    form: Hashable
    """Of one lesson."""

    def lesson(self, leaves: list[Leaf]) -> Lesson:
        """One lesson of its arrays."""
        return jax.tree.unflatten(self.form, leaves)


class _Cast(NamedTuple):
    """All that rules are compiled for."""

    song: Song
    time_s: tuple[float, ...]


class Lessons:
    """Makes lessons of examples: with all that varies from one time to the next, or without."""

    def __init__(
        self, recipe: Recipe, rules: RuleSet, shape: Shape, targets: Callable[[Kept], tuple[Target, Target]]
    ) -> None:
        self._recipe, self._rules, self._shape, self._targets = recipe, rules, shape, targets
        self._compiled = lru_cache(maxsize=_MOST_READ)(self._compile)

    def varied(self, kept: Kept, rng: np.random.Generator) -> Lesson:
        """The song as it has never been heard, with some of its roles hidden."""
        variety = self._recipe.variety
        example = kept.read()
        spare = example.frames.active.shape[1] - self._shape.n_frames
        example = shaped(example, self._shape, int(rng.integers(0, max(0, spare) + 1)))
        song = replace(example.song, tracks=recast(example.song.tracks, variety, rng))
        n = len(song.tracks)
        frames = varied(example.frames, song.tracks, variety, rng)
        hidden = rng.random(n) < (1.0 if rng.random() < variety.no_roles else variety.hide_role)
        told = tuple(
            replace(track, role="unknown", tags=()) if hide else track
            for track, hide in zip(song.tracks, hidden, strict=True)
        )
        conditioning = conditioning_of(told, ROLE_NAMES, self._shape.n_tracks, int(rng.integers(2**31)))
        muted = ~hidden & (rng.random(n) < variety.mute)
        lesson = self._lesson(kept, Example(song, frames), conditioning, muted)
        return lesson._replace(objective=asked_otherwise(lesson.objective, variety, rng))

    def plain(self, kept: Kept, *, roles: bool = True) -> Lesson:
        """The song as it is; its first tracks and its middle, where it is too large."""
        example = kept.read()
        spare = example.frames.active.shape[1] - self._shape.n_frames
        example = shaped(example, self._shape, max(0, spare) // 2)
        told = example.song.tracks if roles else tuple(replace(t, role="unknown", tags=()) for t in example.song.tracks)
        return self._lesson(kept, example, conditioning_of(told, ROLE_NAMES, self._shape.n_tracks, 0))

    def _lesson(
        self, kept: Kept, example: Example, conditioning: Conditioning, muted: Bool[np.ndarray, " track"] | None = None
    ) -> Lesson:
        song, frames = example
        family = np.full(self._shape.n_tracks, -1, np.int32)
        for index, track in enumerate(song.tracks):
            name = family_of(track.role)
            family[index] = -1 if name is None else FAMILY_NAMES.index(name)
        objective = self._compiled(_Cast(song, tuple(frames.time_s.tolist())))
        audible = np.ones(self._shape.n_tracks, np.float32)
        if muted is not None:
            audible[: len(muted)] -= muted
        return Lesson(frames, objective, jax.tree.map(np.asarray, conditioning), audible, family, *self._targets(kept))

    def _compile(self, cast: _Cast) -> Objective:
        song = name_roles(cast.song, self._rules.roles)
        objective, _ = compile_rules(self._rules, song, self._shape.n_tracks, np.asarray(cast.time_s, np.float32))
        return objective


def stacked(lessons: Sequence[Lesson]) -> Batch:
    """A batch of these lessons."""
    leaves = zip(*(jax.tree.leaves(lesson) for lesson in lessons), strict=True)
    return Batch([np.stack(each) for each in leaves], jax.tree.structure(lessons[0]))


def endless(lessons: Lessons, kept: Sequence[Kept], batch: int, seed: int) -> grain.DatasetIterator[Batch]:
    """Batches without end, every song once before any comes again; deterministic, and resumed by its state."""
    songs = grain.MapDataset.source(kept).seed(seed).shuffle().repeat()
    varied = songs.random_map(lessons.varied).batch(batch, drop_remainder=True, batch_fn=stacked)
    return iter(varied.to_iter_dataset(grain.ReadOptions(num_threads=2, prefetch_buffer_size=4)))


def in_batches(lessons: Lessons, kept: Sequence[Kept], batch: int, *, roles: bool = True) -> Iterator[Batch]:
    """All songs as they are, in batches; the last is filled up by its first song."""
    for start in range(0, len(kept), batch):
        made = [lessons.plain(each, roles=roles) for each in kept[start : start + batch]]
        yield stacked(made + made[:1] * (batch - len(made)))
