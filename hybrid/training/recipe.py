"""The format of training recipes, `recipe/1`: data, rules, losses, augmentation, network sizes and optimiser."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from hybrid import shelf
from hybrid.model.sizes import Sizes
from hybrid.validation import validate_document

KIND = "train"
_Count = Annotated[int, Field(strict=True, ge=1)]
_Share = Annotated[float, Field(ge=0.0, le=1.0)]
_Weight = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class Data(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Songs of training and validation from a data set."""

    dataset: str = "synthetic"
    """Name or path of a card."""
    songs: _Count | None = None
    """Songs to train on; all of the split if None, which a data set that is synthesised does not have."""
    validation: _Count | None = None
    """Songs to validate on; all of the split if None."""
    times: _Count = 1
    """How often each of the songs occurs in an epoch: so that a few songs that people mixed have a say."""


class NetworkConfig(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Sizes of the network, as in `hybrid.model.sizes`."""

    frame: _Count = Sizes.frame
    """Channels of the features of a frame."""
    whole: _Count = Sizes.whole
    """Channels of the features of a whole track."""
    n_heads: _Count = Sizes.n_heads
    """Heads of attention; a divisor of both."""
    n_frame_blocks: _Count = Sizes.n_frame_blocks
    """Blocks that see each frame of each track."""
    n_moment_blocks: _Count = Sizes.n_moment_blocks
    """Blocks in which tracks see each other frame by frame."""
    n_whole_blocks: _Count = Sizes.n_whole_blocks
    """Blocks in which whole tracks see each other."""
    n_refine_blocks: _Count = Sizes.n_refine_blocks
    """Blocks of a refine step."""
    n_unrolled_steps: Annotated[int, Field(strict=True, ge=0)] = Sizes.n_unrolled_steps
    """Refine steps after the first prediction."""


class Losses(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Weights of the losses; a loss with weight 0 is not computed."""

    rules: _Weight = 1.0
    """Logarithm of one and the weighted penalties of all rules, the objective of refinement."""
    unrolled: _Weight = 0.5
    """Weight, times `rules`, of the same loss after each earlier unrolled step, on average, so that every step improves
    the prediction."""
    roles: _Weight = 0.1
    """Cross-entropy of the family of each track."""
    refined: _Weight = 0.0
    """Distance to the mix that refinement makes of the same song."""
    human: _Weight = 0.0
    """Distance to the human mix of the same song, where the data set has one: to the levels and places that its author
    decided, or to what the tracks explain of the mix."""


class Goals(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Goals that songs are mixed towards: references under hidden settings, drawn anew whenever a song is used."""

    same_song: _Share = 0.5
    """Of taking another excerpt of the same song as the reference, rather than another song."""
    whole: _Share = 0.5
    """Of asking for all aspects at once."""
    aspect: _Share = 0.5
    """Otherwise, of asking for each aspect, whatever is asked for of the others."""


class Augmentation(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """Random changes of each song whenever it is used; amounts are guesses. Shares are probabilities."""

    gain_db: _Weight = 6.0
    """Standard deviation of the gain of each track, where recorded levels are hidden."""
    hide_levels: _Share = 0.5
    """Of hiding the levels at which tracks were recorded, so that the network can do without them."""
    tone_db: _Weight = 3.0
    """Standard deviation of each point of a smooth tone curve of each track."""
    drop: _Share = 0.15
    """Of leaving a track out; at least two stay."""
    mirror: _Share = 0.5
    """Of swapping left and right of a track."""
    lean_db: _Weight = 2.0
    """Standard deviation of the balance of a stereo track, and of each point of its curve over frequency."""
    apart: _Share = 0.3
    """Of reducing the correlation between the channels of a stereo track, by an amount that varies over frequency."""
    stereo: _Share = 0.5
    """Of treating all tracks of a song as stereo files, as they are often exported."""
    lead: _Share = 0.3
    """Of making another track the lead, except drums, basses and effects."""
    asked: _Share = 0.5
    """Of changing weights and limits of the rules, so that the network generalises to rules that it was not trained
    by."""
    weight_octaves: _Weight = 1.0
    """Standard deviation of the change of each rule's weight then."""
    target_scales: _Weight = 1.0
    """Standard deviation of the shift of each rule's limits then, in its scales."""
    mute: _Share = 0.15
    """Of hiding the features of a track whose role is given, so that the network learns from roles alone as well."""
    no_roles: _Share = 0.4
    """Of hiding the roles of all tracks."""
    hide_role: _Share = 0.15
    """Otherwise, of hiding the role of a track."""


class Recipe(BaseModel, frozen=True, extra="forbid", use_attribute_docstrings=True):
    """A training recipe."""

    schema_: Annotated[Literal["recipe/1"], Field(alias="schema")]
    """The format of this document."""
    about: str
    """What the network is for."""
    data: Annotated[tuple[Data, ...], Field(min_length=1)]
    """Songs to learn from."""
    rules: Annotated[tuple[tuple[str, ...], ...], Field(min_length=1)] = (("base",),)
    """Sets of rule files, by name or path; batches alternate between them."""
    losses: Losses = Losses()
    """What is learned."""
    refined_steps: _Count = 300
    """Steps of refinement for the targets of `losses.refined`."""
    goals: Goals | None = None
    """Goals to learn to follow; None for a network that follows none."""
    start: str | None = None
    """Weights to go on from, by name or path, for `goals`: they stay as they are, and what follows goals is added."""
    variety: Augmentation = Augmentation()
    """How songs are changed whenever they are used."""
    network: NetworkConfig = NetworkConfig()
    """Sizes of the layers."""
    n_tracks: _Count = 16
    """Tracks per sample; of songs with more, the first are used."""
    n_frames: _Count = Sizes.n_frames
    """Frames of 0.4 s per sample; mixing with these weights processes as many at once."""
    batch: _Count = 8
    """Songs in a step."""
    steps: _Count
    """Of training, unless it stops early."""
    rate: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-3
    """Peak learning rate, after a linear rise over `warm_up` steps; then it falls along half a cosine."""
    warm_up: Annotated[int, Field(strict=True, ge=0)] = 100
    """Steps over which the learning rate rises."""
    decay: _Weight = 1e-4
    """Weight decay of AdamW."""
    clip: Annotated[float, Field(gt=0.0)] = 1.0
    """Largest global norm of a gradient."""
    validate_every: _Count = 250
    """Steps between validations, each of which writes a checkpoint."""
    patience: _Count = 12
    """Validations without an improvement after which training stops."""
    seed: Annotated[int, Field(strict=True, ge=0)] = 0
    """Draws weights, order and augmentation."""

    @model_validator(mode="after")
    def _goals_go_on_from_weights(self) -> Recipe:
        if (self.goals is None) != (self.start is None):
            raise ValueError("goals and start belong together: following is added to weights that mix already")
        return self

    @property
    def hash(self) -> str:
        """Hash of all fields, defaults included; recipes without goals have the hash that they had before there were
        any."""
        new = {"goals", "start"} if self.goals is None else None
        return hashlib.sha256(self.model_dump_json(by_alias=True, exclude=new).encode()).hexdigest()


def read_recipe(name: str) -> Recipe:
    """The recipe of that name or path. Raises InputError with all its problems."""
    return validate_document(Recipe, shelf.read(shelf.find(KIND, name)))
