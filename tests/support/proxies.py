"""Real proxies before a node, with the configuration that the documentation gives.

Only names, ports and files are replaced, and TLS is left out: what is tested begins behind it.
"""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from node_world import until

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "nodes-over-tls.md"
NAME = "north.example"
KINDS = ("direct", "caddy", "nginx")


def documented(kind: str) -> str:
    """The block of configuration that the page has for a proxy."""
    blocks = re.findall(r"```text\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return next(block for block in blocks if ("reverse_proxy" if kind == "caddy" else "proxy_pass") in block)


def _said(directive: str) -> str:
    """A directive of nginx that the page gives outside the block."""
    return re.findall(rf"`({directive} \d+;)`", PAGE.read_text())[0]


def _caddy(folder: Path, port: int, upstream: str) -> list[str]:
    text = documented("caddy").replace("127.0.0.1:7400", upstream)
    text = re.sub(rf"^{NAME} \{{", f"http://{NAME}:{port} {{\n\tbind 127.0.0.1", text, flags=re.MULTILINE)
    text = "{\n\tadmin off\n\tauto_https off\n" + (
        text.removeprefix("{\n") if text.startswith("{") else "}\n" + text
    )
    (folder / "Caddyfile").write_text(text)
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


def _nginx(folder: Path, port: int, upstream: str) -> list[str]:
    text = documented("nginx").replace("127.0.0.1:7400", upstream).replace("443 ssl", f"127.0.0.1:{port}")
    text = re.sub(r" *ssl_certificate.*\n", "", text)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/errors.log;\n"
        f"{_said('worker_rlimit_nofile')} events {{ {_said('worker_connections')} }}\n"
        f"http {{ access_log off;\n{temporary}{text}}}\n"
    )
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "errors.log")]


@contextmanager
def before(kind: str, folder: Path, url: str) -> Iterator[tuple[str, int]]:
    """Host and port at which a node is reached through a proxy of that kind, or without one."""
    upstream = url.removeprefix("http://")
    if kind == "direct":
        host, port = upstream.split(":")
        yield host, int(port)
        return
    if shutil.which(kind) is None:
        pytest.skip(f"{kind} is not installed")
    folder.mkdir(exist_ok=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = (_caddy if kind == "caddy" else _nginx)(folder, port, upstream)
    environment = {"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with (folder / "said.log").open("w") as log:
        proxy = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    try:
        until(lambda: proxy.poll() is not None or _listens(port), f"{kind} listens", 20)
        assert proxy.poll() is None, (folder / "said.log").read_text()
        yield "127.0.0.1", port
    finally:
        proxy.send_signal(signal.SIGTERM)
        proxy.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as wire:
        return wire.connect_ex(("127.0.0.1", port)) == 0
