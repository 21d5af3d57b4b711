"""Measurements of the demo song: in time, in tune, badly balanced and never clipped."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
import soundfile as sf

from hybrid.audio.manifest import load_song
from hybrid.corpus.demo import SAMPLE_RATE, demo_tracks, write_demo
from hybrid.corpus.synthetic.composition import compose
from hybrid.corpus.synthetic.performance import LEAD_IN_S
from hybrid.corpus.synthetic.score import Note

pytestmark = pytest.mark.long

MARGIN_S = 0.06  # half a glide and a late singer: no pitch is measured so near a note's edge


@pytest.fixture(scope="module")
def tracks():
    return demo_tracks(0)


@pytest.fixture(scope="module")
def song():
    return compose(0)


def _window(song, note: Note) -> slice:
    start_s, end_s = (LEAD_IN_S + song.arrangement.seconds(beats) for beats in (note.start_beats, note.end_beats))
    return slice(round((start_s + MARGIN_S) * SAMPLE_RATE), round((end_s - MARGIN_S) * SAMPLE_RATE))


def _rms_db(x: np.ndarray) -> float:
    return 10.0 * float(np.log10(np.mean(np.square(x, dtype=np.float64)) + 1e-20))


def _loud_rms_db(x: np.ndarray) -> float:
    """RMS of the tenths of a second that lie within 30 dB of the loudest."""
    tenth = SAMPLE_RATE // 10
    whole = x[:, : x.shape[1] // tenth * tenth].reshape(-1, tenth)
    power = np.mean(np.square(whole, dtype=np.float64), axis=1)
    return 10.0 * float(np.log10(np.mean(power[power > 1e-3 * np.max(power)])))


def test_the_song_has_at_least_ten_tracks_mono_and_stereo_of_one_length_between_30_and_40_s(tracks):
    lengths = {track.shape[1] for track in tracks.values()}
    assert len(tracks) >= 10
    assert {track.shape[0] for track in tracks.values()} == {1, 2}
    assert len(lengths) == 1
    assert 30.0 <= lengths.pop() / SAMPLE_RATE <= 40.0


def test_no_track_reaches_minus_1_dbfs_and_none_carries_dc(tracks):
    assert tracks
    for name, track in tracks.items():
        peak = np.max(np.abs(track))
        assert peak <= 10.0 ** (-1.0 / 20.0), name
        assert np.all(np.abs(np.mean(track, axis=1)) < 1e-3 * peak), name


def test_the_same_seed_gives_the_same_samples_bit_by_bit(tracks):
    again = demo_tracks(0)
    assert list(again) == list(tracks)
    assert all(np.array_equal(again[name], tracks[name]) for name in tracks)


def test_raw_levels_are_far_apart_and_the_lead_is_too_soft(tracks):
    levels_db = {name: _loud_rms_db(track) for name, track in tracks.items()}
    assert max(levels_db.values()) - min(levels_db.values()) >= 12.0
    assert levels_db["12_LeadVox"] < levels_db["08_ElecPiano"] - 6.0
    assert levels_db["12_LeadVox"] < levels_db["13_BackingVox1"] - 6.0


def test_a_beat_tracker_finds_the_written_tempo_in_the_drums(tracks, song):
    kit = sum(tracks[name][0] / np.max(np.abs(tracks[name])) for name in ("01_Kick", "02_Snare", "03_HiHat"))
    tempo_bpm, _ = librosa.beat.beat_track(y=kit, sr=SAMPLE_RATE)
    assert float(np.squeeze(tempo_bpm)) == pytest.approx(song.arrangement.tempo_bpm, rel=0.02)  # its grid: 2 %


def test_the_lead_sings_its_melody_within_a_semitone(tracks, song):
    sung = 0
    chorus = [note for note in song.score["lead"] if note.duration_beats >= 0.9][:12]
    for note in chorus:
        voice = tracks["12_LeadVox"][0, _window(song, note)]
        f0_hz = librosa.yin(voice, fmin=120, fmax=800, sr=SAMPLE_RATE)
        sung += abs(librosa.hz_to_midi(np.median(f0_hz)) - note.pitch) < 1.0
    assert sung >= len(chorus) - 1  # yin may hear an octave once


@pytest.mark.parametrize(("name", "part"), [("08_ElecPiano", "keys"), ("11_Pad", "pad")])
def test_the_written_chords_are_the_strongest_pitch_classes_of_their_bars(tracks, song, name, part):
    hop = 2048
    chroma = librosa.feature.chroma_stft(y=tracks[name][0], sr=SAMPLE_RATE, n_fft=16384, hop_length=hop)
    bars = song.arrangement.bars(part)
    assert bars
    for bar in bars:
        start_s = LEAD_IN_S + song.arrangement.seconds(bar.start_beats)
        end_s = start_s + song.arrangement.seconds(4.0)
        frames = chroma[:, round((start_s + 0.3) * SAMPLE_RATE / hop) : round(end_s * SAMPLE_RATE / hop) - 4]
        written = {song.arrangement.key.pitch(degree) % 12 for degree in bar.chord.degrees}
        strongest = {int(pitch) for pitch in np.argsort(np.mean(frames, axis=1))[-len(written) :]}
        assert len(strongest & written) >= len(written) - 1, bar


@pytest.mark.parametrize(
    ("name", "part"),
    [("01_Kick", "kick"), ("07_Bass", "bass"), ("09_Guitar1", "guitar"), ("12_LeadVox", "lead")],
)
def test_a_part_is_silent_before_its_first_note(tracks, song, name, part):
    entry_s = LEAD_IN_S + song.arrangement.seconds(song.score[part][0].start_beats)
    before = tracks[name][:, : round((entry_s - 1.0) * SAMPLE_RATE)]
    assert _rms_db(before) < _loud_rms_db(tracks[name]) - 60.0


def test_every_track_has_died_away_at_the_end(tracks):
    assert max(_rms_db(track[:, -SAMPLE_RATE // 20 :]) for track in tracks.values()) < -80.0


def test_the_kit_is_ordered_from_dark_to_bright(tracks):
    def centroid_hz(name: str) -> float:
        power = np.square(np.abs(np.fft.rfft(tracks[name][0].astype(np.float64))))
        return float(np.sum(power * np.fft.rfftfreq(tracks[name].shape[1], 1 / SAMPLE_RATE)) / np.sum(power))

    kit = ["01_Kick", "04_Toms", "02_Snare", "03_HiHat"]
    centroids_hz = [centroid_hz(name) for name in kit]
    assert centroids_hz == sorted(centroids_hz)


def test_no_two_bars_of_the_snare_are_the_same(tracks, song):
    starts = [
        round((LEAD_IN_S + song.arrangement.seconds(bar.start_beats)) * SAMPLE_RATE)
        for bar in song.arrangement.bars("snare")
    ]
    first, second = (tracks["02_Snare"][0, start : start + SAMPLE_RATE] for start in starts[:2])
    assert np.max(np.abs(first - second)) > 0.1 * np.max(np.abs(first))


def test_the_lead_carries_rumble_below_its_lowest_note(tracks):
    power = np.square(np.abs(np.fft.rfft(tracks["12_LeadVox"][0].astype(np.float64))))
    hz = np.fft.rfftfreq(tracks["12_LeadVox"].shape[1], 1 / SAMPLE_RATE)
    below, between = (float(np.sum(power[(hz > low) & (hz < high)])) for low, high in ((20, 60), (80, 140)))
    assert below > 4.0 * between


def test_the_demo_is_written_as_24_bit_files_that_hold_the_same_samples(tracks, tmp_path, monkeypatch):
    monkeypatch.setattr("hybrid.corpus.demo.demo_tracks", lambda seed: tracks)
    write_demo(tmp_path / "song")
    assert sorted(path.stem for path in (tmp_path / "song").glob("*.wav")) == sorted(tracks)
    assert load_song(tmp_path / "song").raw_levels == "arbitrary"  # a bad balance is no evidence
    for name, track in tracks.items():
        path = tmp_path / "song" / f"{name}.wav"
        assert sf.info(path).subtype == "PCM_24"
        assert np.max(np.abs(sf.read(path, always_2d=True)[0].T - track)) <= 2.0**-23  # one step
