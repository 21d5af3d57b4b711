"""The command `hybrid`: which commands there are, and what becomes of errors.

A command's module is imported only when that command runs: help and the checks of files answer at once.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import TracebackType
from typing import Annotated, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command

from hybrid import __version__
from hybrid.cli.signals import StopRequest
from hybrid.errors import InputError, Problem, UnwritableError


class _Command(NamedTuple):
    module: str
    summary: str


_COMMANDS = {
    "mix": _Command("hybrid.cli.mix", "mix a folder of tracks under rules"),
    "scan": _Command("hybrid.cli.scan", "guess what each track of a folder is, and write it down to be edited"),
    "corpus": _Command("hybrid.cli.corpus", "list, scan, verify, count and split whole data sets"),
    "batch": _Command("hybrid.cli.batch", "mix every song of a data set, on all cores, and go on where it stopped"),
    "check": _Command("hybrid.cli.check", "say what any finished mix keeps and breaks of the rules"),
    "judge": _Command("hybrid.cli.judge", "judge finished mixes by measures that are not the rules"),
    "ablate": _Command("hybrid.cli.ablate", "learn what each rule does, whether it helps, and what it costs"),
    "train": _Command("hybrid.cli.train", "train a network that proposes mixes"),
    "rules": _Command("hybrid.cli.rules", "list, show, explain, compare, begin and check files of rules"),
}
_INTERRUPTED = 130
_TURN_S = 0.0005


class _Commands(TyperGroup):
    """Finds commands in the table; a module holds a function, or an app, of its command's name."""

    def list_commands(self, ctx) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx, cmd_name):
        if cmd_name not in _COMMANDS:
            return None
        found = getattr(import_module(_COMMANDS[cmd_name].module), cmd_name)
        if isinstance(found, typer.Typer):
            return get_command(found)
        alone = typer.Typer(rich_markup_mode=None, add_completion=False)
        alone.command(cmd_name)(found)
        return get_command(alone)

    def format_commands(self, ctx, formatter) -> None:
        with formatter.section("commands"):
            formatter.write_dl([(name, command.summary) for name, command in _COMMANDS.items()])


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> bool:
    if wanted:
        print(f"hybrid {__version__}")
        raise typer.Exit
    return wanted


@app.callback()
def _hybrid(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print the version")
    ] = False,
) -> None:
    """An automatic mixer: rules of mixing engineering turn a folder of tracks into a mix."""


def main() -> None:
    """Runs the command line; exits with 0, 1 for a fault of this program, or the code of the error."""
    # threads that read and transform need the interpreter often and briefly, those that compile all the time
    sys.setswitchinterval(_TURN_S)
    stop = StopRequest()
    stop.listen()
    sys.excepthook = _report_fault
    sys.unraisablehook = _report_lost
    try:
        # the group itself: Typer puts a hook of its own in place when it is called
        with _output_told(), stop.heard_under_any_name():
            get_command(app)(prog_name="hybrid", obj=stop)
    except InputError as error:
        _fail(str(error), error.exit_code)
    except SystemExit as leaving:
        if leaving.code == _INTERRUPTED:
            print("interrupted", file=sys.stderr)
        raise


class _Output(io.TextIOWrapper):
    """Standard output that says so where it cannot be written, be it at the last moment."""

    def write(self, text: str) -> int:
        with _told():
            return super().write(text)

    def flush(self) -> None:
        with _told():
            super().flush()


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # whoever reads has seen enough
        raise
    except OSError as error:
        raise UnwritableError(Problem("standard output", f"cannot be written: {error.strerror}")) from error


@contextmanager
def _output_told() -> Iterator[None]:
    """Raises UnwritableError if what is printed cannot be written."""
    if type(sys.stdout) is not io.TextIOWrapper:
        yield
        return
    like, file = sys.stdout, open(sys.stdout.fileno(), "wb", closefd=False)  # noqa: SIM115
    sys.stdout = _Output(file, like.encoding, like.errors, line_buffering=like.line_buffering)
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except UnwritableError:
        # or else Python tries once more, and complains, when it ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _report_fault(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What a person sees of a fault of this program: one line and how to see more. Python then exits with 1."""
    if os.environ.get("HYBRID_DEBUG"):
        traceback.print_exception(kind, error, trace)
    hint = "hint: this is a fault of the program; HYBRID_DEBUG=1 shows where it happened"
    print(f"{kind.__name__}: {error}\n\n{hint}", file=sys.stderr)


def _report_lost(lost: sys.UnraisableHookArgs) -> None:
    """Ctrl-C while a finaliser or a callback of the garbage collector runs is lost there, and raised again later."""
    if not issubclass(lost.exc_type, KeyboardInterrupt | SystemExit):
        sys.__unraisablehook__(lost)


def _fail(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    sys.exit(code)
