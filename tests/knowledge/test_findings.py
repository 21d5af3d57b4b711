from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.knowledge.findings import verdict_of
from hybrid.knowledge.objective import Objective
from hybrid.knowledge.readings import Reading
from hybrid.knowledge.types import RuleType
from hybrid.knowledge.verdict import Finding, TargetFinding, Verdict
from hybrid.signal import bands
from hybrid.testing.songs import FRAME_S, objective_of, untouched
from tests.knowledge.made import RULES, Part, Plain, all_rules, dry_of, pink, readings, rule_of, song_of

pytestmark = pytest.mark.long

PARTS = (
    Part(pink(), role="vocal.lead", tags=("lead",)),
    Part(pink(), role="bass"),
    Part(pink(), role="guitar"),
)
IDS = ["vox", "bass", "gtr"]
TIME_S = (np.arange(80) + 0.5) * FRAME_S
"""Eight seconds, longer than the spans that are named."""


def _objective(*rules: RuleType) -> Objective:
    return objective_of(rules, song_of(PARTS), dry_of(PARTS))


def _verdict(objective: Objective, *read_of: Reading) -> Verdict:
    return verdict_of(objective, read_of, IDS, TIME_S, (-16.0, -1.5))


def _reading(value: Sequence[float], share: Sequence[float], course: np.ndarray | None = None) -> Reading:
    over_time = None if course is None else jnp.asarray(course, jnp.float32)
    return Reading(jnp.asarray(value, jnp.float32), jnp.asarray(share, jnp.float32), over_time)


def _finding(
    written: Mapping[str, Plain],
    value: Sequence[float],
    course: np.ndarray | None = None,
    type_name: str = "timbre_change",
) -> Finding:
    """A rule's finding on four values, the last of which is padding."""
    rule = rule_of(type_name, {**RULES[type_name][0], **written})
    return _verdict(_objective(rule), _reading(value, [1.0, 1.0, 1.0, 0.0], course)).rules[0]


def test_targets_are_tracks_by_name_worst_first_and_padding_is_none():
    finding = _finding({"max": "4 dB"}, [5.0, 1.0, 7.0, 99.0])
    assert [(t.name, t.value, t.excess) for t in finding.targets] == [
        ("gtr", 7.0, 3.0), ("vox", 5.0, 1.0), ("bass", 1.0, 0.0)]  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "value", "worst_first"),
    [
        ({"max": None, "min": "1 dB"}, [41.0, 18.0, 30.0, 99.0], [18.0, 30.0, 41.0]),
        ({"max": "4 dB"}, [-1.0, -35.0, 0.5, 99.0], [0.5, -1.0, -35.0]),
        ({"max": None, "range": "0 to 4 dB"}, [2.0, 0.5, 3.8, 99.0], [3.8, 0.5, 2.0]),
    ],
)
def test_among_targets_that_hold_the_worst_is_nearest_to_its_limit(
    asked: Mapping[str, Plain], value: list[float], worst_first: list[float]
):
    targets = _finding(asked, value).targets
    assert [target.excess for target in targets] == [0.0] * 3
    assert [target.value for target in targets] == pytest.approx(worst_first)


@pytest.mark.parametrize(
    ("asked", "low", "high"),
    [
        ({"max": "4 dB"}, None, 4.0),
        ({"max": None, "min": "1 dB"}, 1.0, None),
        ({"max": None, "range": "1 to 4 dB"}, 1.0, 4.0),
    ],
)
def test_a_limit_that_is_not_asked_is_none(asked: Mapping[str, Plain], low: float | None, high: float | None):
    target = _finding(asked, [2.0] * 4).targets[0]
    assert (target.low, target.high, target.excess) == (low, high, 0.0)


def test_a_finding_carries_what_the_rule_says_of_itself():
    written = {"max": "4 dB", "weight": "strong", "scale": "2 dB", "kind": "require", "tier": 1, "evidence": "measured"}
    finding = _finding(written, [8.0, 0.0, 0.0, 0.0])
    assert (finding.id, finding.type, finding.unit, finding.scale) == ("made", "timbre_change", "dB", 2.0)
    assert (finding.kind, finding.tier, finding.weight, finding.evidence) == ("require", 1, 3.0, "measured")
    assert finding.reason == "Every track is still the same instrument."
    # 4 dB beyond are two scales: 1.236, the mean over three tracks, three times
    assert finding.penalty == pytest.approx(np.sqrt(5.0) - 1.0, rel=1e-5)


@pytest.mark.parametrize(("excess_db", "kept"), [(0.0, True), (0.19, True), (0.21, False)])
def test_a_rule_is_kept_up_to_a_tenth_of_its_scale_on_its_worst_target(excess_db: float, kept: bool):
    assert _finding({"max": "4 dB", "scale": "2 dB"}, [0.0, 4.0 + excess_db, 1.0, 99.0]).kept is kept


def test_a_rule_that_matches_nothing_is_kept_and_has_no_targets():
    rule = rule_of("timbre_change", {"max": "4 dB"})
    finding = _verdict(_objective(rule), _reading([9.0] * 4, [0.0] * 4)).rules[0]
    assert finding.kept and finding.targets == () and finding.penalty == 0.0


def test_a_rule_that_asks_for_restraint_alone_cannot_be_broken():
    finding = _finding({}, [9.0, 4.0, 0.0, 0.0], type_name="minimal_change")
    assert finding.kept and finding.penalty > 0.0
    assert all(target.low is None and target.high is None for target in finding.targets)


def test_rules_that_are_off_are_left_out():
    on, off = (rule_of("timbre_change", {"max": "4 dB", "enabled": on}, f"is-{on}".lower()) for on in (True, False))
    verdict = _verdict(_objective(off, on), *[_reading([1.0] * 4, [1.0] * 4)] * 2)
    assert [finding.id for finding in verdict.rules] == ["is-true"]
    assert (verdict.loudness_lufs, verdict.true_peak_dbtp) == (-16.0, -1.5)


def _loud_around(start_s: float, end_s: float, value: float = 9.0) -> np.ndarray:
    """A course of four tracks, high for a while on the first of them."""
    course = np.zeros((4, len(TIME_S)))
    course[0] = np.where((start_s <= TIME_S) & (end_s > TIME_S), value, 0.0)
    return course


@pytest.mark.parametrize(("at_s", "span"), [(4.0, (2.55, 5.55)), (0.0, (0.0, 3.0)), (7.9, (4.95, 7.95))])
def test_the_three_seconds_around_the_worst_moment_are_named_inside_the_song(at_s: float, span: tuple[float, float]):
    target = _finding({"max": "4 dB"}, [5.0, 1.0, 1.0, 0.0], _loud_around(at_s, at_s + FRAME_S)).targets[0]
    assert target.when == pytest.approx(span, abs=1e-3)


def test_too_little_has_its_moment_as_well():
    course = 9.0 - _loud_around(2.0, 2.0 + FRAME_S)
    target = _finding({"max": None, "min": "4 dB"}, [3.0, 9.0, 9.0, 9.0], course).targets[0]
    assert target.when == pytest.approx((0.55, 3.55), abs=1e-3)


def test_a_target_that_is_kept_or_has_no_course_has_no_moment():
    kept, whole = _finding({"max": "4 dB"}, [3.0] * 4, _loud_around(1.0, 2.0)), _finding({"max": "4 dB"}, [5.0] * 4)
    assert [t.when for t in (*kept.targets, *whole.targets)] == [None] * 6


# What targets are called, on real readings of every type


@pytest.fixture(scope="module")
def found() -> dict[str, tuple[TargetFinding, ...]]:
    """Targets of every rule by its id."""
    dry = dry_of(PARTS, n_frames=16)
    objective = objective_of(all_rules(), song_of(PARTS), dry)
    read_of = readings(objective, dry, untouched(dry))
    return {f.id: f.targets for f in verdict_of(objective, read_of, IDS, np.asarray(dry.time_s), (0.0, 0.0)).rules}


ABSENT = {
    "pair-spread.0", "transients-kept.0", "phase-coherence.0", "quiet-rests.0", "corpus-prior.2"
}  # fmt: skip
"""What this song has not: partners, onsets, shared phase, rests, stereo tracks, sections."""


@pytest.mark.parametrize("rule", all_rules(), ids=lambda rule: rule.id)
def test_every_target_has_a_name_and_real_numbers(rule: RuleType, found: dict[str, tuple[TargetFinding, ...]]):
    targets = found[rule.id]
    assert bool(targets) == (rule.id not in ABSENT)
    assert all(target.name for target in targets)
    assert len({target.name for target in targets}) == len(targets)
    assert all(np.isfinite([target.value, target.excess]).all() for target in targets)
    assert [t.excess for t in targets] == sorted((t.excess for t in targets), reverse=True)


@pytest.mark.parametrize(
    ("rule_id", "names"),
    [
        ("lead-to-rest-ratio.0", {"vox"}),
        ("role-budget.0", {"vocal.lead", "bass", "guitar"}),
        ("timbre-change.0", {"vox", "bass", "gtr"}),
        ("spectral-overlap.0", {"vox / bass", "vox / gtr", "bass / gtr"}),
        ("spectral-overlap.1", {"vox / gtr"}),
        ("integrated-loudness.0", {"mix"}),
    ],
)
def test_targets_are_called_what_they_are(rule_id: str, names: set[str], found: dict[str, tuple[TargetFinding, ...]]):
    assert {target.name for target in found[rule_id]} == names


def test_bands_are_called_by_their_frequency(found: dict[str, tuple[TargetFinding, ...]]):
    names = {target.name for target in found["long-term-spectrum.0"]}
    inside = [f for f in bands.band_centres_hz() if 100.0 <= f <= 4000.0]
    assert names == {f"{f / 1000:.1f} kHz" if f >= 1000 else f"{f:.0f} Hz" for f in inside}


def test_a_bus_of_several_tracks_is_called_by_all_of_them():
    rule = rule_of("lead_to_rest_ratio", {**RULES["lead_to_rest_ratio"][0], "for": {"role": ["vocal", "bass"]}})
    assert _verdict(_objective(rule), _reading([0.0], [1.0])).rules[0].targets[0].name == "vox + bass"
