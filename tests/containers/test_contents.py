"""Files whose headers promise more or less than they hold, in every container."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from hybrid.audio.probe import AudioFile, probe
from hybrid.audio.samples import FileReader
from hybrid.containers import contents, flac
from hybrid.containers.chunks import samples as samples_of
from hybrid.errors import SongError

RATE = 44100
SECONDS = 2.0
N = int(SECONDS * RATE)


def tone(n: int = N) -> np.ndarray:
    """A tone of 440 Hz in noise, in mono: no block of it is like another."""
    noise = np.random.default_rng(1).standard_normal(n)
    return 0.3 * np.sin(2 * np.pi * 440.0 * np.arange(n) / RATE) + 0.05 * noise


def encoded(fmt: str, subtype: str = "PCM_16", signal: np.ndarray | None = None, **more: Any) -> bytes:
    """A file as libsndfile writes it."""
    file = io.BytesIO()
    soundfile.write(file, tone() if signal is None else signal, RATE, subtype, format=fmt, **more)
    return file.getvalue()


def everything(file: AudioFile) -> np.ndarray:
    """All samples of a file, read block by block."""
    with FileReader(file) as reader:
        return np.concatenate(list(reader.blocks()))[:, 0]


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def with_size(content: bytes, n_bytes: int) -> bytes:
    """The file with another size in the header of its samples."""
    found = samples_of(content)
    assert found is not None
    order = "<" if content[:4] in (b"RIFF", b"RF64", b"riff") else ">"
    kind = order + {4: "I", 8: "q"}[len(found.size)]
    n_bytes += 24 if content[:4] == b"riff" else 0
    size = struct.pack(kind, n_bytes)
    return content[: found.size_at] + size + content[found.size_at + len(size) :]


PLAIN = [("WAV", "a.wav"), ("W64", "a.w64"), ("CAF", "a.caf"), ("AU", "a.au"), ("AIFF", "a.aiff"), ("RF64", "a.rf64")]


@pytest.mark.parametrize(("fmt", "name"), [*PLAIN, ("FLAC", "a.flac"), ("OGG", "a.ogg"), ("MP3", "a.mp3")])
@pytest.mark.parametrize("kept", [0.5, 0.97])
def test_a_file_whose_end_is_missing_is_refused(tmp_path: Path, fmt: str, name: str, kept: float) -> None:
    subtype = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(fmt, "PCM_16")
    content = encoded(fmt, subtype)
    with pytest.raises(SongError, match=r"truncated|damaged"):
        everything(probe(written(tmp_path / name, content[: int(kept * len(content))])))


@pytest.mark.parametrize(("fmt", "name"), PLAIN)
@pytest.mark.parametrize("promised", [0.0, 0.25])
def test_a_header_that_lies_behind_its_samples_does_not_hide_them(
    tmp_path: Path, fmt: str, name: str, promised: float
) -> None:
    file = probe(written(tmp_path / name, with_size(encoded(fmt), 2 * int(promised * N))))
    assert file.n_samples == N
    np.testing.assert_allclose(everything(file), tone(), atol=4e-5)
    assert file.notes == (f"holds 2.0 s where its header promises {2.0 * promised:.1f} s: all is read",)


@pytest.mark.parametrize("n_bytes", [0xFFFFFFFF, 0x7FFFFFFF, 0x80000000])
def test_a_recorder_that_did_not_know_the_length_loses_nothing(tmp_path: Path, n_bytes: int) -> None:
    file = probe(written(tmp_path / "a.wav", with_size(encoded("WAV"), n_bytes)))
    assert file.n_samples == N
    assert not file.notes


@pytest.mark.parametrize("behind", [b"LIST\x04\0\0\0INFO", b"\0" * 7, b"TAG" + b"x" * 125, b"id3 \x02\0\0\0xx"])
def test_what_follows_the_samples_is_not_heard(tmp_path: Path, behind: bytes) -> None:
    file = probe(written(tmp_path / "a.wav", encoded("WAV") + behind))
    assert file.n_samples == N
    assert not file.notes


@pytest.mark.parametrize("declared", [0, N // 2])
def test_flac_is_read_to_its_last_frame(tmp_path: Path, declared: int) -> None:
    content = encoded("FLAC")
    length = flac.length(content)
    assert length is not None
    assert length.declared == length.found == N
    told = flac.with_length(content, length, declared)
    file = probe(written(tmp_path / "a.flac", content[: length.at] + told + content[length.at + 5 :]))
    assert file.n_samples == N
    np.testing.assert_allclose(everything(file), tone(), atol=4e-5)


def test_flac_of_unknown_length_whose_end_is_torn_is_refused(tmp_path: Path) -> None:
    content = encoded("FLAC")
    length = flac.length(content)
    assert length is not None
    unknown = content[: length.at] + flac.with_length(content, length, 0) + content[length.at + 5 :]
    with pytest.raises(SongError, match="its end is missing"):
        probe(written(tmp_path / "a.flac", unknown[:-100]))


# A quiet second behind a loud one, in variable bit rate: the first frame is not like the others.
UNEVEN = np.concatenate([tone(N // 2), 0.01 * tone(N // 2)])


def mp3(signal: np.ndarray = UNEVEN) -> bytes:
    return encoded("MP3", "MPEG_LAYER_III", signal, bitrate_mode="VARIABLE", compression_level=0.3)


def without_header(content: bytes) -> bytes:
    """An MP3 file without its first frame, which holds no sound."""
    at = content.index(b"\xff\xfb")
    return content[content.index(b"\xff\xfb", at + 4) :]


def test_mp3_without_a_header_is_as_long_as_its_frames(tmp_path: Path) -> None:
    content = without_header(mp3())
    guessed = soundfile.info(io.BytesIO(content)).frames
    assert abs(guessed - N) > 0.2 * N
    file = probe(written(tmp_path / "a.mp3", content))
    assert 0 <= file.n_samples - N < 3 * 1152
    assert file.has_unknown_delay
    sound = everything(file)
    # the encoder's delay is not known: what is heard is as long, and ends as quietly
    assert np.std(sound[N // 4 : N // 2]) == pytest.approx(np.std(UNEVEN[N // 4 : N // 2]), rel=0.02)
    assert np.std(sound[3 * N // 4 : N]) == pytest.approx(np.std(UNEVEN[3 * N // 4 : N]), rel=0.05)


def test_mp3_with_a_header_starts_and_ends_on_time(tmp_path: Path) -> None:
    file = probe(written(tmp_path / "a.mp3", mp3()))
    assert file.n_samples == N
    assert not file.notes
    assert not file.has_unknown_delay
    assert np.corrcoef(everything(file), UNEVEN)[0, 1] > 0.98


def test_joined_mp3_files_are_read_one_after_another(tmp_path: Path) -> None:
    file = probe(written(tmp_path / "a.mp3", mp3() + mp3()))
    assert 0 <= file.n_samples - 2 * N < 4 * 1152
    assert file.notes[0].startswith("is several files joined into one")
    assert file.notes[1].startswith("holds 4.1 s where its header promises 2.0 s")
    later = everything(file)[-N // 2 :]
    assert np.std(later) == pytest.approx(np.std(UNEVEN[N // 2 :]), rel=0.05)


def test_bytes_that_are_no_sound_in_an_mp3_are_told(tmp_path: Path) -> None:
    content = mp3()
    half = len(content) // 2
    file = probe(written(tmp_path / "a.mp3", content[:half] + bytes(range(1, 200)) * 50 + content[half:]))
    assert "is damaged" in file.notes[0]


def test_an_mp3_beside_its_resource_fork_is_read(tmp_path: Path) -> None:
    written(tmp_path / "._a.mp3", b"\0\x05\x16\x07" + bytes(4092))
    assert probe(written(tmp_path / "a.mp3", without_header(mp3()))).n_samples > N


def test_chained_ogg_streams_are_read_one_after_another(tmp_path: Path) -> None:
    first, second = encoded("OGG", "VORBIS"), encoded("OGG", "VORBIS", 0.1 * tone(N // 2))
    file = probe(written(tmp_path / "a.ogg", first + second))
    assert file.lengths == (N, N // 2)
    assert file.notes == ("holds 2 streams, which are read one after another",)
    sound = everything(file)
    assert np.corrcoef(sound[:N], tone())[0, 1] > 0.95
    assert np.corrcoef(sound[N:], tone(N // 2))[0, 1] > 0.95
    with FileReader(file) as reader:
        across = reader.read(N - 100, 200)[:, 0]
    np.testing.assert_allclose(across, sound[N - 100 : N + 100], atol=1e-3)


def test_an_ogg_file_that_lacks_a_page_is_refused(tmp_path: Path) -> None:
    content = encoded("OGG", "VORBIS", tone(4 * N))
    starts = [at for at in range(len(content)) if content.startswith(b"OggS", at)]
    assert len(starts) > 5
    with pytest.raises(SongError, match="damaged: 1 of its pages are missing"):
        probe(written(tmp_path / "a.ogg", content[: starts[3]] + content[starts[4] :]))


def test_floats_on_the_scale_of_integers_are_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, 32768.0 * tone(), RATE, "FLOAT")
    file = probe(path)
    np.testing.assert_allclose(everything(file), tone(), atol=1e-6)
    assert file.notes == ("holds floats on the scale of 16-bit integers: read as such",)
    # loud floats are what they are
    soundfile.write(path, 20.0 * tone(), RATE, "FLOAT")
    assert probe(path).scale == 1.0


def test_a_file_is_counted_once_until_it_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.wav", encoded("WAV"))
    first = probe(path)
    with monkeypatch.context() as patch:
        patch.setattr("hybrid.audio.probe.contents", None)
        assert probe(path) is first
    written(path, encoded("WAV", signal=tone(N // 2)))
    assert probe(path).n_samples == N // 2


def test_a_wav_beyond_4_gb_without_saying_so_is_refused() -> None:
    """Its size is the rest of a division by 4 GB, behind which samples follow that no header of a WAV can count."""
    found = samples_of(encoded("WAV"))
    assert found is not None and found.size
    sizes = found._replace(declared=1000, available=1 << 33, size=b"")
    assert "longer than its header can tell" in contents._of_chunks(b"", sizes).fault


def test_the_time_at_which_a_recorder_began_is_read(tmp_path: Path) -> None:
    content = encoded("WAV")
    bext = bytes(338) + struct.pack("<Q", 5 * RATE) + bytes(602 - 346)
    chunk = b"bext" + struct.pack("<I", len(bext)) + bext
    file = probe(written(tmp_path / "a.wav", content[:12] + chunk + content[12:]))
    assert file.time_reference == 5 * RATE
    assert file.n_samples == N
