"""A mail server and a receiver of webhooks, as others run them, on this machine."""

from __future__ import annotations

import contextlib
import datetime as dt
import email.policy
import hmac
import ssl
import threading
from base64 import b64decode, b64encode
from email.message import EmailMessage
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from node_world import free_port

USER, PASSWORD = "node@north.example", "a password that is nowhere"


def certificate(folder: Path, name: str) -> tuple[ssl.SSLContext, Path]:
    """A server's context for one name, and the certificate to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / f"{name}.pem", folder / f"{name}.key"
    chain.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, secret)
    return context, chain


class MailServer:
    """Takes mail after STARTTLS and a log-in, keeps it, and answers what it is told to."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self.mails: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.recipients: list[list[str]] = []
        self.answer = "250 taken"
        self.refuses = ""
        self._controller = Controller(
            self, hostname="127.0.0.1", port=0, tls_context=context, require_starttls=True,
            auth_required=True, authenticator=_knows,
        )  # fmt: skip
        self._controller.port = free_port()
        self._controller.start()
        self.port = self._controller.port

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address == self.refuses:
            return "550 nobody here"
        envelope.rcpt_tos.append(address)
        return "250 ok"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:
        if self.answer.startswith("250"):
            self.raw.append(envelope.content)
            self.recipients.append(envelope.rcpt_tos)
            parsed = BytesParser(policy=email.policy.default).parsebytes(envelope.content)
            assert isinstance(parsed, EmailMessage)
            self.mails.append(parsed)
        return self.answer

    def close(self) -> None:
        self._controller.stop()


def _knows(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    known = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)


class Receiver:
    """Keeps what is posted to it, and checks signatures by the published rule."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], bytes]] = []
        self.status, self.location, self.answer = 200, "", b"thanks"
        self.answers = threading.Event()
        """Cleared, it keeps its callers waiting."""
        self.answers.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer.calls.append(({name.lower(): value for name, value in self.headers.items()}, body))
                outer.answers.wait(60)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    self._answer()

            def _answer(self) -> None:
                self.send_response(outer.status)
                if outer.location:
                    self.send_header("location", outer.location)
                self.send_header("content-length", str(len(outer.answer)))
                self.end_headers()
                self.wfile.write(outer.answer)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook/a-path-that-is-nowhere"

    def signed(self, call: tuple[dict[str, str], bytes], secret: str) -> bool:
        """github.com/standard-webhooks/standard-webhooks, spec, "Signature scheme": symmetric."""
        headers, body = call
        content = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
        kind, _, key = secret.partition("_")
        assert kind == "whsec"
        made = b64encode(hmac.digest(b64decode(key, validate=True), content, "sha256")).decode()
        return any(
            version == "v1" and hmac.compare_digest(made, one)
            for version, _, one in (part.partition(",") for part in headers["webhook-signature"].split(" "))
        )

    def close(self) -> None:
        self.answers.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
