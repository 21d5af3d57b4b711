"""`hybrid judge` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile

from hybrid.cli.judge import distinct_names
from tests.judging.signals import RATE, band_of_three, mixed, noise, write_song


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A song, three reference mixes, and one to be judged."""
    folder = tmp_path_factory.mktemp("judged")
    tracks = band_of_three()
    write_song(folder / "song", tracks)
    (folder / "people").mkdir()
    for number, gain_db in enumerate((-2.0, 0.0, 3.0)):
        soundfile.write(folder / "people" / f"{number}.wav", mixed(tracks, {"bass": gain_db}).T, RATE, subtype="FLOAT")
    soundfile.write(folder / "ours.wav", mixed(tracks, {"bass": -6.0}, {"hihat": 0.4}).T, RATE, subtype="FLOAT")
    return folder


def test_a_mix_is_judged_against_references_and_its_tracks(hybrid, folder: Path):
    references = [part for path in sorted((folder / "people").iterdir()) for part in ("--against", str(path))]
    code, out, err = hybrid("judge", str(folder / "ours.wav"), *references, "--song", str(folder / "song"), "--json")
    assert (code, err) == (0, "")
    (document,) = json.loads(out)["mixes"]
    assert document["explained"] > 0.99 and document["reference_is_later_s"] == 0.0
    # one of three tracks is 4 LU off the others, and one has another position than in all references
    assert document["metrics"]["level_lu"] == pytest.approx(4.0 / 3.0, abs=0.1)
    assert document["metrics"]["pan"] == pytest.approx(0.4 / 3.0, abs=0.02)
    assert {each["track"] for each in document["tracks"]} == {"bass", "hihat", "guitar"}
    assert document["spread"]["width_db"]["spreads"] != 0.0 and 0.0 <= document["inside"] <= 1.0


def test_a_mix_gets_percentiles_in_a_corpus_that_may_contain_it(hybrid, tmp_path: Path):
    """Noise of which the right channel is fainter from file to file: balance says where each lies."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, right in enumerate((1.0, 0.8, 0.6, 0.4, 0.2)):
        x = noise(seed=number)
        x[1] *= right
        soundfile.write(corpus / f"{number}.wav", x.T, RATE, subtype="FLOAT")
    middle, last = str(corpus / "2.wav"), str(corpus / "4.wav")
    code, out, _ = hybrid("judge", middle, "--corpus", str(corpus), "--json")
    (document,) = json.loads(out)["mixes"]
    # two of the four others are further right
    assert code == 0 and document["corpus"]["mixes"] == 4
    assert document["corpus"]["percentiles"]["balance_db"] == 50.0
    assert "loudness_lufs" not in document["corpus"]["percentiles"]
    soundfile.write(tmp_path / "far.wav", 0.5 * soundfile.read(last)[0], RATE, subtype="FLOAT")
    code, out, _ = hybrid("judge", str(tmp_path / "far.wav"), middle, "--corpus", str(corpus))
    assert code == 0 and "percentiles among 4 finished mixes" in out
    after = out.split("percentiles among")[1]
    assert next(line for line in after.splitlines() if line.startswith("balance_db")).split()[1:3] == [
        "12.500",
        "50.000",
    ]


def test_tracks_keep_their_names_where_a_mix_lies_among_them(hybrid, folder: Path, tmp_path: Path):
    tracks = {"Alices version": mixed(band_of_three(), {}), **band_of_three()}
    write_song(tmp_path / "song", tracks)
    mix = tmp_path / "song" / "Alices version.wav"
    _, out, _ = hybrid("judge", str(mix), "--song", str(tmp_path / "song"), "--json")
    (document,) = json.loads(out)["mixes"]
    assert [each["track"] for each in document["tracks"]] == sorted(band_of_three(), key=str.casefold)
    assert document["explained"] > 0.99


def test_a_mix_whose_channels_cancel_is_still_json(hybrid, tmp_path: Path):
    x = noise()
    x[1] = -x[0]
    soundfile.write(tmp_path / "anti.wav", x.T, RATE)
    code, out, _ = hybrid("judge", str(tmp_path / "anti.wav"), "--json")
    assert code == 0 and json.loads(out)["mixes"][0]["metrics"]["folded_lu"] == 60.0 and "Infinity" not in out


def test_the_table_has_a_column_for_each_mix(hybrid, folder: Path):
    ours, other = str(folder / "ours.wav"), str(folder / "people" / "0.wav")
    code, out, _ = hybrid("judge", ours, other, "--against", other, "--published")
    assert code == 0
    lines = {line.split()[0]: line.split() for line in out.splitlines() if line.strip()}
    assert [float(cell) for cell in lines["stft_mid_db"][1:3]][1] == 0.0
    assert "mixing-style-2024" in lines and "barkspectrum" in lines


def test_tracks_of_another_song_are_reported_to_explain_nothing(hybrid, folder: Path, tmp_path: Path):
    write_song(tmp_path / "other", {"pad": noise(seed=7), "kick": noise(seed=8, channels=1)})
    code, out, _ = hybrid("judge", str(folder / "ours.wav"), "--song", str(tmp_path / "other"))
    assert code == 0 and "their metrics are not reliable" in out


def test_folders_are_compared_as_sets(hybrid, folder: Path, tmp_path: Path):
    for name, tilt in (("a", 1.0), ("b", 0.3)):
        (tmp_path / name).mkdir()
        for seed in range(4):
            x = noise(12.0, seed)
            x[1] *= tilt
            soundfile.write(tmp_path / name / f"{seed}.wav", x.T, RATE)
    code, out, _ = hybrid("judge", str(tmp_path / "a"), "--against", str(tmp_path / "b"), "--json")
    document = json.loads(out)
    assert code == 0 and document["mixes"] == [4, 4]
    assert document["distances"]["kernel"]["low"] > 0.0
    code, _, err = hybrid("judge", str(folder / "people"), "--against", str(tmp_path / "b"))
    assert code == 2 and "3 are too few" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("x" * 400 + ".wav",), "cannot be read: File name too long"),
        (("~nobody-of-that-name/x.wav",), "cannot be read: No such file or directory"),
        (("nowhere.wav",), "nowhere.wav: cannot be read: No such file or directory"),
        (("{ours}", "--published"), "expected --against"),
        (("{folder}",), "sets of mixes are compared as folders"),
        (("{folder}", "--against", "{song}", "--embedding", "no.such:thing"), "--embedding: cannot be loaded"),
        (("{ours}", "--corpus", "{ours}"), "ours.wav: is not a folder: expected one with finished mixes"),
        (
            ("{folder}/0.wav", "--corpus", "{folder}"),
            "--corpus: holds too few mixes besides those judged: 2, expected 3",
        ),
        (("{folder}", "--against", "{folder}", "--corpus", "{folder}"), "--corpus: is for single mixes"),
        (("{ours}", "--against", "{folder}"), "is a folder, expected the file of a finished mix"),
    ],
)
def test_a_mistake_is_reported(hybrid, folder: Path, arguments: tuple[str, ...], message: str):
    places = {"ours": folder / "ours.wav", "folder": folder / "people", "song": folder / "song"}
    code, out, err = hybrid("judge", *(each.format(**places) for each in arguments))
    assert code in (2, 3) and message in err and out == "" and "Traceback" not in err


def test_no_two_columns_are_headed_alike():
    paths = [Path("a/song/mix.wav"), Path("b/song/mix.wav"), Path("b/other/mix.wav")]
    assert distinct_names(paths) == ["a/song/mix.wav", "b/song/mix.wav", "b/other/mix.wav"]
    assert distinct_names([Path("x/one.wav"), Path("y/two.wav")]) == ["one.wav", "two.wav"]
    assert distinct_names([Path("mix.wav"), Path("mix.wav")]) == ["mix.wav (1)", "mix.wav (2)"]
