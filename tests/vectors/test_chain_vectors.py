"""Published values: CREATE2 addresses and a mainnet block header."""

import gzip
import json
from pathlib import Path

import pytest

from freehold.chain.deployments import create2_address
from freehold.chain.header import Header

HERE = Path(__file__).resolve()
DATA = HERE.parent / "data" / "chain"
SHARED = HERE.parents[2] / ".." / "shared" / "vectors" / "ethereum"


def test_a_mainnet_prague_header_is_read_hashed_and_written_back():
    vector = json.loads((DATA / "mainnet_header.json").read_text())
    encoded = bytes.fromhex(vector["encoded"][2:])
    header = Header.decode(encoded)
    assert "0x" + header.hash.hex() == vector["hash"]
    assert "0x" + header.state_root.hex() == vector["state_root"]
    for name in ("block_number", "timestamp", "gas_used", "base_fee_per_gas", "excess_blob_gas"):
        assert getattr(header, name) == vector[name]
    assert header.encoded == encoded
    assert header.rest == ()


def test_create2_addresses_of_eip_1014():
    cases = json.loads((DATA / "eip1014.json").read_text())["cases"]
    assert len(cases) == 7
    for case in cases:
        salt, init_code = bytes.fromhex(case["salt"][2:]), bytes.fromhex(case["init_code"][2:])
        assert create2_address(case["sender"], salt, init_code) == case["address"].lower()


def test_create2_addresses_of_the_ethers_suite():
    path = SHARED / "create2.json.gz"
    if not path.exists():
        pytest.skip("shared/vectors/ethereum is not beside the repository")
    checked = 0
    for case in json.loads(gzip.decompress(path.read_bytes()))["cases"]:
        for made in case["creates"]:
            salt, init_code = bytes.fromhex(made["salt"][2:]), bytes.fromhex(made["initCode"][2:])
            assert create2_address(case["sender"], salt, init_code) == made["address"].lower()
            checked += 1
    assert checked >= 8
