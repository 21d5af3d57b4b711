"""Every page that the program writes: well formed, closed to the network, and safe from what it is given."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from jinja2 import UndefinedError

from hybrid.batch.record import Record
from hybrid.batch.summary import song_lines, summary_html, summary_of
from hybrid.corpus.index import Index, IndexEntry
from hybrid.explain.tried import RuleEffect
from hybrid.export.corpus import statistics, statistics_html
from hybrid.export.first import FirstPage, TrackLine
from hybrid.export.report import report_html
from hybrid.export.tried import TriedPage
from hybrid.judging.statistics import paired_effect
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.verdict import Finding, TargetFinding
from hybrid.measure.meter import Levels
from hybrid.pages.document import document
from hybrid.study.arm import FULL
from hybrid.study.arms import arms_of
from hybrid.study.effects import Joint, Share, effects_of
from hybrid.study.report import report_html as study_html
from hybrid.study.rows import Row, Unit
from hybrid.study.schema import Study
from tests.export.conftest import made_up_sheet
from tests.pages.reader import Page

HOSTILE = '<script>alert(1)</script> & "x"'
Render = Callable[[str], str]


def report(name: str) -> str:
    """The report of a mix all of whose texts are `name`."""
    sheet = made_up_sheet(3, 20.0, (name, name, name))
    rules = tuple(
        rule._replace(id=name, reason=name, evidence=name, targets=tuple(t._replace(name=name) for t in rule.targets))
        for rule in sheet.after.rules
    )
    tracks = tuple(dataclasses.replace(track, role=name, tags=(name,)) for track in sheet.tracks)
    sheet = dataclasses.replace(
        sheet, song=name, title=f"{name}!", tracks=tracks, zone_names=(name,) * 4, notes=(name,),
        before=dataclasses.replace(sheet.before, rules=rules),
        after=dataclasses.replace(sheet.after, rules=rules), made_with={name: name},
    )  # fmt: skip
    return report_html(sheet)


def summary(name: str) -> str:
    """The summary of a run in which one song was mixed and one failed."""
    mixed = Record(name, "done", "", "", "", duration_s=60.0, seconds=20.0, loudness_lufs=-16.0, rules={name: 2.0})
    failed = Record("other", "failed", "", "", "", reason=name)
    records = {name: mixed, "other": failed}
    return summary_html(summary_of(records), song_lines(records, Path("out")), name, {name: name})


def corpus(name: str) -> str:
    """The statistics of a data set with one song and one that cannot be read."""
    song = IndexEntry("song", None, 60.0, 44100, ({"id": name, "role": name},), None, (), ())
    broken = song._replace(song=name, tracks=(), problems=(name,))
    index = Index(name, Path(), (song, broken))
    return statistics_html(index, statistics(index))


def study(name: str) -> str:
    """The report of a study with one arm."""
    planned = Study.model_validate({
        "schema": "study/1", "title": name, "about": name, "listen": ["without lead.level"],
        "arms": [{"leave_one_out": ["lead.level"]}],
    })  # fmt: skip
    rules = load_rules(["base"], [])
    level_lu = {FULL: 1.0, "without lead.level": 2.0}
    rows = [
        Row(song, 0, arm, "done", {"level_lu": value}, {"lead.level": value}, value, True)
        for song in (name, "b", "c") for arm, value in level_lu.items()
    ]  # fmt: skip
    effects = effects_of(rows, arms_of(planned, rules, 0), planned, rules)
    arms = tuple(each._replace(arm=each.arm._replace(id=name, changed=(name,))) for each in effects.arms)
    effect = paired_effect([1.0, 2.0])
    effects = effects._replace(
        arms=arms, shares=(Share(name, name, effect),), joint=(Joint((name, name), name, effect),)
    )
    return study_html(planned, effects, [Unit("", 0.1, (1, 0), (), tuple(rows))], {name: name}, {name: name})


def first(name: str) -> str:
    """The page of a first version."""
    levels = Levels(-16.0, -1.0, np.zeros(1), np.zeros(1))
    page = FirstPage(name, "mix.wav", (TrackLine(name, name, -3.0, 20.0),), levels, {name: name})
    return document("first", page)


def tried(name: str) -> str:
    """The page of a change of rules."""
    target = TargetFinding(name, 1.0, 0.0, 2.0, 0.0, None)
    finding = Finding(name, name, "prefer", 2, 1.0, "LU", 1.0, "guess", 0.5, True, (target,), name)
    effects = (RuleEffect(finding, finding._replace(penalty=0.2), True),)
    return document(
        "tried", TriedPage(name, (name, name), ("a/mix.wav", "b/mix.wav"), effects, (name,), (name,), {name: name})
    )


PAGES = pytest.mark.parametrize("render", [report, summary, corpus, study, first, tried])


@PAGES
def test_hostile_text_is_shown_as_text(render: Render):
    page = render(HOSTILE)
    assert "<script" not in page
    assert "&amp;lt;" not in page, "escaped twice"
    read = Page(page)
    assert {tag for tag, _ in read.tags} == {tag for tag, _ in Page(render("plain")).tags}
    assert HOSTILE in read.texts
    assert any(HOSTILE in (value or "") for _, attributes in read.tags for value in attributes.values())


@PAGES
def test_a_page_loads_nothing_and_runs_nothing(render: Render):
    page = render("plain")
    assert page.startswith("<!DOCTYPE html>") and "default-src 'none'" in page
    assert not {"script", "link", "img", "iframe", "object", "image"} & {tag for tag, _ in Page(page).tags}
    assert "http" not in page.replace("http-equiv", "")


@PAGES
def test_every_section_and_head_of_a_table_says_what_it_is_of(render: Render):
    tags = Page(render("plain")).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    sections = [attributes["aria-labelledby"] for tag, attributes in tags if tag == "section"]
    assert sections and set(sections) <= set(ids)
    heads = [attributes for tag, attributes in tags if tag == "th"]
    assert heads and all("scope" in attributes for attributes in heads)


def test_a_template_that_is_given_too_little_fails():
    with pytest.raises(UndefinedError):
        document("summary", object())
