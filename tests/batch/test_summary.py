"""The page about a whole data set."""

from __future__ import annotations

from hybrid.batch.record import Record
from hybrid.batch.summary import summary_html, summary_of


def page(excess: dict[str, float]) -> str:
    """The page of songs by how far each is beyond one rule."""
    records = {
        song: Record(song, "done", song, "", "", duration_s=60.0, loudness_lufs=-16.0, rules={"a.rule": value})
        for song, value in excess.items()
    }
    return summary_html(summary_of(records), "set", {})


def test_the_worst_song_is_named_by_its_end_and_whole_where_a_pointer_rests():
    shown = page({"synthetic 1001007": 0.0, "synthetic 1001008": 2.5})
    assert "synt…c 1001008<" in shown and 'title="synthetic 1001008"' in shown
    assert "1001007" not in shown


def test_a_short_name_is_shown_as_it_is_and_none_where_all_keep_the_rule():
    assert ">funk &amp; soul<" in page({"funk & soul": 1.0})
    assert "funk" not in page({"funk & soul": 0.05})
