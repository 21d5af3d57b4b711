"""Reference mixes measured: signals whose values are known."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hybrid.errors import InputError, SongError
from hybrid.goals.goal import TEMPLATE
from hybrid.goals.measured import ReferenceMix, measure_reference, template_of
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.signal import bands

pytestmark = pytest.mark.long

RATE, SECONDS = 22050, 24
Measure = Callable[..., ReferenceMix]


@pytest.fixture(scope="module")
def template() -> RuleSet:
    return template_of(load_rules([TEMPLATE]))


@pytest.fixture(scope="module")
def measure(tmp_path_factory: pytest.TempPathFactory, template: RuleSet) -> Measure:
    """Measures samples (time, or time and channel) at a rate, written to a file."""
    folder = tmp_path_factory.mktemp("references")

    def run(samples: np.ndarray, sample_rate: int = RATE) -> ReferenceMix:
        path = folder / "reference.wav"
        soundfile.write(path, samples, sample_rate, subtype="FLOAT")
        return measure_reference(path, template, lambda stage, share: None)

    return run


def _noise(seconds: float = SECONDS, side: float = 0.5, rate: int = RATE) -> np.ndarray:
    """White noise whose side signal has the amplitude `side` against the mid."""
    mid, side_signal = np.random.default_rng(1).standard_normal((2, int(seconds * rate))) * 0.05
    return np.stack([mid + side * side_signal, mid - side * side_signal], axis=1)


@pytest.fixture(scope="module")
def noise(measure: Measure) -> ReferenceMix:
    return measure(_noise())


def test_white_noise_is_as_tilted_as_its_bands_are_wide(noise: ReferenceMix):
    tone = noise.quantities["goal.tone"]
    inside = (tone.share > 0.0) & (bands.band_centres_hz() < 0.4 * RATE)
    # power in bands of constant Q: 3.01 dB per octave
    slope = np.polyfit(np.log2(bands.band_centres_hz()[inside]), tone.value[inside], 1)[0]
    assert slope == pytest.approx(3.01, abs=0.15)


def test_width_is_the_share_of_the_side(noise: ReferenceMix):
    width = noise.quantities["goal.width"]
    # amplitude 0.5 against the mid: a fifth of the power
    np.testing.assert_allclose(width.value[1:-1], 0.2, atol=0.02)


@pytest.mark.parametrize("gain_db", [-20.0, 20.0])
def test_its_level_changes_nothing_but_its_loudness(measure: Measure, noise: ReferenceMix, gain_db: float):
    other = measure(_noise() * 10.0 ** (gain_db / 20.0))
    assert len(noise.quantities) > 5
    for name, values in noise.quantities.items():
        change = gain_db if name == "goal.loudness" else 0.0
        np.testing.assert_allclose(other.quantities[name].value, values.value + change, atol=2e-3, err_msg=name)


def test_its_rate_changes_little(measure: Measure, noise: ReferenceMix):
    slow = noise.quantities["goal.tone"]
    fast = measure(_noise(rate=2 * RATE), 2 * RATE).quantities["goal.tone"]
    low = bands.band_centres_hz() < 0.3 * RATE
    difference = (fast.value - slow.value)[low]
    assert np.ptp(difference) < 1.5


def test_what_changes_over_the_song_has_a_larger_error(measure: Measure, noise: ReferenceMix):
    course = _noise()
    half = len(course) // 2
    # 6 dB per octave brighter
    course[half:] = np.diff(course[half:], axis=0, prepend=0.0)
    changing = measure(course)
    assert np.median(changing.quantities["goal.tone"].error) > 5.0 * np.median(noise.quantities["goal.tone"].error)


def test_mono_says_nothing_on_width_and_place(measure: Measure):
    mono = measure(_noise()[:, 0])
    said = dict(mono.abstained)
    assert "mono" in said["goal.width"] and "mono" in said["goal.place"] and "goal.tone" in mono.quantities


def test_what_was_flattened_says_nothing_on_dynamics(measure: Measure):
    clipped = measure(np.sign(_noise()) * 0.999)
    assert "limited or clipped" in dict(clipped.abstained)["goal.peaks"]
    assert "goal.peaks" not in clipped.quantities and "goal.tone" in clipped.quantities


def test_less_than_a_minute_says_nothing_on_its_range(noise: ReferenceMix):
    assert "24 s" in dict(noise.abstained)["goal.range"]


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        (np.zeros((10 * RATE, 2)), "is silent"),
        (_noise(2.0), "lasts 2.0 s: a reference needs at least 5 s"),
        (_noise(6.0) * 1e-3, "too quiet"),
    ],
)
def test_what_cannot_be_measured_is_refused(measure: Measure, samples: np.ndarray, said: str):
    with pytest.raises(SongError, match=said):
        measure(samples)


def test_a_file_that_is_no_audio_is_refused(tmp_path: Path, template: RuleSet):
    path = tmp_path / "a.wav"
    path.write_text("no audio")
    with pytest.raises(SongError, match=str(path)):
        measure_reference(path, template, lambda stage, share: None)
    with pytest.raises(InputError, match="is a folder"):
        measure_reference(tmp_path, template, lambda stage, share: None)
