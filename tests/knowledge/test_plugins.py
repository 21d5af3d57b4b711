"""Rule types of one's own: from a file or a package to a type like any other, and what is wrong told with its place."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import jax
import numpy as np
import pytest

import hybrid
from hybrid.errors import InputError
from hybrid.knowledge.objective import Objective, Program
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.rule_types import SHIPPED, RuleTypes, rule_types
from hybrid.knowledge.types import TYPES, RuleType
from hybrid.plugin import MIX, For, Panel, Reading, Scope, TargetKind, one
from hybrid.study.arm import families_of
from hybrid.study.arms import arms_of
from hybrid.study.schema import Study
from hybrid.testing import LawError, check_rule_type
from hybrid.testing.songs import objective_of, random_dry, random_song, untouched
from tests.knowledge.made import readings

EXAMPLE = Path(__file__).parents[2] / "docs/examples/crest_rule.py"
PUNCH = """\
schema: mixrules/1
id: punch
rules:
  - {id: punch.bass, type: crest_factor, for: {role: bass}, min: 6 dB, evidence: guess}
  - {id: peak, type: true_peak, max: -1 dBTP, evidence: standard}
"""
HEAD = """\
from typing import ClassVar
import jax.numpy as jnp
from hybrid.plugin import *
"""
TYPE = '''
class Mine(RuleType):
    """Mine."""

    unit: ClassVar[str] = "dB"

    def measure(self, song: Panel, scope: Scope) -> Reading:
        return {reading}
'''
Written = Callable[..., Path]


@pytest.fixture
def plugin(tmp_path: Path) -> Written:
    """Writes a plug-in file, the imports included."""

    def write(text: str, name: str = "mine.py", head: str = HEAD) -> Path:
        path = tmp_path / name
        path.write_text(head + text)
        return path

    return write


@pytest.fixture
def punch(tmp_path: Path) -> str:
    path = tmp_path / "punch.yaml"
    path.write_text(PUNCH)
    return str(path)


def types_of(*files: Path) -> RuleTypes:
    return rule_types(files)


def test_a_type_of_a_file_is_known_beside_the_shipped_ones():
    types = types_of(EXAMPLE)
    assert set(types) == {*TYPES, "crest_factor"}
    assert types["crest_factor"].says() == "A drum keeps its punch."
    assert types.origins == {"crest_factor": str(EXAMPLE)}
    assert "crest_factor" not in SHIPPED


class LowCrest(RuleType):
    """A mix is dense."""

    unit: ClassVar[str] = "dB"
    target_kind: ClassVar[TargetKind] = "mix"

    for_: For = MIX

    def measure(self, song: Panel, scope: Scope) -> Reading:
        return one(song.true_peak_dbtp - song.loudness_lufs)


def test_a_class_is_a_type_as_it_is():
    types = rule_types([LowCrest])
    assert types["low_crest"] is LowCrest and types.origins == {"low_crest": __name__}
    text = "schema: mixrules/1\nid: mine\nrules: [{id: dense, type: low_crest, max: 12 dB}]\n"
    assert hybrid.load_rules(text, plugins=[LowCrest]).rules[0].bounds() == (None, 12.0)


def test_a_file_is_imported_once_and_again_once_it_has_changed(plugin: Written):
    path = plugin(TYPE.format(reading="one(song.loudness_lufs)"))
    first = types_of(path)["mine"]
    assert types_of(path)["mine"] is first
    plugin(TYPE.format(reading="one(song.true_peak_dbtp)"))
    assert types_of(path)["mine"] is not first


@pytest.mark.long
def test_the_example_keeps_all_laws():
    check_rule_type(types_of(EXAMPLE)["crest_factor"], {"min": "4 dB"})


@pytest.mark.long
def test_who_breaks_a_law_is_told_which_and_by_how_much(plugin: Written):
    # the first track is another than the others, silence counts, and the type reads dynamics without saying so
    reading = "Reading(db(song.track_k.sum(1)) + jnp.arange(len(scope.member)) + zone(song), scope.member)"
    zone = "def zone(song): return jnp.square(treatment_of(song).dynamics.zone_db).mean() if song.treatment else 0.0\n"
    path = plugin(zone + TYPE.format(reading=reading))
    with pytest.raises(LawError) as caught:
        check_rule_type(types_of(path)["mine"], {"min": "-100 dB"})
    said = str(caught.value)
    assert said.startswith("Mine breaks laws of rule types:\n")
    assert "silence and padding are not targets: a silent track is a target with a share of 1, expected 0" in said
    assert "the order of the tracks does not matter: target" in said and "scales apart where 0.01 is allowed" in said
    assert "no more of a mix is read than the type requires: target" in said
    assert "gradients are the slopes of the cost" not in said


def test_rules_of_the_type_are_measured_like_any_other(punch: str):
    rules = load_rules([punch], types=types_of(EXAMPLE))
    song, dry = random_song(), random_dry(1)
    crest, peak = readings(objective_of(rules.rules, song, dry), dry, untouched(dry))
    power = np.asarray(dry.power_k[1, :2].sum(axis=(0, -1)))
    active = np.asarray(dry.active[1])
    level = np.sort(10.0 * np.log10(power[active > 0.0]))[::-1]
    n = 0.1 * len(level)
    hits = (level[: int(n)].sum() + (n - int(n)) * level[int(n)]) / n
    assert np.asarray(crest.share).tolist() == [0.0, 1.0, 0.0, 0.0]
    assert float(crest.value[1]) == pytest.approx(hits - 10.0 * np.log10(np.average(power, weights=active)), abs=1e-3)
    assert peak.value.shape == (1,)


def test_an_ablation_has_an_arm_for_a_rule_of_the_type_in_the_family_that_it_names(punch: str):
    rules = load_rules([punch], types=types_of(EXAMPLE))
    said = {"schema": "study/1", "title": "t", "rules": [punch], "arms": [{"leave_one_out": "all"}]}
    study = Study.model_validate(said)
    assert [arm.id for arm in arms_of(study, rules, 0)] == ["all rules", "without punch.bass"]
    assert families_of(rules) == ("dynamics",)
    assert study.primary_of("dynamics") == "crest_db"


def test_a_swept_target_is_read_by_the_same_types(punch: str):
    Path(punch).write_text(PUNCH.replace("min: 6 dB", "target: 6 dB"))
    rules = load_rules([punch], types=types_of(EXAMPLE))
    arms = [{"sweep": {"punch.bass.target": ["8 dB"]}}]
    study = Study.model_validate({"schema": "study/1", "title": "t", "rules": [punch], "arms": arms})
    assert arms_of(study, rules, 0)[1].rules.rules[0].target == 8.0


# What a plug-in is made of is part of what follows from it.


def test_an_edited_plugin_makes_other_rules_and_other_programs(tmp_path: Path, punch: str):
    path = tmp_path / "crest_rule.py"
    path.write_text(EXAMPLE.read_text())
    before = load_rules([punch], types=types_of(path))
    again = load_rules([punch], types=types_of(path))
    path.write_text(EXAMPLE.read_text().replace("hits - db(", "hits - 2.0 * db("))
    after = load_rules([punch], types=types_of(path))
    assert before.hash == again.hash != after.hash
    assert before.written() == after.written()
    programs = [Program.of(each.rules) for each in (before, again, after)]
    assert programs[0] == programs[1] != programs[2]
    # by what a traced program is found on disk
    keys = [str(jax.tree.structure(_objective(each.rules))) for each in (before, again, after)]
    assert keys[0] == keys[1] != keys[2]


def _objective(rules: tuple[RuleType, ...]) -> Objective:
    return objective_of(rules, random_song(), random_dry(1))


def test_a_rule_set_of_shipped_types_has_the_same_hash_whatever_plugins_there_are():
    assert load_rules(["output"], types=types_of(EXAMPLE)).hash == load_rules(["output"], types=SHIPPED).hash


# Errors: place, what was expected, a hint.


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("x = undefined_name\n", ":4", "cannot be imported: NameError: name 'undefined_name' is not defined"),
        ("class X(:\n", ":4", "cannot be imported: SyntaxError: invalid syntax"),
        ("import no_such_module\n", ":4", "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"),
        ("x = 1\n", "", "defines no rule type: expected a class that extends RuleType"),
        ("class _Base(RuleType):\n    pass\n", "", "defines no rule type"),
        ('class Mine(RuleType):\n    """Mine."""\n', ":4", "Mine: defines no `measure(self, song, scope)`"),
        (TYPE.replace('    """Mine."""\n', ""), ":5", "Mine: has no docstring: its first line says the rule"),
        (TYPE.replace('"dB"', '"dBB"'), ":5", "Mine: unit: unknown unit 'dBB'; did you mean dB?"),
        (TYPE.replace('unit: ClassVar[str] = "dB"', 'requires: ClassVar = "tracks"'), ":5", "Mine: requires: expected"),
        (
            TYPE.replace(
                "unit: ClassVar[str] =", 'requires: ClassVar = Requires("treatment", ("eq.tune",));x: ClassVar='
            ),
            ":5",
            "Mine: requires: unknown part 'eq.tune'; did you mean eq.tone?",
        ),
        (
            TYPE.replace('unit: ClassVar[str] = "dB"', 'target_kind: ClassVar[TargetKind] = "mix"'),
            ":5",
            "Mine: measures the whole mix: expected `for_: For = MIX` among its fields",
        ),
        (TYPE.replace("Mine(", "TruePeak("), "", "the rule type 'true_peak' is already a shipped one"),
    ],
)
def test_a_file_that_is_no_plugin_is_refused_with_the_place(plugin: Written, text: str, line: str, said: str):
    path = plugin(text)
    with pytest.raises(InputError) as caught:
        types_of(path)
    (problem,) = caught.value.problems
    assert problem.where == f"{path}{line}" and problem.what.startswith(said) and problem.hint


def test_a_file_that_is_not_there_or_not_python_is_refused(tmp_path: Path):
    (tmp_path / "rules.yaml").write_text("a: 1\n")
    for name, said in (("none.py", "cannot be read: No such file"), ("rules.yaml", "is not a Python file")):
        with pytest.raises(InputError, match=said):
            types_of(tmp_path / name)


def test_two_plugins_with_one_name_are_refused(plugin: Written):
    first = plugin(TYPE.format(reading="one(song.loudness_lufs)"))
    second = plugin(TYPE.format(reading="one(song.true_peak_dbtp)"), "other.py")
    with pytest.raises(InputError, match=f"the rule type 'mine' is already that of {first}"):
        types_of(first, second)


def test_a_type_of_a_plugin_that_is_not_given_is_unknown(punch: str):
    with pytest.raises(InputError, match=r"unknown type 'crest_factor'"):
        load_rules([punch])


@pytest.mark.parametrize(
    ("reading", "said"),
    [
        ("one(song.loudness_lufs)", "measure gives a value of shape (1,), expected (4,): one for each track"),
        ("Reading(song.track_k, scope.member)", "measure gives a value of shape (4, 32), expected (4,)"),
        ("Reading(scope.member, jnp.ones(()))", "measure gives a share of shape (), expected (4,)"),
        (
            "Reading(scope.member, scope.member, scope.frames)",
            "measure gives a course of shape (32,), expected (4, 32)",
        ),
        ("Reading(scope.member > 0, scope.member)", "measure gives a value of type bool, expected floating-point"),
        ("scope.member", "measure gives DynamicJaxprTracer, expected a Reading"),
        (
            "Reading(song.track, scope.member)",
            "measure fails: AttributeError: 'Panel' object has no attribute 'track'",
        ),
        ("scope.member[0] if scope.member[0] > 0 else 0", "measure fails: TracerBoolConversionError"),
    ],
)
def test_a_measure_that_fails_or_reads_no_value_per_target_is_told_with_its_place(
    plugin: Written, reading: str, said: str
):
    path = plugin(TYPE.format(reading=reading))
    rule = types_of(path)["mine"].model_validate({"id": "r", "type": "mine", "max": "0 dB"})
    dry = random_dry(1)
    objective = objective_of([rule], random_song(), dry)
    with pytest.raises(InputError) as caught:
        readings(objective, dry, untouched(dry))
    problem = caught.value.problems[0]
    assert problem.where.startswith(f"{path}:") and problem.what.startswith(f"mine: {said}")


# Installed packages.


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Installs a package of one module, by an entry point."""

    def install(name: str, text: str) -> None:
        site = tmp_path / "site"
        about = site / "hybrid_crest-1.2.dist-info"
        about.mkdir(parents=True)
        (site / "hybrid_crest.py").write_text(text)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: hybrid-crest\nVersion: 1.2\n")
        (about / "entry_points.txt").write_text(f"[hybrid.rule_types]\n{name} = hybrid_crest:CrestFactor\n")
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.delitem(sys.modules, "hybrid_crest", raising=False)

    return install


def test_an_installed_package_brings_its_types(installed: Callable[[str, str], None], punch: str):
    installed("crest_factor", EXAMPLE.read_text())
    rules = load_rules([punch])
    assert rules.types.origins == {"crest_factor": "hybrid-crest 1.2"}
    assert rules.rules[0].family_name() == "dynamics"
    # the same source, wherever it lies
    assert rules.hash == load_rules([punch], types=types_of()).hash


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import no_such_module\n", "the rule type 'crest_factor' cannot be imported from hybrid_crest:CrestFactor"),
        ("x = 1\n", "the rule type 'crest_factor' cannot be imported from hybrid_crest:CrestFactor: AttributeError"),
        ("CrestFactor = 3\n", "expected a class that extends RuleType, got 3"),
    ],
)
def test_a_broken_package_is_told_only_to_who_asks_for_its_type(
    installed: Callable[[str, str], None], punch: str, text: str, said: str
):
    installed("crest_factor", text)
    assert len(load_rules(["output"]).rules) > 1
    with pytest.raises(InputError, match=r"hybrid-crest 1\.2: ") as caught:
        load_rules([punch])
    assert said in str(caught.value)


def test_a_package_that_takes_the_name_of_a_shipped_type_is_refused(installed: Callable[[str, str], None]):
    installed("true_peak", EXAMPLE.read_text())
    with pytest.raises(InputError, match=r"hybrid-crest 1\.2: the rule type 'true_peak' is already a shipped one"):
        load_rules(["output"])
