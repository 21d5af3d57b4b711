"""Readers of files that hold their authors' balance, on files made here."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from hybrid.audio.roles import ROLES
from hybrid.corpus import fluidsynth, smf
from hybrid.corpus.authored import lmms, openmpt, programs, wad
from hybrid.corpus.authored.general_midi import _channels, read_midi
from hybrid.corpus.authored.lmms import _dry, _parse, _settings, _solo, _tracks, read_project
from hybrid.corpus.authored.tracker import read_module
from hybrid.corpus.authored.types import SAMPLE_RATE, AuthoredSong, AuthoredTrack, measured_pan
from hybrid.corpus.card import read_card
from hybrid.errors import InputError
from tests.corpus.authored.made import archive, band, midi, module, project, tone

FONTS = [path for path in read_card("general-midi").soundfonts if path.is_file()]
has_openmpt = pytest.mark.skipif(openmpt.find_library("openmpt") is None, reason="libopenmpt is not installed")
has_fluidsynth = pytest.mark.skipif(
    fluidsynth._library() is None or not FONTS, reason="fluidsynth or a SoundFont is not installed"
)


def _has_lmms() -> bool:
    return shutil.which("lmms") is not None


def _level_db(samples: np.ndarray) -> float:
    return float(10.0 * np.log10(max(np.mean(np.square(samples.astype(np.float64))), 1e-30)))


def _residual_db(song: AuthoredSong, tracks: list[AuthoredTrack]) -> float:
    assert song.mix is not None
    mix = song.mix()
    total = np.zeros(mix.shape)
    for track in tracks:
        n = min(mix.shape[1], track.treated.shape[1])
        total[:, :n] += track.treated[:, :n]
    return _level_db(mix - total) - _level_db(mix)


@has_openmpt
def test_the_instruments_of_a_module_add_up_to_it(tmp_path: Path):
    path = tmp_path / "made.mod"
    path.write_bytes(module())
    song = read_module(path)
    tracks = list(song.tracks())
    assert (song.title, song.recorded) == ("made here", False)
    assert [track.name for track in tracks] == ["01 bass", "02 lead synth"]
    assert _residual_db(song, tracks) < -90.0
    # the first channel lies left by itself, the second right: nobody decided that
    left, right = (track.pan for track in tracks)
    assert left is not None and right is not None and left < -30.0 and right == pytest.approx(-left, abs=0.1)
    assert [track.decided for track in tracks] == [{"level"}, {"level"}]
    assert all(track.raw.shape[0] == 1 and track.role is None for track in tracks)


@has_openmpt
def test_the_volume_of_a_sample_is_its_authors_level(tmp_path: Path):
    levels = []
    for name, volumes in (("loud.mod", (64, 64)), ("soft.mod", (64, 16))):
        path = tmp_path / name
        path.write_bytes(module(volumes))
        levels.append([_level_db(track.treated) for track in read_module(path).tracks()])
    # a quarter of the volume
    assert levels[0][0] == pytest.approx(levels[1][0], abs=0.1)
    assert levels[0][1] - levels[1][1] == pytest.approx(12.04, abs=0.1)


@has_openmpt
def test_a_file_that_is_no_module_is_named(tmp_path: Path):
    path = tmp_path / "text.mod"
    path.write_text("no music")
    with pytest.raises(InputError, match=r"text.mod: is not a tracker module"):
        read_module(path)


def test_without_libopenmpt_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    openmpt._library.cache_clear()
    monkeypatch.setattr(openmpt, "find_library", lambda name: None)
    with pytest.raises(InputError, match=r"libopenmpt: is not installed"):
        read_module(tmp_path / "made.mod")
    openmpt._library.cache_clear()


def test_positions_follow_the_sine_cosine_law():
    for pan in (-100.0, -30.0, 0.0, 55.0, 100.0):
        angle = (pan + 100.0) * np.pi / 400.0
        assert measured_pan(tone(440.0, 0.5, (np.cos(angle), np.sin(angle)))) == pytest.approx(pan, abs=0.01)
    assert measured_pan(np.zeros((2, 10), np.float32)) is None


def test_times_of_a_midi_file_follow_its_tempo():
    # a quarter at 120, then half the tempo, then a quarter more; running status and a note-on that ends the note
    notes = b"\x00\x90\x3c\x64\x83\x60\x3c\x00\x00\xff\x51\x03\x0f\x42\x40\x83\x60\x90\x40\x64"
    times = [
        (round(time_s, 6), event.data)
        for time_s, event in smf.timed(smf.parse(midi(notes), "made"))
        if event.kind == smf.NOTE_ON
    ]
    assert times == [(0.0, b"\x3c\x64"), (0.5, b"\x3c\x00"), (1.5, b"\x40\x64")]
    frames = smf.parse(midi(b"\x00\x90\x3c\x64\x64\x3c\x00", division=0xE728), "made")
    # 25 frames a second of 40 ticks: a tick is a millisecond
    assert [time_s for time_s, event in smf.timed(frames) if event.channel is not None] == pytest.approx([0.0, 0.1])


@pytest.mark.parametrize("data", [b"", b"MThd", b"RIFF" + bytes(40), midi(b"")[:14], midi()])
def test_what_is_no_midi_file_is_refused(data: bytes):
    with pytest.raises(InputError, match=r"made: is (not a MIDI file|a MIDI file without events)"):
        smf.parse(data, "made")


def test_a_midi_file_that_is_cut_short_is_read_as_far_as_it_goes():
    whole = smf.parse(band(), "made").events
    for n in range(30, len(band())):
        events = smf.parse(band()[:n], "made").events
        assert set(events) <= set(whole)


def test_channels_are_instruments_with_the_controllers_at_their_notes():
    channels = _channels(smf.parse(band(), "made"))
    assert [(channel.number, channel.name, channel.role) for channel in channels] == [
        (0, "finger bass", "bass.electric"), (1, "strings 1", "strings"), (9, "drum kit", "drums")
    ]  # fmt: skip
    assert [channel.at_notes[7] for channel in channels] == [[80], [127], [100]]
    assert [sorted(channel.given) for channel in channels] == [[7, 10], [7, 10, 91], []]


def test_a_channel_that_plays_several_instruments_has_no_role():
    notes = b"\x00\xc0\x00\x00\x90\x3c\x64\x10\x3c\x00\x00\xc0\x28\x00\x90\x3c\x64\x10\x3c\x00"
    assert _channels(smf.parse(midi(notes), "made"))[0].role == "unknown"


def test_every_program_has_a_known_role_and_a_name():
    assert len(programs.ROLES) == len(programs.NAMES) == 128
    assert set(programs.ROLES) <= set(ROLES)


@has_fluidsynth
def test_raw_tracks_of_midi_are_without_the_controllers_of_the_author():
    song = read_midi(band(), "band", "band.mid", FONTS[0])
    bass, strings, drums = song.tracks()
    assert (song.recorded, song.mix) == (True, None)
    assert [track.role for track in (bass, strings, drums)] == ["bass.electric", "strings", "drums"]
    assert [bass.pan, strings.pan, drums.pan] == pytest.approx([0.0, -100.0, 0.0], abs=2.0)
    # the drum kit has no controller: what it has is the format's
    assert (bass.decided, strings.decided, drums.decided) == ({"level", "pan"}, {"level", "pan", "send"}, set())
    assert strings.send_db == pytest.approx(0.0)
    # 40 log10 of the volume (General MIDI), against the default of 100
    played = int(0.4 * SAMPLE_RATE)
    change_db = _level_db(bass.treated.mean(axis=0)[:played]) - _level_db(bass.raw.mean(axis=0)[:played])
    assert change_db == pytest.approx(40.0 * np.log10(80.0 / 100.0), abs=0.7)
    left, right = strings.treated
    # what comes back from the reverb is in both channels
    assert _level_db(left) - _level_db(right) > 2.0
    again = next(iter(read_midi(band(), "band", "band.mid", FONTS[0]).tracks()))
    np.testing.assert_array_equal(again.treated, bass.treated)


def test_music_in_an_archive_is_found_once(tmp_path: Path):
    path = tmp_path / "made.wad"
    path.write_bytes(archive(D_ONE=band(), MAP01=b"geometry", D_TWO=band(), D_LAST=midi(b"\x00\x90\x3c\x64")))
    assert list(wad.music_of(path)) == ["D_ONE", "D_LAST"]
    for broken in (b"", b"ZIP", archive(D_ONE=band())[:-8]):
        path.write_bytes(broken)
        with pytest.raises(InputError, match=r"made.wad: is (not a WAD archive|cut short)"):
            wad.music_of(path)


def test_settings_of_a_project_are_faders_pans_and_effects_up_to_the_master():
    root = _parse(project().encode(), "made")
    bass, lead = _tracks(root)
    settings = _settings(root, bass)
    # twice through the fader and a quarter through the mixer's channel
    assert settings.fader_db == pytest.approx(-6.02, abs=0.01)
    assert (settings.pan, settings.effects) == (pytest.approx(-100.0), ("tap_equalizer",))
    assert _settings(root, lead).fader_db == pytest.approx(-6.02, abs=0.01)
    dry = _dry(root)
    assert [_settings(dry, track) for track in _tracks(dry)] == [(0.0, 0.0, ())] * 2
    assert [track.get("name") for track in _tracks(_solo(root, 1))] == ["Lead"]


@pytest.mark.parametrize("data", [b"", b"text", b"<a", b"<lmms-project/>", b"\0\0\0\1" + b"text"])
def test_what_is_no_project_is_refused(data: bytes):
    with pytest.raises(InputError, match=r"made: is not a (project|song) of LMMS"):
        _parse(data, "made")


@pytest.mark.skipif(not _has_lmms(), reason="LMMS is not installed")
def test_lmms_renders_tracks_dry_and_as_they_were_mixed():
    song = read_project(project().encode(), "made", "made.mmp")
    bass, lead = song.tracks()
    assert [bass.name, lead.name] == ["01 Bass", "02 Lead"]
    # dry, both are one triangle: full scale and in the middle
    assert bass.raw.shape[0] == lead.raw.shape[0] == 1
    assert _level_db(bass.raw) == pytest.approx(_level_db(lead.raw), abs=0.1)
    assert np.abs(bass.treated[1]).max() < 1e-4 < np.abs(bass.treated[0]).max()
    assert _residual_db(song, [bass, lead]) < -90.0


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script of a shell")
@pytest.mark.parametrize(("crashes", "status"), [(2, None), (3, -11), (0, 1)])
def test_a_crash_of_lmms_is_tried_again_and_a_refusal_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crashes: int, status: int | None
):
    made, runs = tmp_path / "made.wav", tmp_path / "runs"
    soundfile.write(made, np.ones((100, 2), np.float32) / 2, 44100, subtype="FLOAT")
    ending = "echo no such plugin >&2; exit 1" if status == 1 else f'cp "{made}" "$HOME/sound.wav"'
    stand_in = tmp_path / "lmms"
    stand_in.write_text(
        f'#!/bin/sh\necho run >> "{runs}"\n[ "$(wc -l < "{runs}")" -le {crashes} ] && kill -SEGV $$\n{ending}\n'
    )
    stand_in.chmod(0o755)
    monkeypatch.setattr(lmms, "_LMMS", str(stand_in))
    drawn = _parse(project().encode(), "made")
    if status is None:
        np.testing.assert_array_equal(lmms._render(drawn, "made"), np.full((2, 100), 0.5))
    else:
        told = {-11: "exit status -11$", 1: "exit status 1, no such plugin$"}[status]
        with pytest.raises(InputError, match=f"LMMS failed: {told}"):
            lmms._render(drawn, "made")
    assert len(runs.read_text().split()) == (1 if status == 1 else 3)
