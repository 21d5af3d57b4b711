"""A progress bar on stderr, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hybrid.cli.signals import Context, StopRequest


@contextmanager
def progress_bar(context: Context) -> Iterator[Callable[[str, float], None]]:
    """A function that shows the share (0 to 1) of a stage that is done; NO_COLOR is honoured.

    It raises a pending request to stop, whose exception may have been lost elsewhere.
    """
    stop = context.ensure_object(StopRequest)
    if not sys.stderr.isatty():
        yield lambda stage, share: stop.raise_again()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:8}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, share: float) -> None:
            stop.raise_again()
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=1.0)
            bars.update(tasks[stage], completed=share)

        yield show
