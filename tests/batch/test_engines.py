"""Engines whose processes die: on this machine, on a Ray cluster, as SLURM arrays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hybrid.batch import cluster
from hybrid.batch.cluster import SlurmArray
from hybrid.batch.local import run_local
from hybrid.batch.run import RunOptions, run
from hybrid.errors import InputError
from tests.batch.jobs import job, killed_once, mixed, mixed_or_killed, part_killed_once, report_threads, songs

NAMES = ("a", "b", "deadly", "d", "e", "f")


def test_a_song_that_kills_its_process_fails_alone(tmp_path: Path):
    songs(tmp_path, *NAMES)
    records = list(run_local([job(tmp_path, name) for name in NAMES], 2, mixed_or_killed))
    assert sorted(record.song for record in records) == sorted(NAMES)
    (failed,) = (record for record in records if record.state == "failed")
    assert failed.song == "deadly" and "died" in failed.reason


def test_a_process_that_dies_once_fails_no_song(tmp_path: Path):
    songs(tmp_path, *NAMES)
    records = list(run_local([job(tmp_path, name) for name in NAMES], 2, killed_once))
    assert sorted(record.song for record in records) == sorted(NAMES)
    assert {record.state for record in records} == {"done"}


@pytest.mark.parametrize("own", ["", "7"])
def test_each_process_gets_its_share_of_the_threads_and_the_user_s_setting_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str
):
    monkeypatch.setenv("HYBRID_THREADS", own)
    records = list(run_local([job(tmp_path, name) for name in "ab"], 2, report_threads))
    assert [record.notes for record in records] == [(str(max(1, (os.cpu_count() or 1) // 2)), own)] * 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_discards_unfinished_songs(tmp_path: Path, number: int):
    songs(tmp_path, "a", "b")
    code = f"""
import sys
from pathlib import Path
from hybrid.batch.local import run_local
from hybrid.cli.signals import Session
from tests.batch.jobs import job, slow
if __name__ == "__main__":
    Session().listen()
    list(run_local([job(Path({str(tmp_path)!r}), name) for name in "ab"], 2, slow))
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
    reported = []
    array = SlurmArray(3, {"cluster": "debug"})
    result = cluster.run_on_slurm(jobs, RunOptions(tmp_path / "out"), array, reported.append, mixed)
    assert sorted(result.records) == sorted(NAMES)
    assert reported[-1].done == len(NAMES)
    manifests = sorted(path.name for path in (tmp_path / "out").glob("manifest*"))
    assert manifests and all("-of-3" in name for name in manifests)
    options = RunOptions(tmp_path / "out", resume=True)
    again = run(jobs, options, lambda left: map(mixed, left), lambda progress: None)
    assert again.n_done_before == len(NAMES)


@pytest.mark.long
def test_an_array_task_that_is_killed_resumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("submitit")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    songs(tmp_path, *NAMES)
    out, array = tmp_path / "out", SlurmArray(2, {"cluster": "local", "timeout_min": 3})
    jobs, reported = [job(tmp_path, name) for name in NAMES], []
    result = cluster.run_on_slurm(jobs, RunOptions(out), array, reported.append, part_killed_once)
    assert {name: record.state for name, record in result.records.items()} == dict.fromkeys(NAMES, "done")
    assert reported[-1].done == len(NAMES) and (out / "deadly.tried").exists()
    # only the song that was being mixed is mixed twice
    tried = (out / "log").read_text().split()
    assert sorted(tried) == sorted([*NAMES, "deadly"])
    assert sorted(path.parent.name for path in out.glob("*/mix.wav")) == sorted(NAMES)


def test_an_engine_that_is_not_installed_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cluster, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"hybrid-mix\[ray\]"):
        list(cluster.run_on_ray([], None))
    with pytest.raises(InputError, match=r"hybrid-mix\[slurm\]"):
        cluster.run_on_slurm([], RunOptions(tmp_path), SlurmArray(1, {}), lambda progress: None)


def test_songs_are_done_on_a_ray_cluster_though_a_worker_is_killed(tmp_path: Path):
    pytest.importorskip("ray")
    songs(tmp_path, *NAMES)
    records = list(cluster.run_on_ray([job(tmp_path, name) for name in NAMES], None, killed_once))
    assert sorted(record.song for record in records) == sorted(NAMES)
    assert {record.state for record in records} == {"done"}
