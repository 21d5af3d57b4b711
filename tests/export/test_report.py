"""The report page: whole, safe to open, honest in its units, and the same every time."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable

import numpy as np
import pytest

from hybrid.export.goal import Excerpt, GoalCurve, GoalRow, GoalSheet, GoalValue
from hybrid.export.report import report_html
from hybrid.export.sheet import Sheet
from hybrid.knowledge.verdict import Finding, TargetFinding, Verdict
from tests.pages.reader import Page

MakeSheet = Callable[..., Sheet]
BAD_NAME = "<script>alert('x')</script> \"& co\""


def with_verdicts(sheet: Sheet, before: tuple[Finding, ...], after: tuple[Finding, ...]) -> Sheet:
    return dataclasses.replace(
        sheet,
        before=dataclasses.replace(sheet.before, rules=before),
        after=dataclasses.replace(sheet.after, rules=after),
    )


def level_rule(kept: bool, *targets: TargetFinding) -> Finding:
    says = "The lead is about as loud as everything else."
    return Finding("lead.level", "ratio", "prefer", 2, 3.0, "LU", 1.0, "measured", 0.5, kept, targets, says)


@pytest.mark.parametrize("n_tracks", [1, 12, 60])
def test_a_report_is_well_formed_html_with_every_track_and_every_rule(make_sheet: MakeSheet, n_tracks: int):
    sheet = make_sheet(n_tracks)
    page = Page(report_html(sheet))
    for track in sheet.tracks:
        assert page.texts.count(track.id) >= 3, "in the levels, the tone curves and the timeline"
    for rule in sheet.after.rules:
        assert rule.id in page.texts and rule.reason in page.texts
    assert sum(map(page.rows, ("kept", "broken", "unused"))) == len(sheet.after.rules)


def test_a_report_loads_nothing_and_runs_nothing(make_sheet: MakeSheet):
    html = report_html(make_sheet())
    page = Page(html)
    assert not {"script", "link", "img", "iframe", "object", "image"} & {tag for tag, _ in page.tags}
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert all(link is not None and link.startswith("#") for link in links)
    assert not re.search(r"https?://|url\(|@import|\bon\w+=", html)
    assert "default-src 'none'" in html


def test_names_are_shown_as_text_and_never_become_markup(make_sheet: MakeSheet):
    sheet = make_sheet(3, names=(BAD_NAME,))
    target = TargetFinding(BAD_NAME, 1.0, None, 0.0, 1.0, None)
    rule = level_rule(False, target, target)._replace(id="<b>id", reason=BAD_NAME, evidence=BAD_NAME)
    sheet = with_verdicts(sheet, (), (rule,))
    sheet = dataclasses.replace(
        sheet, song=BAD_NAME, title=BAD_NAME + "!", notes=(BAD_NAME,), made_with={BAD_NAME: BAD_NAME},
        zone_names=(BAD_NAME, "b", "c", "d"),
    )  # fmt: skip
    html = report_html(sheet)
    assert "<script" not in html and "<b>id" not in html
    assert Page(html).texts.count(BAD_NAME) >= 10


def test_the_same_sheet_gives_the_same_bytes(make_sheet: MakeSheet):
    assert report_html(make_sheet(12)) == report_html(make_sheet(12))


def test_the_head_states_loudness_peak_and_kept_rules_before_and_after(make_sheet: MakeSheet):
    target = TargetFinding("LeadVox", 4.0, -2.0, 3.0, 1.0, (61.0, 65.0))
    sheet = make_sheet(2)
    sheet = with_verdicts(sheet, (level_rule(False, target),), (level_rule(True, target),))
    text = Page(report_html(sheet)).text
    assert "Loudness −16.0 LUFS raw sum −22.4" in text
    assert "True peak −1.1 dBTP raw sum 1.8" in text
    assert "Rules kept 1 of 1 raw sum 0" in text
    assert "Every rule is kept." in text


def test_a_rule_states_value_request_excess_and_time_with_units(make_sheet: MakeSheet):
    raw = TargetFinding("LeadVox", -7.25, -2.0, 3.0, 5.25, (30.0, 38.0))
    mix = TargetFinding("LeadVox", 3.42, -2.0, 3.0, 0.42, (61.0, 65.0))
    sheet = with_verdicts(make_sheet(2), (level_rule(False, raw),), (level_rule(False, mix),))
    text = Page(report_html(sheet)).text
    assert "−7.25 → 3.42 LU −2 to 3 LU 5.25 → 0.42 LU LeadVox 1:01–1:05 3 measured" in text
    assert "1 rule still broken: lead.level LeadVox, by 0.42 LU" in text


def test_the_excess_of_a_loudness_in_lufs_is_a_difference_in_lu(make_sheet: MakeSheet):
    target = TargetFinding("mix", -14.5, -16.0, -15.0, 0.5, None)
    rule = level_rule(False, target)._replace(unit="LUFS")
    assert "0.50 LU" in Page(report_html(with_verdicts(make_sheet(1), (rule,), (rule,)))).texts


def test_a_rule_that_mixing_broke_is_marked(make_sheet: MakeSheet):
    target = TargetFinding("mix", 5.0, -2.0, 3.0, 2.0, None)
    fine = target._replace(value=0.0, excess=0.0)
    sheet = make_sheet(1)
    broken = report_html(with_verdicts(sheet, (level_rule(True, fine),), (level_rule(False, target),)))
    still = report_html(with_verdicts(sheet, (level_rule(False, target),), (level_rule(False, target),)))
    assert "kept in the raw sum" in broken
    assert "kept in the raw sum" not in still


def test_broken_rules_stand_first_within_their_tier(make_sheet: MakeSheet):
    target = TargetFinding("mix", 5.0, -2.0, 3.0, 2.0, None)
    rules = tuple(
        level_rule(kept, target)._replace(id=name, tier=tier)
        for name, tier, kept in (("colour", 3, False), ("fine", 0, True), ("worse", 0, False))
    )
    html = report_html(with_verdicts(make_sheet(1), rules, rules))
    places = [html.index(f'id="rule-{name}"') for name in ("worse", "fine", "colour")]
    assert places == sorted(places)


def test_a_rule_that_matched_nothing_counts_neither_as_kept_nor_as_broken(make_sheet: MakeSheet):
    text = Page(report_html(with_verdicts(make_sheet(1), (), (level_rule(True),)))).text
    assert "matched nothing" in text
    assert "Rules kept 0 of 0" in text


def test_every_target_can_be_unfolded_and_thousands_of_pairs_are_cut_short(make_sheet: MakeSheet):
    targets = [TargetFinding(f"pair {n}", 4.0, None, 3.0, 1.0, None) for n in range(3540)]
    sheet = make_sheet(1)
    few = report_html(with_verdicts(sheet, (), (level_rule(False, *targets[:60]),)))
    many = report_html(with_verdicts(sheet, (), (level_rule(False, *targets),)))
    assert all(f"pair {n}<" in few for n in range(60))
    assert "3540 targets, 3540 over" in many and "and 3460 more" in many
    assert len(many) < 100_000


def silenced(sheet: Sheet) -> Sheet:
    quiet = dataclasses.replace(
        sheet.tracks[0], before_lu=-np.inf, after_lu=-np.inf, active=np.zeros_like(sheet.tracks[0].active)
    )
    return dataclasses.replace(sheet, tracks=(quiet, *sheet.tracks[1:]))


@pytest.mark.parametrize("n_tracks", [1, 5])
def test_a_silent_track_is_called_silent_and_has_no_place_in_the_stereo_field(make_sheet: MakeSheet, n_tracks: int):
    page = Page(report_html(silenced(make_sheet(n_tracks))))
    assert page.texts.count("silent") >= 3
    fields = [attrs["aria-label"] or "" for tag, attrs in page.tags if attrs.get("class") == "field"]
    assert len(fields) == 2 and not any("01_Kick" in field for field in fields)


def test_no_drawing_contains_a_number_that_is_not_one(make_sheet: MakeSheet):
    sheet = silenced(make_sheet(4))
    lost = TargetFinding("lead", -np.inf, -2.0, None, np.inf, None)
    sheet = with_verdicts(sheet, (level_rule(False, lost),), (level_rule(False, lost),))
    sheet.mix_short_term_lufs[:50] = -np.inf
    sheet.raw_spectrum_db[3] = -np.inf
    sheet = dataclasses.replace(sheet, before=Verdict(sheet.before.rules, -np.inf, -np.inf))
    page = Page(report_html(sheet))
    values = [value or "" for _, attrs in page.tags for value in attrs.values()]
    assert not [value for value in values if re.search(r"\b(nan|inf)\b", value)]
    assert not re.search(r"\b(nan|inf)\b", page.text)


@pytest.mark.parametrize("duration_s", [0.1, 0.3, 7.0, 600.0])
def test_any_length_of_song_has_a_time_axis(make_sheet: MakeSheet, duration_s: float):
    page = Page(report_html(make_sheet(2, duration_s)))
    times = [text for text in page.texts if re.fullmatch(r"\d+:\d\d", text)]
    assert "0:00" in times
    assert len(times) <= 10, "few enough to stand beside each other on a telephone"


def test_a_song_without_a_target_spectrum_shows_none(make_sheet: MakeSheet):
    sheet = dataclasses.replace(make_sheet(2), target_low_db=None, target_high_db=None)
    page = Page(report_html(sheet))
    assert "asked for" not in page.texts
    assert any("no rule asks" in (attrs.get("aria-label") or "") for _, attrs in page.tags)


def test_every_picture_is_described_or_stands_beside_its_numbers(make_sheet: MakeSheet):
    page = Page(report_html(make_sheet(12)))
    outer = [attrs for tag, attrs in page.tags if tag == "svg" and "class" in attrs]
    assert outer and all(attrs.get("aria-label") or attrs.get("aria-hidden") == "true" for attrs in outer)
    assert all("scope" in attrs for tag, attrs in page.tags if tag == "th")


def test_names_in_the_stereo_field_do_not_cover_each_other(make_sheet: MakeSheet):
    html = report_html(make_sheet(60))
    fields = re.findall(r'<svg class="field".*?</svg>', html, re.S)
    assert fields
    for field in fields:
        names = re.findall(r'class="name" x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)<', field)
        spots = [(float(x), float(y), 6.0 * len(text)) for x, y, text in names]
        assert len(spots) >= 8
        for n, (x, y, width) in enumerate(spots):
            assert all(abs(y - v) >= 12 or abs(x - u) >= (width + w) / 2 for u, v, w in spots[:n])


def test_sixty_tracks_of_ten_minutes_fit_in_two_megabytes_and_a_few_seconds(make_sheet: MakeSheet):
    sheet = make_sheet(60, 600.0)
    start = time.perf_counter()
    html = report_html(sheet)
    assert time.perf_counter() - start < 8.0
    assert len(html.encode()) < 2_000_000


def _goal(name: str = "favourite.wav") -> GoalSheet:
    band_hz = np.geomspace(32.0, 15500.0, 40)
    lean = tuple(GoalValue(f"{hz} Hz", 0.0, 0.5, 2.0, 1.8, 2.4) for hz in (750, 1650))
    rows = (
        GoalRow("tone", "goal.tone", "Bands of what both channels share", "dB", 0.6, (), 4.0, 1.25),
        GoalRow("place", "goal.place", "Where regions lie", "dB", 1.0, lean, 2.0, 0.5),
        GoalRow("width", "goal.width", "Octaves", "share", 0.0, (), 0.0, 0.0),
    )
    curve = GoalCurve("goal.tone", band_hz, np.zeros(40), np.linspace(-3, 3, 40), np.linspace(-5, 5, 40))
    return GoalSheet((name,), rows, (curve,), (Excerpt(name, 12.0, "data:audio/mpeg;base64,AAAA"),))


def test_a_report_shows_what_a_reference_asked_and_plays_it(make_sheet: MakeSheet):
    html = report_html(dataclasses.replace(make_sheet(3), goal=_goal()))
    page = Page(html)
    assert "Reference" in page.texts
    for text in ("favourite.wav", "Where regions lie", "1650 Hz"):
        assert text in page.text
    players = [attrs for tag, attrs in page.tags if tag == "audio"]
    assert [attrs["src"] for attrs in players] == ["data:audio/mpeg;base64,AAAA"]
    # the sound is in the page, and nothing else may be loaded
    assert "media-src data:" in html
    assert "Reference" not in Page(report_html(make_sheet(3))).texts


def test_names_of_references_never_become_markup(make_sheet: MakeSheet):
    html = report_html(dataclasses.replace(make_sheet(3), goal=_goal(BAD_NAME)))
    assert "<script>alert" not in html and "&lt;script&gt;" in html
