"""Values that a shell completes: names of what is shipped, or lies in this folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import hybrid
from hybrid import shelf
from hybrid.errors import InputError


def _names(kind: str) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        return [name for name in shelf.names(kind) if name.startswith(incomplete)]

    return complete


rule_files, recipes = _names("rules"), _names("train")
studies, cards = _names("train/ablations"), _names("datasets")


def models(incomplete: str) -> list[str]:
    """Shipped networks, and none."""
    shipped = [path.stem for path in sorted((Path(hybrid.__file__).parent / "weights").glob("*.safetensors"))]
    return [name for name in (*shipped, "none") if name.startswith(incomplete)]


def rules_and_types(incomplete: str) -> list[str]:
    """Ids of the rules of `base`, and types of rules."""
    return [name for name in (*_rule_ids(), *_types()) if name.startswith(incomplete)]


def files_and_rules(incomplete: str) -> list[str]:
    """Names of rule files, and ids of the rules of `base`."""
    return [name for name in (*shelf.names("rules"), *_rule_ids()) if name.startswith(incomplete)]


def overrides(incomplete: str) -> list[str]:
    """`rule.key=` for the rules of `base` and the keys that they state."""
    from hybrid.knowledge.resolve import load_rules

    try:
        rules = load_rules(["base"]).rules
    except InputError:
        return []
    keys = (f"{rule.id}.{key}=" for rule in rules for key in rule.written() if key not in ("id", "type"))
    return [key for key in keys if key.startswith(incomplete)]


def _rule_ids() -> list[str]:
    from hybrid.knowledge.resolve import load_rules

    try:
        return [rule.id for rule in load_rules(["base"]).rules]
    except InputError:
        return []


def _types() -> list[str]:
    from hybrid.knowledge.types import TYPES

    return list(TYPES)
