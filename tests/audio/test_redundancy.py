"""Tracks that hold what others hold, and what else a folder holds beside its tracks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hybrid.audio.manifest import load_song, read_manifest
from hybrid.audio.scan import scan_folder
from hybrid.errors import InputError

RATE = 8000


def noise(seed: int, n: int = 4 * RATE) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(n)


@pytest.fixture
def three(write_track):
    """Kick, Snare and Bass, which have nothing in common."""
    for seed, name in enumerate(["Kick.wav", "Snare.wav", "Bass.wav"]):
        write_track(name, noise(seed), sample_rate=RATE)
    return write_track


def test_tracks_that_have_nothing_in_common_are_not_noted(three, tmp_path: Path) -> None:
    assert scan_folder(tmp_path).notes == ()


def test_one_recording_in_two_files_is_told(three, tmp_path: Path) -> None:
    three("Kick.flac", -0.5 * noise(0), sample_rate=RATE)
    song = scan_folder(tmp_path)
    assert len(song.tracks) == 4
    assert song.notes == ("Kick-2 sounds the same as Kick: is it a track of its own?",)


def test_lossy_copies_are_told_by_their_names(three, tmp_path: Path) -> None:
    three("Bass.mp3", noise(2), sample_rate=RATE)
    assert "Bass.wav and Bass.mp3 may be one recording: is one of them too many?" in scan_folder(tmp_path).notes


def test_a_bounce_by_any_name_is_left_out(three, tmp_path: Path) -> None:
    # equalised a little: 0.1 dB of noise that no track holds
    mix = noise(0) + 0.5 * noise(1) + 0.7 * noise(2) + 0.1 * noise(3)
    three("Freitag.wav", mix, sample_rate=RATE)
    song = scan_folder(tmp_path)
    assert [track.id for track in song.tracks] == ["Bass", "Kick", "Snare"]
    assert song.notes == ("Freitag is the sum of the other tracks, a finished mix: left out",)


def test_a_sum_is_no_mix_where_some_tracks_cannot_be_compared(three, tmp_path: Path) -> None:
    three("Vox.mp3", noise(7), sample_rate=RATE)
    three("Drums.wav", noise(0) + noise(1) + noise(2), sample_rate=RATE)
    assert "Drums" in {track.id for track in scan_folder(tmp_path).tracks}


def test_results_of_earlier_mixes_are_not_told(three, tmp_path: Path) -> None:
    three("my-mix/mix.wav", noise(7), sample_rate=RATE)
    (tmp_path / "my-mix" / ".hybrid").touch()
    assert scan_folder(tmp_path).notes == ()


@pytest.mark.parametrize("n_others", [0, 3])
def test_a_sum_of_some_stays_and_is_told(three, tmp_path: Path, n_others: int) -> None:
    for seed in range(3, 3 + n_others):
        three(f"Gtr {seed}.wav", noise(seed), sample_rate=RATE)
    three("Room.wav", noise(0) + noise(1), sample_rate=RATE)
    song = scan_folder(tmp_path)
    assert len(song.tracks) == 4 + n_others
    assert song.notes == ("Room is the sum of Kick, Snare: is it a track of its own?",)


def test_what_somebody_called_a_track_stays_one(three, tmp_path: Path) -> None:
    three("Freitag.wav", noise(0) + noise(1) + noise(2), sample_rate=RATE)
    lines = [f"  - {{id: {name}, file: {name}.wav, role: unknown}}" for name in ("Kick", "Snare", "Bass", "Freitag")]
    (tmp_path / "song.yaml").write_text("\n".join(["schema: song/1", "name: x", "tracks:", *lines]))
    song = load_song(tmp_path)
    assert len(song.tracks) == 4
    assert song.notes == ("Freitag is the sum of Kick, Snare, Bass: is it a track of its own?",)


def test_a_part_of_a_sum_is_not_taken_for_one(three, tmp_path: Path) -> None:
    # Kick is the room less the snare, which is no sum
    three("Room.wav", noise(0) + noise(1), sample_rate=RATE)
    assert [note.split()[0] for note in scan_folder(tmp_path).notes] == ["Room"]


def test_what_may_be_sound_and_is_not_read_is_told(three, tmp_path: Path) -> None:
    for name in ("Keys.mka", "Tom.wav.part", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    three("Audio Files/Vox.wav", noise(7), sample_rate=RATE)
    assert scan_folder(tmp_path).notes == (
        "the folder Audio Files holds 1 audio file that is not read",
        "Keys.mka is left out: .mka files cannot be read",
        "Tom.wav.part is left out: a download that has not ended",
    )


@pytest.mark.parametrize("name", ["Vox.au", "Vox.snd", "Vox.wav "])
def test_what_can_be_read_is_a_track(three, write_track, tmp_path: Path, name: str) -> None:
    write_track("Vox.au", noise(7), sample_rate=RATE).rename(tmp_path / name)
    assert {track.id for track in scan_folder(tmp_path).tracks} == {"Kick", "Snare", "Bass", "Vox"}


@pytest.mark.parametrize("name", ["Stereo Out", "Main Out", "Out 1-2", "Premix", "Print", "2-Track", "Instrumental"])
def test_what_programs_call_a_bounce_is_left_out_by_its_name(three, tmp_path: Path, name: str) -> None:
    three(f"{name}.wav", noise(7), sample_rate=RATE)
    assert scan_folder(tmp_path).notes == (f"{name}.wav looks like a finished mix: left out",)


def manifest(folder: Path, of_kick: str) -> Path:
    path = folder / "song.yaml"
    rest = "  - {id: Snare, file: Snare.wav, role: drums.snare}"
    path.write_text(
        f"schema: song/1\nname: x\ntracks:\n  - {{id: Kick, file: Kick.wav, role: drums.kick, {of_kick}}}\n{rest}\n"
    )
    return path


def test_a_track_that_is_cut_off_whole_is_told(three, tmp_path: Path) -> None:
    song = read_manifest(manifest(tmp_path, "offset_s: -100"))
    assert song.notes == ("Kick ends before the song begins, by its offset_s of -100: it is not heard",)


@pytest.mark.parametrize("tag", ["Lead", "LEAD", " lead"])
def test_a_lead_in_capitals_is_asked_about(three, tmp_path: Path, tag: str) -> None:
    with pytest.raises(InputError, match=r"tags\[0\]: no such tag: .*; did you mean lead\?"):
        read_manifest(manifest(tmp_path, f"tags: ['{tag}']"))
    assert read_manifest(manifest(tmp_path, "tags: [leadless]")).tracks[0].tags == ("leadless",)
