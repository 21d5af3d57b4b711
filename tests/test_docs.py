"""What the README and the guides say is so: their commands, files and numbers are tried."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile
import typer

from hybrid.audio.manifest import read_manifest
from hybrid.audio.roles import ROLES
from hybrid.audio.song import Song, Track
from hybrid.cli.app import app
from hybrid.corpus.card import Card
from hybrid.document import parse
from hybrid.errors import InputError
from hybrid.export.verdict import verdict_json
from hybrid.knowledge.resolve import load_rules
from hybrid.knowledge.rule_types import rule_types
from hybrid.knowledge.types import TYPES
from hybrid.knowledge.types.hooks import RuleHooks
from hybrid.knowledge.verdict import Finding, TargetFinding, Verdict
from hybrid.mixing.settings import settings
from hybrid.study.arms import arms_of
from hybrid.study.schema import Study
from hybrid.training.recipe import Recipe, read_recipe
from hybrid.treatment.parts import parts_table
from hybrid.treatment.types import neutral
from hybrid.validation import validate_document

ROOT = Path(__file__).parents[1]
OWN = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.py"))
PAGES = [*OWN, ROOT / "CHANGELOG.md", *(ROOT / kind / "README.md" for kind in ("rules", "train", "datasets"))]


class Block(NamedTuple):
    page: Path
    language: str
    text: str

    @property
    def name(self) -> str:
        return str(self.page.relative_to(ROOT))


def blocks(page: Path) -> list[Block]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return [Block(page, language, text) for language, text in found]


def written(language: str, start: str) -> list[Block]:
    return [b for page in OWN for b in blocks(page) if b.language == language and b.text.lstrip().startswith(start)]


def command_lines() -> Iterator[tuple[Path, str]]:
    for block in (block for page in OWN for block in blocks(page) if block.language == "sh"):
        for line in block.text.splitlines():
            yield from ((block.page, each.strip()) for each in line.split("&&"))


RULE_IDS = {rule.id for rule in load_rules(["base"]).rules}
HYBRID_LINES = [(page, line) for page, line in command_lines() if line.startswith("hybrid ")]


def options_of(line: list[str]) -> dict[str, object]:
    """Parses a command line without running it; raises typer's usage errors."""
    command, name = typer.main.get_command(app), "hybrid"
    while hasattr(command, "list_commands"):
        name, *line = line
        command = command.get_command(typer.Context(command), name)
        assert command is not None, f"no such command: {name}"
    return command.make_context(name, line).params


@pytest.fixture
def beside_the_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with every example of a rule file under its name, and every example of a plug-in."""
    for block in written("yaml", "schema: mixrules/1"):
        name = re.search(r"^id: (\S+)$", block.text, re.MULTILINE)
        assert name
        (tmp_path / f"{name[1]}.yaml").write_text(block.text)
    for example in EXAMPLES:
        shutil.copy(example, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_readme_opens_with_the_two_commands():
    first, second = [block.text.strip() for block in blocks(ROOT / "README.md") if block.language == "sh"][:2]
    assert first == "pip install . && hybrid mix demo -o demo-mix"
    assert second == "pip install '.[test]' && pytest"


@pytest.mark.parametrize(("page", "line"), HYBRID_LINES, ids=[line for _, line in HYBRID_LINES])
def test_every_command_line_is_understood(page: Path, line: str, beside_the_examples: Path):
    words = shlex.split(line.partition(" > ")[0])
    said = options_of(words[1:])
    names = said.get("rules") or said.get("names") or said.get("files") or ["base"]
    if said.get("names"):
        # after files, ids of rules may be named
        (names, ids) = ([name for name in names if (name in RULE_IDS) is is_id] for is_id in (False, True))
        assert names or ids
    assert load_rules(names, said.get("sets") or [], rule_types(said.get("plugins") or [])).rules


@pytest.mark.parametrize("block", written("yaml", "schema: mixrules/1"), ids=lambda block: block.name)
def test_every_rule_file_shown_is_valid(block: Block, tmp_path: Path):
    path = tmp_path / "shown.yaml"
    path.write_text(block.text)
    rules = load_rules([str(path)], types=rule_types(EXAMPLES))
    assert rules.warnings == ()
    assert f"`{rules.id}.yaml`" in block.page.read_text()


@pytest.mark.parametrize("block", written("yaml", "schema: song/1"), ids=lambda block: block.name)
def test_every_song_shown_is_valid(block: Block, tmp_path: Path):
    for name in re.findall(r'"([^"]+\.wav)"', block.text):
        soundfile.write(tmp_path / name, np.full(44100, 0.1), 44100)
    (tmp_path / "song.yaml").write_text(block.text)
    assert len(read_manifest(tmp_path / "song.yaml").tracks) == block.text.count("- id:")


@pytest.mark.parametrize("block", written("yaml", "schema: study/1"), ids=lambda block: block.name)
def test_every_study_shown_can_be_made(block: Block):
    study = validate_document(Study, parse(block.text, block.page))
    rules = load_rules(list(study.rules), list(study.sets))
    assert len(arms_of(study, rules, study.seeds[0])) > 1


def test_no_yaml_is_shown_untested():
    shown = [block for page in OWN for block in blocks(page) if block.language == "yaml"]
    tested = ("mixrules/1", "song/1", "recipe/1", "dataset/1", "study/1")
    assert len(shown) == sum(len(written("yaml", f"schema: {schema}")) for schema in tested)


def test_the_rule_type_shown_is_that_of_the_example():
    page = ROOT / "docs/guide/rule-types.md"
    (shown,) = [block for block in blocks(page) if block.text.startswith("def measure")]
    assert textwrap.indent(shown.text, "    ") in (ROOT / "docs/examples/crest_rule.py").read_text()


def test_every_way_in_which_a_rule_type_may_differ_is_in_the_guide():
    text = (ROOT / "docs/guide/rule-types.md").read_text()
    facts = [name for name in RuleHooks.__annotations__ if name not in ("asks", "opens_room", "fitted_by")]
    assert len(facts) > 5
    assert all(f"| `{name}` |" in text for name in facts)


def test_the_mistakes_shown_are_reported_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    text = next(b.text for b in written("yaml", "schema: mixrules/1") if "id: chorus" in b.text)
    (tmp_path / "chorus.yaml").write_text(
        text.replace("min: 6 LU", "min: 6 Hz").replace(" weight: weak", " wieght: weak")
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        load_rules(["chorus.yaml"])
    page = ROOT / "docs/guide/edit-a-rule.md"
    assert f"```\n{caught.value}\n```" in page.read_text()


def test_the_resolved_rule_is_shown_as_it_is():
    (shown,) = [b for b in blocks(ROOT / "docs/guide/edit-a-rule.md") if b.text.startswith("  - id: ")]
    rules = load_rules(["base"]).dump().splitlines()
    assert [line for line in shown.text.splitlines() if line not in rules] == []


@pytest.mark.parametrize(
    ("page", "target"),
    [(page, target) for page in PAGES for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))],
    ids=lambda each: str(each.relative_to(ROOT)) if isinstance(each, Path) else each,
)
def test_links_lead_somewhere(page: Path, target: str):
    path, _, heading = target.partition("#")
    there = page.parent / path if path else page
    assert there.exists()
    if heading:
        headings = re.findall(r"^#+ (.*)$", there.read_text(), re.MULTILINE)
        # anchors hold letters, digits, dashes and underscores alone
        assert heading in [re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-") for text in headings]


def test_every_page_is_linked_from_the_index():
    index = (ROOT / "docs/README.md").read_text()
    assert len(OWN) > 1
    for page in OWN[1:]:
        relative = page.relative_to(ROOT / "docs").as_posix()
        assert relative == "README.md" or f"({relative})" in index, relative


@pytest.mark.parametrize("name", ["mix", "scan", "check", "batch"])
def test_every_option_is_described_with_its_command(name: str):
    text = (ROOT / "docs/reference/command-line.md").read_text()
    section = text.partition(f"## hybrid {name}\n")[2].partition("\n## ")[0]
    described = set(re.findall(r"^\| .*?\|", section, re.MULTILINE))
    words = {word for cell in described for word in re.findall(r"`(-[\w-]+)`", cell)}
    group = typer.main.get_command(app)
    command = group.get_command(typer.Context(group), name)
    known = {word for option in command.params for word in option.opts if word.startswith("-")}
    assert words == known - {"-h", "--help"}


def test_the_numbers_of_rules_and_types_are_right():
    rules = len(load_rules(["base"]).rules)
    for page in (ROOT / "README.md", ROOT / "CHANGELOG.md"):
        assert f"{len(TYPES)} types of rules" in page.read_text()
        assert f"{rules} rules" in page.read_text()
    assert 0.2 <= load_rules(["base"]).guess_share() < 0.3  # "a quarter"


def test_every_role_is_listed():
    text = (ROOT / "docs/guide/song-yaml.md").read_text()
    assert set(ROLES) <= set(re.findall(r"`([a-z.]+)`", text))


def _keys(value: object) -> object:
    return {key: _keys(each) for key, each in value.items()} if isinstance(value, dict) else None


def test_settings_have_the_keys_that_are_shown(tmp_path: Path):
    (block,) = written("json", "{")
    track = Track("kick", (tmp_path / "kick.wav",), 1, "drums.kick", (), 1.0)
    made = settings(Song("song", tmp_path, (track,), 44100, 44100), neutral(1, 1.0, 0.2))
    shown = json.loads(block.text)
    assert _keys({**shown, "tracks": None}) == _keys({**made, "tracks": None})
    assert _keys(shown["tracks"][0]) == _keys(made["tracks"][0])


def test_the_table_of_parts_is_the_one_that_is_documented():
    assert parts_table() in (ROOT / "docs/reference/output-files.md").read_text()


def test_every_key_of_a_verdict_is_described():
    target = TargetFinding("mix", 0.0, None, 1.0, 0.0, None)
    finding = Finding(
        "a", "true_peak", "prefer", 2, 1.0, "dBTP", 0.2, "guess", 0.0, kept=True, targets=(target,), reason=""
    )
    said = verdict_json(Verdict((finding,), -16.0, -1.0))
    text = (ROOT / "docs/reference/output-files.md").read_text()
    described = set(re.findall(r"`(?:rules\[\]\.)?(\w+)(?:\[\])?`", text))
    (rule,) = said["rules"]
    assert {*said, *rule, *rule["targets"][0]} - {"rules"} <= described


@pytest.mark.parametrize("block", written("yaml", "schema: recipe/1"), ids=lambda block: block.name)
def test_every_recipe_in_the_docs_is_valid(block: Block, tmp_path: Path):
    (tmp_path / "mine.yaml").write_text(block.text)
    recipe = read_recipe(str(tmp_path / "mine.yaml"))
    assert recipe.rules and all(load_rules(files).rules for files in recipe.rules)


@pytest.mark.parametrize("block", written("yaml", "schema: dataset/1"), ids=lambda block: block.name)
def test_every_card_in_the_docs_is_valid(block: Block):
    assert validate_document(Card, parse(block.text, Path("card.yaml"))).player in ("files", "tracker")


def test_the_guide_names_every_key_of_a_recipe():
    guide = (ROOT / "docs/guide/train.md").read_text()
    keys = Recipe.model_fields.keys() - {"schema_", "about"}
    assert keys and all(f"`{name}`" in guide for name in keys)
