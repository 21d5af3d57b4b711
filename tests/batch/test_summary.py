"""The page about a whole data set."""

from __future__ import annotations

from pathlib import Path

from hybrid.batch.record import Record
from hybrid.batch.summary import ORDERS, song_lines, summary_html, summary_of


def page(excess: dict[str, float]) -> str:
    """The page of songs by how far each is beyond one rule."""
    records = {
        song: Record(song, "done", song, "", "", duration_s=60.0, loudness_lufs=-16.0, rules={"a.rule": value})
        for song, value in excess.items()
    }
    return summary_html(summary_of(records), (), "set", {})


def test_the_worst_song_is_named_by_its_end_and_whole_where_a_pointer_rests():
    shown = page({"synthetic 1001007": 0.0, "synthetic 1001008": 2.5})
    assert "synt…c 1001008<" in shown and 'title="synthetic 1001008"' in shown
    assert "1001007" not in shown


def test_a_short_name_is_shown_as_it_is_and_none_where_all_keep_the_rule():
    assert ">funk &amp; soul<" in page({"funk & soul": 1.0})
    assert "funk" not in page({"funk & soul": 0.05})


def test_every_song_is_listed_and_what_is_most_out_of_the_ordinary_comes_first():
    records = {
        name: Record(name, "done", name, "", "", duration_s=60.0, loudness_lufs=lufs, true_peak_dbtp=-1.0, rules=rules)
        for name, lufs, rules in (
            ("a", -16.0, {"x": 0.0, "y": 0.2}),
            ("b", -16.5, {"x": 5.0, "y": 0.0}),
            ("c", -9.0, {"x": 0.5, "y": 0.5}),
        )
    }
    lines = song_lines(records, Path("nowhere"))
    assert [line.name for line in lines] == ["b", "c", "a"]
    first = {order: min(lines, key=lambda line, by=by: line.ranks[by]).name for by, order in enumerate(ORDERS)}
    assert (first["song"], first["excess"], first["loudness"], first["rules kept"]) == ("a", "b", "c", "c")
    assert all(sorted(line.ranks[by] for line in lines) == [0, 1, 2] for by in range(len(ORDERS)))
    shown = summary_html(summary_of(records), lines, "set", {})
    assert "--by-2:0" in shown and "0 of 2" in shown and "1 of 2" in shown


def test_a_song_without_results_of_rules_is_listed_too():
    records = {"a": Record("a", "done", "a", "", "", duration_s=60.0)}
    (line,) = song_lines(records, Path("nowhere"))
    assert (line.rules, line.kept, line.excess, line.mix) == (0, 0, 0.0, "")
    assert song_lines({}, Path("nowhere")) == ()
