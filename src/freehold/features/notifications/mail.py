"""One mail over SMTP: protected, bounded in time and in what the server may answer."""

from __future__ import annotations

import smtplib
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import IO, Any

from freehold.core.errors import Unavailable
from freehold.core.texts import Text, moment_of, said
from freehold.features.notifications.channels import Choice, Email
from freehold.features.notifications.wording import Line, body, subject
from freehold.kernel.web.words import plain

STEP_SECONDS = 10.0
"""For each step of the exchange."""
WHOLE_SECONDS = 60.0
MOST_ANSWERED_BYTES = 64 * 1024
GREETING = 220
_SELF = "[127.0.0.1]"
"""How the node introduces itself; its machine's name is nobody's business (RFC 5321, 4.1.4)."""


class NotSent(Unavailable, code="notifications.not_sent"):
    """A mail server or webhook did not take a message."""


class _Limited:
    """A server's answers, up to a bound."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._left = file, MOST_ANSWERED_BYTES

    def readline(self, most: int) -> bytes:
        read = self._file.readline(min(most, self._left))
        self._left -= len(read)
        # an empty line is the end of the connection to whoever reads
        return read

    def close(self) -> None:
        self._file.close()


class _Bounded(smtplib.SMTP):
    def getreply(self) -> tuple[int, bytes]:
        if self.file is None and self.sock is not None:
            self.file = _Limited(self.sock.makefile("rb"))
        return super().getreply()


class _BoundedTls(_Bounded, smtplib.SMTP_SSL):
    pass


def send(to: Email, message: EmailMessage) -> Text:
    """Send it; what the server said. Raises `NotSent`."""
    try:
        with _connected(to) as server:
            if to.user:
                server.login(to.user, to.password)
            refused = server.send_message(message, to.sender, list(to.to))
    # what a server or a library says of a log-in stays out of chains of errors
    except smtplib.SMTPAuthenticationError as error:
        raise _refused(said("the mail server refuses user name or password"), error.smtp_code) from None
    except smtplib.SMTPResponseException as error:
        raise _refused(_answered(error.smtp_code, error.smtp_error), error.smtp_code) from None
    except smtplib.SMTPRecipientsRefused as error:
        code, why = next(iter(error.recipients.values()))
        raise _refused(_answered(code, why), code) from None
    except ssl.SSLCertVerificationError:
        raise NotSent(
            said("the mail server's certificate is not valid for its name"),
            hint=said("Use the name that its certificate has."),
        ) from None
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise NotSent(
            said("the mail server cannot be reached, or does not speak as expected ({why})", why=_why(error)),
            hint=said("Check server, port and protection."),
        ) from None
    if refused:
        code, why = next(iter(refused.values()))
        raise SentToSome(
            said(
                "the mail server took the message, but not for every address: {why}", why=_answered(code, why)
            ),
            hint=said("Check the addresses that mail goes to."),
        )
    return said("The mail server took it for {n} of your addresses.", n=len(to.to))


class SentToSome(NotSent, code="notifications.sent_to_some"):
    """A mail server took a message for some of its addresses only."""


@contextmanager
def _connected(to: Email) -> Iterator[smtplib.SMTP]:
    context = ssl.create_default_context()
    kind: Any = _BoundedTls if to.security == "tls" else _Bounded
    more = {"context": context} if to.security == "tls" else {}
    server: smtplib.SMTP = kind(local_hostname=_SELF, timeout=STEP_SECONDS, **more)
    # a server that answers a byte at a time is cut off
    cut = threading.Timer(WHOLE_SECONDS, lambda: _shut(server))
    cut.daemon = True
    cut.start()
    try:
        # smtplib checks a certificate against this name
        server._host = to.server  # type: ignore[attr-defined]  # noqa: SLF001
        code, why = server.connect(to.server, to.port)
        if code != GREETING:
            raise smtplib.SMTPConnectError(code, why)
        if to.security == "starttls":
            server.starttls(context=context)
        yield server
        with suppress(smtplib.SMTPException, OSError):
            server.quit()
    finally:
        cut.cancel()
        server.close()


def _shut(server: smtplib.SMTP) -> None:
    with suppress(OSError, AttributeError):
        server.sock.shutdown(2)  # type: ignore[union-attr]


def _answered(code: int, why: bytes | str) -> Text:
    text = why.decode("utf-8", "replace") if isinstance(why, bytes) else why
    return said("it answers {code} {text}", code=str(code), text=" ".join(plain(text, 200).split()))


def _refused(why: Text, code: int) -> NotSent:
    return NotSent(why, hint=said("Check what is set up for e-mail."), smtp_code=code)


def _why(error: Exception) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__


def message(id_: str, at: int, lines: Sequence[Line], to: Email, choice: Choice, name: str) -> EmailMessage:
    """What is sent. Sent again it is the same, under the same Message-ID."""
    made = EmailMessage(policy=SMTP)
    made["Subject"] = subject(lines, choice)
    made["From"] = Address(" ".join(plain(name, 60).split()), addr_spec=to.sender)
    made["To"] = tuple(Address(addr_spec=one) for one in to.to)
    made["Date"] = format_datetime(moment_of(at))
    made["Message-ID"] = f"<{id_}@{to.sender.rpartition('@')[2]}>"
    # nobody's holiday answers it (RFC 3834)
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(body(lines, choice))
    return made
