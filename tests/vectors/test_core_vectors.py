"""Published vectors for canonical JSON (RFC 8785) and typed data (EIP-712); sources in shared/vectors."""

import gzip
import json
from pathlib import Path

import pytest
import rfc8785

from freehold.core.canonical import InvalidJson, canonical_bytes, parse
from freehold.core.signing import DOCUMENT_TYPE, RECEIVE_TYPE, Domain, digest, recover, struct_hash

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors"
needs = pytest.mark.skipif(not VECTORS.is_dir(), reason="published vectors are not beside this checkout")


@needs
@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode"])
def test_rfc_8785_documents(name):
    text = (VECTORS / "jcs" / "input" / f"{name}.json").read_bytes()
    expected = bytes.fromhex((VECTORS / "jcs" / "outhex" / f"{name}.txt").read_text().replace("\n", " "))
    assert rfc8785.dumps(json.loads(text)) == expected
    if b"." in text or b"E" in text:
        # a float, which our smaller value space refuses
        with pytest.raises(InvalidJson, match="not an integer"):
            parse(text)
    else:
        assert canonical_bytes(parse(text)) == expected


@needs
def test_typed_data_of_flat_structs():
    cases = json.loads(gzip.decompress((VECTORS / "ethereum" / "eip712_typed_data.json.gz").read_bytes()))
    cases = cases if isinstance(cases, list) else cases["cases"]
    compared = 0
    for case in cases:
        fields = case["types"].get(case["primaryType"], [])
        if len(case["types"]) != 1 or any(
            f["type"] not in ("string", "bytes32", "address", "uint256") for f in fields
        ):
            continue
        if "encoded" not in case:
            continue
        layout = f"{case['primaryType']}({','.join(f['type'] + ' ' + f['name'] for f in fields)})"
        values = [case["data"][field["name"]] for field in fields]
        values = [
            int(v, 0) if f["type"] == "uint256" and isinstance(v, str) else v
            for f, v in zip(fields, values, strict=True)
        ]
        from eth_hash.auto import keccak

        assert struct_hash(layout, *values) == keccak(bytes.fromhex(case["encoded"][2:]))
        compared += 1
    assert compared


PAYMENT_TYPE = RECEIVE_TYPE.replace("ReceiveWithAuthorization", "TransferWithAuthorization")


def test_a_published_signed_payment_recovers_to_its_payer():
    """Example payload of the x402 specification (coinbase/x402, scheme_exact_evm.md, Apache-2.0)."""
    payer = "0x857b06519e91e3a54538791bdbb0e22373e36b66"
    domain = Domain("USDC", 84532, "0x036CbD53842c5426634e7929541eC2318f3dCF7e", "2")
    value = digest(
        domain,
        PAYMENT_TYPE,
        payer,
        "0x209693Bc6afc0C5328bA36FaF03C514EF312287C",
        10_000,
        1740672089,
        1740672154,
        "0xf3746613c2d920b5fdabc0856f2aeb2d4f88ee6037b8cc5d04a71a4462f13480",
    )
    signature = (
        "2d6a7588d6acca505cbf0d9a4a227e0c52c6c34008c8e8986a1283259764173608a2ce6496642e377d6da8dbbf5836e9"
        "bd15092f9ecab05ded3d6293af148b571c"
    )
    assert recover(value, bytes.fromhex(signature)) == payer


def test_the_type_hash_of_a_payment_is_the_published_one():
    """EIP-3009 RECEIVE_WITH_AUTHORIZATION_TYPEHASH."""
    from eth_hash.auto import keccak

    assert (
        keccak(RECEIVE_TYPE.encode()).hex()
        == "d099cc98ef71107a616c4f0f941f04c322d8e254fe26b3c6668db87aae413de8"
    )


def test_our_typed_data_equals_a_reference_package():
    from eth_account.messages import encode_typed_data
    from eth_hash.auto import keccak

    contract, word = "0x" + "33" * 20, "0x" + "ab" * 32
    message = {
        "kind": "grant",
        "role": "issuer",
        "subject": bytes.fromhex(word[2:]),
        "id": bytes.fromhex(word[2:]),
    }
    names = [part.split(" ") for part in DOCUMENT_TYPE[len("Document(") : -1].split(",")]
    signable = encode_typed_data(
        {"name": "Freehold", "version": "1", "chainId": 31337, "verifyingContract": contract},
        {"Document": [{"type": kind, "name": name} for kind, name in names]},
        message,
    )
    expected = keccak(b"\x19" + signable.version + signable.header + signable.body)
    assert (
        digest(Domain("Freehold", 31337, contract), DOCUMENT_TYPE, "grant", "issuer", word, word) == expected
    )
    from eth_account import Account

    key = b"\x05" * 32
    signed = Account.from_key(key).sign_message(signable)
    assert recover(expected, bytes(signed.signature)) == Account.from_key(key).address.lower()
