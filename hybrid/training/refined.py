"""What refinement makes of the songs of a data set, for a network to imitate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hybrid.audio.song import Song
from hybrid.knowledge.compile import optional_parts
from hybrid.knowledge.evaluate import read_panel
from hybrid.knowledge.objective import project
from hybrid.knowledge.ruleset import RuleSet
from hybrid.measure.panel import predict
from hybrid.model.input_features import NETWORK_FRAME_S
from hybrid.refinement.constraints import constraint_weights_of
from hybrid.refinement.initial import role_start
from hybrid.refinement.pins import pins_of
from hybrid.refinement.refine import Task, refine
from hybrid.source_hash import source_hash
from hybrid.training.example import Kept
from hybrid.training.imitate import store_target, stored_target
from hybrid.training.lesson import Lesson, Lessons
from hybrid.training.target import Target, target_of
from hybrid.treatment.types import neutral


class Refinement:
    """What refinement under a set of rules makes of songs, in so many steps."""

    def __init__(self, rules: RuleSet, n_steps: int) -> None:
        self._rules, self._n_steps = rules, n_steps

    def path(self, kept: Kept) -> Path:
        """Where the target of a song is kept."""
        return kept.path.with_suffix(f".{self._rules.hash[:12]}-{self._n_steps}-{source_hash(__name__)[:12]}")

    def make_missing(self, kept: Sequence[Kept], lessons: Lessons, progress: Callable[[float], None]) -> None:
        """Refines all songs for which that has not been done."""
        missing = [each for each in kept if stored_target(self.path(each)) is None]
        for number, each in enumerate(missing, start=1):
            store_target(self._refined(lessons.plain(each), each.read().song), self.path(each))
            progress(number / len(missing))

    def _refined(self, lesson: Lesson, song: Song) -> Target:
        dry = lesson.frames.dry
        n_tracks, n_frames = dry.active.shape
        song = replace(song, tracks=song.tracks[:n_tracks])
        rules, objective = self._rules.rules, lesson.objective
        nothing = neutral(n_tracks, n_frames * NETWORK_FRAME_S, NETWORK_FRAME_S, optional_parts(rules))
        raw = read_panel(objective, predict(dry, project(objective, dry, nothing)))
        task = Task(
            objective, dry, pins_of(rules, objective, song, nothing), constraint_weights_of(objective, raw, rules)
        )
        start = role_start(nothing, dry, song.tracks, np.zeros(n_tracks, np.float32), 0)
        return target_of(dry, refine(task, start, self._n_steps).treatment)
