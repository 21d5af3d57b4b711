from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hybrid.audio.manifest import load_song
from hybrid.errors import InputError, SongError
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.verdict import Finding
from hybrid.unmixing.check import Check, check_mix, check_mix_of

pytestmark = pytest.mark.long

RATE = 22050


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return load_rules(["base"])


@pytest.fixture(scope="module")
def tracks() -> dict[str, np.ndarray]:
    """Hits, a tone that comes and goes, and noise, four seconds each."""
    time_s = np.arange(4 * RATE) / RATE
    rng = np.random.default_rng(3)
    kick = np.sin(2 * np.pi * 60 * time_s) * np.exp(-(time_s % 0.5) / 0.1)
    voice = sum(np.sin(2 * np.pi * 220 * k * time_s) / k for k in range(1, 12)) * (time_s % 1.3 < 0.9)
    hats = rng.normal(size=len(time_s)) * np.exp(-(time_s % 0.25) / 0.03)
    return {"kick": 0.3 * kick, "lead_vocal": 0.1 * voice, "hihat": 0.05 * hats}


@pytest.fixture
def folder(tmp_path: Path, tracks: dict[str, np.ndarray]) -> Path:
    """The tracks, and among them their mix: the sum, 6 dB down, under a name that does not tell."""
    path = tmp_path / "song"
    path.mkdir()
    for name, samples in tracks.items():
        soundfile.write(path / f"{name}.wav", samples, RATE, subtype="FLOAT")
    mix = 0.5 * sum(tracks.values())
    soundfile.write(path / "tune.wav", np.stack([mix, mix], axis=1), RATE, subtype="FLOAT")
    return path


@pytest.fixture
def alone(tmp_path: Path, rules: RuleSet) -> Callable[..., Check]:
    """Checks samples (time, or time and channel) at a rate, written to a file, by themselves."""

    def run(samples: np.ndarray, sample_rate: int = RATE) -> Check:
        path = tmp_path / "any.wav"
        soundfile.write(path, samples, sample_rate, subtype="FLOAT")
        return check_mix(path, rules, lambda stage, share: None)

    return run


def finding(found: Check, rule: str) -> Finding:
    return next(finding for finding in found.verdict.rules if finding.id == rule)


def test_a_mix_alone_is_judged_by_rules_on_the_whole_and_the_others_are_named(
    rules: RuleSet, alone: Callable[..., Check]
) -> None:
    found = alone(0.1 * np.random.default_rng(0).normal(size=(3 * RATE, 2)))
    left_out = {left.rule for left in found.left_out}
    assert {finding.id for finding in found.verdict.rules} | left_out == {rule.id for rule in rules.enabled}
    assert {"lead.level", "mask.general", "mono.tracks"} <= left_out
    assert {"out.loudness", "spectrum.curve"}.isdisjoint(left_out)
    assert found.left_out[0].why == "speaks of tracks: needs --song"


@pytest.mark.parametrize("sample_rate", [8000, 22050, 192000])
def test_loudness_and_true_peak_are_exact_at_any_rate(alone: Callable[..., Check], sample_rate: int) -> None:
    time_s = np.arange(sample_rate) / sample_rate
    tone = 0.5 * np.sin(2 * np.pi * 997 * time_s)
    found = alone(np.stack([tone, tone], axis=1), sample_rate)
    # EBU Tech 3341: a stereo sine of 997 Hz reads its level in dBFS; BS.1770 allows a true peak 0.4 dB off
    assert found.verdict.loudness_lufs == pytest.approx(-6.02, abs=0.1)
    assert found.verdict.true_peak_dbtp == pytest.approx(-6.02, abs=0.4)
    assert finding(found, "out.loudness").targets[0].value == pytest.approx(found.verdict.loudness_lufs)


def test_a_mono_mix_reads_as_the_same_in_both_channels(alone: Callable[..., Check]) -> None:
    tone = 0.1 * np.random.default_rng(0).normal(size=2 * RATE)
    mono, stereo = alone(tone), alone(np.stack([tone, tone], axis=1))
    assert mono.verdict.loudness_lufs == pytest.approx(stereo.verdict.loudness_lufs)
    assert finding(mono, "mono.whole").targets[0].value == pytest.approx(0.0, abs=0.01)
    assert mono.notes == ("the mix is mono: measured as the same in both channels",)


def test_a_tenth_of_a_second_has_a_verdict(alone: Callable[..., Check]) -> None:
    found = alone(0.1 * np.random.default_rng(0).normal(size=(RATE // 10, 2)))
    values = [target.value for finding in found.verdict.rules for target in finding.targets]
    assert np.all(np.isfinite(values))


def test_what_is_no_mix_is_refused(tmp_path: Path, rules: RuleSet, alone: Callable[..., Check]) -> None:
    (tmp_path / "empty.wav").touch()
    refusals = [(SongError, "missing.wav"), (SongError, "empty.wav"), (InputError, ".")]
    for error, name in refusals:
        with pytest.raises(error, match=r"No such file|is empty|is a folder"):
            check_mix(tmp_path / name, rules, lambda stage, share: None)
    with pytest.raises(SongError, match=r"any\.wav: is silent"):
        alone(np.zeros((RATE, 2)))


def test_with_its_tracks_a_mix_is_judged_by_all_rules(folder: Path, rules: RuleSet) -> None:
    found = check_mix_of(folder / "tune.wav", load_song(folder), rules, lambda stage, share: None)
    assert found.song and found.fit
    assert [track.id for track in found.song.tracks] == ["hihat", "kick", "lead_vocal"]
    assert "tune is the sum of the other tracks, a finished mix: left out" in found.notes
    assert found.fit.explained > 0.99
    assert float(found.fit.treatment.master.level_db) == pytest.approx(-6.02, abs=0.2)
    assert not found.doubtful
    # what a finished mix does not tell: gain over time, and what was done to a single track
    kept = {"keep.smooth", "keep.timbre", "keep.simple", "keep.attacks", "keep.movement", "keep.rests"}
    assert {left.rule for left in found.left_out} == kept | {
        *("hold.lead", "hold.rest", "keep.clean", "keep.artefacts", "voice.hiss")
    }
    lead = finding(found, "lead.centre")
    assert (lead.kept, lead.targets[0].value) == (True, pytest.approx(0.0, abs=1.0))


def test_a_mix_at_another_rate_with_other_length_is_compared(
    tmp_path: Path, folder: Path, tracks: dict[str, np.ndarray], rules: RuleSet
) -> None:
    # every second sample, which is a resampling of what has nothing above a quarter of the rate
    low = tracks["kick"] + tracks["lead_vocal"]
    soundfile.write(tmp_path / "half.wav", low[: 3 * RATE : 2], RATE // 2, subtype="FLOAT")
    (folder / "tune.wav").unlink()
    found = check_mix_of(tmp_path / "half.wav", load_song(folder), rules, lambda stage, share: None)
    assert found.fit and found.fit.explained > 0.97
    assert np.asarray(found.fit.treatment.gain.level_db[1] - found.fit.treatment.gain.level_db[2]) == pytest.approx(
        0.0, abs=0.3
    )
    assert "the mix lasts 3.0 s of 4.0 s: the rest of the tracks is left out" in found.notes


def test_findings_on_tracks_of_another_song_are_marked_as_doubtful(
    tmp_path: Path, folder: Path, rules: RuleSet
) -> None:
    other = 0.1 * np.random.default_rng(8).normal(size=(4 * RATE, 2))
    soundfile.write(tmp_path / "other.wav", other, RATE, subtype="FLOAT")
    found = check_mix_of(tmp_path / "other.wav", load_song(folder), rules, lambda stage, share: None)
    assert found.fit and found.fit.explained < 0.5
    assert "lead.level" in found.doubtful and "out.loudness" not in found.doubtful


def test_a_song_whose_only_track_is_the_mix_is_refused(tmp_path: Path, rules: RuleSet) -> None:
    soundfile.write(tmp_path / "tune.wav", 0.1 * np.ones(RATE), RATE)
    with pytest.raises(InputError, match="holds no track but the mix itself"):
        check_mix_of(tmp_path / "tune.wav", load_song(tmp_path), rules, lambda stage, share: None)
