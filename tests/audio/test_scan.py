from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hybrid.audio.manifest import load_song
from hybrid.audio.scan import scan_folder
from hybrid.errors import InputError, SongError


def test_a_folder_becomes_a_song(write_track, tmp_path: Path) -> None:
    write_track("01_Kick.wav", channels=1)
    write_track("20_LeadVox.flac", channels=2, sample_rate=48000)
    write_track("17_AcGtr.aiff", np.full(48000, 0.1), sample_rate=48000, subtype="PCM_24")
    song = scan_folder(tmp_path)
    assert [(track.id, track.role, track.channels) for track in song.tracks] == [
        ("01_Kick", "drums.kick", 1),
        ("17_AcGtr", "guitar.acoustic", 1),
        ("20_LeadVox", "vocal.lead", 2),
    ]
    assert (song.sample_rate, song.n_samples, song.name) == (48000, 48000, tmp_path.name)


def test_left_and_right_files_are_one_stereo_track(write_track, tmp_path: Path) -> None:
    paths = [write_track(f"DRUM OVERHEAD STEREO {side} - AR-70 - Neve 33102.wav") for side in "LR"]
    (track,) = scan_folder(tmp_path).tracks
    assert (track.role, track.channels, track.files) == ("drums.overheads", 2, tuple(paths))


def test_stereo_files_and_files_at_different_rates_are_no_pair(write_track, tmp_path: Path) -> None:
    write_track("OH L.wav", channels=2)
    write_track("OH R.wav", channels=2)
    write_track("Room L.wav")
    write_track("Room R.wav", sample_rate=48000)
    assert len(scan_folder(tmp_path).tracks) == 4


def test_finished_mixes_are_left_out_with_a_note(write_track, tmp_path: Path) -> None:
    for name in ("kick.wav", "mix.wav", "Song_ruff.wav", f"{tmp_path.name}.wav"):
        write_track(name)
    song = scan_folder(tmp_path)
    assert [track.id for track in song.tracks] == ["kick"]
    assert "mix.wav looks like a finished mix: left out" in song.notes
    assert len(song.notes) == 3


def test_an_unreadable_mix_does_not_stop_the_tracks(write_track, tmp_path: Path) -> None:
    write_track("kick.wav")
    (tmp_path / "mix.wav").write_text("broken")
    assert len(scan_folder(tmp_path).tracks) == 1


def test_hidden_and_other_files_are_ignored(write_track, tmp_path: Path) -> None:
    write_track("kick.wav")
    write_track("__MACOSX/kick.wav")
    for name in ("._kick.wav", ".DS_Store", "desktop.ini", "notes.txt", "cover.jpg"):
        (tmp_path / name).write_text("x")
    assert [track.id for track in scan_folder(tmp_path).tracks] == ["kick"]


def test_equal_names_get_different_ids(write_track, tmp_path: Path) -> None:
    for name in ("kick.wav", "kick.flac", "KICK.aiff", "kick-2.wav"):
        write_track(name)
    ids = [track.id for track in scan_folder(tmp_path).tracks]
    assert len({track_id.casefold() for track_id in ids}) == 4
    assert {"KICK", "kick-2"} <= set(ids)


def test_names_in_any_script_are_kept(write_track, tmp_path: Path) -> None:
    for name in ("Sängerin – Take 1.wav", "ギター.wav", "what?.wav"):
        write_track(name)
    assert {track.id for track in scan_folder(tmp_path).tracks} == {"Sängerin – Take 1", "ギター", "what_"}


def test_every_unfit_file_is_named(write_track, tmp_path: Path) -> None:
    write_track("kick.wav")
    (tmp_path / "snare.wav").touch()
    (tmp_path / "vox.m4a").write_bytes(b"x")
    with pytest.raises(SongError) as caught:
        scan_folder(tmp_path)
    assert [Path(problem.where).name for problem in caught.value.problems] == ["snare.wav", "vox.m4a"]


def test_a_missing_folder_a_file_and_an_empty_folder_are_refused(write_track, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        scan_folder(tmp_path / "missing")
    with pytest.raises(InputError, match="holds no audio files\n\nhint: tracks are files such as"):
        scan_folder(tmp_path)
    with pytest.raises(InputError, match="is a file"):
        scan_folder(write_track("tracks/kick.wav"))


def test_a_hint_names_the_subfolders_that_hold_tracks(write_track, tmp_path: Path) -> None:
    write_track("tracks/kick.wav")
    with pytest.raises(InputError, match="hint: give one of the folders in it: tracks"):
        scan_folder(tmp_path)


def test_a_folder_of_nothing_but_a_mix_is_refused(write_track, tmp_path: Path) -> None:
    write_track("mix.wav")
    with pytest.raises(InputError, match=r"only a finished mix: mix\.wav"):
        scan_folder(tmp_path)


def test_a_click_is_found_but_not_mixed(write_track, tmp_path: Path) -> None:
    write_track("kick.wav", np.full(100, 0.1))
    write_track("click.wav")
    assert {track.role for track in scan_folder(tmp_path).tracks} == {"drums.kick", "click"}
    song = load_song(tmp_path)
    assert [track.id for track in song.tracks] == ["kick"]
    assert song.n_samples == 100
    assert song.notes == ("click is a click: left out",)


def test_a_folder_of_nothing_but_a_click_is_refused(write_track, tmp_path: Path) -> None:
    write_track("click.wav")
    with pytest.raises(SongError, match="no track is left to mix: click is a click"):
        load_song(tmp_path)
