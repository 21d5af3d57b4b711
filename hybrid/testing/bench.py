"""Rules on a test bench: made-up songs under made-up treatments, each evaluated once for all laws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from hybrid.audio.song import Song
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.types import RuleType
from hybrid.testing.evaluation import Evaluation, asking, evaluate, read_as_required, slopes
from hybrid.testing.songs import (
    FRAME_S,
    SAMPLE_RATE,
    objective_of,
    random_dry,
    random_song,
    random_treatment,
    untouched,
)
from hybrid.treatment.axes import map_axis
from hybrid.treatment.parts import PARTS, RIDE_S
from hybrid.treatment.types import Dry, Treatment, map_parts

MANY, FEW, FRAMES = 60, 4, 40
"""Four tracks are padded to sixty, so that one program serves all songs."""


class Traits(NamedTuple):
    """Dependences of a type's values that those of other types do not have."""

    follows_level: bool = False
    """The value rises by 6 dB with twice the amplitude of all tracks."""
    follows_side: bool = False
    """The value changes its sign where left and right change places."""
    follows_clock: bool = False
    """The value depends on when something is played, by sections or blocks of a song."""
    one_sided: bool = False
    """By design the gradient is that of one side of a comparison alone."""


NO_TRAITS = Traits()


def _without(dry: Dry, tracks: slice, frames: slice) -> Dry:
    """The song with some tracks silent in some frames."""
    return replace(
        dry,
        power=dry.power.at[tracks, :, frames].set(0.0),
        power_k=dry.power_k.at[tracks, :, frames].set(0.0),
        active=dry.active.at[tracks, frames].set(0.0),
        cross=dry.cross.at[:, :, :, frames].set(0.0) if tracks.start is None else jnp.zeros_like(dry.cross),
        low_power=dry.low_power.at[tracks].set(0.0) if frames.start is None else dry.low_power,
    )


def _four() -> Dry:
    dry = random_dry(1, MANY, FRAMES)
    return replace(_without(dry, slice(FEW, None), slice(None)), cross=dry.cross)


def _short() -> tuple[Song, Dry]:
    song = replace(random_song(FEW, FRAMES), n_samples=round(0.3 * SAMPLE_RATE))
    return song, _without(_four(), slice(None), slice(3, None))


SONGS: dict[str, Callable[[], tuple[Song, Dry]]] = {
    "digital silence": lambda: (random_song(FEW, FRAMES), _without(_four(), slice(0, None), slice(None))),
    "one track": lambda: (random_song(1, FRAMES), _without(_four(), slice(1, None), slice(None))),
    "a silent track among four": lambda: (random_song(FEW, FRAMES), _without(_four(), slice(2, 3), slice(None))),
    "three tenths of a second": _short,
    "sixty tracks": lambda: (random_song(MANY, FRAMES), random_dry(1, MANY, FRAMES)),
    "four tracks": lambda: (random_song(FEW, FRAMES), _four()),
}
TREATMENTS: dict[str, Callable[[Dry], Treatment]] = {
    "untouched": untouched,
    "treated": lambda dry: random_treatment(dry, 2),
}


class Bench:
    """Rules whose laws are to be checked together; what several laws look at is evaluated once."""

    def __init__(self, rules: Sequence[RuleType], traits: Mapping[str, Traits] | None = None) -> None:
        self.rules = tuple(rules)
        self._traits = traits or {}
        self._index = {rule.id: index for index, rule in enumerate(self.rules)}
        self._songs: dict[str, tuple[Objective, Dry]] = {}
        self._under: dict[tuple[str, str], Evaluation] = {}
        self._asked: dict[bool, Evaluation] = {}

    def traits(self, rule: RuleType) -> Traits:
        """Dependences of the values of the rule's type."""
        return self._traits.get(rule.type, NO_TRAITS)

    def index(self, rule: RuleType) -> int:
        """The place of a rule among all of them."""
        return self._index[rule.id]

    def reading(self, of: Evaluation, rule: RuleType) -> Reading:
        """Reading of one rule."""
        return of.readings[self._index[rule.id]]

    def song(self, name: str) -> tuple[Objective, Dry]:
        """The objective of all rules for a song, and its measurements."""
        if name not in self._songs:
            song, dry = SONGS[name]()
            self._songs[name] = objective_of(self.rules, song, dry), dry
        return self._songs[name]

    def under(self, song: str, treatment: str) -> Evaluation:
        """A song under a treatment."""
        if (song, treatment) not in self._under:
            objective, dry = self.song(song)
            self._under[song, treatment] = evaluate(objective, dry, TREATMENTS[treatment](dry))
        return self._under[song, treatment]

    def asked(self, inside: bool) -> Evaluation:
        """Four treated tracks where every rule is satisfied, or broken: what rules ask is data."""
        if inside not in self._asked:
            objective, dry = self.song("four tracks")
            found = self.under("four tracks", "treated").readings
            self._asked[inside] = evaluate(asking(objective, found, inside), dry, TREATMENTS["treated"](dry))
        return self._asked[inside]

    @cached_property
    def order(self) -> np.ndarray:
        """Another order of sixty tracks."""
        return np.random.default_rng(3).permutation(MANY)

    @cached_property
    def shuffled(self) -> Evaluation:
        """Sixty treated tracks in that order."""
        song, dry = SONGS["sixty tracks"]()
        order, treatment = self.order, TREATMENTS["treated"](dry)
        reordered = map_axis(lambda x, axis: jnp.take(x, order, axis), dry, "track")
        moved = replace(reordered, pairs=jnp.asarray(np.argsort(order))[dry.pairs])
        same = map_parts(lambda part, value: value[order] if PARTS[part].per_track else value, treatment)
        tracks = tuple(song.tracks[i] for i in order)
        return evaluate(objective_of(self.rules, replace(song, tracks=tracks), moved), moved, same)

    @cached_property
    def mirrored(self) -> Evaluation:
        """Four treated tracks with left and right in each other's place."""
        objective, dry = self.song("four tracks")
        swapped = replace(
            dry,
            power=dry.power[:, jnp.array([1, 0, 2])],
            power_k=dry.power_k[:, jnp.array([1, 0, 2])],
            cross=dry.cross[:, ::-1, ::-1],
        )
        treatment = TREATMENTS["treated"](dry)
        pan = treatment.pan._replace(position=-treatment.pan.position)
        return evaluate(objective, swapped, replace(treatment, pan=pan))

    @cached_property
    def louder(self) -> Evaluation:
        """Four treated tracks with twice their amplitude."""
        objective, dry = self.song("four tracks")
        powers = ("power", "power_k", "cross", "low_power", "peak")
        up = replace(dry, **{name: 4.0 * getattr(dry, name) for name in powers})
        return evaluate(objective, up, TREATMENTS["treated"](dry))

    @cached_property
    def early_and_late(self) -> tuple[Evaluation, Evaluation]:
        """Four tracks between rests, as they are and two frames later, under a treatment that stands still."""
        return self._shifted(0), self._shifted(2)

    def _shifted(self, frames: int) -> Evaluation:
        objective, dry = self.song("four tracks")
        dry = _without(_without(dry, slice(None), slice(0, 4)), slice(None), slice(-8, None))
        later = {name: jnp.roll(getattr(dry, name), frames, axis=-2) for name in ("power", "power_k", "cross")}
        later["active"] = jnp.roll(dry.active, frames, axis=-1)
        # a tail that outlasts the song is cut off
        still = {"gain.ride": 0.0, "dynamics.zone": 0.0, "reverb.decay": 0.2, "reverb.pre_delay": 0.01}
        treatment = map_parts(
            lambda part, value: jnp.full_like(value, still[part]) if part in still else value,
            TREATMENTS["treated"](dry),
        )
        return evaluate(objective, replace(dry, **later), treatment)

    @cached_property
    def turned_down(self) -> Evaluation:
        """The lead and the second half of everything else turned down as far as the controls go."""
        objective, dry = self.song("four tracks")
        quiet = untouched(dry)
        late = jnp.arange(quiet.gain.ride_db.shape[1]) * RIDE_S >= 0.5 * FRAMES * FRAME_S
        gain = quiet.gain._replace(
            level_db=quiet.gain.level_db.at[0].set(PARTS["gain.level"].bijector.limits[0]),
            ride_db=quiet.gain.ride_db.at[:, late].set(PARTS["gain.ride"].bijector.limits[0]),
        )
        return evaluate(objective, dry, replace(quiet, gain=gain))

    @cached_property
    def whole_and_required(self) -> tuple[tuple[Reading, ...], tuple[Reading, ...]]:
        """Readings of four treated tracks, and of the same with no more than each type requires.

        There is no low cut: what one takes is told apart from other changes of tone only where the treatment is known.
        """
        objective, dry = self.song("four tracks")
        treatment = TREATMENTS["treated"](dry)
        uncut = treatment.eq._replace(low_cut_hz=jnp.zeros_like(treatment.eq.low_cut_hz))
        treatment = replace(treatment, eq=uncut)
        return evaluate(objective, dry, treatment).readings, read_as_required(objective, dry, treatment)

    @cached_property
    def slopes(self) -> tuple[np.ndarray, np.ndarray]:
        """The slope of every rule's cost in a random direction, by gradient and by difference."""
        return slopes(self.rules, FEW, FRAMES)
