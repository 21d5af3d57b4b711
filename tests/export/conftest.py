"""Made-up songs for the report: plausible numbers from a seed, and no audio."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hybrid.export.sheet import Cut, Sheet, TrackSheet
from hybrid.knowledge.verdict import Finding, TargetFinding, Verdict

BAND = (("01_Kick", "drums.kick", 0), ("02_Snare", "drums.snare", 4), ("03_HiHat", "drums.hihat", 35),
        ("04_Overheads", "drums.overheads", 0), ("05_Bass_DI", "bass.electric", 0),
        ("06_GtrRhythm_L", "guitar.electric", -85), ("07_GtrRhythm_R", "guitar.electric", 85),
        ("08_LeadVox", "vocal.lead", 0), ("09_BackingVox", "vocal.backing", -30),
        ("10_Piano", "keys.piano", 22), ("11_Pad", "synth.pad", 0),
        ("12_Tambourine", "drums.percussion", -55))  # fmt: skip
STEREO = ("drums.overheads", "keys.piano", "synth.pad")
ZONES = ("low", "low mid", "presence", "air")
MakeSheet = Callable[..., Sheet]

HIGH_CUT = Cut("high cut", 9000.0, is_low=False)


@pytest.fixture(scope="session")
def make_sheet() -> MakeSheet:
    """Builds a made-up sheet."""
    return made_up_sheet


def made_up_sheet(n_tracks: int = 12, duration_s: float = 214.0, names: tuple[str, ...] = ()) -> Sheet:
    """A song of `n_tracks` with levels, moves and rules as a mix would have them."""
    rng = np.random.default_rng(n_tracks)
    band_hz = np.geomspace(32.0, 15500.0, 40)
    time_s = np.arange(0.0, duration_s, 0.1)
    tracks = tuple(_track(n, rng, band_hz, time_s, names) for n in range(n_tracks))
    tilt = -4.0 * np.log2(band_hz / 700.0)
    raw = tilt + 6.0 * np.exp(-((np.log2(band_hz / 250.0)) ** 2)) + rng.normal(0, 1.2, 40)
    mix = tilt + rng.normal(0, 0.8, 40)
    form = -17.0 + 3.0 * _walk(rng, len(time_s)) - 14.0 * np.exp(-time_s / 3.0)
    findings = [_findings(tracks, rng, kept=kept) for kept in (False, True)]
    return Sheet(
        song="midnight-train", title="Midnight Train", sample_rate=44100,
        duration_s=duration_s, tracks=tracks,
        band_hz=band_hz, zone_names=ZONES, time_s=time_s, raw_spectrum_db=raw, mix_spectrum_db=mix,
        target_low_db=tilt - 2.5, target_high_db=tilt + 2.5,
        raw_short_term_lufs=form - 5 + _walk(rng, len(time_s)), mix_short_term_lufs=form,
        before=Verdict(findings[0], -22.37, 1.84), after=Verdict(findings[1], -16.0, -1.06),
        notes=("MIDNIGHT_ref_mix.wav looks like a finished mix: left out",
               "12_Tambourine: 48 kHz, converted"),
        made_with={"hybrid": "0.1.0", "rules": "base, sha256 9f2c41d07be3", "input": "sha256 77ab10c2ee91",
                   "seed": "0", "jax": "0.10.0", "numpy": "2.4.6"},
    )  # fmt: skip


def _walk(rng: np.random.Generator, n: int) -> np.ndarray:
    smooth = np.hanning(max(3, min(120, n // 2)))
    walk = np.convolve(rng.normal(0, 1, n + len(smooth)), smooth / np.sqrt(np.sum(smooth**2)), "same")
    return walk[:n]


def _track(
    n: int, rng: np.random.Generator, band_hz: np.ndarray, time_s: np.ndarray, names: tuple[str, ...]
) -> TrackSheet:
    name, role, pan = BAND[n % len(BAND)]
    octave = np.log2(band_hz / rng.uniform(80, 6000))
    tone = rng.uniform(-5, 4) * np.exp(-(octave**2)) + rng.uniform(-1, 1) * np.log2(band_hz / 700) * 0.5
    active = _walk(rng, len(time_s)) > rng.uniform(-1.5, 0.5)
    active[len(active) // 2 :] = True
    after = -6.0 - rng.gamma(2.0, 3.0)
    depth = np.array([1.0, 2.5, 1.8, 0.4])[:, None]
    dynamics = -depth * np.maximum(0, np.stack([_walk(rng, len(time_s)) for _ in ZONES])) * active
    return TrackSheet(
        id=names[n] if n < len(names) else name if n < len(BAND) else f"{n + 1:02d}_{name[3:]}", role=role,
        tags=("lead",) if role == "vocal.lead" else (), confidence=0.4 if "Pad" in name else 0.95,
        before_lu=after + rng.normal(0, 5.0), after_lu=after, level_db=float(rng.normal(0, 4)),
        pan=float(np.clip(pan + rng.normal(0, 6), -100, 100)), width_db=1.5 if role in STEREO else None,
        spread_db=-14.0 if role == "synth.pad" else None,
        send_db=-12.0 if role == "vocal.lead" else None,
        cuts=() if "kick" in role else (Cut("low cut", float(rng.uniform(30, 160)), True), HIGH_CUT), tone_db=tone,
        ride_db=1.2 * _walk(rng, len(time_s)) * active, dynamics_db=dynamics, active=active,
    )  # fmt: skip


RULES = (
    ("out.loudness", "integrated_loudness", "require", 0, 1.0, "LUFS", 0.5, "standard", (-16.2, -15.8), 1,
     "The mix has the loudness that was asked for."),
    ("out.true-peak", "true_peak", "require", 0, 1.0, "dBTP", 0.2, "standard", (None, -1.0), 1,
     "The mix's true peak stays under a ceiling."),
    ("tone.natural", "spectral_change", "prefer", 1, 1.0, "dB", 1.0, "listening_test", (None, 6.0), 99,
     "No track's tone is changed beyond what still sounds like itself."),
    ("lead.level", "lead_to_rest_ratio", "prefer", 2, 3.0, "LU", 1.0, "measured", (-2.0, 3.0), 1,
     "The lead is about as loud as everything else together."),
    ("balance.roles", "role_budget", "prefer", 2, 1.0, "LU", 2.0, "measured", (-14.0, -6.0), 99,
     "Every role has its share of the mix's loudness."),
    ("masking.lead", "masking", "prefer", 2, 0.3, "%", 5.0, "listening_test", (None, 20.0), 7,
     "The lead's bands are not covered by the rest while it sings."),
    ("spectrum.target", "spectral_envelope", "prefer", 3, 1.0, "dB", 1.0, "measured", (-2.5, 2.5), 40,
     "The mix's spectrum lies in the band that well-liked mixes keep."),
    ("pan.balance", "left_right_balance", "prefer", 3, 1.0, "dB", 0.5, "convention", (-1.0, 1.0), 1,
     "The two sides carry the same energy."),
    ("low.mono", "side_energy", "prefer", 3, 1.0, "dB", 2.0, "convention", (None, -12.0), 1,
     "The bass is in the middle."),
    ("choir.spread", "spread", "prefer", 3, 0.3, "", 0.1, "guess", (0.4, 0.8), 0,
     "Backing voices stand wide."),
)  # fmt: skip


def _findings(tracks: tuple[TrackSheet, ...], rng: np.random.Generator, kept: bool) -> tuple[Finding, ...]:
    return tuple(_finding(rule, tracks, rng, kept) for rule in RULES)


def _finding(rule: tuple, tracks: tuple[TrackSheet, ...], rng: np.random.Generator, after: bool) -> Finding:
    name, kind_of, kind, tier, weight, unit, scale, evidence, (low, high), n_targets, reason = rule
    middle = np.mean([limit for limit in (low, high) if limit is not None])
    names = [track.id for track in tracks] if n_targets == 99 else [f"band {n}" for n in range(n_targets)]
    names = ["mix"] if n_targets == 1 else names
    spread = scale * (0.4 if after and name not in ("masking.lead", "balance.roles") else 5.0)
    targets = []
    for target in names:
        value = float(middle + rng.normal(0, spread))
        excess = max(0.0, (low if low is not None else value) - value, value - (high if high is not None else value))
        start = float(rng.uniform(0, 180))
        when = None if name == "out.loudness" else (start, start + 8.0)
        targets.append(TargetFinding(target, value, low, high, excess, when))
    targets.sort(key=lambda target: -target.excess)
    worst = targets[0].excess / scale if targets else 0.0
    penalty = weight * float(np.hypot(1.0, worst) - 1.0)
    return Finding(
        name,
        kind_of,
        kind,
        tier,
        weight,
        unit,
        scale,
        evidence,
        penalty,
        worst <= 0.1,
        tuple(targets),
        reason,
    )
