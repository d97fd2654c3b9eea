"""The key file: whole, private, bounded, and silent about what it holds."""

import hmac
import json
import stat
import traceback
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from freehold import durable
from freehold.vault import keystore
from freehold.vault.keystore import InvalidKeystore, Keys, KeystoreExists, KeystoreMissing, WrongPassphrase

# The key with value 1 has the generator as its public point (SEC 2) and a well-known address.
ONE = Keys((1).to_bytes(32), b"\x02" * 32, b"\x03" * 32)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("home") / "keys.jwe"
    keys = Keys.generate()
    keys.save(path, "correct horse")
    return path, keys


def test_public_sides_follow_from_the_keys():
    assert ONE.account == "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf"
    assert ONE.account_public.hex().startswith("0479be667ef9dcbbac55a06295ce870b07")
    assert (len(ONE.account_public), len(ONE.encryption_public)) == (65, 32)


def test_saved_keys_load_with_the_passphrase_only(saved):
    path, keys = saved
    assert Keys.load(path, "correct horse") == keys
    for wrong in ("correct hors", "Correct horse", "correct horse "):
        with pytest.raises(WrongPassphrase) as caught:
            Keys.load(path, wrong)
        assert wrong not in str(caught.value)
        assert caught.value.hint


def test_the_file_is_private_and_holds_no_key_in_clear(saved):
    path, keys = saved
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]
    content = path.read_bytes()
    for secret in (keys.account_key, keys.log_seed, keys.encryption_key):
        assert secret not in content
        assert secret.hex().encode() not in content


def test_one_passphrase_in_two_unicode_spellings(tmp_path):
    ONE.save(tmp_path / "k", "caf\u00e9 noir")
    assert Keys.load(tmp_path / "k", "cafe\u0301 noir") == ONE


def test_an_existing_file_is_kept_unless_replaced_on_purpose(saved):
    path, keys = saved
    with pytest.raises(KeystoreExists):
        ONE.save(path, "other")
    assert Keys.load(path, "correct horse") == keys
    keys.save(path, "new words", replace=True)
    assert Keys.load(path, "new words") == keys
    keys.save(path, "correct horse", replace=True)


def test_nothing_printed_shows_a_secret(tmp_path):
    keys = Keys.generate()
    secrets = [
        value
        for key in (keys.account_key, keys.log_seed, keys.encryption_key)
        for value in (key.hex(), repr(key))
    ]
    assert not any(secret in text for secret in secrets for text in (repr(keys), str(keys), f"{keys}"))
    # The curve order is out of range: the error must not quote it.
    content = {
        "version": 1,
        "account_key": keystore._CURVE_ORDER.to_bytes(32).hex(),
        "log_seed": "zz",
        "encryption_key": "",
    }
    path = tmp_path / "bad"
    path.write_bytes(keystore.encrypt(json.dumps(content).encode(), "p"))
    with pytest.raises(InvalidKeystore) as caught:
        Keys.load(path, "p")
    assert f"{keystore._CURVE_ORDER:x}" not in "".join(traceback.format_exception(caught.value)).lower()


@pytest.mark.parametrize("account_key", [bytes(32), b"\xff" * 32, b"\x01" * 31, "11" * 32])
def test_account_keys_outside_the_curve_are_refused(account_key):
    with pytest.raises(InvalidKeystore):
        Keys(account_key, b"\x02" * 32, b"\x03" * 32)


def test_an_absent_file_and_an_empty_passphrase_are_told_apart(tmp_path):
    with pytest.raises(KeystoreMissing):
        Keys.load(tmp_path / "none", "p")
    with pytest.raises(InvalidKeystore):
        ONE.save(tmp_path / "k", "")
    assert list(tmp_path.iterdir()) == []


def with_header(token, **changes):
    first, rest = token.split(b".", 1)
    header = json.loads(urlsafe_b64decode(first + b"=" * (-len(first) % 4))) | changes
    header = {name: value for name, value in header.items() if value is not None}
    return urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=") + b"." + rest


@pytest.mark.parametrize(
    "changes",
    [
        {"p2c": 2_000_001},
        {"p2c": 10**30},
        {"p2c": 1},
        {"p2c": -1},
        {"p2c": True},
        {"p2c": "210000"},
        {"p2c": None},
        {"alg": "dir"},
        {"alg": "PBES2-HS256+A128KW"},
        {"enc": "A128CBC-HS256"},
        {"zip": "DEF"},
        {"crit": ["x"]},
    ],
)
def test_costly_or_foreign_files_are_refused_before_any_work(saved, tmp_path, monkeypatch, changes):
    path, _ = saved
    monkeypatch.setattr(keystore, "_key", lambda _: pytest.fail("a key was about to be derived"))
    (tmp_path / "k").write_bytes(with_header(path.read_bytes(), **changes))
    with pytest.raises(InvalidKeystore):
        Keys.load(tmp_path / "k", "correct horse")


@pytest.mark.parametrize(
    "content", [b"", b"...", b"{}", b"\xff" * 100, b"e30.a.b.c.d", b"W10.a.b.c.d", b"x" * 65_537]
)
def test_files_that_are_no_key_files_are_refused(tmp_path, content):
    (tmp_path / "k").write_bytes(content)
    with pytest.raises(InvalidKeystore):
        Keys.load(tmp_path / "k", "p")


@pytest.mark.parametrize("part", [1, 2, 3, 4])
def test_a_damaged_file_does_not_load(saved, tmp_path, part):
    path, _ = saved
    parts = path.read_bytes().split(b".")
    parts[part] = (b"B" if parts[part][:1] == b"A" else b"A") + parts[part][1:]
    (tmp_path / "k").write_bytes(b".".join(parts))
    with pytest.raises(WrongPassphrase):
        Keys.load(tmp_path / "k", "correct horse")


def test_a_failed_write_leaves_the_old_file(saved, monkeypatch):
    path, keys = saved

    def fail(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable.os, "fsync", fail)
    with pytest.raises(OSError, match="No space"):
        ONE.save(path, "other", replace=True)
    monkeypatch.undo()
    assert list(path.parent.iterdir()) == [path]
    assert Keys.load(path, "correct horse") == keys


def test_secrets_for_a_purpose_follow_from_the_keys_alone():
    """RFC 5869 without salt, by hand."""
    keys, other = Keys.generate(), Keys.generate()
    extracted = hmac.digest(bytes(32), keys.encryption_key, "sha256")
    expected = hmac.digest(extracted, b"freehold/rows" + b"\x01", "sha256")
    assert keys.derived("rows") == expected
    assert len({keys.derived("rows"), keys.derived("other"), other.derived("rows"), keys.encryption_key}) == 4
