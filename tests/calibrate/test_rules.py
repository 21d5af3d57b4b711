from __future__ import annotations

from pathlib import Path

import pytest

from hybrid import shelf
from hybrid.calibrate.estimate import estimates
from hybrid.calibrate.observations import Observation, Quantity
from hybrid.calibrate.parent import Parent, load_parent
from hybrid.calibrate.rules import fit_rules
from hybrid.calibrate.write import Label, check_target, id_of, parent_reference, rule_text
from hybrid.errors import InputError
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.ruleset import RuleSet
from hybrid.knowledge.types import CorpusPrior, LongTermSpectrum, PanPosition, RoleBudget, SideEnergy
from hybrid.knowledge.types.loudness import budget_sum_lu
from tests.calibrate.tables import band, estimates_of, mix, tracks_of

SONGS = [mix(f"Song {i}", band(lead_db=0.5 * i, drums_db=-0.2 * i)) for i in range(9)]


def resolved(estimated, tmp_path: Path, extends: str = "base") -> RuleSet:
    """The rules that a file with these estimates resolves to; there are no warnings."""
    path = tmp_path / "mine.yaml"
    label = Label(
        "mine", parent_reference(extends, path), "Songs by hand", "https://example.org", "hybrid rules fit songs.json"
    )
    shelf.write(path, rule_text(fit_rules(estimated, load_parent(extends), "mine", "At the faders."), label))
    rules = load_rules([str(path)])
    assert rules.warnings == ()
    return rules


def rule(rules: RuleSet, name: str):
    return next(each for each in rules.rules if each.id == name)


def of_songs(quantity: Quantity, of: str, *values: float) -> list[Observation]:
    return [Observation(quantity, of, f"song {i}", "mix.wav", value) for i, value in enumerate(values)]


def test_the_budget_holds_the_medians_and_adds_up_to_what_was_covered(tmp_path: Path):
    estimated = estimates_of(*SONGS)
    budget = rule(resolved(estimated, tmp_path), "balance.roles")
    assert isinstance(budget, RoleBudget)
    shares = {name: share.target for name, share in budget.targets.items()}
    assert budget_sum_lu(shares) == pytest.approx(0.0, abs=0.06)
    shift = shares["bass"] - estimated["share", "bass"].median
    for name, target in shares.items():
        assert target - estimated["share", name].median == pytest.approx(shift, abs=0.1001)
    tolerance = estimated["share", "vocal.lead"].tolerance
    assert budget.targets["vocal.lead"].tolerance == pytest.approx(max(tolerance, 0.5), abs=0.051)


def test_every_fitted_rule_has_its_evidence(tmp_path: Path):
    rules = resolved(estimates_of(*SONGS), tmp_path)
    for name in ("balance.roles", "lead.level", "core.centre"):
        each = rule(rules, name)
        assert (each.evidence, each.cite) == ("measured", ("mine",))
        assert "9 songs, 9 mixes, 9 tracks" in each.notes
        assert "calibrate" not in each.tags
    assert rules.cite["mine"].title == "Songs by hand"
    assert rule(rules, "lead.level").notes.startswith("At the faders.")


def test_what_is_not_fitted_stays_as_it_was(tmp_path: Path):
    rules, base = resolved(estimates_of(*SONGS), tmp_path), load_rules(["base"])
    assert [each.id for each in rules.rules] == [each.id for each in base.rules]
    touched = {"balance.roles", "lead.level", "core.centre", "usual.place"}
    assert [e for e in rules.rules if e.id not in touched] == [e for e in base.rules if e.id not in touched]
    assert rule(rules, "lead.level").weight == rule(base, "lead.level").weight
    assert rule(rules, "balance.roles").acts_on == rule(base, "balance.roles").acts_on


def test_what_is_usual_is_that_of_roles_with_songs_enough(tmp_path: Path):
    estimated = estimates_of(*SONGS)
    prior = rule(resolved(estimated, tmp_path), "usual.place")
    assert isinstance(prior, CorpusPrior)
    assert prior.bounds() == (-1.5, 1.5)
    assert prior.table["guitar.electric"].mean == estimated["distance", "guitar.electric"].median == 40.0
    assert "drums.tom" not in prior.table  # the parent has one, and no mix has


def test_a_rule_that_is_off_is_not_fitted(tmp_path: Path):
    fitted, base = resolved(estimates_of(*SONGS), tmp_path), load_rules(["base"])
    assert rule(fitted, "usual.level") == rule(base, "usual.level") and not rule(base, "usual.level").enabled


def test_a_role_that_never_occurs_gets_no_number(tmp_path: Path):
    without = [{**each, "tracks": [t for t in tracks_of(each) if t["instrument"] != "VOCALS"]} for each in SONGS]
    rules = resolved(estimates_of(*without), tmp_path)
    budget = rule(rules, "balance.roles")
    assert isinstance(budget, RoleBudget)
    assert set(budget.targets) == {"drums", "bass", "harmony"}
    assert rule(rules, "lead.level") == rule(load_rules(["base"]), "lead.level")


def test_few_songs_are_noted_and_widen_the_tolerance(tmp_path: Path):
    few = rule(resolved(estimates_of(*SONGS[:3]), tmp_path), "lead.level")
    assert "few songs, tolerance widened" in few.notes
    assert few.tolerance == pytest.approx(1.3, abs=0.1)  # 2.4 standard deviations of 0.54 LU


def test_rules_without_a_budget_get_one_of_all_families(tmp_path: Path):
    budget = rule(resolved(estimates_of(*SONGS, extends="spectrum"), tmp_path, "spectrum"), "balance.roles")
    assert isinstance(budget, RoleBudget)
    assert set(budget.targets) == {"vocal.lead", "vocal.backing", "drums", "bass", "guitar"}


def test_the_centre_is_as_wide_as_the_widest_of_its_roles(tmp_path: Path):
    estimated = estimates(
        [
            *of_songs("distance", "drums.kick", *[0.0] * 9),
            *of_songs("distance", "bass.electric", *[6.0] * 9),
            *of_songs("distance", "drums.tom", *[5.0] * 9),
            *of_songs("distance", "keys.piano", *[0.0] * 3),
            *of_songs("distance", "vocal.backing", *[60.0] * 9),
        ]
    )
    rules = resolved(estimated, tmp_path)
    assert rule(rules, "core.centre").tolerance == 6.0
    new = {each.id: each for each in rules.rules if isinstance(each, PanPosition) and each.id.startswith("centre.")}
    assert set(new) == {"centre.drums.tom"}  # a piano in three songs is no usage, and backing voices stand aside
    assert new["centre.drums.tom"].bounds() == (-5.0, 5.0)


def test_width_and_spectrum_follow_the_medians(tmp_path: Path):
    bands = {"30 Hz": 3.0, "260 Hz": 4.0, "1.0 kHz": 0.0, "4.3 kHz": -6.0, "16.0 kHz": -12.0}
    estimated = estimates(
        [
            *of_songs("side", "width.whole", *[-12.0 + i for i in range(8)]),
            *of_songs("side", "low.centre", *[-30.0] * 8),
            *of_songs("side", "width.mid", *[-9.0] * 8),
            *of_songs("side", "width.treble", *[-9.0] * 4),
            *(each for band, level in bands.items() for each in of_songs("spectrum", band, *[level] * 8)),
        ]
    )
    rules = resolved(estimated, tmp_path)
    whole, curve = rule(rules, "width.whole"), rule(rules, "spectrum.curve")
    assert whole.bounds() == (-10.5, -6.5)
    assert rule(rules, "low.centre").bounds() == (None, -29.5)
    assert rule(rules, "width.mid").bounds() == (-9.5, -8.5)
    assert "width.treble" not in {each.id for each in rules.rules if isinstance(each, SideEnergy)}
    assert isinstance(curve, LongTermSpectrum)
    assert curve.curve == ((30.0, 3.0), (4300.0, -6.0), (16000.0, -12.0))
    assert curve.tolerance == 0.5
    assert (curve.weight, curve.acts_on) == (0.3, ("eq.tone",))


def test_nothing_observed_gives_nothing_to_write():
    assert fit_rules({}, load_parent("base"), "mine") == ({}, [], ())


def test_the_file_has_its_command_and_a_stable_order(tmp_path: Path):
    label = Label("mine", "base", "Songs: mine # 1", "", "hybrid rules fit\n songs.json")
    parent: Parent = load_parent("base")
    text = rule_text(fit_rules(estimates_of(*SONGS), parent, "mine"), label)
    assert text.startswith("# yaml-language-server: $schema=mixrules.schema.json\n")
    assert "#   hybrid rules fit songs.json\n" in text
    assert text == rule_text(fit_rules(estimates_of(*reversed(SONGS)), parent, "mine"), label)
    assert max(map(len, text.splitlines())) <= 120
    (tmp_path / "mine.yaml").write_text(text)
    assert load_rules([str(tmp_path / "mine.yaml")]).title == "Fitted to human mixes: Songs: mine # 1"


def test_a_fitted_file_can_be_fitted_again(tmp_path: Path):
    resolved(estimates_of(*SONGS), tmp_path)
    (tmp_path / "mine.yaml").rename(tmp_path / "first.yaml")
    again = resolved(estimates_of(*SONGS[:8]), tmp_path, str(tmp_path / "first.yaml"))
    assert "first.yaml" in {path.name for path in again.files}
    assert "8 songs" in rule(again, "balance.roles").notes


def test_nothing_is_overwritten_without_the_option(tmp_path: Path):
    mine, other = tmp_path / "mine.yaml", tmp_path / "other.yaml"
    mine.write_text("x")
    check_target(other, str(mine), overwrite=False)
    other.write_text("mine")
    check_target(other, str(mine), overwrite=True)
    for path, extends, what in (
        (other, "base", "exists"),
        (mine, str(mine), "would extend itself"),
        (tmp_path / "base.yaml", "base", "would extend itself"),
        (tmp_path / "mine.txt", "base", "expected a name that ends with .yaml"),
        (tmp_path / "no" / "new.yaml", "base", "no such folder"),
    ):
        with pytest.raises(InputError, match=what):
            check_target(path, extends, overwrite=False)


def test_a_name_is_written_as_it_is_unless_it_means_another_file_there(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()
    assert parent_reference("base", tmp_path / "mine.yaml") == "base"
    (tmp_path / "own.yaml").write_text("x")
    assert parent_reference("own.yaml", tmp_path / "below" / "mine.yaml") == "../own.yaml"
    (tmp_path / "below" / "base.yaml").write_text("x")
    assert parent_reference("base", tmp_path / "below" / "mine.yaml").endswith("rules/base.yaml")


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path):
    (tmp_path / "mine.yaml").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        shelf.write(tmp_path / "mine.yaml", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize(
    ("name", "id_"), [("My Mixes.yaml", "my-mixes"), ("a__b.1.yaml", "a-b-1"), ("Ä.yaml", "fitted")]
)
def test_the_id_follows_from_the_file_name(name: str, id_: str):
    assert id_of(Path(name)) == id_
