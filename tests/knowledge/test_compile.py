from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from hybrid.audio.song import Song
from hybrid.errors import InputError
from hybrid.knowledge.compile import DEFAULT_AIM_LUFS, DEFAULT_CEILING_DBTP, compile_rules, optional_parts, output_of
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.schema import Section
from hybrid.knowledge.select import Selector
from hybrid.testing.songs import FRAME_S, N_FRAMES, N_TRACKS, rule_set, untouched
from tests.knowledge.made import CENTRE, LEFT, RIGHT, RULES, Part, Plain, dry_of, pink, readings, rule_of, song_of

TIME_S = (np.arange(N_FRAMES) + 0.5) * FRAME_S
ROLES = ("vocal.lead", "bass.electric", "guitar.acoustic")


def _song(tempo_bpm: float | None = None) -> Song:
    parts = [Part(pink(), role=role, tags=("lead",) if role == "vocal.lead" else ()) for role in ROLES]
    return song_of(parts, tempo_bpm=tempo_bpm)


def _rule_set(type_name: str, written: Mapping[str, Plain], **sets: Selector) -> RuleSet:
    return rule_set(rule_of(type_name, {**RULES[type_name][0], **written}), **sets)


def _compiled(type_name: str, written: Mapping[str, Plain], **sets: Selector):
    return compile_rules(_rule_set(type_name, written, **sets), _song(), N_TRACKS, TIME_S)


@pytest.mark.parametrize(
    ("selector", "matched"),
    [
        ("all", ("t0", "t1", "t2")),
        ({"tag": "lead"}, ("t0",)),
        ({"not": {"role": "vocal"}}, ("t1", "t2")),
        ({"set": "low"}, ("t1",)),
    ],
)
def test_the_report_names_the_tracks_of_every_rule_and_the_scope_marks_them(selector: Plain, matched: tuple[str, ...]):
    low = Selector.model_validate({"role": "bass"})
    objective, report = _compiled("timbre_change", {"for": selector}, low=low)
    assert report.matched == {"made": matched}
    assert report.empty == () and report.warnings == ()
    marks = [f"t{i}" in matched for i in range(N_TRACKS)]
    np.testing.assert_array_equal(objective.scopes[0].member, marks)


@pytest.mark.parametrize(("on_empty", "warnings"), [("skip", ()), ("warn", ("made matches no track",))])
def test_a_rule_without_tracks_is_reported_and_costs_nothing(on_empty: str, warnings: tuple[str, ...]):
    objective, report = _compiled("timbre_change", {"for": {"role": "brass"}, "on_empty": on_empty})
    assert report.empty == ("made",) and report.warnings == warnings
    dry = dry_of([Part(pink())])
    assert not readings(objective, dry, untouched(dry))[0].share.any()


def test_a_role_without_the_tag_that_a_rule_wants_is_told():
    song = song_of([Part(pink(), role="vocal.lead"), Part(pink(), role="bass")])
    rules = _rule_set("timbre_change", {"for": {"role": "vocal", "tag": "lead"}})
    _, report = compile_rules(rules, song, N_TRACKS, TIME_S)
    name = song.tracks[0].id
    assert report.warnings == (
        f"made matches no track: by role it may mean {name} (vocal.lead), without the tag lead, "
        "which song.yaml can give",
    )


def test_a_section_after_the_end_of_the_song_is_told():
    song = _song()
    end_s = song.n_samples / song.sample_rate
    sections = {"solo": (Section.model_validate({"from": f"{end_s + 1:.0f} s", "to": f"{end_s + 9:.0f} s"}),)}
    rules = replace(_rule_set("timbre_change", {"when": {"sections": ["solo"]}}), sections=sections)
    _, report = compile_rules(rules, song, N_TRACKS, TIME_S)
    (warning,) = report.warnings
    assert warning.startswith("made never holds: solo begins at") and f"ends at {end_s:.0f} s" in warning


def test_a_rule_that_needs_its_tracks_refuses_a_song_without_them():
    with pytest.raises(InputError, match="made: matches no track of this song"):
        _compiled("timbre_change", {"for": {"role": "brass"}, "on_empty": "error"})


def test_a_rule_that_is_off_needs_no_tracks():
    off = {"for": {"role": "brass"}, "on_empty": "error", "enabled": False}
    _, report = _compiled("timbre_change", off)
    assert report.empty == () and report.warnings == ()


def test_the_report_counts_what_enabled_rules_rest_on():
    rules = [
        rule_of("timbre_change", {"max": "4 dB", "evidence": evidence, "enabled": enabled}, f"r{i}")
        for i, (evidence, enabled) in enumerate(
            [("guess", True), ("measured", True), ("guess", True), ("guess", False)]
        )
    ]
    _, report = compile_rules(rule_set(*rules), _song(), N_TRACKS, TIME_S)
    assert report.evidence == {"guess": 2, "measured": 1}


def test_a_budget_entry_is_a_set_if_there_is_one_of_that_name_else_a_role():
    shares = {name: {"target": "-3 LU"} for name in ("low", "guitar")}
    low = Selector.model_validate({"role": ["bass", "drums.kick"]})
    objective, _ = _compiled("role_budget", {"targets": shares}, low=low)
    np.testing.assert_array_equal(objective.scopes[0].table, [[0, 1, 0, 0], [0, 0, 1, 0]])


def test_a_track_takes_the_corner_of_its_closest_role():
    corners = {"guitar": "90 Hz", "vocal": "70 Hz", "vocal.lead": "80 Hz"}
    objective, _ = _compiled("low_energy_ratio", {"cutoff": corners})
    np.testing.assert_array_equal(objective.scopes[0].table[:, 0], [80.0, 0.0, 90.0, 0.0])


# When

LEFT_THEN_RIGHT = [Part(pink(), place=LEFT, course=(1.0, 0.0)), Part(pink(), place=RIGHT, course=(0.0, 1.0))]
"""One half of 1.6 s, a bar at 150 beats per minute, and another."""


@pytest.mark.parametrize(
    ("when", "balance_db"),
    [
        (None, 0.0),
        ({"from": "0 s", "to": "1.6 s"}, -70.0),
        ({"from": "1.6 s"}, 70.0),
        ({"to": "0:01.6"}, -70.0),
        ({"bars": "1-1"}, -70.0),
        ({"bars": "2-2"}, 70.0),
        ({"bars": "1-2"}, 0.0),
        ({"sections": "end"}, 70.0),
        ({"sections": ["start", "end"]}, 0.0),
        # both must hold: 0.8 s of the first half
        ({"sections": ["start", "end"], "to": "0.8 s"}, -70.0),
    ],
)
def test_a_rule_hears_the_part_of_the_song_that_it_names(when: Plain, balance_db: float):
    written = {} if when is None else {"when": when}
    rules = replace(
        _rule_set("left_right_balance", written),
        sections={
            "start": (Section.model_validate({"from": "0 s", "to": "1.6 s"}),),
            "end": (Section.model_validate({"from": "1.6 s", "to": "3.2 s"}),),
        },
    )
    dry = dry_of(LEFT_THEN_RIGHT)
    objective, _ = compile_rules(rules, song_of(LEFT_THEN_RIGHT, tempo_bpm=150.0), N_TRACKS, np.asarray(dry.time_s))
    value = float(readings(objective, dry, untouched(dry))[0].value[0])
    # one channel silent reads the floor, 80 dB below a track of -20
    assert value == pytest.approx(balance_db, abs=0.01) if balance_db == 0.0 else value / balance_db > 1.0


def test_bars_need_a_tempo():
    with pytest.raises(InputError, match=r"made: `when: bars` needs the song's tempo[\s\S]*tempo_bpm"):
        _compiled("left_right_balance", {"when": {"bars": "1-2"}})


@pytest.mark.parametrize(("active", "ratio_lu"), [(None, 3.01), ("for", 3.01), ("against", 0.0)])
def test_a_rule_can_wait_for_the_tracks_it_compares_with(active: str | None, ratio_lu: float):
    parts = [Part(pink(), tags=("lead",)), Part(pink(), course=(1.0, 0.0))]
    written = {} if active is None else {"when": {"active": active}}
    dry = dry_of(parts)
    rules = _rule_set("lead_to_rest_ratio", written)
    objective, _ = compile_rules(rules, song_of(parts), N_TRACKS, np.asarray(dry.time_s))
    assert float(readings(objective, dry, untouched(dry))[0].value[0]) == pytest.approx(ratio_lu, abs=0.01)


def test_frames_after_the_end_of_the_song_do_not_count():
    song = replace(song_of([Part(pink(), place=CENTRE)]), n_samples=44100)
    objective, _ = compile_rules(_rule_set("left_right_balance", {}), song, N_TRACKS, TIME_S)
    np.testing.assert_array_equal(objective.scopes[0].frames, TIME_S <= 1.0)


# The output

LOUD, PEAK = "integrated_loudness", "true_peak"


@pytest.mark.parametrize(
    ("rules", "aim_lufs", "ceiling_dbtp"),
    [
        ([], DEFAULT_AIM_LUFS, DEFAULT_CEILING_DBTP),
        ([(LOUD, {"target": "-14 LUFS"})], -14.0, DEFAULT_CEILING_DBTP),
        ([(LOUD, {"range": "-23 to -16 LUFS"})], -16.0, DEFAULT_CEILING_DBTP),
        ([(LOUD, {"max": "-18 LUFS"})], -18.0, DEFAULT_CEILING_DBTP),
        ([(LOUD, {"min": "-20 LUFS"})], -20.0, DEFAULT_CEILING_DBTP),
        ([(LOUD, {"target": "-14 LUFS"}), (LOUD, {"target": "-18 LUFS"})], -18.0, DEFAULT_CEILING_DBTP),
        ([(LOUD, {"target": "-14 LUFS", "enabled": False})], DEFAULT_AIM_LUFS, DEFAULT_CEILING_DBTP),
        ([(PEAK, {"max": "-1 dBTP"}), (PEAK, {"max": "-3 dBTP"})], DEFAULT_AIM_LUFS, -3.0),
        ([(PEAK, {"max": "-6 dBTP", "enabled": False}), (PEAK, {"max": "0 dBTP"})], DEFAULT_AIM_LUFS, 0.0),
    ],
)
def test_the_output_aims_at_what_the_rules_ask(
    rules: list[tuple[str, Mapping[str, Plain]]], aim_lufs: float, ceiling_dbtp: float
):
    output = output_of(tuple(rule_of(name, written, f"r{i}") for i, (name, written) in enumerate(rules)))
    assert (float(output.aim_lufs), float(output.ceiling_dbtp)) == (aim_lufs, ceiling_dbtp)


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ([("sibilance", {"acts_on": ["eq.high_cut"]})], ("eq.high_cut",)),
        ([("sibilance", {"acts_on": ["eq"]})], ()),
        ([("sibilance", {"acts_on": ["eq.high_cut"], "enabled": False})], ("eq.high_cut",)),
        ([("return_to_direct", {"enabled": False})], ()),
        ([("return_to_direct", {})], ("reverb",)),
        ([("sibilance", {"acts_on": ["eq.high_cut"]}), ("return_to_direct", {})], ("eq.high_cut", "reverb")),
    ],
)
def test_a_part_that_is_off_by_default_opens_where_a_rule_names_it(
    written: list[tuple[str, Mapping[str, Plain]]], asked: tuple[str, ...]
):
    rules = tuple(rule_of(name, {**RULES[name][0], **keys}, f"r{i}") for i, (name, keys) in enumerate(written))
    assert optional_parts(rules) == asked
