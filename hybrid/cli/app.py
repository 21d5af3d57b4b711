"""The command `hybrid`: its table of commands, and the handling of errors.

The module of a command is imported only when that command runs, so that help and checks of files answer at once.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command

from hybrid.cli.log import logged, open_log
from hybrid.cli.metavars import in_words
from hybrid.cli.signals import Context, Session, Verbosity
from hybrid.errors import InputError, Problem, UnwritableError, suggest, without_controls
from hybrid.version import __version__


class _CommandInfo(NamedTuple):
    module: str
    summary: str


_COMMANDS = {
    "mix": _CommandInfo("hybrid.cli.mix", "mix a folder of tracks under rules"),
    "scan": _CommandInfo("hybrid.cli.scan", "guess the role of each track of a folder, and write a manifest to edit"),
    "corpus": _CommandInfo("hybrid.cli.corpus", "list, scan, verify, count and split data sets"),
    "batch": _CommandInfo("hybrid.cli.batch", "mix every song of a data set, on all cores; resumable"),
    "warm": _CommandInfo("hybrid.cli.warm", "compile ahead what mixes songs of some shapes"),
    "check": _CommandInfo("hybrid.cli.check", "report which rules a finished mix keeps and breaks"),
    "judge": _CommandInfo("hybrid.cli.judge", "judge finished mixes by metrics that are independent of the rules"),
    "ablate": _CommandInfo("hybrid.cli.ablate", "measure whether each rule acts, whether it helps, and its cost"),
    "train": _CommandInfo("hybrid.cli.train", "train a network that proposes mixes"),
    "rules": _CommandInfo("hybrid.cli.rules", "list, show, explain, compare, create and check rule files"),
    "schema": _CommandInfo("hybrid.cli.schema", "print the JSON Schema of a kind of document, for editors"),
}
_INTERRUPTED = 130
_TURN_S = 0.0005


class _Commands(TyperGroup):
    """Commands from the table; the module of a command has a function, or an app, of the same name."""

    def list_commands(self, ctx) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx, cmd_name):
        if cmd_name not in _COMMANDS:
            return None
        command = getattr(import_module(_COMMANDS[cmd_name].module), cmd_name)
        if isinstance(command, typer.Typer):
            for inner in command.registered_commands:
                assert inner.callback
                in_words(inner.callback)
            return get_command(command)
        single = typer.Typer(rich_markup_mode=None, add_completion=False)
        single.command(cmd_name)(in_words(command))
        return get_command(single)

    def resolve_command(self, ctx, args):
        if args and args[0] not in _COMMANDS and not ctx.resilient_parsing:
            ctx.fail(f"no command {args[0]!r}{suggest(args[0], _COMMANDS)}")
        return super().resolve_command(ctx, args)

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


def _print_version(requested: bool) -> bool:
    if requested:
        print(f"hybrid {__version__}")
        raise typer.Exit
    return requested


@app.callback()
def _hybrid(
    context: Context,
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_print_version, is_eager=True, help="print the version")
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="show no progress: results, notes and errors alone")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="show progress more often, and where a fault happened")
    ] = False,
    log_file: Annotated[
        Path | None,
        typer.Option("--log-file", metavar="FILE", help="append all that is printed, with times, to a file"),
    ] = None,
) -> None:
    """An automatic mixer: rules of mixing engineering turn a folder of tracks into a mix."""
    log = open_log(log_file) if log_file else None
    context.ensure_object(Session).verbosity = Verbosity(quiet, verbose, log)
    if log:
        context.ensure_object(Session).resources.enter_context(logged(log))


def main() -> None:
    """Runs the command line; exits with 0, 1 for a fault of this program, or the code of the error."""
    # short turns: threads that read audio need the interpreter briefly and often, compiling ones would hold it
    sys.setswitchinterval(_TURN_S)
    stop = Session()
    stop.listen()
    sys.unraisablehook = _report_lost
    with stop.resources:
        try:
            _run(stop)
        except Exception as error:
            # here, not in Python's hook: the log is still open
            _report_fault(stop, error)
            sys.exit(1)


def _run(stop: Session) -> None:
    try:
        # the click group, not the Typer app: calling the app would replace sys.excepthook
        with _checked_stdout(), stop.exit_by_signal():
            get_command(app)(prog_name="hybrid", obj=stop)
    except InputError as error:
        _fail(str(error), error.exit_code)
    except SystemExit as exit_:
        if exit_.code == _INTERRUPTED:
            print("interrupted", file=sys.stderr)
        if stop.is_requested:
            # everything is put away by now; Python would wait for threads that compile, and they cannot be interrupted
            sys.stderr.flush()
            os._exit(exit_.code if isinstance(exit_.code, int) else 1)
        raise


class _Output(io.TextIOWrapper):
    """Standard output that raises UnwritableError where it cannot be written, even at the final flush, and that no
    name or title can use to command a terminal: control characters are written as escapes."""

    def write(self, text: str) -> int:
        with _unwritable_errors():
            return super().write(without_controls(text))

    def flush(self) -> None:
        with _unwritable_errors():
            super().flush()


@contextmanager
def _unwritable_errors() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # the reader has closed the pipe: no error of ours
        raise
    except OSError as error:
        raise UnwritableError(Problem("standard output", f"cannot be written: {error.strerror}")) from error


@contextmanager
def _checked_stdout() -> Iterator[None]:
    """Standard output that raises UnwritableError within the block."""
    if type(sys.stdout) is not io.TextIOWrapper:
        yield
        return
    original, file = sys.stdout, open(sys.stdout.fileno(), "wb", closefd=False)  # noqa: SIM115
    # an encoding that cannot spell a sign or a name is no reason to fail: on Windows, that of a redirected output
    sys.stdout = _Output(file, original.encoding, "replace", line_buffering=original.line_buffering)
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except UnwritableError:
        # otherwise Python flushes again at exit, and prints a second error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise


def _report_fault(session: Session, error: Exception) -> None:
    """Prints a fault of this program in one line, with a hint on how to see more."""
    if session.verbosity.is_verbose or os.environ.get("HYBRID_DEBUG"):
        traceback.print_exception(error)
    hint = "hint: this is a fault of the program; `hybrid -v ...` shows where it happened"
    print(without_controls(f"{type(error).__name__}: {error}\n\n{hint}"), file=sys.stderr)


def _report_lost(lost: sys.UnraisableHookArgs) -> None:
    """Ignores Ctrl-C and exits that were lost in a finaliser or a callback of the garbage collector: they are raised
    again at the next progress report."""
    if not issubclass(lost.exc_type, KeyboardInterrupt | SystemExit):
        sys.__unraisablehook__(lost)


def _fail(message: str, code: int) -> None:
    print(message, file=sys.stderr)
    sys.exit(code)
