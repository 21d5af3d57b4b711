"""Whole studies on short songs: planted effects are found, and interrupted runs lose and repeat nothing."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from hybrid.batch.run import RunOptions, Shard
from hybrid.batch.work import Worker
from hybrid.cli.ablate import _write
from hybrid.errors import InputError, UnwritableError
from hybrid.study import pace
from hybrid.study.activity import ActivityFile, activities
from hybrid.study.arm import FULL
from hybrid.study.effects import effects_of
from hybrid.study.jobs import StudyJob, study_inputs, work_of
from hybrid.study.listening import KEY_FILE, LISTEN_FOLDER, shuffled
from hybrid.study.load import load_study
from hybrid.study.rows import ROWS_FILE, ROWS_FOLDER, Row, read_rows, write_rows
from hybrid.study.run import ARMS_FOLDER, StudyResult, all_rows, forecast_study, run_study
from hybrid.study.schema import FreeArm, Study, read_study
from hybrid.study.sources import parse_songs, sources_of
from hybrid.study.trained_arms import TrainedArms
from tests.study.planted import write_songs, write_study

pytestmark = pytest.mark.long
N_SONGS = 7
"""From which two arms can be told apart: a p of 1/64, doubled."""


class PlantedStudy(NamedTuple):
    """A study that has been run."""

    study: Study
    study_path: Path
    songs: Path
    out: Path
    result: StudyResult


def _run(
    study: Study,
    songs: Path,
    out: Path,
    *,
    resume: bool = False,
    shard: Shard | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> StudyResult:
    options = RunOptions(out, shard or Shard(), resume)
    return run_study(study_inputs(study), sources_of([parse_songs(str(songs))]), options, 1, lambda so_far: None, note)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> PlantedStudy:
    folder = tmp_path_factory.mktemp("planted")
    path, songs = write_study(folder / "study"), write_songs(folder / "songs", N_SONGS)
    study = read_study(str(path)).model_copy(update={"listen": ("without lead.helps",)})
    return PlantedStudy(study, path, songs, folder / "out", _run(study, songs, folder / "out"))


def _rows(out: Path) -> dict[str, list[dict]]:
    """The rows of every file, without the times that they took."""
    paths = sorted((out / ROWS_FOLDER).iterdir())
    rows = {path.name: json.loads(path.read_bytes())["rows"] for path in paths}
    return {name: [{**row, "took_s": 0.0} for row in each] for name, each in rows.items()}


def _job(planted: PlantedStudy, out: Path) -> StudyJob:
    """All arms of the first song, to be mixed into a new folder."""
    sources = sources_of([parse_songs(f"{planted.songs}:1")])
    (job,) = work_of(study_inputs(planted.study), sources, out, TrainedArms({}, {})).jobs
    return job._replace(doing=out)


def test_a_rule_planted_to_help_helps_and_one_planted_to_be_useless_is_useless(planted: PlantedStudy):
    result = planted.result
    effects = effects_of(all_rows(result.units), result.arms, planted.study, result.rules)
    by_arm = {each.arm.id: each for each in effects.arms}
    helps, useless = by_arm["without lead.helps"], by_arm["without width.useless"]
    assert helps.does_act and helps.metrics["level_lu"].conclusion("level_lu") == "helps"
    level = helps.metrics["level_lu"]
    assert level.effect.songs == N_SONGS and level.p < 0.05 and level.effect.low > 1.0
    assert not useless.does_act and useless.metrics["crest_db"].conclusion("crest_db") == "no difference that matters"
    assert useless.metrics["level_lu"].effect.mean == pytest.approx(0.0, abs=0.05)
    assert len(effects.referenced) == N_SONGS


def test_nothing_is_compiled_between_arms(planted: PlantedStudy):
    first, later = zip(*(unit.compiled for unit in planted.result.units), strict=True)
    assert first[0] > 0 and set(later) == {0}


def test_all_rules_are_the_mix_that_mix_makes(planted: PlantedStudy, tmp_path: Path):
    """Refined side by side or alone, the same rules make the same mix."""
    command = "from hybrid.cli.app import main; main()"
    rules = str(planted.study_path.parent / "planted.yaml")
    song = planted.songs / "song0"
    options = ["--rules", rules, "--model", "none", "--steps", "60", "-o", tmp_path / "out"]
    subprocess.run([sys.executable, "-c", command, "mix", song, *options], check=True, capture_output=True)
    alone, _ = soundfile.read(tmp_path / "out" / "mix.wav", always_2d=True)
    folder = planted.out / LISTEN_FOLDER / "song0"
    letter = {arm: letter for letter, arm in json.loads((folder / KEY_FILE).read_text()).items()}[FULL]
    beside, _ = soundfile.read(folder / f"{letter}.flac", always_2d=True)
    gain = np.sum(alone * beside) / np.sum(np.square(beside))
    # two steps of refinement may differ where its constraints are corrected after a look at the audio
    error_db = 10.0 * np.log10(np.sum(np.square(alone - gain * beside)) / np.sum(np.square(alone)))
    assert error_db < -40.0


def test_mixes_to_listen_to_are_equally_loud_and_under_random_letters(planted: PlantedStudy):
    from hybrid.judging.mix import LOUDNESS_LUFS, read_mix

    keys = []
    for folder in sorted((planted.out / LISTEN_FOLDER).iterdir()):
        key = json.loads((folder / KEY_FILE).read_text())
        assert set(key.values()) == {FULL, "without lead.helps"} and set(key) == {"A", "B"}
        keys.append(key)
        for letter in key:
            assert read_mix(folder / f"{letter}.flac").delivery.loudness_lufs == pytest.approx(LOUDNESS_LUFS, abs=0.1)
    assert len(keys) == N_SONGS
    first = [shuffled(("one", "other"), f"song {number}")[0] for number in range(400)]
    # by chance; three standard deviations
    assert 170 <= first.count("one") <= 230 and shuffled(("other", "one"), "song 0")[0] == first[0]


def test_a_resumed_run_ends_like_an_uninterrupted_one(planted: PlantedStudy, tmp_path: Path):
    """Two songs are missing and the rows of a third are damaged: these three are mixed again, and no other."""
    out = tmp_path / "out"
    shutil.copytree(planted.out, out)
    paths = sorted((out / ROWS_FOLDER).iterdir())
    for path in paths[:2]:
        path.unlink()
    paths[2].write_bytes(paths[2].read_bytes()[:100])
    times = {path: path.stat().st_mtime_ns for path in paths[3:]}
    _run(planted.study, planted.songs, out, resume=True)
    assert _rows(out) == _rows(planted.out)
    assert {path: path.stat().st_mtime_ns for path in paths[3:]} == times


def test_a_killed_run_can_be_resumed(planted: PlantedStudy, tmp_path: Path):
    command = "from hybrid.cli.app import main; main()"
    ask = [sys.executable, "-c", command, "ablate", str(planted.study_path), "-o", str(tmp_path / "out")]
    ask += ["--songs", f"{planted.songs}:3", "--jobs", "2"]
    process = subprocess.Popen(ask, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list((tmp_path / "out" / ROWS_FOLDER).glob("*.json")):
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out" / "report.html").exists()
    done = subprocess.run([*ask, "--resume"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    whole = _rows(planted.out)
    rows = _rows(tmp_path / "out")
    assert len(rows) == 3 and rows == {name: whole[name] for name in rows}
    assert (tmp_path / "out" / "report.html").exists()


def test_parts_of_a_study_are_the_whole(planted: PlantedStudy, tmp_path: Path):
    for number in (1, 2):
        result = _run(planted.study, planted.songs, tmp_path / "out", resume=number > 1, shard=Shard(number, 2))
    assert _rows(tmp_path / "out") == _rows(planted.out)
    # in the order of the songs, whichever part came last
    assert [unit.rows[0].song for unit in result.units] == [f"song{number}" for number in range(N_SONGS)]


def test_a_song_that_cannot_be_mixed_is_reported_and_stops_no_other(planted: PlantedStudy, tmp_path: Path):
    songs = tmp_path / "songs"
    shutil.copytree(planted.songs / "song0", songs / "song0")
    shutil.copytree(planted.songs / "song1", songs / "broken")
    (songs / "broken" / "Bass.wav").write_bytes(b"RIFF")
    result = _run(planted.study, songs, tmp_path / "out")
    assert list(result.excluded) == ["broken"] and "Bass.wav" in result.excluded["broken"]
    assert {unit.rows[0].song for unit in result.units} == {"song0"}


def test_a_song_that_has_changed_is_mixed_again_and_its_old_rows_are_not_counted(planted: PlantedStudy, tmp_path: Path):
    songs = tmp_path / "songs"
    for name in ("song0", "song1"):
        shutil.copytree(planted.songs / name, songs / name)
    _run(planted.study, songs, tmp_path / "out")
    (songs / "song0" / "Bass.wav").write_bytes(b"RIFF")
    result = _run(planted.study, songs, tmp_path / "out", resume=True)
    assert list(result.excluded) == ["song0"] and {unit.rows[0].song for unit in result.units} == {"song1"}


def test_a_study_grows_and_what_is_there_is_kept(planted: PlantedStudy, tmp_path: Path):
    """Another arm, another seed and another song: no row that was there is made again, and the arm that has changed
    is."""
    out = tmp_path / "out"
    free = {"name": "quiet", "set": ["lead.helps.target=2 LU"]}
    grown = planted.study.model_copy(update={"arms": (*planted.study.arms, FreeArm.model_validate(free))})
    shutil.copytree(planted.out, out)
    sources = sources_of([parse_songs(f"{planted.songs}:2")])
    options = RunOptions(out, resume=True)
    told = forecast_study(study_inputs(grown), sources, options, 1)
    assert (told.work.n_mixes, told.work.n_kept, told.work.notes) == (2, 6, ("quiet: new",))
    assert {len(told.programs), len(told.programs[0]) - 3} == {1}
    notes: list[str] = []
    (out / ROWS_FILE).touch()
    two = f"{planted.songs}:2"
    result = run_study(
        study_inputs(grown), sources_of([parse_songs(two)]), options, 1, lambda so_far: None, notes.append
    )
    assert notes == ["quiet: new"]
    # it has grown, and its tables have not: until they are written it does not load as finished
    with pytest.raises(InputError, match=r"rows\.jsonl is missing"):
        load_study(out)
    before, after = _rows(planted.out), _rows(out)
    for unit in result.units:
        (name,) = [name for name in after if after[name][0]["song"] == unit.rows[0].song]
        assert after[name][:3] == before[name] and after[name][3]["arm"] == "quiet"
        # the song's own rules measure it: further from their target, a greater penalty
        assert unit.rows[3].penalty["lead.helps"] > unit.rows[0].penalty["lead.helps"] and unit.rows[3].touches
    louder = FreeArm.model_validate({**free, "set": ["lead.helps.target=4 LU"]})
    changed = grown.model_copy(update={"arms": (*planted.study.arms, louder), "seeds": (0, 1)})
    told = forecast_study(study_inputs(changed), sources, options, 1)
    assert told.work.notes == ("quiet has changed: mixed again", "seed 1: new")
    assert [job.left for job in told.work.jobs] == [{0: ("quiet",), 1: (*(row.arm for row in unit.rows),)}] * 2
    fewer = forecast_study(study_inputs(planted.study), sources, options, 1)
    assert fewer.work.notes == ("quiet is no longer an arm of the study: left out",) and not fewer.work.jobs


def test_a_run_is_loaded_as_tables(planted: PlantedStudy, tmp_path: Path):
    result = planted.result
    effects = effects_of(all_rows(result.units), result.arms, planted.study, result.rules)
    _write(planted.study, effects, result, planted.out)
    loaded = load_study(planted.out)
    assert loaded.study == planted.study and loaded.made_with == planted.result.made_with
    mixes = loaded.mixes.to_pandas()
    assert len(mixes) == 3 * N_SONGS and {"level_lu", "rule.lead.helps", "took_s"} <= set(mixes.columns)
    by_arm = mixes.groupby("arm")["level_lu"].mean()
    values = loaded.values.to_pandas().set_index(["arm", "quantity"])["mean"]
    assert values[FULL, "level_lu"] == pytest.approx(by_arm[FULL], abs=1e-5)
    (effect,) = [
        row for row in loaded.effects.cells if (row["arm"], row["metric"]) == ("without lead.helps", "level_lu")
    ]
    assert effect["mean"] == pytest.approx(by_arm["without lead.helps"] - by_arm[FULL], abs=1e-4)
    assert effect["word"] == "helps"
    loaded.mixes.to_parquet(tmp_path / "mixes.parquet")
    from pandas import read_parquet

    assert read_parquet(tmp_path / "mixes.parquet").equals(mixes)
    with pytest.raises(InputError, match=r"study\.json is missing"):
        load_study(tmp_path)


def test_the_rules_of_every_arm_lie_under_their_hash(planted: PlantedStudy):
    rows = [row for unit in planted.result.units for row in unit.rows]
    assert rows
    for row in rows:
        rules = (planted.out / ARMS_FOLDER / f"{row.rules[:16]}.yaml").read_text()
        assert ("enabled: false" in rules) == (row.arm != FULL)


def test_the_smallest_shipped_study_runs_as_its_header_says(tmp_path: Path):
    command = "from hybrid.cli.app import main; main()"
    ask = [sys.executable, "-c", command, "ablate", "tiny", "-o", str(tmp_path / "out"), "--json"]
    done = subprocess.run(ask, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["songs"], document["with_reference"]) == (2, 0)
    assert (document["compiled_between_arms"], document["excluded"]) == (0, {})
    assert [each["arm"] for each in document["arms"]] == [
        "without lead.level",
        "without width.whole",
        "raw sum",
        "no rules",
    ]
    assert len((tmp_path / "out" / "rows.jsonl").read_text().splitlines()) == 10


def test_a_fault_at_one_song_stops_no_other(planted: PlantedStudy, tmp_path: Path, monkeypatch):
    from hybrid.study import run

    def faulty(*arguments):
        raise FloatingPointError("a fault of the program")

    monkeypatch.setattr(run, "mix_arms", faulty)
    outcome = run.mix_song(_job(planted, tmp_path), Worker())
    assert (outcome.song, outcome.mixes, outcome.reason) == ("song0", 0, "FloatingPointError: a fault of the program")
    assert "in faulty" in (tmp_path / "faults" / "song0.txt").read_text()


def test_a_folder_of_another_study_is_left_alone(planted: PlantedStudy, tmp_path: Path):
    with pytest.raises(InputError, match="holds this study already"):
        _run(planted.study, planted.songs, planted.out)
    with pytest.raises(InputError, match="nothing of it could be kept"):
        _run(planted.study.model_copy(update={"steps": 61}), planted.songs, planted.out, resume=True)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="is not an empty folder"):
        _run(planted.study, planted.songs, tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["notes.txt"]


def test_an_unwritable_folder_stops_the_run_and_excludes_no_song(
    planted: PlantedStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from hybrid.study import run

    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hybrid.study.listening.soundfile.write", full)
    (tmp_path / ROWS_FOLDER).mkdir()
    with pytest.raises(UnwritableError, match="is the disk full"):
        run.mix_song(_job(planted, tmp_path), Worker())
    assert not list(tmp_path.glob("listen/*/.*")) and not list((tmp_path / ROWS_FOLDER).iterdir())


def test_a_mix_that_is_not_finite_is_recorded_as_diverged(planted: PlantedStudy, tmp_path: Path, monkeypatch):
    from hybrid.study import song as of_song
    from hybrid.study.run import mix_song

    render = of_song._render

    def broken(refined: of_song._RefinedArm) -> tuple[np.ndarray, float]:
        samples, roughness = render(refined)
        calls.append(1)
        return (np.full_like(samples, np.nan), 0.0) if len(calls) == 3 else (samples, roughness)

    # one call rehearses, the next renders the full arm
    calls: list[int] = []
    monkeypatch.setattr(of_song, "_render", broken)
    (tmp_path / ROWS_FOLDER).mkdir()
    assert mix_song(_job(planted, tmp_path), Worker()).reason == ""
    (rows,) = _rows(tmp_path).values()
    states = {Row(**row).arm: (row["state"], row["reason"]) for row in rows}
    assert states[FULL] == ("done", "") and states["without lead.helps"] == ("diverged", "the mix is not finite")
    # it is to be listened to, has no audio, and will not have any: nothing is left to do
    sources = sources_of([parse_songs(f"{planted.songs}:1")])
    assert not work_of(study_inputs(planted.study), sources, tmp_path, TrainedArms({}, {})).jobs


def test_a_mix_that_is_added_gets_a_letter_that_is_free(planted: PlantedStudy, tmp_path: Path):
    """The mix of letter A is gone: what is written now must not take the letter of one that is there."""
    from hybrid.study.run import mix_song

    shutil.copytree(planted.out, tmp_path / "out")
    folder = tmp_path / "out" / LISTEN_FOLDER / "song0"
    before = (folder / "B.flac").read_bytes()
    (folder / "A.flac").unlink()
    job = _job(planted, tmp_path / "out")
    assert sum(map(len, job.left.values())) == 1
    assert mix_song(job, Worker()).reason == ""
    key = json.loads((folder / KEY_FILE).read_text())
    assert set(key) == {"A", "B"} and set(key.values()) == {FULL, "without lead.helps"}
    assert (folder / "B.flac").read_bytes() == before and (folder / "A.flac").exists()


def test_rows_of_any_name_and_of_none_are_read_as_they_were_written(tmp_path: Path):
    row = Row("a\u2028b", 0, "10", "done", {"level_lu": 0.5}, {}, 0.25, True)
    for rows in ([], [row], [row, row]):
        write_rows(tmp_path / ROWS_FILE, rows)
        assert read_rows(tmp_path / ROWS_FILE) == rows


def test_an_arm_whose_name_is_a_number_stays_one_by_name(planted: PlantedStudy, tmp_path: Path):
    shutil.copytree(planted.out, tmp_path / "out")
    result = planted.result
    _write(
        planted.study,
        effects_of(all_rows(result.units), result.arms, planted.study, result.rules),
        result,
        tmp_path / "out",
    )
    effects = tmp_path / "out" / "effects.csv"
    effects.write_text(effects.read_text().replace("without lead.helps", "10"))
    arms = {row["arm"] for row in load_study(tmp_path / "out").effects.cells}
    assert arms == {"10", "without width.useless"}


def test_the_time_of_a_study_is_that_of_its_songs_and_of_its_mixes(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(pace, "cached_file", lambda name: tmp_path / name)
    assert pace.expected_s([3]) is None
    for mixes in (1, 5, 20):
        pace.remember(mixes, 30.0 + 2.0 * mixes)
    assert pace.expected_s([4, 10]) == pytest.approx(2 * 30.0 + 14 * 2.0)


def test_activity_of_a_process_that_has_ended_is_not_shown(tmp_path: Path):
    with ActivityFile(tmp_path) as file:
        file.begin("song0, seed 0, all rules")
        file.begin("song0, seed 0, raw sum")
        # more than any process may have
        (tmp_path / str(2**30)).write_text(json.dumps(["killed", 3]))
        assert activities(tmp_path) == [("song0, seed 0, raw sum", 1)]
    assert activities(tmp_path) == []
