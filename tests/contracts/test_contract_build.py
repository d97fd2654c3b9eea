"""The committed artifacts: rebuilt from source to the byte, deployable, and without any power over users."""

import json
import re
import shutil
import subprocess

import pytest
from contract_world import FOR_TESTS, NAMES, ROOT, SHIPPED, artifact

CONTRACTS = ROOT / "contracts"
TESTS = ROOT / "tests" / "contracts"
CODE_LIMIT_BYTES = 24_576
"""EIP-170."""
POWERS = re.compile(
    r"owner$|admin|pause|freeze|upgrade|initialize|rescue|sweep|blacklist|blocklist|governor|setFee|grantRole",
    re.IGNORECASE,
)
STANDARD = {"TestDollar": {"ERC3009", "ERC20", "ERC2612", "ECDSA"}, "Assets": {"ERC721"}}


def source_text() -> str:
    return "\n".join(path.read_text() for path in sorted((CONTRACTS / "src").glob("*.sol")))


@pytest.mark.slow  # `make contracts ARGS=--check` does the same
def test_sources_build_to_the_committed_artifacts():
    if shutil.which("node") is None:
        pytest.skip("node is not installed; only rebuilding the contracts needs it")
    if not (CONTRACTS / "node_modules" / "solc").exists():
        pytest.skip("contracts/node_modules is missing; `npm ci` in contracts/ fetches the compiler")
    done = subprocess.run(
        ["node", str(CONTRACTS / "build.mjs"), "--check"],
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_exactly_the_documented_contracts_ship_in_one_form():
    assert {path.stem for path in SHIPPED.glob("*.json")} == set(NAMES)
    for path in [*SHIPPED.glob("*.json"), *FOR_TESTS.glob("*.json")]:
        made = json.loads(path.read_text())
        assert set(made) == {"name", "abi", "bytecode", "deployed", "constructor"}
        assert made["name"] == path.stem
        assert path.read_text() == json.dumps(made, indent=1, sort_keys=True) + "\n"
    assert {name: artifact(name)["constructor"] for name in NAMES if artifact(name)["constructor"]} == {
        "Channels": ["Revenue"]
    }


@pytest.mark.parametrize("name", NAMES)
def test_code_fits_the_limit_and_carries_no_build_metadata(name):
    deployed = bytes.fromhex(artifact(name)["deployed"][2:])
    assert 0 < len(deployed) <= CODE_LIMIT_BYTES
    assert b"solc" not in deployed


def test_no_contract_is_built_for_one_chain():
    """Domains take the chain's id when asked; the local chain's own is in no code."""
    local_id = (31_337).to_bytes(2, "big")
    assert [name for name in NAMES if local_id in bytes.fromhex(artifact(name)["bytecode"][2:])] == []


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"TestDollar", "Channels"}))
def test_what_is_deployed_is_the_artifact(world, name):
    """Contracts without immutables can be checked by comparing code."""
    code = world.rpc("eth_getCode", world.contracts[name].address, "latest")
    assert code == artifact(name)["deployed"]


@pytest.mark.parametrize("name", NAMES)
def test_no_contract_has_an_owner_a_switch_or_a_way_to_hold_ether(name):
    entries = artifact(name)["abi"]
    assert [
        entry["name"] for entry in entries if entry["type"] == "function" and POWERS.search(entry["name"])
    ] == []
    assert not [entry for entry in entries if entry["type"] in ("receive", "fallback")]
    assert not [entry for entry in entries if entry.get("stateMutability") == "payable"]


def test_no_source_uses_what_would_give_somebody_power():
    for word in ("tx.origin", "delegatecall", "selfdestruct", "Ownable", "AccessControl", "Pausable"):
        assert word not in source_text(), word


def test_every_error_of_ours_is_provoked_by_a_test():
    declared = set(re.findall(r"^\s*error (\w+)\(", source_text(), re.MULTILINE))
    tests = "\n".join(
        path.read_text() for path in TESTS.glob("test_*.py") if path.name != "test_contract_build.py"
    )
    assert len(declared) > 25
    assert {name for name in declared if f'"{name}"' not in tests} == set()


def test_every_function_of_ours_is_called_by_a_test():
    declared = set(re.findall(r"function (\w+)\([^;{]*?\)\s+(?:external|public)", source_text()))
    tests = "\n".join(
        path.read_text() for path in TESTS.glob("*.py") if path.name != "test_contract_build.py"
    )
    assert len(declared) > 35
    assert {name for name in declared if f'"{name}"' not in tests} == set()


def test_the_lock_names_exact_versions_and_no_host():
    lock = json.loads((CONTRACTS / "package-lock.json").read_text())
    assert not [name for name, entry in lock["packages"].items() if "resolved" in entry]
    assert all("integrity" in entry for name, entry in lock["packages"].items() if name)
    wanted = json.loads((CONTRACTS / "package.json").read_text())["devDependencies"]
    assert wanted == {"@openzeppelin/contracts": "5.7.0", "solc": "0.8.37"}
