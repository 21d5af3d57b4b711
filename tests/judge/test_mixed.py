"""Mixed models find what was put in, and say so where they cannot be had."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from hybrid.errors import InputError
from hybrid.judge.mixed import mixed_model

ARMS = {"all rules": 0.0, "without a": 1.0, "weird 'name' + 2": -0.5, "same": 0.0}


def _values(n_songs: int, noise: float = 0.2) -> dict[tuple[str, int, str], float]:
    rng = np.random.default_rng(0)
    of_song = rng.normal(5.0, 3.0, n_songs)
    return {
        (f"song{s}", seed, arm): float(of_song[s] + effect + noise * rng.standard_normal())
        for s in range(n_songs)
        for seed in range(3)
        for arm, effect in ARMS.items()
    }


def test_differences_are_those_that_were_put_in_however_much_songs_differ():
    found = mixed_model(_values(10), "all rules")
    assert set(found) == set(ARMS) - {"all rules"}
    for arm, each in found.items():
        assert each.mean == pytest.approx(ARMS[arm], abs=0.12)
        assert each.low < each.mean < each.high
    assert found["without a"].p < 1e-6 and found["same"].p > 0.05


def test_the_mean_is_that_of_paired_differences():
    values = _values(6)
    paired = np.mean([values[s, k, "without a"] - values[s, k, "all rules"] for s, k, arm in values if arm == "same"])
    assert mixed_model(values, "all rules")["without a"].mean == pytest.approx(paired, abs=1e-6)


def test_too_few_songs_or_nothing_that_differs_gives_nothing():
    assert mixed_model(_values(2), "all rules") == {}
    assert mixed_model(dict.fromkeys(_values(5), 1.0), "all rules") == {}


def test_without_the_library_it_is_said_how_to_come_by_it(monkeypatch: pytest.MonkeyPatch):
    usual = builtins.__import__

    def without(name: str, *more, **options):
        if name.startswith("statsmodels"):
            raise ImportError(name)
        return usual(name, *more, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"need statsmodels[^$]*hybrid-mix\[stats\]"):
        mixed_model(_values(3), "all rules")
