"""Not written yet."""

from __future__ import annotations


def check() -> None:
    """Not written yet."""
