"""Options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

Rules = Annotated[
    list[str] | None, typer.Option("--rules", help="a rule file or the name of one; may be repeated [default: base]")
]
NO_MODEL, DEFAULT_MODEL = "none", "base"
Model = Annotated[str, typer.Option(help="network that proposes: the name of one, a file of weights, or none")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="rule.key=value, such as lead.level.target='2 LU'")]
