"""Songs as a network meets them: kept whole, brought to one shape, and varied as tracks vary."""

from __future__ import annotations

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.audio.manifest import load_song
from hybrid.measure import loudness
from hybrid.model.hearing import LISTEN_S
from hybrid.training.example import Example, Frames, Shape, listen_to, shaped, store, stored
from hybrid.training.recipe import Variety
from hybrid.training.vary import asked_otherwise, recast, varied
from hybrid.treatment import effect
from hybrid.treatment.types import neutral
from tests.knowledge.made import RULES, objective_of, random_dry, random_song, rule_of
from tests.training.made import SECONDS, write_song

SHAPE = Shape(5, 16, 4)
NOTHING = ("gain_db", "tone_db", "drop", "mirror", "lean_db", "apart", "stereo", "lead", "asked", "mute")
AS_IT_IS = Variety(**dict.fromkeys(NOTHING, 0.0))


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    folder = tmp_path_factory.mktemp("one") / "song"
    write_song(folder, 0)
    return listen_to(load_song(folder))


def test_a_song_is_heard_in_frames_of_four_tenths_of_a_second_from_its_start_to_its_end(example: Example):
    assert np.diff(example.frames.time_s) == pytest.approx(LISTEN_S, rel=0.03)
    # the last window ends after the song
    assert example.frames.power.shape == (3, 3, round(SECONDS / LISTEN_S) + 1, 40)
    assert [track.role for track in example.song.tracks] == ["bass", "guitar", "vocal.lead"]


def test_a_stored_example_comes_back_as_it_was(example: Example, tmp_path: Path):
    path = tmp_path / "deep" / "one.safetensors"
    path.parent.mkdir()
    store(example, path)
    again = stored(path)
    assert again is not None
    for old, new in zip(example.frames, again.frames, strict=True):
        np.testing.assert_array_equal(old, new)
        assert np.shape(old) == np.shape(new)
    assert [(t.id, t.role, t.tags) for t in again.song.tracks] == [(t.id, t.role, t.tags) for t in example.song.tracks]
    assert again.song.n_samples == example.song.n_samples


def test_a_damaged_example_is_as_good_as_none(example: Example, tmp_path: Path):
    path = tmp_path / "one.safetensors"
    store(example, path)
    path.write_bytes(path.read_bytes()[:-100])
    assert stored(path) is None
    assert stored(tmp_path / "none") is None


def test_padding_is_silence_and_what_is_too_much_is_cut(example: Example):
    padded = shaped(example, SHAPE)
    assert padded.frames.power.shape == (5, 3, 16, 40)
    np.testing.assert_array_equal(padded.frames.power[:3, :, : example.frames.power.shape[2]], example.frames.power)
    assert padded.frames.power[3:].max() == 0.0 and padded.frames.inside[-3:].max() == 0.0
    np.testing.assert_allclose(np.diff(padded.frames.time_s), LISTEN_S, rtol=1e-4)

    cut = shaped(example, Shape(2, 4, 4), first=3)
    assert [track.role for track in cut.song.tracks] == ["bass", "guitar"]
    np.testing.assert_array_equal(cut.frames.power, example.frames.power[:2, :, 3:7])
    # a treatment begins with what it treats, and rides lie where they were asked for
    assert cut.frames.time_s[0] == example.frames.time_s[0]


def test_pairs_with_a_track_that_was_cut_are_nobody_s(example: Example):
    dry = example.frames._replace(
        pairs=np.array([[0, 1], [0, 2]], np.int32), cross=np.ones((2, 2, 2, *example.frames.power.shape[2:]))
    )
    cut = shaped(Example(example.song, dry), Shape(2, 4, 3)).frames
    assert cut.pairs.tolist() == [[0, 1], [0, 0], [0, 0]]
    assert cut.cross[0].min() == 1.0 and cut.cross[1:].max() == 0.0


def _levels(dry: Frames, n: int) -> np.ndarray:
    lufs = loudness.active_lufs(*map(jnp.asarray, (np.sum(dry.power_k[:, :2], axis=(1, 3)), dry.active)))
    return np.asarray(lufs)[:n]


def test_without_variety_nothing_changes(example: Example):
    dry = shaped(example, SHAPE).frames
    same = varied(dry, example.song.tracks, AS_IT_IS, np.random.default_rng(0))
    assert len(dry) == len(Frames._fields) > 0
    for old, new in zip(dry, same, strict=True):
        np.testing.assert_allclose(old, new, rtol=1e-6)


def test_gains_scatter_as_asked_and_tone_keeps_the_loudness_about(example: Example):
    dry = shaped(example, SHAPE).frames
    before = _levels(dry, 3)
    rng = np.random.default_rng(0)
    louder = AS_IT_IS.model_copy(update={"gain_db": 6.0})
    moved = np.array([_levels(varied(dry, example.song.tracks, louder, rng), 3) - before for _ in range(60)])
    assert 5.0 < moved.std() < 7.0
    assert abs(moved.mean()) < 1.5


def test_a_mirrored_pair_adds_up_as_its_mirror_image(example: Example):
    dry = shaped(example, SHAPE).frames
    n = dry.power.shape[2:]
    rng = np.random.default_rng(1)
    cross = np.zeros((4, 2, 2, *n), np.float32)
    cross[0] = 1e-5 * rng.standard_normal((2, 2, *n))
    dry = dry._replace(pairs=np.array([[0, 1], [0, 0], [0, 0], [0, 0]], np.int32), cross=cross)
    mirrored = varied(dry, example.song.tracks, AS_IT_IS.model_copy(update={"mirror": 1.0}), np.random.default_rng(0))

    def sums(dry: Frames) -> np.ndarray:
        layer = effect.treated(dry.dry, neutral(5, 16 * LISTEN_S, LISTEN_S))
        return np.asarray(effect.mix_over_time(layer, layer.dry.inside))

    left, right, both = sums(dry)
    np.testing.assert_allclose(sums(mirrored), np.stack([right, left, both]), rtol=1e-4, atol=1e-9)


def test_tracks_are_dropped_but_two_stay(example: Example):
    dry = shaped(example, SHAPE).frames
    for seed in range(8):
        got = varied(dry, example.song.tracks, AS_IT_IS.model_copy(update={"drop": 0.9}), np.random.default_rng(seed))
        heard = got.active.sum(axis=1) > 0.0
        assert heard.sum() in (2, 3) and not heard[3:].any()
        assert np.all((got.power.sum(axis=(1, 2, 3)) > 0.0) == heard)
        assert np.all((got.low_power.sum(axis=1) > 0.0) == heard)


def test_a_leaning_track_is_louder_on_one_side_by_as_much_as_asked(example: Example):
    dry = shaped(example, SHAPE).frames
    leaning = AS_IT_IS.model_copy(update={"lean_db": 6.0})
    before, after = (
        10.0 * np.log10(np.sum(x.power[:3, 0], axis=(1, 2)) / np.sum(x.power[:3, 1], axis=(1, 2)))
        for x in (dry, varied(dry, example.song.tracks, leaning, np.random.default_rng(3)))
    )
    # the guitar is the only one of two channels
    assert np.abs(after - before)[[0, 2]].max() < 1e-3 < abs(after - before)[1]


def test_channels_of_a_stereo_track_have_less_in_common_and_lose_no_power(example: Example):
    dry = shaped(example, SHAPE).frames
    apart = AS_IT_IS.model_copy(update={"apart": 1.0})
    after = varied(dry, example.song.tracks, apart, np.random.default_rng(3))
    np.testing.assert_array_equal(after.power[:, :2], dry.power[:, :2])
    left = np.sum(after.power[:, 2], axis=1) / np.where(
        dry.power[:, 2].sum(axis=1) == 0.0, 1.0, dry.power[:, 2].sum(axis=1)
    )
    # the guitar is the only one of two channels
    np.testing.assert_array_equal(after.power[[0, 2]], dry.power[[0, 2]])
    assert np.all((left[1] >= 0.0) & (left[1] <= 1.0)) and left[1].std() > 0.1


def test_rules_weigh_and_ask_otherwise_by_as_much_as_asked_and_as_often():
    rules = [rule_of(name, RULES[name][0], name) for name in ("lead_to_rest_ratio", "true_peak", "minimal_change")]
    objective, rng = objective_of(rules, random_song(), random_dry(0)), np.random.default_rng(0)
    varied_by = AS_IT_IS.model_copy(update={"asked": 0.5, "weight_octaves": 1.0, "target_scales": 0.5})
    drawn = [asked_otherwise(objective, varied_by, rng) for _ in range(400)]
    others = [each for each in drawn if each is not objective]
    assert 160 < len(others) < 240
    octaves = np.log2([np.asarray(each.weight) / np.asarray(objective.weight) for each in others])
    np.testing.assert_allclose(octaves.mean(axis=0), 0.0, atol=0.3)
    np.testing.assert_allclose(octaves.std(axis=0), 1.0, atol=0.2)
    lead, peak, change = ([each.ask.high[k][0] - objective.ask.high[k][0] for each in others] for k in range(3))
    scale = np.asarray(objective.ask.scale)
    assert (np.std(lead) / scale[0], np.std(peak) / scale[1]) == pytest.approx((0.5, 0.5), abs=0.1)
    # an interval moves as a whole, and what has no end gets none
    for each in others:
        low, high = (each.ask.low[0] - objective.ask.low[0], each.ask.high[0] - objective.ask.high[0])
        np.testing.assert_allclose(low, high, atol=1e-5)
        assert np.all(np.asarray(each.ask.low[1]) == objective.ask.low[1])
    # what only asks for little goes on asking for little
    assert np.max(np.abs(change)) == 0.0


def test_another_may_lead_but_no_bass(example: Example):
    tracks = example.song.tracks
    leads = set()
    for seed in range(40):
        cast = recast(tracks, AS_IT_IS.model_copy(update={"lead": 0.5}), np.random.default_rng(seed))
        leads |= {track.role for track in cast if "lead" in track.tags}
        assert sum("lead" in track.tags for track in cast) == 1
    assert leads == {"guitar", "vocal.lead"}
    wide = recast(tracks, AS_IT_IS.model_copy(update={"stereo": 1.0}), np.random.default_rng(0))
    assert {track.channels for track in wide} == {2}
