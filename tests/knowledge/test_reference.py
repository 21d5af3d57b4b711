"""What types say of themselves, and the page that is made of it."""

from __future__ import annotations

from typing import ClassVar

import pytest

from hybrid import shelf
from hybrid.knowledge import describe
from hybrid.knowledge.describe import NEEDED, part_words, selector_words, sheet_of
from hybrid.knowledge.reference import HEADING, reference, renewed
from hybrid.knowledge.select import Selector
from hybrid.knowledge.types import TYPES, RuleType
from hybrid.units import Db, HzBand


class Wobble(RuleType):
    """Nothing wobbles.

    How far it wobbles | or shakes,
    in dB.

    Source: a friend
    of a friend.
    Cheats: standing still (true_peak), a wobble (wobble).
    """

    unit: ClassVar[str] = "dB"
    optimised: ClassVar[bool] = False

    depth: Db = 6.0
    """How deep
    it may go."""
    band: HzBand
    scale: Db = 2.0


@pytest.fixture
def wobble(monkeypatch: pytest.MonkeyPatch) -> str:
    """A type that the table knows for one test."""
    monkeypatch.setitem(TYPES, "wobble", Wobble)
    return "wobble"


def test_the_reference_in_the_readme_is_current():
    path = shelf.shipped("rules") / "README.md"
    text = path.read_text(encoding="utf-8")
    assert renewed(text) == text, "run: python -m hybrid.knowledge.reference rules/README.md"


def test_what_is_written_by_hand_stays_and_what_is_generated_is_replaced():
    page = f"# Mine\n\nBy hand, with a word on {HEADING}.\n\n{HEADING}\n\nold\n"
    assert renewed(page) == f"# Mine\n\nBy hand, with a word on {HEADING}.\n\n{reference()}"
    assert renewed(renewed(page)) == renewed(page)
    assert renewed("# Mine\n") == f"# Mine\n\n{reference()}"


@pytest.fixture(scope="module")
def text() -> str:
    """The reference of the types that are shipped, made once."""
    return reference()


@pytest.mark.parametrize("name", TYPES)
def test_every_type_is_in_the_table_and_has_a_section(name: str, text: str):
    assert f"| [`{name}`](#{name}) | {sheet_of(name).family} |" in text
    assert f"| {TYPES[name].says()} |" in text
    assert text.count(f"\n### {name}\n") == 1


@pytest.mark.parametrize("name", TYPES)
def test_every_type_says_what_it_measures_from_where_and_in_what_family(name: str):
    sheet = sheet_of(name)
    assert sheet.measures and sheet.source and sheet.cheats and sheet.family
    assert "Source:" not in " ".join(sheet.measures) and "Cheats:" not in sheet.source
    assert set(sheet.guards) <= set(TYPES) - {name}
    assert describe.family_description(TYPES[name]).endswith(".")


@pytest.mark.parametrize("name", TYPES)
def test_every_parameter_says_what_it_holds(name: str):
    own = set(TYPES[name].model_fields) - set(RuleType.model_fields)
    parameters = sheet_of(name).parameters
    assert {each.key for each in parameters} == own
    assert not {each.holds for each in parameters} & {"anything", "text", ""}


def test_a_docstring_is_read_by_its_paragraphs(wobble: str):
    sheet = sheet_of(wobble)
    assert sheet.says == "Nothing wobbles."
    assert sheet.measures == ("How far it wobbles | or shakes, in dB.",)
    assert sheet.source == "a friend of a friend."
    assert sheet.cheats == "standing still (true_peak), a wobble (wobble)."
    assert sheet.guards == ("true_peak",)
    assert (sheet.scale, sheet.unit, sheet.stands_for) == ("2 dB", "dB", "every track")


def test_parameters_are_read_with_their_defaults_and_docstrings(wobble: str):
    depth, band = sheet_of(wobble).parameters
    assert depth == ("depth", "a level difference such as '1 dB'", "6 dB", "How deep it may go.")
    assert band == ("band", "a band such as '60-250 Hz', or the name of one", NEEDED, "")


def test_a_type_that_is_only_measured_says_so(wobble: str):
    assert not sheet_of(wobble).is_optimised
    assert reference().count("never optimised") == 1 + sum(not sheet_of(n).is_optimised for n in TYPES if n != wobble)


def test_a_bar_in_a_cell_does_not_end_it(wobble: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Wobble, "__doc__", "Left | right.\n\nIt.")
    assert "| Left \\| right. |" in reference()


def test_parts_and_selectors_have_words():
    assert part_words(("gain.level", "eq", "new.part")) == "static level, tone and cuts, new.part"
    assert selector_words(Selector.model_validate("all")) == "all tracks"
    lead = Selector.model_validate({"role": ["guitar", "keys"], "not": {"tag": "lead"}})
    assert selector_words(lead) == "role guitar or keys, not tag lead"
    assert selector_words(None) == ""
