"""Levels that the arrangement and the recording lead one to expect: a small linear model of human mixes.

Levels are compared within a song: all features and levels are less their mean over its tracks. Every song counts the
same, and what is not known of a role is drawn to what is known of all tracks. Each term is kept only if it brings the
model nearer to authors that it was not fitted to.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from hybrid.calibrate.level_terms import FEWEST, ROLE_PENALTY, Term, family, terms_of
from hybrid.calibrate.levels import SongLevels, per_song

_DRAWS = 400
"""Of authors, with replacement, for intervals."""
_SEED = 0


class Trial(NamedTuple):
    """What became of a term: mean absolute error of a track's level in what was left out, without and with it, LU."""

    term: str
    before_lu: float
    after_lu: float
    nearer: int
    """Authors, or songs, to which the model is nearer with it."""
    is_kept: bool


class Coefficient(NamedTuple):
    """A coefficient with its 95 % interval, by a bootstrap over authors."""

    value: float
    low: float
    high: float


class ExpectedLevels(NamedTuple):
    """A fitted model. Levels and recorded levels are against the mean of a song's tracks, LU."""

    level: Mapping[str, Coefficient]
    """By role."""
    recorded_level: Mapping[str, float]
    """The usual level of the raw tracks, by role."""
    slopes: Mapping[str, Coefficient]
    """Of the terms recorded, presence and company, where they were kept."""
    with_lead: Mapping[str, Coefficient]
    songs_of: Mapping[str, int]
    """Songs by role."""
    trials: tuple[Trial, ...]
    spread_lu: float
    """Within it lies half of the tracks of what was left out, on either side of what is expected."""
    n_songs: int
    unit: Literal["authors", "songs"]
    """What was left out in turn."""
    n_units: int


def fit_levels(mixes: Sequence[SongLevels]) -> ExpectedLevels | str:
    """The model of these mixes, or the reason why they carry none."""
    songs = per_song(mixes)
    unit: Literal["authors", "songs"] = "authors"
    if len({each.author for each in songs}) < FEWEST:
        unit = "songs"
        songs = [each._replace(author=f"{each.author} - {each.song}") for each in songs]
    authors = sorted({each.author for each in songs})
    if len(authors) < FEWEST:
        return f"levels are known in {len(authors)} songs, expected {FEWEST} or more"
    terms, trials = _chosen(songs)
    if not terms:
        first = min(trials, key=lambda trial: trial.after_lu)
        return (
            f"nothing brings levels nearer to {unit} left out than equal loudness does ({first.before_lu:.2f} LU off; "
            f"{first.after_lu:.2f} by {first.term})"
        )
    sums = _by_author(songs, terms)
    weights = _solve(sums.values())
    rng = np.random.default_rng(_SEED)
    counts = (Counter(rng.choice(authors, len(authors)).tolist()) for _ in range(_DRAWS))
    draws = [_solve(sums[author].times(count) for author, count in drawn.items()) for drawn in counts]

    def coefficient(columns: Mapping[str, float]) -> Coefficient:
        """A weighted sum of columns."""
        drawn = [sum(share * draw[name] for name, share in columns.items()) for draw in draws]
        low, high = np.quantile(drawn, (0.025, 0.975))
        return Coefficient(sum(share * weights[name] for name, share in columns.items()), float(low), float(high))

    slope = weights.get("recorded", 0.0)
    usual = _usual_recorded(songs)
    # a family may differ beside a lead alone
    roles = ["all", *sorted({name.partition(" ")[2] for name in weights if " " in name})]
    level, recorded = {}, {}
    for role in roles:
        parts = {f"role {name}": 1.0 for name in (family(role), role) if f"role {name}" in weights}
        recorded[role] = usual.get(role, 0.0) if slope else 0.0
        of_role = coefficient(parts)
        level[role] = Coefficient(*(each + slope * recorded[role] for each in of_role))
    return ExpectedLevels(
        level=level,
        recorded_level=recorded,
        slopes={name: coefficient({name: 1.0}) for name in ("recorded", "presence", "company") if name in weights},
        with_lead={
            name.removeprefix("lead "): coefficient({name: 1.0}) for name in weights if name.startswith("lead ")
        },
        songs_of=_songs_of(songs),
        trials=tuple(trials),
        spread_lu=_spread(songs, terms),
        n_songs=len({(each.author, each.song) for each in songs}),
        unit=unit,
        n_units=len(authors),
    )


# Fitting


class _Sums(NamedTuple):
    """What least squares need of some songs: products of columns with columns and with levels, tracks weighing their
    share of a song."""

    names: tuple[str, ...]
    penalty: Float[np.ndarray, " column"]
    gram: Float[np.ndarray, "column column"]
    moment: Float[np.ndarray, " column"]
    track_weight: float
    weight: float

    def times(self, count: int) -> _Sums:
        """The sums, counted so many times."""
        gram, moment = self.gram * count, self.moment * count
        return self._replace(
            gram=gram, moment=moment, track_weight=self.track_weight * count, weight=self.weight * count
        )

    def plus(self, other: _Sums) -> _Sums:
        """The sums of both."""
        return self._replace(
            gram=self.gram + other.gram,
            moment=self.moment + other.moment,
            track_weight=self.track_weight + other.track_weight,
            weight=self.weight + other.weight,
        )


def _sums_of(mix: SongLevels, terms: Sequence[Term]) -> _Sums:
    columns = {name: column for term in terms for name, column in term.columns(mix).items()}
    penalty = np.array([term.penalty for term in terms for _ in term.columns(mix)])
    matrix = np.stack([column - column.mean() for column in columns.values()], axis=1)
    level, share = mix.level_lu - mix.level_lu.mean(), mix.weight / len(mix.roles)
    return _Sums(tuple(columns), penalty, share * matrix.T @ matrix, share * matrix.T @ level, share, mix.weight)


def _by_author(songs: Sequence[SongLevels], terms: Sequence[Term]) -> dict[str, _Sums]:
    sums: dict[str, _Sums] = {}
    for each in songs if terms else ():
        of_song = _sums_of(each, terms)
        sums[each.author] = sums[each.author].plus(of_song) if each.author in sums else of_song
    return sums


def _solve(sums: Iterable[_Sums]) -> dict[str, float]:
    """Coefficients by column: least squares over tracks, each song counting one, with a penalty on roles."""
    listed = list(sums)
    if not listed:
        return {}
    total = reduce(_Sums.plus, listed)
    # a role that is in n songs, once in each, weighs n tracks
    penalty = total.penalty * total.track_weight / total.weight
    solution = np.linalg.solve(total.gram + np.diag(penalty + 1e-9), total.moment)
    return dict(zip(total.names, solution.tolist(), strict=True))


def _expected(mix: SongLevels, terms: Sequence[Term], weights: Mapping[str, float]) -> Float[np.ndarray, " track"]:
    columns = {name: column for term in terms for name, column in term.columns(mix).items()}
    return np.sum([weights[name] * column for name, column in columns.items()], axis=0) + np.zeros(len(mix.roles))


def _usual_recorded(songs: Sequence[SongLevels]) -> dict[str, float]:
    """Mean recorded level by role and family, against the mean of its song, drawn to 0 where few songs have it."""
    total, weight = defaultdict[str, float](float), defaultdict[str, float](float)
    for each in songs:
        share = each.weight / len(each.roles)
        for role, recorded in zip(each.roles, each.recorded_lu - each.recorded_lu.mean(), strict=True):
            for name in {role, family(role)}:
                total[name] += share * float(recorded)
                weight[name] += share
    weights = [each.weight for each in songs]
    penalty = ROLE_PENALTY * float(np.average([1.0 / len(each.roles) for each in songs], weights=weights))
    return {name: total[name] / (weight[name] + penalty) for name in total}


def _songs_of(songs: Sequence[SongLevels]) -> dict[str, int]:
    members: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for each in songs:
        for role in each.roles:
            for name in ("all", family(role), role):
                members[name].add((each.author, each.song))
    return {name: len(of) for name, of in members.items()}


# Choice of terms, by authors left out


def _residuals(songs: Sequence[SongLevels], terms: Sequence[Term]) -> Iterator[tuple[SongLevels, np.ndarray]]:
    """Of every mix: levels less those expected by a model of all other authors, about their median, LU."""
    sums = _by_author(songs, terms)
    for author in sorted({each.author for each in songs}):
        weights = _solve(of for other, of in sums.items() if other != author)
        for each in songs:
            if each.author == author:
                beyond = each.level_lu - _expected(each, terms, weights)
                yield each, beyond - np.median(beyond)


def _errors(songs: Sequence[SongLevels], terms: Sequence[Term]) -> dict[str, float]:
    """Mean absolute residual of a track by author, songs counting the same, LU."""
    total, weight = defaultdict[str, float](float), defaultdict[str, float](float)
    for each, beyond in _residuals(songs, terms):
        total[each.author] += each.weight * float(np.mean(np.abs(beyond)))
        weight[each.author] += each.weight
    return {author: total[author] / weight[author] for author in total}


def _chosen(songs: Sequence[SongLevels]) -> tuple[list[Term], list[Trial]]:
    kept, trials = list[Term](), list[Trial]()
    before = _errors(songs, [])
    for term in terms_of(songs):
        # no role may be known well enough, and a table does not know when tracks sound
        if not any(column.any() for each in songs for column in term.columns(each).values()):
            continue
        after = _errors(songs, [*kept, term])
        gains = np.array([before[author] - after[author] for author in before])
        # one standard error: what a term brings is more than the luck of these authors
        is_kept = bool(gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)))
        before_lu, after_lu = (float(np.mean(list(errors.values()))) for errors in (before, after))
        trials.append(Trial(term.name, before_lu, after_lu, int((gains > 0.0).sum()), is_kept))
        if is_kept:
            kept.append(term)
            before = after
    return kept, trials


def _spread(songs: Sequence[SongLevels], terms: Sequence[Term]) -> float:
    beyond, weights = [], []
    for each, residual in _residuals(songs, terms):
        beyond.extend(np.abs(residual))
        weights.extend([each.weight / len(each.roles)] * len(residual))
    order = np.argsort(beyond)
    cumulated = np.cumsum(np.array(weights)[order])
    return float(np.array(beyond)[order][np.searchsorted(cumulated, 0.5 * cumulated[-1])])
