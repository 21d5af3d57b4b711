"""The files of a mix beside its audio: settings, verdict and report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hybrid.audio.song import Song
from hybrid.export.fill import sheet_of
from hybrid.export.fill_goal import goal_sheet
from hybrid.export.report import report_html
from hybrid.export.verdict import verdict_json
from hybrid.json_text import json_text
from hybrid.mixing.deliver import Delivered
from hybrid.mixing.settings import settings
from hybrid.refinement.conflicts import conflicts
from hybrid.treatment.types import Treatment

SETTINGS_FILE, VERDICT_FILE, REPORT_FILE = "settings.json", "verdict.json", "report.html"


def write_results(delivered: Delivered, folder: Path, made_with: Mapping[str, str]) -> None:
    """Writes settings, verdict and report into `folder`."""
    plan = delivered.plan
    rules = plan.rules
    verdicts = {
        "schema": "verdict/1",
        "before": verdict_json(plan.before),
        "predicted": verdict_json(plan.predicted),
        "after": verdict_json(delivered.verdict),
        "notes": [*plan.song.notes, *plan.report.warnings],
        **({"moved": [each._asdict() for each in plan.moved]} if plan.moved else {}),
        "conflicts": [conflict._asdict() for conflict in conflicts(plan.refined, rules.rules)],
        "made_with": dict(made_with),
    }
    write_settings(plan.song, delivered.treatment, folder, made_with)
    _write(folder / VERDICT_FILE, verdicts)
    title = f"{plan.song.name}, mixed under: {rules.title}"
    sheet = sheet_of(delivered, title, made_with, goal_sheet(delivered, folder))
    (folder / REPORT_FILE).write_text(report_html(sheet), encoding="utf-8")


def write_settings(song: Song, treatment: Treatment, folder: Path, made_with: Mapping[str, str]) -> None:
    """Writes the settings alone."""
    _write(folder / SETTINGS_FILE, {**settings(song, treatment), "made_with": dict(made_with)})


def _write(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json_text(content, 1) + "\n", encoding="utf-8")
