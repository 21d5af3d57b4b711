"""Songs of public data sets in miniature, each by its card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hybrid.corpus.dataset import Dataset, open_dataset
from hybrid.corpus.find import find_songs
from hybrid.corpus.load import assemble_song
from hybrid.errors import InputError, SongError
from tests.corpus.miniature import MINIATURES, Miniature, cambridge_mt, medleydb, moisesdb, musdb18_hq, slakh2100, tone


def _songs(dataset: Dataset, scratch: Path) -> dict[str, list[str]]:
    return {files.name: [track.role for track in assemble_song(files, dataset.roles, scratch).tracks]
            for files in dataset.songs if not files.problems}  # fmt: skip


@pytest.mark.parametrize("mini", MINIATURES, ids=lambda mini: mini.card)
def test_every_layout_is_read_by_its_card(mini: Miniature, tmp_path: Path):
    mini.write(tmp_path / "set")
    dataset = open_dataset(mini.card, tmp_path / "set")
    assert _songs(dataset, tmp_path) == mini.roles
    assert {files.name for files in dataset.songs if files.mix} == mini.mixes
    assert {files.name: files.split for files in dataset.songs} == {
        name: dict(mini.splits).get(name) for name in mini.roles
    }
    assert not [problem for files in dataset.songs for problem in files.problems]


def test_a_plain_folder_of_song_folders_is_a_data_set(tmp_path: Path):
    for song in ("b", "a"):
        tone(tmp_path / "songs" / song / "Kick.wav")
        tone(tmp_path / "songs" / song / "Vox.wav")
    (tmp_path / "songs" / ".hidden").mkdir()
    (tmp_path / "songs" / "empty").mkdir()
    dataset = open_dataset(str(tmp_path / "songs"))
    assert _songs(dataset, tmp_path) == {"a": ["drums.kick", "vocal.lead"], "b": ["drums.kick", "vocal.lead"]}
    (empty,) = (files for files in dataset.songs if files.problems)
    assert "holds no audio files" in str(empty.problems[0])


def test_microphones_of_left_and_right_are_one_track(tmp_path: Path):
    cambridge_mt(tmp_path)
    (song,) = (assemble_song(files, {}, tmp_path) for files in open_dataset("cambridge-mt", tmp_path).songs
               if files.name == "A_One_Full")  # fmt: skip
    assert [track.channels for track in song.tracks] == [1, 2, 1]


def test_bleed_is_noted(tmp_path: Path):
    medleydb(tmp_path)
    moisesdb(tmp_path / "m")
    of = {files.name: files for files in open_dataset("medleydb", tmp_path).songs}
    assert all(source.bleed for source in of["B_Two"].sources)
    assert not any(source.bleed for source in of["A_One"].sources)
    assert "other sources bleed into" in " ".join(assemble_song(of["B_Two"], {}, tmp_path).notes)
    (one,) = open_dataset("moisesdb", tmp_path / "m").songs
    assert [source.label for source in one.sources if source.bleed] == ["overheads"]
    assert [source.stem for source in one.sources] == ["vocals", "drums", "drums"]


def test_of_several_mixes_the_full_one_is_taken(tmp_path: Path):
    cambridge_mt(tmp_path)
    (three,) = (files for files in open_dataset("cambridge-mt", tmp_path).songs if files.name == "Three")
    assert three.mix is not None and three.mix.path.name == "Three_Full_Mix.wav"


def test_a_described_file_that_is_missing_is_a_problem_of_its_song_alone(tmp_path: Path):
    medleydb(tmp_path)
    (tmp_path / "V1/A_One/A_One_RAW/A_One_RAW_02_01.wav").unlink()
    of = {files.name: files for files in open_dataset("medleydb", tmp_path).songs}
    assert [str(problem) for problem in of["A_One"].problems] == [
        f"{tmp_path / 'V1/A_One/A_One_RAW/A_One_RAW_02_01.wav'}: does not exist"
    ]
    assert not of["B_Two"].problems
    with pytest.raises(SongError, match="does not exist"):
        assemble_song(of["A_One"], {}, tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stems: [", "data.json"),
        ('{"stems": 3}', "expected keys or a list"),
        ('{"artist": "A"}', "has no key 'stems'"),
        ('{"stems": [{"stemName": "x", "tracks": [{"id": "1"}]}]}', "a track has no key"),
        ("[]", "expected keys and values"),
    ],
)
def test_invalid_metadata_are_reported_and_other_songs_are_read(tmp_path: Path, text: str, message: str):
    moisesdb(tmp_path)
    bad = tmp_path / "moisesdb_v0.1" / "bad"
    bad.mkdir()
    (bad / "data.json").write_text(text)
    of = {files.name: files for files in open_dataset("moisesdb", tmp_path).songs}
    assert message in str(of["bad"].problems[0]) and "bad" in str(of["bad"].problems[0])
    assert not of["0a1b"].problems


@pytest.mark.parametrize("kind", ["relative", "absolute", "link"])
def test_no_path_leads_out_of_the_data_set(tmp_path: Path, kind: str):
    outside = tone(tmp_path / "secret.wav")
    root = tmp_path / "set"
    moisesdb(root)
    folder = root / "moisesdb_v0.1" / "0a1b"
    metadata = json.loads((folder / "data.json").read_text())
    track = metadata["stems"][0]["tracks"][0]
    if kind == "link":
        (folder / "vocals" / "v-1.wav").unlink()
        (folder / "vocals" / "v-1.wav").symlink_to(outside)
    else:
        track["id"] = "../../../../secret" if kind == "relative" else str(outside.with_suffix(""))
        (folder / "data.json").write_text(json.dumps(metadata))
    (song,) = open_dataset("moisesdb", root).songs
    # a path from the root of the file system is one below the song's folder here
    assert ("does not exist" if kind == "absolute" else "is outside") in str(song.problems[0])


def test_a_stem_that_was_never_rendered_is_no_track_and_a_missing_file_is_a_problem(tmp_path: Path):
    slakh2100(tmp_path)
    (song,) = open_dataset("slakh2100", tmp_path).songs
    assert [source.label for source in song.sources] == ["Bass", "Drums"]
    (tmp_path / "train/Track00001/stems/S01.flac").unlink()
    (song,) = open_dataset("slakh2100", tmp_path).songs
    assert "S01.flac: does not exist" in str(song.problems[0])


def test_files_that_match_no_template_are_counted(tmp_path: Path):
    musdb18_hq(tmp_path)
    odd = tone(tmp_path / "extra.wav")
    assert open_dataset("musdb18-hq", tmp_path).corpus.unrecognised == (odd,)


def test_the_hint_for_a_folder_of_another_data_set_names_some_of_its_files(tmp_path: Path):
    musdb18_hq(tmp_path)
    with pytest.raises(InputError, match="holds no song") as error:
        open_dataset("dsd100", tmp_path)
    assert "mixture.wav" in str(error.value) or "bass.wav" in str(error.value)


def test_the_message_for_an_unusable_data_set_names_the_reason(tmp_path: Path):
    with pytest.raises(InputError, match="has no folder of songs"):
        open_dataset("musdb18-hq")
    with pytest.raises(InputError, match="no such folder"):
        open_dataset("musdb18-hq", tmp_path / "none")
    with pytest.raises(InputError, match="did you mean musdb18"):
        open_dataset("musdb81")
    with pytest.raises(InputError, match="there are no files to read"):
        open_dataset("synthetic")
    with pytest.raises(InputError, match="no such folder"):
        open_dataset(str(tmp_path / "none"))


def test_a_broken_link_is_a_song_that_cannot_be_read(tmp_path: Path):
    tone(tmp_path / "set/a/Kick.wav")
    (tmp_path / "set/gone").symlink_to(tmp_path / "nowhere")
    (tmp_path / "set/loop").symlink_to(tmp_path / "set/loop")
    of = {files.name: files.problems for files in open_dataset(str(tmp_path / "set")).songs}
    assert not of["a"] and of["gone"] and of["loop"]


@pytest.mark.parametrize("text", ["[" * 5000, '{"stems": [{"stemName": "x", "tracks": [{"id": "' + "y" * 300
                                  + '", "trackType": "z", "extension": "wav", "has_bleed": false}]}]}'])  # fmt: skip
def test_metadata_that_are_too_deep_or_too_long_are_reported(tmp_path: Path, text: str):
    moisesdb(tmp_path)
    (tmp_path / "moisesdb_v0.1" / "bad").mkdir()
    (tmp_path / "moisesdb_v0.1" / "bad" / "data.json").write_text(text)
    of = {files.name: files for files in open_dataset("moisesdb", tmp_path).songs}
    assert of["bad"].problems and not of["0a1b"].problems


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        ("tracks: ['{song}/*a*a*a{label}.wav']", "at most 3 parts"),
        ("tracks: ['**/**/**/{song}/{label}.wav']", "2 times"),
        ("tracks: ['{song}/x.wav']", "has no part label"),
        ("tracks: ['{song}/{label}.wav']\n  song: '{song}{audio}'", "song: expected parts"),
        ("tracks: ['../{song}/{label}.wav']", "inside the data set"),
        ("tracks: ['{song/{label}.wav']", "expected a path with parts"),
        ("mixes: ['{song}/mix.wav']", "which name the files of tracks"),
        ("tracks: ['{song}/{label}.wav']\n  roles: {x: [drum]}", "did you mean drums"),
    ],
)
def test_an_invalid_layout_is_refused(tmp_path: Path, layout: str, message: str):
    head = "schema: dataset/1\nname: mine\nabout: x\nlicence: x\nplayer: files\nlayout:\n  "
    (tmp_path / "mine.yaml").write_text(head + layout + "\n")
    with pytest.raises(InputError, match=message):
        open_dataset(str(tmp_path / "mine.yaml"), tmp_path)


def test_folders_within_folders_and_a_song_itself_are_told_what_to_give(tmp_path: Path):
    tone(tmp_path / "album" / "funk" / "Bass.wav", 60.0)
    (song,) = find_songs(None, tmp_path).songs
    (problem,) = song.problems
    assert problem.what == "holds no audio files" and problem.hint == "for the songs in it, funk, give this folder"
    with pytest.raises(InputError, match="it is a song itself: give the folder that it lies in, or use `hybrid mix`"):
        find_songs(None, tmp_path / "album" / "funk")
