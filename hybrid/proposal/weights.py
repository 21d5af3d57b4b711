"""Trained networks and their files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from hybrid import shelf
from hybrid.audio.families import FAMILIES
from hybrid.errors import InputError, Problem, shown, suggest
from hybrid.model.field import Field
from hybrid.model.sizes import Sizes
from hybrid.validation import error_message

SCHEMA = "weights/2"
SHIPPED = Path(__file__).parents[1] / "weights"
"""The folder of the weights that come with the program."""
_WIDEST, _DEEPEST, _LONGEST = 4096, 64, 100_000
"""Largest widths, numbers of blocks or steps, and lengths of a network from a file: far above those of any here."""
_LIMITS = {
    **dict.fromkeys(("n_roles", "n_families", "frame", "whole"), (1, _WIDEST)),
    "n_goal": (0, _WIDEST),
    "n_heads": (1, _DEEPEST),
    **dict.fromkeys(("n_frame_blocks", "n_moment_blocks", "n_whole_blocks", "n_refine_blocks"), (0, _DEEPEST)),
    "n_unrolled_steps": (0, _DEEPEST),
    "n_frames": (1, _LONGEST),
}
_ENDING = ".safetensors"
Weights = Mapping[str, Array]
"""Arrays by their paths in the network, joined by dots."""


class Network(NamedTuple):
    """A network with its weights, and the vocabulary that they were trained with."""

    field: Field
    roles: tuple[str, ...]
    """Roles that condition it, in the order of its embedding."""
    families: tuple[str, ...]
    """Families of instruments that it classifies."""
    about: Mapping[str, str]
    """Recipe, data and hashes of its training."""
    hash: str
    """SHA-256 of the weights."""


def load_network(name: str) -> Network:
    """The network of a shipped name or of a file. Raises InputError if there is none or it cannot be used."""
    path = _path(name)
    try:
        with safe_open(path, "numpy") as file:
            metadata = json.loads((file.metadata() or {}).get("network", "{}"))
            names = file.keys()
            arrays = {key: file.get_tensor(key) for key in names}
    # safetensors raises many kinds of errors, of Rust and of numpy, for kinds of numbers that numpy does not have
    except (OSError, SafetensorError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise InputError(Problem(str(path), f"is not a file of weights: {error}")) from error
    stored = _metadata(metadata, path)
    # shapes alone: the arrays are those of the file
    field = nnx.eval_shape(lambda: Field(stored.sizes, nnx.Rngs(0)))
    _fill(field, arrays, path)
    digest = hashlib.sha256(b"".join(arrays[key].tobytes() for key in sorted(arrays))).hexdigest()
    return Network(field, stored.roles, stored.families, stored.about, digest)


class _Metadata(BaseModel, frozen=True):
    """What a file of weights says of itself."""

    sizes: Sizes
    roles: tuple[str, ...]
    families: tuple[str, ...]
    about: dict[str, str]


def _metadata(given: object, path: Path) -> _Metadata:
    """The metadata of a file of weights. Raises InputError if they cannot be those of a network."""
    schema = given.get("schema") if isinstance(given, dict) else None
    if not isinstance(given, dict) or schema != SCHEMA:
        what = f"holds weights of format {shown(schema)}, expected {SCHEMA!r}"
        raise InputError(Problem(str(path), what, hint="they were made by another version, or by another program"))
    try:
        metadata = _Metadata.model_validate(given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        hint = "it was made by another version, or by another program"
        raise InputError(Problem(str(path), f"{where}: {error_message(first)}", hint)) from error
    problems = []
    for name, size in asdict(metadata.sizes).items():
        (low, high), written = _LIMITS[name], given["sizes"].get(name, size)
        # numbers in quotes and truth values would pass as whole numbers
        if type(written) is not int or not low <= written <= high:
            problems.append(f"sizes.{name}: expected a whole number from {low} to {high}, got {shown(written)}")
    problems += [f"families: no such family: {shown(name)}" for name in metadata.families if name not in FAMILIES]
    if not problems and metadata.sizes.frame % metadata.sizes.n_heads + metadata.sizes.whole % metadata.sizes.n_heads:
        problems.append(f"sizes.n_heads: expected a divisor of frame and whole, got {metadata.sizes.n_heads}")
    if (len(metadata.roles), len(metadata.families)) != (metadata.sizes.n_roles, metadata.sizes.n_families):
        problems.append("roles and families are not as many as its sizes say")
    if problems:
        raise InputError(*(Problem(str(path), what) for what in problems[:5]))
    return metadata


def save_network(network: Network, sizes: Sizes, path: Path) -> None:
    """Writes a network to a file, atomically. Raises InputError if it cannot be written."""
    metadata = {
        "schema": SCHEMA,
        "sizes": asdict(sizes),
        "roles": network.roles,
        "families": network.families,
        "about": dict(network.about),
    }
    arrays = {key: np.asarray(value) for key, value in weights_of(network.field).items()}
    shelf.write(path, save(arrays, {"network": json.dumps(metadata)}))


def weights_of(field: Field) -> Weights:
    """The weights of a network by name."""
    return {".".join(map(str, path)): leaf[...] for path, leaf in nnx.to_flat_state(nnx.state(field, nnx.Param))}


def _fill(field: Field, arrays: Mapping[str, np.ndarray], path: Path) -> None:
    """Sets the weights of `field`. Raises InputError for those that are missing, unknown or of another shape."""
    state = nnx.state(field, nnx.Param)
    places = {".".join(map(str, place)): leaf for place, leaf in nnx.to_flat_state(state)}
    problems = [
        Problem(str(path), f"{key}: is missing" if key not in arrays else f"{key}: fits nowhere")
        for key in sorted(places.keys() ^ arrays.keys())
    ]
    for key in places.keys() & arrays.keys():
        if arrays[key].shape != places[key].shape:
            what = f"{key}: has the shape {arrays[key].shape}, expected {places[key].shape}"
            problems.append(Problem(str(path), what))
        elif not np.isfinite(arrays[key]).all():
            problems.append(Problem(str(path), f"{key}: holds NaN or infinity"))
    if problems:
        raise InputError(*problems[:5])
    flat = [(place, leaf.replace(jax.device_put(arrays[".".join(map(str, place))])))
            for place, leaf in nnx.to_flat_state(state)]  # fmt: skip
    nnx.update(field, nnx.from_flat_state(flat))


def _path(name: str) -> Path:
    given = shelf.expanded(name)
    if given.suffix == _ENDING or given.is_file():
        if not given.is_file():
            raise InputError(Problem(str(given), "no such file"))
        return given
    shipped = SHIPPED / f"{name}{_ENDING}"
    known = [*sorted(path.stem for path in SHIPPED.glob(f"*{_ENDING}")), "none"]
    if not shipped.is_file():
        hint = f"known names: {', '.join(known)}; or a file that ends with {_ENDING}"
        raise InputError(Problem("--model", f"no such network: {name!r}{suggest(name, known)}", hint))
    return shipped
