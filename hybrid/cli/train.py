"""`hybrid train`: the weights of a proposing network, trained by a recipe."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hybrid.cli import complete
from hybrid.cli.options import Plugins
from hybrid.cli.progress import progress_bar
from hybrid.cli.signals import Context, load
from hybrid.json_text import json_text


def train(
    context: Context,
    recipe: Annotated[
        str, typer.Argument(autocompletion=complete.recipes, help="a recipe, or the name of one: tiny, base")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="the folder of the run")],
    resume: Annotated[bool, typer.Option("--resume", help="resume an interrupted run")] = False,
    songs: Annotated[
        Path | None, typer.Option(help="a folder of song folders to validate on as well; not used for training")
    ] = None,
    plugins: Plugins = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Train a network that proposes mixes."""
    from hybrid.knowledge.rule_types import rule_types
    from hybrid.training.libraries import check_libraries
    from hybrid.training.recipe import read_recipe

    read, types = read_recipe(recipe), rule_types(plugins or [])
    check_libraries()
    load("hybrid.training.loop")
    from hybrid.export.made import made_with
    from hybrid.training import loop

    with progress_bar(context) as progress:
        inputs = loop.gather_inputs(read, songs, types)
        origin = made_with("+".join(rules.hash for rules in inputs.rules), inputs.data_hash, {"recipe": read.hash})
        trained = loop.train(inputs, out, origin, resume, progress)
    if as_json:
        print(json_text({**trained._asdict(), "weights": str(trained.weights)}))
        return
    print(f"{trained.steps} steps; the best validation loss, {trained.best:.4f}, was at step {trained.best_step}")
    print(f"wrote {trained.weights}: hybrid mix SONG -o OUT --model {trained.weights}")
