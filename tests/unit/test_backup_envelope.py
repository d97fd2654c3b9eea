"""A backup's seal: opens with its passphrase only, whole or not at all, with standard tools."""

import io
import json

import pyrage
import pytest
from joserfc import jwe
from joserfc.jwk import OctKey

from freehold.core.errors import FreeholdError
from freehold.vault import envelope
from freehold.vault.envelope import MAGIC, NotABackup
from freehold.vault.keystore import WrongPassphrase
from freehold.vault.sealing import SealBroken

CONTENT = bytes(range(256)) * 1_000
SECRET = "a long passphrase"


@pytest.fixture(scope="module")
def sealed():
    target = io.BytesIO()
    envelope.seal(io.BytesIO(CONTENT), target, SECRET)
    return target.getvalue()


def opened(data, passphrase=SECRET):
    target = io.BytesIO()
    envelope.unseal(io.BytesIO(data), target, passphrase)
    return target.getvalue()


def test_it_opens_with_the_passphrase_and_shows_nothing_without(sealed):
    assert opened(sealed) == CONTENT
    assert CONTENT[:256] not in sealed
    with pytest.raises(WrongPassphrase) as caught:
        opened(sealed, "another one")
    assert "another one" not in f"{caught.value}{caught.value.hint}"


def test_standard_tools_open_it(sealed):
    magic, token, rest = sealed.split(b"\n", 2)
    assert magic + b"\n" == MAGIC
    key = OctKey(SECRET.encode(), SECRET.encode())
    names = ["PBES2-HS512+A256KW", "A256GCM"]
    identity = jwe.decrypt_compact(token, key, algorithms=names).plaintext.decode()
    assert pyrage.decrypt(rest, [pyrage.x25519.Identity.from_str(identity)]) == CONTENT


def test_two_backups_share_nothing(sealed):
    target = io.BytesIO()
    envelope.seal(io.BytesIO(CONTENT), target, SECRET)
    assert target.getvalue().split(b"\n")[1] != sealed.split(b"\n")[1]
    mixed = b"\n".join(sealed.split(b"\n", 2)[:2]) + b"\n" + target.getvalue().split(b"\n", 2)[2]
    with pytest.raises(FreeholdError):
        opened(mixed)


@pytest.mark.parametrize("where", [0.0, 0.001, 0.01, 0.3, 0.6, 0.99999])
def test_any_changed_byte_is_noticed(sealed, where):
    place = int(len(sealed) * where)
    changed = bytearray(sealed)
    changed[place] ^= 1
    with pytest.raises(FreeholdError):
        opened(bytes(changed))


def test_a_cut_anywhere_is_noticed(sealed):
    for left in (0, 5, len(MAGIC), 100, 700, len(sealed) - 65_552, len(sealed) - 1):
        with pytest.raises((NotABackup, SealBroken, WrongPassphrase)):
            opened(sealed[:left])


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04", MAGIC, MAGIC + b"\n", MAGIC + b"x" * 100_000, MAGIC + b"a.b.c.d.e\nage"]
)
def test_what_is_no_backup_is_refused(data):
    with pytest.raises(NotABackup):
        opened(data)


def test_a_head_that_asks_for_minutes_of_work_is_refused(sealed):
    from base64 import urlsafe_b64decode, urlsafe_b64encode

    magic, token, rest = sealed.split(b"\n", 2)
    head, *more = token.split(b".")
    value = json.loads(urlsafe_b64decode(head + b"=="))
    value["p2c"] = 10**9
    costly = urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")
    with pytest.raises(NotABackup):
        opened(b"\n".join([magic, b".".join([costly, *more]), rest]))
