"""An automatic mixer: rules of mixing engineering, written in YAML, refine a treatment of every track.

From Python, `hybrid.load_song`, `hybrid.mix` and the other functions of `hybrid.api` are here, with their types.

Importing this package starts nothing: JAX is imported by the parts that compute. How it is to start is said here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from hybrid.start import prepare_jax
from hybrid.version import __version__ as __version__

if TYPE_CHECKING:
    from hybrid.analysis.song import AnalysedSong
    from hybrid.api import (
        analyse,
        check,
        judge,
        load_rules,
        load_song,
        mix,
        objective,
        propose,
        refine,
        render,
    )
    from hybrid.audio.song import Song
    from hybrid.errors import InputError, SongError
    from hybrid.judging.judge import MixEvaluation
    from hybrid.knowledge.ruleset import RuleSet
    from hybrid.knowledge.verdict import Verdict
    from hybrid.mixing.rendered import MixResult, RenderedMix
    from hybrid.mixing.song_objective import Costs, SongObjective
    from hybrid.refinement.refine import Refined
    from hybrid.study.load import StudyRun, load_study
    from hybrid.treatment.types import Treatment
    from hybrid.unmixing.check import Check

__all__ = [
    "AnalysedSong",
    "Check",
    "Costs",
    "InputError",
    "MixEvaluation",
    "MixResult",
    "Refined",
    "RenderedMix",
    "RuleSet",
    "Song",
    "SongError",
    "SongObjective",
    "StudyRun",
    "Treatment",
    "Verdict",
    "analyse",
    "check",
    "judge",
    "load_rules",
    "load_song",
    "load_study",
    "mix",
    "objective",
    "propose",
    "refine",
    "render",
]

prepare_jax()

_MODULE_OF = {
    "AnalysedSong": "analysis.song",
    "Check": "unmixing.check",
    "Costs": "mixing.song_objective",
    "InputError": "errors",
    "MixEvaluation": "judging.judge",
    "MixResult": "mixing.rendered",
    "Refined": "refinement.refine",
    "RenderedMix": "mixing.rendered",
    "RuleSet": "knowledge.ruleset",
    "Song": "audio.song",
    "SongError": "errors",
    "SongObjective": "mixing.song_objective",
    "Treatment": "treatment.types",
    "StudyRun": "study.load",
    "Verdict": "knowledge.verdict",
    "load_study": "study.load",
}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """A function of `hybrid.api`, or a type that it takes or returns: imported when it is first asked for."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"hybrid.{_MODULE_OF.get(name, 'api')}"), name)

    def __dir__() -> list[str]:
        return sorted([*globals(), *__all__])
