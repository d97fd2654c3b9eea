"""Check an evidence directory without Freehold: `python verify_standalone.py DIR [--block-hash 0x...]`.
Needs Python 3.11, `cryptography`, and `pycryptodome` for keccak; docs/evidence.md tells what is checked.
Exits with 0 when all holds, 11 when all holds and no training is shown, 9 when something is broken, 12 when it is
later than this program, which then cannot tell, 2 or 4 when DIR holds no evidence or is not there."""

import argparse
import json
import os
import re
import stat
import struct
import sys
from base64 import b64decode, b64encode
from functools import partial
from hashlib import sha256
from itertools import accumulate, combinations, pairwise
from math import exp, isqrt, log, log1p
from operator import eq, ge, le, mul
from pathlib import Path
from types import SimpleNamespace

from Crypto.Hash import keccak as keccak_hash
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

CONTRACTS = {  # CREATE2: these addresses follow from the contracts' code, on every chain
    "LogAnchors": "0x6ad034d8b7c0168f81cebb86f33385512de23d8e",
    "Market": "0xc227b7906b2dd8d17c89d734f88bcd29b6794ff8",
    "Revenue": "0x854aadc14695192dbd26cb7d1f3a9f26617fec24",
    "Revocations": "0x46b4edd31e1e171c2314b95685335986348d9362",
    "Timestamps": "0x91e41239364ceeba8b327e028cff63b0f586d24c",
}
PLAN, START, ROUNDS, TEST = (f"training/{name}.json" for name in ("plan", "start", "rounds", "test"))
SUBJECT = {"asset": "owner", "claim": "subject", "grant": "asset", "party": "self", "receipt": "grant"}
SIGNERS = SUBJECT | {"claim": "issuer", "grant": "issuer", "receipt": "holder provider"}
FILES = r"(chain|documents/0x[0-9a-f]{64}|logs/0x[0-9a-f]{40}|training/(plan|start|rounds|test))\.json"
NAME, MOST_FILES, MOST_BYTES, MOST_IN_ALL = "[a-z0-9][a-z0-9_-]{0,79}", 5000, 2**25, 2**28
MOST_VALUES, WEIGHTS = 2**24, {b",": 1, b"[": 4, b"{": 4, b'"': 2}  # a text, list or object is as four
REVEALS, MOST_EARLIER = ("answers", "noised", "update"), 3000  # from least to most; runs that a release lists
LATER = {"epsilon_run_micro": 0, "epsilon_life_micro": 0, "holders": [], "judges": [], "reveals": "answers"}
LATER |= {"per": "call", "rows_per_call": 1000, "round_to": 6, "run": None, "earlier_runs": []}
OFFERED = {"purposes": le, "actions": le, "expires_at": le, "duties": ge}  # how narrower terms compare
GRANTED = OFFERED | {"not_before": ge, "max_uses": le, "price_units": ge, "price_per": eq, "token": eq}
GRANTED |= {"epsilon_run_micro": le, "epsilon_life_micro": le, "judges": le}
GRANTED |= {"per": eq, "rows_per_call": le, "round_to": le}
# bounds of a plan's numbers, and what else is in it
AGREED = {"epsilon_micro": (0, 10**8), "delta_exponent": (5, 12), "rows_each": (1, 1000)}
AGREED |= {"quorum_bps": (5001, 10**4), "patience_seconds": (1, 86400), "weight_cap_bps": (5000, 10**4)}
AGREED |= {"least_correct_bps": (0, 10**4)}
PARTS = "builder columns judge label level noise nonce owners recipe scaling sketch test"
STEPS = {"rounds": (1, 200), "learning_rate_q16": (1, 2**26), "l2_q16": (0, 1024)}
SLACK = 600  # seconds by which two clocks, one of them perhaps the chain's, may be apart
UNTRUSTED = "which only the evidence says: compare that hash with a source you trust"
NO_LINEAGE = "the answers hold, but nothing shows where the model came from"
# the form of documents: a pattern for text, bounds for a number, [form, most] for a list, None-able, an object
HASH, ACCOUNT, WORD, COUNT = "0x[0-9a-f]{64}", "0x[0-9a-f]{40}", "[a-z0-9][a-z0-9_.-]{0,63}", (0, 2**53 - 1)
POSITIVE, EPSILON, BPS, HEX = (1, 2**53 - 1), (0, 10**8), (0, 10**4), "0x(?:[0-9a-f]{2})*"
KINDS = {"asset": "asset_kind", "claim": "claim_kind", "receipt": "action"}
KNOWN = "revocation test_commitment training_plan training_start training_round test_opening contribution"
KNOWN = {f"claim_kind.{word}" for word in [*KNOWN.split(), "agreement", "audit", "release"]}
KNOWN |= {f"action.{word}" for word in ["read", "query", "train", "infer", "derive", "redistribute"]}
KNOWN |= {"asset_kind.dataset", "asset_kind.model", "part.training"}  # of other words nothing is concluded
TERMS = {"type": "terms", "version": (1, 1), "purposes": [WORD, 32], "actions": [WORD, 32], "token": ACCOUNT}
TERMS |= {"not_before": COUNT, "expires_at": COUNT, "max_uses": POSITIVE, "price_units": COUNT}
TERMS |= {"price_per": "grant|use", "split": [{"account": ACCOUNT, "share_bps": BPS}, 256]}
TERMS |= {"duties": [WORD, 32], "reveals?": "|".join(REVEALS), "epsilon_run_micro?": EPSILON}
TERMS |= {"per?": "call|row", "rows_per_call?": (1, 1000), "round_to?": (0, 6)}
TERMS |= {"epsilon_life_micro?": EPSILON, "holders?": [ACCOUNT, 32], "judges?": [ACCOUNT, 32]}
PARTY = {"name": ".{1,200}", "party_kind": "person|organisation|agent|device", "account": ACCOUNT}
PARTY |= {"account_key": "0x04[0-9a-f]{128}", "chain_id": COUNT, "log_key": ".{0,200}"}
PARTY |= {"encryption_key": HASH, "endpoints": [".{0,300}", 8], "created_at": COUNT}
CONTENT = {"commitment": HASH, "media_type": ".{0,100}", "size_bytes": COUNT, "blob": {".{0,100}", None}}
ASSET = {"asset_kind": WORD, "name": ".{1,200}", "description": ".{0,4000}", "owner": ACCOUNT, "schema": {}}
ASSET |= {"asset_version": POSITIVE, "supersedes": {HASH, None}, "content": CONTENT, "created_at": COUNT}
ASSET |= {"derived_from": [{"asset": HASH, "role": WORD, "weight": COUNT}, 256], "terms": TERMS}
GRANT = {"issuer": ACCOUNT, "holder": ACCOUNT, "asset": HASH, "terms": TERMS, "spend_cap_units": COUNT}
GRANT |= {"parent": {HASH, None}, "revocation_index": COUNT, "nonce": HASH, "issued_at": COUNT}
GRANT |= {"run?": HASH, "earlier_runs?": [HASH, 64]}
MONEY = {"account": f"{ACCOUNT}|{HASH}", "delta_units": (1 - 2**53, 2**53 - 1), "reason": WORD}
RECEIPT = {"grant": HASH, "action": WORD, "provider": ACCOUNT, "holder": ACCOUNT, "inputs": [HASH, 64]}
RECEIPT |= {"output": HASH, "money": [MONEY, 64], "epsilon_micro": COUNT, "evidence": {}}
RECEIPT |= {"sequence": POSITIVE, "issued_at": COUNT}
CLAIM = {"issuer": ACCOUNT, "claim_kind": WORD, "subject": HASH, "statement": {}, "issued_at": COUNT}
FORMS = {"asset": ASSET, "claim": CLAIM, "grant": GRANT, "party": PARTY, "receipt": RECEIPT}
MANIFEST = CLAIM | {"claim_kind": "evidence"}
DOMAIN = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
DOCUMENT = b"Document(string kind,string role,bytes32 subject,bytes32 id)"
OFFER = b"Offer(bytes32 grant,address seller,address buyer,address token,uint256 price,uint256 deadline)"
P, N = 2**256 - 2**32 - 977, 2**256 - 432420386565659656852420866394968145599  # secp256k1: field and order
E = SimpleNamespace()  # the evidence, and E.file, the file now looked at
Fault = type("Fault", (ValueError,), {})  # in words of this program: evidence has no say in what is printed
Newer = type("Newer", (Fault,), {})  # than this program, which cannot tell whether it is good
decoded = partial(ec.EllipticCurvePublicKey.from_encoded_point, ec.SECP256K1())
flat = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=vars).encode


def jcs(value):  # RFC 8785, which sorts keys as UTF-16; in plain ASCII that is how they are sorted anyway
    if (text := flat(value)).isascii() or isinstance(value, str):
        return text.encode()
    if isinstance(value, list):
        return b"[" + b",".join(map(jcs, value)) + b"]"
    fields = value if isinstance(value, dict) else vars(value)
    ordered = sorted(fields.items(), key=lambda item: item[0].encode("utf-16-be"))
    return b"{" + b",".join(jcs(name) + b":" + jcs(one) for name, one in ordered) + b"}"


def need(condition, sentence, file=None, kind=Fault):  # sentence is about the file now looked at, or another
    if not condition:
        E.file = file or E.file
        raise kind(sentence)


def keccak(*parts):  # a number, or text with 0x, counts as a word of 32 bytes
    words = (part if isinstance(part, bytes) else int(str(part), 0).to_bytes(32) for part in parts)
    return keccak_hash.new(digest_bits=256, data=b"".join(words)).digest()


def digest(data, tag=b""):
    return "0x" + sha256(tag + (data if isinstance(data, bytes) else jcs(data))).hexdigest()


def array_digest(header, layout, rows, tag=b"freehold/training-array/v1\0"):
    need(all(type(number) is int for row in rows for number in row), "holds what is no whole number")
    head, body = jcs(header), b"".join(struct.pack(layout, *row) for row in rows)
    return digest(tag + len(head).to_bytes(8) + head + body)


def same(one, other):  # as written; to Python, true equals 1
    return jcs(one) == jcs(other)


def whole(text):
    need(len(text) < 18 and abs(int(text)) < 2**53, "holds a number that not every reader keeps exact")
    return int(text)


def load(path):  # floats are read as text, and then are not canonical
    E.file = path
    need(path in E.files, "is missing")
    if path not in E.read:
        need(depth(E.files[path]) <= 32, "is nested too deeply")
        hooks = {"parse_float": str, "parse_constant": str, "parse_int": whole}
        value = json.loads(E.files[path], object_hook=lambda pairs: SimpleNamespace(**pairs), **hooks)
        need(jcs(value) == E.files[path], "is not in canonical form")
        E.read[path] = value
    return E.read[path]


def depth(data):  # of brackets outside of texts
    plain = re.sub(rb'"(?:[^"\\]|\\.)*"?', b"", data, flags=re.DOTALL)
    brackets = plain.translate(None, bytes({*range(256)} - {*b"[]{}"}))
    return max(accumulate((1 if one in b"[{" else -1 for one in brackets), initial=0))


def formed(value, form):  # a field whose name ends in ? stands there only where it says something
    if isinstance(form, set):
        return any(one is value or (one and formed(value, one)) for one in form)
    if isinstance(form, str):
        return isinstance(value, str) and bool(re.fullmatch(form, value, re.DOTALL))
    if isinstance(form, tuple):
        return type(value) is int and form[0] <= value <= form[1]
    if isinstance(form, list):
        fits = isinstance(value, list) and len(value) <= form[1]
        return fits and all(formed(one, form[0]) for one in value)
    if not isinstance(value, SimpleNamespace) or not form:
        return isinstance(value, SimpleNamespace)
    fields, plain = vars(value), {name.rstrip("?"): inner for name, inner in form.items()}
    optional = {name[:-1] for name in form if name.endswith("?")}
    says = not any(name in fields and fields[name] == LATER[name] for name in optional)
    whole = plain.keys() - optional <= fields.keys() <= plain.keys()
    return whole and says and all(formed(one, plain[name]) for name, one in fields.items())


def check_form(document, most=2**18, form=None):
    kind = document.type
    need(kind in FORMS and len(jcs(document)) <= most, "is no document")
    form = {"type": kind, "version": (1, 1)} | (form or FORMS[kind])
    need(formed(document, form), "is not in the form of its type")
    if kind == "receipt":
        need(sum(one.delta_units for one in document.money) == 0, "has money that comes from nowhere")
        said = vars(document.evidence)
        need(len(said) <= 16 and all(formed(name, WORD) for name in said), "has more evidence than a receipt")
        need(all(formed(one, COUNT) or formed(one, HASH) for one in said.values()), "names something else")
    for terms in [document.terms] if kind in ("asset", "grant") else []:
        need(later(terms, "epsilon_run_micro") <= later(terms, "epsilon_life_micro"), "has a run over a life")
        need(later(terms, "reveals") != "update" or later(terms, "holders"), "reveals updates to anyone")
        need(terms.not_before < terms.expires_at, "expires before it begins")
        need(not terms.split or sum(one.share_bps for one in terms.split) == 10_000, "splits another whole")
        need(terms.purposes and terms.actions, "allows nothing")
        lists = (terms.purposes, terms.actions, terms.duties, later(terms, "holders"), later(terms, "judges"))
        need(all(one == sorted({*one}) for one in lists), "has a list that is not in order")


def typed(name, contract, struct_type, *words):  # EIP-712 digest of a struct with one-word fields
    domain = keccak(keccak(DOMAIN), keccak(name), keccak(b"1"), E.chain_id, E.contracts[contract])
    return keccak(b"\x19\x01", domain, keccak(keccak(struct_type), *words))


def check_signed(document, signatures):  # by everyone who must, with ECDSA and low s
    fields, kind = vars(document) | {"self": getattr(document, "account", "")}, document.type
    due = [(role, fields[role]) for role in SIGNERS[kind].split()]
    need(sorted((one.role, one.signer) for one in signatures) == due, "is not signed by who must")
    form = {"role": ".*", "signer": ACCOUNT, "signature": HEX}
    need(formed(signatures, [form, 8]), "says more than a signature does")
    name = digest(document)
    for role, account, text in ((one.role, one.signer, one.signature) for one in signatures):
        words = keccak(kind.encode()), keccak(role.encode()), fields[SUBJECT[kind]], name
        message = typed(b"Freehold", "Revocations", DOCUMENT, *words)
        r, s, v = re.fullmatch("0x([0-9a-f]{64})([0-9a-f]{64})(1[bc])", text).groups()
        r, s = int(r, 16), int(s, 16)
        need(s <= N // 2, "has the second form of a signature")
        signature, z, w = utils.encode_dss_signature(r, s), int.from_bytes(message), pow(s, -1, N)
        key = decoded(E.keys.get(account) or recovered(account, r, s, z))
        key.verify(signature, message, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        odd = [y % 2 for x, y in added(z * w, r * w, key) if x == r]  # y of R = z/s G + r/s K, whose x is r
        need(odd == [v == "1c"], "has another last byte")
    return name


def added(z, k, key):  # z G + k K, and z G - k K
    one = ec.derive_private_key(z % N, ec.SECP256K1()).public_key().public_numbers()
    x = int.from_bytes(ec.derive_private_key(k % N, ec.SECP256K1()).exchange(ec.ECDH(), key))
    root = pow(x**3 + 7, (P + 1) // 4, P)  # y is one of two roots
    for y in (root, P - root):
        slope = (y - one.y) * pow(x - one.x, -1, P) % P
        found = (slope**2 - x - one.x) % P
        yield found, (slope * (x - found) - y) % P


def recovered(account, r, s, z):  # the key K = s/r R - z/r G of an account that no party shows
    w, point = pow(r, -1, N), decoded(b"\2" + r.to_bytes(32))
    keys = (b"\4" + x.to_bytes(32) + y.to_bytes(32) for x, y in added(-z * w, s * w, point))
    return next(key for key in keys if account == "0x" + keccak(key[1:])[-20:].hex())


def rlp(data):  # the items in it, lists among them decoded
    items = []
    while data:
        start = 1 + max(0, data[0] % 64 - 55) if data[0] >= 0x80 else 0
        size = int.from_bytes(data[1:start]) if start > 1 else data[0] % 64 if start else 1
        body, is_list, data = data[start : start + size], data[0] >= 0xC0, data[start + size :]
        items.append(rlp(body) if is_list else body)
    return items


def proven(node, key, nodes):  # the value in the Merkle-Patricia trie below a root, empty if proven absent
    path = keccak(key).hex()
    for encoded in (bytes.fromhex(text[2:]) for text in nodes):
        need(keccak(encoded) == node, "holds a node that its parent does not name")
        node = rlp(encoded)[0]
        while path and isinstance(node, list):
            prefix = path[0] if len(node) == 17 else node[0].hex()[2 - (node[0][0] >> 4) % 2 :]
            child = node[int(path[0], 16)] if len(node) == 17 else node[1]
            node, path = child if path.startswith(prefix) else b"", path[len(prefix) :]
    need(not path or node in (b"", keccak(b"\x80")), "holds a proof that ends too early")
    return b"" if path else node


def storage(contract, key, base=0, offset=0):  # a proven word of the mapping at slot `base` of a contract
    place = E.contracts[contract], int.from_bytes(keccak(key, base)) + offset
    need(place in E.state, f"does not prove a word of {contract} that is needed", "chain.json")
    return E.state[place]


def within(child, parent, rules):
    for field, rule in rules.items():  # lists compare as sets
        both = (vars(terms).get(field, LATER.get(field)) for terms in (child, parent))
        need(rule(*({*one} if isinstance(one, list) else one for one in both)), f"widens {field}")


def later(terms, field):  # a field that stands there only where it says something
    return getattr(terms, field, LATER[field])


def get(name, kind):  # a document by its id
    need(name in E.docs and E.docs[name].type == kind, f"names a {kind} that is not here")
    return E.docs[name]


def only(kind, issuer, subject):  # the one claim of its kind, and its file becomes the one looked at
    found = [one for one in E.claims if one[1:4] == (kind, issuer, subject)]
    need(len(found) == 1, f"leads to {len(found)} {kind} claims", found[-1][4] if found else None)
    E.file = found[0][4]
    return found[0]


def checks(files, trusted=None):  # yields each group's name once it holds; E.file is what is looked at
    main = read_documents(dict(sorted(files.items())))
    yield "manifest, documents"
    read_chain(trusted)
    read_logs()
    yield "chain, logs"
    check_rights()
    yield "grants, receipts, revocation"
    check_times()
    yield "times"
    model = main if main.type == "asset" else get(get(main.grant, "grant").asset, "asset")
    if model.asset_kind != "model" or not (hasattr(model.schema, "run") or model.derived_from):
        for E.file in [path for path in files if path.startswith("training/")]:
            raise Fault("is of a training run, and the model names none")
        yield NO_LINEAGE
        return
    run = read_run(model)
    check_grants(run)
    check_receipts(run)
    check_rounds(run)
    check_model(run)
    yield "training"
    check_release(run, value(run, *open_test(run)))
    yield "valuation"


def of_type(*kinds):  # each such document of known meaning with its id; its file becomes the one looked at
    for name, one in E.docs.items():
        if one.type in kinds and name not in E.unknown:
            E.file = E.places[name]
            yield name, one


def need_readable(file, *envelopes):  # whatever else is in them, before anything else about them is said
    parts = [getattr(one, "document", None) for one in envelopes]
    versions = [getattr(one, "version", 1) for part in parts for one in (part, getattr(part, "terms", None))]
    need(not any(type(one) is int and one > 1 for one in versions), "is of a later version", file, Newer)


def read_documents(files):
    E.files, E.claims = files, []
    E.read, E.docs, E.places, E.state, E.logs, E.unknown = ({} for _ in "rdpslu")
    shown = [data.decode("latin-1") for path, data in files.items() if path.startswith("documents/")]
    keys = (key for text in shown for key in re.findall(r'"account_key":"0x(04[0-9a-f]{128})"', text))
    E.keys = {"0x" + keccak(key[1:])[-20:].hex(): key for key in map(bytes.fromhex, keys)}
    need_readable("manifest.json", envelope := load("manifest.json"))
    manifest, said = envelope.document, envelope.document.statement
    critical, late = getattr(said, "critical", ["part.training"]), "must not be judged without knowing more"
    texts = isinstance(critical, list) and all(isinstance(one, str) for one in critical)
    need(not texts or {*critical} <= KNOWN, late, kind=Newer)
    check_form(manifest, 2**21, MANIFEST)
    E.chain_id, E.contracts, named = said.chain_id, vars(said.contracts), vars(said.files)
    fits = formed(critical, [WORD, 32]) and critical == sorted({*critical}) != []
    need(fits and vars(said).keys() - {"critical"} == {"chain_id", "contracts", "files"}, "says more")
    need(formed(E.chain_id, COUNT), "is about no chain")
    fits = formed([*E.contracts.values()], [ACCOUNT, 2**20]) and CONTRACTS.keys() <= E.contracts.keys()
    need(fits, "lacks contracts")
    need(formed([*named.values()], [HASH, 2**20]), "names no hashes")
    need(len(vars(envelope)) == 2 and len(envelope.signatures) == 1, "has not one signature")
    check_signed(**vars(envelope))
    need(all(re.fullmatch(FILES, path) for path in named), "names a file that has no place in evidence")
    for path in sorted({*named, *files} - {"manifest.json"}):
        load(path)
        need(digest(files[path]) == named.get(path), "has other bytes than the manifest says")
    need("chain.json" in named, "must name chain.json", "manifest.json")
    shown = [(path, load(path), path[10:-5]) for path in files if path.startswith("documents/")]
    for path, envelope, _ in shown:
        need_readable(path, envelope)
    E.file, E.rounds = ROUNDS, load(ROUNDS) if ROUNDS in files else []
    for one in E.rounds if isinstance(E.rounds, list) else []:
        uses = getattr(one, "receipts", None)
        need_readable(ROUNDS, getattr(one, "claim", None), *(uses if isinstance(uses, list) else []))
    need(isinstance(E.rounds, list) and len(E.rounds) <= 201, "is no list of rounds")
    for one in E.rounds:
        need(vars(one).keys() == {"claim", "receipts", "revealed"}, "holds what is no round")
        need(len(one.receipts) <= 1000, "holds too many receipts")
        kinds = one.claim.document.type, *(receipt.document.type for receipt in one.receipts)
        need(kinds == ("claim", *["receipt"] * len(one.receipts)), "holds a document of another kind")
        shown += [(E.file, envelope, None) for envelope in (one.claim, *one.receipts)]
    for E.file, envelope, _ in shown:
        check_form(envelope.document)
    for E.file, envelope, stated in shown:
        need({one.signer for one in envelope.signatures} <= E.keys.keys(), "lacks a party")
        name = check_signed(**vars(envelope))
        need(stated in (name, None) and name not in E.docs, "does not hold the document that its name says")
        E.docs[name], E.places[name] = envelope.document, E.file
        kind = KINDS.get(envelope.document.type)
        word = f"{kind}.{getattr(envelope.document, kind or 'type')}"
        E.unknown |= {name: word} if kind and word not in KNOWN else {}
    E.parties = {}
    for _, party in of_type("party"):
        fits = party.account not in E.parties and party.chain_id == E.chain_id
        need(fits, "is a second party of one account, or on another chain")
        key = bytes.fromhex(party.account_key[4:])
        need("0x" + keccak(key)[-20:].hex() == party.account, "has another account's key")
        E.parties[party.account] = party
    for name, document in E.docs.items():
        E.file, fields = E.places[name], vars(document) | {"self": getattr(document, "account", "")}
        need({fields[role] for role in SIGNERS[document.type].split()} <= E.parties.keys(), "lacks a party")
    E.file = "manifest.json"
    main = E.docs[manifest.subject]
    sides = {"receipt": ["provider", "holder"], "asset": ["owner"]}[main.type]
    need(manifest.issuer in [vars(main)[side] for side in sides], "is by nobody who may show its subject")
    fits = main.type == "receipt" or main.asset_kind == "model" or manifest.subject in E.unknown
    need(fits, "is about an asset that is no model")
    grant = E.docs.get(getattr(main, "grant", None))
    for name in (manifest.subject, getattr(grant, "asset", None)):
        need(name not in E.unknown, "is of a kind unknown to this program", E.places.get(name), Newer)
    return main


def read_chain(trusted):
    E.file = "manifest.json"
    need(CONTRACTS.items() <= E.contracts.items(), "names contracts at other addresses than theirs")
    proof, nodes = load("chain.json"), [HEX, 65]
    account = {"address": ACCOUNT, "proof": nodes}
    account |= {"storage": [{"slot": "0x(0|[1-9a-f][0-9a-f]{0,63})", "proof": nodes}, 1024]}
    form = {"header": HEX, "block_number": COUNT, "block_hash": HASH, "accounts": [account, 64]}
    need(formed(proof, form), "has another form than a chain proof, or proves more words than are needed")
    header = bytes.fromhex(proof.header[2:])
    E.block_hash, fields = "0x" + keccak(header).hex(), rlp(header)[0]
    E.time = int.from_bytes(fields[11])
    need(proof.block_number == int.from_bytes(fields[8]), "names another block than its header")
    for account in proof.accounts:
        leaf = proven(fields[3], bytes.fromhex(account.address[2:]), account.proof)
        for one in account.storage:
            need((account.address, int(one.slot, 16)) not in E.state, "proves a word twice")
            stored = proven(rlp(leaf)[0][2] if leaf else b"", one.slot, one.proof)
            E.state[account.address, int(one.slot, 16)] = int.from_bytes(rlp(stored or b"\x80")[0])
    due = E.block_hash if trusted is None else trusted.lower()
    need(proof.block_hash == E.block_hash == due, "is about another block")


def read_logs():
    for path in [path for path in E.files if path.startswith("logs/")]:
        log, account = load(path), path[5:-5]
        root, size = storage("LogAnchors", account).to_bytes(32), storage("LogAnchors", account, 0, 1) % 2**64
        E.file, origin, encoded = path, f"freehold/{account}", E.parties[account].log_key[-44:]
        key = b64decode(encoded)
        hint = sha256(origin.encode() + b"\n" + key).digest()[:4]
        named = f"{origin}+{hint.hex()}+{encoded}"
        need(key[:1] == b"\1" and E.parties[account].log_key == named, "is by a party with another log key")
        text = f"{origin}\n{size}\n{b64encode(root).decode()}\n"
        need(log.checkpoint.startswith(text), "has another size or root than the chain, or another origin")
        blob = b64decode(log.checkpoint.split(" ")[-1])
        due = f"{text}\n\u2014 {origin} {b64encode(blob).decode()}\n"
        need(log.checkpoint == due and blob[:4] == hint, "is not signed by its own key alone")
        ed25519.Ed25519PublicKey.from_public_bytes(key[1:]).verify(blob[4:], text.encode())
        E.logs[account] = {one.id: one.index for one in log.proofs}
        need([len(E.logs[account]), 2] == [len(log.proofs), len(vars(log))], "proves an entry twice")
        for one in log.proofs:  # RFC 9162, 2.1.3.2; the first `inner` siblings are not on the right edge
            form = {"id": HASH, "index": COUNT, "proof": [HASH, 64]}
            need(formed(one, form), "says more than a proof does")
            node = sha256(b"\0" + jcs({"id": one.id, "type": E.docs[one.id].type})).digest()
            inner = (one.index ^ size - 1).bit_length()
            fits = 0 <= one.index < size and len(one.proof) == inner + (one.index >> inner).bit_count()
            for level, sibling in enumerate(bytes.fromhex(text[2:]) for text in one.proof):
                is_left = level < inner and not one.index >> level & 1
                node = sha256(b"\1" + (node + sibling if is_left else sibling + node)).digest()
            need(fits and node == root, "does not prove that an entry is in the log")
    for kind in ("claim", "grant", "receipt"):
        for name, one in of_type(kind):
            *others, first = [getattr(one, role) for role in SIGNERS[kind].split()]
            if kind != "claim" and first not in E.logs:  # of an owner that is away: then the other side's log
                first, others = one.holder, []
            agreed = kind == "claim" and one.claim_kind == "agreement"
            if agreed and first not in E.logs:
                continue
            need(first in E.logs, "is in a log that is not shown")
            for account in {first, *others} & E.logs.keys():  # a holder may show no log
                need(name in E.logs[account], f"does not show {kind} {name}", f"logs/{account}.json")
            place = E.logs[first][name]
            need(E.logs[first].get(getattr(one, "grant", ""), -1) < place, "stands before its grant")
            if kind == "claim":
                E.claims.append((place, one.claim_kind, first, one.subject, E.file, one.statement, name))
    E.claims.sort(key=lambda claim: claim[0])


def check_rights():
    steps, used = set(), {}
    for _, grant in (one for one in of_type("grant") if one[1].asset not in E.unknown):
        asset, terms = get(grant.asset, "asset"), grant.terms
        need(asset.owner == grant.issuer and grant.parent is None, "is by no owner")
        within(terms, asset.terms, GRANTED)
        reveals, most = (REVEALS.index(later(one, "reveals")) for one in (terms, asset.terms))
        holders, named = (later(one, "holders") for one in (terms, asset.terms))
        fits = not named or (holders and {*holders} <= {*named})
        need(fits and reveals <= most, "widens reveals or holders")
        need(not holders or grant.holder in holders, "is held by somebody whom its terms do not name")
    for name, grant in of_type("grant"):
        need(not is_sold(grant) or bought_at(name, grant), "is unsold")
    for name, use in of_type("receipt"):
        grant, more, number = get(use.grant, "grant"), vars(use.evidence), use.sequence
        terms, run = grant.terms, getattr(grant, "run", None)
        sides = (use.holder, use.provider, use.inputs) == (grant.holder, grant.issuer, [grant.asset])
        need(sides and use.action in terms.actions, "is not what its grant is for")
        need(terms.not_before <= use.issued_at < terms.expires_at, "is outside its grant's time")
        need(0 < number <= terms.max_uses and (use.grant, number) not in steps, "is one use too many")
        need(use.epsilon_micro <= later(terms, "epsilon_run_micro"), "takes more epsilon than granted")
        fits = run is not None and more.get("run") == run if use.action == "train" else run is None
        need(fits, "is not in the run that its grant is for")
        steps.add((use.grant, number))
        log = E.logs.get(use.provider, E.logs.get(use.holder))
        used[use.grant] = max(used.get(use.grant, -1), log[name])
        rows = more.get("rows", 0) if use.action == "infer" and later(terms, "per") == "row" else 1
        fits = type(rows) is int and 0 < rows <= later(terms, "rows_per_call")
        need(fits, "does not say how many rows it charges")
        price, cap = terms.price_units * rows if terms.price_per == "use" else 0, grant.spend_cap_units
        payee = "0x" + keccak(grant.issuer, grant.asset).hex() if use.action == "infer" else grant.issuer
        moved = {}
        for one in use.money:
            moved[one.account] = moved.get(one.account, 0) + one.delta_units
        due = {use.holder: -price, payee: price} if price else {}
        need({account: units for account, units in moved.items() if units} == due, "does not move the price")
        need(not price or price <= more.get("cumulative_units", price) <= cap >= price * number, "over cap")
    for name, grant in of_type("grant"):
        i = grant.revocation_index
        said = [one for one in E.claims if one[1:4] == ("revocation", grant.issuer, name)]
        need(not storage("Revocations", i >> 8, keccak(grant.issuer, 0)) >> i % 256 & 1 or said, "is revoked")
        for place, *_, file, statement, _ in said:
            need(same(statement, {"index": i}), "revokes another index than the grant's", file)
            need(place >= used.get(name, -1), "was used after it was revoked")


def check_times():  # nobody dates back or ahead, as far as logs and chain can show
    dates = {name: vars(one).get("created_at", vars(one).get("issued_at")) for name, one in E.docs.items()}
    anchors = {account: storage("LogAnchors", account, 0, 1) >> 64 for account in E.logs}
    for name, _ in of_type(*FORMS):
        limit = min([E.time, *(anchors[account] for account, places in E.logs.items() if name in places)])
        need(dates[name] <= limit + SLACK, "is dated after the block or the anchor that shows it")
    for account, places in E.logs.items():
        newest = 0
        for name in sorted(places, key=places.get):  # what others signed may arrive late
            one, E.file = E.docs[name], E.places[name]
            signer = vars(one).get(SIGNERS[one.type].split()[-1], getattr(one, "account", ""))
            if signer == account and name not in E.unknown:
                need(dates[name] + SLACK >= newest, "is dated before what its log holds earlier")
                newest = max(newest, dates[name])
    for name, one in of_type(*FORMS):
        before = [source.asset for source in getattr(one, "derived_from", [])]
        if one.type == "grant" and is_sold(one):
            need(dates[name] <= (bought_at(name, one) or dates[name]) + SLACK, "is dated after its purchase")
        if one.type == "grant":
            before = [one.asset]
        elif one.type == "receipt":
            before, grant = [one.grant, *one.inputs], get(one.grant, "grant")
            need(not is_sold(grant) or bought_at(one.grant, grant) <= one.issued_at + SLACK, "is dated back")
        elif one.type == "claim":
            said = vars(one.statement)
            before = {"agreement": [said.get("contribution")], "release": said.get("agreements")}
            before = [one.subject, *(found if isinstance(found := before.get(one.claim_kind), list) else [])]
        early = (dates.get(other, 0) for other in before if isinstance(other, str) and other not in E.unknown)
        need(all(time <= dates[name] + SLACK for time in early), "is dated before what it names")
    ended = sorted((dates[one[6]], one[2:4]) for one in E.claims if one[1] == "revocation")
    since = {about: time for time, about in ended[::-1]}  # only its issuer takes back a grant
    for _, use in of_type("receipt"):
        end = since.get((get(use.grant, "grant").issuer, use.grant), use.issued_at)
        need(use.issued_at <= end + 60, "is dated after its grant's end")


def is_sold(grant):
    return grant.terms.price_per == "grant" and grant.terms.price_units > 0


def bought_at(name, grant):
    terms = grant.terms
    offer = name, grant.issuer, grant.holder, terms.token, terms.price_units, terms.expires_at
    return storage("Market", typed(b"Freehold Market", "Market", OFFER, *offer))


def read_run(model):  # one claim of each kind, in order, and files that say the same
    place, run, builder = E.places[model_id := digest(model)], model.schema.run, model.owner
    by_run = builder, run
    E.file = place
    *_, planned, said, _ = only("training_plan", *by_run)
    need(vars(said).keys() == {"plan"}, "states more than a plan")
    need(digest(said.plan, b"freehold/training-plan/v2\0") == run, "holds the plan of another run")
    need(same(load(PLAN), plan := said.plan), "is not the plan in the builder's log")
    E.file, test, told, story = planned, plan.test, [], []
    need(plan.builder == builder, "is the plan of another builder than the model's owner")
    kinds = [("test_commitment", test.holder, test.commitment)]
    kinds += [(kind, *by_run) for kind in ("training_plan", "training_start", "training_round")]
    kinds += [("test_opening", test.holder, run), ("contribution", *by_run), ("release", builder, model_id)]
    for kind, *which in kinds:
        if kind == "training_round":
            start = story[-1][5]
            need(same(start, {"start": load(START)}), "is not the start in the builder's log")
            told = {one[6]: one for one in E.claims if one[1:4] == (kind, *by_run)}
            for one in told.values():
                need(one[4] == ROUNDS, "is a second account of a round", one[4])
            load(ROUNDS)
            numbers = [one.claim.document.statement.number for one in E.rounds]
            due = range(0 if plan.sketch.buckets else 1, min(plan.recipe.rounds, 1000) + 1)
            need(same(numbers, [*due]) and len(told) == len(due), "does not hold each round once, in order")
            story += [told[digest(one.claim.document)] for one in E.rounds]
        else:
            story.append(only(kind, *which))
            if kind == "test_commitment":
                fixed = {"columns": plan.columns, "commitment": test.commitment, "label": plan.label}
                fixed |= {"rows": test.rows, "positives": test.positives}
                need(same(story[0][5], fixed), "commits to another test table than the plan says")
        E.file = place
    for account in (builder, test.holder):
        for earlier, following in pairwise(one for one in story if one[2] == account):
            need(earlier[0] < following[0], f"must come after the {earlier[1]} in its log", following[4])
    owners = {owner.account: owner for owner in plan.owners}
    grants = dict(sorted(vars(start.start.grants).items()))
    made = SimpleNamespace(id=run, model=model, plan=plan, owners=owners, grants=grants, planned=planned)
    made.started, (made.opened, made.valued, made.released) = story[2], story[-3:]
    made.rows, made.width = {account: owner.rows for account, owner in owners.items()}, len(plan.columns) + 1
    return made


def check_grants(run):  # each owner agreed to this plan, for its data, after the plan stood on chain
    plan = run.plan
    for account, name in run.grants.items():
        E.file = run.started[4]
        owner, grant, E.file = run.owners[account], get(name, "grant"), E.places[name]
        sides = grant.issuer, grant.holder, getattr(grant, "run", None)
        need(sides == (account, run.model.owner, run.id), "is no grant of this owner for this run")
        asset = get(owner.asset, "asset")
        shape, schema = {"columns": plan.columns, "label": plan.label, "rows": owner.rows}, vars(asset.schema)
        sides = grant.asset, asset.asset_kind, asset.owner
        need(sides == (owner.asset, "dataset", account), "is for other data than planned")
        need(all(same(schema.get(key), shape[key]) for key in shape), "is for data of another shape")
        need(schema.get("rows_each", 1) <= plan.rows_each, "is for data with more rows of one subject")
        need(REVEALS.index(plan.level) <= REVEALS.index(later(grant.terms, "reveals")), "reveals too much")
        terms = grant.terms
        need(plan.epsilon_micro <= later(terms, "epsilon_run_micro"), "allows less epsilon than planned")
        need(not plan.judge or plan.judge in later(terms, "judges"), "does not let the judge see the data")
    E.file = run.planned
    need(stamp := storage("Timestamps", run.id), "does not stand on chain")
    for name in run.grants.values():
        grant, E.file = E.docs[name], E.places[name]
        need(stamp <= grant.issued_at + SLACK, "was issued before the plan stood on chain")
        need(not is_sold(grant) or stamp <= bought_at(name, grant), "was bought before the plan stood there")
    E.file = ROUNDS
    uses = [use.document for one in E.rounds for use in one.receipts]
    need(all(stamp <= use.issued_at + SLACK for use in uses), "holds a receipt from before the plan")


def check_receipts(run):  # owner and builder signed for every commitment of every round
    E.file, last = ROUNDS, {}
    for one in E.rounds:
        said, uses = one.claim.document.statement, [envelope.document for envelope in one.receipts]
        given = vars(said.commitments)
        need([use.provider for use in uses] == sorted(given), "has not a receipt for each commitment")
        for use in uses:
            before = last.get(use.provider, SimpleNamespace(sequence=0, evidence=use.evidence))
            about = {"run": run.id, "round": said.number, "seed": before.evidence.seed}
            due = given[use.provider], run.grants[use.provider], "train"
            need((use.output, use.grant, use.action) == due, "has a receipt for something else")
            fits = same(use.evidence, about) and isinstance(about["seed"], str)
            need(fits, "has a receipt of another round or seed")
            need(use.sequence > before.sequence, "has a receipt that counts backwards")
            epsilon = run.plan.epsilon_micro if use.sequence == 1 else 0
            need(use.epsilon_micro == epsilon, "has a receipt with another epsilon than the plan's")
            last[use.provider] = use
    for name, use in of_type("receipt"):
        stray = use.grant in run.grants.values() and E.places[name] != ROUNDS
        need(not stray, "is a use of the owners' data that no round has")


def shaped(value, numbers, others=""):  # an object with these numbers, within bounds, and other fields
    need(vars(value).keys() == numbers.keys() | {*others.split()}, "has other fields than it must")
    found = [(vars(value)[name], *bounds) for name, bounds in numbers.items()]
    need(all(type(n) is int and low <= n <= high for n, low, high in found), "has a number out of bounds")


def check_plan(plan, width):
    E.file, hash_, account_ = PLAN, "0x[0-9a-f]{64}", "0x[0-9a-f]{40}"
    shaped(plan, AGREED, PARTS)
    shaped(plan.recipe, STEPS, "name")
    shaped(plan.noise, {"sigma": (0, 10**4), "update_bits": (1, 16)})
    shaped(plan.sketch, {"sigma": (0, 10**4), "buckets": (0, 4096)})
    shaped(plan.test, {"rows": (20, 2**19), "positives": (1, plan.test.rows - 1)}, "commitment holder")
    texts = [(hash_, plan.nonce), (account_, plan.builder), (hash_, plan.test.commitment)]
    for owner in plan.owners:
        shaped(owner, {"rows": (1, 10**6)}, "account asset")
        texts += [(account_, owner.account), (hash_, owner.asset)]
    texts += [(account_, plan.test.holder), (f"({account_})?", plan.judge)]
    texts += [("logistic-v2", plan.recipe.name), ("noised|update", plan.level)]
    need(all(re.fullmatch(pattern, text) for pattern, text in texts), "names something in another form")
    accounts, names = [owner.account for owner in plan.owners], [plan.label, *plan.columns]
    need(accounts == sorted({*accounts}) and 1 <= len(accounts) <= 1000, "misnames its owners")
    need(2 <= len(names) == len({*names}) <= 1025, "does not name columns once")
    need(all(isinstance(name, str) and 1 <= len(name) <= 256 for name in names), "misnames a column")
    mean, scale, noise = plan.scaling.mean, plan.scaling.scale, plan.noise
    fits = len(vars(plan.scaling)) == 2 and len(mean) == len(scale) == width - 1 and min(scale) > 0
    need(fits and all(type(n) is int and abs(n) <= 10**15 for n in [*mean, *scale]), "is unscaled")
    if plan.level == "update":
        none = noise.sigma, noise.update_bits, plan.sketch.sigma, plan.epsilon_micro
        need(none == (0, 16, 0, 0), "has noise or epsilon at level update")
        return
    need(noise.sigma and (plan.sketch.sigma or not plan.sketch.buckets), "has no noise at level noised")
    rho = -(-plan.recipe.rounds * sensitivity(plan, width) ** 2 * 10**9 // (2 * noise.sigma**2))
    if plan.sketch.sigma:
        rho += -(-((64 * plan.rows_each) ** 2) * 10**9 // (2 * plan.sketch.sigma**2))
    most = 1e6 * epsilon(rho / 1e9, plan.delta_exponent * log(10))
    need(most <= plan.epsilon_micro + 0.001, "has less noise than its epsilon needs")


def sensitivity(plan, width):  # how far one subject's rows move an update
    return (plan.rows_each << plan.noise.update_bits) + isqrt(width - 1) + 1


def epsilon(rho, limit):  # of rho-zCDP at delta = e^-limit: Canonne, Kamath, Steinke (2020), corollary 13
    low, high = -40.0, limit
    for _ in range(100):  # rho x^2 + ln(1 + x) = limit has one root, here by bisection over ln x
        middle = (low + high) / 2
        above = rho * exp(2 * middle) + log1p(exp(middle)) > limit
        low, high = (low, middle) if above else (middle, high)
    x = exp(low)
    return (1 + x) * rho - log1p(1 / x) + (limit - log1p(x)) / x


def near(value, divisor):  # the nearest whole number; a half is rounded up
    return (2 * value + divisor) // (2 * divisor)


def dot(one, other):
    return sum(map(mul, one, other))


def clip(value, most):
    return max(-most, min(most, value))


def has_quorum(run, owners):
    held = sum(run.rows[owner] for owner in owners)
    return held * 10_000 >= run.plan.quorum_bps * sum(run.rows.values())


def weigh(run, sketches):  # rows for which each owner counts: shared ones once, none above the cap
    rows, plan = {owner: run.rows[owner] for owner in run.grants}, run.plan
    cap, others = plan.weight_cap_bps, dict.fromkeys(rows, 0)
    for one, other in combinations(sorted(sketches), 2):
        n, m, (a, b) = rows[one], rows[other], (sketches[one], sketches[other])
        product, doubt = dot(a, b), dot(a, a) * dot(b, b) // len(a)
        shared = min(near(product, 4096), n, m) if product > 0 and product**2 >= 9 * doubt else 0
        others[one], others[other] = others[one] + shared, others[other] + shared
    own = {owner: max(1, near(n * n, n + others[owner])) for owner, n in rows.items()}
    if len(own) < 3 or cap == 10_000:
        return own
    total = sum(own.values())
    return {owner: min(n, (total - n) * cap // (10_000 - cap)) for owner, n in own.items()}


def check_rounds(run):  # what was revealed was committed to, and leads to the model before every round
    plan, width = run.plan, run.width
    check_plan(plan, width)
    need(run.grants.keys() <= run.owners.keys(), "names an owner that is not planned", START)
    need(vars(run.started[5].start).keys() == {"grants"}, "says more than a start", START)
    need(has_quorum(run, run.grants), "holds too few rows", START)
    E.file, model, missing, run.steps = ROUNDS, [0] * width, [], []
    run.weights, rate, reach = weigh(run, {}), plan.recipe.learning_rate_q16, sensitivity(plan, width)
    for one in E.rounds:
        said, shown = one.claim.document.statement, vars(one.revealed)
        number, absent, given = said.number, vars(said.absent), vars(said.commitments)
        size = width if number else plan.sketch.buckets
        head = {"kind": "models", "run": run.id, "round": number, "shape": [width]}
        follows = {"number": number, "start": run.started[6], "commitments": given, "absent": absent}
        follows |= {"previous": array_digest(head, f"<{width}q", [model]), "missing": missing}
        need(same(said, follows), "holds a claim that does not follow from the rounds before")
        fits = absent.keys() ^ given.keys() == run.grants.keys() == absent.keys() | given.keys()
        need(fits, "does not account for each owner once")
        need(all(isinstance(why, str) and len(why) <= 200 for why in absent.values()), "gives no reason")
        for owner, item in shown.items():
            need(vars(item).keys() == {"salt", "update"}, "shows more than salt and update")
            need(re.fullmatch("0x[0-9a-f]{32}", item.salt) and len(item.update) == size, "shows no update")
            need(max(map(abs, item.update)) < 2**52, "shows a number beyond bounds")
            head |= {"kind": "update", "owner": owner, "salt": item.salt, "shape": [size]}
            head["previous"] = follows["previous"]
            hashed = array_digest(head, f"<{size}q", [item.update])
            need(hashed == given[owner], "shows what was not committed to")
            most = run.rows[owner] * reach + plan.noise.sigma * (isqrt(width) + 11)
            if not number:
                most = 3 * (isqrt(run.rows[owner]) + 1) * 64 + plan.sketch.sigma * (isqrt(size) + 11)
            need(dot(item.update, item.update) <= most**2, "shows more than its rows can make")
        need(has_quorum(run, shown), "lacks a quorum")
        missing = sorted(given.keys() - shown.keys())
        updates = {owner: item.update for owner, item in shown.items()}
        if not number:
            run.weights = weigh(run, updates)
            continue
        total, scale = [0] * width, sum(run.weights.values()) << plan.noise.update_bits
        weighed = {}  # updates as they count in the model
        for owner, update in updates.items():
            weighed[owner] = [near(n * run.weights[owner], run.rows[owner]) for n in update]
            total = [sum(pair) for pair in zip(total, weighed[owner], strict=True)]
        data = [near(rate * t, scale) for t in total]
        shrink = [(rate * plan.recipe.l2_q16 * w + 2**31) >> 32 for w in model[:-1]] + [0]
        run.steps.append((model, [clip(d, 2**30) for d in data], shrink, weighed, updates))
        model = [clip(w - d - s, 2**28) for w, d, s in zip(model, data, shrink, strict=True)]
    run.last, run.missing = model, missing


def check_model(run):  # is the one that the run leads to, offered within what every owner allowed
    model, plan, E.file = run.model, run.plan, E.places[digest(run.model)]
    head = {"kind": "model", "recipe": plan.recipe, "columns": plan.columns, "scaling": plan.scaling}
    run.commitment = array_digest(head | {"shape": [run.width]}, f"<{run.width}q", [run.last])
    need(model.content.commitment == run.commitment, "is not its run's model")
    named = (model.schema.columns, model.schema.label, model.schema.recipe)
    need(same(named, (plan.columns, plan.label, plan.recipe)), "names other columns, label or recipe")
    for name in run.grants.values():
        within(model.terms, E.docs[name].terms, OFFERED)


def open_test(run):  # the rows made ready: (vector of length at most 2^14, label)
    plan, test, said = run.plan, load(TEST), run.opened[5]
    need(vars(test).keys() == {"columns", "label", "features", "labels"}, "is no table")
    need(same((test.columns, test.label), (plan.columns, plan.label)), "has other columns than planned")
    need(all(type(y) is int and y in (0, 1) for y in test.labels), "has labels that are not 0 or 1")
    need(all(abs(x) <= 10**15 for row in test.features for x in row), "has a cell beyond bounds")
    table = [[*row, y] for row, y in zip(test.features, test.labels, strict=True)]
    announced = plan.test.rows, plan.test.positives
    need((len(table), sum(test.labels)) == announced, "has other rows or labels than announced")
    head = {"columns": plan.columns, "label": plan.label, "rows": len(table)}
    E.file = run.opened[4]
    salt = bytes.fromhex(re.fullmatch("0x((?:[0-9a-f]{2}){16,64})", said.salt)[1])
    head_ = {"kind": "models", "run": run.id, "round": plan.recipe.rounds + 1, "shape": [run.width]}
    due = {"commitment": plan.test.commitment, "salt": said.salt}
    due["model"] = array_digest(head_, f"<{run.width}q", [run.last])
    need(same(said, due), "opens another commitment, or to another run")
    E.file, tag = TEST, b"freehold/table-commitment/v1\0" + bytes([len(salt)]) + salt
    found = array_digest(head, f"<{run.width - 1}qB", table, tag + b"freehold/table/v1\0")
    need(found == plan.test.commitment, "was not committed to")
    ordinary, z = root_up(run.width << 20), []
    for row in test.features:
        scaled = zip(row, plan.scaling.mean, plan.scaling.scale, strict=True)
        q = [*(clip(near(x - m << 10, s), 4096) for x, m, s in scaled), 1024]
        length = max(ordinary, root_up(dot(q, q)))
        z.append([n * 2**14 // length if n >= 0 else -(-n * 2**14 // length) for n in q])
    return z, test.labels


def root_up(square):
    return isqrt(square) + (isqrt(square) ** 2 < square)


def value(run, z, labels):  # Shapley values of the run in closed form, shares and scores; docs/evidence.md
    plan, columns, lengths = run.plan, [*zip(*z, strict=True)], [dot(row, row) for row in z]
    sigmoid = [round(65536 / (1 + exp(k / -1024))) for k in range(-16384, 16385)]  # none is near a half
    scale, rate = sum(run.weights.values()) << plan.noise.update_bits + 30, plan.recipe.learning_rate_q16
    values, variances, square = *(dict.fromkeys(run.grants, 0) for _ in "vv"), plan.noise.sigma**2

    def probabilities(model):
        return [sigmoid[clip(dot(row, model) + 2**19 >> 20, 16384) + 16384] for row in z]

    for model, data, shrink, weighed, updates in run.steps:
        p = probabilities(model)
        slope = [p - y * 65536 for p, y in zip(p, labels, strict=True)]
        curve = [p * (65536 - p) + 2**15 >> 16 for p in p]
        step = [clip(d + 2 * s, 2**28) for d, s in zip(data, shrink, strict=True)]
        moved = [clip(dot(row, step) + 2**13 >> 14, 2**22) for row in z]
        bent = [m * c + 2**15 >> 16 for m, c in zip(moved, curve, strict=True)]
        towards = [2 * dot(slope, column) - dot(bent, column) for column in columns]
        cost, spread = rate * square * dot(lengths, curve) // scale, square * dot(towards, towards)
        for owner, update in updates.items():
            weight, rows = run.weights[owner] ** 2, run.rows[owner] ** 2
            length, floor = dot(update, update), len(update) * square
            own = cost if length >= floor else cost * length // floor
            values[owner] += dot(weighed[owner], towards) + own * weight // rows
            variances[owner] += spread * weight // rows
    errors = {owner: root_up(variances[owner]) for owner in run.grants}
    p, right, ones = probabilities(run.last), [], sum(labels)
    for owner in run.grants:  # the direction into which its updates alone point
        shown = (updates.get(owner, [0] * run.width) for *_, updates in run.steps)
        alone = [-sum(column) for column in zip(*shown, strict=True)]
        alone = [n >> max(0, max(map(abs, alone)).bit_length() - 28) for n in alone]
        right.append(sum((dot(row, alone) >= 0) == y for row, y in zip(z, labels, strict=True)))
    ranked, ranks, below, pairs = sorted({*p}), 0, 0, ones * (len(z) - ones)
    counts = {q: [0, 0] for q in ranked}
    for q, y in zip(p, labels, strict=True):
        counts[q][y] += 1
    for zeros, positives in (counts[q] for q in ranked):
        ranks, below = ranks + positives * (2 * below + zeros), below + zeros
    gaps, off = [0] * 5, [q - y * 65536 for q, y in zip(p, labels, strict=True)]
    for q, gap in zip(p, off, strict=True):
        gaps[min(q * 5 >> 16, 4)] += gap
    correct = sum((q >= 32768) == y for q, y in zip(p, labels, strict=True))
    scores = {"rows": len(z), "correct": correct, "majority_correct": max(ones, len(z) - ones)}
    scores |= {"single_correct": max(right), "auc_ppm": ranks * 10**6 // (2 * pairs)}
    scores["brier_ppm"] = dot(off, off) * 10**6 // (len(z) << 32)
    scores["calibration_ppm"] = sum(map(abs, gaps)) * 10**6 // (len(z) << 16)
    run.shares = dict(zip(run.grants, share(values, errors, run.weights), strict=True))
    worth = {"values": [str(v) for v in values.values()], "errors": [str(e) for e in errors.values()]}
    return worth | {"accounts": [*run.grants], "shares_bps": [*run.shares.values()], "scores": scores}


def share(values, errors, weights):  # in basis points; none above four times its part of the rows
    rows = [weights[owner] for owner in values]
    bar = 4 + 2 * max(0, len(rows).bit_length() - 2)  # squared standard errors, more for many owners
    clear = (v > 0 and v * v > bar * errors[owner] ** 2 and weights[owner] for owner, v in values.items())
    sure = [v if is_clear else 0 for v, is_clear in zip(values.values(), clear, strict=True)]
    capped, over = set(), {None}
    while over:
        free = sum(v for i, v in enumerate(sure) if i not in capped)
        left = sum(rows) - 4 * sum(rows[i] for i in capped)
        over = {i for i, v in enumerate(sure) if i not in capped and v * left > 4 * rows[i] * free}
        if left <= 0 or not free:
            break
        capped |= over
    if not any(sure):
        likely = [n if v > 0 else 0 for n, v in zip(rows, values.values(), strict=True)]
        parts = likely if any(likely) else rows
    elif left <= 0 or not free:
        parts = [n if v else 0 for v, n in zip(sure, rows, strict=True)]
    else:
        parts = [4 * rows[i] * free if i in capped else v * left for i, v in enumerate(sure)]
    shares = [10_000 * part // sum(parts) for part in parts]
    order = sorted(range(len(parts)), key=lambda i: (-(10_000 * parts[i] % sum(parts)), i))
    for i in order[: 10_000 - sum(shares)]:  # largest remainders round up
        shares[i] += 1
    return shares


def check_release(run, worth):  # what the builder stated, what owners agreed to, what the pool pays by
    plan, model, place, scores = run.plan, run.model, E.places[model_id := digest(run.model)], worth["scores"]
    E.file, worth = run.valued[4], worth | {"model": run.commitment, "missing": run.missing}
    need(same(run.valued[5], worth), "states another worth than the training gives")
    E.file, metrics = place, vars(model.schema.metrics)
    need({"correct", "test_rows"} <= metrics.keys(), "does not say how many test rows it gets right")
    found = {name: scores["rows" if name == "test_rows" else name] for name in metrics}
    need(same(metrics, found), "states another metric than the test table gives")
    need(scores["correct"] * 10_000 >= plan.least_correct_bps * scores["rows"], "is worse than planned")
    E.file, said, agreed = run.released[4], run.released[5], set()
    for name in said.agreements:
        E.file = run.released[4]
        claim, E.file = get(name, "claim"), E.places[name]
        need((claim.claim_kind, claim.subject) == ("agreement", run.id), "is no agreement")
        need(same(claim.statement, {"contribution": run.valued[6]}), "agrees to something else")
        agreed.add(claim.issuer)
    E.file, names = run.released[4], said.agreements
    fits = names == sorted(names) and len(names) == len(agreed) and agreed <= run.grants.keys()
    need(fits, "does not name each owner's agreement once, in order")
    need(has_quorum(run, agreed), "was agreed to by owners of too few rows")
    due = sorted((run.owners[owner].asset, share) for owner, share in run.shares.items())
    need(sorted((one.asset, one.weight) for one in model.derived_from) == due, "misnames its data", place)
    paid = [(owner, share) for owner, share in run.shares.items() if share]
    leaves = sorted(keccak(keccak(*one)) for one in paid)  # as OpenZeppelin's StandardMerkleTree
    nodes, pool = [b""] * (len(leaves) - 1) + leaves[::-1], "0x" + keccak(model.owner, model_id).hex()
    for i in range(len(leaves) - 2, -1, -1):
        nodes[i] = keccak(*sorted(nodes[2 * i + 1 : 2 * i + 3]))
    earlier = {one for name in run.grants.values() for one in getattr(E.docs[name], "earlier_runs", [])}
    follows = {"run": run.id, "pool": pool, "split_root": "0x" + nodes[0].hex(), "agreements": names}
    follows |= {"silent": sorted(run.grants.keys() - agreed), "earlier": sorted(earlier)[:MOST_EARLIER]}
    follows["shares"] = [{"account": owner, "shares": share} for owner, share in paid]
    need(same(said, follows), "states something else than follows from the run")
    packed, root = storage("Revenue", pool), storage("Revenue", pool, offset=1).to_bytes(32)
    need((packed >> 160, root) == (10_000, nodes[0]), "is not the split by which the pool on chain pays")
    need(packed % 2**160 == int(model.terms.token, 16), "is priced in another token", place)


def read_files(root):  # plain files in plain folders, within bounds; nothing else has a place in evidence
    found, total, waiting, seen = {}, 0, [""], 0
    while waiting:
        folder = waiting.pop()
        for entry in sorted(os.scandir(Path(root, folder)), key=lambda one: one.name):
            path, seen = f"{folder}{entry.name}", seen + 1
            is_folder = entry.is_dir(follow_symlinks=False)
            is_file = stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode)
            form = f"({NAME}/){{0,2}}{NAME}" if is_folder else f"({NAME}/){{0,3}}{NAME}\\.json"
            fits = (is_folder or (is_file and len(found) < MOST_FILES)) and seen <= 2 * MOST_FILES
            if not fits or not re.fullmatch(form, path):
                raise SystemExit(f"{path[:120]!a} does not belong into evidence, or is one too many")
            if is_folder:
                waiting.append(path + "/")
                continue
            # what was a file a moment ago may be a link or a pipe now
            with os.fdopen(os.open(entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as stream:
                found[path] = stream.read(MOST_BYTES + 1)
            total += len(found[path])
            if len(found[path]) > MOST_BYTES or total > MOST_IN_ALL:
                raise SystemExit(f"{path!r} is over the limit")
    if sum(n * data.count(mark) for mark, n in WEIGHTS.items() for data in found.values()) > MOST_VALUES:
        raise SystemExit("the files hold more values than evidence can need")
    return found


def main(arguments):
    parser = argparse.ArgumentParser(allow_abbrev=False, description="Check an evidence directory.")
    parser.add_argument("directory")
    parser.add_argument("--block-hash", metavar="0xHASH")
    asked = parser.parse_args(arguments)
    if asked.block_hash is not None and not re.fullmatch(HASH, asked.block_hash.lower()):
        parser.error("a block hash is 0x and 64 hex digits")
    if not Path(asked.directory).is_dir():
        print(f"{asked.directory} is not a directory", file=sys.stderr)
        return 4
    try:
        files = read_files(asked.directory)
    except (SystemExit, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    E.file, group = "manifest.json", ""
    try:
        for group in checks(files, asked.block_hash):
            print("ok    ", group) if group != NO_LINEAGE else print(group)
            if E.unknown and group.startswith("manifest"):
                kinds = ", ".join(sorted({*E.unknown.values()})[:5])
                print(f"unread {len(E.unknown)} documents of kinds unknown here count for nothing: {kinds}")
    except Exception as error:  # noqa: BLE001 - whatever evidence breaks on is a fault of its file
        said = error if isinstance(error, Fault) else f"is malformed ({type(error).__name__})"
        print(f"{'NEWER ' if isinstance(error, Newer) else 'BROKEN'} {E.file}: {said}")
        return 12 if isinstance(error, Newer) else 9
    what, whose = "that" if group == NO_LINEAGE else "all", "as you say" if asked.block_hash else UNTRUSTED
    print(f"{what} holds if chain {E.chain_id} has block {E.block_hash}, {whose}")
    return 11 if group == NO_LINEAGE else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
