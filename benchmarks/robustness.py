"""Damaged and hostile inputs by the thousand: python benchmarks/robustness.py [-n CASES] [--kinds rules songs ...]

Documents of every format, options, weights and audio files are mutated at random, and read as the program reads them.
Each is refused with a message or accepted; anything else is a fault. A case that takes longer than 10 s is a hang.
Every case has a number, by which it can be made again: --case KIND NUMBER prints what it is and how it ends. Prints a
table of cases, refusals, acceptances, faults, hangs, the slowest case, and memory.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import signal
import string
import struct
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from hybrid import shelf
from hybrid.audio.manifest import read_manifest
from hybrid.audio.probe import probe
from hybrid.audio.samples import FileReader
from hybrid.calibrate.table import read_table
from hybrid.corpus.authored.decisions import read_decisions
from hybrid.corpus.card import read_card
from hybrid.document import parse
from hybrid.errors import InputError
from hybrid.knowledge.matches import match_report
from hybrid.knowledge.resolve import load_rules
from hybrid.mixing.settings import read_settings, settings
from hybrid.proposal.weights import SHIPPED, load_network
from hybrid.study.schema import read_study
from hybrid.training.recipe import read_recipe
from hybrid.treatment.types import neutral

HANG_S = 10.0
LONGEST_MESSAGE = 20_000
BATCH = 200
"""Cases that are done between two reports of a process."""
RATE = 8000

NASTY = [
    *("9" * 5000, "-" + "9" * 400, "1e400", "-1e308", "nan", ".inf", "0", "-0.0", "''", "~", "null", "true", "[]"),
    *("1e308 LU", "-1e308 dBTP", "9" * 400 + " Hz", "1" * 20000 + " dB", "120", "1:9999999999:59", "1-" * 3000, "{}"),
    *("a" * 300, "a" * 200_000, "'/a{99999999999}/'", "'/(a+)+$/'", "'/[/'", "'/" + "(" * 200 + "/'"),
    *("~nosuchuser/x.wav", "http://example.com/x.wav", "../../etc/passwd", "CON", "AUX.wav", "'\\x1b[2J'"),
    *("\u202egnp.wav", "\ud7ff", "\U0001f39a", "&a 1", "*a", "!!python/object:os.system x", "<<: {a: 1}", "'\\0'"),
    *("[" * 60 + "]" * 60, "{a: " * 60 + "1" + "}" * 60, "|\n  text", "- - - 1", "? key", "x: y: z", "\t", "@", "%"),
    *("`", "2026-12-01", "0x1F", "1_000", "--- 2"),
]
"""Values that have been a fault somewhere, here or in neighbouring programs."""


class Outcome(NamedTuple):
    """How a case ended: `refused`, `accepted`, `fault` or `hang`, and what there is to tell of it."""

    how: str
    what: str
    seconds: float


class HangError(Exception):
    """A case that takes too long."""


# Mutations


def mutated_text(text: str, rng: np.random.Generator) -> str:
    """The text of a document after one to four changes."""
    for _ in range(int(rng.integers(1, 5))):
        lines = text.split("\n")
        at = int(rng.integers(len(lines)))
        change = int(rng.integers(10))
        nasty = NASTY[int(rng.integers(len(NASTY)))]
        if change <= 3 and ":" in lines[at]:
            # a value: what follows the key, or one item of a list of values
            key, _, _ = lines[at].partition(":")
            lines[at] = f"{key}: {nasty}"
        elif change == 4:
            parts = lines[at].split(",")
            parts[int(rng.integers(len(parts)))] = f" {nasty}"
            lines[at] = ",".join(parts)
        elif change == 5:
            del lines[at]
        elif change == 6:
            lines.insert(int(rng.integers(len(lines) + 1)), lines[at])
        elif change == 7:
            lines[at] = ("  " if rng.random() < 0.5 else "") + lines[at].lstrip()
        elif change == 8 and lines[at]:
            position = int(rng.integers(len(lines[at])))
            letter = string.printable[int(rng.integers(len(string.printable)))]
            lines[at] = lines[at][:position] + letter + lines[at][position + 1 :]
        else:
            lines = lines[: at + 1] if rng.random() < 0.3 else [*lines[:at], nasty, *lines[at + 1 :]]
        text = "\n".join(lines)
    return text


def mutated_bytes(content: bytes, rng: np.random.Generator, head: int = 200) -> bytes:
    """The content of a binary file after a few changes, most of them in its header."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        if not data:
            break
        at = int(rng.integers(min(head, len(data)) if rng.random() < 0.7 else len(data)))
        change = int(rng.integers(6))
        if change <= 1:
            data[at] = int(rng.integers(256))
        elif change == 2:
            data[at] ^= 1 << int(rng.integers(8))
        elif change == 3:
            data = data[: at + 1] if rng.random() < 0.3 else data[: len(data) - int(rng.integers(len(data)))]
        elif change == 4:
            value = (0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)[int(rng.integers(5))]
            data[at : at + 4] = struct.pack("<I" if rng.random() < 0.5 else ">I", value)
        else:
            data[at:at] = bytes(data[at : at + int(rng.integers(64))])
    return bytes(data)


# Kinds of inputs


@cache
def samples(fmt: str, subtype: str) -> bytes:
    """A short file of sound."""
    file = io.BytesIO()
    signal = 0.1 * np.random.default_rng(0).standard_normal((RATE // 4, 2))
    soundfile.write(file, signal, RATE, subtype, format=fmt)
    return file.getvalue()


SOUNDS = {
    "wav": ("WAV", "PCM_16"),
    "bwf": ("WAV", "FLOAT"),
    "rf64": ("RF64", "PCM_24"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}


@cache
def shipped(kind: str) -> list[str]:
    """The documents of a kind that come with the program, those that take long to read cut to a few entries."""
    paths = sorted(shelf.shipped(kind).rglob("*.yaml"))
    return [path.read_text(encoding="utf-8") for path in paths if path.stem != "base"]


@cache
def rule_texts() -> list[str]:
    """Small rule files: the head of a shipped one, with three of its rules each."""
    texts = []
    for path in sorted(shelf.shipped("rules").glob("*.yaml")):
        head, mark, body = path.read_text(encoding="utf-8").partition("\nrules:")
        rules = body.split("\n  - ")[1:]
        for first in range(0, len(rules), 3):
            chosen = "".join(f"\n  - {rule}" for rule in rules[first : first + 3])
            texts.append(f"{head}{mark}{chosen}")
    return [*texts, *shipped("rules/genres")]


def song_text() -> str:
    names = ("Kick", "Snare", "Bass", "Vox")
    roles = ("drums.kick", "drums.snare", "bass", "vocal.lead")
    tracks = "".join(
        f"\n  - id: {name}\n    file: {name}.wav\n    role: {role}\n    tags: [lead]\n    confidence: 0.9"
        "\n    gain_db: 0.0\n    offset_s: 0.5\n    polarity: upright"
        for name, role in zip(names, roles, strict=True)
    )
    return f"schema: song/1\nname: song\ntempo_bpm: 120.0\nraw_levels: recorded\ntracks:{tracks}\n"


@contextmanager
def song_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("Kick", "Snare", "Bass", "Vox"):
            (Path(folder) / f"{name}.wav").write_bytes(samples("WAV", "PCM_16"))
        yield Path(folder)


def choice(items: list[str], rng: np.random.Generator) -> str:
    return items[int(rng.integers(len(items)))]


def read_as(suffix: str, read: Callable[[Path], object], content: str | bytes, folder: Path) -> None:
    path = folder / f"case{suffix}"
    path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    read(path)


def of_rules(rng: np.random.Generator, folder: Path) -> tuple[object, Callable[[], object]]:
    text = mutated_text(choice(rule_texts(), rng), rng)

    def read() -> None:
        rules = load_rules([parse(text, folder / "case.yaml")])
        match_report(rules, read_manifest(folder / "song.yaml"))

    (folder / "song.yaml").write_text(song_text())
    return text, read


def of_set(rng: np.random.Generator, folder: Path) -> tuple[object, Callable[[], object]]:
    rule = ["lead.level", "mask.lead", "out.true-peak", "no.rule", ""][int(rng.integers(5))]
    key = ["target", "tolerance", "weight", "id", "type", "for.role", "curve.80 Hz", "enabled", "x.y.z"][
        int(rng.integers(9))
    ]
    text = f"{rule}.{key}={choice(NASTY, rng)}" if rng.random() < 0.9 else mutated_text("lead.level.target=2 LU", rng)
    document = parse(choice(rule_texts(), np.random.default_rng(0)), Path("rules.yaml"))
    return text, lambda: load_rules([document], [text])


def of_songs(rng: np.random.Generator, folder: Path) -> tuple[object, Callable[[], object]]:
    text = mutated_text(song_text(), rng)
    return text, lambda: read_as(".yaml", read_manifest, text, folder)


def of_named(kind: str, read: Callable[[str], object]) -> Callable:
    def make(rng: np.random.Generator, folder: Path) -> tuple[object, Callable[[], object]]:
        text = mutated_text(choice(shipped(kind), rng), rng)
        return text, lambda: read_as(".yaml", lambda path: read(str(path)), text, folder)

    return make


DECISIONS = {
    "schema": "decisions/1",
    **dict.fromkeys(("title", "author", "licence", "source", "source_sha256", "renderer"), "x"),
    "raw_levels": "recorded",
    "residual_db": -90.0,
    "tracks": [{"id": "Kick", "raw_lufs": -20.0, "level_lu": -3.0, "pan": -30.0, "decided": ["level", "pan"]}],
}
TABLE = [
    {
        "mix": f"M{k}",
        "song": "s",
        "genre": "POP",
        "scores": [0.5, 0.7],
        "tracks": [
            {
                "name": name,
                "type": "AUDIO",
                "instrument": "BASS",
                "parameters": {"gain": -3.0, "pan": [0]},
                "raw_lufs": -20.0,
            }
            for name in ("Bass", "Sub")
        ],
    }
    for k in range(2)
]


@cache
def settings_text() -> str:
    """The settings of a treatment that does nothing."""
    with song_folder() as folder:
        (folder / "song.yaml").write_text(song_text())
        song = read_manifest(folder / "song.yaml")
    return json.dumps(settings(song, neutral(len(song.tracks), song.n_samples / song.sample_rate, 0.1)), indent=1)


def of_json(content: Callable[[], str], read: Callable[[Path], object]) -> Callable:
    def make(rng: np.random.Generator, folder: Path) -> tuple[object, Callable[[], object]]:
        text = mutated_text(content(), rng)
        return text, lambda: read_as(".json", read, text, folder)

    return make


@cache
def weights() -> tuple[dict, bytes]:
    raw = next(iter(sorted(SHIPPED.glob("*.safetensors")))).read_bytes()
    (size,) = struct.unpack("<Q", raw[:8])
    return json.loads(raw[8 : 8 + size]), raw[8 + size :]


def of_weights(rng: np.random.Generator, folder: Path) -> tuple[object, Callable[[], object]]:
    head, body = weights()
    changed = json.loads(json.dumps(head))
    metadata = json.loads(changed["__metadata__"]["network"])
    values = [0, -1, 10**9, "x", None, [], {}, True, 1.5, "9" * 5000, ["x"] * 7]
    value = values[int(rng.integers(len(values)))]
    where = int(rng.integers(5))
    if where == 0:
        metadata["sizes"][list(metadata["sizes"])[int(rng.integers(len(metadata["sizes"])))]] = value
    elif where == 1:
        metadata[list(metadata)[int(rng.integers(len(metadata)))]] = value
    elif where == 2:
        name = [key for key in changed if key != "__metadata__"][int(rng.integers(len(changed) - 1))]
        field = ["dtype", "shape", "data_offsets"][int(rng.integers(3))]
        changed[name][field] = ["F8", "F64", "I32", [0], [1 << 40], [0, 1 << 50], value][int(rng.integers(7))]
    text = json.dumps(metadata)
    changed["__metadata__"]["network"] = text if where < 3 else mutated_text(text, rng)
    encoded = json.dumps(changed).encode()
    content = struct.pack("<Q", len(encoded)) + encoded + body
    if where == 4:
        content = mutated_bytes(content, rng, 4000)
    return content[:4000], lambda: read_as(".safetensors", lambda path: load_network(str(path)), content, folder)


def of_sounds(rng: np.random.Generator, folder: Path) -> tuple[object, Callable[[], object]]:
    suffix = list(SOUNDS)[int(rng.integers(len(SOUNDS)))]
    content = mutated_bytes(samples(*SOUNDS[suffix]), rng)

    def read(path: Path) -> None:
        with FileReader(probe(path)) as reader:
            for block in reader.blocks():
                assert np.isfinite(block).all(), "samples that are no numbers"

    return (suffix, content), lambda: read_as(f".{suffix}", read, content, folder)


KINDS: dict[str, Callable[[np.random.Generator, Path], tuple[object, Callable[[], object]]]] = {
    "rules": of_rules,
    "set": of_set,
    "songs": of_songs,
    "studies": of_named("train/ablations", read_study),
    "recipes": of_named("train", read_recipe),
    "cards": of_named("datasets", read_card),
    "decisions": of_json(lambda: json.dumps(DECISIONS, indent=1), read_decisions),
    "settings": of_json(settings_text, read_settings),
    "tables": of_json(lambda: json.dumps(TABLE, indent=1), read_table),
    "weights": of_weights,
    "sounds": of_sounds,
}


# Running


def _alarm(number: int, frame: object) -> None:
    raise HangError


def outcome(kind: str, number: int, folder: Path) -> Outcome:
    """How one case ends."""
    _, read = KINDS[kind](np.random.default_rng([sum(map(ord, kind)), number]), folder)
    start = time.monotonic()
    try:
        read()
        how, what = "accepted", ""
    except InputError as error:
        how, what = "refused", str(error)
        if len(what) > LONGEST_MESSAGE:
            how, what = "fault", f"a message of {len(what)} characters"
        elif not what.strip():
            how, what = "fault", "no message"
    except HangError:
        how, what = "hang", ""
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        how, what = "fault", f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}: {str(error)[:150]}"
    return Outcome(how, what, time.monotonic() - start)


def some(kind: str, first: int, n: int) -> list[tuple[int, Outcome]]:
    """Outcomes of cases, one after another, and their numbers."""
    outcomes = []
    for number in range(first, first + n):
        with song_folder() as folder:
            if hasattr(signal, "setitimer"):
                signal.signal(signal.SIGALRM, _alarm)
                signal.setitimer(signal.ITIMER_REAL, HANG_S)
            try:
                outcomes.append((number, outcome(kind, number, folder)))
            finally:
                if hasattr(signal, "setitimer"):
                    signal.setitimer(signal.ITIMER_REAL, 0.0)
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=100_000, help="cases, of all kinds together")
    parser.add_argument("--first", type=int, default=0, help="the number of the first case")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--jobs", type=int, default=None)
    parser.add_argument("--case", nargs=2, metavar=("KIND", "NUMBER"))
    options = parser.parse_args()
    if options.case:
        kind, number = options.case[0], int(options.case[1])
        with song_folder() as folder:
            content, _ = KINDS[kind](np.random.default_rng([sum(map(ord, kind)), number]), folder)
            print(content if isinstance(content, str) else repr(content))
            print(outcome(kind, number, folder))
        return
    each = -(-options.n // len(options.kinds))
    faults: Counter[str] = Counter()
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        jobs = {
            kind: [
                pool.submit(some, kind, options.first + start, min(BATCH, each - start))
                for start in range(0, each, BATCH)
            ]
            for kind in options.kinds
        }
        print("| input | cases | refused | accepted | faults | hangs | slowest, s |\n|---|---|---|---|---|---|---|")
        for kind, futures in jobs.items():
            how: Counter[str] = Counter()
            slowest = 0.0
            for future in futures:
                for number, one in future.result():
                    how[one.how] += 1
                    slowest = max(slowest, one.seconds)
                    if one.how in ("fault", "hang"):
                        faults[f"{kind} {one.how} {one.what}  (--case {kind} {number})"] += 1
            row = (how.total(), how["refused"], how["accepted"], how["fault"], how["hang"])
            print(f"| {kind} | {' | '.join(map(str, row))} | {slowest:.2f} |", flush=True)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\nMost memory of a process: {peak:.0f} MiB")
    for what, n in faults.most_common(60):
        print(f"{n}: {what}", file=sys.stderr)


if __name__ == "__main__":
    main()
