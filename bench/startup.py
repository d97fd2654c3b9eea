"""From a command to its effect: `freehold --help`, a node from nothing to ready, and what Python takes for that.

A node is ready once `/readyz` answers so; its first answer to its owner comes a little later, for a route is made when
it is first asked for. A fresh home has no keys yet; a used one has its keys, its party and what it
published. Both on a chain that runs; with `--practice` the node starts its own, fresh as well. Floors are what an
interpreter takes that does nothing, and one that loads the libraries a node cannot do without.

Run: python bench/startup.py [RUNS]
"""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

from _timing import interleaved, of_command, of_process, row

FREEHOLD = Path(sys.executable).with_name("freehold")
PASSPHRASE = "kQ8vXw2Lr9TzPm4Yb7NcHd"
LIMIT_SECONDS = 0.8
LIBRARIES = "import cryptography, fastapi, httpx, pydantic, typer, uvicorn"
NODE = (
    "import gc\ngc.disable()\n"
    "from freehold.shell import threads, unused\nthreads.none_besides()\nunused.leave_out()\n"
    "import freehold.shell.cli.node, freehold.shell.daemon, freehold.shell.web.unvisited\n"
    "from freehold.kernel.registry import everything\neverything()"
)
IMPORTS = {
    "python -c pass": "pass",
    "python -c 'import ...' of a node's libraries": LIBRARIES,
    "python -c 'import numpy'": "import numpy",
    "a node's code, all of it that a start loads": NODE,
}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def answers(port, path="/readyz", **headers):
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        asked.request("GET", path, headers=headers)
        return asked.getresponse().status == 200
    except OSError:
        return False
    finally:
        asked.close()


@contextlib.contextmanager
def chain():
    with tempfile.TemporaryDirectory() as home:
        command = [FREEHOLD, "chain", "run", "--json", "--port", "0", "--home", home]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
            try:
                yield json.loads(running.stdout.readline())["url"]
            finally:
                running.terminate()


@contextlib.contextmanager
def up(home, *options, status=False):
    """(wall, processor) seconds until a node is ready, or has answered its owner; it ends afterwards."""
    port = free_port()
    reading, writing = os.pipe()
    os.write(writing, PASSPHRASE.encode() + b"\n")
    os.close(writing)
    command = [FREEHOLD, "up", "--home", home, "--name", "Bench", "--port", str(port), *options]
    command += ["--passphrase-fd", str(reading)]
    log = Path(home).with_suffix(".log")
    began = time.perf_counter()
    with (
        log.open("ab") as said,
        subprocess.Popen(command, pass_fds=[reading], stdout=said, stderr=said) as node,
    ):
        os.close(reading)
        try:
            while not answers(port):
                assert node.poll() is None, log.read_text()
                time.sleep(0.004)
            if status:
                token = (Path(home) / "api-token").read_text().strip()
                assert answers(port, "/api/status", authorization=f"Bearer {token}")
            yield time.perf_counter() - began, of_process(node.pid)
        finally:
            node.terminate()


def started(place, *options, fresh, status=False):
    if fresh:
        shutil.rmtree(place, ignore_errors=True)
    with up(place, *options, status=status) as took:
        return took


def used(place, url):
    """A home that published something."""
    table = place.with_suffix(".csv")
    table.write_text("age,ill\n" + "".join(f"{20 + n % 60},{n % 2}\n" for n in range(200)))
    with up(place, "--rpc-url", url):
        subprocess.run(
            [FREEHOLD, "publish", table, "--label", "ill", "--price", "1", "--home", place],
            check=True,
            capture_output=True,
        )


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as name, chain() as url:
        place = Path(name)
        used(place / "used", url)
        acts = {
            "freehold --help": lambda: of_command([FREEHOLD, "--help"])[0],
            "freehold train --help": lambda: of_command([FREEHOLD, "train", "--help"])[0],
            "up to ready, a fresh home": partial(started, place / "fresh", "--rpc-url", url, fresh=True),
            "up to ready, a used home": partial(started, place / "used", "--rpc-url", url, fresh=False),
            "up to its status answered, a used home": partial(
                started, place / "used", "--rpc-url", url, fresh=False, status=True
            ),
            "up --practice to ready, a fresh home": partial(
                started, place / "practice", "--practice", fresh=True
            ),
        }
        for said, code in IMPORTS.items():
            acts[said] = lambda code=code: of_command([sys.executable, "-c", code])[0]
        found = interleaved(runs, acts)
    print(f"medians of {runs} interleaved runs; a node is to be ready within {LIMIT_SECONDS} s")
    for said, took in found.items():
        print(row(said, took))


if __name__ == "__main__":
    main()
