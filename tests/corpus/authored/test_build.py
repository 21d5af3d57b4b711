"""Song folders built from files with their authors' balance."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from hybrid.audio.loudness import loudness_lufs
from hybrid.audio.manifest import load_song
from hybrid.audio.scan import finished_mixes
from hybrid.corpus.authored import build, song_folder
from hybrid.corpus.authored.build import BuildResult, build_songs
from hybrid.corpus.authored.decisions import FILE, read_decisions
from hybrid.corpus.authored.sources import find_source_songs
from hybrid.corpus.authored.types import SAMPLE_RATE, AuthoredSong, AuthoredTrack
from hybrid.corpus.card import Card, read_card
from hybrid.corpus.dataset import open_dataset
from hybrid.corpus.play import song_numbers
from hybrid.errors import InputError
from tests.corpus.authored.made import archive, band, midi, tone, track

KICK = tone(60.0, 0.5, seconds=1.5)
LEAD = tone(880.0, 0.25)


def card(**given: object) -> Card:
    """A card of modules by two authors."""
    sources = [
        {"files": "a/*.mod", "author": "Ada", "authors": {"guest*": "Bob"}, "licence": "CC0", "without": ["spare"]},
        {"files": "none/*.xm", "author": "Nobody", "licence": "CC0"},
    ]
    fields = {"schema": "dataset/1", "name": "made", "about": "made", "licence": "CC0", "player": "tracker"}
    return Card.model_validate({**fields, "sources": sources, **given})


def tracks() -> list[AuthoredTrack]:
    """A kick in the middle, a lead panned right and 12 dB down, and a track that is silent."""
    return [
        track("01 Kick", KICK[:1], KICK, decided=frozenset({"level"})),
        track(
            "02 Lead",
            0.5 * LEAD[:1],
            0.25 * LEAD * [[0.1], [1.0]],
            role="synth.lead",
            pan=87.0,
            decided=frozenset({"pan", "level"}),
        ),
        track("03 Nothing", 0.0 * LEAD[:1], 0.0 * LEAD),
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    songs = tmp_path / "games" / "a"
    songs.mkdir(parents=True)
    for name in ("one", "guest two", "spare", "copy of one"):
        (songs / f"{name}.mod").write_bytes(b"one" if "one" in name else name.encode())
    return tmp_path / "games"


@pytest.fixture
def run(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., BuildResult]:
    """Builds the songs of the card, all of which have the tracks above; `song` overrides them."""

    def build_all(song: AuthoredSong | None = None, overwrite: bool = False) -> BuildResult:
        authored = song or AuthoredSong("A Song", "player 1", recorded=True, tracks=lambda: iter(tracks()), mix=None)
        monkeypatch.setattr(build, "read_source", lambda card, song, font: authored)
        return build_songs(card(), folder, tmp_path / "out", lambda share: None, (), overwrite, n_processes=1)

    return build_all


def test_a_folder_holds_raw_tracks_their_mix_and_what_was_decided(run: Callable[..., BuildResult], tmp_path: Path):
    result = run()
    assert [song.name for song in result.songs] == ["Ada - copy of one", "Bob - guest two"]
    assert result.missing == ("none/*.xm",)
    built = tmp_path / "out" / "Bob - guest two"
    song = load_song(built)
    assert (song.name, song.n_samples) == ("A Song", KICK.shape[1])
    roles = {each.id: (each.role, each.confidence, each.tags) for each in song.tracks}
    assert roles == {"01 Kick": ("drums.kick", 0.9, ()), "02 Lead": ("synth.lead", 1.0, ())}
    assert [path.name for path in finished_mixes(built)] == ["mix.flac"]
    decisions = read_decisions(built / FILE)
    assert (decisions.author, decisions.licence, decisions.source) == ("Bob", "CC0", "a/guest two.mod")
    kick, lead = decisions.tracks
    assert (kick.pan, lead.pan, lead.decided) == (0.0, 87.0, ("level", "pan"))
    # levels are those in the mix, and the raw tracks keep theirs to each other: 12 dB
    mix, _ = soundfile.read(built / "mix.flac", always_2d=True)
    raw, _ = soundfile.read(built / "01 Kick.flac", always_2d=True)
    assert np.abs(mix).max() == pytest.approx(10.0 ** (-1.0 / 20.0), abs=1e-4)
    assert np.abs(raw).max() == pytest.approx(10.0 ** (-6.0 / 20.0), abs=1e-4)
    summed = np.zeros(KICK.shape, np.float64) + KICK
    summed[:, : LEAD.shape[1]] += 0.25 * LEAD * [[0.1], [1.0]]
    expected = loudness_lufs(0.25 * LEAD * [[0.1], [1.0]], SAMPLE_RATE) - loudness_lufs(summed, SAMPLE_RATE)
    assert lead.level_lu == pytest.approx(expected, abs=0.02)
    assert kick.raw_lufs == pytest.approx(loudness_lufs(raw.T, SAMPLE_RATE), abs=0.02)
    # the sum of the treated tracks is the mix, up to one gain
    scaled = summed * np.abs(mix).max() / np.abs(summed).max()
    assert 10.0 * np.log10(np.mean((scaled.T - mix) ** 2) / np.mean(mix**2)) < -90.0


def test_tracks_without_a_level_of_their_own_peak_alike(run: Callable[..., BuildResult], tmp_path: Path):
    run(AuthoredSong("A Song", "player 1", recorded=False, tracks=lambda: iter(tracks()), mix=None))
    built = tmp_path / "out" / "Bob - guest two"
    peaks = [np.abs(soundfile.read(built / f"{name}.flac")[0]).max() for name in ("01 Kick", "02 Lead")]
    assert peaks == pytest.approx([10.0 ** (-6.0 / 20.0)] * 2, abs=1e-4)
    assert read_decisions(built / FILE).raw_levels == "normalised"


def test_songs_that_are_there_are_kept_until_their_player_is_another(run: Callable[..., BuildResult]):
    newer = AuthoredSong("A Song", "player 2", recorded=True, tracks=lambda: iter(tracks()), mix=None)
    runs = [run(), run(), run(overwrite=True), run(newer)]
    assert [[song.is_kept for song in each.songs] for each in runs] == [
        [False] * 2,
        [True] * 2,
        [False] * 2,
        [False] * 2,
    ]


def test_a_song_whose_tracks_are_not_its_mix_is_left_out(run: Callable[..., BuildResult], tmp_path: Path):
    song = AuthoredSong("A Song", "player", recorded=False, tracks=lambda: iter(tracks()), mix=lambda: 0.9 * KICK)
    result = run(song)
    assert len(result.songs) == 2
    assert all("its instruments by themselves are not its mix: -1" in each.problems[0] for each in result.songs)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["card.yaml"]
    # effects of the whole may stand behind the tracks
    assert not any(each.problems for each in run(song._replace(is_sum=False)).songs)


def test_a_song_of_one_track_is_left_out(run: Callable[..., BuildResult]):
    song = AuthoredSong("A Song", "player", recorded=True, tracks=lambda: iter(tracks()[:1]), mix=None)
    assert "has no two tracks that sound" in run(song).songs[0].problems[0]


def test_the_card_that_is_written_splits_by_author(run: Callable[..., BuildResult], tmp_path: Path):
    run()
    built = tmp_path / "out"
    for name in ("Ada - b", "Bob - c"):
        (built / name).mkdir()
        soundfile.write(built / name / "kick.wav", KICK.T, SAMPLE_RATE)
    card = read_card(str(built / "card.yaml"))
    songs = [song.name for song in open_dataset(str(built / "card.yaml")).songs]
    splits = {
        split: {songs[k].partition(" - ")[0] for k in song_numbers(card, split)}
        for split in ("train", "validation", "test")
    }
    assert sorted(author for authors in splits.values() for author in authors) == ["Ada", "Bob"]
    assert sum(len(song_numbers(card, split)) for split in splits) == 4
    assert yaml.safe_load((built / "card.yaml").read_text())["artists"]["train"] == 0.6


def test_parts_of_archives_are_songs_by_their_authors(tmp_path: Path):
    (tmp_path / "game.wad").write_bytes(archive(D_ONE=band(), D_TWO=midi(b"\x00\x90\x3c\x64"), D_SAME=band()))
    source = {"files": "*.wad", "author": "Ada", "authors": {"D_T*": "Bob"}, "licence": "BSD-3-Clause"}
    found = find_source_songs(card(sources=[source]).sources, tmp_path)
    assert [(song.where, song.author, song.data[:4]) for song in found.songs] == [
        ("game.wad:D_ONE", "Ada", b"MThd"), ("game.wad:D_TWO", "Bob", b"MThd")
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["tracker-modules", "general-midi", "lmms-demos"])
def test_cards_name_a_licence_and_an_author_for_every_source(name: str):
    shipped = read_card(name)
    assert shipped.is_built and shipped.sources
    assert all(source.licence and source.author and source.package for source in shipped.sources)
    with pytest.raises(InputError, match="its songs are built first"):
        open_dataset(name)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sources": []}, "sources: are for"),
        ({"player": "files"}, "sources: are for"),
        ({"splits": {"train": [0, 2]}}, "folder, layout and splits: are for songs that are files already"),
        ({"artists": {"train": 1.0}}, "artists: are for `player: files`"),
        ({"sources": [{"files": "../*.mod", "author": "A", "licence": "CC0"}]}, "inside the data set"),
        ({"player": "files", "sources": [], "folder": ".", "artists": {"train": 0.5}}, "add up to 1"),
    ],
)
def test_a_card_that_contradicts_itself_is_refused(given: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        card(**given)


def test_a_folder_without_the_cards_files_is_refused_with_what_was_expected(tmp_path: Path):
    for at, message in ((tmp_path, r"holds none of the card's songs"), (tmp_path / "no", "no such folder")):
        with pytest.raises(InputError, match=message):
            build_songs(card(), at, tmp_path / "out", lambda share: None, n_processes=1)
    assert not (tmp_path / "out").exists()
    with pytest.raises(InputError, match="synthetic: is not built from files"):
        build_songs(read_card("synthetic"), tmp_path, tmp_path / "out", lambda share: None)


def test_a_title_that_cannot_name_a_file_is_no_hindrance(tmp_path: Path):
    rendered = song_folder.RenderedSong(tmp_path)
    rendered.add(track("01 Kick", KICK[:1], KICK))
    song_folder.write_song_folder(rendered, tmp_path, True, "What is this: my Mind.")
    assert load_song(tmp_path).name == "What is this_ my Mind_"


def test_a_track_called_mix_is_not_taken_for_the_mix(tmp_path: Path):
    rendered = song_folder.RenderedSong(tmp_path)
    rendered.add(track("01 Master Mix", KICK[:1], KICK))
    rendered.add(track("02 Lead", LEAD[:1], LEAD))
    decisions = song_folder.write_song_folder(rendered, tmp_path, True, "A Song")
    assert [decision.id for decision in decisions] == ["01", "02 Lead"]
    assert [path.name for path in finished_mixes(tmp_path)] == ["mix.flac"]


def test_levels_of_what_cannot_be_heard_are_none(tmp_path: Path):
    rendered = song_folder.RenderedSong(tmp_path)
    rendered.add(track("01 Kick", KICK[:1], KICK))
    rendered.add(track("02 Breath", 1e-6 * LEAD[:1], 1e-5 * LEAD))
    _, breath = song_folder.write_song_folder(rendered, tmp_path, True, "A Song")
    assert (breath.raw_lufs, breath.level_lu) == (None, None)
