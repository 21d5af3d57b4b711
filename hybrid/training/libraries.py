"""Libraries that nothing but training needs."""

from __future__ import annotations

from importlib.util import find_spec

from hybrid.errors import InputError, Problem

_NAMES = ("grain", "orbax.checkpoint", "tensorboardX")


def check_libraries() -> None:
    """Raises InputError if any of them is not installed."""
    missing = [name for name in _NAMES if not _is_installed(name)]
    if missing:
        what = f"needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed"
        raise InputError(Problem("training", what, "pip install 'hybrid-mix[train]'"))


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:
        return False
