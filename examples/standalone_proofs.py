"""The mathematics of verify_standalone.py: signatures, tries, logs, and training in whole numbers.

Nothing here knows about files. What does not hold raises an exception.
"""

import json
import math
from base64 import b64decode, b64encode
from decimal import Decimal, localcontext
from fractions import Fraction
from hashlib import sha256

from Crypto.Hash import keccak as keccak_hash
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

P, N = 2**256 - 2**32 - 977, 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141  # secp256k1
DOMAIN = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


def must(ok, detail):
    if not ok:
        raise ValueError(detail)


def keccak(data):
    return keccak_hash.new(digest_bits=256, data=data).digest()


def hash_of(value):
    """SHA-256 of canonical JSON, or of bytes."""
    return "0x" + sha256(value if isinstance(value, bytes) else canonical(value)).hexdigest()


def canonical(value):  # RFC 8785: no floats occur, and keys are ASCII, so Python's order is the right one
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def word(value):
    return (value if isinstance(value, int) else int(value, 16)).to_bytes(32, "big")


# signatures by accounts: EIP-712 over secp256k1


def account_of(key):
    must(len(key) == 132 and key[:4] == "0x04", "is no uncompressed public key")
    return "0x" + keccak(bytes.fromhex(key[4:]))[-20:].hex()


def typed(name, chain_id, contract, type_string, words):
    """EIP-712 digest of a struct whose fields are given as 32-byte words."""
    domain = [keccak(DOMAIN), keccak(name.encode()), keccak(b"1"), word(chain_id), word(contract)]
    struct = keccak(keccak(type_string.encode()) + b"".join(words))
    return keccak(b"\x19\x01" + keccak(b"".join(domain)) + struct)


def check_signature(digest, key, signature):
    """ECDSA with low s; v is the parity of the point R = u1 G + u2 Q, so a signature has one form only."""
    r, s, v = int(signature[:66], 16), int(signature[66:130], 16), int(signature[130:], 16)
    must(
        len(signature) == 132 and 0 < r < N and 0 < s <= N // 2 and v in (27, 28), "has a malformed signature"
    )
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256K1(), bytes.fromhex(key[2:]))
    public.verify(utils.encode_dss_signature(r, s), digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    scalars = (n * pow(s, -1, N) % N for n in (int.from_bytes(digest, "big"), r))
    u1, u2 = (ec.derive_private_key(n, ec.SECP256K1()) for n in scalars)
    one, x2 = u1.public_key().public_numbers(), int.from_bytes(u2.exchange(ec.ECDH(), public), "big")
    y2 = pow(x2**3 + 7, (P + 1) // 4, P)
    slopes = [(y - one.y) * pow(x2 - one.x, -1, P) % P for y in (y2, P - y2)]
    slope = next(m for m in slopes if (m * m - one.x - x2) % P % N == r)
    y = (slope * (2 * one.x + x2 - slope * slope) - one.y) % P
    must(y % 2 == v - 27, "has the wrong form of a signature")


# chain state: RLP and Merkle-Patricia tries


def rlp(data):
    """(first item, what follows it)."""
    kind = data[0]
    if kind < 0x80:
        return data[:1], data[1:]
    long = kind % 64 - 55 if kind % 64 > 55 else 0
    end = 1 + long + (int.from_bytes(data[1 : 1 + long], "big") if long else kind % 64)
    must(end <= len(data), "holds cut RLP")
    body, items = data[1 + long : end], []
    while kind >= 0xC0 and body:
        item, body = rlp(body)
        items.append(item)
    return (items if kind >= 0xC0 else body), data[end:]


def proven(root, key, nodes):
    """The value under a key, None if proven absent. Each node must hash to what its parent names."""
    path, node, left = keccak(key).hex(), root, [bytes.fromhex(text[2:]) for text in nodes]
    if root == keccak(b"\x80"):
        node = b""
    while node:
        if isinstance(node, bytes):
            must(left and keccak(left[0]) == node, "holds a proof that does not hang together")
            node = rlp(left.pop(0))[0]
        if len(node) == 17:
            node, path = node[int(path[0], 16)], path[1:]
            continue
        flag, nibbles = node[0][0] >> 4, node[0].hex()
        prefix = nibbles[1:] if flag % 2 else nibbles[2:]
        node = node[1] if (prefix == path if flag > 1 else path.startswith(prefix)) else b""
        path = path[len(prefix) :]
        if flag > 1:
            break
    must(not left, "holds nodes that prove nothing")
    return node or None


def split_root(paid):
    """Root over {account: shares}: OpenZeppelin's StandardMerkleTree."""
    leaves = sorted(keccak(keccak(word(account) + word(count))) for account, count in paid.items())
    nodes = [b""] * (len(leaves) - 1) + leaves[::-1]
    for i in range(len(leaves) - 2, -1, -1):
        nodes[i] = keccak(b"".join(sorted(nodes[2 * i + 1 : 2 * i + 3])))
    return nodes[0]


# logs: signed notes and RFC 6962 trees


def open_checkpoint(note, key, origin):
    """(size, root) of a checkpoint that the key signed."""
    name, key_id, encoded = key.split("+", 2)
    blob = b64decode(encoded, validate=True)
    expected = sha256(name.encode() + b"\n" + blob).digest()[:4]
    must(blob[0] == 1 and key_id == expected.hex(), "is signed with a key of another kind")
    body, _, tail = note.rpartition("\n\n")
    must(tail.endswith("\n"), "has no signatures")
    found = 0
    for line in tail[:-1].split("\n"):
        dash, by, text = line.split(" ")
        signature = b64decode(text, validate=True)
        must(dash == "\u2014" and b64encode(signature).decode() == text, "has a malformed signature line")
        if (by, signature[:4]) == (name, expected):
            public = ed25519.Ed25519PublicKey.from_public_bytes(blob[1:])
            public.verify(signature[4:], (body + "\n").encode())
            found += 1
    lines = body.split("\n")
    size, root = int(lines[1]), b64decode(lines[2], validate=True)
    must(
        found and [origin, str(size), b64encode(root).decode()] == lines[:3],
        "is the checkpoint of another log",
    )
    return size, root


def check_inclusion(entry, index, size, proof, root):
    """RFC 9162 section 2.1.3.2."""
    must(0 <= index < size, "places an entry outside its log")
    place, last, running = index, size - 1, sha256(b"\x00" + entry).digest()
    for text in proof:
        sibling = bytes.fromhex(text.removeprefix("0x"))
        must(last > 0 and len(sibling) == 32, "holds a log proof of the wrong length")
        if place & 1 or place == last:
            running = sha256(b"\x01" + sibling + running).digest()
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            running = sha256(b"\x01" + running + sibling).digest()
        place, last = place >> 1, last >> 1
    must(last == 0 and running == root, "does not prove that an entry is in the log")


# training: recipe logistic-v1, in fixed point


def array_hash(context, array):
    """Of one model, or of a list of models, with what it belongs to."""
    rows = array if isinstance(array[0], list) else [array]
    shape = [len(array), len(array[0])] if rows is array else [len(array)]
    header = canonical({**context, "shape": shape})
    numbers = b"".join(value.to_bytes(8, "little", signed=True) for row in rows for value in row)
    return hash_of(b"freehold/training-array/v1\0" + len(header).to_bytes(8, "big") + header + numbers)


def pooled(statistics):
    """Mean and scale of each column over all owners."""
    rows = sum(part["rows"] for part in statistics)
    sums, squares = (
        [sum(map(int, c)) for c in zip(*(p[k] for p in statistics), strict=True)] for k in ("sums", "squares")
    )
    roots = (math.isqrt((rows * q - t * t) // (rows * rows)) for t, q in zip(sums, squares, strict=True))
    return {
        "mean": [(2 * total + rows) // (2 * rows) for total in sums],
        "scale": [max(1, root) for root in roots],
    }


def aggregated(models, updates, rows):
    """The next model of each coalition (bit i: owner i): its present members' mean, weighted by rows."""
    result = []
    for mask, previous in enumerate(models):
        members = [i for i in updates if mask >> i & 1]
        # an owner's update holds the models of the coalitions it is in, in ascending order of masks
        parts = [(rows[i], updates[i][(mask >> i + 1 << i) | mask % (1 << i)]) for i in members]
        weight = sum(count for count, _ in parts)
        columns = zip(*(model for _, model in parts), strict=True)
        totals = [sum(c * w for (c, _), w in zip(parts, column, strict=True)) for column in columns]
        result.append([(2 * total + weight) // (2 * weight) for total in totals] if parts else previous)
    return result


def is_table(table, plan):
    cells = [cell for row in table["features"] for cell in row]
    labels_fit = len(table["features"]) == len(table["labels"]) > 0 and {*table["labels"]} <= {0, 1}
    rows_fit = all(len(row) == len(plan["columns"]) for row in table["features"])
    numbers = all(type(cell) is int for cell in cells + table["labels"]) and max(map(abs, cells)) <= 10**15
    named = table["columns"] == plan["columns"] and table["label"] == plan["label"]
    return labels_fit and rows_fit and numbers and named and len(table) == 4


def table_commitment(table, salt):
    """Of the opened test table; features are micro-units."""
    header = canonical({"columns": table["columns"], "label": table["label"], "rows": len(table["labels"])})
    body = b"freehold/table/v1\0" + len(header).to_bytes(8, "big") + header
    for row, label in zip(table["features"], table["labels"], strict=True):
        body += b"".join(value.to_bytes(8, "little", signed=True) for value in row) + bytes([label])
    return hash_of(b"freehold/table-commitment/v1\0" + bytes([len(salt)]) + salt + body)


def sigmoids():
    """Q16 sigmoid of k / 1024 for k = -16384 to 16384, from powers of e^(-1/1024) in Q160."""
    with localcontext() as context:
        context.prec = 80
        ratio = int((Decimal(-1) / 1024).exp() * (1 << 160))
    power, upper = 1 << 160, []
    for _ in range(16385):
        whole = (1 << 160) + power
        upper.append(((1 << 177) + whole) // (2 * whole))
        power = power * ratio >> 160
    return [65536 - value for value in upper[:0:-1]] + upper


def scored(models, table, scaling):
    """(Brier gain over a coin in Q32, rows right) of each model on the test table."""
    sigmoid, rows = sigmoids(), []
    for features in table["features"]:
        columns = zip(features, scaling["mean"], scaling["scale"], strict=True)
        z = [
            max(-8192, min(8192, (2 * (x - mean << 10) + scale) // (2 * scale))) for x, mean, scale in columns
        ]
        rows.append([*z, 1024])
    utilities, correct = [], []
    for model in models:
        logits = (sum(a * b for a, b in zip(row, model, strict=True)) + 32768 >> 16 for row in rows)
        guesses = [sigmoid[max(-16384, min(16384, logit)) + 16384] for logit in logits]
        pairs = list(zip(guesses, table["labels"], strict=True))
        utilities.append(sum((1 << 30) - (guess - label * 65536) ** 2 for guess, label in pairs))
        correct.append(sum((guess >= 32768) == (label == 1) for guess, label in pairs))
    return utilities, correct


def shapley(utilities):
    """Each owner's exact Shapley value of the game in which coalition `mask` is worth utilities[mask]."""
    players, values = len(utilities).bit_length() - 1, []
    for bit in (1 << player for player in range(players)):
        total = 0
        for mask, worth in enumerate(utilities):
            if not mask & bit:
                size = mask.bit_count()
                total += (
                    math.factorial(size)
                    * math.factorial(players - size - 1)
                    * (utilities[mask | bit] - worth)
                )
        values.append(Fraction(total, math.factorial(players)))
    return values


def shares_bps(values):
    """Values as basis points: negative ones earn 0, largest remainders round up, nothing at all is split evenly."""
    positive = [max(Fraction(0), value) for value in values]
    positive = positive if any(positive) else [Fraction(1)] * len(values)
    exact = [value * 10_000 / sum(positive) for value in positive]
    shares = [math.floor(value) for value in exact]
    for i in sorted(range(len(exact)), key=lambda i: (shares[i] - exact[i], i))[: 10_000 - sum(shares)]:
        shares[i] += 1
    return shares
