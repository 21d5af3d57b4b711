"""`hybrid mix`: a mix of a folder of tracks, with its stems, settings, verdict and report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid.audio.manifest import load_song
from hybrid.audio.references import parse_reference
from hybrid.audio.song import Song
from hybrid.audio.write import OutputFolder
from hybrid.cli.mixing_options import DEFAULT_STEPS, Encoded, SampleFormat, SampleRate, Steps
from hybrid.cli.options import (
    DEFAULT_MODEL,
    NO_MODEL,
    Edits,
    EditsFile,
    Kept,
    Model,
    Plugins,
    References,
    RoughMix,
    Rules,
    Sets,
    edits_of,
    rough_of,
)
from hybrid.cli.progress import Shown, progress_bar
from hybrid.cli.signals import Context, load
from hybrid.errors import InputError, Problem
from hybrid.json_text import json_text
from hybrid.scratch import scratch_folder

if TYPE_CHECKING:
    from hybrid.edits.edit import Edit
    from hybrid.export.mixed import WrittenMix
    from hybrid.knowledge.ruleset import RuleSet
    from hybrid.mixing.plan import MixConfig

DEMO = "demo"


def mix(
    context: Context,
    song: Annotated[str, typer.Argument(help="a folder of audio files, a song.yaml, or 'demo'")],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="the folder to write")] = None,
    rules: Rules = None,
    sets: Sets = None,
    plugins: Plugins = None,
    steps: Steps = DEFAULT_STEPS,
    model: Model = DEFAULT_MODEL,
    seed: Annotated[int, typer.Option(min=0, help="draws the sides on which tracks start, and the demo")] = 0,
    subtype: SampleFormat = "PCM_24",
    file_format: Encoded = "wav",
    sample_rate: SampleRate = None,
    references: References = None,
    rough: RoughMix = None,
    amount: Kept = None,
    edits: Edits = None,
    edits_file: EditsFile = None,
    begun: Annotated[
        Path | None, typer.Option("--from", metavar="FOLDER", help="an earlier mix of the song, to be edited")
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option("--settings", help="a settings.json to start from; with --steps 0, rendered as it is"),
    ] = None,
    only_mix: Annotated[
        bool, typer.Option("--only-mix", help="with --steps 0: write the mix and its settings, no stems, no verdict")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace results that exist")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="print tracks, roles and matching rules; write nothing")
    ] = False,
    timings: Annotated[bool, typer.Option("--timings", help="print what each stage took")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Mix a song under rules."""
    from hybrid.knowledge.resolve import load_rules
    from hybrid.knowledge.rule_types import rule_types

    rule_set = load_rules(rules or ["base"], sets or [], rule_types(plugins or []))
    # a folder that is called demo takes precedence
    loaded = None if song == DEMO and not Path(song).exists() else load_song(Path(song))
    if dry_run:
        with scratch_folder() as scratch:
            _print_matches(loaded or _demo(scratch / "song", seed), rule_set, as_json)
        return
    if out is None:
        raise InputError(Problem("-o, --out", "is missing: expected the folder to write"))
    moves = edits_of(edits_file, edits)
    if begun:
        settings = _begun(begun, settings, bool(references or rough), moves)
    if only_mix and moves:
        raise InputError(Problem("--only-mix", "makes no moves: leave out --edit and --edits"))
    if only_mix and settings:
        raise InputError(Problem("--only-mix", "applies to a network's proposal: omit --settings"))
    if only_mix and (references or rough):
        raise InputError(Problem("--only-mix", "does not follow references: leave one of the two out"))
    if only_mix and (steps or model == NO_MODEL):
        raise InputError(Problem("--only-mix", "applies to a network's proposal: expected --steps 0 and a --model"))
    load("hybrid.export.mixed")
    from hybrid.export.mixed import OutputSpec, write_mix

    config = _config(steps, seed, model, settings)._replace(
        references=tuple(map(parse_reference, references or [])), rough=rough_of(rough, amount), edits=moves
    )
    inputs = [path for track in loaded.tracks for path in track.files] if loaded else []
    with OutputFolder(out, overwrite, inputs) as folder:
        tracks = loaded or _demo(folder.path / "song", seed)
        with progress_bar(context) as progress:
            first = partial(_first_version, folder, out, progress) if folder.is_new else None
            spec = OutputSpec(folder.path, subtype, sample_rate, file_format, verdict=not only_mix, first=first)
            try:
                written = write_mix(tracks, rule_set, config, spec, progress)
            except BaseException:
                if first and not folder.is_new:
                    progress.say(f"{out} keeps the first version")
                raise
    _print_result(written, folder.notes, out, progress.stages.finished() if timings else {}, as_json)


def _begun(folder: Path, settings: Path | None, follows: bool, moves: Sequence[Edit]) -> Path:
    """The settings of an earlier mix. Raises InputError where it is no mix, or where nothing is to be edited."""
    if settings or follows:
        what = "goes on from a mix: leave out --settings, --reference and --rough"
        raise InputError(Problem("--from", what))
    if not moves:
        raise InputError(Problem("--from", "goes on from a mix by edits: expected --edit or --edits"))
    path = folder / "settings.json"
    if not path.is_file():
        what, hint = f"is no mix: it has no {path.name}", "expected a folder that `hybrid mix` wrote"
        raise InputError(Problem(str(folder), what, hint))
    return path


@contextmanager
def _first_version(folder: OutputFolder, out: Path, progress: Shown) -> Iterator[Path]:
    with folder.first_version() as path:
        yield path
    progress.say(f"{out}: a first version, not refined; the refined mix replaces it")


def _config(steps: int, seed: int, model: str, settings: Path | None) -> MixConfig:
    from hybrid.mixing.plan import MixConfig
    from hybrid.mixing.settings import read_settings
    from hybrid.proposal.weights import load_network

    initial = read_settings(settings) if settings else None
    return MixConfig(steps, seed, None if model == NO_MODEL else load_network(model), initial)


def _demo(folder: Path, seed: int) -> Song:
    """The demo song, synthesised into a folder next to its mix."""
    from dataclasses import replace

    from hybrid.corpus.demo import write_demo

    folder.mkdir()
    write_demo(folder, seed)
    return replace(load_song(folder), name=DEMO)


def _print_matches(song: Song, rules: RuleSet, as_json: bool) -> None:
    from hybrid.knowledge.matches import match_report

    report = match_report(rules, song)
    if as_json:
        print(json_text({"song": song.name, "matched": report.matched, "warnings": report.warnings}))
        return
    print(f"{song.name}: {len(song.tracks)} tracks, {song.n_samples / song.sample_rate:.1f} s, {song.sample_rate} Hz")
    for track in song.tracks:
        print(f"  {track.id}: {track.role} {' '.join(track.tags)}".rstrip())
    for rule, tracks in report.matched.items():
        print(f"{rule}: {', '.join(tracks) or 'no track'}")
    for line in (*song.notes, *report.warnings):
        print(line)


def _print_result(
    written: WrittenMix, kept: tuple[str, ...], out: Path, timings: dict[str, float], as_json: bool
) -> None:
    from hybrid.export.verdict import verdict_json, verdict_table

    delivered, levels = written.delivered, written.levels
    notes = [*written.notes, *kept]
    if delivered is None:
        document = {
            "integrated_lufs": round(levels.integrated_lufs, 2),
            "true_peak_dbtp": round(levels.true_peak_dbtp, 2),
            "notes": notes,
            "out": str(out),
            **_rounded(timings),
        }
        lines = (
            [json_text(document)] if as_json else [*notes, *_timing_lines(timings), f"wrote {out}: mix, settings.json"]
        )
        print("\n".join(lines))
        return
    before, after = delivered.plan.before, delivered.verdict
    if as_json:
        verdicts = {"before": verdict_json(before), "after": verdict_json(after)}
        document = {"out": str(out), **verdicts, "notes": notes, **_rounded(timings)}
        print(json_text(document))
        return
    for line in notes:
        print(line)
    print(verdict_table(after))
    for line in _timing_lines(timings):
        print(line)
    print(f"the raw sum keeps {sum(finding.kept for finding in before.rules if finding.targets)} of them")
    print(f"wrote {out}: open report.html")


def _rounded(timings: dict[str, float]) -> dict[str, object]:
    return {"timings_s": {stage: round(seconds, 2) for stage, seconds in timings.items()}} if timings else {}


def _timing_lines(timings: dict[str, float]) -> list[str]:
    """A line for each stage, with its seconds and its share of all."""
    from hybrid.pages.table import text_table

    if not timings:
        return []
    total = sum(timings.values())
    rows = [(stage, f"{seconds:5.1f} s", f"{seconds / total:4.0%}") for stage, seconds in timings.items()]
    return text_table([*rows, ("all", f"{total:5.1f} s", "")]).splitlines()
