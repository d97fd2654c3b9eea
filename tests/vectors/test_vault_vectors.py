"""Vault formats against published vectors (HPKE, the age test kit) and files we wrote earlier."""

import hashlib
import json
import zlib
from pathlib import Path

import pytest
from cryptography.hazmat.bindings._rust import openssl
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from freehold.core.errors import FreeholdError
from freehold.vault import blobs, sealing
from freehold.vault.keystore import Keys
from freehold.vault.sealing import EpochSecret

DATA = Path(__file__).parent / "data" / "vault"
OURS = json.loads((DATA / "vault.json").read_text())
PUBLISHED = Path(__file__).resolve().parents[2] / ".." / "shared" / "vectors"
ABSENT = "the published vectors are not beside the repository"


def open_with_aad(private, enc, ciphertext, info, aad):
    """The library's one-shot opening; its public form has no associated data, which the vectors use."""
    opening = openssl.hpke._decrypt_with_aad
    return opening(
        sealing._suite(), enc + ciphertext, X25519PrivateKey.from_private_bytes(private), info, aad
    )


def test_our_older_files_still_open(tmp_path):
    (tmp_path / "keys.jwe").write_text(OURS["keystore"])
    keys = Keys.load(tmp_path / "keys.jwe", OURS["passphrase"])
    assert keys.account_key.hex() == OURS["account_key"]
    assert keys.log_seed.hex() == OURS["log_seed"]
    assert keys.encryption_key.hex() == OURS["encryption_key"]
    assert (keys.account, keys.encryption_public.hex()) == (OURS["account"], OURS["encryption_public"])
    wrapped = bytes.fromhex(OURS["wrapped"])
    secret = sealing.unwrap(wrapped, keys.encryption_key, asset=OURS["asset"], epoch=OURS["epoch"])
    assert secret.identity == OURS["epoch_secret"]
    assert sealing.unseal_bytes(bytes.fromhex(OURS["sealed"]), secret).decode() == OURS["plaintext"]


def test_content_id_of_the_ipfs_documentation():
    # docs.ipfs.tech, "Content identifiers": the raw block "hello world".
    assert blobs.cid_of(b"hello world") == "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"


def test_hpke_of_the_rfc():
    case = json.loads((DATA / "hpke.json").read_text())
    private, enc, ct, info, aad = (bytes.fromhex(case[name]) for name in ("skRm", "enc", "ct", "info", "aad"))
    assert open_with_aad(private, enc, ct, info, aad) == bytes.fromhex(case["pt"])


def hpke_cases():
    path = PUBLISHED / "hpke" / "hpke_rfc9180.json"
    if not path.is_file():
        return [pytest.param(None, id="absent", marks=pytest.mark.skip(reason=ABSENT))]
    return [
        pytest.param(case, id="mode{mode}-kem{kem_id}-kdf{kdf_id}-aead{aead_id}".format(**case))
        for case in json.loads(path.read_text())["cases"]
        # base mode with X25519, HKDF-SHA256, AES-128-GCM: the one the vault uses
        if (case["mode"], case["kem_id"], case["kdf_id"], case["aead_id"]) == (0, 32, 1, 1)
    ]


@pytest.mark.parametrize("case", hpke_cases())
def test_hpke_published(case):
    private, enc, info = (bytes.fromhex(case[name]) for name in ("skRm", "enc", "info"))
    first = case["encryptions"][0]
    assert first["seq"] == 0
    opened = open_with_aad(private, enc, bytes.fromhex(first["ct"]), info, bytes.fromhex(first["aad"]))
    assert opened.hex() == first["pt"]
    # Later messages of one context and exports are not in the library's one-shot interface, nor used.


def age_cases():
    folder = PUBLISHED / "age" / "testdata"
    if not folder.is_dir():
        return [pytest.param(None, id="absent", marks=pytest.mark.skip(reason=ABSENT))]
    return [pytest.param(path, id=path.name) for path in sorted(folder.iterdir()) if concerns_the_vault(path)]


def concerns_the_vault(path):
    """Armour, passphrases and hybrid keys are not used in the vault."""
    fields, _ = parse_age(path)
    return fields.get("armored") != ["yes"] and "passphrase" not in fields and plain_identities(fields)


def plain_identities(fields):
    return [value for value in fields.get("identity", []) if value.startswith("AGE-SECRET-KEY-1")]


def parse_age(path):
    head, _, body = path.read_bytes().partition(b"\n\n")
    fields = {}
    for line in head.decode().splitlines():
        name, _, value = line.partition(": ")
        fields.setdefault(name, []).append(value)
    if fields.get("compressed") == ["zlib"]:
        body = zlib.decompress(body)
    return fields, body


@pytest.mark.parametrize("path", age_cases())
def test_age_kit(path):
    fields, body = parse_age(path)
    identities = plain_identities(fields)
    [expected] = fields["expect"]
    released = []
    verdicts = []
    for identity in identities:
        target = _Collect()
        try:
            sealing.unseal(_Source(body), target, EpochSecret(identity))
            verdicts.append("success")
        except FreeholdError:
            verdicts.append("refused")
        released.append(bytes(target.data))
    if expected == "success":
        assert "success" in verdicts
        assert hashlib.sha256(released[verdicts.index("success")]).hexdigest() == fields["payload"][0]
    else:
        assert set(verdicts) == {"refused"}
    if expected == "payload failure":
        assert hashlib.sha256(released[0]).hexdigest() == fields["payload"][0]


class _Collect:
    def __init__(self):
        self.data = bytearray()

    def write(self, data):
        self.data += data
        return len(data)


class _Source:
    def __init__(self, data):
        self.data = data

    def read(self, size):
        piece, self.data = self.data[:size], self.data[size:]
        return piece
