"""Mixes that follow a reference, beside Matchering: python benchmarks/references.py SONGS... -o FOLDER --matchering PY

SONGS are folders of songs whose mix by a person is there as `mix`, or folders of such songs. The person's mix of the
first half is the reference for the second: the second half is mixed by itself and after the reference, and Matchering
is given its raw sum and our mix. All are compared with what the person made of the second half, by the judge's
features, which share nothing with the rules: tone (third octaves of the mid), width (side over mid) and dynamics
(crest). Matchering is GPL, so that it lies in an environment of its own, whose Python is PY. Songs are measured once: a
run that was stopped goes on. Prints Markdown; also written to FOLDER/references.md.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import numpy as np
import soundfile
from scipy import stats

from hybrid.audio.manifest import load_song
from hybrid.audio.read import open_song
from hybrid.audio.song import Song
from hybrid.corpus.split import artist_of
from hybrid.errors import InputError
from hybrid.judging.distance import spectrum_errors_db
from hybrid.judging.features import features_of
from hybrid.judging.mix import Mix, read_mix
from hybrid.unmixing.mix_file import open_mix, song_without_mix

HALF_S = 40.0
"""Longest half: a stretch of twice as much from the middle of the song is cut in two."""
SHORTEST_S = 8.0
NARROW_DB = -30.0
"""Side over mid below which nobody hears a width (a guess): some songs are mono, and others next to it."""
ASPECTS = ("tone", "width", "dynamics")
RAW, OWN, OURS = "raw sum", "our mix", "our mix after the reference"
ON_RAW, ON_OWN = "Matchering on the raw sum", "Matchering on our mix"
BY_MATCHERING = """
import sys
import matchering as mg
target, reference, out = sys.argv[1:]
mg.process(target=target, reference=reference, results=[mg.pcm24(out)])
"""


def folders_of(paths: Sequence[Path]) -> list[Path]:
    """Folders that hold a finished mix, among the paths and in them."""
    return [folder for path in paths for folder in (path, *sorted(path.iterdir())) if mix_of(folder)]


def mix_of(folder: Path) -> Path | None:
    return next((path for path in folder.glob("mix.*") if path.suffix in (".flac", ".wav")), None)


def cut(folder: Path, out: Path) -> float | None:
    """Writes the halves of a song: `first.wav` and `second.wav` of the person, `song` and `raw.wav`; returns the
    seconds of each, None for a song that is too short."""
    mix = mix_of(folder)
    assert mix is not None
    song = load_song(folder)
    if any(mix in track.files for track in song.tracks):
        song = song_without_mix(song, mix)[0]
    rate, n = song.sample_rate, song.n_samples
    size = min(n // 2, int(HALF_S * rate))
    if size < SHORTEST_S * rate:
        return None
    middle = n // 2
    with open_mix(mix, rate) as reader:
        for name, start in (("first", middle - size), ("second", middle)):
            soundfile.write(out / f"{name}.wav", stereo(reader.read(0, start, size)), rate, subtype="FLOAT")
    write_song(song, middle, size, out)
    return size / rate


def write_song(song: Song, start: int, size: int, out: Path) -> None:
    (out / "song").mkdir()
    total = np.zeros((size, 2), np.float32)
    with open_song(song) as reader:
        for index, track in enumerate(song.tracks):
            block = reader.read(index, start, size)
            if np.abs(block).max() > 1e-4:
                soundfile.write(out / "song" / f"{track.id}.wav", block.T, song.sample_rate, subtype="FLOAT")
                total += stereo(block)
    soundfile.write(out / "raw.wav", 0.5 * total / np.abs(total).max(), song.sample_rate, subtype="FLOAT")


def stereo(block: np.ndarray) -> np.ndarray:
    return np.broadcast_to(block, (2, block.shape[1])).T


def run(command: Sequence[str | Path]) -> dict[str, float]:
    """Seconds and memory of a command, which must succeed."""
    start = time.monotonic()
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert child.stderr is not None
    errors = child.stderr.read().decode()
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(map(str, command[:3]))}: {errors[-300:]}")
    return {"seconds": time.monotonic() - start, "mb": usage.ru_maxrss / 1024.0}


def measure(folder: Path, out: Path, matchering: Path, steps: int) -> dict[str, object] | None:
    """Distances of all versions of the second half from the person's, and from the reference."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    seconds = cut(folder, out)
    if seconds is None:
        return None
    first, raw = out / "first.wav", out / "raw.wav"
    hybrid = [sys.executable, "-m", "hybrid", "-q", "mix", out / "song", "--steps", str(steps), "--subtype", "FLOAT"]
    costs = {
        OWN: run([*hybrid, "-o", out / "own"]),
        OURS: run([*hybrid, "-o", out / "ours", "--reference", first]),
    }
    versions = {RAW: raw, OWN: out / "own" / "mix.wav", OURS: out / "ours" / "mix.wav"}
    for name, target in ((ON_RAW, raw), (ON_OWN, versions[OWN])):
        versions[name] = out / f"matchering-{len(versions)}.wav"
        costs[name] = run([matchering, "-c", BY_MATCHERING, target, first, versions[name]])
    rate = soundfile.info(out / "second.wav").samplerate
    person, reference = (read_mix(out / f"{name}.wav", rate) for name in ("second", "first"))
    mixes = {name: read_mix(path, rate) for name, path in versions.items()}
    return {
        "song": folder.name,
        "artist": artist_of(folder.name),
        "seconds": seconds,
        "person": {name: distance(mix, person) for name, mix in mixes.items()},
        "reference": {name: distance(mix, reference) for name, mix in mixes.items()},
        "clipped": {name: mix.delivery.clipped for name, mix in mixes.items()},
        "peak_dbtp": {name: mix.delivery.true_peak_dbtp for name, mix in mixes.items()},
        "costs": costs,
    }


def distance(mix: Mix, other: Mix) -> dict[str, float]:
    """Differences in tone, width and dynamics, all in dB."""
    mine, theirs = features_of(mix), features_of(other)
    mine_db, theirs_db = (max(each["width_db"], NARROW_DB) for each in (mine, theirs))
    return {
        "tone": spectrum_errors_db(mix, other)["mid"],
        "width": abs(mine_db - theirs_db),
        "dynamics": abs(mine["crest_db"] - theirs["crest_db"]),
    }


def table(results: Sequence[dict], against: str) -> list[str]:
    """Mean distances of every version, and in how many songs ours is nearer, with the sign test's p."""
    lines = [
        f"| {against} | "
        + " | ".join(f"{aspect} dB" for aspect in ASPECTS)
        + " | ours nearer in tone, width, dynamics |",
        "|---" * (len(ASPECTS) + 2) + "|",
    ]
    for name in (RAW, OWN, ON_RAW, ON_OWN, OURS):
        means = [fmean(result[against][name][aspect] for result in results) for aspect in ASPECTS]
        wins = [won(results, against, name, aspect) for aspect in ASPECTS] if name != OURS else []
        lines.append(f"| {name} | " + " | ".join(f"{mean:.2f}" for mean in means) + f" | {'; '.join(wins)} |")
    return lines


def won(results: Sequence[dict], against: str, name: str, aspect: str) -> str:
    pairs = [(result[against][OURS][aspect], result[against][name][aspect]) for result in results]
    nearer = sum(ours < other for ours, other in pairs)
    p = stats.binomtest(nearer, len(pairs)).pvalue
    return f"{nearer} of {len(pairs)} (p {p:.3g})"


def report(results: Sequence[dict]) -> str:
    """All tables as Markdown."""
    lines = [f"{len(results)} songs by {len({result['artist'] for result in results})} authors", ""]
    lines += [*table(results, "person"), "", *table(results, "reference"), ""]
    lines += ["| | s | MB | clipped samples | highest true peak, dBTP |", "|---|---|---|---|---|"]
    for name in (OWN, OURS, ON_RAW, ON_OWN):
        seconds, memory = (fmean(result["costs"][name][key] for result in results) for key in ("seconds", "mb"))
        clipped = sum(result["clipped"][name] for result in results)
        peak = max(result["peak_dbtp"][name] for result in results)
        lines.append(f"| {name} | {seconds:.1f} | {memory:.0f} | {clipped} | {peak:.2f} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", nargs="+", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--matchering", type=Path, required=True, help="Python that has Matchering")
    parser.add_argument("--steps", type=int, default=100)
    arguments = parser.parse_args()
    results = []
    for folder in folders_of(arguments.songs):
        out = arguments.out / folder.name
        done = out / "result.json"
        if not done.is_file():
            try:
                result = measure(folder, out, arguments.matchering, arguments.steps)
            except (InputError, RuntimeError) as error:
                print(f"{folder.name}: {error}", file=sys.stderr)
                continue
            done.write_text(json.dumps(result))
        if (result := json.loads(done.read_text())) is not None:
            results.append(result)
            print(f"{folder.name}: done", file=sys.stderr, flush=True)
    text = report(results)
    (arguments.out / "references.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
