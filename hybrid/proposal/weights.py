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
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from hybrid import shelf
from hybrid.errors import InputError, Problem, suggest
from hybrid.model.field import Field
from hybrid.model.sizes import Sizes

SCHEMA = "weights/1"
SHIPPED = Path(__file__).parents[1] / "weights"
"""The folder of the weights that come with the program."""
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
    except (OSError, SafetensorError, ValueError) as error:
        raise InputError(Problem(str(path), f"is not a file of weights: {error}")) from error
    if metadata.get("schema") != SCHEMA:
        what = f"holds weights of format {metadata.get('schema')!r}, expected {SCHEMA!r}"
        raise InputError(Problem(str(path), what, hint="they were made by another version, or by another program"))
    try:
        sizes = Sizes(**metadata["sizes"])
        roles, families, about = tuple(metadata["roles"]), tuple(metadata["families"]), metadata["about"]
    except (KeyError, TypeError) as error:
        what = f"says nothing of its sizes that this version knows: {error}"
        raise InputError(Problem(str(path), what)) from error
    # shapes alone: the arrays are those of the file
    field = nnx.eval_shape(lambda: Field(sizes, nnx.Rngs(0)))
    _fill(field, arrays, path)
    digest = hashlib.sha256(b"".join(arrays[key].tobytes() for key in sorted(arrays))).hexdigest()
    return Network(field, roles, families, about, digest)


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
