"""Notifications as people see them at a terminal; a password comes from a file or stdin."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from freehold import plain_file
from freehold.core import causes
from freehold.core.errors import InvalidInput
from freehold.core.times import minute
from freehold.features.notifications import wire
from freehold.kernel.cli.building import Call, Command
from freehold.kernel.cli.output import plain

_MOST_PASSWORD_BYTES = 4_000


def _shown(answer: dict[str, Any]) -> Iterable[str]:
    email, webhook = answer["email"], answer["webhook"]
    if email is None and webhook is None:
        yield "no e-mail and no webhook is set up; see freehold notifications set --help"
    if email:
        server = f"{plain(email['server'])}:{email['port']} ({email['security']})"
        yield f"e-mail   {_state(email)}; {server}, from {plain(email['sender'])} to {plain(', '.join(email['to']))}"
    if webhook:
        yield f"webhook  {_state(webhook)}; {plain(webhook['host'])}"
    yield f"tells    {', '.join(answer['kinds']) or 'nothing'}"
    yield f"in       {answer['language']}, links to {plain(answer['console_url']) or 'nowhere'}"


def _state(channel: dict[str, Any]) -> str:
    state = "on" if channel["on"] else "off"
    if channel["failing_since"]:
        state += f", failing since {minute(channel['failing_since'])}"
    return f"{state}, {channel['due']} due"


def _kept(answer: dict[str, Any]) -> Iterable[str]:
    yield from _shown(answer)
    if answer["secret"]:
        yield f"secret of the webhook, shown this once: {answer['secret']}"


def _set(call: Call) -> None:
    file = call.more["smtp_password_file"]
    changed = {"smtp_password": _password(file)} if file else {}
    call.show(call.answer(wire.SET, **changed), _kept)


def _password(file: str) -> str:
    try:
        if file == "-":
            read = sys.stdin.buffer.read(_MOST_PASSWORD_BYTES + 1)
        else:
            read = plain_file.given(plain_file.named(file), _MOST_PASSWORD_BYTES, until=b"\n")
        line = read.partition(b"\n")[0].removesuffix(b"\r").decode()
    except OSError as error:
        raise causes.of(plain_file.nameless(error), "read the password") from error
    except UnicodeDecodeError:
        raise InvalidInput("the password is not UTF-8 text") from None
    if not line or len(line) > _MOST_PASSWORD_BYTES:
        raise InvalidInput("the password is empty or too long", hint="It is the first line of the file.")
    return line


PasswordFile = Annotated[
    str | None,
    typer.Option(
        "--smtp-password-file",
        help="Read the mail server's password from the first line of it; - for stdin.",
        metavar="FILE",
    ),
]
VIEWS = {wire.SHOW: _shown, wire.TEST: lambda answer: [plain(answer["answer"])]}
COMMANDS = {
    "notifications set": Command(
        wire.SET,
        _set,
        more={"smtp_password_file": (PasswordFile, None)},
        without=("smtp_password",),
    )
}
