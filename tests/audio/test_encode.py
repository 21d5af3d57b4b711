"""Results in other formats: lossless ones hold the same samples, lossy ones the same sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hybrid.audio.encode import check_format, encode_folder
from hybrid.errors import InputError

RATE = 44100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A mix, a stem and a track of a song that is not a result."""
    rng = np.random.default_rng(0)
    t = np.arange(2 * RATE) / RATE
    for name in ("mix.wav", "stems/vox.wav", "song/vox.wav"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        sound = np.stack([0.3 * np.sin(2e3 * t), 0.01 * rng.standard_normal(len(t))], axis=1)
        soundfile.write(path, sound, RATE, "PCM_24")
    return tmp_path


def test_flac_holds_the_same_samples_and_tracks_stay_as_they_are(folder: Path):
    before, _ = soundfile.read(folder / "mix.wav", dtype="int32")
    encode_folder(folder, "flac")
    after, rate = soundfile.read(folder / "mix.flac", dtype="int32")
    assert rate == RATE and np.array_equal(before, after)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*.*")}
    assert names == {"mix.flac", "stems/vox.flac", "song/vox.wav"}


@pytest.mark.parametrize("file_format", ["ogg", "mp3"])
def test_lossy_formats_hold_the_same_tone(folder: Path, file_format):
    before, _ = soundfile.read(folder / "mix.wav")
    encode_folder(folder, file_format)
    after, rate = soundfile.read(folder / f"mix.{file_format}")
    assert rate == RATE
    spectra = [np.abs(np.fft.rfft(each[RATE // 2 : RATE + RATE // 2, 0])) for each in (before, after)]
    assert np.argmax(spectra[0]) == np.argmax(spectra[1])
    assert 20 * np.log10(spectra[1].max() / spectra[0].max()) == pytest.approx(0.0, abs=0.5)


@pytest.mark.parametrize(
    ("file_format", "subtype", "rate", "said"),
    [("flac", "FLOAT", RATE, "16 or 24 bits"), ("mp3", "PCM_24", 96000, "mp3 has no 96000 Hz")],
)
def test_what_a_format_cannot_hold_is_refused(file_format, subtype: str, rate: int, said: str):
    with pytest.raises(InputError, match=said):
        check_format(file_format, subtype, rate)
    check_format("wav", subtype, rate)


@pytest.mark.parametrize(("file_format", "highest_hz"), [("ogg", 200_000), ("flac", 655_350)])
def test_rates_beyond_a_format_are_refused_and_its_highest_is_written(tmp_path: Path, file_format, highest_hz: int):
    with pytest.raises(InputError, match=f"{file_format} holds up to {highest_hz} Hz, not {highest_hz + 1}"):
        check_format(file_format, "PCM_24", highest_hz + 1)
    check_format(file_format, "PCM_24", highest_hz)
    soundfile.write(tmp_path / "mix.wav", np.zeros((1000, 2)), highest_hz, "PCM_24")
    encode_folder(tmp_path, file_format)
    assert soundfile.info(tmp_path / f"mix.{file_format}").samplerate == highest_hz
