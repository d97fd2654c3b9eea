"""Files that are written out of the registrations say what those say."""

from freehold.kernel.registry import everything
from freehold.shell import generate
from freehold.shell.cli import commands
from freehold.shell.library.node import Node


def test_written_files_are_current():
    for path, text in generate.files():
        assert path.read_text() == text, f"run: python -m freehold.shell.generate ({path.name})"


def test_every_operation_has_a_function_a_method_and_a_command_or_a_reason():
    registered = {one.operation.name for one in everything().operations}
    shown = {one.name for _, _, command in commands.every() for one in (command.operation, *command.also)}
    assert shown <= registered
    for one in everything().operations:
        assert hasattr(Node, one.operation.method), one.operation.name
        assert one.operation.summary.endswith("."), one.operation.name
