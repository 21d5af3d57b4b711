from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from hybrid.audio.manifest import load_song, read_manifest, write_manifest
from hybrid.audio.references import Reference, Rough, whole
from hybrid.audio.scan import scan_folder
from hybrid.errors import InputError, SongError


def test_a_written_manifest_reads_back_as_the_same_song(write_track, tmp_path: Path) -> None:
    names = (
        "01_Kick.wav",
        "1e3.wav",
        "no.wav",
        "12:30.wav",
        'a "b" #c.wav',
        "Sängerin 🎤.wav",
        "OH L.wav",
        "OH R.wav",
    )
    for name in names:
        write_track(name)
    song = scan_folder(tmp_path)
    edited = dataclasses.replace(song.tracks[0], gain_db=-1.5, offset_s=1e-05, tags=("on", "a, b"))
    song = dataclasses.replace(song, tempo_bpm=92.5, raw_levels="arbitrary", tracks=(edited, *song.tracks[1:]))
    for name in ("a mix.wav", "b: c.flac", "rough.wav"):
        (tmp_path / name).touch()
    followed = (Reference(tmp_path / "a mix.wav", {"tone": 0.5, "width": 1.0}), whole(tmp_path / "b: c.flac"))
    song = dataclasses.replace(song, references=followed, rough=Rough(tmp_path / "rough.wav", 0.7))
    write_manifest(song, tmp_path / "song.yaml")
    assert load_song(tmp_path) == song


@pytest.mark.parametrize("polarity", [None, 1, -1])
@pytest.mark.parametrize("offset_s", [None, 0.0, -0.25])
def test_stated_polarity_and_offset_read_back_and_unstated_ones_stay_none(
    write_track, tmp_path: Path, polarity, offset_s
) -> None:
    write_track("kick.wav")
    song = scan_folder(tmp_path)
    assert (song.tracks[0].polarity, song.tracks[0].offset_s) == (None, None)
    track = dataclasses.replace(song.tracks[0], polarity=polarity, offset_s=offset_s)
    write_manifest(dataclasses.replace(song, tracks=(track,)), tmp_path / "song.yaml")
    (reported,) = load_song(tmp_path).tracks
    assert (reported.polarity, reported.offset_s) == (polarity, offset_s)


def test_a_polarity_is_upright_or_inverted(write_track, tmp_path: Path) -> None:
    write_track("kick.wav")
    text = "schema: song/1\nname: x\ntracks:\n  - {id: a, file: kick.wav, role: fx, polarity: flipped}\n"
    assert problems(tmp_path, text) == ["4:49: tracks[0].polarity: expected 'upright' or 'inverted', got 'flipped'"]


def test_a_manifest_elsewhere_finds_its_files(write_track, tmp_path: Path) -> None:
    write_track("song/kick.wav")
    song = scan_folder(tmp_path / "song")
    (tmp_path / "other").mkdir()
    write_manifest(song, tmp_path / "song.yaml")
    assert 'file: "song/kick.wav"' in (tmp_path / "song.yaml").read_text()
    write_manifest(song, tmp_path / "other" / "song.yaml")
    for path in (tmp_path / "song.yaml", tmp_path / "other" / "song.yaml"):
        assert read_manifest(path).tracks[0].files[0].samefile(tmp_path / "song" / "kick.wav")


def test_notes_are_written_as_comments_only(write_track, tmp_path: Path) -> None:
    write_track("kick.wav")
    write_track("mix.wav")
    write_manifest(scan_folder(tmp_path), tmp_path / "song.yaml")
    assert "# mix.wav looks like a finished mix: left out" in (tmp_path / "song.yaml").read_text()
    assert read_manifest(tmp_path / "song.yaml").notes == ()


def test_a_manifest_is_never_guessed_over(write_track, tmp_path: Path) -> None:
    write_track("kick.wav")
    write_track("snare.wav")
    (tmp_path / "song.yaml").write_text("schema: song/1\nname: x\ntracks:\n  - {id: a, file: kick.wav, role: fx}\n")
    (track,) = load_song(tmp_path).tracks
    assert (track.id, track.role, track.confidence) == ("a", "fx", 1.0)


def problems(folder: Path, text: str) -> list[str]:
    path = folder / "song.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_manifest(path)
    assert caught.value.exit_code == 2
    return [str(problem).removeprefix(f"{path}:") for problem in caught.value.problems]


def test_all_problems_are_reported_at_once_each_at_its_place(write_track, tmp_path: Path) -> None:
    write_track("kick.wav")
    reported = problems(
        tmp_path,
        """\
schema: song/2
name: my/song
temp_bpm: 120
tempo_bpm: -3
tracks:
  - id: kick
    file: kik.wav
    role: drums.kik
    gain_db: 3 dB
  - id: Kick
    files: kick.wav
    role: drums.kick
    confidence: 2
    offset_s: .inf
    tags: lead
""",
    )
    assert reported == [
        "1:9: schema: expected 'song/1', got 'song/2'",
        "2:7: name: 'my/song' cannot name a file; 'my_song' could",
        "4:12: tempo_bpm: expected greater than 0, got -3",
        "7:11: tracks[0].file[0]: no such file: 'kik.wav'; did you mean kick.wav?",
        "8:11: tracks[0].role: no such role: 'drums.kik'; did you mean drums.kick?",
        "9:14: tracks[0].gain_db: expected a number, got '3 dB'",
        "10:9: tracks[1].id: 'Kick' is the id of an earlier track",
        "10:5: tracks[1].file: is missing",
        "15:11: tracks[1].tags: expected a list, got 'lead'",
        "13:17: tracks[1].confidence: expected less than or equal to 1, got 2",
        "14:15: tracks[1].offset_s: expected a number, got '.inf'",
        "11:5: tracks[1].files: unknown key; did you mean file?",
        "3:1: temp_bpm: unknown key; did you mean tempo_bpm?",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "expected a map of keys and values, got None"),
        ("- a\n- b\n", "expected a map of keys and values, got a list"),
        ("schema: song/1\nname: x\ntracks: []\n", "tracks: expected at least one track"),
        (
            "schema: song/1\nname: x\ntracks: [{id: a, file: [], role: fx}]\n",
            "tracks[0].file: expected a file or [left, right], got []",
        ),
        ("schema: song/1\nname: x\nname: y\ntracks: []\n", "duplicate key"),
    ],
)
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in problems(tmp_path, text)[0]


def test_a_pair_of_stereo_files_is_refused(write_track, tmp_path: Path) -> None:
    write_track("l.wav")
    write_track("r.wav", channels=2)
    text = "schema: song/1\nname: x\ntracks:\n  - {id: a, file: [l.wav, r.wav], role: fx}\n"
    assert problems(tmp_path, text) == ["4:27: tracks[0].file: expected mono files in a pair, this is stereo"]


def test_unusable_audio_in_a_manifest_is_a_song_error(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    (tmp_path / "song.yaml").write_text("schema: song/1\nname: x\ntracks:\n  - {id: a, file: a.wav, role: fx}\n")
    with pytest.raises(SongError, match="is empty"):
        load_song(tmp_path)


def test_a_path_that_is_no_song_is_refused(write_track, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        load_song(tmp_path / "missing")
    with pytest.raises(InputError, match=r"expected a folder of tracks or a song\.yaml"):
        load_song(write_track("kick.wav", np.ones(10)))


def test_a_manifest_that_cannot_be_written_leaves_nothing(write_track, tmp_path: Path) -> None:
    write_track("kick.wav")
    song = scan_folder(tmp_path)
    (tmp_path / "song.yaml").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_manifest(song, tmp_path / "song.yaml")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kick.wav", "song.yaml"]
