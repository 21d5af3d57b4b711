"""A real song of three tracks that follows references."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
import soundfile

from hybrid.audio.read import open_song
from hybrid.audio.references import parse_reference
from hybrid.audio.song import Song, Track
from hybrid.errors import InputError
from hybrid.knowledge.evaluate import predicted_panel, read_panel
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.mixing.follow import followed, goal_of
from hybrid.mixing.plan import MixConfig, Plan, plan_mix
from hybrid.mixing.rendered import Format, render_song
from hybrid.proposal.weights import load_network

pytestmark = pytest.mark.long

RATE, SECONDS = 22050, 12
CONFIG = MixConfig(100)
Follow = Callable[..., dict[str, np.ndarray]]


def _still(stage: str, share: float) -> None:
    pass


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Song:
    """A dark voice, a bass, and a bright wide guitar."""
    folder = tmp_path_factory.mktemp("song")
    rng = np.random.default_rng(0)
    time_s = np.arange(SECONDS * RATE) / RATE
    voice = 0.1 * np.sign(np.sin(2 * np.pi * 220.0 * time_s)) * (time_s % 1.7 < 1.2)
    bass = 0.1 * np.sin(2 * np.pi * 65.0 * time_s) + 0.02 * np.sin(2 * np.pi * 195.0 * time_s)
    guitar = 0.05 * rng.standard_normal((2, len(time_s))) * (time_s % 0.9 < 0.7)
    tracks = []
    for name, sound in {"lead_vocal": voice, "bass": bass, "guitar": guitar}.items():
        file = folder / f"{name}.wav"
        soundfile.write(file, sound.T, RATE, subtype="FLOAT")
        role = {"lead_vocal": "vocal.lead"}.get(name, name)
        tracks.append(Track(name, (file,), np.ndim(sound), role, (), 1.0))
    return Song("song", folder, tuple(tracks), RATE, SECONDS * RATE)


@pytest.fixture(scope="module")
def reference(song: Song, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another mix of the song: the guitar is narrow, loud and to the right."""
    voice, bass, guitar = (soundfile.read(track.files[0], always_2d=True)[0] for track in song.tracks)
    narrow = guitar.mean(axis=1, keepdims=True) + 0.2 * (guitar - guitar.mean(axis=1, keepdims=True))
    path = tmp_path_factory.mktemp("reference") / "reference.wav"
    soundfile.write(path, 0.5 * voice + 0.5 * bass + 2.0 * narrow * [0.8, 1.2], RATE, subtype="FLOAT")
    return path


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules(["fidelity", "output"])


@pytest.fixture(scope="module")
def own(song: Song, rules: RuleSet) -> Plan:
    with open_song(song) as reader:
        return plan_mix(song, reader, rules, CONFIG, _still)


def _towards(own: Plan, rules: RuleSet, *texts: str) -> Plan:
    config = CONFIG._replace(references=tuple(map(parse_reference, texts)))
    goal = goal_of(own.song, config, _still)
    assert goal is not None
    return followed(own, rules, config, goal, _still)


def _distances(plan: Plan) -> dict[str, float]:
    """Root mean square distance from the reference, in scales, by rule."""
    assert plan.followed is not None
    objective, dry = plan.followed.template, plan.analysis.dry
    readings = read_panel(objective, predicted_panel(objective.output, dry, plan.refined.treatment))
    by_id = dict(zip((rule.id for rule in objective.program.rules), jax.device_get(readings), strict=True))
    (mix,) = plan.followed.goal.mixes
    found = {}
    for name, values in mix.quantities.items():
        share = np.asarray(by_id[name].share) * (values.share > 0.0)
        if share.sum():
            square = np.sum(share * np.square(by_id[name].value - values.value)) / share.sum()
            rule = next(rule for rule in objective.program.rules if rule.id == name)
            found[name] = float(np.sqrt(square)) / rule.scale
    return found


@pytest.fixture(scope="module")
def whole(own: Plan, rules: RuleSet, reference: Path) -> Plan:
    return _towards(own, rules, str(reference))


def test_a_mix_comes_near_to_its_reference_and_nearer_with_the_amount(
    own: Plan, rules: RuleSet, reference: Path, whole: Plan
):
    course = [_distances(_towards(own, rules, f"{reference}:all={amount}")) for amount in (0.01, 0.4)]
    course.append(_distances(whole))
    for name in ("goal.tone", "goal.width", "goal.place", "goal.peaks"):
        near = [each[name] for each in course]
        assert near[0] > near[1] > near[2], (name, near)
        assert near[2] < 0.6 * near[0], (name, near)


def test_an_aspect_alone_leaves_the_others(own: Plan, rules: RuleSet, reference: Path):
    nothing, width = (_distances(_towards(own, rules, f"{reference}:{asked}")) for asked in ("all=0.001", "width"))
    assert width["goal.width"] < 0.5 * nothing["goal.width"]
    for name in ("goal.tone", "goal.peaks"):
        assert abs(width[name] - nothing[name]) < 0.1, name


def test_a_mix_of_its_own_as_reference_changes_nearly_nothing(own: Plan, rules: RuleSet, tmp_path: Path):
    rendered = render_song(own.song, own.refined.treatment, Format(RATE, "FLOAT", stems=False), None, _still)
    path = tmp_path / "own.wav"
    soundfile.write(path, rendered.samples.T, RATE, subtype="FLOAT")
    plan = _towards(own, rules, str(path))
    before, after = own.refined.treatment, plan.refined.treatment
    assert np.abs(np.asarray(after.gain.level_db) - np.asarray(before.gain.level_db))[:3].max() < 0.5
    # the highest points lie above half the sample rate
    assert np.abs(np.asarray(after.eq.tone_db) - np.asarray(before.eq.tone_db))[:3, :8].max() < 0.5


def test_the_level_of_a_reference_changes_nothing(
    own: Plan, rules: RuleSet, reference: Path, whole: Plan, tmp_path: Path
):
    samples, rate = soundfile.read(reference)
    path = tmp_path / "quiet.wav"
    soundfile.write(path, samples * 0.1, rate, subtype="FLOAT")
    quiet = _towards(own, rules, str(path)).refined.treatment
    # the same but for the last bits of measurements
    np.testing.assert_allclose(quiet.gain.level_db, whole.refined.treatment.gain.level_db, atol=0.1)
    np.testing.assert_allclose(quiet.eq.tone_db, whole.refined.treatment.eq.tone_db, atol=0.2)


def test_no_amount_is_no_goal(song: Song):
    config = CONFIG._replace(references=(parse_reference("missing.wav:all=0"),))
    assert goal_of(song, config, _still) is None


def test_the_network_follows_without_any_steps(own: Plan, rules: RuleSet, reference: Path):
    config = CONFIG._replace(n_steps=0, network=load_network("base"), references=(parse_reference(str(reference)),))
    goal = goal_of(own.song, config, _still)
    assert goal is not None
    before = _distances(_towards(own, rules, f"{reference}:all=0.001"))
    after = _distances(followed(own, rules, config, goal, _still))
    for name in ("goal.tone", "goal.width", "goal.place"):
        assert after[name] < 0.7 * before[name], (name, before[name], after[name])


def test_with_neither_a_network_nor_steps_references_are_refused(song: Song, reference: Path):
    config = MixConfig(0, references=(parse_reference(str(reference)),))
    with pytest.raises(InputError, match="there is neither"):
        goal_of(song, config, _still)
