"""Set-up of all tests."""

from __future__ import annotations

from typing import runtime_checkable

from pydantic_core.core_schema import ValidationInfo

# Annotations are checked while tests run; this protocol of pydantic refuses `isinstance` unless told.
runtime_checkable(ValidationInfo)
