"""What is written: stems that sum to the mix, at the loudness asked for, under the ceiling, in any format."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyloudnorm
import pytest
import soundfile
from scipy.signal import resample_poly

from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.audio.wav import MIX_FILE
from hybrid.knowledge.resolve import load_rules
from hybrid.mixing.deliver import STEMS_FOLDER, Delivered, Format, deliver
from hybrid.mixing.plan import MixConfig, Plan, plan_mix
from tests.mixing.made import RATE, read_meter, song_of, sounds

CEILING_DBTP = -1.0
BAND = {name: x for name, x in sounds().items() if name != "amp"}
RULES = """\
schema: mixrules/1
id: made
title: Output alone
rules:
  - {{id: out.loudness, type: integrated_loudness, kind: require, target: {aim} LUFS, tolerance: 0.5 LU}}
  - {{id: out.true-peak, type: true_peak, kind: require, max: -1 dBTP}}
"""


class Written(NamedTuple):
    """The files of a delivered mix, read back."""

    delivered: Delivered
    mix: np.ndarray
    stems: dict[str, np.ndarray]
    info: object


def planned(folder: Path, tracks: dict[str, np.ndarray], aim_lufs: float, sample_rate: int = RATE) -> Plan:
    """The song as it starts out, without a step of refinement."""
    rules = folder / "rules.yaml"
    rules.write_text(RULES.format(aim=aim_lufs))
    song = song_of(folder / "song", tracks, sample_rate)
    with open_song(song) as reader:
        return plan_mix(song, reader, load_rules([str(rules)]), MixConfig(0), lambda stage, share: None)


def written(plan: Plan, folder: Path, fmt: Format) -> Written:
    folder.mkdir()
    with open_song(plan.song) as reader:
        delivered = deliver(plan, reader, folder, fmt, lambda stage, share: None)
    mix, rate = soundfile.read(folder / MIX_FILE, always_2d=True)
    assert rate == fmt.sample_rate
    files = sorted((folder / STEMS_FOLDER).iterdir())
    stems = {path.stem: soundfile.read(path, always_2d=True)[0].T for path in files}
    return Written(delivered, mix.T, stems, soundfile.info(folder / MIX_FILE))


def true_peak_dbtp(mix: np.ndarray) -> float:
    """By another road: 16 times oversampled by scipy."""
    return float(20.0 * np.log10(np.abs(resample_poly(mix, 16, 1, axis=1)).max()))


def lufs(mix: np.ndarray, sample_rate: int) -> float:
    return float(pyloudnorm.Meter(sample_rate, filter_class="DeMan").integrated_loudness(mix.T))


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """A song that can have its loudness."""
    return planned(tmp_path_factory.mktemp("quiet"), BAND, -30.0)


@pytest.fixture(scope="module")
def usual(quiet: Plan, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """At its own rate in 24 bits."""
    return written(quiet, tmp_path_factory.mktemp("usual") / "out", Format(RATE, "PCM_24"))


def test_stems_sum_to_the_mix_to_90_db(usual):
    difference = np.sum(list(usual.stems.values()), axis=0) - usual.mix
    # six files of 24 bits round to half of -138 dB each
    assert 20.0 * np.log10(np.abs(difference).max() + 1e-9) < -90.0 - 30.0


def test_without_stems_the_mix_is_the_same_to_the_bit_and_stands_alone(usual, quiet, tmp_path):
    with open_song(quiet.song) as reader:
        deliver(quiet, reader, tmp_path, Format(RATE, "PCM_24", stems=False), lambda stage, share: None)
    assert [path.name for path in tmp_path.iterdir()] == [MIX_FILE]
    np.testing.assert_array_equal(soundfile.read(tmp_path / MIX_FILE, always_2d=True)[0].T, usual.mix)


def test_there_is_one_stem_per_track_as_long_as_the_song(usual, quiet):
    assert set(usual.stems) == {track.id for track in quiet.song.tracks}
    assert {stem.shape for stem in usual.stems.values()} == {(2, quiet.song.n_samples)}
    assert usual.mix.shape == (2, quiet.song.n_samples)
    assert all(np.abs(stem).max() > 0.001 for stem in usual.stems.values())


def test_the_mix_is_as_loud_as_asked(usual):
    # found by gain alone, which moves no block across a gate here
    assert lufs(usual.mix, RATE) == pytest.approx(-30.0, abs=0.02)
    assert usual.delivered.levels.integrated_lufs == pytest.approx(lufs(usual.mix, RATE), abs=0.01)


def test_what_is_reported_is_what_was_written(usual):
    levels = read_meter(usual.mix.astype(np.float32))
    assert usual.delivered.levels.integrated_lufs == pytest.approx(levels.integrated_lufs, abs=1e-3)
    assert usual.delivered.levels.true_peak_dbtp == pytest.approx(levels.true_peak_dbtp, abs=1e-3)
    assert usual.delivered.verdict.loudness_lufs == pytest.approx(levels.integrated_lufs, abs=1e-3)
    # four-fold oversampling misses up to 0.55 dB
    assert usual.delivered.levels.true_peak_dbtp == pytest.approx(true_peak_dbtp(usual.mix), abs=0.55)


def test_the_same_plan_writes_the_same_samples(usual, quiet, tmp_path):
    again = written(quiet, tmp_path / "out", Format(RATE, "PCM_24"))
    np.testing.assert_array_equal(again.mix, usual.mix)


def test_a_mix_that_cannot_be_loud_enough_stops_at_its_ceiling_and_is_not_clipped(tmp_path):
    loud = written(planned(tmp_path, BAND, -3.0), tmp_path / "out", Format(RATE, "PCM_24"))
    peak = loud.delivered.levels.true_peak_dbtp
    stem_peak = max(np.abs(stem).max() for stem in loud.stems.values())
    assert peak <= CEILING_DBTP + 0.01
    # one of the two limits is reached: the ceiling of the mix, or full scale of a stem
    assert peak == pytest.approx(CEILING_DBTP, abs=0.01) or stem_peak == pytest.approx(10 ** (-0.01 / 20.0), abs=1e-3)
    assert np.abs(loud.mix).max() < 1.0
    assert lufs(loud.mix, RATE) < -3.5


def test_a_stem_that_others_cancel_does_not_clip(tmp_path):
    x = 0.5 * np.random.default_rng(0).uniform(-1.0, 1.0, (1, 4 * RATE)).astype(np.float32)
    tracks = {"one": x, "inverted": -0.99 * x, "rest": 0.01 * x[:, ::-1]}
    result = written(planned(tmp_path, tracks, -10.0), tmp_path / "out", Format(RATE, "PCM_24"))
    assert max(np.abs(stem).max() for stem in result.stems.values()) <= 1.0
    assert np.abs(np.sum(list(result.stems.values()), axis=0) - result.mix).max() < 1e-6


@pytest.mark.parametrize(
    ("fmt", "step"),
    [
        pytest.param(Format(RATE, "PCM_16"), 2.0**-15, id="16 bits"),
        pytest.param(Format(44100, "FLOAT"), 2.0**-22, id="44.1 kHz float"),
        pytest.param(Format(16000, "PCM_24"), 2.0**-22, id="16 kHz"),
    ],
)
def test_other_formats_hold_the_same_mix(quiet, usual, tmp_path, fmt, step):
    other = written(quiet, tmp_path / "out", fmt)
    assert other.info.subtype == fmt.subtype
    assert other.mix.shape[1] == pytest.approx(quiet.song.n_samples * fmt.sample_rate / RATE, abs=1)
    assert other.delivered.levels.integrated_lufs == pytest.approx(-30.0, abs=0.05)
    assert true_peak_dbtp(other.mix) <= CEILING_DBTP
    difference = np.sum(list(other.stems.values()), axis=0) - other.mix
    # each file cuts off up to a step
    assert np.abs(difference).max() <= step * (1 + len(other.stems)) + 1e-6
    if fmt.sample_rate == RATE:
        assert np.abs(other.mix - usual.mix).max() <= step


@pytest.mark.parametrize(
    "tracks",
    [
        pytest.param({"voice": (1, 4 * RATE)}, id="one mono track"),
        pytest.param({"drums": (2, 4 * RATE)}, id="one stereo track"),
        pytest.param({"drums": (2, round(0.3 * RATE))}, id="0.3 s"),
        pytest.param({"bass": (1, 50)}, id="50 samples"),
    ],
)
def test_small_songs_are_delivered_at_their_loudness(tmp_path, tracks):
    generator = np.random.default_rng(0)
    made = {name: 0.1 * generator.standard_normal(shape).astype(np.float32) for name, shape in tracks.items()}
    result = written(planned(tmp_path, made, -30.0), tmp_path / "out", Format(RATE, "PCM_24"))
    song: Song = result.delivered.plan.song
    assert result.mix.shape == (2, song.n_samples)
    assert read_meter(result.mix.astype(np.float32)).integrated_lufs == pytest.approx(-30.0, abs=0.02)
    assert np.abs(np.sum(list(result.stems.values()), axis=0) - result.mix).max() < 1e-6


@pytest.mark.parametrize("rate", [32000, 48000])
def test_a_burst_that_clips_once_it_is_resampled_does_not(tmp_path, rate):
    """Samples at full scale, of either sign: between them the signal is up to 3 dB higher."""
    burst = np.zeros((1, 4 * RATE), np.float32)
    burst[:, RATE : RATE + 400] = np.sign(np.random.default_rng(0).standard_normal(400))
    tracks = {"burst": burst, "inverted": -0.99 * burst, "rest": 0.01 * BAND["bass"]}
    result = written(planned(tmp_path, tracks, -10.0), tmp_path / "out", Format(rate, "PCM_24"))
    peak = max(np.abs(stem).max() for stem in result.stems.values())
    assert peak == pytest.approx(10.0 ** (-0.01 / 20.0), abs=1e-3)
