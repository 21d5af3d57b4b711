from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from pydantic import ValidationError

from hybrid import quantity, shelf
from hybrid.knowledge.schema import json_schema
from hybrid.knowledge.types import TYPES, RuleType
from hybrid.knowledge.types.loudness import budget_sum_lu
from hybrid.units import ValidationContext

NEEDED: dict[str, dict[str, object]] = {
    "lead_to_rest_ratio": {"against": "all"},
    "role_budget": {"targets": {"bass": {"target": "0 LU"}}},
    "long_term_spectrum": {"curve": {"100 Hz": "0 dB", "4 kHz": "-10 dB"}},
    "low_energy_ratio": {"cutoff": "80 Hz"},
    "side_energy": {"band": "20-120 Hz"},
    "essential_band_masking": {"against": "all"},
    "lead_clarity": {"against": "all"},
    "band_ownership": {"against": "all", "band": "60-250 Hz"},
    "region_excess": {"band": "200-400 Hz"},
    "width_by_frequency": {"widths": {"20-120 Hz": "0 to 0.01"}},
    "level_consistency": {"against": "all"},
    "sidechain_depth": {"against": "all"},
    "section_contrast": {"sections": ["chorus", "verse"]},
    "expected_level": {"roles": {"all": {"level": "0 LU"}}},
    "given_level": {"levels": {"t0": "-3 LU"}},
    "given_place": {"places": {"t0": "C"}},
    "corpus_prior": {"feature": "level", "table": {"bass": {"mean": -9.0, "spread": 2.0}}},
}
"""What a type cannot do without, beyond what it asks for."""
ASKING = [name for name, kind in TYPES.items() if kind.asks]


def rule(name: str, **keys: object) -> RuleType:
    given = {"id": "r", "type": name} | NEEDED.get(name, {}) | keys
    return TYPES[name].model_validate(given, context=ValidationContext(strict=True))


def asking(name: str, value: float = 0.5) -> dict[str, object]:
    return {"max": quantity.write(value, TYPES[name].unit)} if TYPES[name].asks else {}


def said(name: str, **keys: object) -> str:
    with pytest.raises(ValidationError) as error:
        rule(name, **keys)
    return "; ".join(each["msg"] for each in error.value.errors())


@pytest.mark.parametrize("name", TYPES)
def test_a_type_says_its_rule_in_one_sentence_with_its_source_and_cheats(name: str):
    assert TYPES[name].says().endswith(".")
    doc = TYPES[name].__doc__ or ""
    assert "Source: " in doc
    assert "Cheats: " in doc


@pytest.mark.parametrize("name", TYPES)
def test_a_scale_is_written_in_the_unit_of_a_difference(name: str):
    plain = rule(name, **asking(name))
    unit = quantity.difference_unit(plain.unit)
    written = plain.written()["scale"]
    assert isinstance(written, str | float)
    assert quantity.read(written, unit) == plain.scale > 0


@pytest.mark.parametrize("name", TYPES)
def test_what_a_rule_writes_reads_as_the_same_rule(name: str):
    full = rule(
        name,
        **asking(name),
        tags=["a"],
        when={"from": "0:10", "to": "1:05.5", "bars": "9-16", "active": "for"},
        aggregate="worst(25 %)",
        schedule={
            "start": "20 %",
            "tolerance_from": quantity.write(9.0, quantity.difference_unit(TYPES[name].unit)),
        },
    )
    assert TYPES[name].model_validate(full.written()) == full


@pytest.mark.parametrize("name", ASKING)
def test_a_target_allows_its_tolerance_on_both_sides(name: str):
    unit = TYPES[name].unit
    asked = rule(
        name,
        target=quantity.write(0.5, unit),
        tolerance=quantity.write(0.25, quantity.difference_unit(unit)),
    )
    assert asked.bounds() == (0.25, 0.75)


@pytest.mark.parametrize("name", ASKING)
def test_a_limit_leaves_the_other_side_free(name: str):
    unit = TYPES[name].unit
    half, whole = quantity.write(0.5, unit), quantity.write(1.0, unit)
    assert rule(name, min=half).bounds() == (0.5, None)
    assert rule(name, max=half).bounds() == (None, 0.5)
    assert rule(name, min=half, max=whole).bounds() == (0.5, 1.0)
    assert rule(name, range=f"{half} to {whole}").bounds() == (0.5, 1.0)


@pytest.mark.parametrize("name", ASKING)
def test_another_unit_than_that_of_the_type_is_refused(name: str):
    wrong = "3 beats" if TYPES[name].unit != "plain" else "3 dB"
    for key in ("target", "min", "max", "scale"):
        with pytest.raises(ValidationError, match="expected"):
            rule(name, **{key: wrong})


@pytest.mark.parametrize("name", ASKING)
def test_a_rule_that_asks_for_nothing_is_refused(name: str):
    assert "asks for nothing" in said(name)


@pytest.mark.parametrize("name", [name for name in TYPES if name not in ASKING])
def test_a_type_that_brings_its_own_interval_takes_no_other(name: str):
    assert "takes no max" in said(name, max=quantity.write(1.0, TYPES[name].unit))


def test_asking_twice_is_refused():
    assert "asks twice, by target and max" in said("true_peak", target="-2 dBTP", max="-1 dBTP")


def test_an_empty_interval_is_refused():
    assert "nothing satisfies it" in said("true_peak", min="0 dBTP", max="-1 dBTP")


def test_a_tolerance_without_a_target_is_refused():
    assert "belongs to a target" in said("true_peak", max="-1 dBTP", tolerance="1 dB")


def test_the_tolerance_of_a_loudness_is_in_lu():
    asked = rule("integrated_loudness", target="-16 LUFS", tolerance="0.2 LU")
    assert asked.written()["tolerance"] == "0.2 LU"
    assert "expected a loudness difference" in said("integrated_loudness", target="-16 LUFS", tolerance="1 LUFS")


def test_a_pan_position_is_written_as_on_a_desk():
    assert rule("pan_position", target="L30", tolerance="4 pan").bounds() == (-34.0, -26.0)


def test_a_rule_of_the_mix_speaks_of_no_single_track():
    assert "measures the whole mix" in said("left_right_balance", target="0 dB", **{"for": {"role": "bass"}})


def test_only_types_that_compare_take_against():
    assert "compares with nothing" in said("timbre_change", max="4 dB", against="all")
    assert "needs `against`" in said("lead_to_rest_ratio", target="0 LU", against=None)
    assert rule("spectral_overlap", max=0.5, against={"tag": "lead"}).against is not None


def test_weights_have_names():
    weights = [rule("true_peak", max="-1 dBTP", weight=each).weight for each in ("weak", "normal", "strong", 2)]
    assert weights == [0.3, 1.0, 3.0, 2.0]
    assert "weak, normal, strong" in said("true_peak", max="-1 dBTP", weight="huge")
    assert "a number from 0" in said("true_peak", max="-1 dBTP", weight=-1)


def test_one_role_alone_needs_no_list():
    assert rule("timbre_change", max="4 dB", **{"for": {"role": "bass"}}).for_.role == ("bass",)


def test_a_cutoff_may_be_one_for_all_or_one_for_each_role():
    assert rule("low_energy_ratio", max="-30 dB").written()["cutoff"] == {"all": "80 Hz"}
    by_role = rule("low_energy_ratio", max="-30 dB", cutoff={"vocal": "80 Hz", "drums.hihat": "250 Hz"})
    assert by_role.written()["cutoff"] == {"vocal": "80 Hz", "drums.hihat": "250 Hz"}


@pytest.mark.parametrize("curve", [{}, {"100 Hz": "0 dB"}, {"1 kHz": "0 dB", "1000 Hz": "1 dB"}, "flat"])
def test_a_curve_needs_two_points_at_different_frequencies(curve: object):
    assert said("long_term_spectrum", target="0 dB", curve=curve)


def test_two_halves_make_a_whole_budget():
    assert budget_sum_lu({"a": -3.0103, "b": -3.0103}) == pytest.approx(0.0, abs=1e-4)
    assert budget_sum_lu({"a": 0.0, "b": 0.0}) == pytest.approx(10 * math.log10(2))


def test_a_budget_of_more_than_there_is_is_refused():
    targets = {"vocal": {"target": "-1 LU"}, "drums": {"target": "-1 LU"}}
    assert "add up to +2.0 LU of the mix" in said("role_budget", targets=targets)


def test_a_budget_that_leaves_a_rest_is_a_doubt():
    assert "add up to only -9.0 LU" in said("role_budget", targets={"bass": {"target": "-9 LU"}})


def test_the_schema_for_editors_knows_every_type_and_no_other_key():
    definitions = json_schema()["$defs"]
    assert TYPES
    for name, kind in TYPES.items():
        definition = definitions[kind.__name__]
        assert definition["additionalProperties"] is False
        assert definition["properties"]["type"] == {"const": name}
        keys = {field.alias or key for key, field in kind.model_fields.items()}
        assert set(definition["properties"]) == keys


def test_the_shipped_schema_is_current():
    shipped = json.loads((Path(shelf.shipped("rules")) / "mixrules.schema.json").read_text())
    current = json_schema()
    assert shipped["properties"].keys() == current["properties"].keys()
    for kind in TYPES.values():
        old, new = shipped["$defs"][kind.__name__], current["$defs"][kind.__name__]
        assert old["description"] == new["description"], "run: hybrid rules schema > rules/mixrules.schema.json"
        assert old["properties"].keys() == new["properties"].keys()
