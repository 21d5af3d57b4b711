"""How JAX starts, whoever imports it first: programs are kept, the guard is set, and a user's own choice stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

GUARD = "--xla_cpu_multi_thread_eigen=false"
LOOK = """
import json, os, warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import hybrid
    import hybrid
import jax
jax.jit(lambda x: 2.0 * x + 1.0)(1.0)
said = [str(each.message) for each in caught if "XLA_FLAGS" in str(each.message)]
folder = jax.config.jax_compilation_cache_dir
print(json.dumps({"flags": os.environ["XLA_FLAGS"], "folder": folder, "said": said, "devices": jax.device_count(),
                  "at_least_s": jax.config.jax_persistent_cache_min_compile_time_secs}))
"""
FIRST = {"hybrid first": "", "jax first": "import jax\n"}
SETTINGS = ("XLA_FLAGS", "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS")
either = pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)


def started(before: str, settings: Mapping[str, str], home: Path) -> dict:
    """What holds in a process that imports hybrid after `before`, with the user's `settings` and a cache of its own."""
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    environment |= {"XDG_CACHE_HOME": str(home), "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(Path.cwd()), **settings}
    done = subprocess.run([sys.executable, "-c", before + LOOK], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@either
def test_programs_are_kept_and_the_guard_is_set(first: str, tmp_path: Path):
    found = started(first, {}, tmp_path)
    assert (found["flags"], found["said"], found["at_least_s"]) == (GUARD, [], 0.0)
    assert Path(found["folder"]).name == "xla" and list(Path(found["folder"]).glob("*-cache"))


@either
def test_a_folder_and_flags_of_the_user_s_own_stay_and_the_guard_is_added(first: str, tmp_path: Path):
    flag, own = "--xla_force_host_platform_device_count=2", tmp_path / "own"
    found = started(first, {"XLA_FLAGS": flag, "JAX_COMPILATION_CACHE_DIR": str(own)}, tmp_path)
    assert (found["flags"], found["said"], found["devices"]) == (f"{flag} {GUARD}", [], 2)
    assert found["folder"] == str(own) and list(own.glob("*-cache"))


@either
def test_a_user_s_own_choice_about_eigen_and_short_programs_wins(first: str, tmp_path: Path):
    flag = "--xla_cpu_multi_thread_eigen=true"
    found = started(first, {"XLA_FLAGS": flag, "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "5"}, tmp_path)
    assert (found["flags"], found["said"], found["at_least_s"]) == (flag, [], 5.0)


def test_a_user_s_own_configuration_of_jax_stays(tmp_path: Path):
    own = f"import jax\njax.config.update('jax_compilation_cache_dir', '{tmp_path}/own')\n"
    assert started(own, {}, tmp_path)["folder"] == f"{tmp_path}/own"


def test_where_jax_has_started_it_is_said_once_that_the_guard_is_missing(tmp_path: Path):
    at_work = "import jax\njax.devices()\n"
    (said,) = started(at_work, {}, tmp_path)["said"]
    assert GUARD in said and "before hybrid was imported" in said
    assert started(at_work, {"XLA_FLAGS": GUARD}, tmp_path)["said"] == []
    assert started(at_work, {}, tmp_path)["devices"] == 1


def test_flags_in_a_file_are_left_alone_and_it_is_said(tmp_path: Path):
    (tmp_path / "flags").write_text("--xla_force_host_platform_device_count=2")
    found = started("", {"XLA_FLAGS": str(tmp_path / "flags")}, tmp_path)
    assert (found["flags"], found["devices"]) == (str(tmp_path / "flags"), 2)
    assert GUARD in found["said"][0]
