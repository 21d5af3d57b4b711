"""`hybrid corpus`: known data sets, and the content, integrity, statistics and splits of a copy of one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, get_args

import typer

from hybrid import shelf
from hybrid.cli import complete
from hybrid.cli.progress import progress_bar
from hybrid.cli.signals import Context
from hybrid.corpus.card import KIND, Card, read_card
from hybrid.corpus.dataset import Dataset, open_dataset
from hybrid.corpus.index import build_index as scan_songs
from hybrid.corpus.index import read_index, shared_recordings, write_index
from hybrid.corpus.index import verify as verify_songs
from hybrid.corpus.layout import Split
from hybrid.corpus.split import joined_artists, split_songs
from hybrid.errors import InputError, Problem, printable, suggest
from hybrid.json_text import json_text
from hybrid.pages.words import count

corpus = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="List, build, scan, verify, count and split data sets."
)
_BROKEN = 3
_SHARES = ("train=0.8", "validation=0.1", "test=0.1")

_Set = Annotated[
    str, typer.Argument(autocompletion=complete.cards, metavar="DATASET", help="a folder of song folders, or a card")
]
_At = Annotated[Path | None, typer.Option("--at", help="where the files of the card lie")]
_Index = Annotated[Path, typer.Argument(metavar="INDEX", help="an index written by `hybrid corpus scan`")]
_Json = Annotated[bool, typer.Option("--json", help="print one JSON document")]


@corpus.command("list")
def list_cards(as_json: _Json = False) -> None:
    """Data sets that have a card, with their licence and where to get them."""
    cards = [read_card(name) for name in shelf.names(KIND)]
    if as_json:
        print(json_text([card.model_dump(mode="json", by_alias=True) for card in cards]))
        return
    for card in cards:
        print(f"{card.name}: {card.about}\n  licence: {card.licence}")
        if card.access:
            print(f"  access: {card.access}; {card.homepage}")


@corpus.command()
def scan(
    context: Context,
    dataset: _Set,
    out: Annotated[Path, typer.Option("-o", "--out", help="the index to write, one line for each song")],
    at: _At = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace an index that exists")] = False,
    as_json: _Json = False,
) -> None:
    """Read every header, hash every file, guess the role of every track, and write an index."""
    opened = open_dataset(dataset, at)
    if not shelf.expanded(out).parent.is_dir():
        raise InputError(Problem(str(out), "is in a folder that does not exist"))
    if shelf.expanded(out).exists() and not overwrite:
        raise InputError(Problem(str(out), "exists", "add --overwrite to replace it"))
    with progress_bar(context) as progress:
        index = scan_songs(opened, lambda share: progress("scan", share))
    write_index(index, out)
    broken = [entry for entry in index.entries if entry.problems]
    shortfalls = _shortfalls(opened, len(index.entries))
    if as_json:
        document = {"index": str(out), "songs": len(index.entries), "broken": [entry._asdict() for entry in broken]}
        document |= {"strange": [str(path) for path in opened.corpus.unrecognised], "missed": shortfalls}
        print(json_text(document))
    else:
        for entry in broken:
            print(printable(f"{entry.song}: {'; '.join(entry.problems)}"), file=sys.stderr)
        for line in shortfalls:
            print(line)
        if unknown := opened.corpus.unrecognised:
            print(f"{len(unknown)} audio files that the layout does not know, such as {unknown[0]}")
        print(f"wrote {out}: {len(index.entries)} songs, {len(broken)} of them broken")
    if broken:
        raise typer.Exit(_BROKEN)


def _shortfalls(dataset: Dataset, n_songs: int) -> list[str]:
    """Lines on where a copy has fewer songs or mixes than its card states for a complete one."""
    card: Card | None = dataset.card
    if card is None:
        return []
    lines = []
    for split, expected in card.expected.songs.items():
        there = n_songs if split == "all" else sum(song.split == split for song in dataset.songs)
        if there != expected:
            lines.append(
                f"{'songs' if split == 'all' else f'songs to {split}'}: {there}, a complete copy has {expected}"
            )
    without_mix = sum(song.mix is None for song in dataset.songs)
    if card.expected.has_mixes and without_mix:
        lines.append(f"songs without a mix: {without_mix}, a complete copy has none")
    return lines


@corpus.command()
def build(
    context: Context,
    card: Annotated[
        str,
        typer.Argument(
            autocompletion=complete.cards, metavar="CARD", help="a card of tracker modules, MIDI files or LMMS projects"
        ),
    ],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="where the files of the card lie")],
    out: Annotated[Path, typer.Option("-o", "--out", help="the folder of song folders to write")],
    soundfonts: Annotated[
        list[Path] | None,
        typer.Option("--soundfont", metavar="FILE", help="plays MIDI files; repeatable [default: the card's]"),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="build songs again that are there")] = False,
    as_json: _Json = False,
) -> None:
    """Build song folders from files that hold their authors' balance: tracks, mix, song.yaml and decisions.json."""
    from hybrid.corpus.authored.build import build_songs

    with progress_bar(context) as progress:
        built = build_songs(
            read_card(card), folder, out, lambda share: progress("build", share), soundfonts or (), overwrite
        )
    broken = [song for song in built.songs if song.problems]
    if as_json:
        print(
            json.dumps(
                {**built._asdict(), "songs": [song._asdict() for song in built.songs]}, indent=2, ensure_ascii=False
            )
        )
    else:
        for song in broken:
            print(printable("; ".join(song.problems)), file=sys.stderr)
        for pattern in built.missing:
            print(f"no file like {pattern}")
        kept = sum(song.is_kept for song in built.songs)
        print(f"{len(built.songs) - len(broken)} songs in {out}, {kept} of them built earlier; {len(broken)} left out")
    if broken:
        raise typer.Exit(_BROKEN)


@corpus.command()
def verify(context: Context, dataset: _Set, index: _Index, at: _At = None, as_json: _Json = False) -> None:
    """Decode every file to its end, compare it with the index, and align every mix with its tracks."""
    opened, known = open_dataset(dataset, at), read_index(index)
    with progress_bar(context) as progress:
        results = list(verify_songs(opened, known, lambda share: progress("verify", share)))
    broken = [each for each in results if each.problems]
    if as_json:
        print(json_text([each._asdict() for each in results]))
    else:
        for each in results:
            for line in each.problems:
                print(printable(f"{each.song}: {line}"), file=sys.stderr)
            for line in each.notes:
                print(printable(f"{each.song}: {line}"))
        print(f"{len(results)} songs, {len(broken)} of them broken")
    if broken:
        raise typer.Exit(_BROKEN)


@corpus.command()
def stats(
    index: _Index,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="a page to write, as HTML")] = None,
    as_json: _Json = False,
) -> None:
    """Numbers of songs, tracks and hours, roles of tracks, and names without a known role."""
    from hybrid.export.corpus import statistics, statistics_html, statistics_text

    known = read_index(index)
    totals = statistics(known)
    if out is not None:
        shelf.write(out, statistics_html(known, totals))
    print(json_text(totals._asdict()) if as_json else statistics_text(totals))


@corpus.command()
def split(
    index: _Index,
    out: Annotated[Path, typer.Option("-o", "--out", help="the table to write: a song and its split in each line")],
    shares: Annotated[list[str] | None, typer.Option("--share", help="split=share [default: 0.8, 0.1, 0.1]")] = None,
    seed: Annotated[int, typer.Option(min=0, help="of the draw")] = 0,
) -> None:
    """Draw a split by artist: no artist is in two parts, nor is a recording.

    Songs that are added later move no other, unless they share recordings of artists that shared none before.
    """
    split_shares = dict(_share(each) for each in shares or _SHARES)
    if abs(sum(split_shares.values()) - 1.0) > 1e-6:
        raise InputError(Problem("--share", f"expected shares that add up to 1, got {sum(split_shares.values()):g}"))
    read = read_index(index)
    entries = read.entries
    whole = [entry for entry in entries if not entry.problems]
    songs, shared = [entry.song for entry in whole], shared_recordings(read._replace(entries=tuple(whole)))
    drawn = split_songs(songs, split_shares, seed, shared)
    joined = sum(artist != leader for artist, leader in joined_artists(songs, shared).items())
    shelf.write(out, "".join(f"{printable(song)}\t{name}\n" for song, name in drawn.items()))
    counts = ", ".join(f"{name} {sum(each == name for each in drawn.values())}" for name in split_shares)
    left = f"; {len(entries) - len(whole)} broken songs left out" if len(whole) < len(entries) else ""
    print(f"wrote {out}: {counts}{left}")
    if joined:
        print(f"{count(joined, 'artist')} kept with another for a recording that both have: `verify` names the songs")
    for name in split_shares:
        if whole and name not in drawn.values():
            print(f"no song is in {name}: of so few artists none fell into its share; try another --seed")


def _share(option: str) -> tuple[str, float]:
    name, _, share = option.partition("=")
    if name not in get_args(Split):
        known = ", ".join(get_args(Split))
        raise InputError(Problem("--share", f"no split {name!r}{suggest(name, get_args(Split))}", f"splits: {known}"))
    try:
        number = float(share)
    except ValueError:
        number = -1.0
    if not 0.0 < number <= 1.0:
        raise InputError(Problem("--share", f"expected split=share with a share from 0 to 1, got {option!r}"))
    return name, number
