"""Processes that work on songs, and die: on this machine, on a Ray cluster, as array jobs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hybrid.batch import cluster
from hybrid.batch.local import run_here
from hybrid.batch.run import Shard, run
from hybrid.errors import InputError
from tests.batch.made import job, killed_once, mixed, mixed_or_killed, part_killed_once, songs, threads_told

NAMES = ("a", "b", "deadly", "d", "e", "f")


def test_a_song_that_kills_its_process_fails_alone(tmp_path: Path):
    songs(tmp_path, *NAMES)
    records = list(run_here([job(tmp_path, name) for name in NAMES], 2, mixed_or_killed))
    assert sorted(record.song for record in records) == sorted(NAMES)
    (failed,) = (record for record in records if record.state == "failed")
    assert failed.song == "deadly" and "died" in failed.reason


def test_a_process_that_dies_once_costs_no_song(tmp_path: Path):
    songs(tmp_path, *NAMES)
    records = list(run_here([job(tmp_path, name) for name in NAMES], 2, killed_once))
    assert sorted(record.song for record in records) == sorted(NAMES)
    assert {record.state for record in records} == {"done"}


@pytest.mark.parametrize("own", ["", "7"])
def test_each_process_is_told_its_share_of_the_threads_and_the_user_s_setting_is_not_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str
):
    monkeypatch.setenv("HYBRID_THREADS", own)
    records = list(run_here([job(tmp_path, name) for name in "ab"], 2, threads_told))
    assert [record.notes for record in records] == [(str(max(1, (os.cpu_count() or 1) // 2)), own)] * 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_that_is_asked_to_stop_discards_the_songs_at_hand(tmp_path: Path, number: int):
    songs(tmp_path, "a", "b")
    code = f"""
import sys
from pathlib import Path
from hybrid.batch.local import run_here
from hybrid.cli.signals import StopRequest
from tests.batch.made import job, slow
if __name__ == "__main__":
    StopRequest().listen()
    list(run_here([job(Path({str(tmp_path)!r}), name) for name in "ab"], 2, slow))
"""
    script = tmp_path / "script.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    process = subprocess.Popen([sys.executable, str(script)], env=environment, stderr=subprocess.DEVNULL)
    limit = time.monotonic() + 60.0
    while len(list(tmp_path.glob(".[ab].*/mix.wav"))) < 2:
        assert time.monotonic() < limit
        time.sleep(0.1)
    process.send_signal(number)
    assert process.wait(30.0) != 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "script.py"]


def test_an_array_of_jobs_does_every_song_once(tmp_path: Path):
    pytest.importorskip("submitit")
    songs(tmp_path, *NAMES)
    jobs = [job(tmp_path, name) for name in NAMES]
    told = []
    options: dict[str, object] = {"cluster": "debug"}
    ended = cluster.run_on_slurm(jobs, tmp_path / "out", options, 3, False, told.append, mixed)
    assert sorted(ended.records) == sorted(NAMES)
    assert told[-1].done == len(NAMES)
    manifests = sorted(path.name for path in (tmp_path / "out").glob("manifest*"))
    assert manifests and all("-of-3" in name for name in manifests)
    again = run(jobs, tmp_path / "out", Shard(), lambda left: map(mixed, left), True, lambda told: None)
    assert again.kept == len(NAMES)


@pytest.mark.long
def test_an_array_job_that_is_killed_in_the_middle_goes_on_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("submitit")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    songs(tmp_path, *NAMES)
    out, options = tmp_path / "out", {"cluster": "local", "timeout_min": 3}
    jobs, told = [job(tmp_path, name) for name in NAMES], []
    ended = cluster.run_on_slurm(jobs, out, dict(options), 2, False, told.append, part_killed_once)
    assert {name: record.state for name, record in ended.records.items()} == dict.fromkeys(NAMES, "done")
    assert told[-1].done == len(NAMES) and (out / "deadly.tried").exists()
    # done twice is only what was at hand
    tried = (out / "log").read_text().split()
    assert sorted(tried) == sorted([*NAMES, "deadly"])
    assert sorted(path.parent.name for path in out.glob("*/mix.wav")) == sorted(NAMES)


def test_an_engine_that_is_not_installed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"hybrid-mix\[ray\]"):
        list(cluster.run_on_ray([], None))
    with pytest.raises(InputError, match=r"hybrid-mix\[slurm\]"):
        cluster.run_on_slurm([], tmp_path, {}, 1, False, lambda told: None)


def test_songs_are_done_on_a_ray_cluster_though_a_worker_is_killed(tmp_path: Path):
    pytest.importorskip("ray")
    songs(tmp_path, *NAMES)
    records = list(cluster.run_on_ray([job(tmp_path, name) for name in NAMES], None, killed_once))
    assert sorted(record.song for record in records) == sorted(NAMES)
    assert {record.state for record in records} == {"done"}
