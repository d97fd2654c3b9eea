"""As many owners as the contracts allow can be shown in evidence, and no more."""

from __future__ import annotations

import pytest
from evidence_ledger import CHAIN_ID, CONTRACTS
from evidence_verdicts import alone, broken, verify_standalone
from evidence_world import DOMAIN, World, person

from freehold.core.canonical import canonical_bytes, parse
from freehold.core.ids import sha256_hex
from freehold.core.signing import document_digest, sign_digest
from freehold.kernel.evidence.bundle import MAX_VALUES, Bundle, InvalidBundle
from freehold.kernel.evidence.manifest import PATH, sign_files
from freehold.kernel.evidence.verify import verify

MOST_OWNERS = 256
"""Of ModelShares, and so of what a model is derived from."""
MOST_WORDS = 1_024


def made(count):
    """Evidence of a run of so many owners, all of whom take part."""
    names = tuple(f"owner {number}" for number in range(count))
    everybody = {"agreeing": lambda _: names, "away": lambda *_: False, "shy": lambda *_: False}
    world = World(everybody, owners=names, rounds=1, rows=dict.fromkeys(names, 20), revoked=())
    return world.build()


@pytest.mark.slow
def test_evidence_of_as_many_owners_as_a_model_can_have_holds():
    assert broken(made(MOST_OWNERS)) == []


@pytest.fixture(scope="module")
def world():
    world = World()
    world.honest = world.build()
    return world


def signed(world, files):
    files = {path: data for path, data in files.items() if path != PATH}
    key = person("builder").key
    return sign_files(files, world.subject, chain_id=CHAIN_ID, contracts=CONTRACTS, key=key, issued_at=1)


def test_a_model_of_more_owners_is_refused_by_name(world):
    model = world.named["model"]
    more = [{"asset": f"0x{number:064x}", "role": "training-data", "weight": 0} for number in range(257)]
    body = model.body | {"derived_from": more}
    twin = type(model).model_construct(**dict(model))
    twin.__dict__["body"], twin.__dict__["id"] = body, sha256_hex(canonical_bytes(body))
    one = sign_digest(person("builder").key, document_digest(twin, "owner", DOMAIN))
    value = {
        "document": body,
        "signatures": [{"role": "owner", "signer": model.owner, "signature": "0x" + one.hex()}],
    }
    path = f"documents/{twin.id}.json"
    bundle = signed(world, world.honest.files | {path: canonical_bytes(value)})
    report = verify(bundle)
    assert (report.checks[-1].file, alone(bundle)) == (path, path)
    assert "derived_from: " in report.checks[-1].detail


def test_more_words_of_storage_than_evidence_can_need_are_refused(world):
    value = parse(world.honest.files["chain.json"])
    words = value["accounts"][0]["storage"]
    words += [{"slot": hex(number), "proof": []} for number in range(2, MOST_WORDS + 3 - len(words))]
    bundle = signed(world, world.honest.files | {"chain.json": canonical_bytes(value)})
    assert broken(bundle) == [("chain.state", "chain.json")]
    assert f"at most {MOST_WORDS:,}".replace(",", "") in verify(bundle).checks[-1].detail


WEIGHTS = {b"0": 1, b"{}": 5, b"[]": 5, b'""': 5, b"[[]]": 9, b'{"a":0}': 9}
"""Of one and the comma after it."""


@pytest.mark.parametrize("part", WEIGHTS, ids=bytes.decode)
def test_more_values_than_evidence_can_need_are_refused_before_they_are_read(tmp_path, part):
    for name in ("training", "logs"):
        (tmp_path / name).mkdir()
    count = MAX_VALUES // WEIGHTS[part] // 2 - 4
    for path in ("training/test.json", "logs/a.json"):
        (tmp_path / path).write_bytes(b"[" + b",".join([part] * count) + b"]")
    assert len(Bundle.read(tmp_path).files) == len(verify_standalone.read_files(tmp_path)) == 2
    (tmp_path / "chain.json").write_bytes(b",".join([part] * 32))
    with pytest.raises(InvalidBundle, match="values"):
        Bundle.read(tmp_path)
    with pytest.raises(SystemExit, match="values"):
        verify_standalone.read_files(tmp_path)
