from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from hybrid.audio import wav as wav_module
from hybrid.audio.wav import WavWriter


@pytest.mark.parametrize(
    ("subtype", "tolerance"), [("PCM_16", 2**-15), ("PCM_24", 2**-23), ("PCM_32", 2**-24), ("FLOAT", 0.0)]
)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_holds_what_was_written_to_its_last_step(
    tmp_path: Path, subtype: wav_module.Subtype, tolerance: float, channels: int
) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, (channels, 1001)).astype(np.float32)
    samples[:, :2] = (1.0, -1.0)
    with WavWriter(tmp_path / "a.wav", 48000, channels, subtype) as wav:
        for start in range(0, 1001, 300):
            wav.write(samples[:, start : start + 300])
    read, sample_rate = soundfile.read(tmp_path / "a.wav", dtype="float32", always_2d=True)
    assert sample_rate == 48000
    np.testing.assert_allclose(read.T, samples, atol=tolerance, rtol=0.0)
    assert soundfile.info(tmp_path / "a.wav").subtype == subtype


@pytest.mark.parametrize("n", [0, 1, 1001])
def test_a_short_file_is_plain_wav_with_true_sizes(tmp_path: Path, n: int) -> None:
    with WavWriter(tmp_path / "a.wav", 44100, 1, "PCM_24") as wav:
        wav.write(np.zeros((1, n), np.float32))
    content = (tmp_path / "a.wav").read_bytes()
    size_at = content.index(b"data") + 4
    assert content[:4] + content[8:16] == b"RIFFWAVEJUNK"
    assert int.from_bytes(content[4:8], "little") == len(content) - 8
    assert int.from_bytes(content[size_at : size_at + 4], "little") == 3 * n


def test_a_file_past_the_limit_of_wav_is_rf64(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(wav_module, "_MAX_RIFF_BYTES", 1000)
    with WavWriter(tmp_path / "a.wav", 44100, 1, "PCM_16") as wav:
        wav.write(np.full((1, 1000), 0.5, np.float32))
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RF64"
    assert len(soundfile.read(tmp_path / "a.wav")[0]) == 1000


def test_a_sample_beyond_full_scale_is_an_assertion_unless_the_file_is_float(tmp_path: Path) -> None:
    loud = np.full((1, 10), 1.01, np.float32)
    with WavWriter(tmp_path / "a.wav", 44100, 1, "PCM_24") as wav, pytest.raises(AssertionError):
        wav.write(loud)
    with WavWriter(tmp_path / "b.wav", 44100, 1, "FLOAT") as wav:
        wav.write(loud)
