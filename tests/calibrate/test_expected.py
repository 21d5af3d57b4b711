"""The model of levels is fitted to mixes whose law is known, and refused where there is none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from hybrid import shelf
from hybrid.calibrate.decisions import table_levels
from hybrid.calibrate.expected import ExpectedLevels, fit_levels
from hybrid.calibrate.expected_rule import sentences
from hybrid.calibrate.level_terms import FEWEST
from hybrid.calibrate.levels import SongLevels
from hybrid.calibrate.rules import fit_rules
from hybrid.calibrate.write import Label, rule_text
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.types import ExpectedLevel
from tests.calibrate.tables import band, mix, parent, rows

ROLES = ("drums.kick", "drums.snare", "bass.synth", "keys.piano", "strings.ensemble", "synth.pad", "unknown")
OFFSETS = {"drums": 3.0, "bass": 0.0, "keys": -1.0, "strings": -4.0, "synth": 0.0, "unknown": 0.0}
Law = Callable[[SongLevels], np.ndarray]


def songs_under(law: Law, n_songs: int = 60, n_authors: int = 20, noise_lu: float = 1.0) -> list[SongLevels]:
    """Songs whose levels follow a law, but for some noise."""
    rng = np.random.default_rng(7)
    songs = []
    for k in range(n_songs):
        roles = tuple(rng.choice(ROLES, rng.integers(4, 10)))
        recorded_lu, presence = rng.normal(0.0, 5.0, len(roles)), -rng.exponential(1.0, len(roles))
        raw = SongLevels(f"song {k}", f"author {k % n_authors}", roles, False, recorded_lu, recorded_lu, presence)
        songs.append(raw._replace(level_lu=law(raw) + rng.normal(0.0, noise_lu, len(roles))))
    return songs


def half_and_role(song: SongLevels) -> np.ndarray:
    return 0.5 * song.recorded_lu + np.array([OFFSETS[role.partition(".")[0]] for role in song.roles])


def fitted(songs: Sequence[SongLevels]) -> ExpectedLevels:
    levels = fit_levels(songs)
    assert isinstance(levels, ExpectedLevels), levels
    return levels


def kept(levels: ExpectedLevels) -> dict[str, bool]:
    return {trial.term: trial.is_kept for trial in levels.trials}


def test_a_known_law_is_found_with_its_intervals():
    levels = fitted(songs_under(half_and_role))
    slope = levels.slopes["recorded"]
    assert slope.value == pytest.approx(0.5, abs=0.05) and slope.low <= 0.5 <= slope.high < 0.6
    level = {role: each.value - 0.5 * levels.recorded_level[role] for role, each in levels.level.items()}
    # what is known of few songs is drawn to what is known of all tracks
    assert 5.5 < level["drums"] - level["strings"] < 7.2
    assert levels.level["drums"].low < levels.level["drums"].value < levels.level["drums"].high
    # half of a normal distribution lies within 0.67 standard deviations of its mean, and nearer to the median of six
    assert levels.spread_lu == pytest.approx(0.55, abs=0.1)
    assert (levels.n_songs, levels.unit, levels.n_units, levels.songs_of["all"]) == (60, "authors", 20, 60)


def test_terms_that_levels_do_not_depend_on_are_refused_and_the_others_kept():
    terms = kept(fitted(songs_under(half_and_role)))
    assert terms["recorded"] and terms["roles"] and not terms["presence"] and not terms["company"]
    with_presence = fitted(songs_under(lambda song: half_and_role(song) + 2.0 * song.presence))
    assert with_presence.slopes["presence"].value == pytest.approx(2.0, abs=0.2)


def test_where_raw_levels_say_nothing_their_slope_is_refused():
    songs = songs_under(lambda song: half_and_role(song) - 0.5 * song.recorded_lu)
    assert not kept(fitted(songs))["recorded"] and "recorded" not in fitted(songs).slopes
    assert set(fitted(songs).recorded_level.values()) == {0.0}


def test_a_family_that_is_quieter_beside_a_lead_is_so_only_there():
    def beside_a_lead(song: SongLevels) -> np.ndarray:
        is_string = np.array([role.startswith("strings") for role in song.roles])
        return half_and_role(song) - 6.0 * is_string * song.has_lead

    leads = [song._replace(has_lead=k % 2 == 0) for k, song in enumerate(songs_under(half_and_role))]
    levels = fitted([song._replace(level_lu=beside_a_lead(song)) for song in leads])
    assert kept(levels)["lead"]
    assert levels.with_lead["strings"].value - levels.with_lead["drums"].value == pytest.approx(-6.0, abs=1.0)


def test_mixes_without_a_law_and_songs_of_few_authors_carry_no_model():
    rng = np.random.default_rng(3)
    noise = songs_under(lambda song: rng.normal(0.0, 3.0, len(song.roles)), n_songs=24, n_authors=8)
    reason = fit_levels(noise)
    assert isinstance(reason, str) and reason.startswith("nothing brings levels nearer to authors left out")
    few = fit_levels(songs_under(half_and_role, n_songs=FEWEST - 1))
    assert few == "levels are known in 4 songs, expected 5 or more"


def test_of_one_author_songs_are_left_out_in_turn():
    levels = fitted(songs_under(half_and_role, n_authors=1))
    assert (levels.unit, levels.n_units) == ("songs", 60) and kept(levels)["recorded"]
    assert next(sentences(levels)).endswith("of 60 songs, kept.")


def test_more_mixes_of_one_song_do_not_outvote_the_other_songs():
    songs = songs_under(half_and_role)
    odd = songs[0]._replace(level_lu=songs[0].level_lu * -3.0)
    once, often = fitted([odd, *songs[1:]]), fitted([odd] * 50 + songs[1:])
    assert often.slopes["recorded"].value == pytest.approx(once.slopes["recorded"].value, abs=1e-6)
    assert often.n_songs == 60


def test_a_gain_of_a_whole_song_changes_nothing():
    songs = songs_under(half_and_role)
    louder = [
        song._replace(level_lu=song.level_lu + k, recorded_lu=song.recorded_lu - k) for k, song in enumerate(songs)
    ]
    plain, other = ({role: each.value for role, each in fitted(given).level.items()} for given in (songs, louder))
    assert len(plain) > 5 and other == pytest.approx(plain, abs=1e-6)


def test_the_rule_that_is_written_expects_what_was_fitted(tmp_path: Path):
    songs = songs_under(lambda song: half_and_role(song) + 1.5 * song.presence)
    levels = fitted(songs)
    path = tmp_path / "mine.yaml"
    shelf.write(
        path, rule_text(fit_rules({}, parent(), "mine", levels=levels), Label("mine", "base", "Made", "", "fit"))
    )
    rules = load_rules([str(path)])
    (rule,) = [each for each in rules.enabled if isinstance(each, ExpectedLevel)]
    assert rule.evidence == "measured" and "60 songs by 20 authors" in rule.notes
    assert rule.recorded.interval and rule.recorded.interval[0] < rule.recorded.value < rule.recorded.interval[1]
    errors = []
    for song in songs:
        usual = [rule.roles.get(role, rule.roles.get(role.partition(".")[0], rule.roles["all"])) for role in song.roles]
        beyond_usual = song.recorded_lu - song.recorded_lu.mean() - np.array([each.recorded for each in usual])
        expected = np.array([each.level for each in usual]) + rule.recorded.value * beyond_usual
        beyond = song.level_lu - expected - rule.presence.value * song.presence
        errors.extend(np.abs(beyond - np.median(beyond)))
    # the noise that the songs were made with: 0.8 on average, about the median of a few tracks less
    assert float(np.mean(errors)) == pytest.approx(0.7, abs=0.1)
    assert (rule.target, rule.tolerance) == (0.0, 1.0)


def test_every_term_is_told_with_what_it_brings_to_authors_left_out():
    levels = fitted(songs_under(half_and_role))
    told = list(sentences(levels))
    assert len(told) == len(levels.trials) > 3
    assert told[0].startswith("Recorded: ") and told[0].endswith("of 20 authors, kept.")
    assert any(line.endswith("refused: no more than luck.") for line in told)


def test_a_table_gives_recorded_levels_and_those_after_the_faders():
    (levels,) = table_levels(rows(mix("One", band(lead_db=4.0, drums_db=-3.0))), weigh_by_scores=False)
    assert levels.roles == ("vocal.lead", "drums.kick", "bass.electric", "guitar.electric", "vocal.backing")
    np.testing.assert_allclose(levels.recorded_lu, -20.0)
    np.testing.assert_allclose(levels.level_lu, [-16.0, -23.0, -20.0, -20.0, -20.0])
    assert levels.has_lead and levels.weight == 1.0
