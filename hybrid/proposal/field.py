"""Proposals of a trained network for a song, and its classification of tracks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PyTree

from hybrid.audio.families import ROLE_OF
from hybrid.audio.song import Song, Track
from hybrid.compiled import ExportedFunction, seldom
from hybrid.knowledge.groups import part_of
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.start_levels import at_expected_levels, expects_levels
from hybrid.model.field import Field, Proposal
from hybrid.model.gradient_features import NegativeGradient
from hybrid.model.input_features import Conditioning, at_network_frames, input_features
from hybrid.model.proposal import SongInputs, Stages, first_treatment, predict_song, propose, refined
from hybrid.model.sizes import Sizes
from hybrid.proposal.weights import Network
from hybrid.treatment.pooling import pool
from hybrid.treatment.types import Dry, Treatment

UNKNOWN = "unknown"
CLASSIFIER_TEMPERATURE = 4.0
"""By which the ear's logits are divided, so that it is no surer than it is right.

The first `base`, trained on synthetic sounds, named 22 of 57 tracks of eight real songs rightly, and was 72 % sure on
average without, 30 % with it. The one that is shipped names 25, and is 25 % sure: too modest. At 2 it would be as sure
as it is right (43 and 44 %, where its likelihood is highest too), but of the 21 tracks with a confidence of more than
half then it names 9 rightly: those that it is surest of are no surer, and a wrong role is worse than none.
"""
MIN_CONFIDENCE = 0.5
"""Confidence from which a classified role is used: it is likelier than all others together."""
GRADIENT_FRAMES = 256
"""Frames at most in which gradients of the rules are computed where nothing is refined. A guess: half of those that
refinement works on, at half of their cost."""


NO_GOAL = np.zeros(0, np.float32)
"""Features of no goal."""


class HeardRoles(NamedTuple):
    """Families that the network classifies the tracks as."""

    family: tuple[str, ...]
    confidence: tuple[float, ...]
    """Calibrated probability, 0 to 1."""


def conditioning_of(
    tracks: Sequence[Track], roles: Sequence[str], n_tracks: int, seed: int, *, is_recorded: bool
) -> Conditioning:
    """The conditioning of the tracks, padded; sides are drawn from the seed, in the order of ids.

    `is_recorded` says whether the levels of the raw tracks are those of a recording.
    """
    known = {role: index for index, role in enumerate(roles, start=1) if role != UNKNOWN}
    role, leads, side = np.zeros(n_tracks, np.int32), np.zeros(n_tracks, np.float32), np.zeros(n_tracks, np.float32)
    n = len(tracks)
    role[:n] = [known.get(track.role, 0) for track in tracks]
    leads[:n] = ["lead" in track.tags for track in tracks]
    if n > 1:
        # by id, so that the order in which tracks are read changes no side
        by_id = sorted(range(n), key=lambda index: tracks[index].id)
        side[by_id] = np.random.default_rng(seed).permutation(np.linspace(-1.0, 1.0, n))
    return Conditioning(*map(jax.device_put, (role, leads, side, np.float32(is_recorded))))


def gradient_frames(dry: Dry) -> Dry:
    """The recording in fewer frames, in which gradients of the rules are computed where nothing is refined."""
    n_frames = dry.active.shape[-1]
    return pool(dry, -(-n_frames // GRADIENT_FRAMES))


def proposed(
    network: Network,
    dry: Dry,
    start: Treatment,
    conditioning: Conditioning,
    negative_gradient: NegativeGradient,
    goal: Float[Array | np.ndarray, " goal"] = NO_GOAL,
) -> Treatment:
    """The treatment that the network proposes under the rules of a gradient, as a change of `start`: it has levels and
    sends, and is neutral otherwise. `goal` are the features of what a goal asks."""
    return propose(_stages(network), _inputs(dry, start, conditioning, goal), negative_gradient)


def first_proposed(network: Network, dry: Dry, start: Treatment, conditioning: Conditioning) -> Treatment:
    """The first prediction of the network, before it is told what the rules find wrong."""
    return first_treatment(_stages(network), _inputs(dry, start, conditioning, NO_GOAL))


def _inputs(
    dry: Dry, start: Treatment, conditioning: Conditioning, goal: Float[Array | np.ndarray, " goal"]
) -> SongInputs:
    dry = at_network_frames(dry)
    # all on one device by name: programs are compiled anew for arrays that are not
    inputs = SongInputs(dry, _input_features(dry), start, conditioning, jnp.asarray(goal))
    return jax.device_put(inputs, jax.local_devices()[0])


def expected_start(objective: Objective, dry: Dry, start: Treatment) -> Treatment:
    """`start` at the levels that the rules expect of the tracks."""
    # by the rules that it rests on alone: no other rule, and no switch, is part of the program
    at = tuple(k for k, rule in enumerate(objective.program.rules) if expects_levels(rule))
    level_db = _EXPECTED(part_of(objective, at), dry, start)
    return replace(start, gain=start.gain._replace(level_db=level_db))


def prepare_first(network: Network, objective: Objective, dry: Dry, pooled: Dry, start: Treatment) -> None:
    """Compiles what `first_proposed` is made of, and where it starts, for a song of this shape; `pooled` has the frames
    that the rules are read in."""
    conditioning = conditioning_of((), network.roles, dry.power.shape[0], 0, is_recorded=True)
    first_proposed(network, dry, expected_start(objective, pooled, start), conditioning)


def prepare_proposal(network: Network, dry: Dry, start: Treatment) -> None:
    """Compiles what `proposed` is made of for a song of this shape, but for the gradient of the rules."""
    conditioning = conditioning_of((), network.roles, dry.power.shape[0], 0, is_recorded=True)

    def none(unconstrained: Treatment) -> tuple[Array, Treatment]:
        return jnp.zeros(()), jax.tree.map(jnp.zeros_like, unconstrained)

    proposed(network, dry, start, conditioning, none)


def classify_tracks(network: Network, dry: Dry, tracks: Sequence[Track]) -> HeardRoles:
    """The family of each track by its sound alone, whatever its name says."""
    unlabelled = [replace(track, role=UNKNOWN, tags=()) for track in tracks]
    conditioning = conditioning_of(unlabelled, network.roles, dry.power.shape[0], 0, is_recorded=False)
    family = _classifier(network.field.sizes)(_leaves(network), at_network_frames(dry), conditioning)
    share = np.asarray(jax.nn.softmax(family / CLASSIFIER_TEMPERATURE, axis=-1))[: len(tracks)]
    best = share.argmax(axis=-1)
    return HeardRoles(tuple(network.families[k] for k in best), tuple(share.max(axis=-1).tolist()))


def with_classified_roles(song: Song, found: HeardRoles) -> Song:
    """The song with a role, and a note, for every track of unknown role that is classified with enough confidence."""
    tracks, notes = [], []
    for track, family, confidence in zip(song.tracks, *found, strict=True):
        if track.role == UNKNOWN and confidence >= MIN_CONFIDENCE:
            track = replace(track, role=ROLE_OF[family], confidence=confidence)
            notes.append(f"{track.id} sounds like {family} ({confidence:.0%}): taken as {track.role}")
        tracks.append(track)
    return replace(song, tracks=tuple(tracks), notes=(*song.notes, *notes))


def _leaves(network: Network) -> list[Array]:
    return jax.tree.leaves(nnx.state(network.field))


def _network_of(sizes: Sizes) -> Callable[[list[Array]], Field]:
    """The function from weights to a network of these sizes."""
    # shapes alone: no weights are initialised only to be replaced
    graph, state = nnx.split(nnx.eval_shape(lambda: Field(sizes, nnx.Rngs(0))))
    return lambda weights: nnx.merge(graph, jax.tree.unflatten(jax.tree.structure(state), weights))


_input_features = seldom()(input_features)
_EXPECTED = ExportedFunction(
    "expected levels",
    lambda objective, dry, start: at_expected_levels(objective, dry, start).gain.level_db,
    runs_once=True,
)


class _Programs(NamedTuple):
    """The stages of a network of some sizes, of its weights and of what they are given; their results are leaves."""

    first: ExportedFunction
    refined: ExportedFunction


def _stages(network: Network) -> Stages:
    """The compiled stages of a network."""
    weights, programs = jax.device_put(_leaves(network)), _programs(network.field.sizes)
    return Stages(
        lambda *given: Proposal(*programs.first(weights, *given)),
        lambda *given: Proposal(*programs.refined(weights, *given)),
        network.field.sizes.n_unrolled_steps,
    )


@cache
def _programs(sizes: Sizes) -> _Programs:
    # weights are arguments, not constants of the program: one serves all networks of these sizes
    network_of = _network_of(sizes)

    def first(weights: list[Array], dry: Dry, conditioning: Conditioning) -> list[Array]:
        return list(predict_song(network_of(weights), dry, conditioning))

    def further(weights: list[Array], *given: PyTree) -> list[Array]:
        return list(refined(network_of(weights), *given))

    return _Programs(
        ExportedFunction(f"a prediction by {sizes}", first, runs_once=True),
        ExportedFunction(f"a refine step by {sizes}", further, runs_once=True),
    )


@cache
def _classifier(sizes: Sizes) -> ExportedFunction:
    """The logits of a network of these sizes for the family of each track."""
    network_of = _network_of(sizes)

    def family(weights: list[Array], dry: Dry, conditioning: Conditioning) -> Array:
        return predict_song(network_of(weights), dry, conditioning).family

    return ExportedFunction(f"an ear by {sizes}", family, runs_once=True)
