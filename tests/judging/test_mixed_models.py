"""Mixed models recover known differences; without statsmodels the message is helpful."""

from __future__ import annotations

import builtins

import numpy as np
import pytest

from hybrid.errors import InputError
from hybrid.judging.mixed_models import mixed_model

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


def test_known_differences_are_recovered_however_much_songs_differ():
    effects = mixed_model(_values(10), "all rules")
    assert set(effects) == set(ARMS) - {"all rules"}
    for arm, each in effects.items():
        assert each.mean == pytest.approx(ARMS[arm], abs=0.12)
        assert each.low < each.mean < each.high
    assert effects["without a"].p < 1e-6 and effects["same"].p > 0.05


def test_the_mean_is_that_of_paired_differences():
    values = _values(6)
    paired = np.mean([values[s, k, "without a"] - values[s, k, "all rules"] for s, k, arm in values if arm == "same"])
    assert mixed_model(values, "all rules")["without a"].mean == pytest.approx(paired, abs=1e-6)


def test_too_few_songs_or_equal_values_give_no_effects():
    assert mixed_model(_values(2), "all rules") == {}
    assert mixed_model(dict.fromkeys(_values(5), 1.0), "all rules") == {}


def test_without_the_library_the_message_has_an_installation_hint(monkeypatch: pytest.MonkeyPatch):
    usual = builtins.__import__

    def without(name: str, *more, **options):
        if name.startswith("statsmodels"):
            raise ImportError(name)
        return usual(name, *more, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match=r"need statsmodels[^$]*hybrid-mix\[stats\]"):
        mixed_model(_values(3), "all rules")
