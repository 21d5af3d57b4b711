"""`hybrid scan`: what is in a folder of tracks, as a table and as an editable manifest."""

from __future__ import annotations

import json
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

if TYPE_CHECKING:
    from hybrid.proposal.field import HeardRoles


def scan(
    context: Context,
    folder: Annotated[Path, typer.Argument(help="a folder of audio files, one or two for each track")],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help=f"the manifest to write [default: FOLDER/{MANIFEST}]")
    ] = None,
    listen: Annotated[
        bool, typer.Option("--listen", help="name by ear the tracks whose names say nothing; shows what all sound like")
    ] = False,
    model: Model = DEFAULT_MODEL,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace a manifest that exists")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Guess what each track in a folder is, and write it down to be edited."""
    manifest = out or folder / MANIFEST
    _check(manifest, overwrite)
    song, heard = scan_folder(folder), None
    if listen:
        song, heard = _listened(context, song, model)
    write_manifest(song, manifest)
    print(_json(song, manifest, heard) if as_json else _table(song, manifest, heard))


def _listened(context: Context, song: Song, model: str) -> tuple[Song, HeardRoles]:
    """The song with roles for tracks that had none, and what every track sounds like."""
    load("hybrid.proposal.field")
    from hybrid.analysis.analyse import analyse
    from hybrid.analysis.recording import NO_PAIRS
    from hybrid.audio.read import open_song
    from hybrid.proposal.field import classify_tracks, with_classified_roles
    from hybrid.proposal.weights import load_network

    if model == NO_MODEL:
        raise InputError(Problem("--model", "none cannot listen", "leave out --listen or --model"))
    network = load_network(model)
    with open_song(song) as reader, progress_bar(context) as progress:
        heard = classify_tracks(network, analyse(song, reader, progress, NO_PAIRS).dry, song.tracks)
    return with_classified_roles(song, heard), heard


def _check(manifest: Path, overwrite: bool) -> None:
    if manifest.suffix.lower() not in (".yaml", ".yml"):
        raise InputError(Problem(str(manifest), "expected a name that ends with .yaml"))
    if manifest.exists() and not overwrite:
        hint = "edit it, or add --overwrite to write a new one over it"
        raise InputError(Problem(str(manifest), "exists", hint))


def _json(song: Song, manifest: Path, heard: HeardRoles | None) -> str:
    said = {
        "manifest": str(manifest),
        "name": song.name,
        "sample_rate_hz": song.sample_rate,
        "duration_s": song.n_samples / song.sample_rate,
        "tracks": [
            {**_fields(track), **({} if heard is None else _heard_fields(heard, index))}
            for index, track in enumerate(song.tracks)
        ],
        "notes": song.notes,
    }
    return json.dumps(said, indent=2, ensure_ascii=False)


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


def _heard_fields(heard: HeardRoles, index: int) -> dict[str, object]:
    return {"sounds_like": heard.family[index], "sounds_like_confidence": round(heard.confidence[index], 3)}


def _table(song: Song, manifest: Path, heard: HeardRoles | None) -> str:
    head = ("track", "role", "tags", "confidence", "channels", "files")
    rows = [head, *(_row(track) for track in song.tracks)]
    if heard is not None:
        ears = [f"{family} {share:.0%}" for family, share in zip(*heard, strict=True)]
        rows = [(*row, ear) for row, ear in zip(rows, ("sounds like", *ears), strict=True)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    minutes, seconds = divmod(song.n_samples // song.sample_rate, 60)
    length = f"{len(song.tracks)} tracks, {minutes}:{seconds:02d}, {song.sample_rate} Hz"
    return "\n".join([*lines, "", length, *song.notes, f"wrote {manifest}: check the roles, then mix"])


def _row(track: Track) -> tuple[str, ...]:
    files = " + ".join(path.name for path in track.files)
    channels = "mono" if track.channels == 1 else "stereo"
    return (track.id, track.role, " ".join(track.tags), f"{track.confidence:.2f}", channels, files)
