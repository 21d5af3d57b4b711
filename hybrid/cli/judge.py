"""`hybrid judge`: finished mixes by measures that are not the rules."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid.audio.manifest import load_song
from hybrid.audio.probe import AUDIO_SUFFIXES
from hybrid.audio.song import Song
from hybrid.audio.write import MIX_FILE
from hybrid.cli.progress import progress_bar
from hybrid.cli.signals import Context
from hybrid.errors import InputError, Problem, printable

if TYPE_CHECKING:
    from hybrid.judging.judge import MixEvaluation

_RELIABLE = 0.5


def judge(
    context: Context,
    mixes: Annotated[list[Path], typer.Argument(help="finished mixes of one song; or a folder of mixes, of many")],
    against: Annotated[
        list[Path] | None,
        typer.Option(
            help="what people made of the same song, repeatable: the first is compared with, three or more "
            "are a spread; with a folder of mixes, another such folder"
        ),
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(help="a folder of finished mixes of other songs: how many of them have less of each feature"),
    ] = None,
    song: Annotated[
        Path | None, typer.Option(help="its tracks, a folder or a song.yaml: levels, places, masking")
    ] = None,
    published: Annotated[bool, typer.Option("--published", help="feature sets of papers as well")] = False,
    embedding: Annotated[
        str, typer.Option(help="for folders: what turns a mix into vectors, thirds-1 or module:function")
    ] = "thirds-1",
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Judge finished mixes by measures that share nothing with the rules."""
    references, paths = [_there(path) for path in against or []], [_there(path) for path in mixes]
    others = _mixes_in(_there(corpus)) if corpus else []
    if any(path.is_dir() for path in paths):
        if corpus:
            raise InputError(Problem("--corpus", "is for single mixes, not for folders: expected --against FOLDER"))
        said = _sets(paths, references, song, embedding)
        print(json.dumps(said, indent=2, ensure_ascii=False) if as_json else _sets_text(said))
        return
    if published and not references:
        raise InputError(Problem("--published", "compares with a mix that a person made: expected --against"))
    said = _of_one_song(context, paths, references, others, load_song(song) if song else None, published)
    print(json.dumps(said, indent=2, ensure_ascii=False) if as_json else _text(said))


def _there(path: Path) -> Path:
    """The path, if it can be asked what it is. Raises InputError for one that cannot."""
    try:
        found = path.expanduser()
        if found.is_dir():
            list(found.iterdir())
    except (OSError, RuntimeError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else error
        raise InputError(Problem(printable(str(path)[:200]), f"cannot be read: {what}")) from error
    return found


def _of_one_song(
    context: Context,
    paths: Sequence[Path],
    references: Sequence[Path],
    corpus: Sequence[Path],
    song: Song | None,
    published: bool,
) -> dict:
    from hybrid.audio.read import open_song
    from hybrid.judging.distance import align_reference
    from hybrid.judging.features import features_of
    from hybrid.judging.judge import judge
    from hybrid.judging.mix import read_mix
    from hybrid.judging.published import PUBLISHED

    rest = _without(song, [*paths, *references]) if song else None
    first = read_mix(paths[0], rest.sample_rate if rest else None)
    read = [first, *(read_mix(path, first.sample_rate) for path in paths[1:])]
    others = [read_mix(path, first.sample_rate) for path in references]
    people = [features_of(other) for other in others]
    known = _corpus_features(context, corpus, paths, first.sample_rate) if corpus else []
    said = []
    with ExitStack() as stack:
        reader = stack.enter_context(open_song(rest)) if rest else None
        for path, mix in zip(paths, read, strict=True):
            beside = align_reference(others[0], mix) if others else None
            (found,) = judge([mix], reader, beside)
            each = _said(path, found, rest, people) | {"found": mix.delivery._asdict()}
            if known:
                each["corpus"] = _among(found, known)
            if beside:
                each["reference_is_later_s"] = round(beside.lag_s, 6)
            if published and beside:
                ours = beside.crop(mix)
                each["published"] = {
                    name: {"source": which.source, **_rounded(which.measure(ours, beside.mix))}
                    for name, which in PUBLISHED.items()
                }
            said.append(each)
    return {"schema": "judge/1", "against": [str(path) for path in references], "mixes": said}


def _corpus_features(
    context: Context, corpus: Sequence[Path], mixes: Sequence[Path], sample_rate: int
) -> list[dict[str, float]]:
    """Of all mixes of a corpus but those that are judged."""
    from hybrid.judging.features import features_of
    from hybrid.judging.mix import read_mix
    from hybrid.judging.spread import MIN_MIXES

    judged = {path.resolve() for path in mixes}
    others = [path for path in corpus if path.resolve() not in judged]
    if len(others) < MIN_MIXES:
        what = f"holds too few mixes beside what is judged: {len(others)}, expected {MIN_MIXES} at least"
        raise InputError(Problem("--corpus", what))
    found = []
    with progress_bar(context) as progress:
        for number, path in enumerate(others, start=1):
            found.append(features_of(read_mix(path, sample_rate)))
            progress("corpus", number / len(others))
    return found


def _among(found: MixEvaluation, known: Sequence[Mapping[str, float]]) -> dict[str, object]:
    """Where the features of a mix lie in a corpus."""
    from hybrid.judging.spread import inside_share, rank_features

    stands = rank_features(found.features, known)
    percentiles = {name: round(each.percentile, 1) for name, each in stands.items()}
    return {"mixes": len(known), "percentiles": percentiles, "inside": round(inside_share(stands), 3)}


def _without(song: Song, mixes: Sequence[Path]) -> Song:
    """The song less the tracks that are one of the mixes."""
    from dataclasses import replace

    same = {path.resolve() for path in mixes}
    tracks = tuple(track for track in song.tracks if not same & {file.resolve() for file in track.files})
    if not tracks:
        raise InputError(Problem(str(song.folder), "holds no track but the mixes themselves"))
    return replace(song, tracks=tracks)


def _said(
    path: Path, found: MixEvaluation, song: Song | None, people: Sequence[Mapping[str, float]]
) -> dict[str, object]:
    from hybrid.judging.spread import MIN_MIXES, inside_share, rank_features

    said: dict[str, object] = {"mix": str(path), "metrics": _rounded(found.metrics)}
    said["features"] = _rounded(found.features)
    if len(people) >= MIN_MIXES:
        stands = rank_features(found.features, people)
        said["spread"] = {name: _rounded(each._asdict()) for name, each in stands.items()}
        said["inside"] = round(inside_share(stands), 3)
    if song and found.fit and found.audibility:
        said["explained"] = round(found.fit.explained, 3)
        if found.reference_explained is not None:
            said["reference_explained"] = round(found.reference_explained, 3)
        said["tracks"] = [
            {
                "track": track.id,
                "level_db": round(float(found.fit.level_db[index]), 2),
                "pan": round(float(found.fit.pan[index]), 3),
                "heard": round(float(found.audibility.track[index]), 3) if found.fit.present[index] else None,
            }
            for index, track in enumerate(song.tracks)
        ]
    return said


def _rounded(values: Mapping[str, float | bool | None]) -> dict[str, float | bool | None]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def _text(said: dict) -> str:
    from hybrid.judging.features import FEATURES
    from hybrid.judging.table import METRICS

    mixes = said["mixes"]
    names = [printable(Path(each["mix"]).name) for each in mixes]
    width = max(14, *(len(name) for name in names))
    lines = [f"{'':24}" + "".join(f"{name:>{width + 2}}" for name in names)]

    def row(name: str, values: Sequence[object], unit: str, about: str) -> str:
        cells = "".join(f"{'' if value is None else f'{value:.3f}':>{width + 2}}" for value in values)
        return f"{name:24}{cells}  {unit:9}  {about}"

    metrics = [name for name in METRICS if any(name in each["metrics"] for each in mixes)]
    lines += [
        row(name, [each["metrics"].get(name) for each in mixes], METRICS[name].unit, METRICS[name].about)
        for name in metrics
    ]
    lines.append("")
    for name, feature in FEATURES.items():
        lines.append(row(name, [each["features"].get(name) for each in mixes], feature.unit, feature.about))
    if "corpus" in mixes[0]:
        among = [each["corpus"] for each in mixes]
        lines += ["", f"percentiles among {among[0]['mixes']} finished mixes"]
        lines += [
            row(name, [each["percentiles"].get(name) for each in among], "", "") for name in among[0]["percentiles"]
        ]
        lines += ["", f"features between their tenth and ninetieth percentile: {_shares(among, 'inside')}"]
    if "inside" in mixes[0]:
        lines += ["", f"features between people's tenth and ninetieth percentile: {_shares(mixes, 'inside')}"]
    if "explained" in mixes[0] and min(each["explained"] for each in mixes) < _RELIABLE:
        lines += ["", "less than half of a mix is explained by the tracks: what is said of them is not reliable"]
    if "explained" in mixes[0]:
        lines += ["", f"explained by the tracks: {_shares(mixes, 'explained')}"]
    if "reference_explained" in mixes[0]:
        lines.append(f"of what it is compared with: {_shares(mixes, 'reference_explained')}")
    for name in mixes[0].get("published", {}):
        lines += ["", f"{name} ({mixes[0]['published'][name]['source']})"]
        terms = [term for term in mixes[0]["published"][name] if term != "source"]
        lines += [row(f"  {term}", [each["published"][name][term] for each in mixes], "", "") for term in terms]
    return "\n".join(line.rstrip() for line in lines)


def _shares(mixes: Sequence[dict], name: str) -> str:
    return ", ".join(f"{100 * each[name]:.0f} %" for each in mixes)


def _sets(paths: Sequence[Path], references: Sequence[Path], song: Path | None, embedding: str) -> dict:
    from hybrid.judging.distribution import distances
    from hybrid.judging.embedding import embed_mix, load_embedding
    from hybrid.judging.mix import read_mix

    if len(paths) != 1 or len(references) != 1 or not references[0].is_dir() or song:
        what = "sets of mixes are compared as folders: expected FOLDER --against FOLDER, and no --song"
        raise InputError(Problem("judge", what))
    embed = load_embedding(embedding)
    ours, theirs = (
        [embed_mix(read_mix(path), embed) for path in _mixes_in(folder)] for folder in (paths[0], references[0])
    )
    if len(widths := {vectors.shape[1] for vectors in (*ours, *theirs)}) > 1:
        what = f"gave vectors of {sorted(widths)} numbers, expected one width for all mixes"
        raise InputError(Problem("--embedding", what))
    found = distances(ours, theirs)
    return {
        "schema": "judge-sets/1",
        "embedding": embedding,
        "mixes": [len(ours), len(theirs)],
        "distances": {name: _rounded(interval._asdict()) for name, interval in found.items()},
    }


def _mixes_in(folder: Path) -> list[Path]:
    """Audio files in a folder, or the mixes of its songs. Raises InputError for none."""
    if not folder.is_dir():
        raise InputError(Problem(str(folder), "is no folder: expected one that holds finished mixes"))
    direct = sorted(path for path in folder.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file())
    within = sorted(path for path in folder.glob("*/mix.*") if path.suffix.lower() in AUDIO_SUFFIXES)
    found = direct or sorted(folder.glob(f"**/{MIX_FILE}")) or within
    if not found:
        raise InputError(Problem(str(folder), f"holds no mixes: expected audio files, or folders with a {MIX_FILE}"))
    return found


def _sets_text(said: dict) -> str:
    lines = [f"{said['mixes'][0]} mixes against {said['mixes'][1]}, as {said['embedding']} hears them"]
    for name, each in said["distances"].items():
        lines.append(f"{name:10} {each['value']:8.3f}  (95 %: {each['low']:.3f} to {each['high']:.3f})")
    if "frechet" not in said["distances"]:
        lines.append("too few stretches for a Fréchet distance")
    return "\n".join(lines)
