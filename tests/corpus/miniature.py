"""Public data sets in miniature: folders and names as the real ones have them, half a second of tones in each file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
import yaml

RATE, SECONDS = 44100, 0.5


class Miniature(NamedTuple):
    """A card, the writer of its files, and the expected contents: roles by song, and the songs that have a mix."""

    card: str
    write: Callable[[Path], None]
    roles: dict[str, list[str]]
    mixes: frozenset[str]
    splits: tuple[tuple[str, str], ...] = ()


def tone(path: Path, hz: float = 440.0, channels: int = 1, seconds: float = SECONDS, rate: int = RATE) -> Path:
    """A file of one tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = 0.1 * np.sin(2.0 * np.pi * hz * np.arange(round(seconds * rate)) / rate)
    soundfile.write(path, np.stack([samples] * channels, axis=1), rate)
    return path


def _stems(folder: Path) -> None:
    for number, name in enumerate(("bass", "drums", "other", "vocals")):
        tone(folder / f"{name}.wav", 200.0 * (number + 1), channels=2)


def musdb18_hq(root: Path) -> None:
    """Two songs to train on and one to test, the mixture beside the stems."""
    for song in ("train/A - One", "train/B - Two", "test/C - Three"):
        _stems(root / song)
        tone(root / song / "mixture.wav", channels=2)


def dsd100(root: Path) -> None:
    """Mixtures in one tree, sources in another; one mixture is missing."""
    for song in ("Dev/001 - A - One", "Test/002 - B - Two"):
        _stems(root / "Sources" / song)
    tone(root / "Mixtures/Dev/001 - A - One/mixture.wav", channels=2)


def medleydb(root: Path) -> None:
    """A song with metadata in version 1, one with bleed in version 2, and one whose metadata are elsewhere."""
    for version, song, bleed in (("V1", "A_One", "no"), ("V2", "B_Two", "yes")):
        folder = root / version / song
        stems = {}
        for number, (instrument, raws) in enumerate((("drum set", 2), ("male singer", 1), ("electric bass", 1)), 1):
            raw = {}
            for take in range(1, raws + 1):
                name = f"{song}_RAW_{number:02d}_{take:02d}.wav"
                tone(folder / f"{song}_RAW" / name, 100.0 * number + take)
                raw[f"R{take:02d}"] = {"filename": name, "instrument": instrument}
            name = f"{song}_STEM_{number:02d}.wav"
            tone(folder / f"{song}_STEMS" / name, 100.0 * number, channels=2)
            stems[f"S{number:02d}"] = {"component": "", "filename": name, "instrument": instrument, "raw": raw}
        tone(folder / f"{song}_MIX.wav", channels=2)
        metadata = {"album": None, "artist": "A", "genre": "Rock", "has_bleed": bleed, "instrumental": "no"}
        metadata |= {"mix_filename": f"{song}_MIX.wav", "raw_dir": f"{song}_RAW", "stem_dir": f"{song}_STEMS"}
        (folder / f"{song}_METADATA.yaml").write_text(yaml.safe_dump({**metadata, "stems": stems}, default_style=None))
    for number in (1, 2):
        tone(root / f"Audio/C_Three/C_Three_RAW/C_Three_RAW_01_{number:02d}.wav", 100.0 * number)


def cambridge_mt(root: Path) -> None:
    """The three layouts in which its songs are stored, and folders as they are unpacked."""
    tone(root / "A_One_Full/01_Kick.wav", 60.0)
    tone(root / "A_One_Full/02_OverheadL.wav", 5000.0)
    tone(root / "A_One_Full/03_OverheadR.wav", 5000.0)
    tone(root / "A_One_Full/LeadVox.wav", 400.0)
    tone(root / "__MACOSX/A_One_Full/01_Kick.wav")
    tone(root / "00042/tracks/B_Two_Full/01_BassDI.wav", 80.0)
    tone(root / "00042/tracks/B_Two_Full/02_ElecGtr.wav", 300.0)
    tone(root / "Three/tracks/01_Piano.wav", 300.0)
    tone(root / "Three/tracks/02_Vox.wav", 400.0)
    tone(root / "Three/mixes/Three_Preview.wav", channels=2)
    tone(root / "Three/mixes/Three_Full_Mix.wav", channels=2)


def moisesdb(root: Path) -> None:
    """One song whose tracks are named by numbers alone, with their types in its metadata."""
    folder = root / "moisesdb_v0.1" / "0a1b"
    stems = {"vocals": [("v-1", "lead female singer")], "drums": [("d-1", "snare drum"), ("d-2", "overheads")]}
    for stem, tracks in stems.items():
        for name, _ in tracks:
            tone(folder / stem / f"{name}.wav", channels=2)
    groups = [
        {"stemName": stem,
         "tracks": [{"id": name, "trackType": kind, "extension": "wav", "has_bleed": kind == "overheads"}
                    for name, kind in tracks]}
        for stem, tracks in stems.items()
    ]  # fmt: skip
    (folder / "data.json").write_text(json.dumps({"artist": "A", "song": "One", "genre": "pop", "stems": groups}))


def enst_drums(root: Path) -> None:
    """One phrase by five microphones, and files that are not to be read."""
    audio = root / "ENST-drums-public/drummer_1/audio"
    name = "031_phrase_disco_simple_slow_sticks.wav"
    for number, place in enumerate(("kick", "snare", "hi-hat", "overhead_L", "overhead_R")):
        tone(audio / place / name, 100.0 * (number + 1))
        tone(audio / place / "001_hits_snare-drum_sticks_x6.wav")
    for mix in ("dry_mix", "wet_mix"):
        tone(audio / mix / name, channels=2)
    tone(audio / "accompaniment" / "115_MIDI-minus-one_x_sticks.wav")


def slakh2100(root: Path) -> None:
    """Two stems, and one in the metadata that was never rendered."""
    folder = root / "train" / "Track00001"
    stems = {}
    for stem, kind, there in (("S00", "Bass", True), ("S01", "Drums", True), ("S02", "Guitar", False)):
        stems[stem] = {"audio_rendered": there, "inst_class": kind, "is_drum": kind == "Drums", "program_num": 1}
        if there:
            tone(folder / "stems" / f"{stem}.flac", 100.0)
    tone(folder / "mix.flac")
    (folder / "metadata.yaml").write_text(yaml.safe_dump({"UUID": "x", "overall_gain": 0.5, "stems": stems}))


STEMS = ["bass", "drums", "unknown", "vocal.lead"]
MINIATURES = (
    Miniature(
        "musdb18-hq", musdb18_hq, {"A - One": STEMS, "B - Two": STEMS, "C - Three": STEMS},
        frozenset({"A - One", "B - Two", "C - Three"}),
        (("A - One", "train"), ("B - Two", "train"), ("C - Three", "test")),
    ),
    Miniature(
        "dsd100", dsd100, {"001 - A - One": STEMS, "002 - B - Two": STEMS}, frozenset({"001 - A - One"}),
        (("001 - A - One", "train"), ("002 - B - Two", "test")),
    ),
    Miniature(
        "medleydb", medleydb,
        {"A_One": ["drums", "drums", "vocal.lead", "bass.electric"],
         "B_Two": ["drums", "drums", "vocal.lead", "bass.electric"], "C_Three": ["unknown", "unknown"]},
        frozenset({"A_One", "B_Two"}),
    ),
    Miniature(
        "medleydb-stems", medleydb,
        {"A_One": ["drums", "vocal.lead", "bass.electric"], "B_Two": ["drums", "vocal.lead", "bass.electric"]},
        frozenset({"A_One", "B_Two"}),
    ),
    Miniature(
        "cambridge-mt", cambridge_mt,
        {"A_One_Full": ["drums.kick", "drums.overheads", "vocal.lead"],
         "B_Two_Full": ["bass.electric", "guitar.electric"],
         "Three": ["keys.piano", "vocal.lead"]},
        frozenset({"Three"}),
    ),
    Miniature("moisesdb", moisesdb, {"0a1b": ["vocal.lead", "drums.snare", "drums.overheads"]}, frozenset()),
    Miniature(
        "enst-drums", enst_drums,
        {"1 031_phrase_disco_simple_slow_sticks": ["drums.hihat", "drums.kick", "drums.overheads", "drums.snare"]},
        frozenset({"1 031_phrase_disco_simple_slow_sticks"}),
    ),
    Miniature("slakh2100", slakh2100, {"Track00001": ["bass", "drums"]}, frozenset({"Track00001"}),
              (("Track00001", "train"),)),
)  # fmt: skip
