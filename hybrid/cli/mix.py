"""Placeholder until this command is written."""

from __future__ import annotations


def mix() -> None:
    """Not written yet."""
