"""Settings with which JAX starts, wherever it is imported first; choices of the user stay.

Compiled programs are kept between runs, so that the second starts warm. Eigen stays on one thread, which avoids a hang
seen in some gradients on CPU, and leaves the cores to the tracks that are worked on in parallel.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType

import platformdirs

_CACHE = platformdirs.user_cache_dir("hybrid-mix")
_FLAG, _GUARD = "xla_cpu_multi_thread_eigen", "--xla_cpu_multi_thread_eigen=false"
_OPTIONS: Mapping[str, tuple[str | float | None, str | float]] = {
    "jax_compilation_cache_dir": (None, f"{_CACHE}/xla"),
    "jax_persistent_cache_min_compile_time_secs": (1.0, 0.0),
}
"""Options of JAX: what they are if nobody has chosen, and what they are here."""


def prepare_jax() -> None:
    """Sets what JAX reads when it starts; if it is imported already, its configuration. Imports nothing.

    Warns, once in a process, if JAX has started without the guard against the hang.
    """
    jax = import_module("jax") if "jax" in sys.modules else None
    options = dict(_OPTIONS)
    if fault := _fault_of_cache(_CACHE):
        del options["jax_compilation_cache_dir"]
        if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
            warnings.warn(f"{_CACHE} {fault}: compiled programs are not kept, since they are executed", stacklevel=3)
    for name, (unset, ours) in options.items():
        if jax is None:
            os.environ.setdefault(name.upper(), str(ours))
        elif name.upper() not in os.environ and jax.config.values[name] == unset:
            jax.config.update(name, ours)
    # XLA calls compiling that takes two minutes a bug to be filed; what is wrong it raises as well
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    flags = os.environ.get("XLA_FLAGS", "")
    if _FLAG in flags:
        return
    is_file = flags != "" and not flags.lstrip().startswith("-")
    if not is_file:
        os.environ["XLA_FLAGS"] = f"{flags} {_GUARD}".strip()
    if is_file or (jax and _has_started(jax)):
        why = f"is the file {flags!r}" if is_file else "was read before hybrid was imported"
        warnings.warn(f"XLA_FLAGS {why}: without {_GUARD} in it, a gradient may hang on a CPU", stacklevel=3)


def _fault_of_cache(folder: str) -> str:
    """Why the folder of compiled programs cannot be trusted; empty if nobody but the user can write into it."""
    try:
        Path(folder).mkdir(0o700, parents=True, exist_ok=True)
        info = Path(folder).stat()
    except OSError:
        # where nothing can be written, nothing is kept; JAX says so itself
        return ""
    if not hasattr(os, "getuid"):
        return ""
    if info.st_uid != os.getuid():
        return "belongs to another user"
    return "can be written by others (chmod 700 it, once it is empty)" if info.st_mode & 0o022 else ""


def _has_started(jax: ModuleType) -> bool:
    """Whether JAX has read its flags: from then on it refuses to have another number of devices."""
    n_devices = jax.config.values["jax_num_cpu_devices"]
    try:
        jax.config.update("jax_num_cpu_devices", 1 if n_devices != 1 else 2)
    except RuntimeError:
        return True
    jax.config.update("jax_num_cpu_devices", n_devices)
    return False
