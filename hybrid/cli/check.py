"""Placeholder until this command is written."""

from __future__ import annotations


def check() -> None:
    """Not written yet."""
