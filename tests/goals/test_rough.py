"""The rough mix of a song: levels and places of its tracks are found as they were set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile

from hybrid.audio.song import Song, Track
from hybrid.errors import InputError
from hybrid.goals.goal import TEMPLATE
from hybrid.goals.measured import ReferenceMix, template_of
from hybrid.goals.rough import measure_rough
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet

pytestmark = pytest.mark.long

RATE, SECONDS = 22050, 12
GAINS_DB = {"voice": 0.0, "bass": -6.0, "keys": -9.0}
PANS = {"voice": 0.0, "bass": 0.0, "keys": 0.5}
"""From -1 to 1, by the sine-cosine law."""


@pytest.fixture(scope="module")
def song(tmp_path_factory: pytest.TempPathFactory) -> Song:
    """Three tracks of equal power and different sounds."""
    folder, rng = tmp_path_factory.mktemp("song"), np.random.default_rng(0)
    time_s = np.arange(SECONDS * RATE) / RATE
    sounds = {
        "voice": np.sign(np.sin(2 * np.pi * 220.0 * time_s)) * (time_s % 1.7 < 1.2),
        "bass": np.sin(2 * np.pi * 65.0 * time_s) + 0.3 * np.sin(2 * np.pi * 195.0 * time_s),
        "keys": rng.standard_normal(len(time_s)) * (time_s % 0.9 < 0.7),
    }
    tracks = []
    for name, sound in sounds.items():
        file = folder / f"{name}.wav"
        soundfile.write(file, 0.1 * sound / np.sqrt(np.mean(np.square(sound))), RATE, subtype="FLOAT")
        role = {"voice": "vocal.lead"}.get(name, name)
        tracks.append(Track(name, (file,), 1, role, (), 1.0))
    return Song("song", folder, tuple(tracks), RATE, SECONDS * RATE)


@pytest.fixture(scope="module")
def template(song: Song) -> RuleSet:
    template = template_of(load_rules([TEMPLATE]))
    ids = [track.id for track in song.tracks]
    return RuleSet(**{**template.__dict__, "rules": tuple(rule.naming(ids) for rule in template.rules)})


@pytest.fixture(scope="module")
def rough(song: Song, template: RuleSet, tmp_path_factory: pytest.TempPathFactory) -> ReferenceMix:
    path = tmp_path_factory.mktemp("rough") / "rough.wav"
    soundfile.write(path, 0.7 * _mixed(song), RATE, subtype="FLOAT")
    return measure_rough(path, song, template, lambda stage, share: None)


def _mixed(song: Song) -> np.ndarray:
    total = np.zeros((SECONDS * RATE, 2))
    for track in song.tracks:
        angle = 0.25 * np.pi * (1.0 + PANS[track.id])
        sides = np.sqrt(2.0) * np.array([np.cos(angle), np.sin(angle)])
        gain = 10.0 ** (GAINS_DB[track.id] / 20.0)
        total += gain * soundfile.read(track.files[0])[0][:, None] * sides
    return total


def _numbers(rough: ReferenceMix, template: RuleSet, name: str) -> dict[str, float]:
    rule = next(rule for rule in template.rules if rule.id == name)
    values = rough.quantities[name]
    followed = rule.following(values.value, values.share, np.ones(len(values.value)))
    return getattr(followed, name.removeprefix("goal."))


def test_levels_are_those_that_were_set(rough: ReferenceMix, template: RuleSet, song: Song):
    found = _numbers(rough, template, "goal.levels")
    raw = {track.id: _loudness(soundfile.read(track.files[0])[0]) for track in song.tracks}
    errors = np.array([found[name] - raw[name] - GAINS_DB[name] for name in GAINS_DB])
    # only differences between tracks are kept
    assert np.ptp(errors) < 0.5


def _loudness(samples: np.ndarray) -> float:
    """While it sounds, LU, by the meter that rules read by."""
    return pyloudnorm.Meter(RATE).integrated_loudness(samples)


def test_places_are_those_that_were_set(rough: ReferenceMix, template: RuleSet):
    found = _numbers(rough, template, "goal.places")
    assert found["keys"] == pytest.approx(50.0, abs=3.0)
    assert found["voice"] == pytest.approx(0.0, abs=3.0) and found["bass"] == pytest.approx(0.0, abs=3.0)


def test_what_is_found_is_trusted(rough: ReferenceMix):
    assert rough.quantities["goal.levels"].trust[:3].min() == 1.0
    assert not [why for rule, why in rough.abstained if rule == "goal.levels"]


def test_a_mix_of_other_tracks_is_refused_with_its_share(song: Song, template: RuleSet, tmp_path: Path):
    path = tmp_path / "other.wav"
    other = np.random.default_rng(5).standard_normal((SECONDS * RATE, 2))
    soundfile.write(path, 0.05 * other, RATE, subtype="FLOAT")
    with pytest.raises(InputError, match=r"is no mix of song: its tracks explain \d% of it"):
        measure_rough(path, song, template, lambda stage, share: None)
