"""Set-up of all tests."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import runtime_checkable

import pytest
from pydantic_core.core_schema import ValidationInfo

# Annotations are checked while tests run; this protocol of pydantic refuses `isinstance` unless told.
runtime_checkable(ValidationInfo)


@pytest.fixture(scope="module", autouse=True)
def few_programs() -> Iterator[None]:
    """A process that runs many files of tests keeps no more compiled programs than it may."""
    yield
    if "jax" in sys.modules:
        from hybrid.compiled import clear_compiled

        clear_compiled()
