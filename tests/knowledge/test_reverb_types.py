"""Reverb types, against a room whose answer is known beforehand."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.treatment.parts import N_TONE
from hybrid.treatment.types import Treatment
from tests.knowledge.made import Heard, Part, at_level, hear, white

SOUND = (1.0,) * 4 + (0.0,) * 4
"""Half of the song, so that all of a short tail comes back within it."""
DRUMS = Part(white(), role="drums", course=SOUND)
BASS = Part(white(), role="bass", course=SOUND)


def sending(treatment: Treatment, *send_db: float, **parts: jax.Array) -> Treatment:
    """The treatment with sends of the first tracks to a short room, or to another one."""
    assert treatment.reverb is not None
    room = treatment.reverb
    room = room._replace(send_db=room.send_db.at[: len(send_db)].set(jnp.asarray(send_db)), decay_s=jnp.full(4, 0.4))
    return replace(treatment, reverb=room._replace(**parts))


def reads(song: Heard, *send_db: float, target: int = 0, **parts: jax.Array) -> float:
    return song.value(sending(song.untouched, *send_db, **parts), target)


@pytest.mark.parametrize("send_db", [-30.0, -9.0, 0.0])
def test_white_noise_comes_back_at_the_level_of_its_send(send_db: float):
    song = hear("return_to_direct", [DRUMS, BASS])
    assert reads(song, send_db) == pytest.approx(send_db, abs=0.02)


def test_nothing_sent_reads_nothing_and_a_send_is_heard_decibel_by_decibel():
    song = hear("return_to_direct", [DRUMS, BASS])
    assert reads(song, -60.0) == pytest.approx(-60.0, abs=0.01)
    slope = song.climb(sending(song.untouched, -9.0, -9.0)).reverb
    assert slope is not None
    assert slope.send_db[0] == pytest.approx(1.0, abs=0.01) and slope.send_db[1] == 0.0


def test_a_role_with_an_offset_is_asked_for_that_much_less_or_more():
    song = hear("return_to_direct", [DRUMS, BASS])  # -15 LU for basses
    assert reads(song, -9.0, -24.0, target=1) == pytest.approx(-9.0, abs=0.05)
    assert hear("return_to_direct", [DRUMS, BASS], {"offset": {}}).under(sending(song.untouched, -9.0, -24.0)).value[
        1
    ] == pytest.approx(-24.0, abs=0.05)


def test_level_and_place_do_not_move_a_return_over_its_sound():
    song = hear("return_to_direct", [DRUMS, BASS])
    moved = at_level(sending(song.untouched, -9.0), 12.0, -12.0)
    assert song.value(moved) == pytest.approx(reads(song, -9.0), abs=1e-3)


def test_all_reverb_over_the_mix_is_not_the_same_as_a_return_over_its_sound():
    whole = hear("reverb_to_mix", [DRUMS, BASS], {"when": {"from": "0 s"}})
    # while the tracks sound: what rings on after them does not count
    both = reads(whole, -6.0, -6.0, decay_s=jnp.full(4, 0.2), pre_delay_s=jnp.asarray(0.0))
    share = 10.0 ** (both / 10.0)
    # of a mix that is one part sound and a quarter of reverb, a fifth: -7 dB, less what comes late
    assert both == pytest.approx(-6.98, abs=0.2)
    one = reads(whole, -6.0, -60.0, decay_s=jnp.full(4, 0.2), pre_delay_s=jnp.asarray(0.0))
    assert 10.0 ** (one / 10.0) == pytest.approx(0.5 * share * 1.25 / 1.125, rel=0.03)


def test_more_of_any_send_is_more_reverb_in_the_mix():
    song = hear("reverb_to_mix", [DRUMS, BASS])
    assert reads(song, -60.0, -60.0) == pytest.approx(-60.0, abs=0.01)
    slope = song.climb(sending(song.untouched, -12.0, -18.0)).reverb
    assert slope is not None
    assert slope.send_db[0] > slope.send_db[1] > 0.0


def test_a_room_rings_for_the_mean_of_its_middle_zones():
    song = hear("decay_time", [DRUMS])
    assert reads(song, decay_s=jnp.asarray([3.0, 1.0, 1.4, 0.3])) == pytest.approx(1.2)
    slope = song.climb().reverb
    assert slope is not None
    np.testing.assert_allclose(slope.decay_s, [0.0, 0.5, 0.5, 0.0])


def test_a_pre_delay_is_that_of_the_room():
    song = hear("pre_delay", [DRUMS])
    assert reads(song, pre_delay_s=jnp.asarray(0.045)) == pytest.approx(0.045)
    slope = song.climb().reverb
    assert slope is not None and slope.pre_delay_s == 1.0


@pytest.mark.parametrize("type_name", ["decay_time", "pre_delay", "return_band", "return_to_direct", "reverb_to_mix"])
def test_a_dry_mix_has_no_room_to_judge(type_name: str):
    song = hear(type_name, [DRUMS])
    dry = song.under(replace(song.untouched, reverb=None))
    if type_name in ("return_to_direct", "reverb_to_mix"):
        assert dry.value[0] == pytest.approx(-60.0, abs=1e-3)
    else:
        assert not dry.share.any()


def test_a_flat_return_has_as_many_octaves_outside_its_band_as_there_are():
    song = hear("return_band", [DRUMS])
    # 4.7 octaves of 9.5 lie within 300 Hz to 8 kHz; whole bands count
    assert reads(song) == pytest.approx(10.0 * np.log10(4.8 / 4.7), abs=0.6)
    wider = hear("return_band", [DRUMS], {"band": "100-8000 Hz"})
    assert reads(wider) < reads(song) - 1.0
    assert reads(hear("return_band", [DRUMS], {"band": "20-20000 Hz"})) == pytest.approx(-60.0)


def test_cutting_the_ends_of_a_return_keeps_it_in_its_band():
    song = hear("return_band", [DRUMS])
    tone_db = jnp.asarray([-20.0] * 3 + [0.0] * 5 + [-10.0, -20.0])
    assert len(tone_db) == N_TONE
    assert reads(song, tone_db=tone_db) < reads(song) - 6.0
    assert reads(song, tone_db=jnp.full(N_TONE, -12.0)) == pytest.approx(reads(song), abs=1e-3)
    slope = song.climb().reverb
    assert slope is not None
    assert slope.tone_db[0] > 0.0 > slope.tone_db[5]
