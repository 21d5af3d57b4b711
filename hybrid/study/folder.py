"""The folder of a run: which study it holds, and whether another may go on in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, ValidationError

from hybrid import shelf
from hybrid.batch.run import RunOptions
from hybrid.errors import InputError, Problem
from hybrid.json_text import json_text
from hybrid.study.jobs import Inputs, KnownSongs
from hybrid.study.rows import ABOUT_FILE, ROWS_FILE, ROWS_FOLDER
from hybrid.study.sources import SongSource
from hybrid.study.trained_arms import recipe_hashes

RULES_FILE = "rules.yaml"
_FORMAT = "study-run/1"


class About(BaseModel, frozen=True):
    """The run that a folder holds."""

    made_by: str
    """Hash of the inputs of all arms."""
    made_with: dict[str, str]
    recipe: tuple[str, ...] = ()
    """Hashes of the training recipe and its data sets."""
    songs: tuple[str, ...] = ()
    """Names of all songs, of other shards too, whether or not they are done."""
    study: dict[str, object]
    """As it was written: that of another version may not be valid now."""


def open_folder(
    inputs: Inputs, sources: Sequence[SongSource], options: RunOptions, provenance: Mapping[str, str]
) -> KnownSongs | None:
    """Makes the folder of the run, with the study and its rules. Returns the songs and seeds of the run that it goes on
    with, if it does. Raises InputError if the folder belongs to another run."""
    out = options.out
    known = check_folder(inputs, options)
    try:
        (out / ROWS_FOLDER).mkdir(parents=True, exist_ok=True)
        # written last when the run is done: without it, what lies beside it is of an earlier study
        (out / ROWS_FILE).unlink(missing_ok=True)
    except OSError as error:
        raise InputError(Problem(str(out), f"cannot be written: {error.strerror}")) from error
    about = About(
        made_by=inputs.hash,
        made_with=dict(provenance),
        recipe=tuple(recipe_hashes(inputs.study)),
        songs=tuple(source.name for source in sources),
        study=inputs.study.model_dump(mode="json", by_alias=True),
    )
    shelf.write(out / RULES_FILE, inputs.rules.dump())
    shelf.write(out / ABOUT_FILE, json_text({"schema": _FORMAT, **about.model_dump(mode="json")}, 1) + "\n")
    return known


def check_folder(inputs: Inputs, options: RunOptions) -> KnownSongs | None:
    """The songs and seeds of the run that would be gone on with; None for a new one. Raises InputError for a folder
    that holds anything else."""
    out = options.out
    about = out / ABOUT_FILE
    if about.exists():
        stored = read_about(about)
        if stored.made_by != inputs.hash:
            other = ", ".join(_differing(stored, inputs)) or "version of the program"
            what = f"holds a run of another study ({other}): nothing of it could be kept"
            raise InputError(Problem(str(out), what, "choose another output folder"))
        if not options.resume:
            what = "holds this study already, or one that it has grown from"
            raise InputError(Problem(str(out), what, "add --resume, or choose another folder"))
        seeds = stored.study.get("seeds")
        return KnownSongs(frozenset(stored.songs), frozenset(seeds if isinstance(seeds, list) else ()))
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(Problem(str(out), "is not an empty folder", "choose another output folder"))
    return None


def read_about(path: Path) -> About:
    """The description of a run. Raises InputError if the file holds none."""
    try:
        return About.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise InputError(Problem(str(path), "does not describe a study")) from error


def _differing(stored: About, inputs: Inputs) -> Iterator[str]:
    """Names of the inputs of all arms that are not as they were."""
    now = inputs.study.model_dump(mode="json", by_alias=True)
    if stored.made_with.get("rules") != inputs.rules.hash:
        yield "rules"
    yield from (key for key in ("metrics", "steps") if stored.study.get(key) != now[key])
    if stored.recipe != tuple(recipe_hashes(inputs.study)):
        yield "recipe"
    if stored.made_with.get("network") != (inputs.network or inputs.study.model):
        yield "network"
