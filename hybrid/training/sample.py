"""Training samples and batches: for each song its frames, its compiled rules, known roles, and distillation targets."""

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
from hybrid.knowledge.compile import compile_rules, optional_parts
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.select import name_roles
from hybrid.model.input_features import NETWORK_FRAME_S, Conditioning
from hybrid.proposal.field import conditioning_of
from hybrid.training.augment import augment_frames, augment_roles, augment_rules
from hybrid.training.distillation import DistillationTarget
from hybrid.training.example import CachedExample, Example, Frames, Shape, shaped
from hybrid.training.goals import SampleGoal, drawn_goal
from hybrid.training.recipe import Recipe
from hybrid.treatment.types import neutral

FAMILY_NAMES = tuple(FAMILIES)
ROLE_NAMES = tuple(sorted(ROLES))
Leaf = jax.Array | np.ndarray
_MAX_COMPILED = 1024
"""Songs whose compiled rules stay in memory, for each set of rules: 2 MB each."""


class Sample(NamedTuple):
    """One song as the network sees it, and its targets."""

    frames: Frames
    objective: Objective
    conditioning: Conditioning
    audible: Float[np.ndarray, " track"]
    """0 for a track whose features are hidden from the network while its role is given; else 1."""
    family: Int[np.ndarray, " track"]
    """Index into `FAMILY_NAMES`; -1 where the family is unknown."""
    refined: DistillationTarget
    human: DistillationTarget
    goal: SampleGoal | None
    """None where the recipe has no goals."""


@partial(jax.tree_util.register_dataclass, data_fields=["leaves"], meta_fields=["structure"])
@dataclass(frozen=True)
class Batch:
    """Several samples: each array of a sample with a leading axis of songs."""

    leaves: list[Leaf]
    structure: Hashable
    """The tree structure of one sample."""

    def sample(self, leaves: list[Leaf]) -> Sample:
        """One sample, from its arrays."""
        return jax.tree.unflatten(self.structure, leaves)


class _CompileKey(NamedTuple):
    """The inputs of compiling rules for a song, by which compiled rules are cached."""

    song: Song
    time_s: tuple[float, ...]


class SampleBuilder:
    """Builds samples from cached examples, with augmentation for training and without it for evaluation."""

    def __init__(
        self,
        recipe: Recipe,
        rules: RuleSet,
        shape: Shape,
        targets: Callable[[CachedExample], tuple[DistillationTarget, DistillationTarget]],
        references: Sequence[CachedExample] = (),
    ) -> None:
        """`references` are the songs of which goals are drawn."""
        self._recipe, self._rules, self._shape, self._targets = recipe, rules, shape, targets
        self._references = references
        self._compiled = lru_cache(maxsize=_MAX_COMPILED)(self._compile)

    def augmented(self, cached: CachedExample, rng: np.random.Generator) -> Sample:
        """The sample of a random excerpt of the song, augmented, with some of its roles hidden."""
        augmentation = self._recipe.variety
        example = cached.read()
        spare = example.frames.active.shape[1] - self._shape.n_frames
        # another excerpt every time
        example = shaped(example, self._shape, int(rng.integers(0, max(0, spare) + 1)))
        is_recorded = example.song.levels_are_recorded and rng.random() >= augmentation.hide_levels
        targets, tracks = self._targets(cached), example.song.tracks
        # what a person decided, was decided for these roles
        tracks = tracks if targets[1].exists else augment_roles(tracks, augmentation, rng)
        song = replace(example.song, tracks=tracks, raw_levels="recorded" if is_recorded else "arbitrary")
        n = len(song.tracks)
        # gains at random would make the levels say nothing
        gains = augmentation.model_copy(update={"gain_db": 0.0}) if is_recorded else augmentation
        frames = augment_frames(example.frames, song.tracks, gains, rng)
        hidden = rng.random(n) < (1.0 if rng.random() < augmentation.no_roles else augmentation.hide_role)
        visible = tuple(
            replace(track, role="unknown", tags=()) if hide else track
            for track, hide in zip(song.tracks, hidden, strict=True)
        )
        seed = int(rng.integers(2**31))
        conditioning = conditioning_of(visible, ROLE_NAMES, self._shape.n_tracks, seed, is_recorded=is_recorded)
        # never both hidden: a track without role and features could not be mixed
        muted = ~hidden & (rng.random(n) < augmentation.mute)
        sample = self._sample(Example(song, frames), conditioning, targets, self._goal(cached, rng), muted)
        return sample._replace(objective=augment_rules(sample.objective, augmentation, rng))

    def plain(self, cached: CachedExample, *, roles: bool = True) -> Sample:
        """The sample of the song without augmentation: its first tracks and its middle, where it is too large."""
        example = cached.read()
        spare = example.frames.active.shape[1] - self._shape.n_frames
        example = shaped(example, self._shape, max(0, spare) // 2)
        visible = (
            example.song.tracks if roles else tuple(replace(t, role="unknown", tags=()) for t in example.song.tracks)
        )
        is_recorded = example.song.levels_are_recorded
        conditioning = conditioning_of(visible, ROLE_NAMES, self._shape.n_tracks, 0, is_recorded=is_recorded)
        # the same goal whenever the song is evaluated
        goal = self._goal(cached, np.random.default_rng(cached.seed))
        return self._sample(example, conditioning, self._targets(cached), goal)

    def _goal(self, cached: CachedExample, rng: np.random.Generator) -> SampleGoal | None:
        """A goal by an excerpt of the same song or of another one."""
        goals = self._recipe.goals
        if goals is None:
            return None
        other = cached if rng.random() < goals.same_song else self._references[int(rng.integers(len(self._references)))]
        example = other.read()
        spare = example.frames.active.shape[1] - self._shape.n_frames
        song, frames = shaped(example, self._shape, int(rng.integers(0, max(0, spare) + 1)))
        objective = self._compiled(_CompileKey(song, tuple(frames.time_s.tolist())))
        optional = optional_parts(self._rules.rules)
        nothing = neutral(self._shape.n_tracks, self._shape.n_frames * NETWORK_FRAME_S, NETWORK_FRAME_S, optional)
        return drawn_goal(objective, frames.dry, nothing, song.tracks, goals, rng)

    def _sample(
        self,
        example: Example,
        conditioning: Conditioning,
        targets: tuple[DistillationTarget, DistillationTarget],
        goal: SampleGoal | None,
        muted: Bool[np.ndarray, " track"] | None = None,
    ) -> Sample:
        song, frames = example
        family = np.full(self._shape.n_tracks, -1, np.int32)
        for index, track in enumerate(song.tracks):
            name = family_of(track.role)
            family[index] = -1 if name is None else FAMILY_NAMES.index(name)
        objective = self._compiled(_CompileKey(song, tuple(frames.time_s.tolist())))
        audible = np.ones(self._shape.n_tracks, np.float32)
        if muted is not None:
            audible[: len(muted)] -= muted
        return Sample(frames, objective, jax.tree.map(np.asarray, conditioning), audible, family, *targets, goal)

    def _compile(self, key: _CompileKey) -> Objective:
        song = name_roles(key.song, self._rules.roles)
        objective, _ = compile_rules(self._rules, song, self._shape.n_tracks, np.asarray(key.time_s, np.float32))
        return objective


def stack(samples: Sequence[Sample]) -> Batch:
    """A batch of these samples."""
    leaves = zip(*(jax.tree.leaves(sample) for sample in samples), strict=True)
    return Batch([np.stack(each) for each in leaves], jax.tree.structure(samples[0]))


def training_batches(
    builder: SampleBuilder, examples: Sequence[CachedExample], batch: int, seed: int
) -> grain.DatasetIterator[Batch]:
    """Endless augmented batches, in epochs in which every song occurs once. Deterministic; resumable by its state."""
    # shuffled within each epoch; the iterator's state is all that resuming needs
    songs = grain.MapDataset.source(examples).seed(seed).shuffle().repeat()
    batches = songs.random_map(builder.augmented).batch(batch, drop_remainder=True, batch_fn=stack)
    return iter(batches.to_iter_dataset(grain.ReadOptions(num_threads=2, prefetch_buffer_size=4)))


def evaluation_batches(
    builder: SampleBuilder, examples: Sequence[CachedExample], batch: int, *, roles: bool = True
) -> Iterator[Batch]:
    """All songs without augmentation, in batches; the last batch is filled up with copies of its first song."""
    for start in range(0, len(examples), batch):
        samples = [builder.plain(each, roles=roles) for each in examples[start : start + batch]]
        yield stack(samples + samples[:1] * (batch - len(samples)))
