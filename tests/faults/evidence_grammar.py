"""A grammar of altered evidence: what whoever shows a bundle, and owns every key in it, could do to its files.

`bases()` are finished bundles of several kinds. `altered` draws one to three steps from `STEPS`; the manifest is then
mostly signed anew. `meaning` says what of a bundle the checks conclude from, so that an alteration after which both
verifiers say what they said before can be shown to have changed none of it.
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from evidence_world import DOMAIN, World, person

from freehold.core.canonical import canonical_bytes, parse
from freehold.core.errors import FreeholdError
from freehold.core.ids import sha256_hex
from freehold.core.signing import DOCUMENT_TYPE, digest, sign_digest
from freehold.kernel.evidence.bundle import Bundle, InvalidBundle
from freehold.kernel.evidence.manifest import CONTRACTS as NAMED
from freehold.kernel.evidence.manifest import PATH, file_hashes

PEOPLE = ("ada", "bob", "cyd", "dan", "eve", "builder", "buyer", "val", "mallory")
KEYS = {person(name).account: person(name).key for name in PEOPLE}
CHAIN, ROUNDS = "chain.json", "training/rounds.json"
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
SUBJECTS = {"party": "account", "asset": "owner", "grant": "asset", "receipt": "grant", "claim": "subject"}
SIGNERS = {
    "party": {"self": "account"},
    "asset": {"owner": "owner"},
    "grant": {"issuer": "issuer"},
    "receipt": {"holder": "holder", "provider": "provider"},
    "claim": {"issuer": "issuer"},
}
Files = dict[str, bytes]
Step = Callable[[random.Random, Files], None]


@dataclass(frozen=True)
class Base:
    """Evidence before it is altered."""

    name: str
    files: Files
    verdict: str
    block_hash: str


def _bare(fields: dict[str, Any], name: str) -> dict[str, Any]:
    if name != "model":
        return fields
    schema = {key: value for key, value in fields["schema_"].items() if key != "run"}
    return fields | {"schema_": schema, "derived_from": ()}


@lru_cache(maxsize=1)
def bases() -> tuple[Base, ...]:
    """An answer, a run alone, both sides revoked, one held by a validator with updates withheld, owners away, no lineage."""
    absent = World()
    absent.build()
    bare = World({"asset": _bare})
    bare.build()
    made = {
        "answer": (World().build(), "holds"),
        "training": (World(revoked=()).build(answered=False), "holds"),
        "revoked": (World(revoked=("bob", "buyer", "cyd")).build(), "holds"),
        "withheld": (World(holder="val", level="update").build(), "holds"),
        "absence": (absent.bundle(away=("ada", "cyd", "dan", "buyer")), "holds"),
        "no lineage": (bare.bare(), "no_lineage"),
    }
    return tuple(
        Base(name, dict(bundle.files), verdict, parse(bundle.files[CHAIN])["block_hash"])
        for name, (bundle, verdict) in made.items()
    )


# places in JSON


def places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of everything in a JSON value."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*at, key))


def found(value: Any, at: tuple[Any, ...]) -> Any:
    """What stands at a path."""
    for key in at:
        value = value[key]
    return value


def put(value: Any, at: tuple[Any, ...], new: Any) -> Any:
    """`value` with `new` at a path."""
    if not at:
        return new
    found(value, at[:-1])[at[-1]] = new
    return value


def choose(dice: random.Random, value: Any) -> tuple[Any, ...]:
    """A place, by its name first: so that what stands there once is met as often as what stands there often."""
    named: dict[str, list[tuple[Any, ...]]] = {}
    for at in places(value):
        names = [key for key in at if isinstance(key, str) and not key.startswith("0x")]
        named.setdefault(names[-1] if names else "", []).append(at)
    return dice.choice(named[dice.choice(sorted(named))])


def other(dice: random.Random, value: Any, known: list[str]) -> Any:
    """Something else: of the same type and form, of the same type, or of another type."""
    if isinstance(value, bool):
        return dice.choice([not value, int(value), {}])
    if isinstance(value, int):
        near = [value + 1, value - 1, value + 599, value + 601, value - 601, 2 * value, -value, 0, 1]
        return dice.choice([*near, 2**53 - 1, 10_001, bool(value), str(value), None, {}])
    if isinstance(value, str):
        alike = [one for one in known if len(one) == len(value) and one != value] or [value + "0"]
        flipped = value[:-1] + dice.choice("0123456789abcdef") if value else "x"
        spelled = [value.upper(), " " + value, value + "\n", value.replace("0x", "0x0", 1), ""]
        return dice.choice(
            [dice.choice(alike), dice.choice(alike), flipped, dice.choice(spelled), 7, None, {}]
        )
    if isinstance(value, list):
        turned = copy.deepcopy(value)
        dice.shuffle(turned)
        return dice.choice([turned, value[:-1], value[1:], value + value[:1], value[::-1], [], {}, None])
    if isinstance(value, dict):
        fewer = dict(value)
        if fewer:
            fewer.pop(dice.choice(sorted(fewer)))
        return dice.choice([fewer, value | {"more": 1}, value | {"version": True}, {}, []])
    return dice.choice([0, "", dice.choice(known), False])


def texts(value: Any) -> list[str]:
    """Every text in a JSON value."""
    return [one for at in places(value) if isinstance(one := found(value, at), str)] or [""]


def pick(dice: random.Random, files: Files, start: str = "") -> str:
    """A file, by its folder first."""
    folders: dict[str, list[str]] = {}
    for path in sorted(files):
        if path.startswith(start) and path != PATH:
            folders.setdefault(
                path.split("/")[0] if path.startswith(("documents", "logs")) else path, []
            ).append(path)
    return dice.choice(folders[dice.choice(sorted(folders))])


# steps


def edit(dice: random.Random, files: Files) -> None:
    """One value somewhere is another."""
    path = pick(dice, files)
    value = parse(files[path])
    at = choose(dice, value)
    files[path] = canonical_bytes(put(value, at, other(dice, found(value, at), texts(value))))


def resign(dice: random.Random, files: Files) -> None:
    """A document says something else, signed by whoever must; who names it still names the old one, or the new."""
    path, value, at = envelope(dice, files)
    shown = found(value, at)
    body = shown["document"]
    before = sha256_hex(canonical_bytes(body))
    place = choose(dice, body)
    put(body, place, other(dice, found(body, place), texts(body)))
    settle(dice, files, path, value, shown, before)


def redate(dice: random.Random, files: Files) -> None:
    """A document is of another time."""
    path, value, at = envelope(dice, files)
    shown = found(value, at)
    body = shown["document"]
    before = sha256_hex(canonical_bytes(body))
    field = "created_at" if "created_at" in body else "issued_at"
    body[field] += dice.choice([-(10**6), -601, -600, -1, 1, 600, 601, 1_601, 10**6])
    settle(dice, files, path, value, shown, before)


def settle(dice: random.Random, files: Files, path: str, value: Any, shown: Any, before: str) -> None:
    """Sign an envelope anew and put it under its name."""
    sealed(shown)
    after = sha256_hex(canonical_bytes(shown["document"]))
    if path == ROUNDS:
        files[path] = canonical_bytes(value)
    else:
        del files[path]
        files[f"documents/{after}.json"] = canonical_bytes(shown)
    if dice.random() < 0.5:
        for name in list(files):
            files[name] = files[name].replace(before.encode(), after.encode())


def envelope(dice: random.Random, files: Files) -> tuple[str, Any, tuple[Any, ...]]:
    """Some envelope: its file, the values in that, and where it stands."""
    path = ROUNDS if ROUNDS in files and dice.random() < 0.25 else pick(dice, files, "documents/")
    value = parse(files[path])
    if path != ROUNDS:
        return path, value, ()
    number = dice.randrange(len(value))
    if dice.random() < 0.5 or not value[number]["receipts"]:
        return path, value, (number, "claim")
    return path, value, (number, "receipts", dice.randrange(len(value[number]["receipts"])))


def sealed(shown: Any) -> None:
    """The signatures that an envelope must have, by keys that are here; others stay as they are."""
    body = shown["document"]
    subject = "0x" + str(body[SUBJECTS[body["type"]]])[2:].rjust(64, "0")
    signatures = []
    for role, field in SIGNERS[body["type"]].items():
        value = digest(DOMAIN, DOCUMENT_TYPE, body["type"], role, subject, sha256_hex(canonical_bytes(body)))
        signature = "0x" + sign_digest(KEYS[body[field]], value).hex()
        signatures.append({"role": role, "signature": signature, "signer": body[field]})
    shown["signatures"] = signatures


def swap(dice: random.Random, files: Files) -> None:
    """Two files change places, or two values of one name in two files."""
    path = pick(dice, files)
    twin = pick(dice, files, path.split("/")[0])
    if dice.random() < 0.3:
        files[path], files[twin] = files[twin], files[path]
        return
    one, two = parse(files[path]), parse(files[twin])
    at = choose(dice, one)
    alike = [place for place in places(two) if place[-1:] == at[-1:]]
    there = dice.choice(alike)
    new, old = copy.deepcopy(found(two, there)), copy.deepcopy(found(one, at))
    files[path] = canonical_bytes(put(one, at, new))
    if twin != path:
        files[twin] = canonical_bytes(put(two, there, old))


def remove(dice: random.Random, files: Files) -> None:
    """A file is not there."""
    del files[pick(dice, files)]


def double(dice: random.Random, files: Files) -> None:
    """A file stands there once more, under another name of its kind or another folder."""
    path = pick(dice, files)
    folder, _, name = path.rpartition("/")
    new = dice.choice(["0" + name, name[:-6] + "0.json", name.upper(), "x/" + name, name])
    files[f"{dice.choice([folder, folder, 'training', 'logs'])}/{new}".lstrip("/")] = files[path]


def foreign(dice: random.Random, files: Files) -> None:
    """A file of other evidence, beside or in place of this one's."""
    theirs = dice.choice(bases()).files
    path = pick(dice, theirs)
    files[path] = theirs[path]


def respell(dice: random.Random, files: Files) -> None:
    """The same values, written otherwise."""
    path = pick(dice, files)
    data = files[path]
    value = parse(data)
    spelled = [
        json.dumps(value, indent=1).encode(),
        json.dumps(value, separators=(",", ":")).encode() + b"\n",
        b"\xef\xbb\xbf" + data,
        data.replace(b'"0x', b'"\\u0030x', 1),
        data.replace(b":1,", b":1.0,", 1),
        data.replace(b":0,", b":-0,", 1),
        data.replace(b":1,", b":true,", 1),
        data.replace(b'{"', b'{"a":1,"a":1,"', 1),
        data.replace(b":7,", b":7e0,", 1),
    ]
    files[path] = dice.choice(spelled)


def flip(dice: random.Random, files: Files) -> None:
    """One bit, byte or stretch of a file."""
    path = pick(dice, files)
    data = bytearray(files[path])
    at = dice.randrange(len(data))
    change = dice.randrange(4)
    if change == 0:
        data[at] ^= 1 << dice.randrange(8)
    elif change == 1:
        data[at] = dice.choice(b'0123456789abcdefx"{}[],:')
    elif change == 2:
        del data[at : at + dice.randint(1, 40)]
    else:
        data[at:at] = data[at : at + dice.randint(1, 8)]
    files[path] = bytes(data)


def reform(dice: random.Random, files: Files) -> None:
    """A signature in another form, place or number."""
    path, value, at = envelope(dice, files)
    signatures = found(value, at)["signatures"]
    one = dice.choice(signatures)
    raw = bytes.fromhex(one["signature"][2:])
    change = dice.randrange(6)
    if change == 0:
        one["signature"] = "0x" + (raw[:64] + bytes([55 - raw[64]])).hex()
    elif change == 1:
        high = (ORDER - int.from_bytes(raw[32:64])).to_bytes(32)
        one["signature"] = "0x" + (raw[:32] + high + bytes([55 - raw[64]])).hex()
    elif change == 2:
        one["signature"] = "0x" + (raw[:64] + bytes([raw[64] - 27])).hex()
    elif change == 3:
        signatures.reverse()
    elif change == 4:
        signatures.append(dict(one))
    else:
        one["signature"] = dice.choice([one["signature"].upper(), one["signature"][2:], "0x"])
    files[path] = canonical_bytes(value)


def prove(dice: random.Random, files: Files) -> None:
    """Accounts, words and nodes of the chain proof in other numbers, order, places or spellings."""
    value = parse(files[CHAIN])
    account, twin = dice.choice(value["accounts"]), dice.choice(value["accounts"])
    word, second = dice.choice(account["storage"]), dice.choice(twin["storage"])
    change = dice.randrange(12)
    if change == 0:
        account["storage"].remove(word)
    elif change == 1:
        word["proof"], second["proof"] = second["proof"], word["proof"]
    elif change == 2:
        word["slot"] = second["slot"]
    elif change == 3:
        word["slot"] = dice.choice(["0x0" + word["slot"][2:], word["slot"].upper(), "0x5", "0x"])
    elif change == 4:
        (word["proof"] or account["proof"]).pop()
    elif change == 5:
        (word["proof"] or account["proof"]).append(dice.choice(["0x80", "0xc0", *account["proof"]]))
    elif change == 6:
        value["accounts"].remove(account)
    elif change == 7:
        dice.shuffle(value["accounts"])
        dice.shuffle(account["storage"])
    elif change == 8:
        account["address"] = dice.choice([twin["address"], "0x" + "12" * 20, account["address"].upper()])
    elif change == 9:
        account["storage"].append(
            {"slot": hex(dice.randrange(2**16)), "proof": dice.choice([[], second["proof"]])}
        )
    elif change == 10:
        at = dice.randrange(2, len(value["header"]))
        value["header"] = value["header"][:at] + dice.choice("0123456789abcdef") + value["header"][at + 1 :]
    else:
        value["block_number"] = dice.choice([value["block_number"] + 1, True, str(value["block_number"])])
    files[CHAIN] = canonical_bytes(value)


def log(dice: random.Random, files: Files) -> None:
    """Entries of a log at other places, in another order, twice or not at all; another checkpoint."""
    path = pick(dice, files, "logs/")
    value = parse(files[path])
    proofs = value["proofs"]
    if not proofs:
        return
    one, two = dice.choice(proofs), dice.choice(proofs)
    change = dice.randrange(7)
    if change == 0:
        dice.shuffle(proofs)
    elif change == 1:
        one["index"], two["index"] = two["index"], one["index"]
    elif change == 2:
        proofs.remove(one)
    elif change == 3:
        proofs.append(copy.deepcopy(one))
    elif change == 4:
        one["proof"] = dice.choice([one["proof"][::-1], one["proof"][:-1], two["proof"], []])
    elif change == 5:
        text = value["checkpoint"]
        at = dice.randrange(len(text))
        changed = [
            text[:at] + text[at + 1 :],
            text + text.split("\n\n")[-1],
            text.replace("\n\n", "\nmore\n\n"),
        ]
        value["checkpoint"] = dice.choice(changed)
    else:
        one["index"] += dice.choice([1, -1, 2**20, 1 << len(one["proof"])])
    files[path] = canonical_bytes(value)


def state_otherwise(dice: random.Random, files: Files) -> None:
    """The manifest says something else, as signed by a party."""
    value = parse(files[PATH])
    body = value["document"]
    at = choose(dice, body)
    put(body, at, other(dice, found(body, at), texts(body)))
    body["statement"]["files"] |= {"kept": "as stated"} if dice.random() < 0.1 else {}
    sealed(value)
    files[PATH] = canonical_bytes(value)
    files["signed"] = b""


def word(dice: random.Random, files: Files) -> None:
    """A document is of a kind that nobody knows, in place of what it was or beside it."""
    path, value, at = envelope(dice, files)
    shown = found(value, at)
    body = shown["document"]
    before = sha256_hex(canonical_bytes(body))
    (field,) = {"asset_kind", "claim_kind", "action"} & body.keys()
    body[field] = dice.choice(["vote", "teleport", "x" * 64, "train2", "a.b-c_d", "Vote", "vote\n", "x" * 65])
    if path != ROUNDS and dice.random() < 0.7:
        sealed(shown)
        files["documents/" + sha256_hex(canonical_bytes(body)) + ".json"] = canonical_bytes(shown)
        return
    settle(dice, files, path, value, shown, before)


def allow(dice: random.Random, files: Files) -> None:
    """Terms allow something that nobody knows."""
    path, value, at = envelope(dice, files)
    shown = found(value, at)
    before = sha256_hex(canonical_bytes(shown["document"]))
    terms = shown["document"]["terms"]
    terms["actions"] = sorted({*terms["actions"], dice.choice(["teleport", "vote", "Vote"])})
    settle(dice, files, path, value, shown, before)


def later(dice: random.Random, files: Files) -> None:
    """A document, its terms or the manifest are of a later version, with fields of that."""
    if dice.random() < 0.3:
        value = parse(files[PATH])
        value["document"]["version"] = dice.choice([2, 7, 2**53 - 1, True, 0, "2"])
        value["document"]["statement"] |= dice.choice([{}, {"parts": ["more"]}])
        sealed(value)
        files[PATH] = canonical_bytes(value)
        files["signed"] = b""
        return
    path, value, at = envelope(dice, files)
    shown = found(value, at)
    before = sha256_hex(canonical_bytes(shown["document"]))
    part = dice.choice([shown["document"], shown["document"].get("terms", shown["document"])])
    part["version"] = dice.choice([2, 2, 3, 2**53 - 1, True, 0, "2"])
    part |= dice.choice([{}, {"more": [1]}])
    settle(dice, files, path, value, shown, before)


def critical(dice: random.Random, files: Files) -> None:
    """The manifest says what must be known to judge it."""
    value = parse(files[PATH])
    known = ["action.train", "claim_kind.release", "part.training"]
    strange = ["part.compute", "claim_kind.vote", "action.teleport", "training", "Part.training"]
    said = sorted({dice.choice(known), dice.choice([*known, dice.choice(strange)])})
    value["document"]["statement"]["critical"] = dice.choice(
        [said, said, said[::-1], [*said, said[0]], [], None]
    )
    sealed(value)
    files[PATH] = canonical_bytes(value)
    files["signed"] = b""


STEPS: tuple[Step, ...] = (
    edit,
    edit,
    resign,
    resign,
    redate,
    swap,
    remove,
    double,
    foreign,
    respell,
    flip,
    reform,
    prove,
    prove,
    log,
    log,
    state_otherwise,
    word,
    word,
    allow,
    later,
    critical,
)


@dataclass(frozen=True)
class Altered:
    """A bundle and how it came about."""

    base: Base
    steps: tuple[int, ...]
    """Places in `STEPS`."""
    seed: str
    bundle: Bundle | None
    """None where no such bundle can be."""
    trusted: str | None


def altered(seed: str, only: tuple[int, ...] | None = None) -> Altered:
    """What a seed draws; `only` some of its steps, to find out which of them matter."""
    dice = random.Random(seed)
    base = dice.choice(bases())
    steps = tuple(dice.randrange(len(STEPS)) for _ in range(dice.choice([1, 1, 1, 2, 3])))
    signer = dice.choice(["builder"] * 8 + ["buyer", "ada", "mallory", ""])
    trusted = base.block_hash if dice.random() < 0.85 else None
    kept = steps if only is None else only
    files = dict(base.files)
    for number, step in enumerate(kept):
        try:
            STEPS[step](random.Random(f"{seed} {step} {number}"), files)
        except (FreeholdError, LookupError, TypeError, ValueError, AttributeError):
            # nothing of the kind can be done here
            continue
    if files.pop("signed", None) is None and signer:
        value = parse(base.files[PATH])
        body = value["document"]
        body["issuer"] = person(signer).account
        body["statement"]["files"] = file_hashes({path: data for path, data in files.items() if path != PATH})
        sealed(value)
        files[PATH] = canonical_bytes(value)
    try:
        bundle = Bundle(files)
    except InvalidBundle:
        bundle = None
    return Altered(base, kept, seed, bundle, trusted)


def meaning(files: Files) -> Any:
    """What the checks conclude from, without what they cannot depend on: who shows it, when, and in which order."""
    value = {path: parse(data) for path, data in files.items()}
    body = value.pop(PATH)["document"]
    contracts = {name: body["statement"]["contracts"][name] for name in NAMED}
    said = {"subject": body["subject"], "chain": body["statement"]["chain_id"], "contracts": contracts}
    proof = value.pop(CHAIN)
    words = {
        (account["address"], one["slot"]): (account["proof"], one["proof"])
        for account in proof["accounts"]
        for one in account["storage"]
    }
    logs = {path: value.pop(path) for path in list(value) if path.startswith("logs/")}
    entries = {
        (path, one["id"]): (one["index"], one["proof"]) for path, log in logs.items() for one in log["proofs"]
    }
    heads = {path: log["checkpoint"] for path, log in logs.items()}
    for at in [at for at in places(value) if at[-1:] == ("signatures",)]:
        found(value, at).sort(key=lambda one: one["role"])
    return {
        "said": said,
        "header": proof["header"],
        "words": words,
        "logs": entries,
        "heads": heads,
        "files": value,
    }
