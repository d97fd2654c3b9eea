"""The files of verify_standalone.py: reading them, finding documents, and who must have signed what."""

import json
from types import SimpleNamespace

import standalone_proofs as proofs
from standalone_proofs import canonical, hash_of, keccak, word

CONTRACTS = {  # CREATE2: these addresses follow from the contracts' code, on every chain
    "LogAnchors": "0x6ad034d8b7c0168f81cebb86f33385512de23d8e",
    "Market": "0xc227b7906b2dd8d17c89d734f88bcd29b6794ff8",
    "Revenue": "0x854aadc14695192dbd26cb7d1f3a9f26617fec24",
    "Revocations": "0x46b4edd31e1e171c2314b95685335986348d9362",
}
TYPES = {  # who signs | the field that signatures name | all fields
    "party": "self|account|name party_kind account account_key chain_id log_key encryption_key endpoints created_at",
    "asset": "owner|owner|asset_kind name description owner asset_version supersedes content schema derived_from "
    "terms created_at",
    "grant": "issuer|asset|issuer holder asset terms spend_cap_units parent revocation_index nonce issued_at",
    "receipt": "holder provider|grant|grant action provider holder inputs output money epsilon_micro evidence "
    "sequence issued_at",
    "claim": "issuer|subject|issuer claim_kind subject statement issued_at",
}
MANIFEST, CHAIN, PLAN, TEST = "manifest.json", "chain.json", "training/plan.json", "training/test.json"
DOCUMENT = "Document(string kind,string role,bytes32 subject,bytes32 id)"
OFFER = "Offer(bytes32 grant,address seller,address buyer,address token,uint256 price,uint256 deadline)"
E = SimpleNamespace()  # the evidence, and what earlier checks established


class Broken(Exception):
    """What is wrong, and with which file."""


def start(files, trusted):
    E.__dict__.clear()
    E.files, E.trusted, E.file = files, trusted and trusted.lower(), MANIFEST
    E.docs, E.signed, E.parties, E.heads, E.logs, E.state, E.earned = {}, {}, {}, {}, {}, {}, None


def need(ok, detail, file=None):
    if not ok:
        raise Broken(detail, file or E.file)


def exact(text):
    need(len(text) < 20 and abs(int(text)) < 2**53, "holds a number that is not exact everywhere")
    return int(text)


def load(path):
    E.file = path
    need(path in E.files, "is missing")
    value = json.loads(E.files[path].decode(), parse_int=exact, parse_float=int, parse_constant=int)
    need(canonical(value) == E.files[path], "is not in canonical form")
    return value


def paths(folder):
    return [path for path in sorted(E.files) if path.startswith(folder)]


def at(name):
    return f"documents/{name}.json"


def every(kind):
    for name in sorted(E.docs):
        if E.docs[name]["type"] == kind:
            E.file = at(name)
            yield name, E.docs[name]


def get(name, kind, named_by):
    need(E.docs.get(name, {}).get("type") == kind, f"names a {kind} that is not here", at(named_by))
    return E.docs[name]


def opened(path):
    envelope = load(path)
    document = envelope["document"]
    fields = {"type", "version", *TYPES[document["type"]].split("|")[2].split()}
    need(
        set(envelope) == {"document", "signatures"} and set(document) == fields,
        "has other fields than it must",
    )
    need(document["version"] == 1, "is of another version")
    return document, envelope["signatures"]


def check_signed(document, signatures, file):
    roles, subject, _ = TYPES[document["type"]].split("|")
    due = [(role, document["account" if role == "self" else role]) for role in roles.split()]
    need(
        sorted((one["role"], one["signer"]) for one in signatures) == due, "is not signed by its roles", file
    )
    for one in signatures:
        need(one["signer"] in E.parties, "is signed by a party that is not here", file)
        texts = [keccak(document["type"].encode()), keccak(one["role"].encode())]
        words = [*texts, word(document[subject]), word(hash_of(document))]
        digest = proofs.typed("Freehold", E.chain_id, E.contracts["Revocations"], DOCUMENT, words)
        E.file = file
        proofs.check_signature(digest, E.parties[one["signer"]]["account_key"], one["signature"])


def storage(contract, *keys, offset=0):
    """A proven word of a contract's mapping (of mappings) at slot 0."""
    slot = 0
    for key in keys:
        slot = int.from_bytes(keccak(word(key) + word(slot)), "big")
    need(
        (E.contracts[contract], slot + offset) in E.state,
        f"does not prove a needed word of {contract}",
        CHAIN,
    )
    return E.state[E.contracts[contract], slot + offset]
