"""A run over a data set: what is chosen, where it goes, what is done again, and what survives."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from hybrid.audio.song import Song
from hybrid.audio.write import MIX_FILE
from hybrid.batch.record import Manifest, Record, last_records
from hybrid.batch.run import Choice, Ended, Shard, Told, jobs_of, run
from hybrid.batch.work import Asked, Job, Worker, attempt, clear_unfinished, stamp_of
from hybrid.corpus.dataset import open_dataset
from hybrid.errors import InputError, Problem
from tests.batch.made import job, mixed, songs
from tests.corpus.miniature import musdb18_hq, tone

RULES_ALONE = Asked(model="none")
WHOLE = Shard()


def here(jobs: Sequence[Job]) -> Iterator[Record]:
    return map(mixed, jobs)


def ran(jobs: Sequence[Job], out: Path, resume: bool = False, engine=here) -> tuple[Ended, list[str]]:
    """A run, and the names of the songs that it did."""
    did: list[str] = []

    def noted(left: Sequence[Job]) -> Iterator[Record]:
        did.extend(each.found.name for each in left)
        return engine(left)

    return run(jobs, out, WHOLE, noted, resume, lambda told: None), did


@pytest.mark.parametrize("of", [1, 2, 7])
def test_every_song_is_in_one_shard_whoever_else_is_there(of: int):
    names = [f"song {n}" for n in range(200)]
    shards = [Shard(number, of) for number in range(1, of + 1)]
    held = Counter(name for shard in shards for name in names if shard.has(name))
    assert set(held.values()) == {1} and len(held) == 200
    assert all(sum(shard.has(name) for name in names) > 200 / of / 2 for shard in shards)


def test_songs_are_chosen_by_name_split_shard_and_number(tmp_path: Path):
    musdb18_hq(tmp_path / "set")
    dataset = open_dataset("musdb18-hq", tmp_path / "set")

    def names(choice: Choice) -> list[str]:
        return [each.found.name for each in jobs_of(dataset, tmp_path / "out", RULES_ALONE, choice, "{song}")]

    assert names(Choice()) == ["A - One", "B - Two", "C - Three"]
    assert names(Choice(split="test")) == ["C - Three"]
    assert names(Choice(pattern="*T*")) == ["B - Two", "C - Three"]
    assert names(Choice(limit=2)) == ["A - One", "B - Two"]
    shards = [names(Choice(Shard(n, 3))) for n in (1, 2, 3) if any(Shard(n, 3).has(s) for s in names(Choice()))]
    assert sorted(name for each in shards for name in each) == names(Choice())
    with pytest.raises(InputError, match="none that was asked for"):
        names(Choice(pattern="Z*"))


def test_results_go_where_the_template_says_and_never_two_to_one_place(tmp_path: Path):
    songs(tmp_path / "set", "Song", "song", "bé ☂ ", "x" * 200)
    dataset = open_dataset(str(tmp_path / "set"))
    places = {
        each.found.name: each.place for each in jobs_of(dataset, tmp_path / "out", RULES_ALONE, Choice(), "{song}")
    }
    assert places["Song"] == "Song" and places["song"] == "song-2"
    assert len(places["x" * 200]) == 120
    numbered = [each.place for each in jobs_of(dataset, tmp_path / "out", RULES_ALONE, Choice(), "{split}/{number}")]
    assert numbered == ["none/1", "none/2", "none/3", "none/4"]


@pytest.mark.parametrize("template", ["mix", "{songs}", "../{song}", "/{song}", "a//{song}", "{song}/.."])
def test_a_template_that_tells_no_songs_apart_or_leads_elsewhere_is_refused(tmp_path: Path, template: str):
    songs(tmp_path / "set", "a")
    with pytest.raises(InputError, match="--name"):
        jobs_of(open_dataset(str(tmp_path / "set")), tmp_path, RULES_ALONE, Choice(), template)


def test_files_that_are_no_results_are_left_alone(tmp_path: Path):
    songs(tmp_path / "set", "a", "b")
    tone(tmp_path / "out/b/mine.wav")
    with pytest.raises(InputError, match="holds files that are not results"):
        jobs_of(open_dataset(str(tmp_path / "set")), tmp_path / "out", RULES_ALONE, Choice(), "{song}")
    with pytest.raises(InputError, match="lies in the data set"):
        jobs_of(open_dataset(str(tmp_path / "set")), tmp_path / "set", RULES_ALONE, Choice(), "mixes of {song}")


def test_what_is_done_is_not_done_again_unless_anything_it_follows_from_has_changed(tmp_path: Path):
    songs(tmp_path, "a", "b", "c", "d", "e")
    out, jobs = tmp_path / "out", [job(tmp_path, name) for name in "abcde"]
    assert ran(jobs, out)[1] == list("abcde")
    assert ran(jobs, out, resume=True)[1] == []
    tone(tmp_path / "b/Kick.wav", 90.0)  # another sound
    (out / "c" / MIX_FILE).unlink()
    tone(tmp_path / "d/HiHat.wav")  # another track
    ended, did = ran([*jobs[:4], jobs[4]._replace(hash="other rules")], out, resume=True)
    assert did == ["b", "c", "d", "e"] and ended.kept == 1
    assert ran(jobs[:4], out, resume=True)[1] == []


def test_results_of_an_earlier_run_are_not_written_over_unasked(tmp_path: Path):
    songs(tmp_path, "a")
    ran([job(tmp_path, "a")], tmp_path / "out")
    with pytest.raises(InputError, match="earlier run") as error:
        ran([job(tmp_path, "a")], tmp_path / "out")
    assert "--resume" in str(error.value)


def test_a_run_that_is_stopped_has_written_down_all_that_was_done(tmp_path: Path):
    songs(tmp_path, "a", "b", "c")
    jobs = [job(tmp_path, name) for name in "abc"]

    def stopped(left: Sequence[Job]) -> Iterator[Record]:
        yield mixed(left[0])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ran(jobs, tmp_path / "out", engine=stopped)
    ended, did = ran(jobs, tmp_path / "out", resume=True)
    assert did == ["b", "c"] and {each.state for each in ended.records.values()} == {"done"}


def test_a_line_that_a_kill_cut_short_is_passed_over_and_what_follows_it_is_read(tmp_path: Path):
    songs(tmp_path, "a", "b")
    records = [mixed(job(tmp_path, name)) for name in "ab"]
    with Manifest(tmp_path) as manifest:
        manifest.add(records[0])
    path = tmp_path / "manifest.jsonl"
    whole = path.read_bytes()
    for cut in (1, 20, 100):
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

    ended, _ = ran(jobs, tmp_path / "out", engine=failing("a/Kick.wav: is cut short"))
    assert [each.state for each in ended.records.values()] == ["failed"] * 3
    with pytest.raises(InputError, match="the run is stopped"):
        ran(jobs, tmp_path / "out", resume=True, engine=failing("mix.wav: cannot be written", True))


def test_progress_tells_songs_failures_and_length(tmp_path: Path):
    songs(tmp_path, "a", "b")
    told: list[Told] = []
    run([job(tmp_path, name) for name in "ab"], tmp_path / "out", WHOLE, here, False, told.append)
    assert told == [Told(0, 0, 2, 0.0), Told(1, 0, 2, 2.0), Told(2, 0, 2, 4.0)]


def test_what_a_killed_attempt_left_is_removed_and_older_results_come_back(tmp_path: Path):
    songs(tmp_path, "a", "b")
    for name in "ab":
        mixed(job(tmp_path, name))
    out = tmp_path / "out"
    (out / ".a.0123abcd").mkdir()
    (out / ".b.0123abcd").mkdir()
    (out / "b").rename(out / ".b.0123abcd.old")
    for name in "ab":
        clear_unfinished(job(tmp_path, name))
    assert sorted(path.name for path in out.iterdir()) == ["a", "b"]
    assert (out / "b" / MIX_FILE).read_text() == "b h"


def test_why_a_song_failed_is_told_in_its_record(tmp_path: Path):
    tone(tmp_path / "cut/Kick.wav")
    whole = (tmp_path / "cut/Kick.wav").read_bytes()
    (tmp_path / "cut/Kick.wav").write_bytes(whole[:-1000])
    record = attempt(job(tmp_path, "cut")._replace(asked=RULES_ALONE), Worker())
    assert record.state == "failed" and "is truncated" in record.reason and not record.trace
    assert record.stamp == stamp_of(job(tmp_path, "cut").found)
    assert not (tmp_path / "out").exists() or not list((tmp_path / "out").iterdir())


def test_a_song_is_opened_for_as_many_threads_as_its_worker_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from hybrid.export import mixed as of_song

    def opened(song: Song, n_threads: int | None) -> None:
        raise InputError(Problem(song.name, f"{n_threads} threads"))

    songs(tmp_path, "a")
    monkeypatch.setattr(of_song, "open_song", opened)
    assert attempt(job(tmp_path, "a")._replace(asked=RULES_ALONE), Worker(3)).reason == "a: 3 threads"


@pytest.mark.parametrize(
    "line",
    [
        '{"song": "a"}', '{"song": ["a"], "state": "done"}', "[" * 5000, "[]", "null",
        '{"song": "a", "state": "done", "out": "a", "asked": "h", "stamp": "s", "duration_s": "long"}',
        '{"song": "a", "state": "done", "out": "a", "asked": "h", "stamp": "s", "notes": 5}',
        '{"song": "a", "state": "done", "out": "a", "asked": "h", "stamp": "s", "rules": {"x": "y"}}',
    ],
)  # fmt: skip
def test_lines_that_are_no_records_are_passed_over(tmp_path: Path, line: str):
    songs(tmp_path, "b")
    record = mixed(job(tmp_path, "b"))
    with Manifest(tmp_path) as manifest:
        manifest.add(record)
    with (tmp_path / "manifest.jsonl").open("ab") as file:
        file.write(b"\n" + line.encode() + b"\n\x00\xff\n")
    assert last_records(tmp_path) == {"b": record}


def test_songs_that_are_called_as_our_own_files_go_elsewhere(tmp_path: Path):
    songs(tmp_path / "set", "summary.html", "manifest.jsonl", "slurm", "manifesto")
    jobs = jobs_of(open_dataset(str(tmp_path / "set")), tmp_path / "out", RULES_ALONE, Choice(), "{song}")
    assert [each.place for each in jobs] == ["song manifest.jsonl", "manifesto", "song slurm", "song summary.html"]


def test_only_the_star_and_the_question_mark_are_special_in_a_filter(tmp_path: Path):
    songs(tmp_path / "set", "Song [live]", "Song l")
    dataset = open_dataset(str(tmp_path / "set"))
    for pattern, found in (("Song [live]", 1), ("Song ?", 1), ("Song*", 2)):
        chosen = jobs_of(dataset, tmp_path / "out", RULES_ALONE, Choice(pattern=pattern), "{song}")
        assert len(chosen) == found


def test_a_name_that_is_not_utf_8_is_told_and_the_others_are_mixed(tmp_path: Path):
    songs(tmp_path / "set", "good")
    bad = os.fsencode(tmp_path / "set") + b"/x\xff"
    try:
        Path(os.fsdecode(bad)).mkdir()
    except OSError:
        pytest.skip("this file system has no such names")
    for name in (bad + b"/Bass.wav", os.fsencode(tmp_path / "set" / "good") + b"/G\xff.wav"):
        Path(os.fsdecode(name)).write_bytes(tone(tmp_path / "one.wav").read_bytes())
    jobs = jobs_of(open_dataset(str(tmp_path / "set")), tmp_path / "out", RULES_ALONE, Choice(), "{song}")
    records = [attempt(each, Worker()) for each in jobs]
    assert [record.song.isprintable() for record in records] == [True, True]
    assert all("not UTF-8" in record.reason for record in records)
    with Manifest(tmp_path) as manifest:
        for record in records:
            manifest.add(record)
