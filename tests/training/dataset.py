"""A data set of four short songs on disk, and a recipe that learns from it in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RATE, SECONDS = 16000, 4.0
RULES = (Path(__file__).parent / "two_rules.yaml").read_text()
CARD = """\
schema: dataset/1
name: few
about: four songs
licence: none
player: files
folder: songs
splits: {train: [0, 3], validation: [3, 4]}
"""
RECIPE = """\
schema: recipe/1
about: a test
data: [{dataset: %s, songs: 3, validation: 1}]
rules: [[%s]]
network: {frame: 8, whole: 8, n_heads: 2, n_frame_blocks: 1, n_moment_blocks: 1, n_whole_blocks: 1, n_unrolled_steps: 1,
  n_refine_blocks: 1}
n_tracks: 4
n_frames: 8
batch: 2
steps: 8
warm_up: 2
validate_every: 4
"""


def write_dataset(folder: Path) -> Path:
    """The songs, their card, a rule file and a recipe, whose path it returns."""
    for seed in range(4):
        write_song(folder / "songs" / f"song{seed}", seed)
    (folder / "few.yaml").write_text(CARD)
    (folder / "rules.yaml").write_text(RULES)
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE % (folder / "few.yaml", folder / "rules.yaml"))
    return recipe


def write_song(folder: Path, seed: int) -> None:
    """A voice, a bass, and a wide guitar that leans to a side."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    t = np.arange(int(SECONDS * RATE)) / RATE
    hz = float(rng.uniform(180.0, 300.0))
    sounds = {
        "Vox": 0.05 * np.sign(np.sin(2.0 * np.pi * hz * t)) * (np.sin(2.0 * np.pi * 0.4 * t) > -0.5),
        "Bass": 0.1 * np.sin(2.0 * np.pi * hz / 4.0 * t),
        "Gtr": 0.05 * rng.standard_normal((2, len(t))) * rng.uniform(0.2, 1.0, (2, 1)),
    }
    for name, sound in sounds.items():
        soundfile.write(folder / f"{name}.wav", np.asarray(sound).T, RATE, subtype="FLOAT")
