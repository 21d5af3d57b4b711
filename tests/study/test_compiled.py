"""Compiled programs are counted, or an error says that they cannot be."""

from __future__ import annotations

from pathlib import Path

import jax
import pytest

from hybrid.batch.run import RunOptions
from hybrid.errors import InputError
from hybrid.study import compiled
from hybrid.study.compiled import check_counting, counted_programs
from hybrid.study.jobs import study_inputs
from hybrid.study.run import run_study
from hybrid.study.schema import read_study
from tests.study.planted import write_study


def test_each_program_is_counted_once_and_only_within_the_block():
    double = jax.jit(lambda x: 2.0 * x)
    with counted_programs() as programs:
        double(1.0), double(2.0)
        assert programs.n == 1
        jax.jit(lambda x: 3.0 * x)(1.0)
    jax.jit(lambda x: 4.0 * x)(1.0)
    assert programs.n == 2
    check_counting()


def test_a_study_does_not_start_if_jax_does_not_report_what_it_compiles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(compiled, "_EVENT", "/jax/called/otherwise")
    study = read_study(str(write_study(tmp_path / "study")))
    with pytest.raises(InputError, match=f"jax: version {jax.__version__} does not report .*'/jax/called/otherwise'"):
        run_study(study_inputs(study), [], RunOptions(tmp_path / "out"), 1, lambda done, of: None)
    assert not (tmp_path / "out").exists()
