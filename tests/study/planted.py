"""Short songs with reference mixes, rules of which one helps, and rows of studies for tests of effects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from hybrid.judging.mix import loudness_lufs
from hybrid.study.rows import Row

RATE, SECONDS = 16000, 4.0
REFERENCE_LEAD_LU = 8.0
"""Level of the lead over the rest in the reference mixes, and target of the rule that helps."""
RULES = """\
schema: mixrules/1
id: planted
title: One rule that helps, one that every mix satisfies
license: CC0-1.0
rules:
  - id: lead.helps
    type: lead_to_rest_ratio
    for: {role: vocal}
    against: {role: all, not: {role: vocal}}
    target: 8 LU
    tolerance: 0.5 LU
    acts_on: [gain.level]
    evidence: guess
  - id: width.useless
    type: left_right_balance
    max: 20 dB
    acts_on: [pan.position]
    evidence: guess
"""
STUDY = """\
schema: study/1
title: Planted
rules: [%s]
model: none
seeds: [0]
steps: 60
metrics: [level_lu, heard, crest_db, width_db]
primary: {space: crest_db}
arms:
  - leave_one_out: all
"""


def write_songs(folder: Path, n: int) -> Path:
    """A folder of songs with their mixes: a voice recorded too low, a bass and a guitar."""
    for seed in range(n):
        _write_song(folder / f"song{seed}", seed)
    return folder


def _write_song(folder: Path, seed: int) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    t = np.arange(int(SECONDS * RATE)) / RATE
    hz = float(rng.uniform(250.0, 500.0))
    voice = np.sign(np.sin(2.0 * np.pi * hz * t)) * (np.sin(2.0 * np.pi * 0.4 * t + rng.uniform(0.0, 1.0)) > -0.7)
    tracks = {
        "Lead Vox": 0.02 * float(rng.uniform(0.7, 1.4)) * voice,
        "Bass": 0.1 * np.sin(2.0 * np.pi * hz / 4.0 * t),
        "Gtr": 0.05 * rng.standard_normal(len(t)),
    }
    for name, samples in tracks.items():
        soundfile.write(folder / f"{name}.wav", samples, RATE, subtype="FLOAT")
    rest = np.stack([tracks["Bass"] + tracks["Gtr"]] * 2)
    gain_db = REFERENCE_LEAD_LU + loudness_lufs(rest, RATE) - loudness_lufs(np.stack([tracks["Lead Vox"]] * 2), RATE)
    mix = 10.0 ** (gain_db / 20.0) * tracks["Lead Vox"] + tracks["Bass"] + tracks["Gtr"]
    soundfile.write(folder / "mix.wav", 0.5 * mix / np.max(np.abs(mix)), RATE, subtype="FLOAT")


def write_study(folder: Path) -> Path:
    """The path of a study that leaves each of two rules out, written with its rules."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "planted.yaml").write_text(RULES)
    path = folder / "study.yaml"
    path.write_text(STUDY % (folder / "planted.yaml"))
    return path


def row(song: str, arm: str, level_lu: float, seed: int = 0, own: float = 0.0, **more: object) -> Row:
    """A row of a study of two rules."""
    metrics = {"level_lu": level_lu, "crest_db": 2.0}
    penalty = {"lead.helps": own, "width.useless": 0.0}
    return Row(song, seed, arm, "done", metrics, penalty, own, True)._replace(**more)
