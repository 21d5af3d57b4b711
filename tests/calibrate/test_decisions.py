from __future__ import annotations

import math
import random

import pytest

from hybrid.calibrate.decisions import decisions, notes_on, observe_table
from hybrid.calibrate.estimate import estimates
from hybrid.calibrate.prior import prior_rows
from tests.calibrate.tables import band, estimates_of, mix, parent, rows, track, tracks_of

FIVE_DB = 10.0 * math.log10(5.0)
"""Each of five equally loud tracks lies this far below the whole."""


def test_equal_faders_give_equal_shares():
    estimated = estimates_of(mix("One", band()), mix("Two", band()))
    for name in ("vocal.lead", "vocal.backing", "drums", "bass", "harmony"):
        assert estimated["share", name].median == pytest.approx(-FIVE_DB)
    assert estimated["level", "drums.kick"].median == pytest.approx(-FIVE_DB)
    assert estimated["covered", "budget"].median == pytest.approx(0.0, abs=1e-9)
    assert estimated["lead", "lead"].median == pytest.approx(-10.0 * math.log10(4.0))
    assert estimated["distance", "guitar.electric"].median == 40.0
    assert estimated["distance", "drums.kick"].median == 0.0


def test_a_common_gain_on_all_faders_changes_nothing():
    plain = estimates_of(mix("One", band(lead_db=3.0)), mix("Two", band(drums_db=-2.0)))
    moved = estimates_of(mix("One", band(lead_db=3.0, all_db=-11.0)), mix("Two", band(drums_db=-2.0, all_db=6.0)))
    assert plain and moved.keys() == plain.keys()
    for key, each in plain.items():
        assert moved[key].median == pytest.approx(each.median)
        assert moved[key].tolerance == pytest.approx(each.tolerance)


def test_the_order_of_mixes_and_of_tracks_changes_nothing():
    mixes = [mix(f"Song {i % 4}", band(lead_db=i, drums_db=-0.5 * i, pan=3.0 * i)) for i in range(9)]
    shuffled = random.Random(2).sample(mixes, len(mixes))
    backwards = [{**each, "tracks": tracks_of(each)[::-1]} for each in shuffled]
    plain, other = estimates_of(*mixes), estimates_of(*backwards)
    assert plain.keys() == other.keys()
    for key, each in plain.items():
        assert other[key] == pytest.approx(each)


def test_more_mixes_of_one_song_do_not_outvote_the_other_songs():
    one, two, three = (mix(f"Song {i}", band(lead_db=6.0 * i)) for i in range(3))
    once, often = estimates_of(one, two, three), estimates_of(one, one, one, one, two, three)
    assert often["share", "vocal.lead"].median == pytest.approx(once["share", "vocal.lead"].median)
    assert often["share", "vocal.lead"].tolerance == pytest.approx(once["share", "vocal.lead"].tolerance)
    assert (once["share", "vocal.lead"].n_mixes, often["share", "vocal.lead"].n_mixes) == (3, 6)
    assert often["share", "vocal.lead"].n_songs == 3


def test_several_lead_tracks_are_one_bus():
    five = [track(f"LeadVox{i}", "VOCALS", "LEAD", gain=-10.0 * math.log10(5.0)) for i in range(5)]
    split = estimates_of(mix("One", [*five, *band()[1:]]), mix("Two", [*five, *band()[1:]]))
    assert split["share", "vocal.lead"].median == pytest.approx(-FIVE_DB)
    assert split["level", "vocal.lead"].median == pytest.approx(-2 * FIVE_DB)
    assert split["share", "vocal.lead"].n_tracks == 10


def test_mixes_with_higher_scores_have_more_weight():
    high, low = mix("One", band(lead_db=6.0), (0.9, 0.9)), mix("One", band(), (0.1, 0.1), "B")
    other = mix("Two", band(), (0.5,))
    plain, weighed = estimates_of(high, low, other), estimates_of(high, low, other, weigh_by_scores=True)
    assert weighed["share", "vocal.lead"].median > plain["share", "vocal.lead"].median


def test_a_mix_without_scores_counts_as_the_others_of_its_song_do():
    scored = [mix("One", band(lead_db=6.0), (0.8,)), mix("One", band(), (0.4,), "B")]
    weights = {
        each.mix: each.weight
        for each in observe_table(rows(*scored, mix("One", band(), name="C"), mix("Two", band())), parent(), True)
    }
    assert list(weights.values()) == pytest.approx([0.8, 0.4, 0.6, 1.0])


def test_scores_that_no_one_gave_change_nothing():
    plain, weighed = (
        estimates_of(mix("One", band()), mix("Two", band(3.0)), weigh_by_scores=by) for by in (False, True)
    )
    assert plain == weighed


def test_buses_and_effects_do_not_count():
    bus = {**track("Vocal bus", "VOCALS", "LEAD", gain=10.0), "type": "AUX"}
    with_bus = estimates_of(mix("One", [*band(), bus]), mix("Two", [*band(), bus]))
    assert with_bus == estimates_of(mix("One", band()), mix("Two", band()))
    assert notes_on(rows(mix("One", [*band(), bus]))) == ["1 of 6 rows are buses, effects or signals: left out"]


@pytest.mark.parametrize("missing", [{"lufs": None}, {"gain": None}, {"lufs": -75.0}])
def test_a_track_without_a_level_keeps_its_place_only(missing: dict[str, float | None]):
    tom = track("Tom", "DRUMS", "TOM", pan=[-30], **missing)
    estimated = estimates_of(mix("One", [*band(), tom]), mix("Two", [*band(), tom]))
    assert ("level", "drums.tom") not in estimated
    assert estimated["distance", "drums.tom"].median == 30.0
    assert estimated["share", "drums"].median == pytest.approx(-FIVE_DB)
    (note,) = notes_on(rows(mix("One", [*band(), tom])))
    assert note == "without fader or raw loudness, left out of levels: 1 of 6 tracks"


def test_a_track_of_no_known_role_counts_in_the_whole_only():
    unknown = track("Rainstick", "MISC", "MISC", gain=FIVE_DB)
    estimated = estimates_of(mix("One", [*band(), unknown]), mix("Two", [*band(), unknown]))
    assert estimated["share", "bass"].median == pytest.approx(-FIVE_DB - 10.0 * math.log10(2.0))
    assert estimated["covered", "budget"].median == pytest.approx(-10.0 * math.log10(2.0))
    assert not [key for key in estimated if key[1] == "unknown"]


def test_two_mono_sides_are_one_stereo_track():
    sides = [track("OH L", "DRUMS", "OVERHEAD", pan=[-100]), track("OH R", "DRUMS", "OVERHEAD", pan=[100])]
    (only,) = decisions(rows(mix("One", sides))[0])
    assert only.position == 0.0
    assert only.lufs == pytest.approx(-20.0 + 10.0 * math.log10(2.0))


def test_the_position_of_a_stereo_track_is_the_mean_of_its_pans():
    row = track("Keys", "KEYS", "ELECTRIC", pan=[-100, 40], channels="STEREO")
    (only,) = decisions(rows(mix("One", [row]))[0])
    assert only.position == -30.0
    assert only.track.channels == 2


def test_a_stated_role_goes_before_instrument_and_name():
    row = track("Gtr", "GUITARS", "ELECTRIC", role="synth.pad")
    assert decisions(rows(mix("One", [row]))[0])[0].track.role == "synth.pad"


def test_the_rows_of_a_prior_are_level_and_place_by_role():
    estimated = estimates_of(*(mix(f"Song {i}", band(pan=10.0 * i)) for i in range(9)))
    by_name = {(row.feature, row.role): row for row in prior_rows(estimated)}
    assert by_name["level", "bass.electric"].mean == pytest.approx(-FIVE_DB)
    # distances from the centre of 0, 10 ... 80, of which the quartiles are 17.5 and 62.5
    assert by_name["position", "guitar.electric"].mean == pytest.approx(40.0)
    assert by_name["position", "guitar.electric"].spread == pytest.approx(22.5 / 0.6745, abs=0.1)
    assert by_name["position", "guitar.electric"].unit == "pan"


def test_the_spread_of_a_prior_is_wider_for_few_songs():
    few = estimates(observe_table(rows(mix("One", band()), mix("Two", band(lead_db=3.0))), parent(), False))
    row = next(row for row in prior_rows(few) if (row.feature, row.role) == ("level", "vocal.lead"))
    assert row.spread > 5.0 * few["level", "vocal.lead"].spread
