"""Provenance of results: versions and hashes, so that they can be reproduced."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from importlib.metadata import version

from hybrid.version import __version__


def made_with(rules_hash: str, inputs_hash: str, options: Mapping[str, str]) -> dict[str, str]:
    """The provenance of the results of one run; no time and no place, so that equal runs write equal files."""
    libraries = {name: version(name) for name in ("jax", "numpy", "soxr", "soundfile")}
    return {
        "hybrid": __version__,
        "python": platform.python_version(),
        **libraries,
        "rules": rules_hash,
        "inputs": inputs_hash,
        **options,
    }
