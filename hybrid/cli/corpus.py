"""`hybrid corpus`: which data sets are known, what is in a copy of one, what is broken, and how it is split."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from hybrid import shelf
from hybrid.cli.progress import progress_bar
from hybrid.cli.signals import Context
from hybrid.corpus.card import KIND, Card, read_card
from hybrid.corpus.dataset import Dataset, open_dataset
from hybrid.corpus.index import build_index as scan_songs
from hybrid.corpus.index import read_index, split_songs, write_index
from hybrid.corpus.index import verify as verify_songs
from hybrid.errors import InputError, Problem, printable

corpus = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at whole data sets.")
_BROKEN = 3
_SHARES = ("train=0.8", "validation=0.1", "test=0.1")

_Set = Annotated[str, typer.Argument(metavar="DATASET", help="a folder of song folders, or a card")]
_At = Annotated[Path | None, typer.Option("--at", help="where the files of the card lie")]
_Index = Annotated[Path, typer.Argument(metavar="INDEX", help="what `hybrid corpus scan` wrote")]
_Json = Annotated[bool, typer.Option("--json", help="print one JSON document")]


@corpus.command("list")
def list_cards(as_json: _Json = False) -> None:
    """Data sets that have a card, with licence and how to come by them."""
    cards = [read_card(name) for name in shelf.names(KIND)]
    if as_json:
        print(json.dumps([card.model_dump(mode="json", by_alias=True) for card in cards], indent=2, ensure_ascii=False))
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
    as_json: _Json = False,
) -> None:
    """Read every header, hash every file, guess what every track is, and write an index."""
    found = open_dataset(dataset, at)
    if not out.expanduser().parent.is_dir():
        raise InputError(Problem(str(out), "lies in no folder that is there"))
    with progress_bar(context) as progress:
        index = scan_songs(found, lambda share: progress("scan", share))
    write_index(index, out)
    broken = [entry for entry in index.entries if entry.problems]
    missed = _missed(found, len(index.entries))
    if as_json:
        said = {"index": str(out), "songs": len(index.entries), "broken": [entry._asdict() for entry in broken]}
        said |= {"strange": [str(path) for path in found.corpus.unrecognised], "missed": missed}
        print(json.dumps(said, indent=2, ensure_ascii=False))
    else:
        for entry in broken:
            print(printable(f"{entry.song}: {'; '.join(entry.problems)}"), file=sys.stderr)
        for line in missed:
            print(line)
        if strange := found.corpus.unrecognised:
            print(f"{len(strange)} audio files that the layout does not know, such as {strange[0]}")
        print(f"wrote {out}: {len(index.entries)} songs, {len(broken)} of them broken")
    if broken:
        raise typer.Exit(_BROKEN)


def _missed(dataset: Dataset, n_songs: int) -> list[str]:
    """How a copy falls short of what its card says is complete."""
    card: Card | None = dataset.card
    if card is None:
        return []
    lines = []
    for split, expected in card.expected.songs.items():
        there = n_songs if split == "all" else sum(found.split == split for found in dataset.songs)
        if there != expected:
            lines.append(
                f"{'songs' if split == 'all' else f'songs to {split}'}: {there}, a complete copy has {expected}"
            )
    lacking = sum(found.mix is None for found in dataset.songs)
    if card.expected.has_mixes and lacking:
        lines.append(f"songs without a mix: {lacking}, a complete copy has none")
    return lines


@corpus.command()
def verify(context: Context, dataset: _Set, index: _Index, at: _At = None, as_json: _Json = False) -> None:
    """Decode every file to its end, compare it with the index, and find every mix among its tracks."""
    found, known = open_dataset(dataset, at), read_index(index)
    with progress_bar(context) as progress:
        looked = list(verify_songs(found, known, lambda share: progress("verify", share)))
    broken = [each for each in looked if each.problems]
    if as_json:
        print(json.dumps([each._asdict() for each in looked], indent=2, ensure_ascii=False))
    else:
        for each in looked:
            for line in each.problems:
                print(printable(f"{each.song}: {line}"), file=sys.stderr)
            for line in each.notes:
                print(printable(f"{each.song}: {line}"))
        print(f"{len(looked)} songs, {len(broken)} of them broken")
    if broken:
        raise typer.Exit(_BROKEN)


@corpus.command()
def stats(
    index: _Index,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="a page to write, as HTML")] = None,
    as_json: _Json = False,
) -> None:
    """How many songs, tracks and hours there are, of which roles, and what names say nothing."""
    from hybrid.export.corpus import statistics, statistics_html, statistics_text

    known = read_index(index)
    found = statistics(known)
    if out is not None:
        shelf.write(out, statistics_html(known, found))
    print(json.dumps(found._asdict(), indent=2, ensure_ascii=False) if as_json else statistics_text(found))


@corpus.command()
def split(
    index: _Index,
    out: Annotated[Path, typer.Option("-o", "--out", help="the table to write: a song and its split in each line")],
    shares: Annotated[list[str] | None, typer.Option("--share", help="split=share [default: 0.8, 0.1, 0.1]")] = None,
    seed: Annotated[int, typer.Option(min=0, help="another draw")] = 0,
) -> None:
    """Draw a split by artist: nobody is in two, and songs that join later move nobody."""
    wanted = dict(_share(each) for each in shares or _SHARES)
    if abs(sum(wanted.values()) - 1.0) > 1e-6:
        raise InputError(Problem("--share", f"expected shares that add up to 1, got {sum(wanted.values()):g}"))
    drawn = split_songs(read_index(index).entries, wanted, seed)
    shelf.write(out, "".join(f"{printable(song)}\t{name}\n" for song, name in drawn.items()))
    counts = ", ".join(f"{name} {sum(each == name for each in drawn.values())}" for name in wanted)
    print(f"wrote {out}: {counts}")


def _share(said: str) -> tuple[str, float]:
    name, _, share = said.partition("=")
    try:
        number = float(share)
    except ValueError:
        number = -1.0
    if not name or not 0.0 < number <= 1.0:
        raise InputError(Problem("--share", f"expected split=share with a share from 0 to 1, got {said!r}"))
    return name, number
