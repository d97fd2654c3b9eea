"""The recipes of docs/how-to/pay-by-http.md, and how each is run."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from eth_account import Account

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES, CLIENTS = ROOT / "examples", ROOT / "tests" / "clients"
RECIPES = {"python": "pay.py", "js": "pay.mjs", "bash": "pay.sh"}
PASSWORD = "horse"


def cast() -> str | None:
    found = shutil.which("cast")
    return found or next((str(one) for one in CLIENTS.glob("node_modules/@foundry-rs/cast-*/bin/cast")), None)


def command(language: str, folder: Path, key: str) -> tuple[list[str], dict[str, str]]:
    """How a recipe is run, and in what environment. Skips where what it needs is not installed."""
    script = folder / RECIPES[language]
    shutil.copy(EXAMPLES / script.name, script)
    if language == "python":
        return [sys.executable, str(script)], {}
    if language == "js":
        if not (node := shutil.which("node")) or not (CLIENTS / "node_modules" / "viem").exists():
            pytest.skip("needs Node 20 and viem: make setup-dev")
        (folder / "node_modules").symlink_to(CLIENTS / "node_modules")
        return [node, str(script)], {}
    if not (signer := cast()) or not shutil.which("jq"):
        pytest.skip("needs cast (Foundry) and jq")
    (folder / "wallet.password").write_text(PASSWORD)
    (folder / "wallet.json").write_text(
        json.dumps(Account.encrypt(key, PASSWORD, kdf="pbkdf2", iterations=1_000))
    )
    path = f"{Path(signer).parent}{os.pathsep}{os.environ['PATH']}"
    return [str(script)], {"ETH_KEYSTORE": "wallet.json", "ETH_PASSWORD": "wallet.password", "PATH": path}
