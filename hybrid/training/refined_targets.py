"""Distillation targets from refinement: the features of the refined mix of every song of a data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from hybrid.audio.song import Song
from hybrid.knowledge.compile import optional_parts
from hybrid.knowledge.evaluate import predicted_panel, read_panel
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.start_levels import beyond_expected
from hybrid.model.input_features import NETWORK_FRAME_S
from hybrid.refinement.constraints import constraint_weights_of
from hybrid.refinement.initial import RawFindings, usual_start
from hybrid.refinement.pins import pins_of
from hybrid.refinement.refine import Task, refine
from hybrid.source_hash import source_hash
from hybrid.training.distillation import DistillationTarget, target_of
from hybrid.training.example import CachedExample
from hybrid.training.sample import Sample, SampleBuilder
from hybrid.training.stored_targets import load_target, store_target
from hybrid.treatment.types import neutral


class RefinedTargets:
    """The targets that refinement under a set of rules gives in `n_steps` steps."""

    def __init__(self, rules: RuleSet, n_steps: int) -> None:
        self._rules, self._n_steps = rules, n_steps

    def path(self, example: CachedExample) -> Path:
        """The file of the target of a song."""
        return example.path.with_suffix(f".{self._rules.hash[:12]}-{self._n_steps}-{source_hash(__name__)[:12]}")

    def make_missing(
        self, examples: Sequence[CachedExample], builder: SampleBuilder, progress: Callable[[float], None]
    ) -> None:
        """Refines all songs whose target is not on disk, and writes it."""
        missing = [each for each in examples if load_target(self.path(each)) is None]
        for number, each in enumerate(missing, start=1):
            store_target(self._refined(builder.plain(each), each.read().song), self.path(each))
            progress(number / len(missing))

    def _refined(self, sample: Sample, song: Song) -> DistillationTarget:
        dry = sample.frames.dry
        n_tracks, n_frames = dry.active.shape
        song = replace(song, tracks=song.tracks[:n_tracks])
        rules, objective = self._rules.rules, sample.objective
        neutral_treatment = neutral(n_tracks, n_frames * NETWORK_FRAME_S, NETWORK_FRAME_S, optional_parts(rules))
        raw = read_panel(objective, predicted_panel(objective.output, dry, neutral_treatment))
        task = Task(
            objective,
            dry,
            pins_of(rules, objective, song, neutral_treatment),
            constraint_weights_of(objective, raw, rules),
        )
        # the same start for every song: usual levels, without low cuts, and a fixed seed
        findings = RawFindings(np.zeros(n_tracks, np.float32), beyond_expected(objective.program.rules, raw))
        start = usual_start(neutral_treatment, dry, song.tracks, findings, 0)
        return target_of(dry, refine(task, start, self._n_steps).treatment)
