"""`hybrid warm`: programs compiled ahead, for images of machines and for clusters."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from hybrid.audio.probe import MAX_RATE_HZ, MIN_RATE_HZ
from hybrid.cli.options import DEFAULT_MODEL, NO_MODEL, Model, Plugins, Rules, Sets
from hybrid.cli.progress import progress_bar
from hybrid.cli.signals import Context, load
from hybrid.errors import InputError, Problem
from hybrid.json_text import json_text

_MOST_TRACKS, _MOST_MINUTES = 128.0, 60.0


def warm(
    context: Context,
    tracks: Annotated[str, typer.Option(help="numbers of tracks, with commas")] = "8,16",
    minutes: Annotated[str, typer.Option(help="lengths in minutes, with commas")] = "3,4",
    sample_rate: Annotated[
        int, typer.Option("--sample-rate", min=MIN_RATE_HZ, max=MAX_RATE_HZ, help="of the songs, Hz")
    ] = 44100,
    rules: Rules = None,
    sets: Sets = None,
    plugins: Plugins = None,
    model: Model = DEFAULT_MODEL,
    only_mix: Annotated[
        bool, typer.Option("--only-mix", help="what mixes with --steps 0 --only-mix, in place of what refines")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Compile ahead what mixes songs of some shapes."""
    from hybrid.knowledge.resolve import load_rules
    from hybrid.knowledge.rule_types import rule_types

    if only_mix and model == NO_MODEL:
        raise InputError(Problem("--only-mix", "applies to a network's proposal: expected a --model"))
    numbers = [round(each) for each in _numbers("--tracks", tracks, 1.0, _MOST_TRACKS, whole=True)]
    lengths = _numbers("--minutes", minutes, 0.05, _MOST_MINUTES)
    rule_set = load_rules(rules or ["base"], sets or [], rule_types(plugins or []))
    load("hybrid.export.warm")
    from hybrid.export.warm import Shape, warm
    from hybrid.mixing.plan import MixConfig
    from hybrid.proposal.weights import load_network

    # the number of steps compiles nothing, but there must be one to refine
    config = MixConfig(0 if only_mix else 1, 0, None if model == NO_MODEL else load_network(model))
    warmed = []
    with progress_bar(context) as progress:
        for n_tracks in numbers:
            for length in lengths:
                start = time.monotonic()
                shape = Shape(n_tracks, 60.0 * length, sample_rate)
                n_new = warm(shape, rule_set, config, progress, verdict=not only_mix)
                taken_s = round(time.monotonic() - start, 1)
                warmed.append({"tracks": n_tracks, "minutes": length, "programs": n_new, "seconds": taken_s})
    if as_json:
        print(json_text({"warmed": warmed}))
        return
    for each in warmed:
        of = f"{each['tracks']} tracks of {each['minutes']:g} min"
        print(f"{of}: {each['programs']} new programs, {each['seconds']:.0f} s")


def _numbers(option: str, text: str, least: float, most: float, *, whole: bool = False) -> list[float]:
    """Numbers with commas between them. Raises InputError for anything else."""
    found = []
    for word in text.split(","):
        try:
            number = float(word)
        except ValueError:
            number = float("nan")
        if not least <= number <= most or (whole and number != round(number)):
            expected = f"{'whole ' if whole else ''}numbers from {least:g} to {most:g}, with commas"
            raise InputError(Problem(option, f"expected {expected}, got {word.strip()!r}"))
        found.append(number)
    return list(dict.fromkeys(found))
