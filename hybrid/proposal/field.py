"""Proposals of a trained network for a song, and its classification of tracks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import NamedTuple

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array

from hybrid.audio.families import ROLE_OF
from hybrid.audio.song import Song, Track
from hybrid.compiled import ExportedFunction
from hybrid.knowledge.compile import compile_rules
from hybrid.knowledge.objective import Objective, negative_gradient
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.start_levels import at_expected_levels
from hybrid.model.field import Field
from hybrid.model.input_features import Conditioning, at_network_frames
from hybrid.model.proposal import predict_song, propose
from hybrid.model.sizes import Sizes
from hybrid.proposal.weights import Network
from hybrid.treatment.effect import pool
from hybrid.treatment.types import Dry, Treatment

UNKNOWN = "unknown"
CLASSIFIER_TEMPERATURE = 4.0
"""By which the ear's logits are divided, so that it is no surer than it is right: trained on synthetic sounds, it named
22 of 57 tracks of eight real songs rightly, and was 72 % sure on average without, 30 % with it (`base` of 0.1.0)."""
MIN_CONFIDENCE = 0.5
"""Confidence from which a classified role is used: it is likelier than all others together."""
GRADIENT_FRAMES = 256
"""Frames at most in which gradients of the rules are computed. A guess: half of those that refinement works on, at half
of their cost."""


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
    no_reference = np.zeros(0, np.float32)
    return Conditioning(*map(jax.device_put, (role, leads, side, no_reference, np.float32(is_recorded))))


class ProposalContext(NamedTuple):
    """The rules of a song and the frames in which a network gets their gradients."""

    dry: Dry
    objective: Objective


def gradient_frames(dry: Dry) -> Dry:
    """The recording in the frames in which gradients of the rules are computed."""
    n_frames = dry.active.shape[-1]
    return pool(dry, -(-n_frames // GRADIENT_FRAMES))


def proposal_context(rules: RuleSet, song: Song, dry: Dry) -> ProposalContext:
    """The context of a song whose roles are named; of `dry`, only shape and times matter to the objective."""
    dry = gradient_frames(dry)
    return ProposalContext(dry, compile_rules(rules, song, dry.power.shape[0], np.asarray(dry.time_s))[0])


def proposed(
    network: Network, dry: Dry, context: ProposalContext, start: Treatment, conditioning: Conditioning
) -> Treatment:
    """The treatment that the network proposes under these rules: a change of the levels that they expect, with the
    sends of `start`, which is neutral otherwise."""
    parts = _proposal(network.field.sizes)(*_arguments(network, dry, context, start, conditioning))
    return jax.tree.unflatten(jax.tree.structure(start), parts)


def prepare_proposal(network: Network, dry: Dry, context: ProposalContext, start: Treatment) -> None:
    """Compiles the program of `proposed` for any song and rules of these shapes."""
    conditioning = conditioning_of((), network.roles, dry.power.shape[0], 0, is_recorded=True)
    _proposal(network.field.sizes).prepare(*_arguments(network, dry, context, start, conditioning))


def _arguments(
    network: Network, dry: Dry, context: ProposalContext, start: Treatment, conditioning: Conditioning
) -> tuple[list[Array], Dry, Treatment, Conditioning, ProposalContext]:
    return _leaves(network), at_network_frames(dry), start, conditioning, context


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


@cache
def _proposal(sizes: Sizes) -> ExportedFunction:
    """The proposal of a network of these sizes: the parts of a treatment in their order."""
    network_of = _network_of(sizes)

    # weights are arguments, not constants of the program: one serves all networks of these sizes
    def parts(
        weights: list[Array], dry: Dry, start: Treatment, conditioning: Conditioning, context: ProposalContext
    ) -> list[Array]:
        gradient = partial(negative_gradient, context.objective, context.dry)
        start = at_expected_levels(context.objective, context.dry, start)
        return jax.tree.leaves(propose(network_of(weights), dry, start, conditioning, gradient))

    return ExportedFunction(f"a proposal by {sizes}", parts)


@cache
def _classifier(sizes: Sizes) -> ExportedFunction:
    """The logits of a network of these sizes for the family of each track."""
    network_of = _network_of(sizes)

    def family(weights: list[Array], dry: Dry, conditioning: Conditioning) -> Array:
        return predict_song(network_of(weights), dry, conditioning).family

    return ExportedFunction(f"an ear by {sizes}", family)
