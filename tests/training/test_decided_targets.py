"""Targets of songs whose levels and places a person decided."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from hybrid.errors import InputError
from hybrid.testing.songs import untouched
from hybrid.training.decided_targets import decided_target
from hybrid.training.distillation import UNDECIDED, target_of
from hybrid.training.distillation_loss import distillation_loss
from hybrid.treatment.types import Dry, Treatment
from tests.knowledge.made import Part, at_level, at_position, dry_of, pink, song_of

PARTS = (Part(pink(), role="guitar"), Part(pink(), role="bass"), Part(pink(), role="keys"))
SONG, DRY = song_of(PARTS), dry_of(PARTS)
LEVELS_LU, PANS = (-3.0, -9.0, -15.0), (40.0, -60.0, 20.0)


def _decisions(folder: Path, decided: tuple[str, ...] = ("level", "pan"), **changes: object) -> Path:
    tracks = [
        {"id": track.id, "raw_lufs": -20.0, "level_lu": level, "pan": pan, "decided": list(decided), **changes}
        for track, level, pan in zip(SONG.tracks, LEVELS_LU, PANS, strict=True)
    ]
    whole = dict.fromkeys(("title", "author", "licence", "source", "source_sha256", "renderer"), "x")
    path = folder / "decisions.json"
    schema = {"schema": "decisions/1", "raw_levels": "recorded", "residual_db": None}
    path.write_text(json.dumps({**schema, **whole, "tracks": tracks}))
    return path


def _distance(dry: Dry, treatment: Treatment, path: Path) -> float:
    target = decided_target(path, SONG, dry)
    assert target is not None
    present = jnp.array([1.0, 1.0, 1.0, *[0.0] * (dry.active.shape[0] - 3)])
    return float(distillation_loss(target_of(dry, treatment), target, present))


def test_what_the_author_did_is_at_no_distance_and_its_mirror_image_neither(tmp_path: Path):
    path = _decisions(tmp_path)
    levels = at_level(untouched(DRY), *(level + 20.0 for level in LEVELS_LU))
    assert _distance(DRY, at_position(levels, *PANS), path) == pytest.approx(0.0, abs=1e-4)
    assert _distance(DRY, at_position(levels, *(-pan for pan in PANS)), path) == pytest.approx(0.0, abs=1e-4)
    # louder as a whole is the same balance, one track louder is not
    louder = at_level(untouched(DRY), *(level + 26.0 for level in LEVELS_LU))
    assert _distance(DRY, at_position(louder, *PANS), path) == pytest.approx(0.0, abs=1e-4)
    assert _distance(DRY, at_position(untouched(DRY), *PANS), path) > 0.3


def test_places_that_are_no_decision_do_not_count(tmp_path: Path):
    path = _decisions(tmp_path, decided=("level",))
    target = decided_target(path, SONG, DRY)
    assert target is not None and (np.asarray(target.balance)[:3] == UNDECIDED).all()
    levels = at_level(untouched(DRY), *(level + 20.0 for level in LEVELS_LU))
    # the spectrum of the sum is that of the author's places, which are unknown: left in the middle
    assert _distance(DRY, levels, path) == pytest.approx(0.0, abs=1e-4)


def test_without_levels_there_is_nothing_to_imitate(tmp_path: Path):
    assert decided_target(_decisions(tmp_path, level_lu=None), SONG, DRY) is None


def test_mistakes_in_the_file_are_told(tmp_path: Path):
    path = tmp_path / "decisions.json"
    path.write_text("{}")
    with pytest.raises(InputError, match="tracks: is missing"):
        decided_target(path, replace(SONG), DRY)
