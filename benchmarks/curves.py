"""Learning curves of a training run, one panel per rule: python benchmarks/curves.py runs/base curves.png

Weighted penalties in validation, with roles given and with roles hidden, for the rules with the largest penalties.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from hybrid.knowledge.resolve import load_rules

SPLITS = {"validation": "roles given", "validation, roles hidden": "roles hidden", "songs": "real songs"}
N_RULES = 23


def lines_of(run: Path) -> list[dict]:
    """Records of the run's metrics, in order."""
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def draw(lines: Sequence[dict], path: Path) -> None:
    """Writes a picture: one panel for the sum of all rules, one for each of those that cost most."""
    weight = {rule.id: rule.weight for rule in load_rules(["base"]).rules}
    of = {split: [line for line in lines if line["split"] == split] for split in SPLITS}
    highest = {rule: max(line["by_rule"][rule] for line in of["validation"]) * weight[rule] for rule in weight}
    shown = sorted(weight, key=lambda rule: -highest[rule])[:N_RULES]
    figure = Figure(figsize=(12.0, 10.0), layout="constrained")
    axes = figure.subplots(6, 4, sharex=True).ravel()
    for axis, rule in zip(axes, [None, *shown], strict=True):
        for split, label in SPLITS.items():
            costs = [line["rules"] if rule is None else weight[rule] * line["by_rule"][rule] for line in of[split]]
            if costs:
                axis.plot([line["step"] for line in of[split]], costs, label=label, lw=1.2)
        axis.set_title(rule or "all rules", fontsize=9)
        axis.set_ylim(0.0, None)
        axis.grid(alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=len(SPLITS))
    figure.supxlabel("step")
    figure.supylabel("weighted penalty")
    figure.savefig(path, dpi=90)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("run", type=Path)
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    if not (options.run / "metrics.jsonl").is_file():
        parser.error(f"no metrics.jsonl in {options.run}")
    lines = lines_of(options.run)
    draw(lines, options.picture)
    print({line["split"]: line["rules"] for line in lines if line["split"] in SPLITS})


if __name__ == "__main__":
    main()
