"""Check an evidence directory without Freehold: `python verify_standalone.py DIR [--block-hash 0x...]`.
Needs Python 3.11, `cryptography`, and `pycryptodome` for keccak; docs/evidence.md tells what is checked."""

import json
import math
import re
import struct
import sys
from base64 import b64decode, b64encode
from hashlib import sha256
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
}
SUBJECT = {"asset": "owner", "claim": "subject", "grant": "asset", "party": "self", "receipt": "grant"}
SIGNERS = SUBJECT | {"claim": "issuer", "grant": "issuer", "receipt": "holder provider"}
OFFERED = {"purposes": le, "actions": le, "expires_at": le, "duties": ge}  # how narrower terms compare
GRANTED = OFFERED | {"not_before": ge, "max_uses": le, "price_units": ge, "price_per": eq, "token": eq}
STORY = "test_commitment training_plan {}test_opening contribution release"  # the builder's claims, in order
DOMAIN = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
DOCUMENT = b"Document(string kind,string role,bytes32 subject,bytes32 id)"
OFFER = b"Offer(bytes32 grant,address seller,address buyer,address token,uint256 price,uint256 deadline)"
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # order of secp256k1
E, at = SimpleNamespace(), "documents/{}.json".format  # E: the evidence, and E.file, the file now looked at
jcs = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=vars)  # RFC 8785


def need(condition, sentence, file=None):  # sentence is about the file now looked at, or another
    if not condition:
        E.file = file or E.file
        raise ValueError(sentence)


def keccak(*parts):  # a number, or text with 0x, counts as a word of 32 bytes
    words = (part if isinstance(part, bytes) else int(str(part), 0).to_bytes(32) for part in parts)
    return keccak_hash.new(digest_bits=256, data=b"".join(words)).digest()


def digest(data, tag=b""):
    return "0x" + sha256(tag + (data if isinstance(data, bytes) else jcs.encode(data).encode())).hexdigest()


def array_digest(header, layout, rows, tag=b"freehold/training-array/v1\0"):
    need(all(type(number) is int for row in rows for number in row), "holds what is no whole number")
    head, body = jcs.encode(header).encode(), b"".join(struct.pack(layout, *row) for row in rows)
    return digest(tag + len(head).to_bytes(8) + head + body)


def load(path):  # floats are read as text, and then are not canonical
    E.file = path
    value = json.loads(E.files[path], object_hook=lambda pairs: SimpleNamespace(**pairs), parse_float=str)
    need(jcs.encode(value).encode() == E.files[path], "is not in canonical form")
    return value


def typed(name, contract, struct_type, *words):  # EIP-712 digest of a struct with one-word fields
    domain = keccak(keccak(DOMAIN), keccak(name), keccak(b"1"), E.chain_id, E.contracts[contract])
    return keccak(b"\x19\x01", domain, keccak(keccak(struct_type), *words))


def check_signed(document, signatures):  # by everyone who must, with ECDSA and low s
    fields, kind = vars(document) | {"self": getattr(document, "account", "")}, document.type
    due = [(role, fields[role]) for role in SIGNERS[kind].split()]
    need(sorted((one.role, one.signer) for one in signatures) == due, "is not signed by who must")
    for role, account, text in ((one.role, one.signer, one.signature) for one in signatures):
        words = keccak(kind.encode()), keccak(role.encode()), fields[SUBJECT[kind]], digest(document)
        message = typed(b"Freehold", "Revocations", DOCUMENT, *words)
        r, s = (int(part, 16) for part in re.fullmatch("0x([0-9a-f]{64})([0-9a-f]{64})1[bc]", text).groups())
        need(s <= N // 2, "has the second form of a signature")
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), E.keys[account])
        key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(utils.Prehashed(hashes.SHA256())))


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
        both = (getattr(terms, field) for terms in (child, parent))
        need(rule(*({*one} if isinstance(one, list) else one for one in both)), f"widens {field}")


def checks(files, trusted=None):  # yields each group's name once it holds; E.file is what is looked at
    keys = re.findall(r'"account_key":"0x(04[0-9a-f]{128})"', b"".join(files.values()).decode("latin-1"))
    E.keys = {"0x" + keccak(key[1:])[-20:].hex(): key for key in map(bytes.fromhex, keys)}
    E.files, E.state, logs, claims, steps = dict(sorted(files.items())), {}, {}, [], {}
    manifest, said = (envelope := load("manifest.json")).document, envelope.document.statement
    E.chain_id, E.contracts, named = said.chain_id, vars(said.contracts), vars(said.files)
    need([manifest.type, manifest.claim_kind] == ["claim", "evidence"], "is no evidence claim")
    if manifest.issuer in E.keys:  # if not, its party's file is broken, as is found below
        check_signed(**vars(envelope))
    for path in sorted({*named, *E.files} - {"manifest.json"}):
        load(path)
        need(digest(E.files[path]) == named.get(path), "has other bytes than the manifest says")
    docs = {path[10:-5]: load(path).document for path in E.files if path.startswith("documents/")}
    for name, document in docs.items():
        check_signed(**vars(load(at(name))))
        need(name == digest(document), "does not hold the document that its name says")
    main = docs[load("manifest.json").document.subject]
    need(main.type == "receipt" and manifest.issuer in (main.provider, main.holder), "is by neither side")
    every = {kind: [(at(key), key, one) for key, one in docs.items() if one.type == kind] for kind in SIGNERS}
    yield "manifest, documents"
    need(CONTRACTS.items() <= E.contracts.items(), "names contracts at other addresses than theirs")
    proof = load("chain.json")
    header = bytes.fromhex(proof.header[2:])
    E.block_hash, fields = "0x" + keccak(header).hex(), rlp(header)[0]
    for account in proof.accounts:
        leaf = proven(fields[3], bytes.fromhex(account.address[2:]), account.proof)
        for one in account.storage:
            value = proven(rlp(leaf)[0][2] if leaf else b"", one.slot, one.proof)
            E.state[account.address, int(one.slot, 16)] = int.from_bytes(rlp(value or b"\x80")[0])
    need(proof.block_hash == E.block_hash == (trusted or E.block_hash).lower(), "is about another block")
    keys = {party.account: b64decode(party.log_key.split("+", 2)[2])[1:] for *_, party in every["party"]}
    for path in [path for path in E.files if path.startswith("logs/")]:
        log, account = load(path), path[5:-5]
        form = rf"(freehold/{account}\n(\d+)\n(\S+)\n(?:.+\n)*)\n\u2014 \S+ (\S+)\n(?:.+\n)*"
        text, *stated, blob = re.fullmatch(form, log.checkpoint).groups()
        public = ed25519.Ed25519PublicKey.from_public_bytes(keys[account])
        public.verify(b64decode(blob)[4:], text.encode())
        root, size = storage("LogAnchors", account).to_bytes(32), storage("LogAnchors", account, 0, 1) % 2**64
        need(stated == [str(size), b64encode(root).decode()], "has another size or root than the chain")
        logs[account] = {one.id: one.index for one in log.proofs}
        for one in log.proofs:  # RFC 9162, 2.1.3.2; the first `inner` siblings are not on the right edge
            node = sha256(b"\0" + jcs.encode({"id": one.id, "type": docs[one.id].type}).encode()).digest()
            inner = (one.index ^ size - 1).bit_length()
            fits = 0 <= one.index < size and len(one.proof) == inner + (one.index >> inner).bit_count()
            for level, sibling in enumerate(bytes.fromhex(text[2:]) for text in one.proof):
                is_left = level < inner and not one.index >> level & 1
                node = sha256(b"\1" + (node + sibling if is_left else sibling + node)).digest()
            need(fits and node == root, "does not prove that an entry is in the log")
    for E.file, name, one in every["claim"] + every["grant"] + every["receipt"]:
        *others, first = [getattr(one, role) for role in SIGNERS[one.type].split()]
        for account in (first, *(other for other in others if other in logs)):  # a holder may show no log
            need(name in logs[account], f"does not show {one.type} {name}", f"logs/{account}.json")
        need(logs[first].get(getattr(one, "grant", ""), -1) < logs[first][name], "stands before its grant")
        if one.type == "claim":
            claims.append((logs[first][name], E.file, first, one.claim_kind, one.subject, one.statement))
    yield "chain, logs"
    for E.file, name, grant in every["grant"]:
        asset, terms, log, i = docs[grant.asset], grant.terms, logs[grant.issuer], grant.revocation_index
        need((asset.type, asset.owner, grant.parent) == ("asset", grant.issuer, None), "is by no owner")
        within(terms, asset.terms, GRANTED)
        offer = name, grant.issuer, grant.holder, terms.token, terms.price_units, terms.expires_at
        is_free = terms.price_per != "grant" or not terms.price_units
        need(is_free or storage("Market", typed(b"Freehold Market", "Market", OFFER, *offer)), "is unsold")
        said = [claim[0] for claim in claims if claim[2:5] == (grant.issuer, "revocation", name)]
        used = [log[key] for key, one in docs.items() if getattr(one, "grant", "") == name]
        need(not storage("Revocations", i >> 8, keccak(grant.issuer, 0)) >> i % 256 & 1 or said, "is revoked")
        need(not said or min(said) >= max(used, default=0), "was used after it was revoked")
    for E.file, _, use in every["receipt"]:
        grant, terms, more, number = docs[use.grant], docs[use.grant].terms, vars(use.evidence), use.sequence
        sides = (use.holder, use.provider, use.inputs) == (grant.holder, grant.issuer, [grant.asset])
        need(sides and grant.type == "grant" and use.action in terms.actions, "is not what its grant is for")
        need(terms.not_before <= use.issued_at < terms.expires_at, "is outside its grant's time")
        need(0 < number <= terms.max_uses and (use.grant, number) not in steps, "is one use too many")
        steps[use.grant, number] = use.grant, use.action, more.get("run"), more.get("round"), use.output
        price, cap = terms.price_units if terms.price_per == "use" else 0, grant.spend_cap_units
        payee = "0x" + keccak(grant.issuer, grant.asset).hex() if use.action == "infer" else grant.issuer
        due = sorted({use.holder: -price, payee: price}.items()) if price else []
        need(sorted((one.account, one.delta_units) for one in use.money) == due, "does not move the price")
        need(not price or price <= more.get("cumulative_units", price) <= cap >= price * number, "over cap")
    yield "grants, receipts, revocation"
    model, E.file, done = docs[model_id := docs[main.grant].asset], at(model_id), {*steps.values()}
    run, builder = getattr(model.schema, "run", None), model.owner
    if model.asset_kind != "model" or not (run or model.derived_from):
        return
    E.file, said = next(claim[1::4] for claim in claims if claim[2:5] == (builder, "training_plan", run))
    plan, owners, about = said.plan, said.owners, (run, model_id, said.plan.test_commitment)
    need(digest(plan, b"freehold/training-plan/v1\0") == run, "holds the plan of another run")
    kinds = STORY.format("training_round " * plan.recipe.rounds).split()
    story = sorted(claim for claim in claims if claim[2] == builder and claim[4] in about)
    for number, (_, E.file, *_, said) in enumerate((one for one in story if one[3] == "training_round"), 1):
        need(said.record.number == number, "stands where another round must")
    need(sorted(claim[3] for claim in story) == sorted(kinds), "has not all claims of a run", at(model_id))
    for kind, (_, E.file, _, found, *_) in zip(kinds, story, strict=True):
        need(kind == found, "comes too early in the builder's log")
    (E.file, said), _, *rounds, opened, valued, released = (claim[1::4] for claim in story)
    need(said.commitment == plan.test_commitment, "states another commitment")
    E.file, grants, parts = story[1][1], {owner.account: owner.grant for owner in owners}, plan.statistics
    need(plan.owners == [owner.account for owner in owners] == sorted(grants), "misnames its owners")
    for owner, data, sums in zip(owners, plan.data, parts, strict=True):
        grant, asset = docs[owner.grant], docs[owner.asset]
        sides = grant.issuer, grant.holder, grant.asset, asset.content.commitment
        need(sides == (owner.account, builder, owner.asset, data), "names a grant for something else")
        need((owner.grant, "train", None, 0, digest(sums)) in done, "has sums without a receipt")
    need(load("training/plan.json") == plan, "is not the plan in the builder's log")
    total, width = sum(part.rows for part in parts), len(plan.columns) + 1
    sums = [[sum(int(vars(p)[k][i]) for p in parts) for k in ("sums", "squares")] for i in range(width - 1)]
    mean = [(2 * s + total) // (2 * total) for s, _ in sums]
    scale = [max(1, math.isqrt((total * q - s * s) // total**2)) for s, q in sums]
    models = [[0] * width for _ in range(1 << len(owners))]
    head = {"kind": "update", "run": run, "shape": [len(models) // 2, width]}
    for number, (E.file, said) in enumerate(rounds, 1):
        stated, head["round"], hashed = said.record, number, vars(said.record.update_hashes)
        need({(grants.get(a), "train", run, number, h) for a, h in hashed.items()} <= done, "lacks a receipt")
        record = load(f"training/round-{number:03d}.json")
        updates = vars(vars(record).pop("updates"))
        need(record == stated, "is not the round in the builder's log")
        again = {one: array_digest(head | {"owner": one}, f"<{width}q", updates[one]) for one in updates}
        need(again == hashed, "holds other updates than were hashed")
        present = [(i, parts[i].rows, updates[one]) for i, one in enumerate(grants) if one in updates]
        for mask in range(1, len(models)):  # an update has the models of its owner's coalitions, ascending
            some = [(n, u[mask >> i + 1 << i | mask % (1 << i)]) for i, n, u in present if mask >> i & 1]
            rows = sum(count for count, _ in some)
            totals = map(sum, zip(*([count * w for w in one] for count, one in some), strict=True))
            models[mask] = [(2 * one + rows) // (2 * rows) for one in totals] or models[mask]
    E.file, head = at(model_id), {"kind": "model", "recipe": plan.recipe, "columns": plan.columns}
    head |= {"scaling": {"mean": mean, "scale": scale}, "shape": [width]}
    need(model.content.commitment == array_digest(head, f"<{width}q", models[-1:]), "is not its run's model")
    for grant in grants.values():
        within(model.terms, docs[grant].terms, OFFERED)
    yield "training"
    E.file, said = opened
    salt, matches = bytes.fromhex(said.salt[2:]), said.commitment == plan.test_commitment
    need(matches and 16 <= len(salt) <= 64, "opens another commitment")
    test = load("training/test.json")
    table = [[*row, {"0": 0, "1": 1}[str(y)]] for row, y in zip(test.features, test.labels, strict=True)]
    head = {"columns": plan.columns, "label": plan.label, "rows": len(table)}
    need(table and [test.columns, test.label, len(vars(test))] == [plan.columns, plan.label, 4], "is unfit")
    tag = b"freehold/table-commitment/v1\0" + bytes([len(salt)]) + salt + b"freehold/table/v1\0"
    need(array_digest(head, f"<{width - 1}qB", table, tag) == plan.test_commitment, "was not committed to")
    sigmoid = [round(65536 / (1 + math.exp(k / -1024))) for k in range(-16384, 16385)]  # none is near a half
    scaled = (zip(row, mean, scale, strict=True) for row in test.features)
    scaled = ([(2 * (x - m << 10) + s) // (2 * s) for x, m, s in row] for row in scaled)
    z = [[*(max(-8192, min(8192, x)) for x in row), 1024] for row in scaled]
    utilities, values = [], [0] * len(owners)
    for one in models:  # Brier gain over a coin, in Q32
        guesses = (sigmoid[max(0, min(2**15, sum(map(mul, row, one)) + 2**30 + 2**15 >> 16))] for row in z)
        utilities.append(sum(2**30 - (p - y * 2**16) ** 2 for p, y in zip(guesses, test.labels, strict=True)))
    for mask, i in ((mask, i) for mask in range(len(models)) for i in range(len(owners)) if mask >> i & 1):
        weight = math.factorial(mask.bit_count() - 1) * math.factorial(len(owners) - mask.bit_count())
        values[i] += weight * (utilities[mask] - utilities[mask ^ 1 << i])  # Shapley's, times owners!
    values = [max(0, value) for value in values] if max(values) > 0 else [1] * len(values)
    shares = [10_000 * value // sum(values) for value in values]
    order = sorted(range(len(values)), key=lambda i: (-(10_000 * values[i] % sum(values)), i))
    for i in order[: 10_000 - sum(shares)]:  # largest remainders round up
        shares[i] += 1
    E.file, said = valued
    worth = {"accounts": plan.owners, "utilities": utilities, "shares_bps": shares}
    need(worth.items() <= vars(said).items(), "states another worth than the training gives")
    due = sorted((owner.asset, share) for owner, share in zip(owners, shares, strict=True))
    need(sorted((one.asset, one.weight) for one in model.derived_from) == due, "misnames data", at(model_id))
    E.file, said = released
    earned = [(one, share) for one, share in zip(plan.owners, shares, strict=True) if share]
    need(sorted((one.account, one.shares) for one in said.shares if one.shares) == earned, "splits otherwise")
    leaves = sorted(keccak(keccak(one.account, one.shares)) for one in said.shares)
    nodes, pool = [b""] * (len(leaves) - 1) + leaves[::-1], "0x" + keccak(builder, model_id).hex()
    for i in range(len(leaves) - 2, -1, -1):
        nodes[i] = keccak(*sorted(nodes[2 * i + 1 : 2 * i + 3]))
    need((said.run, said.pool, said.split_root) == (run, pool, "0x" + nodes[0].hex()), "misstates its pool")
    packed, root = storage("Revenue", pool), storage("Revenue", pool, offset=1).to_bytes(32)
    need((packed >> 160, root) == (10_000, nodes[0]), "is not the split by which the pool on chain pays")
    need(packed % 2**160 == int(model.terms.token, 16), "is priced in another token", at(model_id))
    yield "valuation"


if __name__ == "__main__":
    root, *more = (one for one in sys.argv[1:] if one != "--block-hash")
    found = {p.relative_to(root).as_posix(): p.read_bytes() for p in Path(root).rglob("*") if p.is_file()}
    sys.excepthook = lambda _, error, __: print(f"BROKEN {E.file}: {str(error) or repr(error)}")  # exits 1
    for group in checks(found, *more):
        print("ok    ", group)
    print(f"all holds if the chain has block {E.block_hash}")
