"""Check an evidence directory without Freehold: `python verify_standalone.py DIR [--block-hash 0x...]`.

Needs Python 3.11, `cryptography`, and `pycryptodome` for keccak. docs/evidence.md has format and reasons;
three files beside this one read the files, do the mathematics and know the rules of use and training.
Prints a line for each check and exits 0 when all hold, given that the block hash it prints is the chain's.
"""

import json
import sys
from pathlib import Path

import standalone_proofs as proofs
from standalone_files import (
    CHAIN,
    CONTRACTS,
    MANIFEST,
    Broken,
    E,
    at,
    check_signed,
    every,
    get,
    load,
    need,
    opened,
    paths,
    start,
    storage,
)
from standalone_proofs import canonical, hash_of, keccak, word
from standalone_rules import grants, receipts, revocation, training, valuation

# a group of checks each: the generator names a check, then makes it


def manifest():
    yield "manifest.signature"
    E.manifest, signatures = opened(MANIFEST)
    statement = E.manifest["statement"]
    need(set(statement) == {"chain_id", "contracts", "files"}, "has another statement")
    E.chain_id, E.contracts, hashed = statement["chain_id"], statement["contracts"], statement["files"]
    need(E.manifest["claim_kind"] == "evidence" and {*CONTRACTS} <= {*E.contracts}, "is no evidence claim")
    for path in paths("documents/"):
        try:
            party = json.loads(E.files[path])["document"]
            found = party["type"] == "party" and party["account"] == E.manifest["issuer"]
            found = found and proofs.account_of(party["account_key"]) == party["account"]
        except (ValueError, LookupError, TypeError):
            continue  # a broken file: its hash will tell
        if found:
            E.parties = {party["account"]: party}
            check_signed(E.manifest, signatures, MANIFEST)
    yield "manifest.files"
    places = {"documents": 81, "logs": 52}
    for path in sorted({*hashed, *E.files} - {MANIFEST}):
        need(path in E.files, "is named by the manifest and missing", path)
        folder = path.split("/")[0]
        fits = len(path) == places.get(folder, len(path)) and folder in {*places, "training", CHAIN}
        need(path in hashed and fits, "is not named by the manifest or has no place in evidence", path)
        need(hash_of(E.files[path]) == hashed[path], "has other bytes than the manifest says", path)
        load(path)
    need(CHAIN in hashed and MANIFEST not in hashed, "must name chain.json and not itself", MANIFEST)


def documents():
    yield "documents.ids"
    for path in paths("documents/"):
        document, signatures = opened(path)
        name = hash_of(document)
        need(path == at(name), "does not hold the document that its name says")
        E.docs[name], E.signed[name] = document, signatures
    yield "documents.parties"
    E.parties = {}
    for _, party in every("party"):
        need(
            proofs.account_of(party["account_key"]) == party["account"], "has a key that is not its account's"
        )
        need(party["chain_id"] == E.chain_id, "is a party on another chain")
        need(party["account"] not in E.parties, "is a second party document of one account")
        E.parties[party["account"]] = party
    yield "documents.signatures"
    for name in sorted(E.docs):
        check_signed(E.docs[name], E.signed[name], at(name))
    yield "documents.subject"
    E.receipt, E.file = E.docs.get(E.manifest["subject"], {}), MANIFEST
    need(E.receipt.get("type") == "receipt", "is about a receipt that is not here")
    need(E.manifest["issuer"] in (E.receipt["provider"], E.receipt["holder"]), "is signed by neither side")


def chain():
    yield "chain.contracts"
    for name, address in CONTRACTS.items():
        need(
            E.contracts[name] == address,
            f"names an address of {name} at which another contract stands",
            MANIFEST,
        )
    yield "chain.state"
    proof = load(CHAIN)
    header = bytes.fromhex(proof["header"][2:])
    fields, E.block_hash = proofs.rlp(header)[0], "0x" + keccak(header).hex()
    number = int.from_bytes(fields[8], "big")
    need((E.block_hash, number) == (proof["block_hash"], proof["block_number"]), "names another block")
    for account in proof["accounts"]:
        leaf = proofs.proven(fields[3], bytes.fromhex(account["address"][2:]), account["proof"])
        root = proofs.rlp(leaf)[0][2] if leaf else keccak(b"\x80")
        for one in account["storage"]:
            value = proofs.proven(root, word(one["slot"]), one["proof"])
            known = int.from_bytes(proofs.rlp(value)[0], "big") if value else 0
            E.state[account["address"], int(one["slot"], 16)] = known
    yield "chain.block"
    need(E.trusted in (None, E.block_hash), f"is about block {E.block_hash}, not the trusted {E.trusted}")


def logs():
    accounts = [path[5:-5] for path in paths("logs/")]
    yield "logs.checkpoints"
    for account in accounts:
        log = load(f"logs/{account}.json")
        need(set(log) == {"checkpoint", "proofs"} and account in E.parties, "is not the log of a party here")
        key = E.parties[account]["log_key"]
        E.heads[account] = proofs.open_checkpoint(log["checkpoint"], key, f"freehold/{account}")
    yield "logs.anchors"
    for account, (size, root) in E.heads.items():
        E.file = f"logs/{account}.json"
        need(storage("LogAnchors", account) == int.from_bytes(root, "big"), "has another root than the chain")
        need(storage("LogAnchors", account, offset=1) % 2**64 == size, "has another size than the chain")
    yield "logs.inclusion"
    for account, (size, root) in E.heads.items():
        found = E.logs[account] = {}
        for one in load(f"logs/{account}.json")["proofs"]:
            need(set(one) == {"id", "index", "proof"}, "holds a proof without id, index and hashes")
            need(one["id"] in E.docs and one["id"] not in found, "proves a document not here, or one twice")
            entry = canonical({"id": one["id"], "type": E.docs[one["id"]]["type"]})
            proofs.check_inclusion(entry, one["index"], size, one["proof"], root)
            found[one["id"]] = one["index"]
    yield "logs.order"
    for kind, field in (
        ("claim", "issuer"),
        ("grant", "issuer"),
        ("receipt", "provider"),
        ("receipt", "holder"),
    ):
        for name, document in every(kind):
            account = document[field]
            if field == "holder" and account not in E.logs:
                continue
            need(account in E.logs, f"must be in the log of {account}, which is not here")
            need(name in E.logs[account], f"does not show {kind} {name}", f"logs/{account}.json")
    for name, receipt in every("receipt"):
        issuer = get(receipt["grant"], "grant", name)["issuer"]
        if issuer == receipt["provider"]:
            log = E.logs[issuer]
            need(log[receipt["grant"]] < log[name], "stands before its grant in the issuer's log")


def read(directory):
    found = [path for path in directory.rglob("*") if not path.is_dir() or path.is_symlink()]
    plain = all(path.is_file() and not path.is_symlink() for path in found) and len(found) <= 5_000
    if not plain or sum(path.stat().st_size for path in found) > 256 << 20:
        sys.exit(f"{directory} holds links, or more than evidence may")
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in found}


def checks(files, trusted=None):
    """(check, file that broke it, what is wrong) of each check in order; file and fault empty where it holds."""
    start(files, trusted)
    broken, needs = set(), {"revocation": "logs", "training": "logs", "valuation": "training"}
    for group in (manifest, documents, chain, logs, grants, receipts, revocation, training, valuation):
        if needs.get(group.__name__) in broken:
            broken.add(group.__name__)
            continue
        check = None
        try:
            for following in group():
                yield from [(check, "", "")] if check else []
                check = following
            yield from [(check, "", "")] if check else []
        except Exception as error:  # noqa: BLE001 - whatever evidence breaks on is a fault of its file
            yield (
                check,
                *(error.args[::-1] if isinstance(error, Broken) else (E.file, f"does not hold: {error!r}")),
            )
            broken.add(group.__name__)
            if group in (manifest, documents, chain):
                return


def main(directory, trusted=None):
    broken = False
    for check, file, fault in checks(read(Path(directory)), trusted):
        print(f"BROKEN {check}: {file} {fault}" if file else f"ok     {check}")
        broken = broken or bool(file)
    if not broken:
        print(f"all holds if the chain has block {E.block_hash}")
    return 1 if broken else 0


if __name__ == "__main__":
    arguments = [one for one in sys.argv[1:] if one != "--block-hash"]
    sys.exit(main(*arguments) if len(arguments) in (1, 2) else __doc__)
