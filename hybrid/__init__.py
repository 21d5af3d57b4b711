"""An automatic mixer: rules of mixing engineering, written in YAML, refine a treatment of every track.

Importing this package starts nothing: JAX is imported by the parts that compute. What JAX reads from the
environment when it starts is set here, unless the user has set it: compiled programs are kept between runs
(the second run starts warm), and Eigen stays on one thread, which avoids a hang seen in some gradients on CPU
and leaves the cores to the tracks that are worked on in parallel.
"""

from __future__ import annotations

import os

import platformdirs

__version__ = "0.1.0"
THREADS = "HYBRID_THREADS"
"""The environment variable that says how many threads work on a song, if not one per core."""

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", platformdirs.user_cache_dir("hybrid-mix") + "/xla")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
