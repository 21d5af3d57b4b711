"""How near a mix after the rough mix comes to it: python benchmarks/rough.py SONGS... -o FOLDER

SONGS are folders of songs whose mix by a person is there as `mix`, or folders of such songs. That mix is given as
`--rough`, and `hybrid judge`, which shares nothing with the rules, fits how loud every track is in both. Songs are
measured once: a run that was stopped goes on. Prints Markdown; also written to FOLDER/rough.md.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import fmean, median

from references import folders_of, mix_of

STEPS = 100
METRICS = ("level_lu", "pan", "tone_db")


def measure(folder: Path, out: Path) -> dict[str, object]:
    """What the judge finds of a song's mix after its rough mix; "refused" where the fit is not trusted."""
    shutil.rmtree(out, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    mix = mix_of(folder)
    assert mix is not None
    hybrid = [sys.executable, "-m", "hybrid", "-q"]
    song = out.with_suffix(".song")
    shutil.rmtree(song, ignore_errors=True)
    song.mkdir()
    for path in folder.iterdir():
        # the tracks alone: a song's own mix must not be taken for one of them
        if path != mix:
            (song / path.name).symlink_to(path.resolve())
    made = subprocess.run(
        [*hybrid, "mix", song, "--steps", str(STEPS), "--rough", mix, "-o", out], capture_output=True, text=True
    )
    if made.returncode:
        return {"song": folder.name, "refused": made.stderr.strip()[-300:]}
    judged = subprocess.run(
        [*hybrid, "judge", out / "mix.wav", "--against", mix, "--song", song, "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    shutil.rmtree(out)
    shutil.rmtree(song)
    return {"song": folder.name, **json.loads(judged.stdout)["mixes"][0]}


def report(results: list[dict]) -> str:
    """The table as Markdown."""
    lines = [f"| song | {' | '.join(METRICS)} | explained |", "|---" * (len(METRICS) + 2) + "|"]
    for result in results:
        if "refused" in result:
            lines.append(f"| {result['song']} | refused: {result['refused']} |")
            continue
        values = [f"{result['metrics'][name]:.2f}" if name in result["metrics"] else "" for name in METRICS]
        lines.append(f"| {result['song']} | {' | '.join(values)} | {result['explained']:.0%} |")
    for name in METRICS:
        found = [result["metrics"][name] for result in results if name in result.get("metrics", {})]
        if found:
            lines.append(f"\n{name}: mean {fmean(found):.2f}, median {median(found):.2f}, {len(found)} songs")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("songs", nargs="+", type=Path)
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    results = []
    for folder in folders_of(arguments.songs):
        file = arguments.out / f"{folder.name}.json"
        if not file.is_file():
            result = measure(folder, arguments.out / folder.name)
            file.write_text(json.dumps(result))
        results.append(json.loads(file.read_text()))
        print(f"{folder.name}: done", file=sys.stderr, flush=True)
    text = report(results)
    (arguments.out / "rough.md").write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
