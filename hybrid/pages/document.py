"""Pages of HTML from the templates in `templates/`: each is one file that loads nothing and runs nothing.

A template gets one typed object, `page`, beside the functions of `words`; whatever it writes is escaped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined

from hybrid.pages import words
from hybrid.pages.plot import pixels

_ENVIRONMENT = Environment(
    loader=PackageLoader("hybrid.pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_FUNCTIONS: tuple[Callable[..., str], ...] = (
    *(words.clock, words.count, words.difference, words.fixed, words.frequency, words.interval, words.loudness),
    *(words.number, words.position, words.quantity, words.span, pixels),
)
_ENVIRONMENT.globals.update({function.__name__: function for function in _FUNCTIONS})


class LargeNumber(NamedTuple):
    """A number in the head of a page, with a note below it."""

    name: str
    value: str
    note: str
    unit: str = ""


def document(template: str, page: object) -> str:
    """A whole page of HTML: `template`.html.jinja filled with `page`; the same for the same data, byte by byte."""
    return _ENVIRONMENT.get_template(f"{template}.html.jinja").render(page=page)
