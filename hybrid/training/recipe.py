"""The format of training recipes, `recipe/1`: on what a network is trained, by which losses, and how long."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from hybrid import shelf
from hybrid.model.sizes import Sizes
from hybrid.validation import validate_document

KIND = "train"
_Count = Annotated[int, Field(strict=True, ge=1)]
_Share = Annotated[float, Field(ge=0.0, le=1.0)]
_Weight = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class Data(BaseModel, frozen=True, extra="forbid"):
    """Songs to learn from."""

    dataset: str = "synthetic"
    """Name or path of a card."""
    songs: _Count
    validation: _Count


class Network(BaseModel, frozen=True, extra="forbid"):
    """Sizes of the network."""

    frame: _Count = Sizes.frame
    whole: _Count = Sizes.whole
    n_heads: _Count = Sizes.n_heads
    n_frame_blocks: _Count = Sizes.n_frame_blocks
    n_moment_blocks: _Count = Sizes.n_moment_blocks
    n_whole_blocks: _Count = Sizes.n_whole_blocks
    n_refine_blocks: _Count = Sizes.n_refine_blocks
    n_unrolled_steps: Annotated[int, Field(strict=True, ge=0)] = Sizes.n_unrolled_steps


class Losses(BaseModel, frozen=True, extra="forbid"):
    """What is added up, and by which weights; a loss with a weight of 0 is not computed."""

    rules: _Weight = 1.0
    """Weighted penalties of all rules, the objective that refinement follows."""
    unrolled: _Weight = 0.5
    """Times `rules`: mean penalty of the predictions before each refining step, so that every step is worth taking."""
    roles: _Weight = 0.1
    """Cross-entropy of the family of each track."""
    refined: _Weight = 0.0
    """Distance to what refinement makes of the same song."""
    human: _Weight = 0.0
    """Distance to the mix that a person made of the same song, where the data set has one."""


class Variety(BaseModel, frozen=True, extra="forbid"):
    """How each song changes from one time to the next. Amounts are guesses."""

    gain_db: _Weight = 6.0
    """Standard deviation of a gain of each track."""
    tone_db: _Weight = 3.0
    """Standard deviation of each point of a smooth tone curve of each track."""
    drop: _Share = 0.15
    """How often a track is left out; two stay at least."""
    mirror: _Share = 0.5
    """How often left and right change places in a track."""
    lean_db: _Weight = 2.0
    """Standard deviation of the balance of a stereo track, and of each point of a curve of it over frequency."""
    apart: _Share = 0.3
    """How often the channels of a stereo track are less alike than they came, most so in some bands."""
    stereo: _Share = 0.5
    """How often all tracks of a song come on two channels, as studios and trackers export them."""
    lead: _Share = 0.3
    """How often another than the singer leads, drums and basses apart."""
    asked: _Share = 0.5
    """How often rules weigh and ask otherwise than they do, so that the network learns to follow rules it never met."""
    weight_octaves: _Weight = 1.0
    """Standard deviation of the weight of each rule then."""
    target_scales: _Weight = 1.0
    """Standard deviation of where the targets of each rule then lie, in its scales."""
    mute: _Share = 0.15
    """How often a track whose role is told is not heard, so that roles are learnt by themselves as well."""
    no_roles: _Share = 0.4
    """How often no role is told at all."""
    hide_role: _Share = 0.15
    """Otherwise, how often the role of a track is not told."""


class Recipe(BaseModel, frozen=True, extra="forbid"):
    """A whole recipe."""

    schema_: Annotated[Literal["recipe/1"], Field(alias="schema")]
    about: str
    data: Data
    rules: Annotated[tuple[tuple[str, ...], ...], Field(min_length=1)] = (("base",),)
    """Sets of rule files, by name or path; batches take turns under them."""
    losses: Losses = Losses()
    refined_steps: _Count = 300
    """Steps of refinement behind `losses.refined`."""
    variety: Variety = Variety()
    network: Network = Network()
    n_tracks: _Count = 16
    """Of songs with more, some are taken."""
    n_frames: _Count = Sizes.n_frames
    """Of 0.4 s; with these weights, mixing hears as many at once."""
    batch: _Count = 8
    steps: _Count
    rate: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-3
    """Learning rate at its highest: after a rise over `warm_up` steps; it falls along half a cosine."""
    warm_up: Annotated[int, Field(strict=True, ge=0)] = 100
    decay: _Weight = 1e-4
    """Weight decay of AdamW."""
    clip: Annotated[float, Field(gt=0.0)] = 1.0
    """Largest norm of a gradient."""
    validate_every: _Count = 250
    """Steps between validations, each of which leaves a checkpoint."""
    patience: _Count = 12
    """Validations without an improvement after which training stops."""
    seed: Annotated[int, Field(strict=True, ge=0)] = 0

    @property
    def hash(self) -> str:
        """Of all that the recipe states and leaves to defaults."""
        return hashlib.sha256(self.model_dump_json(by_alias=True).encode()).hexdigest()


def read_recipe(name: str) -> Recipe:
    """The recipe of that name or path. Raises InputError with all that is wrong in it."""
    return validate_document(Recipe, shelf.read(shelf.find(KIND, name)))
