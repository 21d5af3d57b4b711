"""An automatic mixer: rules of mixing engineering, written in YAML, refine a treatment of every track.

Importing this package starts nothing: JAX is imported by the parts that compute. How it is to start is said here.
"""

from __future__ import annotations

from hybrid.start import prepare_jax

__version__ = "0.1.0"

prepare_jax()
