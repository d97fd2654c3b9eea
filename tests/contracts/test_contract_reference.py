"""docs/reference/contracts.md names every function, event, error, signed type and gas number, and no others."""

import json
import re

import pytest
from contract_world import NAMES, ROOT, artifact

PAGE = (ROOT / "docs" / "reference" / "contracts.md").read_text()
SECTIONS = {part.split("\n", 1)[0]: part for part in PAGE.split("\n## ")[1:]}
INHERITED = {
    "TestDollar": r"^(ERC|ECDSA|Invalid|SafeCast|String)",
    "Assets": r"^ERC721",
    "ModelShares": r"^ERC6909",
}


def ours(name: str) -> str:
    return (ROOT / "contracts" / "src" / f"{name}.sol").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_every_function_event_and_error_has_its_place(name):
    section, source = SECTIONS[name], ours(name)
    functions = set(re.findall(r"function (\w+)\([^;{]*?\)\s+(?:external|public)", source))
    functions -= {"decimals", "version"}
    missing = [item for item in functions | set(re.findall(r"event (\w+)\(", source)) if item not in section]
    assert missing == []
    raised = {entry["name"] for entry in artifact(name)["abi"] if entry["type"] == "error"}
    raised -= {"ReentrancyGuardReentrantCall", "ERC3009InvalidSignature"}
    pattern = INHERITED.get(name, "^$")
    own = {item for item in raised if not re.match(pattern, item) or item == "InvalidSignature"}
    listed = set(re.findall(r"`(\w+)`", section.split("\nErrors: ")[1].split("\n")[0]))
    unused = {"SignatureExpired"} if name == "Market" else set()
    assert own - unused == listed


@pytest.mark.parametrize("name", NAMES)
def test_every_signed_type_is_the_one_in_the_source(name):
    pieces = re.findall(r'keccak256\(\s*"([A-Z]\w+\([^"]+\))"', ours(name))
    assert [piece for piece in pieces if f"`{piece}`" not in PAGE] == []


def test_the_gas_table_is_the_committed_one():
    rows = re.findall(
        r"^\| (\w+\.\w+[^|]*) \| ([\d,]+) \| ([\d,]+) \| ([\d,]*) \|$", SECTIONS["Gas"], re.MULTILINE
    )
    printed = {
        name: {
            "gas": int(gas.replace(",", "")),
            "floor": int(floor.replace(",", "")),
            **({"bar": int(bar.replace(",", ""))} if bar else {}),
        }
        for name, gas, floor, bar in rows
    }
    assert printed == json.loads((ROOT / "bench" / "gas.json").read_text())
