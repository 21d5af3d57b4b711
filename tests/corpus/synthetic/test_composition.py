"""Laws of every composition, whatever its seed."""

from __future__ import annotations

import itertools
from functools import cache

import pytest

from hybrid.corpus.synthetic.composition import compose
from hybrid.corpus.synthetic.harmony import voicings
from hybrid.corpus.synthetic.score import Chord, MusicalKey

SEEDS = range(24)
written = cache(compose)


def test_degrees_climb_the_c_major_scale_and_fold_at_the_octave():
    assert [MusicalKey(0, "major").pitch(degree) for degree in (0, 2, 4, 7, -1)] == [60, 64, 67, 72, 59]


def test_the_tones_of_a_chord_near_a_degree_are_its_own():
    assert Chord(0).tones_near(1) == (-5, -3, 0, 2, 4, 7)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_song_lasts_between_30_and_40_s_and_the_lead_stays_in_range(seed):
    song = written(seed)
    assert 30.0 <= song.arrangement.seconds(song.arrangement.length_beats) + 1.75 <= 40.0
    pitches = [note.pitch for note in song.score["lead"]]
    assert min(pitches) >= 53  # F3
    assert max(pitches) <= 76  # E5
    assert len(set(pitches)) >= 4


@pytest.mark.parametrize("seed", SEEDS)
def test_held_notes_of_the_lead_belong_to_the_chord(seed):
    song = written(seed)
    chords = {bar.start_beats: bar.chord for bar in song.arrangement.bars("lead")}
    held = [note for note in song.score["lead"] if note.duration_beats >= 0.9]
    assert held
    for note in held:
        chord = chords[note.start_beats // 4 * 4]
        assert note.pitch % 12 in {song.arrangement.key.pitch(degree) % 12 for degree in chord.degrees}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_bass_plays_on_every_stroke_of_the_kick(seed):
    score = written(seed).score
    assert {note.start_beats for note in score["kick"]} <= {note.start_beats for note in score["bass"]}


@pytest.mark.parametrize("seed", SEEDS)
def test_the_backing_voices_keep_to_either_side_of_the_lead(seed):
    score = written(seed).score
    lead = {note.start_beats: note.pitch for note in score["lead"]}
    assert min(note.pitch - lead[note.start_beats] for note in score["backing_high"]) > 0
    assert max(note.pitch - lead[note.start_beats] for note in score["backing_low"]) < 0


@pytest.mark.parametrize("seed", SEEDS)
def test_a_melodic_voice_never_sings_two_notes_at_once(seed):
    lead = written(seed).score["lead"]
    assert max(note.end_beats - following.start_beats for note, following in itertools.pairwise(lead)) <= 1e-9


def test_chords_are_led_by_small_steps():
    arrangement = written(0).arrangement
    chords = voicings(arrangement, arrangement.bars("keys"), 62.0)
    assert len(chords) > 1
    for before, after in itertools.pairwise(chords):
        assert max(min(abs(pitch - old) for old in before) for pitch in after) <= 4  # a major third


def test_seeds_change_key_tempo_chords_and_melody():
    songs = [written(seed) for seed in SEEDS]
    assert len({(song.arrangement.key, song.arrangement.tempo_bpm) for song in songs}) > 16
    assert len({song.arrangement.sections for song in songs}) > 10
    assert len({song.score["lead"] for song in songs}) == len(songs)
    assert {song.arrangement.key.mode for song in songs} == {"major", "minor"}


def test_a_song_is_the_same_every_time_it_is_written():
    assert compose(7) == compose(7)
