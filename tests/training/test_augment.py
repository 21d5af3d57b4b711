"""Augmentation: the size and frequency of random changes, and what they leave unchanged."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.audio.manifest import load_song
from hybrid.measure import loudness
from hybrid.model.input_features import NETWORK_FRAME_S
from hybrid.testing.songs import objective_of, random_dry, random_song
from hybrid.training.augment import augment_frames, augment_roles, augment_rules
from hybrid.training.example import Example, Frames, Shape, measure_example, shaped
from hybrid.training.recipe import Augmentation
from hybrid.treatment import effect
from hybrid.treatment.types import neutral
from tests.knowledge.made import RULES, rule_of
from tests.training.dataset import write_song

SHAPE = Shape(5, 16, 4)
AMOUNTS = ("gain_db", "tone_db", "drop", "mirror", "lean_db", "apart", "stereo", "lead", "asked", "mute")
NO_AUGMENTATION = Augmentation(**dict.fromkeys(AMOUNTS, 0.0))


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    folder = tmp_path_factory.mktemp("one") / "song"
    write_song(folder, 0)
    return measure_example(load_song(folder))


def _levels(dry: Frames, n: int) -> np.ndarray:
    lufs = loudness.active_lufs(*map(jnp.asarray, (np.sum(dry.power_k[:, :2], axis=(1, 3)), dry.active)))
    return np.asarray(lufs)[:n]


def test_without_augmentation_nothing_changes(example: Example):
    dry = shaped(example, SHAPE).frames
    same = augment_frames(dry, example.song.tracks, NO_AUGMENTATION, np.random.default_rng(0))
    assert len(dry)
    for old, new in zip(dry, same, strict=True):
        np.testing.assert_allclose(old, new, rtol=1e-6)


def test_gains_scatter_with_the_stated_deviation(example: Example):
    dry = shaped(example, SHAPE).frames
    before = _levels(dry, 3)
    rng = np.random.default_rng(0)
    louder = NO_AUGMENTATION.model_copy(update={"gain_db": 6.0})
    moved = np.array([_levels(augment_frames(dry, example.song.tracks, louder, rng), 3) - before for _ in range(60)])
    assert 5.0 < moved.std() < 7.0
    assert abs(moved.mean()) < 1.5


def test_a_mirrored_pair_adds_up_as_its_mirror_image(example: Example):
    dry = shaped(example, SHAPE).frames
    n = dry.power.shape[2:]
    rng = np.random.default_rng(1)
    cross = np.zeros((4, 2, 2, *n), np.float32)
    cross[0] = 1e-5 * rng.standard_normal((2, 2, *n))
    dry = dry._replace(pairs=np.array([[0, 1], [0, 0], [0, 0], [0, 0]], np.int32), cross=cross)
    mirrored = augment_frames(
        dry, example.song.tracks, NO_AUGMENTATION.model_copy(update={"mirror": 1.0}), np.random.default_rng(0)
    )

    def sums(dry: Frames) -> np.ndarray:
        layer = effect.treated(dry.dry, neutral(5, 16 * NETWORK_FRAME_S, NETWORK_FRAME_S))
        return np.asarray(jnp.einsum("ctb,t->cb", effect.mixture(layer), layer.dry.inside))

    left, right, both = sums(dry)
    np.testing.assert_allclose(sums(mirrored), np.stack([right, left, both]), rtol=1e-4, atol=1e-9)


def test_tracks_are_dropped_but_two_stay(example: Example):
    dry = shaped(example, SHAPE).frames
    for seed in range(8):
        augmented = augment_frames(
            dry, example.song.tracks, NO_AUGMENTATION.model_copy(update={"drop": 0.9}), np.random.default_rng(seed)
        )
        audible = augmented.active.sum(axis=1) > 0.0
        assert audible.sum() in (2, 3) and not audible[3:].any()
        assert np.all((augmented.power.sum(axis=(1, 2, 3)) > 0.0) == audible)
        assert np.all((augmented.low_power.sum(axis=1) > 0.0) == audible)


def test_balance_changes_stereo_tracks_alone(example: Example):
    dry = shaped(example, SHAPE).frames
    with_balance = NO_AUGMENTATION.model_copy(update={"lean_db": 6.0})
    before, after = (
        10.0 * np.log10(np.sum(x.power[:3, 0], axis=(1, 2)) / np.sum(x.power[:3, 1], axis=(1, 2)))
        for x in (dry, augment_frames(dry, example.song.tracks, with_balance, np.random.default_rng(3)))
    )
    # the guitar is the only one of two channels
    assert np.abs(after - before)[[0, 2]].max() < 1e-3 < abs(after - before)[1]


def test_channels_of_a_stereo_track_have_less_in_common_and_lose_no_power(example: Example):
    dry = shaped(example, SHAPE).frames
    decorrelated = NO_AUGMENTATION.model_copy(update={"apart": 1.0})
    after = augment_frames(dry, example.song.tracks, decorrelated, np.random.default_rng(3))
    np.testing.assert_array_equal(after.power[:, :2], dry.power[:, :2])
    left = np.sum(after.power[:, 2], axis=1) / np.where(
        dry.power[:, 2].sum(axis=1) == 0.0, 1.0, dry.power[:, 2].sum(axis=1)
    )
    # the guitar is the only one of two channels
    np.testing.assert_array_equal(after.power[[0, 2]], dry.power[[0, 2]])
    assert np.all((left[1] >= 0.0) & (left[1] <= 1.0)) and left[1].std() > 0.1


def test_weights_and_limits_of_rules_scatter_with_the_stated_deviations():
    rules = [rule_of(name, RULES[name][0], name) for name in ("lead_to_rest_ratio", "true_peak", "minimal_change")]
    objective, rng = objective_of(rules, random_song(), random_dry(0)), np.random.default_rng(0)
    augmentation = NO_AUGMENTATION.model_copy(update={"asked": 0.5, "weight_octaves": 1.0, "target_scales": 0.5})
    drawn = [augment_rules(objective, augmentation, rng) for _ in range(400)]
    changed = [each for each in drawn if each is not objective]
    assert 160 < len(changed) < 240
    octaves = np.log2([np.asarray(each.weight) / np.asarray(objective.weight) for each in changed])
    np.testing.assert_allclose(octaves.mean(axis=0), 0.0, atol=0.3)
    np.testing.assert_allclose(octaves.std(axis=0), 1.0, atol=0.2)
    lead, peak, change = ([each.ask.high[k][0] - objective.ask.high[k][0] for each in changed] for k in range(3))
    scale = np.asarray(objective.ask.scale)
    assert (np.std(lead) / scale[0], np.std(peak) / scale[1]) == pytest.approx((0.5, 0.5), abs=0.1)
    # an interval moves as a whole, and an open end stays open
    for each in changed:
        low, high = (each.ask.low[0] - objective.ask.low[0], each.ask.high[0] - objective.ask.high[0])
        np.testing.assert_allclose(low, high, atol=1e-5)
        assert np.all(np.asarray(each.ask.low[1]) == objective.ask.low[1])
    # a rule without limits gets none
    assert np.max(np.abs(change)) == 0.0


def test_another_track_may_lead_but_no_bass(example: Example):
    tracks = example.song.tracks
    leads = set()
    for seed in range(40):
        recast = augment_roles(tracks, NO_AUGMENTATION.model_copy(update={"lead": 0.5}), np.random.default_rng(seed))
        leads |= {track.role for track in recast if "lead" in track.tags}
        assert sum("lead" in track.tags for track in recast) == 1
    assert leads == {"guitar", "vocal.lead"}
    wide = augment_roles(tracks, NO_AUGMENTATION.model_copy(update={"stereo": 1.0}), np.random.default_rng(0))
    assert {track.channels for track in wide} == {2}
