"""`hybrid judge`: metrics of finished mixes that are independent of the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hybrid import shelf
from hybrid.audio.manifest import load_song
from hybrid.audio.probe import AUDIO_SUFFIXES
from hybrid.audio.song import Song
from hybrid.audio.wav import MIX_FILE
from hybrid.cli.progress import progress_bar
from hybrid.cli.signals import Context
from hybrid.errors import InputError, Problem, printable
from hybrid.json_text import json_text

if TYPE_CHECKING:
    from hybrid.judging.judge import MixEvaluation

_RELIABLE = 0.5


def judge(
    context: Context,
    mixes: Annotated[list[Path], typer.Argument(help="finished mixes of one song; or a folder of mixes, of many")],
    against: Annotated[
        list[Path] | None,
        typer.Option(
            help="reference mixes of the same song, repeatable: mixes are compared with the first, and with the spread "
            "of three or more; for a folder of mixes, another such folder"
        ),
    ] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(help="a folder of finished mixes of other songs, for the percentile of each feature among them"),
    ] = None,
    song: Annotated[
        Path | None, typer.Option(help="its tracks, a folder or a song.yaml, for levels, positions and masking")
    ] = None,
    published: Annotated[bool, typer.Option("--published", help="published feature sets as well")] = False,
    embedding: Annotated[
        str, typer.Option(help="for folders: the embedding of a mix, thirds-1 or module:function")
    ] = "thirds-1",
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON document")] = False,
) -> None:
    """Judge finished mixes by metrics that are independent of the rules."""
    references, paths = [_readable(path) for path in against or []], [_readable(path) for path in mixes]
    corpus_mixes = _mix_files(_readable(corpus)) if corpus else []
    if any(path.is_dir() for path in paths):
        if corpus:
            raise InputError(Problem("--corpus", "is for single mixes, not for folders: expected --against FOLDER"))
        document = _compare_sets(paths, references, song, embedding)
        print(json_text(document) if as_json else _sets_text(document))
        return
    if published and not references:
        raise InputError(Problem("--published", "compares with a reference mix: expected --against"))
    document = _judge_mixes(context, paths, references, corpus_mixes, load_song(song) if song else None, published)
    print(json_text(document) if as_json else _text(document))


def _readable(path: Path) -> Path:
    """The path with its home directory expanded. Raises InputError if it cannot be read."""
    try:
        expanded = shelf.expanded(path)
        if expanded.is_dir():
            list(expanded.iterdir())
    except (OSError, RuntimeError, ValueError) as error:
        what = error.strerror if isinstance(error, OSError) else error
        raise InputError(Problem(printable(str(path)[:200]), f"cannot be read: {what}")) from error
    return expanded


def _judge_mixes(
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

    raw = _without_mixes(song, [*paths, *references]) if song else None
    # all files are read at one sample rate: that of the tracks, else of the first mix
    first = read_mix(paths[0], raw.sample_rate if raw else None)
    read = [first, *(read_mix(path, first.sample_rate) for path in paths[1:])]
    reference_mixes = [read_mix(path, first.sample_rate) for path in references]
    human_features = [features_of(reference) for reference in reference_mixes]
    corpus_features = _corpus_features(context, corpus, paths, first.sample_rate) if corpus else []
    documents = []
    with ExitStack() as stack:
        reader = stack.enter_context(open_song(raw)) if raw else None
        for path, mix in zip(paths, read, strict=True):
            reference = align_reference(reference_mixes[0], mix) if reference_mixes else None
            (judged,) = judge([mix], reader, reference)
            each = _mix_document(path, judged, raw, human_features) | {"found": mix.delivery._asdict()}
            if corpus_features:
                each["corpus"] = _corpus_document(judged, corpus_features)
            if reference:
                each["reference_is_later_s"] = round(reference.lag_s, 6)
            if published and reference:
                ours = reference.crop(mix)
                each["published"] = {
                    name: {"source": which.source, **_rounded(which.measure(ours, reference.mix))}
                    for name, which in PUBLISHED.items()
                }
            documents.append(each)
    return {"schema": "judge/1", "against": [str(path) for path in references], "mixes": documents}


def _corpus_features(
    context: Context, corpus: Sequence[Path], mixes: Sequence[Path], sample_rate: int
) -> list[dict[str, float]]:
    """The features of all mixes of a corpus but those that are judged."""
    from hybrid.judging.features import features_of
    from hybrid.judging.mix import read_mix
    from hybrid.judging.spread import MIN_MIXES

    excluded = {path.resolve() for path in mixes}
    others = [path for path in corpus if path.resolve() not in excluded]
    if len(others) < MIN_MIXES:
        what = f"holds too few mixes besides those judged: {len(others)}, expected {MIN_MIXES} at least"
        raise InputError(Problem("--corpus", what))
    features = []
    with progress_bar(context) as progress:
        for number, path in enumerate(others, start=1):
            features.append(features_of(read_mix(path, sample_rate)))
            progress("corpus", number / len(others))
    return features


def _corpus_document(judged: MixEvaluation, corpus_features: Sequence[Mapping[str, float]]) -> dict[str, object]:
    """The percentiles of the features of a mix in a corpus, as JSON values."""
    from hybrid.judging.spread import inside_share, rank_features

    standings = rank_features(judged.features, corpus_features)
    percentiles = {name: round(each.percentile, 1) for name, each in standings.items()}
    return {"mixes": len(corpus_features), "percentiles": percentiles, "inside": round(inside_share(standings), 3)}


def _without_mixes(song: Song, mixes: Sequence[Path]) -> Song:
    """The song without tracks whose files are among the mixes."""
    from dataclasses import replace

    same = {path.resolve() for path in mixes}
    tracks = tuple(track for track in song.tracks if not same & {file.resolve() for file in track.files})
    if not tracks:
        raise InputError(Problem(str(song.folder), "holds no track but the mixes themselves"))
    return replace(song, tracks=tracks)


def _mix_document(
    path: Path, judged: MixEvaluation, song: Song | None, human_features: Sequence[Mapping[str, float]]
) -> dict[str, object]:
    from hybrid.judging.spread import MIN_MIXES, inside_share, rank_features

    document: dict[str, object] = {"mix": str(path), "metrics": _rounded(judged.metrics)}
    document["features"] = _rounded(judged.features)
    if len(human_features) >= MIN_MIXES:
        standings = rank_features(judged.features, human_features)
        document["spread"] = {name: _rounded(each._asdict()) for name, each in standings.items()}
        document["inside"] = round(inside_share(standings), 3)
    if song and judged.fit and judged.audibility:
        document["explained"] = round(judged.fit.explained, 3)
        if judged.reference_explained is not None:
            document["reference_explained"] = round(judged.reference_explained, 3)
        document["tracks"] = [
            {
                "track": track.id,
                "level_db": round(float(judged.fit.level_db[index]), 2),
                "pan": round(float(judged.fit.pan[index]), 3),
                "heard": round(float(judged.audibility.track[index]), 3) if judged.fit.present[index] else None,
            }
            for index, track in enumerate(song.tracks)
        ]
    return document


def _rounded(values: Mapping[str, float | bool | None]) -> dict[str, float | bool | None]:
    return {name: round(value, 4) if isinstance(value, float) else value for name, value in values.items()}


def _text(document: dict) -> str:
    from hybrid.judging.features import FEATURES
    from hybrid.judging.table import METRICS

    mixes = document["mixes"]
    names = distinct_names([Path(each["mix"]) for each in mixes])
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
        lines += [
            "",
            f"features between the tenth and ninetieth percentile of the references: {_shares(mixes, 'inside')}",
        ]
    if "explained" in mixes[0] and min(each["explained"] for each in mixes) < _RELIABLE:
        lines += ["", "less than half of a mix is explained by the tracks: their metrics are not reliable"]
    if "explained" in mixes[0]:
        lines += ["", f"explained by the tracks: {_shares(mixes, 'explained')}"]
    if "reference_explained" in mixes[0]:
        lines.append(f"explained of the reference: {_shares(mixes, 'reference_explained')}")
    for name in mixes[0].get("published", {}):
        lines += ["", f"{name} ({mixes[0]['published'][name]['source']})"]
        terms = [term for term in mixes[0]["published"][name] if term != "source"]
        lines += [row(f"  {term}", [each["published"][name][term] for each in mixes], "", "") for term in terms]
    return "\n".join(line.rstrip() for line in lines)


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """For each path its name with as many of its folders as tell it from the others; the same path is numbered."""
    n, most = 1, max(len(path.parts) for path in paths)
    while len(set(names := ["/".join(path.parts[-n:]) for path in paths])) < len(paths) and n < most:
        n += 1
    twice = {name for name in names if names.count(name) > 1}
    numbered = [f"{name} ({number})" if name in twice else name for number, name in enumerate(names, start=1)]
    return list(map(printable, numbered))


def _shares(mixes: Sequence[dict], name: str) -> str:
    return ", ".join(f"{100 * each[name]:.0f} %" for each in mixes)


def _compare_sets(paths: Sequence[Path], references: Sequence[Path], song: Path | None, embedding: str) -> dict:
    from hybrid.judging.distribution import distances
    from hybrid.judging.embedding import embed_mix, load_embedding
    from hybrid.judging.mix import read_mix

    if len(paths) != 1 or len(references) != 1 or not references[0].is_dir() or song:
        what = "sets of mixes are compared as folders: expected FOLDER --against FOLDER, and no --song"
        raise InputError(Problem("judge", what))
    embed = load_embedding(embedding)
    ours, theirs = (
        [embed_mix(read_mix(path), embed) for path in _mix_files(folder)] for folder in (paths[0], references[0])
    )
    if len(widths := {vectors.shape[1] for vectors in (*ours, *theirs)}) > 1:
        what = f"gave vectors of {sorted(widths)} numbers, expected one width for all mixes"
        raise InputError(Problem("--embedding", what))
    intervals = distances(ours, theirs)
    return {
        "schema": "judge-sets/1",
        "embedding": embedding,
        "mixes": [len(ours), len(theirs)],
        "distances": {name: _rounded(interval._asdict()) for name, interval in intervals.items()},
    }


def _mix_files(folder: Path) -> list[Path]:
    """Audio files in a folder, or the mixes of its songs. Raises InputError for none."""
    if not folder.is_dir():
        raise InputError(Problem(str(folder), "is not a folder: expected one with finished mixes"))
    direct = sorted(path for path in folder.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES and path.is_file())
    within = sorted(path for path in folder.glob("**/mix.*") if path.suffix.lower() in AUDIO_SUFFIXES)
    files = direct or within
    if not files:
        raise InputError(Problem(str(folder), f"holds no mixes: expected audio files, or folders with a {MIX_FILE}"))
    return files


def _sets_text(document: dict) -> str:
    lines = [f"{document['mixes'][0]} mixes against {document['mixes'][1]}, embedded by {document['embedding']}"]
    for name, each in document["distances"].items():
        lines.append(f"{name:10} {each['value']:8.3f}  (95 %: {each['low']:.3f} to {each['high']:.3f})")
    if "frechet" not in document["distances"]:
        lines.append("too few excerpts for a Fréchet distance")
    return "\n".join(lines)
