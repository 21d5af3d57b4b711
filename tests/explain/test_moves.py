"""Gradients described as moves, on made-up songs whose answers are known."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.explain.moves import Move, cosine, most_shared_control, moves_along, moves_between
from hybrid.explain.slopes import Slopes, slopes_of
from hybrid.refinement.pins import Pins
from hybrid.testing.songs import objective_of, untouched
from hybrid.treatment.bounds import unconstrain
from hybrid.treatment.parts import PARTS as PART_TABLE
from hybrid.treatment.parts import SEND_OFF_DB
from hybrid.treatment.types import Dry, Treatment
from tests.knowledge.made import Part, at_level, dry_of, pink, readings, rule_of, song_of

LEAD, REST = {"tag": "lead"}, {"not": {"tag": "lead"}}
PARTS = (
    Part(pink(), -30.0, role="vocal.lead", tags=("lead",)),
    Part(pink(), -20.0, role="bass"),
    Part(pink(), -40.0, role="guitar"),
)
IDS = ["voice", "bass", "guitar"]
RULES = [
    rule_of("lead_to_rest_ratio", {"for": LEAD, "against": REST, "min": "0 LU"}, "lead-up"),
    rule_of("lead_to_rest_ratio", {"for": REST, "against": LEAD, "min": "20 LU"}, "rest-up"),
    rule_of("lead_to_rest_ratio", {"for": LEAD, "against": REST, "min": "5 LU"}, "lead-further-up"),
    rule_of("pan_position", {"target": "R40"}, "right"),
    rule_of("pan_position", {"target": "R30", "for": {"role": "bass"}}, "bass-right"),
]
NEED_LU = 10.0
"""Loudness of the others over the voice, all of them pink and centred; the guitar adds 0.04 dB."""


@pytest.fixture(scope="module")
def dry() -> Dry:
    return dry_of(PARTS)


@pytest.fixture(scope="module")
def unconstrained(dry: Dry) -> Treatment:
    return unconstrain(untouched(dry))


@pytest.fixture(scope="module")
def slopes(dry: Dry, unconstrained: Treatment) -> Slopes:
    """Gradients of all rules, and of the voice's loudness over the others."""
    objective = objective_of(RULES, song_of(PARTS), dry)
    selected = np.eye(1, sum(len(low) for low in objective.ask.low), dtype=np.float32)
    return slopes_of(objective, dry, Pins.none(unconstrained), unconstrained, selected)


def rule(slopes: Slopes, name: str) -> Treatment:
    index = [each.id for each in RULES].index(name)
    return jax.tree.map(lambda leaf: leaf[index], slopes.cost_gradient)


def moves_of(slopes: Slopes, unconstrained: Treatment, need: float = NEED_LU) -> tuple[Move, ...]:
    return moves_along(jax.tree.map(lambda leaf: leaf[0], slopes.value_gradient), need, unconstrained, IDS)


def test_a_quiet_voice_is_raised_or_the_loudest_other_lowered(slopes: Slopes, unconstrained: Treatment):
    levels = [move for move in moves_of(slopes, unconstrained) if move.part == "gain.level"]
    assert [(move.track, move.amount > 0.0) for move in levels[:2]] == [("voice", True), ("bass", False)]
    assert str(levels[0]).startswith("raise voice by ")


def test_the_move_alone_meets_the_need(slopes: Slopes, unconstrained: Treatment, dry: Dry):
    raised = next(
        move for move in moves_of(slopes, unconstrained) if move.track == "voice" and move.part == "gain.level"
    )
    objective = objective_of(RULES, song_of(PARTS), dry)
    before, after = (
        float(readings(objective, dry, treatment)[0].value[0])
        for treatment in (untouched(dry), at_level(untouched(dry), raised.amount))
    )
    # a decibel of level is one of loudness; near its range a control is not linear: 3 % at ten decibels of 36
    assert after - before == pytest.approx(NEED_LU, rel=0.04)


def test_a_track_that_hardly_matters_is_not_listed(slopes: Slopes, unconstrained: Treatment):
    assert "guitar" not in {move.track for move in moves_of(slopes, unconstrained)}


def test_a_need_beyond_the_range_is_not_enough_alone(slopes: Slopes, unconstrained: Treatment):
    near, far = moves_of(slopes, unconstrained, 3.0), moves_of(slopes, unconstrained, 200.0)
    levels = [move for move in near if move.part == "gain.level"]
    assert levels and all(move.is_enough for move in levels)
    assert far and not any(move.is_enough for move in far)


def test_the_range_of_a_cut_is_measured_in_octaves(unconstrained: Treatment):
    start, _ = PART_TABLE["eq.low_cut"].limits
    gradient = jax.tree.map(jnp.zeros_like, unconstrained)
    gradient = replace(gradient, eq=gradient.eq._replace(low_cut_hz=gradient.eq.low_cut_hz.at[0].set(1.0)))
    moved = [move for need in np.linspace(1.0, 40.0, 40) for move in moves_along(gradient, need, unconstrained, IDS)]
    octaves = np.array([np.log2((start + move.amount) / start) for move in moved])
    # of five and a half octaves up from 10 Hz, the last 5 % are a sixth of the hertz
    assert (octaves < 5.0).any() and ((octaves > 5.25) & (octaves < 5.4)).any()
    assert [move.is_enough for move in moved] == (octaves <= 0.95 * 5.5).tolist()


def test_shares_of_the_gradient_fall_and_add_up_to_no_more_than_one(slopes: Slopes, unconstrained: Treatment):
    shares = [move.share for move in moves_of(slopes, unconstrained)]
    assert shares == sorted(shares, reverse=True)
    assert 0.9 < sum(shares) <= 1.0


def test_rules_that_want_the_opposite_have_cosine_minus_one(slopes: Slopes):
    assert cosine(rule(slopes, "lead-up"), rule(slopes, "rest-up")) == pytest.approx(-1.0, abs=1e-3)
    assert cosine(rule(slopes, "lead-up"), rule(slopes, "lead-further-up")) == pytest.approx(1.0, abs=1e-3)


def test_rules_that_move_nothing_in_common_have_cosine_zero_and_meet_nowhere(slopes: Slopes):
    assert cosine(rule(slopes, "lead-up"), rule(slopes, "right")) == 0.0
    assert most_shared_control(rule(slopes, "lead-up"), rule(slopes, "right"), IDS) == ""


def test_two_rules_meet_over_the_track_that_both_move(slopes: Slopes):
    assert most_shared_control(rule(slopes, "right"), rule(slopes, "bass-right"), IDS) == "position of bass"


@pytest.mark.parametrize(
    ("part", "amount", "where", "sentence"),
    [
        ("gain.level", -2.55, "", "lower pad by 2.5 dB"),
        ("eq.tone", 1.44, "around 2.5 kHz", "lift pad by 1.4 dB around 2.5 kHz"),
        ("pan.position", -12.2, "", "move pad to the left by 12 pan"),
        ("eq.low_cut", 31.0, "", "move the low cut of pad up by 31 Hz"),
        ("dynamics.zone", -0.012, "below 150 Hz at 0:04", "press pad down by 0.012 dB below 150 Hz at 0:04"),
    ],
)
def test_a_move_reads_as_an_instruction_to_an_engineer(part: str, amount: float, where: str, sentence: str):
    unit = {"pan.position": "pan", "eq.low_cut": "Hz"}.get(part, "dB")
    assert str(Move(part, "pad", amount, unit, where, 1.0, True)) == sentence


def test_moves_between_two_treatments_lead_from_one_to_the_other(dry: Dry):
    one = untouched(dry)
    gain = one.gain._replace(level_db=one.gain.level_db.at[0].set(3.0))
    other = replace(one, gain=gain, pan=one.pan._replace(position=one.pan.position.at[1].set(-40.0)))
    there = {(move.part, move.track): move for move in moves_between(one, other, IDS)}
    assert there["gain.level", "voice"].amount == pytest.approx(3.0)
    assert there["pan.position", "bass"].amount == pytest.approx(-40.0)
    # in units of their scales, 3 dB and 20: one unit and two
    assert there["gain.level", "voice"].share == pytest.approx(0.2) and len(there) == 2
    back = {(move.part, move.track): move.amount for move in moves_between(other, one, IDS)}
    assert back == {key: pytest.approx(-move.amount) for key, move in there.items()}
    assert moves_between(one, one, IDS) == ()


def test_a_part_that_only_one_treatment_has_is_neutral_in_the_other(dry: Dry):
    with_room = untouched(dry)
    assert with_room.reverb is not None
    sent = with_room.reverb._replace(send_db=with_room.reverb.send_db.at[0].set(-12.0))
    high_cut = jnp.array([5000.0, jnp.inf, jnp.inf])
    other = replace(with_room, reverb=sent, eq=with_room.eq._replace(high_cut_hz=high_cut))
    one = replace(with_room, reverb=None, pan=with_room.pan._replace(spread_db=None))
    there, back = (
        {move.part: move for move in each} for each in (moves_between(one, other, IDS), moves_between(other, one, IDS))
    )
    assert set(there) == set(back) == {"reverb.send", "eq.high_cut"}
    assert there["reverb.send"].amount == pytest.approx(-12.0 - SEND_OFF_DB) == -back["reverb.send"].amount
    # from the highest corner, since a cut that is off lies beyond all frequencies
    highest_hz = PART_TABLE["eq.high_cut"].bijector.limits[1]
    assert there["eq.high_cut"].amount == pytest.approx(5000.0 - highest_hz) == -back["eq.high_cut"].amount
