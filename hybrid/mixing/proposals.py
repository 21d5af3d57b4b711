"""What a network proposes for a song: from findings on the raw sum, without any, or at first sight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import jax
import numpy as np
from jaxtyping import Array, Float

from hybrid.audio.song import Song
from hybrid.model.input_features import Conditioning
from hybrid.proposal.field import NO_GOAL, conditioning_of, expected_start, first_proposed, proposed
from hybrid.proposal.weights import Network
from hybrid.refinement.initial import network_start, nothing_found, usual_start
from hybrid.refinement.pins import pinned
from hybrid.refinement.programs import Task
from hybrid.refinement.refine import negative_gradient
from hybrid.treatment.types import Dry, Treatment


def proposed_start(
    network: Network,
    dry: Dry,
    task: Task,
    nothing: Treatment,
    usual: Treatment,
    song: Song,
    seed: int,
    goal: Callable[[Treatment], Float[Array, " goal"]] | None = None,
) -> Treatment:
    """The network's proposal with the usual sends and spreads; low cuts are no lower than where they have a
    gradient. `goal` gives the features of what a goal asks, from the first prediction."""
    start, conditioning = _given(network, dry, task, nothing, usual, song, seed)
    asked = goal(first_proposed(network, dry, start, conditioning)) if goal else NO_GOAL
    proposal = proposed(network, dry, start, conditioning, negative_gradient(task), asked)
    corner_hz = np.maximum(proposal.eq.low_cut_hz, usual.eq.low_cut_hz)
    return replace(proposal, eq=proposal.eq._replace(low_cut_hz=jax.device_put(corner_hz)))


def proposed_unheard(network: Network, dry: Dry, task: Task, nothing: Treatment, song: Song, seed: int) -> Treatment:
    """The network's proposal where nothing was found in the raw sum; positions that a rule requires are as required,
    sends and spreads are the usual ones."""
    start, conditioning = _given(network, dry, task, nothing, _usual(dry, nothing, song, seed), song, seed)
    return pinned(proposed(network, dry, start, conditioning, negative_gradient(task)), task.pins)


def first_look(network: Network, dry: Dry, task: Task, nothing: Treatment, song: Song, seed: int) -> Treatment:
    """As `proposed_unheard`, before the network is told what the rules find wrong."""
    start, conditioning = _given(network, dry, task, nothing, _usual(dry, nothing, song, seed), song, seed)
    return pinned(first_proposed(network, dry, start, conditioning), task.pins)


def _usual(dry: Dry, nothing: Treatment, song: Song, seed: int) -> Treatment:
    return usual_start(nothing, dry, song.tracks, nothing_found(dry.power.shape[0]), seed)


def _given(
    network: Network, dry: Dry, task: Task, nothing: Treatment, usual: Treatment, song: Song, seed: int
) -> tuple[Treatment, Conditioning]:
    """What a network changes, and what it is told of the tracks."""
    n_tracks, is_recorded = dry.power.shape[0], song.levels_are_recorded
    start = expected_start(task.objective, task.dry, network_start(usual, nothing))
    return start, conditioning_of(song.tracks, network.roles, n_tracks, seed, is_recorded=is_recorded)
