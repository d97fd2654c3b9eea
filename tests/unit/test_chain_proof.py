"""Storage proofs: true ones verify offline, and no altered bundle verifies to other facts."""

import copy
import json
import random

import pytest
import rlp
from chain_proxy import ChainProxy
from eth.vm.forks.prague.blocks import PragueBlockHeader
from eth_hash.auto import keccak
from trie import HexaryTrie

from freehold.chain import deployments, proof
from freehold.chain.client import Chain
from freehold.chain.embedded import DEV_KEY, EmbeddedNode
from freehold.chain.errors import ChainUnreachable
from freehold.chain.header import Header
from freehold.chain.rpc import Rpc
from freehold.chain.transaction import account_of
from freehold.chain.trie import MalformedTrie, look_up
from freehold.core.errors import VerificationFailed
from freehold.kernel.evidence.state import mapping_slot

ME = account_of(DEV_KEY)


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    with EmbeddedNode(tmp_path_factory.mktemp("chain")) as node, Rpc(node.url) as rpc:
        connected = Chain(rpc)
        deployments.deploy_missing(connected, DEV_KEY)
        for index in (3, 7, 300, 1_000, 5_000):
            connected.send(DEV_KEY, "Revocations", "revoke", index)
        connected.send(DEV_KEY, "LogAnchors", "anchor", 2**63, b"\x07" * 32)
        yield connected


@pytest.fixture(scope="module")
def wanted():
    words = mapping_slot(ME, 0)
    head = mapping_slot(ME, 0)
    return [
        (deployments.address("Revocations"), [mapping_slot(word, words) for word in (0, 1, 2)]),
        (deployments.address("LogAnchors"), [head, head + 1, head + 2]),
        ("0x" + "77" * 20, [0]),
        (ME, [5]),
    ]


@pytest.fixture(scope="module")
def bundle(chain, wanted):
    return proof.capture(chain, wanted)


def test_a_bundle_proves_stored_values_and_absence(chain, wanted, bundle):
    proven = proof.verify(json.loads(json.dumps(bundle)))
    (revocations, words), (anchors, head), (nobody, _), _ = wanted
    assert proven.state[revocations, words[0]] == 1 << 3 | 1 << 7
    assert proven.state[revocations, words[1]] == 1 << (300 - 256)
    assert proven.state[revocations, words[2]] == 0
    assert proven.state[anchors, head[0]] == int.from_bytes(b"\x07" * 32, "big")
    assert proven.state[anchors, head[1]] & (2**64 - 1) == 2**63
    assert proven.state[anchors, head[2]] == 0
    assert proven.state[nobody, 0] == 0
    assert proven.state[ME, 5] == 0
    block = chain.rpc.call("eth_getBlockByNumber", hex(proven.block_number), False)
    assert proven.block_hash == block["hash"]
    assert proven.timestamp == int(block["timestamp"], 16)


def test_a_bundle_of_an_earlier_block_proves_the_state_then(chain, wanted):
    (revocations, words) = wanted[0]
    earlier = proof.verify(proof.capture(chain.rpc, [(revocations, words[:1])], chain.block_number() - 5))
    assert earlier.state[revocations, words[0]] == 1 << 3


def places(node, path=()):
    """Every string and number in a bundle, by path."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from places(value, (*path, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from places(value, (*path, index))
    else:
        yield path


def put(bundle, path, change):
    altered = copy.deepcopy(bundle)
    holder = altered
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = change(holder[path[-1]])
    return altered


def facts_or_refusal(altered):
    try:
        return proof.verify(altered)
    except VerificationFailed as error:
        assert error.fields["check"]  # noqa: PT017 - refusal is one of two right answers
        return None


def test_every_altered_character_is_detected_or_changes_nothing_proven(bundle):
    """Each byte of each field: the verdict is refusal, or facts that the true bundle also states."""
    true = proof.verify(bundle)
    chance = random.Random(7)
    tried = 0
    for path in places(bundle):
        value = put(bundle, path, lambda kept: kept)
        for step in path:
            value = value[step]
        if isinstance(value, int):
            assert facts_or_refusal(put(bundle, path, lambda kept: kept + 1)) is None
            continue
        positions = range(len(value)) if len(value) < 200 else chance.sample(range(len(value)), 150)
        for position in positions:
            new = chance.choice("0123456789abcdef xg")
            if value[position] == new:
                continue
            altered = put(bundle, path, lambda kept, at=position, to=new: kept[:at] + to + kept[at + 1 :])
            found = facts_or_refusal(altered)
            tried += 1
            if found is None:
                continue
            # an altered address or slot may ask about another place, and get the truth about it
            assert path[-1] in ("address", "slot"), path
            assert found.block_hash == true.block_hash
            changed = set(found.state.items()) - set(true.state.items())
            assert all(value == 0 for _, value in changed), path
    assert tried > 2_000


def test_every_flipped_bit_of_a_proof_node_is_refused(bundle):
    for index, account in enumerate(bundle["accounts"]):
        for where, nodes in (
            (("proof",), account["proof"]),
            (("storage", 0, "proof"), account["storage"][0]["proof"]),
        ):
            for number, node in enumerate(nodes):
                raw = bytearray.fromhex(node[2:])
                for position in range(0, len(raw), 7):
                    flipped = bytearray(raw)
                    flipped[position] ^= 1 << (position % 8)
                    altered = put(
                        bundle, ("accounts", index, *where, number), lambda _, to=flipped: "0x" + to.hex()
                    )
                    assert facts_or_refusal(altered) is None


def test_structural_tampering_is_refused(bundle):
    first = ("accounts", 0)
    nodes = bundle["accounts"][0]["storage"][0]["proof"]
    for path, change in [
        ((*first, "proof"), lambda kept: kept[:-1]),
        ((*first, "proof"), lambda kept: [*kept, kept[-1]]),
        ((*first, "proof"), lambda kept: kept[::-1]),
        ((*first, "proof"), lambda _: []),
        ((*first, "storage", 0, "proof"), lambda _: []),
        ((*first, "storage", 0, "proof"), lambda kept: kept[:-1]),
        ((*first, "storage", 2, "proof"), lambda _: nodes),
        ((*first, "storage"), lambda kept: kept * 500),
        (("accounts",), lambda kept: kept * 20),
        (("accounts",), lambda _: {}),
        (("header",), lambda kept: kept + "00" * 5_000),
        (("header",), lambda _: "0xc0"),
        (("header",), lambda _: None),
        (("block_number",), lambda _: True),
        (("block_number",), str),
    ]:
        assert facts_or_refusal(put(bundle, path, change)) is None, path
    for broken in (None, [], 7, "x", {}, {"header": bundle["header"]}):
        assert facts_or_refusal(broken) is None


def test_a_header_of_another_block_is_refused(chain, wanted, bundle):
    other = proof.capture(chain, wanted[:1], chain.block_number() - 3)
    mixed = {**bundle, **{name: other[name] for name in ("header", "block_hash", "block_number")}}
    assert facts_or_refusal(mixed) is None


def test_a_lying_node_is_caught_when_capturing(chain, wanted):
    def lie(request):
        if request["method"] != "eth_getProof":
            return None
        return (
            "change",
            lambda told: {**told, "accountProof": [*told["accountProof"][:-1], "0x" + "c0" * 33]},
        )

    with ChainProxy(chain.rpc._endpoints[0]._url) as proxy, Rpc(proxy.url) as rpc:
        assert proof.capture(rpc, wanted)
        proxy.rule = lie
        with pytest.raises(ChainUnreachable, match="proof"):
            proof.capture(rpc, wanted)


def test_headers_encode_as_py_evm_encodes_them_and_read_back():
    chance = random.Random(3)
    for _ in range(50):
        values = {
            "parent_hash": chance.randbytes(32), "state_root": chance.randbytes(32), "coinbase": chance.randbytes(20),
            "block_number": chance.randrange(2**40), "gas_limit": chance.randrange(2**32),
            "gas_used": chance.randrange(2**20), "timestamp": chance.randrange(2**33),
            "extra_data": chance.randbytes(chance.randrange(33)), "base_fee_per_gas": chance.randrange(2**40),
            "blob_gas_used": chance.randrange(2**20), "excess_blob_gas": chance.randrange(2**20),
            "requests_hash": chance.randbytes(32), "parent_beacon_block_root": chance.randbytes(32),
        }  # fmt: skip
        bloom = chance.randbytes(256)
        ours = Header(**values, bloom=bloom)
        theirs = PragueBlockHeader(difficulty=0, nonce=bytes(8), bloom=int.from_bytes(bloom, "big"), **values)
        assert ours.encoded == rlp.encode(theirs)
        assert ours.hash == theirs.hash
        assert Header.decode(ours.encoded) == ours


def test_headers_of_earlier_and_later_forks_are_read():
    london = Header(
        parent_hash=bytes(32), withdrawals_root=None, blob_gas_used=None,
        excess_blob_gas=None, parent_beacon_block_root=None, requests_hash=None,
    )  # fmt: skip
    later = Header(parent_hash=bytes(32), rest=(b"\x01" * 32, b""))
    for header in (london, later):
        assert Header.decode(header.encoded) == header
        assert Header.decode(header.encoded).hash == keccak(header.encoded)


@pytest.mark.parametrize(
    "encoded", [b"", b"\xc0", b"\x80", b"\xff" * 9, b"\xf8", bytes(5_000), rlp.encode([b""] * 21)]
)
def test_bytes_that_are_no_header_are_refused(encoded):
    with pytest.raises(ValueError):
        Header.decode(encoded)


def test_look_up_agrees_with_py_trie():
    chance = random.Random(11)
    for size in (0, 1, 2, 3, 17, 200):
        kept = {}
        tree = HexaryTrie(kept)
        # short keys and values too, so that nodes are embedded in their parents
        entries = {
            chance.randbytes(chance.choice((1, 2, 32))): chance.randbytes(chance.choice((1, 40)))
            for _ in range(size)
        }
        for key, value in entries.items():
            tree[key] = value
        absent = [chance.randbytes(2) for _ in range(20)] + [chance.randbytes(32) for _ in range(20)]
        for key in [*entries, *absent]:
            value, nodes = look_up(tree.root_hash, key, kept.__getitem__)
            assert value == (tree[key] or None)
            assert all(keccak(node) in kept for node in nodes)


def test_nodes_that_are_no_trie_are_refused():
    for node in (
        [b""],
        [b"\x40", b"x"],
        [b"\x01\x23", b""],
        [b"", b"v"],
        [[b"a"], b"v"],
        [b"\x10", b"\x01" * 31],
        [b"\x0f", b"v"],
    ):
        encoded = rlp.encode(node)
        with pytest.raises(MalformedTrie):
            look_up(keccak(encoded), keccak(b"key"), lambda _, found=encoded: found)
    # an extension that points to itself cannot be walked for ever
    loop = rlp.encode([b"\x00", b"\x05" * 32])
    with pytest.raises(MalformedTrie):
        look_up(b"\x05" * 32, keccak(b"key"), lambda _: loop)


def test_mapping_slots_follow_solidity():
    # keccak256(abi.encode(uint256(0), uint256(0))), a constant seen in every mapping at slot 0
    assert mapping_slot(0, 0) == 0xAD3228B676F7D3CD4284A5443F17F1962B36E491B30A40B2405849E597BA5FB5
    assert mapping_slot("0x" + "00" * 19 + "01", 3) == mapping_slot(1, 3)
