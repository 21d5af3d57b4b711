"""JSON Schemas of all documents: what the program takes, an editor takes, and every key says what it means."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from hybrid import shelf
from hybrid.audio.manifest import MANIFEST
from hybrid.cli.schema import Kind, schema_for

FOLDERS = {Kind.STUDY: "train/ablations", Kind.RECIPE: "train", Kind.CARD: "datasets", Kind.RULES: "rules"}
FILES = {
    Kind.STUDY: "train/ablations/study.schema.json",
    Kind.RECIPE: "train/recipe.schema.json",
    Kind.CARD: "datasets/card.schema.json",
    Kind.SONG: "datasets/song.schema.json",
    Kind.RULES: "rules/mixrules.schema.json",
}
DOCUMENTS = [(kind, name) for kind, folder in FOLDERS.items() for name in shelf.names(folder)]
SONG = """
schema: song/1
name: Some
tracks:
  - {id: bass, file: bass.wav, role: bass}
  - {id: keys, file: [left.wav, right.wav], role: keys, tags: [double], gain_db: -3, offset_s: 0.5, polarity: inverted}
"""


def _mistakes(kind: Kind, text: str) -> list[str]:
    return [error.message for error in Draft202012Validator(schema_for(kind)).iter_errors(yaml.safe_load(text))]


@pytest.mark.parametrize(("kind", "name"), DOCUMENTS)
def test_editors_accept_every_shipped_document_and_know_its_schema(kind: Kind, name: str):
    path = shelf.find(FOLDERS[kind], name)
    first = path.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert (path.parent / first.partition("=")[2]).is_file()
    assert not _mistakes(kind, path.read_text())


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.STUDY, "schema: study/1\ntitle: x\narms: [{leave_one_ot: all}]"),
        (Kind.STUDY, "schema: study/1\ntitle: x\narms: [{name: free, step: 3}]"),
        (Kind.RECIPE, "schema: recipe/1\nabout: x\ndata: [{}]\nsteps: many"),
        (Kind.CARD, "schema: dataset/1\nname: x\nabout: y\nlicence: z\nplayer: piano"),
        (Kind.SONG, SONG + "  - {id: x, file: x.wav, rol: bass}"),
    ],
)
def test_editors_mark_what_the_program_refuses(kind: Kind, text: str):
    assert _mistakes(kind, text)


def test_a_song_and_every_form_of_an_arm_are_accepted():
    assert not _mistakes(Kind.SONG, SONG)
    sweep = "{sweep: {a.weight: [x2, 1], b.target: {from: -6 LU, to: 0 LU, n: 3}}}"
    free = "{name: mine, rules: [base], set: [a.weight=2], disable: [b], model: none, steps: 3, seed: 1}"
    arms = f"[{sweep}, {free}, {{pairs: [[a, b]]}}, {{leave_one_out: all}}, {{controls: [raw]}}]"
    assert not _mistakes(Kind.STUDY, f"schema: study/1\ntitle: x\narms: {arms}")


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind != Kind.RULES])
def test_every_key_is_explained(kind: Kind):
    schema = schema_for(kind)
    models = {"": schema, **schema["$defs"]}
    keys = [(name, key, shape) for name, model in models.items() for key, shape in model.get("properties", {}).items()]
    assert len(keys) > 10
    assert not [(name, key) for name, key, shape in keys if not shape.get("description")]


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind != Kind.RULES])
def test_shipped_schemas_are_current(kind: Kind):
    shipped = json.loads(Path(shelf.shipped(FILES[kind].partition("/")[0]), *FILES[kind].split("/")[1:]).read_text())
    current = schema_for(kind)
    # wording of pydantic differs between its releases; keys and descriptions are ours
    assert shipped.keys() == current.keys() and shipped["$defs"].keys() == current["$defs"].keys()
    for name, model in {"": current, **current["$defs"]}.items():
        old = shipped if not name else shipped["$defs"][name]
        for key, shape in model.get("properties", {}).items():
            assert old["properties"][key].get("description") == shape.get("description"), f"hybrid schema {kind}"


def test_the_command_prints_it_or_writes_it(tmp_path: Path, hybrid):
    code, out, _ = hybrid("schema", "study")
    assert code == 0 and json.loads(out)["properties"]["arms"]["description"]
    path = tmp_path / "song.schema.json"
    code, out, _ = hybrid("schema", "song", "-o", str(path))
    assert code == 0 and json.loads(path.read_text())["description"] and f"$schema={path.name}" in out
    assert hybrid("schema", "sonk")[0] == 2 and MANIFEST.startswith("song")
