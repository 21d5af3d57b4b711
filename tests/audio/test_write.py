from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hybrid.audio import write
from hybrid.audio.write import OutputFolder, WavWriter
from hybrid.errors import InputError, Problem


def test_a_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    with OutputFolder(tmp_path / "new" / "out", False, ()) as folder:
        (folder.path / "mix.txt").write_text("mix")
        assert not (tmp_path / "new").exists()
    assert (tmp_path / "new" / "out" / "mix.txt").read_text() == "mix"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_interruption_leaves_nothing(tmp_path: Path, interruption: type[BaseException]) -> None:
    with pytest.raises(interruption), OutputFolder(tmp_path / "out", False, ()) as folder:
        (folder.path / "mix.txt").write_text("half")
        raise interruption
    assert list(tmp_path.iterdir()) == []


def test_a_failure_names_the_target_folder(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError) as caught, OutputFolder(out, False, ()) as folder:
        raise InputError(Problem(str(folder.path / "mix.wav"), "cannot be written"))
    assert str(caught.value) == f"{out / 'mix.wav'}: cannot be written"
    with pytest.raises(InputError) as caught, OutputFolder(out, False, ()) as folder:
        raise OSError(errno.ENOSPC, "No space left on device", str(folder.path / "verdict.json"))
    assert str(caught.value) == f"{out / 'verdict.json'}: cannot be written: No space left on device"
    if Path("/dev/full").exists():
        with pytest.raises(InputError) as caught, OutputFolder(out, False, ()):
            Path("/dev/full").write_text("too much")
        assert str(caught.value) == f"{out}: cannot be written: No space left on device"
    assert list(tmp_path.iterdir()) == []


def fill(path: Path, text: str, overwrite: bool = False) -> None:
    with OutputFolder(path, overwrite, ()) as folder:
        (folder.path / f"{text}.txt").write_text(text)


def test_overwriting_keeps_the_old_folder_until_the_new_one_is_complete(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fill(out, "old")
    with OutputFolder(out, True, ()) as folder:
        assert (out / "old.txt").exists()
        (folder.path / "new.txt").write_text("new")
    assert sorted(path.name for path in out.glob("*.txt")) == ["new.txt"]
    assert list(tmp_path.iterdir()) == [out]


def test_an_interrupted_overwriting_keeps_the_old_folder(tmp_path: Path) -> None:
    fill(tmp_path / "out", "old")
    with pytest.raises(KeyboardInterrupt), OutputFolder(tmp_path / "out", True, ()):
        raise KeyboardInterrupt
    assert (tmp_path / "out" / "old.txt").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_the_old_folder_comes_back_if_the_new_one_cannot_take_its_place(tmp_path: Path, monkeypatch) -> None:
    fill(tmp_path / "out", "old")
    rename = Path.rename

    def fail_for_the_new(self: Path, target: Path) -> Path:
        if (self / "new.txt").exists():
            raise OSError("disk on fire")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_new)
    with pytest.raises(OSError, match="fire"):
        fill(tmp_path / "out", "new", overwrite=True)
    assert (tmp_path / "out" / "old.txt").exists()
    assert len(list(tmp_path.iterdir())) == 1


def test_an_existing_folder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    fill(tmp_path / "out", "old")
    with pytest.raises(InputError, match="--overwrite"):
        fill(tmp_path / "out", "new")


def test_a_folder_of_other_things_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    with pytest.raises(InputError, match="not results"):
        fill(tmp_path / "out", "new", overwrite=True)
    assert (tmp_path / "out" / "thesis.tex").exists()


def test_an_empty_folder_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    fill(tmp_path / "out", "new", overwrite=True)
    assert (tmp_path / "out" / "new.txt").exists()


@pytest.mark.parametrize("inside", ["", "kick.wav"])
def test_a_folder_that_is_or_holds_an_input_is_refused(tmp_path: Path, inside: str) -> None:
    song = tmp_path / "song"
    song.mkdir()
    with pytest.raises(InputError, match="holds the input"), OutputFolder(song, True, [song / inside]):
        pass
    with pytest.raises(InputError, match="holds the input"), OutputFolder(tmp_path, True, [song / inside]):
        pass


def test_a_folder_within_the_song_is_fine(tmp_path: Path) -> None:
    with OutputFolder(tmp_path / "mix", False, [tmp_path]):
        pass
    assert (tmp_path / "mix").is_dir()


def test_an_unwritable_target_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        fill(tmp_path / "file", "new", overwrite=True)
    with pytest.raises(InputError, match="cannot be written"):
        fill(tmp_path / "file" / "out", "new")


@pytest.mark.parametrize(
    ("subtype", "tolerance"), [("PCM_16", 2**-15), ("PCM_24", 2**-23), ("PCM_32", 2**-24), ("FLOAT", 0.0)]
)
@pytest.mark.parametrize("channels", [1, 2])
def test_a_wav_holds_what_was_written_to_its_last_step(
    tmp_path: Path, subtype: write.Subtype, tolerance: float, channels: int
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
    monkeypatch.setattr(write, "_MAX_RIFF_BYTES", 1000)
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
