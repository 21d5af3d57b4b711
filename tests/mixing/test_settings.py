"""A treatment that is written is read again, to the last bit, and renders to the same samples."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.audio.wav import MIX_FILE
from hybrid.errors import InputError
from hybrid.knowledge.resolve import load_rules
from hybrid.mixing.deliver import Delivered, Format, deliver
from hybrid.mixing.plan import MixConfig, plan_mix
from hybrid.mixing.settings import placed_by, read_settings, settings, treatment_of
from hybrid.treatment.bounds import constrain
from hybrid.treatment.parts import PARTS
from hybrid.treatment.types import Treatment, map_parts, neutral, treatment_parts
from tests.mixing.made import DURATION_S, RATE, song_of, sounds

EVERY_OPTION = ("eq.high_cut", "pan.spread", "reverb")


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Song:
    return song_of(tmp_path_factory.mktemp("song"), sounds())


def random(song: Song, optional: tuple[str, ...] = EVERY_OPTION) -> Treatment:
    """Something done with every control; the length is padded as analysis pads it."""
    generator = np.random.default_rng(0)
    nothing = neutral(8, 2.0 * DURATION_S, 0.2, optional)
    values = map_parts(lambda _, x: jnp.asarray(2.0 * generator.standard_normal(x.shape), x.dtype), nothing)
    treatment = constrain(values)
    return replace(treatment, eq=treatment.eq._replace(low_cut_hz=treatment.eq.low_cut_hz.at[0].set(0.0)))


def written(song: Song, treatment: Treatment, folder: Path, **changes: object) -> Path:
    path = folder / "settings.json"
    path.write_text(json.dumps({**settings(song, treatment), **changes}))
    return path


def test_every_number_of_every_part_comes_back_to_the_last_bit(song: Song, tmp_path: Path):
    treatment = random(song)
    read = read_settings(written(song, treatment, tmp_path))
    assert set(read.optional) == {name for name, part in PARTS.items() if part.optional}
    back = treatment_parts(treatment_of(read, song, neutral(8, 2.0 * DURATION_S, 0.2, read.optional)))
    assert back.keys() == PARTS.keys()
    # the last window of the song is centred a little behind its end
    points = {"ride": int((DURATION_S + 0.1) / 2.0) + 2, "knot": int((DURATION_S + 0.1) / 0.2) + 2}
    for name, value in treatment_parts(treatment).items():
        pair = [np.asarray(each)[: len(song.tracks)] if PARTS[name].per_track else each for each in (value, back[name])]
        if PARTS[name].axes[-1:] in (("ride",), ("knot",)):
            pair = [each[..., : points[PARTS[name].axes[-1]]] for each in pair]
        np.testing.assert_array_equal(*pair, err_msg=name)


@pytest.mark.parametrize("far", [-1e3, 1e3])
def test_values_at_the_ends_of_their_ranges_and_hard_pans_are_read_back(song: Song, tmp_path: Path, far: float):
    treatment = constrain(map_parts(lambda _, x: jnp.full_like(x, far), random(song)))
    hard = jnp.full_like(treatment.pan.position, 100.0 * np.sign(far))
    treatment = replace(
        treatment,
        pan=treatment.pan._replace(position=hard),
        master=treatment.master._replace(level_db=jnp.zeros(())),
    )
    read = read_settings(written(song, treatment, tmp_path))
    back = treatment_of(read, song, neutral(8, 2.0 * DURATION_S, 0.2, read.optional))
    n = len(song.tracks)
    np.testing.assert_array_equal(np.asarray(back.pan.position)[:n], np.asarray(hard)[:n])
    np.testing.assert_array_equal(np.asarray(back.eq.low_cut_hz)[:n], np.asarray(treatment.eq.low_cut_hz)[:n])


def test_a_part_that_is_off_is_null_and_one_that_is_not_there_is_absent(song: Song, tmp_path: Path):
    made = settings(song, random(song, ()))
    assert "room" not in made
    first = made["tracks"][0]
    assert first["eq"]["low_cut_hz"] is None and "high_cut_hz" not in first["eq"] and "reverb" not in first


@pytest.fixture(scope="module")
def delivered(song: Song, tmp_path_factory: pytest.TempPathFactory) -> tuple[Delivered, Path]:
    folder = tmp_path_factory.mktemp("mix")
    rules = load_rules(["output"])
    with open_song(song) as reader:
        plan = plan_mix(song, reader, rules, MixConfig(0, seed=3), lambda stage, share: None)
        return deliver(plan, reader, folder, Format(RATE, "PCM_24"), lambda stage, share: None), folder


def again(song: Song, path: Path, folder: Path) -> tuple[Delivered, bytes]:
    config = MixConfig(0, seed=5, settings=read_settings(path))
    with open_song(song) as reader:
        plan = plan_mix(song, reader, load_rules(["output"]), config, lambda stage, share: None)
        result = deliver(plan, reader, folder, Format(RATE, "PCM_24"), lambda stage, share: None)
    return result, (folder / MIX_FILE).read_bytes()


def test_settings_render_to_the_very_samples_that_they_were_written_for(
    song: Song, delivered: tuple[Delivered, Path], tmp_path: Path
):
    first, folder = delivered
    path = written(first.plan.song, first.treatment, tmp_path)
    (tmp_path / "again").mkdir()
    result, samples = again(song, path, tmp_path / "again")
    assert samples == (folder / MIX_FILE).read_bytes()
    assert result.plan.before.rules == first.plan.before.rules


def test_an_edited_level_moves_that_track_alone_and_the_output_stays_where_it_was(
    song: Song, delivered: tuple[Delivered, Path], tmp_path: Path
):
    first, _ = delivered
    path = written(first.plan.song, first.treatment, tmp_path)
    edited = json.loads(path.read_text())
    edited["tracks"][1]["gain"]["level_db"] -= 6.0
    path.write_text(json.dumps(edited))
    (tmp_path / "again").mkdir()
    result, _ = again(song, path, tmp_path / "again")
    assert float(result.treatment.master.level_db) == float(first.treatment.master.level_db)
    moved = np.asarray(result.treatment.gain.level_db - first.treatment.gain.level_db)[: len(song.tracks)]
    assert moved == pytest.approx([0.0, -6.0, 0.0, 0.0, 0.0][: len(moved)], abs=1e-5)


def test_an_output_level_that_would_clip_is_lowered(song: Song, delivered: tuple[Delivered, Path], tmp_path: Path):
    first, _ = delivered
    path = written(first.plan.song, first.treatment, tmp_path, master={"level_db": 60.0})
    (tmp_path / "again").mkdir()
    result, _ = again(song, path, tmp_path / "again")
    assert -0.2 < result.levels.true_peak_dbtp <= 0.01


def test_polarity_and_offset_are_those_of_the_file(song: Song, tmp_path: Path):
    path = written(song, random(song), tmp_path)
    edited = json.loads(path.read_text())
    edited["tracks"][2].update(polarity="inverted", offset_s=0.25)
    path.write_text(json.dumps(edited))
    placed = placed_by(read_settings(path), song)
    assert [track.polarity for track in placed.tracks][2] == -1
    assert placed.tracks[2].offset_s == 0.25
    assert {track.polarity for i, track in enumerate(placed.tracks) if i != 2} == {1}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t["gain"].update(level_db=99.0), r"tracks\[0\].gain.level_db: 99 dB is beyond .* level, -36 to 36"),
        (lambda t: t["gain"].update(level_db="loud"), r"tracks\[0\].gain.level_db: expected a number, got 'loud'"),
        (lambda t: t["gain"].update(level_bd=0.0), r"unknown key; did you mean level_db"),
        (lambda t: t["eq"].update(tone_db=[0.0]), r"tracks\[0\].eq.tone_db"),
        (lambda t: t["dynamics"].update(zone_db=[[], [], [], []]), r"tracks\[0\].dynamics.zone_db\[0\]"),
        (lambda t: t["pan"].pop("width_db"), r"tracks\[0\].pan.width_db: is missing"),
        (lambda t: t.update(polarity="sideways"), r"tracks\[0\].polarity"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_with_its_place(song: Song, tmp_path: Path, change, message: str):
    path = written(song, random(song), tmp_path)
    edited = json.loads(path.read_text())
    change(edited["tracks"][0])
    path.write_text(json.dumps(edited, indent=1))
    with pytest.raises(InputError, match=r"settings\.json:\d+:\d+: [\s\S]*" + message):
        read_settings(path)


def test_settings_of_other_tracks_or_other_axes_are_refused(song: Song, tmp_path: Path):
    path = written(replace(song, tracks=song.tracks[1:]), random(song), tmp_path)
    with pytest.raises(InputError, match=rf"tracks: '{song.tracks[0].id}' is missing"):
        placed_by(read_settings(path), song)
    axes = {**settings(song, random(song))["axes"], "dynamics_spacing_s": 1e-9}
    with pytest.raises(InputError, match=r"axes.dynamics_spacing_s: expected greater than or equal to 0.01"):
        read_settings(written(song, random(song), tmp_path, axes=axes))
    axes = {**settings(song, random(song))["axes"], "ride_spacing_s": 1.0}
    with pytest.raises(InputError, match=r"axes.ride_spacing_s: expected 2.0, got 1.0"):
        read_settings(written(song, random(song), tmp_path, axes=axes))
