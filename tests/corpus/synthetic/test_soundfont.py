"""Parts for a SoundFont: written for it anywhere, played where fluidsynth is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hybrid.corpus import fluidsynth, smf
from hybrid.corpus.card import read_card
from hybrid.corpus.play import check_player, write_song
from hybrid.corpus.synthetic import soundfont
from hybrid.corpus.synthetic.performance import PlayedNote
from hybrid.corpus.synthetic.signals import SAMPLE_RATE
from hybrid.corpus.synthetic.soundfont import DRUM_CHANNEL, DRUM_KEYS, PROGRAMS, find_soundfont, play_soundfont
from hybrid.corpus.synthetic.styles import STYLES, Player
from hybrid.errors import InputError
from hybrid.training.corpus import examples_of

CARD = read_card("soundfont")
NOTES = [PlayedNote(0.5, 0.4, 440.0, 1.0, ""), PlayedNote(1.0, 0.4, 220.0, 0.5, "")]
PLAYERS = [player for style in STYLES for player in style.players]


def _is_here() -> bool:
    return fluidsynth._library() is not None and any(path.is_file() for path in CARD.soundfonts)


def test_a_tune_is_written_at_its_pitch_and_time():
    song = soundfont._midi_song(Player(("Flute",), "woodwind", "tune", None, 1.0), NOTES, np.random.default_rng(0))
    played = [(time_s, *event.data) for time_s, event in smf.timed(song) if event.kind == smf.NOTE_ON]
    # at velocity 0 a note ends
    assert [(pitch, velocity) for _, pitch, velocity in played] == [(69, 127), (69, 0), (57, 64), (57, 0)]
    assert [time_s for time_s, *_ in played] == pytest.approx([0.5, 0.9, 1.0, 1.4], abs=0.003)


def test_every_player_of_every_style_has_a_sound():
    for player in PLAYERS:
        if player.piece:
            assert player.piece in DRUM_KEYS
        else:
            assert any(player.role == stem or player.role.startswith(f"{stem}.") for stem in PROGRAMS), player.role
    drum = next(player for player in PLAYERS if player.piece == "kick")
    song = soundfont._midi_song(drum, NOTES, np.random.default_rng(0))
    assert {event.channel for event in song.events} == {DRUM_CHANNEL}
    assert {event.data[0] for event in song.events} <= set(DRUM_KEYS["kick"])


def test_without_fluidsynth_the_message_has_an_installation_hint(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(fluidsynth, "_library", lambda: None)
    for attempt in (lambda: check_player(CARD), lambda: examples_of(CARD, "train", 2)):
        with pytest.raises(InputError, match="fluidsynth: is not installed") as error:
            attempt()
        assert "apt install fluidsynth fluid-soundfont-gm" in str(error.value)


def test_without_a_soundfont_the_message_lists_the_paths(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(fluidsynth, "_library", object)
    with pytest.raises(InputError, match=r"none of these exists: .*font\.sf2"):
        find_soundfont([tmp_path / "font.sf2"], "install it")


@pytest.mark.skipif(not _is_here(), reason="fluidsynth or a SoundFont is not installed")
def test_notes_sound_when_they_are_played_and_a_song_is_the_same_twice(tmp_path: Path):
    font = find_soundfont(CARD.soundfonts, CARD.install)
    player = Player(("Organ",), "keys.organ", "tune", None, 1.0)
    sound = play_soundfont(font, player, NOTES, 2 * SAMPLE_RATE, np.random.default_rng(0))
    power = np.square(sound).sum(axis=0)
    assert power[: int(0.48 * SAMPLE_RATE)].max() < 1e-6 < power[int(0.6 * SAMPLE_RATE) : int(0.8 * SAMPLE_RATE)].max()
    spectrum = np.abs(np.fft.rfft(sound[0, int(0.55 * SAMPLE_RATE) : int(0.85 * SAMPLE_RATE)]))
    assert spectrum.argmax() / 0.3 % 220.0 == pytest.approx(0.0, abs=8.0) or spectrum.argmax() / 0.3 % 220.0 > 212.0
    song, again = (write_song(CARD, 1, tmp_path / name) for name in ("one", "two"))
    assert song.tracks[0].files[0].read_bytes() == again.tracks[0].files[0].read_bytes()
