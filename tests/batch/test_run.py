"""Runs over a data set: the selection of songs, their folders, and what is mixed again after an interruption."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from hybrid.audio.references import Reference, Rough
from hybrid.audio.song import Song
from hybrid.audio.wav import MIX_FILE
from hybrid.batch.record import Manifest, Record, last_records
from hybrid.batch.run import BatchProgress, BatchResult, RunOptions, Shard, SongFilter, jobs_left, jobs_of, run
from hybrid.batch.work import BatchConfig, Job, Worker, attempt, clear_unfinished, references_of, rough_of, stamp_of
from hybrid.corpus.dataset import open_dataset
from hybrid.errors import InputError, Problem
from tests.batch.jobs import job, mixed, songs
from tests.corpus.miniature import musdb18_hq, tone

RULES_ALONE = BatchConfig(model="none")


def mixed_here(jobs: Sequence[Job]) -> Iterator[Record]:
    return map(mixed, jobs)


def run_all(jobs: Sequence[Job], out: Path, resume: bool = False, engine=mixed_here) -> tuple[BatchResult, list[str]]:
    """The result of a run, and the names of the songs that it mixed."""
    did: list[str] = []

    def noted(left: Sequence[Job]) -> Iterator[Record]:
        did.extend(each.song.name for each in left)
        return engine(left)

    return run(jobs, RunOptions(out, resume=resume), noted, lambda progress: None), did


@pytest.mark.parametrize("of", [1, 2, 7])
def test_every_song_is_in_one_shard_whatever_else_is_in_the_set(of: int):
    names = [f"song {n}" for n in range(200)]
    shards = [Shard(number, of) for number in range(1, of + 1)]
    counts = Counter(name for shard in shards for name in names if shard.has(name))
    assert set(counts.values()) == {1} and len(counts) == 200
    assert all(sum(shard.has(name) for name in names) > 200 / of / 2 for shard in shards)


def test_songs_are_chosen_by_name_split_shard_and_number(tmp_path: Path):
    musdb18_hq(tmp_path / "set")
    dataset = open_dataset("musdb18-hq", tmp_path / "set")

    def names(selection: SongFilter) -> list[str]:
        return [each.song.name for each in jobs_of(dataset, tmp_path / "out", RULES_ALONE, selection, "{song}")]

    assert names(SongFilter()) == ["A - One", "B - Two", "C - Three"]
    assert names(SongFilter(split="test")) == ["C - Three"]
    assert names(SongFilter(pattern="*T*")) == ["B - Two", "C - Three"]
    assert names(SongFilter(limit=2)) == ["A - One", "B - Two"]
    shards = [names(SongFilter(Shard(n, 3))) for n in (1, 2, 3) if any(Shard(n, 3).has(s) for s in names(SongFilter()))]
    assert sorted(name for each in shards for name in each) == names(SongFilter())
    with pytest.raises(InputError, match="none matches the selection"):
        names(SongFilter(pattern="Z*"))


def test_folders_follow_the_template_and_are_distinct(tmp_path: Path):
    songs(tmp_path / "set", "Song", "song", "bé ☂ ", "x" * 200)
    dataset = open_dataset(str(tmp_path / "set"))
    places = {
        each.song.name: each.place for each in jobs_of(dataset, tmp_path / "out", RULES_ALONE, SongFilter(), "{song}")
    }
    assert places["Song"] == "Song" and places["song"] == "song-2"
    assert len(places["x" * 200]) == 120
    numbered = [
        each.place for each in jobs_of(dataset, tmp_path / "out", RULES_ALONE, SongFilter(), "{split}/{number}")
    ]
    assert numbered == ["none/1", "none/2", "none/3", "none/4"]


@pytest.mark.parametrize("template", ["mix", "{songs}", "../{song}", "/{song}", "a//{song}", "{song}/.."])
def test_a_template_that_does_not_distinguish_songs_or_leads_out_of_the_folder_is_refused(
    tmp_path: Path, template: str
):
    songs(tmp_path / "set", "a")
    with pytest.raises(InputError, match="--name"):
        jobs_of(open_dataset(str(tmp_path / "set")), tmp_path, RULES_ALONE, SongFilter(), template)


def test_files_that_are_no_results_are_left_alone(tmp_path: Path):
    songs(tmp_path / "set", "a", "b")
    tone(tmp_path / "out/b/mine.wav")
    with pytest.raises(InputError, match="holds files that are not results"):
        jobs_of(open_dataset(str(tmp_path / "set")), tmp_path / "out", RULES_ALONE, SongFilter(), "{song}")
    with pytest.raises(InputError, match="lies in the data set"):
        jobs_of(open_dataset(str(tmp_path / "set")), tmp_path / "set", RULES_ALONE, SongFilter(), "mixes of {song}")


def test_a_finished_song_is_mixed_again_only_if_an_input_has_changed(tmp_path: Path):
    songs(tmp_path, "a", "b", "c", "d", "e")
    out, jobs = tmp_path / "out", [job(tmp_path, name) for name in "abcde"]
    assert run_all(jobs, out)[1] == list("abcde")
    assert run_all(jobs, out, resume=True)[1] == []
    tone(tmp_path / "b/Kick.wav", 90.0)  # another sound
    (out / "c" / MIX_FILE).unlink()
    tone(tmp_path / "d/HiHat.wav")  # another track
    result, did = run_all([*jobs[:4], jobs[4]._replace(hash="other rules")], out, resume=True)
    assert did == ["b", "c", "d", "e"] and result.n_done_before == 1
    assert run_all(jobs[:4], out, resume=True)[1] == []


def test_results_of_an_earlier_run_are_not_overwritten_without_resume(tmp_path: Path):
    songs(tmp_path, "a")
    run_all([job(tmp_path, "a")], tmp_path / "out")
    with pytest.raises(InputError, match="earlier run") as error:
        run_all([job(tmp_path, "a")], tmp_path / "out")
    assert "--resume" in str(error.value)


def test_an_interrupted_run_has_recorded_every_finished_song(tmp_path: Path):
    songs(tmp_path, "a", "b", "c")
    jobs = [job(tmp_path, name) for name in "abc"]

    def stopped(left: Sequence[Job]) -> Iterator[Record]:
        yield mixed(left[0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all(jobs, tmp_path / "out", engine=stopped)
    result, did = run_all(jobs, tmp_path / "out", resume=True)
    assert did == ["b", "c"] and {each.state for each in result.records.values()} == {"done"}


def test_an_incomplete_line_is_skipped_and_later_lines_are_read(tmp_path: Path):
    songs(tmp_path, "a", "b")
    records = [mixed(job(tmp_path, name)) for name in "ab"]
    with Manifest(tmp_path) as manifest:
        manifest.add(records[0])
    path = tmp_path / "manifest.jsonl"
    whole = path.read_bytes()
    for cut in (2, 20, 100):
        path.write_bytes(whole[:-cut])
        with Manifest(tmp_path) as manifest:
            manifest.add(records[1])
        assert last_records(tmp_path) == {"b": records[1]}
    path.write_bytes(whole)
    assert last_records(tmp_path) == {"a": records[0]}


def test_records_of_all_shards_count_and_the_last_of_a_song_wins(tmp_path: Path):
    songs(tmp_path, "a")
    record = mixed(job(tmp_path, "a"))
    with Manifest(tmp_path, "1-of-2") as one:
        one.add(record._replace(state="failed", reason="x"))
        one.add(record)
    with Manifest(tmp_path, "2-of-2") as two:
        two.add(record._replace(song="b"))
    assert last_records(tmp_path) == {"a": record, "b": record._replace(song="b")}


def test_a_manifest_of_another_version_is_refused(tmp_path: Path):
    (tmp_path / "manifest.jsonl").write_text('{"schema": "batch/9"}\n')
    with pytest.raises(InputError, match="batch/9"):
        last_records(tmp_path)


def test_a_full_disk_stops_the_run_and_another_failure_does_not(tmp_path: Path):
    songs(tmp_path, "a", "b", "c")
    jobs = [job(tmp_path, name) for name in "abc"]

    def failing(reason: str, unwritable: bool = False):
        def engine(left: Sequence[Job]) -> Iterator[Record]:
            for each in left:
                yield mixed(each)._replace(state="failed", reason=reason, unwritable=unwritable)

        return engine

    result, _ = run_all(jobs, tmp_path / "out", engine=failing("a/Kick.wav: is cut short"))
    assert [each.state for each in result.records.values()] == ["failed"] * 3
    with pytest.raises(InputError, match="the run is stopped"):
        run_all(jobs, tmp_path / "out", resume=True, engine=failing("mix.wav: cannot be written", True))


def test_progress_counts_songs_failures_and_length(tmp_path: Path):
    songs(tmp_path, "a", "b")
    reported: list[BatchProgress] = []
    run([job(tmp_path, name) for name in "ab"], RunOptions(tmp_path / "out"), mixed_here, reported.append)
    assert reported == [BatchProgress(0, 0, 2, 0.0), BatchProgress(1, 0, 2, 2.0), BatchProgress(2, 0, 2, 4.0)]


def test_files_of_a_killed_attempt_are_removed_and_older_results_restored(tmp_path: Path):
    songs(tmp_path, "a", "b")
    for name in "ab":
        mixed(job(tmp_path, name))
    out = tmp_path / "out"
    for name in (".a.0123abcd", ".b.0123abcd"):
        # as a run begins them
        (out / name).mkdir()
        (out / name / ".hybrid").touch()
    (out / "b").rename(out / ".b.0123abcd.old")
    for name in "ab":
        clear_unfinished(job(tmp_path, name))
    assert sorted(path.name for path in out.iterdir()) == ["a", "b"]
    assert (out / "b" / MIX_FILE).read_text() == "b h"


def test_the_record_of_a_failed_song_has_the_reason(tmp_path: Path):
    tone(tmp_path / "cut/Kick.wav")
    whole = (tmp_path / "cut/Kick.wav").read_bytes()
    (tmp_path / "cut/Kick.wav").write_bytes(whole[:-1000])
    record = attempt(job(tmp_path, "cut")._replace(config=RULES_ALONE), Worker())
    assert record.state == "failed" and "is truncated" in record.reason and not record.trace
    assert record.stamp == stamp_of(job(tmp_path, "cut").song)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_song_is_opened_with_the_threads_of_its_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from hybrid.export import mixed as of_song

    def opened(song: Song, n_threads: int | None) -> None:
        raise InputError(Problem(song.name, f"{n_threads} threads"))

    songs(tmp_path, "a")
    monkeypatch.setattr(of_song, "open_song", opened)
    assert attempt(job(tmp_path, "a")._replace(config=RULES_ALONE), Worker(3)).reason == "a: 3 threads"


@pytest.mark.parametrize(
    "line",
    [
        '{"song": "a"}', '{"song": ["a"], "state": "done"}', "[" * 5000, "[]", "null",
        '{"song": "a", "state": "done", "out": "a", "asked": "h", "stamp": "s", "duration_s": "long"}',
        '{"song": "a", "state": "done", "out": "a", "asked": "h", "stamp": "s", "notes": 5}',
        '{"song": "a", "state": "done", "out": "a", "asked": "h", "stamp": "s", "rules": {"x": "y"}}',
    ],
)  # fmt: skip
def test_lines_that_are_no_records_are_skipped(tmp_path: Path, line: str):
    songs(tmp_path, "b")
    record = mixed(job(tmp_path, "b"))
    with Manifest(tmp_path) as manifest:
        manifest.add(record)
    with (tmp_path / "manifest.jsonl").open("ab") as file:
        file.write(b"\n" + line.encode() + b"\n\x00\xff\n")
    assert last_records(tmp_path) == {"b": record}


def test_songs_named_like_our_own_files_get_another_folder(tmp_path: Path):
    songs(tmp_path / "set", "summary.html", "manifest.jsonl", "slurm", "manifesto")
    jobs = jobs_of(open_dataset(str(tmp_path / "set")), tmp_path / "out", RULES_ALONE, SongFilter(), "{song}")
    assert [each.place for each in jobs] == ["song manifest.jsonl", "manifesto", "song slurm", "song summary.html"]


def test_only_star_and_question_mark_are_wildcards_in_a_filter(tmp_path: Path):
    songs(tmp_path / "set", "Song [live]", "Song l")
    dataset = open_dataset(str(tmp_path / "set"))
    for pattern, n_songs in (("Song [live]", 1), ("Song ?", 1), ("Song*", 2)):
        chosen = jobs_of(dataset, tmp_path / "out", RULES_ALONE, SongFilter(pattern=pattern), "{song}")
        assert len(chosen) == n_songs


def test_a_name_that_is_not_utf_8_is_reported_in_its_record(tmp_path: Path):
    songs(tmp_path / "set", "good")
    bad = os.fsencode(tmp_path / "set") + b"/x\xff"
    try:
        Path(os.fsdecode(bad)).mkdir()
    except OSError:
        pytest.skip("this file system has no such names")
    for name in (bad + b"/Bass.wav", os.fsencode(tmp_path / "set" / "good") + b"/G\xff.wav"):
        Path(os.fsdecode(name)).write_bytes(tone(tmp_path / "one.wav").read_bytes())
    jobs = jobs_of(open_dataset(str(tmp_path / "set")), tmp_path / "out", RULES_ALONE, SongFilter(), "{song}")
    records = [attempt(each, Worker()) for each in jobs]
    assert [record.song.isprintable() for record in records] == [True, True]
    assert all("not UTF-8" in record.reason for record in records)
    with Manifest(tmp_path) as manifest:
        for record in records:
            manifest.add(record)


def test_a_shard_without_songs_is_a_success_and_a_selection_without_any_is_a_mistake(tmp_path: Path):
    songs(tmp_path / "in", "a")
    dataset = open_dataset(str(tmp_path / "in"))
    shards = [SongFilter(Shard(number, 3)) for number in (1, 2, 3)]
    found = [jobs_of(dataset, tmp_path / "out", RULES_ALONE, each, "{song}") for each in shards]
    assert sorted(map(len, found)) == [0, 0, 1]
    result, did = run_all([], tmp_path / "out")
    assert not did and not result.records
    with pytest.raises(InputError, match="none matches the selection"):
        jobs_of(dataset, tmp_path / "out", RULES_ALONE, SongFilter(Shard(1, 3), "x*"), "{song}")


def test_every_line_of_a_manifest_is_a_record(tmp_path: Path):
    songs(tmp_path, "a", "b")
    for name in "ab":
        with Manifest(tmp_path) as manifest:
            manifest.add(mixed(job(tmp_path, name)))
    lines = (tmp_path / "manifest.jsonl").read_text().splitlines()
    assert [json.loads(line)["song"] for line in lines] == ["a", "b"]
    assert {json.loads(line)["schema"] for line in lines} == {"batch/1"}


def test_what_is_left_of_a_run_is_told_without_doing_it(tmp_path: Path):
    songs(tmp_path, "a", "b")
    jobs = [job(tmp_path, name) for name in "ab"]
    options = RunOptions(tmp_path / "out", resume=True)
    assert jobs_left(jobs, options) == jobs and not (tmp_path / "out").exists()
    run_all(jobs[:1], tmp_path / "out")
    assert jobs_left(jobs, options) == jobs[1:]
    with pytest.raises(InputError, match="add --resume"):
        jobs_left(jobs, RunOptions(tmp_path / "out"))


def test_a_reference_that_changes_is_followed_anew(tmp_path: Path):
    songs(tmp_path, "a", "b")
    tone(tmp_path / "refs/a.wav")
    config = BatchConfig(references=(f"{tmp_path}/refs/{{song}}.wav:tone=0.5",), rough=f"{tmp_path}/{{song}}/rough.wav")
    of_song = {name: job(tmp_path, name).song for name in "ab"}
    followed = {name: references_of(config, song) for name, song in of_song.items()}
    assert followed["a"] == (Reference(tmp_path / "refs/a.wav", {"tone": 0.5}),)
    assert followed["b"][0].path == tmp_path / "refs/b.wav"
    assert rough_of(config, of_song["b"]) == Rough(tmp_path / "b/rough.wav", config.amount)
    before = stamp_of(of_song["a"], [each.path for each in followed["a"]])
    assert before == stamp_of(of_song["a"], [each.path for each in followed["a"]]) != stamp_of(of_song["a"])
    tone(tmp_path / "refs/a.wav", 900.0)
    os.utime(tmp_path / "refs/a.wav", (1, 1))
    assert stamp_of(of_song["a"], [each.path for each in followed["a"]]) != before
