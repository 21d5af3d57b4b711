"""Every quantity that rules speak of, from powers or from audio. JAX.

The files of this package are loaded when first named (`measure.loudness`), so that the schema of rules, which
only refers to them, can be read without starting JAX.
"""

from __future__ import annotations

import importlib
from types import ModuleType


def __getattr__(name: str) -> ModuleType:
    try:
        return importlib.import_module(f"{__name__}.{name}")
    except ModuleNotFoundError as error:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from error
