"""Differences between readings of rules in the power domain and from rendered audio.

    python benchmarks/rule_agreement.py MIX...

Takes folders that `hybrid mix` wrote and compares, in each verdict.json, what was predicted with what was measured
after rendering: a row for every rule, the mean and the largest difference over all targets of all mixes, in scales.
Expected: 0.1 on average for every rule except those whose row gives a reason.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path

import numpy as np

EXCEPTIONS = {
    "out.loudness": "the output level is solved for the audio, down to its true peak",
    "out.true-peak": "a peak is not known from powers: guessed until rendered, then exact",
    "out.crest": "a peak is not known from powers",
    "out.peaks": "a peak keeps its distance to its frame's power, which filters and placing change",
    "keep.clean": "needs audio: 100 dB until rendered",
    "keep.artefacts": "needs audio: 100 dB until rendered",
    "band.bass": "where a tone curve is steep below 150 Hz, whose bands are half an octave wide: 0.6 scales on one pad",
}
"""Rules that may differ by more, with the reason."""
Differences = dict[str, list[float]]


def differences(folder: Path, collected: Differences) -> None:
    """Adds the differences of one mix, in scales."""
    verdict = json.loads((folder / "verdict.json").read_text())
    predicted = {rule["id"]: {t["name"]: t["value"] for t in rule["targets"]} for rule in verdict["predicted"]["rules"]}
    for rule in verdict["after"]["rules"]:
        before = predicted.get(rule["id"], {})
        for target in rule["targets"]:
            if target["name"] in before:
                collected[rule["id"]].append(abs(target["value"] - before[target["name"]]) / rule["scale"])


def main() -> None:
    """Prints the table, the largest mean first."""
    parser = argparse.ArgumentParser()
    parser.add_argument("mixes", nargs="+", type=Path)
    collected: Differences = defaultdict(list)
    for folder in parser.parse_args().mixes:
        differences(folder, collected)
    print("| rule | targets | mean, scales | largest | |")
    print("|---|---|---|---|---|")
    for rule, each in sorted(collected.items(), key=lambda item: -float(np.mean(item[1]))):
        print(f"| {rule} | {len(each)} | {np.mean(each):.3f} | {max(each):.2f} | {EXCEPTIONS.get(rule, '')} |")
    others = np.concatenate([each for rule, each in collected.items() if rule not in EXCEPTIONS])
    print(f"\nall but the exceptions: mean {others.mean():.3f} of {len(others)} targets")


if __name__ == "__main__":
    main()
