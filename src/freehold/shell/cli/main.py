"""The `freehold` command: every group of commands under one roof, errors as message and hint."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from freehold.core.causes import OutputFailed, SystemExhausted
from freehold.core.errors import FreeholdError, InvalidInput
from freehold.kernel.cli.output import completing, emit_error, emit_problem, home_in_use
from freehold.shell import threads, unused
from freehold.shell.cli import pasting
from freehold.shell.cli.index import INDEX
from freehold.vault.home_folder import confine

Misuse: Any = typer.BadParameter.__base__
"""What arguments raise that a command does not take; typer exports only this child of it."""
ASKED_BY_SHELL = "_FREEHOLD_COMPLETE"
"""Set by the script of `freehold completion` while the shell wants completions."""
INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""


class _Commands(typer.core.TyperGroup):
    """All commands by their first words; what stands behind one is loaded when it is named."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """In the order of `--help`."""
        return list(INDEX)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """A command, or a group of them."""
        if cmd_name not in INDEX:
            return None
        from freehold.shell.cli import commands  # noqa: PLC0415 - what describes commands takes 0.1 s to load

        return commands.built(INDEX[cmd_name][0]).commands[cmd_name]

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Of each, the first sentence."""
        with formatter.section("Commands"):
            formatter.write_dl([(word, about) for word, (_, about) in INDEX.items()])


app = typer.Typer(
    name="freehold",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


_ABOUT = "Own the data, models and agents you make: license, train together, get paid, prove every step."


@app.callback(invoke_without_command=True, help=_ABOUT)
def root(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True)
    ] = False,
) -> None:
    """What stands before every command."""
    if version:
        from freehold.core.version import VERSION  # noqa: PLC0415

        sys.stdout.write(f"freehold {VERSION}\n")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    if arguments is None:
        _open_input()
        _open_output()
        confine()
        threads.none_besides()
        unused.leave_out()
    if ASKED_BY_SHELL in os.environ:
        from typer._completion_classes import completion_init  # noqa: PLC0415

        completion_init()
    given = list(sys.argv[1:] if arguments is None else arguments)
    completing.set(pasting.completed)
    try:
        code = _ended(given)
        sys.stdout.flush()
    except OutputFailed as error:
        _give_up_output()
        emit_error(error, as_json=False)
        return error.exit_code
    except BrokenPipeError:
        # the reader of our output has gone
        _give_up_output()
        return 1
    finally:
        # `up` switches it off for its start
        gc.enable()
        home_in_use.set(None)
    return code


def _ended(given: list[str]) -> int:
    try:
        return _run(given)
    except typer.Abort:
        return 1
    except OutputFailed:
        raise
    except FreeholdError as error:
        emit_error(error, as_json="--json" in given)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 0
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the net under every command
        made = _met(error)
        emit_error(made, as_json="--json" in given)
        return made.exit_code


def _met(error: Exception) -> FreeholdError:
    try:
        from freehold.kernel import faults  # noqa: PLC0415 - takes 0.1 s to load
    except (MemoryError, OSError):
        # whatever hindered the command hinders this, too
        return SystemExhausted(
            f"there is not enough memory, or too few files can be opened, to load this program: {type(error).__name__}",
            hint="Free some memory, or raise the limit: ulimit -v unlimited -n 4096",
        )
    return faults.met_by_command(error)


class _Output(io.FileIO):
    def write(self, data: Any) -> Any:
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputFailed(
                f"the output cannot be written: {error.strerror}",
                hint="Free the disk, or open stdout. What came out is cut short; what the command did is done.",
            ) from None


def _open_input() -> None:
    """A closed stdin is empty, no terminal, and no other file's number."""
    if sys.stdin is None:
        nothing = os.open(os.devnull, os.O_RDONLY)
        if nothing != 0:
            os.dup2(nothing, 0)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process


def _open_output() -> None:
    """Stdout that takes every character, or fails with an error of ours; a closed one is no other file's number."""
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 - as long as the process
    if sys.stdout is None:
        closed = os.open(os.devnull, os.O_RDONLY)
        if closed != 1:
            os.dup2(closed, 1)
    was = sys.stdout
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Output(1, "w", closefd=False)),
        encoding=was.encoding if was else "utf-8",
        errors="backslashreplace",
        line_buffering=bool(was and was.line_buffering),
    )


def _give_up_output() -> None:
    """Keep the interpreter from complaining when it flushes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(given: list[str]) -> int:
    try:
        ended = app(given, standalone_mode=False, prog_name="freehold")
    except Misuse as error:
        error.show()
        if "--json" in given:
            emit_problem(InvalidInput(error.format_message(), hint="See freehold --help."))
        return int(error.exit_code)
    return ended if isinstance(ended, int) else 0
