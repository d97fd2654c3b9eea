"""The reference node: anvil from `tests/clients/node_modules`, on a free loopback port."""

from __future__ import annotations

import shutil
import subprocess
import threading
from pathlib import Path
from typing import Self

CLIENTS = Path(__file__).resolve().parent
MODULES = CLIENTS / "node_modules"
ABSENT = "tests/clients/node_modules is absent; `npm ci` in tests/clients installs it"


def binary() -> Path | None:
    """The executable itself: the launcher that npm links starts it as a child, which would outlive a kill."""
    return next(MODULES.glob("@foundry-rs/anvil-*/bin/anvil*"), None)


def why_no_client() -> str | None:
    """Why scripts of ethers and viem cannot run here; None when they can."""
    if shutil.which("node") is None:
        return "node is not installed"
    return None if (MODULES / "ethers").is_dir() else ABSENT


class Anvil:
    """`with Anvil() as node: node.url`. Rules, gas limit, chain id and fees are the local chain's."""

    def __init__(self, *options: str) -> None:
        self._options = options
        self.url = ""

    def __enter__(self) -> Self:
        executable = binary()
        if executable is None:
            raise FileNotFoundError(ABSENT)
        fixed = "--host 127.0.0.1 --port 0 --hardfork prague --chain-id 31337 --gas-limit 30000000"
        fees = "--block-base-fee-per-gas 7 --timestamp 1700000000 --no-request-size-limit"
        self._process = subprocess.Popen(
            [executable, *fixed.split(), *fees.split(), *self._options],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for line in self._process.stdout:
            if line.startswith("Listening on "):
                self.url = "http://" + line.split()[-1]
                # it writes a line for every request, and would stop when nobody reads them
                self._reader = threading.Thread(target=self._process.stdout.read, daemon=True)
                self._reader.start()
                return self
        raise RuntimeError(f"anvil ended with {self._process.wait()}")

    @property
    def pid(self) -> int:
        """Of the running process."""
        return self._process.pid

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._process.stdout.close()
