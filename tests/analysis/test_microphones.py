"""Microphones on one source: what is surely upside down or late is found, and nothing else is touched."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
from scipy.signal import butter, sosfilt

from hybrid.analysis.microphones import align_microphones
from hybrid.audio.read import open_song
from hybrid.audio.song import Song, Track
from hybrid.audio.wav import MIX_FILE
from hybrid.knowledge.resolve import load_rules
from hybrid.mixing.deliver import Format, deliver
from hybrid.mixing.plan import MixConfig, plan_mix
from tests.mixing.made import RATE, song_of

pytestmark = pytest.mark.long

SECONDS = 10.0
N = round(SECONDS * RATE)
TIME_S = np.arange(N) / RATE


class Mic(NamedTuple):
    """A track, and what a person states of it."""

    role: str
    x: np.ndarray
    polarity: int | None = None
    offset_s: float | None = None


def noise(seed: int) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(N)


def late(x: np.ndarray, samples: int) -> np.ndarray:
    return np.concatenate([np.zeros(samples), x])[:N]


def filtered(x: np.ndarray, kind: str, corner_hz: float) -> np.ndarray:
    return np.asarray(sosfilt(butter(2, corner_hz, kind, fs=RATE, output="sos"), x))


def drum(modes_hz: tuple[float, ...], every_s: float, decay_s: float) -> np.ndarray:
    """Decaying modes, struck again and again with changing force."""
    force = np.random.default_rng(7).uniform(0.4, 1.0, N)[(TIME_S // every_s).astype(int)]
    since_s = TIME_S % every_s
    ring = np.sum([np.sin(2.0 * np.pi * f * since_s + f) for f in modes_hz], axis=0)
    return 0.2 * force * ring * np.exp(-since_s / decay_s)


def song_with(folder: Path, mics: dict[str, Mic]) -> Song:
    song = song_of(folder, {name: np.atleast_2d(mic.x).astype(np.float32) for name, mic in mics.items()})

    def told(track: Track) -> Track:
        mic = mics[track.id]
        return replace(track, role=mic.role, polarity=mic.polarity, offset_s=mic.offset_s)

    return replace(song, tracks=tuple(map(told, song.tracks)))


def settled(folder: Path, **mics: Mic) -> Song:
    song = song_with(folder, mics)
    with open_song(song) as reader:
        return align_microphones(song, reader).song


def is_untouched(song: Song) -> bool:
    """Neither turned nor moved."""
    return all(track.polarity is None and track.offset_s is None for track in song.tracks)


def test_a_copy_upside_down_is_turned_over_and_the_stronger_track_stays(tmp_path):
    x = noise(0)
    song = settled(tmp_path, soft=Mic("drums.snare", 0.5 * x), loud=Mic("drums.snare", -x))
    assert [track.polarity for track in song.tracks] == [-1, None]
    # amplitudes 1 and 0.5 add to 1.5 rather than 0.5, a factor of 3
    assert song.notes == ("soft: polarity inverted, +9.5 dB below 500 Hz with loud",)


def test_equal_tracks_are_left_alone_without_a_word(tmp_path):
    x = noise(0)
    song = settled(tmp_path, one=Mic("drums.snare", x), two=Mic("drums.snare", 0.7 * x))
    assert is_untouched(song) and song.notes == ()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_late_copy_is_found_to_the_sample(tmp_path, sign):
    x = noise(0)
    song = settled(tmp_path, near=Mic("drums.kick", x), far=Mic("drums.kick", 0.5 * sign * late(x, 48)))
    assert song.tracks[0].offset_s is None
    assert song.tracks[1].start_sample(RATE) == -48
    assert song.tracks[1].polarity == (None if sign > 0.0 else -1)
    assert song.notes[0] == "far is 2.18 ms behind near: moved"


def test_an_early_copy_is_moved_to_the_stronger_track_and_reads_as_it(tmp_path):
    x = noise(0)
    mics = {"early": Mic("bass", 0.5 * x), "strong": Mic("bass.electric", late(x, 30))}
    song = song_with(tmp_path, mics)
    with open_song(song) as reader:
        found = align_microphones(song, reader)
        after = reader.for_song(found.song)
        np.testing.assert_allclose(2.0 * after.read(0, 0, N), after.read(1, 0, N), atol=1e-6)
    assert found.song.tracks[0].start_sample(RATE) == 30
    assert found.song.notes == ("early is 1.36 ms ahead of strong: moved",)
    assert found.pairs.tolist() == [[0, 1]]


@pytest.mark.parametrize("role", ["drums.overheads", "synth.pad", "guitar.acoustic", "drums.kick"])
def test_where_delay_is_the_sound_or_long_nothing_is_moved(tmp_path, role):
    x, lag = noise(0), 150 if role == "drums.kick" else 48
    song = settled(tmp_path, one=Mic(role, x), two=Mic(role, 0.5 * late(x, lag)))
    assert is_untouched(song)
    told = () if role in ("drums.overheads", "synth.pad") else (f"two is {1e3 * lag / RATE:.2f} ms behind one",)
    assert [note.split(":")[0] for note in song.notes] == list(told)


def test_a_copy_upside_down_without_its_bass_is_turned_over(tmp_path):
    x = noise(0)
    song = settled(tmp_path, full=Mic("drums.snare", x), thin=Mic("drums.snare", -filtered(x, "highpass", 100.0)))
    assert [track.polarity for track in song.tracks] == [None, -1]


def test_a_snare_from_below_with_its_wires_is_turned_over(tmp_path):
    head = drum((185.0, 331.0, 480.0), 0.5, 0.06)
    wires = filtered(noise(1), "highpass", 1500.0) * np.exp(-(TIME_S % 0.5) / 0.08)
    stick = noise(2) * np.exp(-(TIME_S % 0.5) / 0.01)
    song = settled(
        tmp_path, top=Mic("drums.snare", head + stick), bottom=Mic("drums.snare", -0.6 * late(head, 2) + wires)
    )
    assert [track.polarity for track in song.tracks] == [None, -1]


def test_all_microphones_of_a_kit_follow_the_strongest(tmp_path):
    x = noise(0)
    gains = {"a": 0.5, "b": -1.0, "c": 0.25, "d": -0.5}
    song = settled(tmp_path, **{name: Mic("drums", gain * x) for name, gain in gains.items()})
    assert [track.polarity for track in song.tracks] == [-1, None, -1, None]


def test_unrelated_noises_have_nothing_in_common(tmp_path):
    song = settled(tmp_path, **{f"n{seed}": Mic("drums", noise(seed)) for seed in range(4)})
    assert is_untouched(song) and song.notes == ()


def test_a_stereo_pair_is_left_alone(tmp_path):
    left, right = (noise(0) + 0.5 * noise(seed) for seed in (1, 2))
    song = settled(tmp_path, left=Mic("keys.piano", left), right=Mic("keys.piano", late(right, 1)))
    assert is_untouched(song) and song.notes == ()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_bleed_is_no_second_microphone(tmp_path, sign):
    kick = noise(0)
    song = settled(tmp_path, kick=Mic("drums.kick", kick), snare=Mic("drums.snare", noise(1) + 0.3 * sign * kick))
    assert is_untouched(song) and song.notes == ()


def synth(seed: int, partials: tuple[int, ...]) -> np.ndarray:
    """The same tune each time; the notes of a seed begin in phases of their own."""
    tune, phase = np.random.default_rng(3), np.random.default_rng(seed)
    f = 110.0 * 2.0 ** (tune.integers(0, 12, 100) / 12.0)
    note, start = (TIME_S / 0.2).astype(int), phase.uniform(0.0, 2.0 * np.pi, 100)
    turn = 2.0 * np.pi * f[note] * TIME_S + start[note]
    return 0.1 * np.sum([np.sin(k * turn) / k for k in partials], axis=0) * np.minimum(1.0, TIME_S % 0.2 / 0.01)


@pytest.mark.parametrize("role", ["synth.lead", "unknown", "keys.electric"])
def test_two_synthesisers_that_play_the_same_notes_are_left_alone(tmp_path, role):
    song = settled(tmp_path, **{f"s{seed}": Mic(role, synth(seed, tuple(range(1, 6 + seed)))) for seed in (1, 2, 3)})
    assert is_untouched(song) and song.notes == ()


def test_a_saw_and_a_square_that_are_locked_are_left_alone(tmp_path):
    saw, square = synth(1, tuple(range(1, 40))), synth(1, tuple(range(1, 40, 2)))
    song = settled(tmp_path, saw=Mic("synth.lead", saw), square=Mic("synth.pad", -square))
    assert is_untouched(song) and song.notes == ()


def test_of_unknown_tracks_only_copies_are_turned(tmp_path):
    x = noise(0)
    song = settled(
        tmp_path, a=Mic("unknown", x), b=Mic("unknown", -0.9 * x), c=Mic("unknown", 0.5 * noise(1) - 0.8 * x)
    )
    assert [track.polarity for track in song.tracks] == [None, -1, None]


@pytest.mark.parametrize("stated", [1, -1])
def test_what_a_person_states_is_kept_and_others_follow_it(tmp_path, stated):
    x = noise(0)
    mics = {"loud": Mic("drums.kick", x), "said": Mic("drums.kick", -0.5 * x, polarity=stated, offset_s=0.0)}
    song = settled(tmp_path, **mics)
    assert song.tracks[1].polarity == stated
    assert song.tracks[0].polarity == (-1 if stated == 1 else None)


def test_two_statements_are_not_doubted(tmp_path):
    x = noise(0)
    mics = (Mic("bass", x, 1, 0.0), Mic("bass", -late(x, 40), 1, 0.0))
    song = settled(tmp_path, one=mics[0], two=mics[1])
    assert [(track.polarity, track.offset_s) for track in song.tracks] == [(1, 0.0), (1, 0.0)]
    assert song.notes == ()


def test_what_holds_in_two_thirds_of_a_song_changes_nothing(tmp_path):
    x = noise(0)
    assert is_untouched(settled(tmp_path, one=Mic("bass", x), two=Mic("bass", np.where(TIME_S < 6.5, -x, x))))


def test_what_a_few_seconds_show_is_only_reported(tmp_path):
    x = noise(0)[: 4 * RATE]
    song = settled(tmp_path, one=Mic("bass", x), two=Mic("bass", -x))
    assert is_untouched(song)
    assert song.notes == ("one and two seem to be of opposite polarity: left as they are",)


@pytest.mark.parametrize("n", [1, 500, round(0.3 * RATE)])
def test_a_very_short_song_proves_nothing(tmp_path, n):
    x = noise(0)[:n]
    assert is_untouched(settled(tmp_path, one=Mic("drums", x), two=Mic("drums", -x)))


def test_silence_and_a_single_track_are_no_trouble(tmp_path):
    x = noise(0)
    song = settled(tmp_path / "a", one=Mic("drums", x), rest=Mic("drums", 0.0 * x), more=Mic("drums", 0.0 * x))
    assert is_untouched(song) and song.notes == ()
    assert is_untouched(settled(tmp_path / "b", one=Mic("drums", x)))


RULES = """\
schema: mixrules/1
id: made
title: Output alone
rules:
  - {id: out.loudness, type: integrated_loudness, kind: require, target: -30 LUFS, tolerance: 0.5 LU}
"""


def mixed(folder: Path, sign: float) -> tuple[np.ndarray, Song, float]:
    """The mix of two microphones, its song as planned, and the loudness of the raw sum."""
    folder.mkdir()
    (folder / "rules.yaml").write_text(RULES)
    x = noise(0) * np.exp(-(TIME_S % 0.5) / 0.1)
    mics = {"kick in": Mic("drums.kick", x), "kick out": Mic("drums.kick", 0.8 * sign * x)}
    song = song_with(folder / "song", mics)
    (folder / "out").mkdir()
    with open_song(song) as reader:
        plan = plan_mix(song, reader, load_rules([str(folder / "rules.yaml")]), MixConfig(0), lambda stage, share: None)
        deliver(plan, reader, folder / "out", Format(RATE, "FLOAT"), lambda stage, share: None)
    mix, _ = soundfile.read(folder / "out" / MIX_FILE)
    return mix, plan.song, plan.analysis.raw_levels.integrated_lufs


def test_the_mix_of_an_inverted_pair_is_that_of_the_upright_one(tmp_path):
    upright, _, level = mixed(tmp_path / "upright", 1.0)
    turned, song, same = mixed(tmp_path / "turned", -1.0)
    assert same == pytest.approx(level, abs=1e-6)
    np.testing.assert_array_equal(turned, upright)
    assert song.tracks[1].polarity == -1
    assert song.notes[0].startswith("kick out: polarity inverted, +19.1 dB")
