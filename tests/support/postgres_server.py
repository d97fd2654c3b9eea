"""A real Postgres server of a test's own: a cluster in a temporary folder, on a loopback port and a socket."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

USER = "freehold"
_FOLDERS = ("/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt/postgresql")


def binaries() -> Path | None:
    """The folder of the newest server here."""
    found = [path.parent for folder in _FOLDERS for path in Path(folder).glob("**/bin/initdb")]
    on_path = shutil.which("initdb")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    whole = [folder for folder in found if (folder / "postgres").exists()]
    return max(
        whole, key=lambda folder: [int(part) for part in folder.parts if part.isdecimal()], default=None
    )


class Server:
    """One cluster; `stop` and `start` it as often as wanted."""

    def __init__(self, folder: Path, *options: str) -> None:
        found = binaries()
        if found is None:
            pytest.skip("no Postgres server is installed: initdb and postgres")
        self._binaries, self._options = found, options
        self.folder = folder
        self.port = _free_port()
        self._data = folder / "data"
        # the server refuses to run as root
        self._user = "nobody" if os.geteuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        if os.geteuid() == 0:
            shutil.chown(folder, self._user)
        self._call("initdb", "-D", self._data, "-U", USER, "-A", "trust", "-E", "UTF8", "--no-locale", "-N")

    def url(self, name: str = "postgres") -> str:
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def socket_url(self, name: str = "postgres") -> str:
        return f"postgresql://{USER}@/{name}?host={self.folder}&port={self.port}"

    def start(self) -> Server:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -k {self.folder} -c fsync=off -c shared_buffers=8MB"
        self._call(
            "pg_ctl", "-D", self._data, "-w", "-s", "-l", self.folder / "log", "-o",
            " ".join((options, *self._options)), "start",
        )  # fmt: skip
        return self

    def stop(self, mode: str = "fast") -> None:
        """`fast` ends every session; `immediate` is as if it were killed."""
        self._call("pg_ctl", "-D", self._data, "-w", "-s", "-m", mode, "stop")

    def database(self, name: str) -> str:
        """A new empty database; its URL."""
        self.sql(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def sql(self, statement: str, name: str = "postgres") -> list[list[object]]:
        """Run one statement in a session of its own."""
        import pg8000.native

        with contextlib.closing(
            pg8000.native.Connection(USER, host="127.0.0.1", port=self.port, database=name, ssl_context=False)
        ) as wire:
            return list(wire.run(statement) or [])

    def _call(self, program: str, *arguments: object) -> None:
        done = subprocess.run(
            [self._binaries / program, *map(str, arguments)],
            cwd=self.folder,
            user=self._user if os.geteuid() == 0 else None,
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{program}: {done.stderr}"


@contextlib.contextmanager
def serving(*options: str) -> Iterator[Server]:
    """A server that runs inside the block."""
    # a folder of its own right under /tmp: sockets have short names, and nobody may enter pytest's folders
    with tempfile.TemporaryDirectory(prefix="pg-", dir="/tmp", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = Server(Path(folder), *options)
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(AssertionError):
                server.stop("immediate")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])
