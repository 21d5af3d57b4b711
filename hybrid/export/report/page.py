"""The page itself: a head of large numbers, then the pictures, the rules, the notes."""

from __future__ import annotations

import math
from typing import NamedTuple

from hybrid.export.report.goal import GoalPlot, goal_plots
from hybrid.export.report.levels import levels_axis
from hybrid.export.report.rules import RuleRow, Tier, rule_rows, tiers_of
from hybrid.export.report.spectra import Spectrum, ToneCurves, spectrum_of, tone_curves_of
from hybrid.export.report.stereo import StereoField, stereo_field
from hybrid.export.report.timeline import Timeline, timeline_of
from hybrid.export.sheet import FAMILIES, Sheet
from hybrid.export.verdict import n_kept
from hybrid.pages.document import LargeNumber, document
from hybrid.pages.plot import Axis
from hybrid.pages.words import fixed, number

_FIELD_WIDTHS_PX = {"wide": 900.0, "narrow": 350.0}


class ReportPage(NamedTuple):
    """Everything on the page."""

    sheet: Sheet
    numbers: tuple[LargeNumber, ...]
    broken: list[RuleRow]
    """The rules still broken, by penalty, highest first."""
    families: dict[str, str]
    """Names of the families of tracks that are present, by CSS class."""
    levels: Axis
    fields: dict[str, StereoField]
    """The stereo field by the width of screen that it is drawn for."""
    spectrum: Spectrum
    tone: ToneCurves
    timeline: Timeline
    tiers: list[Tier]
    goal_plots: list[GoalPlot]


def report_html(sheet: Sheet) -> str:
    """One self-contained HTML page about a mix. The same sheet gives the same bytes."""
    rows = rule_rows(sheet.before, sheet.after)
    present = {track.family for track in sheet.tracks}
    page = ReportPage(
        sheet,
        _numbers(sheet),
        broken=sorted((row for row in rows if row.state == "broken"), key=lambda row: -row.mix.penalty),
        families={family: name for family, name in FAMILIES.items() if family in present},
        levels=levels_axis(sheet),
        fields={name: stereo_field(sheet, width_px) for name, width_px in _FIELD_WIDTHS_PX.items()},
        spectrum=spectrum_of(sheet),
        tone=tone_curves_of(sheet),
        timeline=timeline_of(sheet),
        tiers=tiers_of(rows),
        goal_plots=goal_plots(sheet.goal) if sheet.goal else [],
    )
    return document("report", page)


def _numbers(sheet: Sheet) -> tuple[LargeNumber, ...]:
    before, after = sheet.before, sheet.after
    (kept, used), (raw_kept, _) = n_kept(after.rules), n_kept(before.rules)
    penalty, raw_penalty = (math.fsum(rule.penalty for rule in verdict.rules) for verdict in (after, before))
    values = (
        ("Loudness", fixed(after.loudness_lufs), fixed(before.loudness_lufs), "LUFS"),
        ("True peak", fixed(after.true_peak_dbtp), fixed(before.true_peak_dbtp), "dBTP"),
        ("Rules kept", f"{kept}", f"{raw_kept}", f"of {used}"),
        ("Penalty of all rules", number(penalty), number(raw_penalty), ""),
    )
    return tuple(LargeNumber(name, value, f"raw sum {raw}", unit) for name, value, raw, unit in values)
