"""The block: a hash that is one, a chain that is the documents' own, a block that is there for good."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from chain_proxy import ChainProxy
from evidence_verdicts import EXAMPLES, broken, verify_standalone
from evidence_world import World

import freehold
from freehold.chain.client import Chain
from freehold.chain.rpc import Rpc
from freehold.core.errors import InvalidInput
from freehold.kernel.evidence.verify import verify

FREEHOLD = str(Path(sys.executable).with_name("freehold"))
BAD_HASHES = {"empty": "", "short": "0x00", "no hex": "0x" + "zz" * 32, "blank": " ", "0x": "0x"}


@pytest.fixture(scope="module")
def honest():
    return World().build()


@pytest.mark.parametrize("name", BAD_HASHES)
def test_what_is_no_block_hash_is_refused(honest, tmp_path, name):
    with pytest.raises(InvalidInput, match="is no block hash"):
        verify(honest, trusted_block_hash=BAD_HASHES[name])
    honest.write(tmp_path / "evidence")
    arguments = [str(tmp_path / "evidence"), "--block-hash", BAD_HASHES[name]]
    with pytest.raises(SystemExit) as ended:
        verify_standalone.main(arguments)
    assert ended.value.code == 2


def test_an_empty_block_hash_is_no_check_left_out(honest):
    with pytest.raises(ValueError, match="another block"):
        list(verify_standalone.checks(honest.files, ""))


def test_both_programs_refuse_it_alike(honest, tmp_path):
    honest.write(tmp_path / "evidence")
    for command in ([sys.executable, str(EXAMPLES / "verify_standalone.py")], [FREEHOLD, "verify"]):
        for more in (["--block-hash", ""], ["--block-hash"]):
            done = subprocess.run([*command, tmp_path / "evidence", *more], capture_output=True, check=False)
            assert done.returncode == 2, (command, more)


def asked(bundle, answers, **how):
    """The checks on the block, from an endpoint that answers so."""

    def rule(request):
        name = request["params"][0] if request["method"] == "eth_getBlockByNumber" else request["method"]
        found = answers.get(name, answers["else"])
        return found if isinstance(found, dict) and "error" in found else {"result": found}

    with ChainProxy("http://127.0.0.1:9") as proxy, Rpc(proxy.url) as rpc:
        proxy.rule = rule
        report = verify(bundle, chain=Chain(rpc), **how)
    return {one.name: one for one in report.checks}, report


UNKNOWN_TAG = {"error": {"code": -32602, "message": "unknown block tag"}}


def network(bundle, **more):
    """What an endpoint of the documents' chain answers."""
    block_hash = verify(bundle).block_hash
    return {"eth_chainId": hex(31_337), "0x7": {"number": "0x7", "hash": block_hash}, "else": None} | more


def test_the_block_must_be_on_the_chain_that_the_documents_name(honest):
    checks, report = asked(honest, network(honest, eth_chainId="0x1"))
    assert (checks["chain.id"].ok, checks["chain.id"].file) == (False, "manifest.json")
    assert "chain 31337" in checks["chain.id"].detail
    assert "chain 1" in checks["chain.id"].detail
    assert report.verdict == "fails"


def test_every_block_of_the_local_chain_is_final(honest):
    checks, report = asked(honest, network(honest))
    assert checks["chain.block"].detail.endswith("for good")
    assert (report.ok, report.trusted_by) == (True, "chain client")


def test_another_hash_or_no_block_at_that_number_is_refused(honest):
    for found in ({"number": "0x7", "hash": "0x" + "ab" * 32}, None, "0x7", {}):
        checks, report = asked(honest, network(honest) | {"0x7": found})
        assert not checks["chain.block"].ok
        assert report.verdict == "fails"


@pytest.fixture(scope="module")
def elsewhere(monkeypatch_module):
    """The same evidence on a public chain."""
    monkeypatch_module.setattr("evidence_world.CHAIN_ID", 8_453)
    monkeypatch_module.setattr("evidence_ledger.CHAIN_ID", 8_453)
    domain = __import__("evidence_world").DOMAIN
    monkeypatch_module.setattr("evidence_world.DOMAIN", type(domain)(domain.name, 8_453, domain.contract))
    return World().build()


@pytest.fixture(scope="module")
def monkeypatch_module():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def test_elsewhere_the_block_must_be_final(elsewhere):
    assert broken(elsewhere) == []
    base = network(elsewhere, eth_chainId=hex(8_453))
    for final, holds in (({"number": "0x7"}, True), ({"number": "0x6"}, False), ({"number": "0x99"}, True)):
        checks, report = asked(elsewhere, base | {"finalized": final})
        assert report.ok == holds
        assert ("for good" in checks["chain.block"].detail) == holds
    checks, report = asked(elsewhere, base | {"finalized": {"number": "0x6"}}, must_be_final=False)
    assert report.ok
    assert "not final yet" in checks["chain.block"].detail
    for silent in (UNKNOWN_TAG, None):
        checks, report = asked(elsewhere, base | {"finalized": silent})
        assert report.ok
        assert "does not tell whether it is final" in checks["chain.block"].detail


def test_no_verdict_is_said_as_settled_where_nobody_vouches_for_the_block(honest, tmp_path):
    honest.write(tmp_path / "evidence")
    block = verify(honest).block_hash
    for program in ([FREEHOLD, "verify"], [sys.executable, str(EXAMPLES / "verify_standalone.py")]):
        alone, vouched = (
            subprocess.run(
                [*program, str(tmp_path / "evidence"), *more], capture_output=True, text=True, check=True
            ).stdout
            for more in ([], ["--block-hash", block])
        )
        last = alone.splitlines()[-1]
        assert f"has block {block}" in last
        open_words = ("nobody vouched", "only the evidence says")
        assert any(one in last for one in open_words)
        assert not any(one in vouched.splitlines()[-1] for one in open_words)
    shown = freehold.verify(tmp_path / "evidence")
    assert "nobody vouched" in shown.said
    assert "nobody vouched" in shown._repr_html_()
    lines = subprocess.run(
        [FREEHOLD, "verify", str(tmp_path / "evidence")], capture_output=True, text=True, check=True
    ).stdout
    assert [line.split()[0] for line in lines.splitlines() if "chain.block" in line] == ["OPEN"]
