"""Not written yet."""

from __future__ import annotations


def mix() -> None:
    """Not written yet."""
