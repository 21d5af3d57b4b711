"""The page itself: a head of large numbers, then the pictures, the rules, the notes."""

from __future__ import annotations

import math
from html import escape

from hybrid.export.report.levels import levels_table
from hybrid.export.report.rules import Ruling, anchor, n_kept, rules_table, rulings
from hybrid.export.report.spectra import spectrum, tone_curves
from hybrid.export.report.stereo import stereo_field
from hybrid.export.report.timeline import dynamics_limit_db, ride_limit_db, timeline
from hybrid.export.sheet import FAMILIES, Sheet
from hybrid.pages.document import document, large_numbers
from hybrid.pages.words import clock, count, difference, fixed, number

_FIELD_WIDTHS_PX = {"wide": 900.0, "narrow": 350.0}
_DOTS = '<span class="key before">raw sum</span> <span class="key after">mix</span>'
_LINES = '<span class="key line before">raw sum</span> <span class="key line after">mix</span>'


def report_html(sheet: Sheet) -> str:
    """One self-contained HTML page about a mix. The same sheet gives the same bytes."""
    rules = rulings(sheet.before, sheet.after)
    title = sheet.title or sheet.song
    body = f"""{_header(sheet, title, rules)}
<main>
{_levels(sheet)}
{_stereo(sheet)}
{_spectrum(sheet)}
{_tone(sheet)}
{_timeline(sheet)}
{_rules(rules)}
</main>
{_footer(sheet)}"""
    return document(f"{title}: report of the mix", body)


def _section(name: str, title: str, lead: str, keys: str, content: str) -> str:
    head = f'<h2 id="{name}-title">{title}</h2><p class="lead">{lead}</p><p class="legend">{keys}</p>'
    return f'<section id="{name}" aria-labelledby="{name}-title">{head}\n{content}</section>'


def _header(sheet: Sheet, title: str, rules: list[Ruling]) -> str:
    facts = [clock(sheet.duration_s), f"{sheet.sample_rate / 1000:g} kHz", count(len(sheet.tracks), "track")]
    if sheet.song != title:
        facts.insert(0, escape(sheet.song))
    before, after = sheet.before, sheet.after
    kept, used = n_kept(after.rules)
    penalty, earlier = (math.fsum(rule.penalty for rule in verdict.rules) for verdict in (after, before))
    numbers = [
        _large("Loudness", fixed(after.loudness_lufs), "LUFS", fixed(before.loudness_lufs)),
        _large("True peak", fixed(after.true_peak_dbtp), "dBTP", fixed(before.true_peak_dbtp)),
        _large("Rules kept", f"{kept}", f"of {used}", f"{n_kept(before.rules)[0]}"),
        _large("Penalty of all rules", number(penalty), "", number(earlier)),
    ]
    return f"""<header>
<h1>{escape(title)}</h1>
<p class="facts">{" · ".join(facts)}</p>
{large_numbers(numbers)}
{_still_broken(rules)}
</header>"""


def _large(name: str, value: str, unit: str, raw: str) -> tuple[str, str, str]:
    suffix = f" <small>{unit}</small>" if unit else ""
    return name, f"{value}{suffix}", f"raw sum {raw}"


def _still_broken(rules: list[Ruling]) -> str:
    broken = [ruling for ruling in rules if ruling.state == "broken"]
    if not broken:
        return '<p class="outcome">Every rule is kept.</p>'
    items = "".join(_broken_item(ruling) for ruling in sorted(broken, key=lambda r: -r.now.penalty))
    told = f"{count(len(broken), 'rule')} still broken:"
    return f'<p class="outcome">{told}</p><ul class="still-broken">{items}</ul>'


def _broken_item(ruling: Ruling) -> str:
    rule, worst = ruling.now, ruling.now.targets[0]
    over = f"{escape(worst.name)}, by {difference(worst.excess, rule.unit)}"
    return f'<li><a href="#{anchor(rule)}">{escape(rule.id)}</a> <small>{over}</small></li>'


def _levels(sheet: Sheet) -> str:
    lead = "Loudness of every track relative to the whole, in LU."
    return _section("levels", "Levels", lead, _DOTS + _families(sheet), levels_table(sheet))


def _families(sheet: Sheet) -> str:
    present = {track.family for track in sheet.tracks}
    names = [(family, name) for family, name in FAMILIES.items() if family in present]
    return "".join(f'<span class="key {family}">{name}</span>' for family, name in names)


def _stereo(sheet: Sheet) -> str:
    lead = (
        "Seen from above, the listener sits below. Nearer and larger is louder, in LU relative to the mix; "
        "an arc shows how wide a stereo track sounds. Point at a dot for its name."
    )
    fields = (f'<div class="{name}">{stereo_field(sheet, px)}</div>' for name, px in _FIELD_WIDTHS_PX.items())
    return _section("stereo", "Stereo field", lead, _families(sheet), "".join(fields))


def _spectrum(sheet: Sheet) -> str:
    band = '<span class="key target">asked for</span>' if sheet.target_low_db is not None else ""
    lead = "Level over frequency in Hz and dB, each relative to its own mean."
    return _section("spectrum", "Spectrum", lead, _LINES + band, spectrum(sheet))


def _tone(sheet: Sheet) -> str:
    lead = "What the equaliser does to every track, in dB over Hz, all on the same axes."
    return _section("tone", "Tone", lead, "", tone_curves(sheet))


def _timeline(sheet: Sheet) -> str:
    zones = ", ".join(map(escape, reversed(sheet.zone_names)))
    ride, limit = (fixed(limit_db, 0) for limit_db in (ride_limit_db(sheet), dynamics_limit_db(sheet)))
    lead = (
        f"The line is the ride of the fader, ±{ride} dB, shaded where the track plays. "
        f"The strips below are the dynamics by zone, from the top: {zones}."
    )
    keys = f'<span class="key cut4">down, to {limit} dB</span> <span class="key boost4">up</span>'
    return _section("time", "Gain over time", lead, _LINES + keys, timeline(sheet))


def _rules(rules: list[Ruling]) -> str:
    lead = "Value and picture are of the worst target; the shaded stretch is what was asked."
    return _section("rules", "Rules", lead, _DOTS, rules_table(rules))


def _footer(sheet: Sheet) -> str:
    notes = "".join(f"<li>{escape(note)}</li>" for note in sheet.notes)
    made = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in sheet.made_with.items())
    told = f"<h2>Notes</h2><ul>{notes}</ul>" if notes else ""
    return f'<footer>{told}<h2>Made with</h2><dl class="made">{made}</dl></footer>'
