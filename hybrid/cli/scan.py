"""`hybrid scan`: the tracks of a folder with their guessed roles, as a table and as an editable manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid.audio.manifest import MANIFEST, write_manifest
from hybrid.audio.scan import scan_folder
from hybrid.audio.song import Song, Track, polarity_name
from hybrid.cli.options import DEFAULT_MODEL, NO_MODEL, Model
from hybrid.cli.progress import progress_bar
from hybrid.cli.signals import Context, load
from hybrid.errors import InputError, Problem
from hybrid.json_text import json_text

if TYPE_CHECKING:
    from hybrid.proposal.field import HeardRoles


def scan(
    context: Context,
    folder: Annotated[Path, typer.Argument(help="a folder of audio files, one or two for each track")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help=f"the manifest to write [default: FOLDER/{MANIFEST}]")
    ] = None,
    listen: Annotated[
        bool, typer.Option("--listen", help="classify tracks by sound: show all, and give a role to those without one")
    ] = False,
    model: Model = DEFAULT_MODEL,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace a manifest that exists")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Guess the role of each track of a folder, and write a manifest to edit."""
    manifest = out or folder / MANIFEST
    _check(manifest, overwrite)
    song, by_ear = scan_folder(folder), None
    if listen:
        song, by_ear = _classify_by_ear(context, song, model)
    write_manifest(song, manifest)
    print(_json(song, manifest, by_ear) if as_json else _table(song, manifest, by_ear))


def _classify_by_ear(context: Context, song: Song, model: str) -> tuple[Song, HeardRoles]:
    """The song with roles for tracks that had none, and the family of every track by its sound."""
    load("hybrid.proposal.field")
    from hybrid.analysis.analyse import analyse
    from hybrid.analysis.recording import NO_PAIRS
    from hybrid.audio.read import open_song
    from hybrid.proposal.field import classify_tracks, with_classified_roles
    from hybrid.proposal.weights import load_network

    if model == NO_MODEL:
        raise InputError(Problem("--model", "none cannot classify tracks", "omit --listen or --model"))
    network = load_network(model)
    with open_song(song) as reader, progress_bar(context) as progress:
        by_ear = classify_tracks(network, analyse(song, reader, progress, NO_PAIRS).dry, song.tracks)
    return with_classified_roles(song, by_ear), by_ear


def _check(manifest: Path, overwrite: bool) -> None:
    if manifest.suffix.lower() not in (".yaml", ".yml"):
        raise InputError(Problem(str(manifest), "expected a name that ends with .yaml"))
    if manifest.exists() and not overwrite:
        hint = "edit it, or add --overwrite to replace it"
        raise InputError(Problem(str(manifest), "exists", hint))


def _json(song: Song, manifest: Path, by_ear: HeardRoles | None) -> str:
    document = {
        "manifest": str(manifest),
        "name": song.name,
        "sample_rate_hz": song.sample_rate,
        "duration_s": song.n_samples / song.sample_rate,
        "tracks": [
            {**_fields(track), **({} if by_ear is None else _ear_fields(by_ear, index))}
            for index, track in enumerate(song.tracks)
        ],
        "notes": song.notes,
    }
    return json_text(document)


def _fields(track: Track) -> dict[str, object]:
    return {
        "id": track.id,
        "files": [str(path) for path in track.files],
        "channels": track.channels,
        "role": track.role,
        "tags": track.tags,
        "confidence": track.confidence,
        "gain_db": track.gain_db,
        "offset_s": track.offset_s or 0.0,
        "polarity": polarity_name(track.polarity),
    }


def _ear_fields(by_ear: HeardRoles, index: int) -> dict[str, object]:
    return {"sounds_like": by_ear.family[index], "sounds_like_confidence": round(by_ear.confidence[index], 3)}


def _table(song: Song, manifest: Path, by_ear: HeardRoles | None) -> str:
    head = ("track", "role", "tags", "confidence", "channels", "files")
    rows = [head, *(_row(track) for track in song.tracks)]
    if by_ear is not None:
        labels = [f"{family} {share:.0%}" for family, share in zip(*by_ear, strict=True)]
        rows = [(*row, label) for row, label in zip(rows, ("sounds like", *labels), strict=True)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    minutes, seconds = divmod(song.n_samples // song.sample_rate, 60)
    length = f"{len(song.tracks)} tracks, {minutes}:{seconds:02d}, {song.sample_rate} Hz"
    return "\n".join([*lines, "", length, *song.notes, f"wrote {manifest}: check the roles, then mix"])


def _row(track: Track) -> tuple[str, ...]:
    files = " + ".join(path.name for path in track.files)
    channels = "mono" if track.channels == 1 else "stereo"
    return (track.id, track.role, " ".join(track.tags), f"{track.confidence:.2f}", channels, files)
