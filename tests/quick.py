"""How programs are compiled that a test runs a few times."""

from __future__ import annotations

QUICK = {"xla_backend_optimization_level": 0}
"""In half the time, and slower to run."""
