"""Warnings of rule files."""

from __future__ import annotations

import sys

from hybrid.errors import printable
from hybrid.knowledge.ruleset import RuleSet


def print_warnings(rules: RuleSet) -> None:
    """Prints what is allowed in these rules, but hardly meant, on stderr."""
    for warning in rules.warnings:
        print(printable(f"warning: {warning}"), file=sys.stderr)
