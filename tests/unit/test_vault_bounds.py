"""The vault at its exact bounds: one step within is taken, one step beyond is refused."""

import io
import json
import os
import sqlite3
from base64 import urlsafe_b64encode

import pytest
from own_tables import vault_tables
from whole_blobs import Blobs

from freehold.vault import envelope, keystore, sealing
from freehold.vault.blobs import BlobCorrupt, BlobReader, cid_of
from freehold.vault.keystore import InvalidKeystore, Keys, WrongPassphrase
from freehold.vault.sealing import (
    MAX_HEADER_BYTES,
    EpochSecret,
    HeaderChecked,
    InvalidEpochKey,
    SealBroken,
    WrongEpochKey,
)
from freehold.vault.vault import Sealed, SizeMismatch, TooLarge, Vault

CHUNK = 65_536
"""Bytes of plaintext in one chunk of an age file; sealed it takes 16 more."""
SECRET = EpochSecret.generate()


@pytest.fixture
def store(tmp_path):
    return Blobs(tmp_path)


@pytest.fixture
def vault(store):
    connection = sqlite3.connect(":memory:")
    vault_tables(connection)
    yield Vault(store, connection, Keys.generate())
    connection.close()


# -- blobs


@pytest.mark.parametrize("change", [-1, 0, 1])
def test_a_blob_is_read_up_to_its_limit_and_not_beyond(store, change):
    cid = store.put(b"x" * 1_000)
    if change < 0:
        with pytest.raises(BlobCorrupt):
            store.get(cid, limit_bytes=1_000 + change)
    else:
        assert store.get(cid, limit_bytes=1_000 + change) == b"x" * 1_000


@pytest.mark.parametrize("pieces", [[b"x" * 11], [b"x" * 10, b"x"], [b"x"] * 11], ids=["one", "two", "many"])
def test_a_store_that_sends_more_than_it_said_is_cut_off(pieces):
    sent = b"".join(pieces)
    assert BlobReader(cid_of(sent), iter(pieces), 11).read(100)
    reader = BlobReader(cid_of(sent), iter(pieces), 10)
    with pytest.raises(BlobCorrupt):
        reader.finish()


def test_a_blob_is_not_another_of_the_same_size(store, tmp_path):
    one, other = store.put(b"x" * 100_000), store.put(b"y" * 100_000)
    os.replace(tmp_path / other, tmp_path / one)  # noqa: PTH105 - the attack, not a write of ours
    with pytest.raises(BlobCorrupt):
        store.get(one)


# -- seals


@pytest.mark.parametrize("size", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1])
def test_sizes_about_a_chunk_come_back(vault, size):
    content = os.urandom(size)
    assert vault.open(vault.put("table", content)) == content


@pytest.mark.parametrize("size", [CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK - 5])
@pytest.mark.parametrize("cut", ["byte", "tag", "chunk", "all"])
def test_a_seal_cut_at_its_end_is_refused(size, cut):
    sealed = sealing.seal_bytes(os.urandom(size), SECRET.recipient)
    last = (size - 1) % CHUNK + 1 + 16
    less = {"byte": 1, "tag": 16, "chunk": last, "all": size + 16 * (1 + (size - 1) // CHUNK)}[cut]
    with pytest.raises(SealBroken):
        sealing.unseal_bytes(sealed[:-less], SECRET)


def test_a_seal_with_more_at_its_end_or_two_chunks_changed_over_is_refused():
    sealed = sealing.seal_bytes(os.urandom(3 * CHUNK), SECRET.recipient)
    step = CHUNK + 16
    start = len(sealed) - 3 * step
    swapped = (
        sealed[:start]
        + sealed[start + step : start + 2 * step]
        + sealed[start : start + step]
        + sealed[start + 2 * step :]
    )
    for broken in (sealed + b"\0", sealed + sealed[-step:], swapped):
        with pytest.raises(SealBroken):
            sealing.unseal_bytes(broken, SECRET)


@pytest.mark.parametrize("change", [-1, 0, 1])
def test_a_header_is_read_up_to_its_limit(change):
    start = b"age-encryption.org/v1\n-> x y\n"
    text = start + (b"z" * 9 + b"\n") * 7_000
    text = text[: MAX_HEADER_BYTES + change - 4] + b"\n---"
    if change > 0:
        with pytest.raises(SealBroken, match="too long"):
            HeaderChecked(_ByteByByte(text))
    else:
        assert len(text) == MAX_HEADER_BYTES + change
        HeaderChecked(_ByteByByte(text))


class _ByteByByte:
    """A stream that gives the last bytes one by one, so that a limit is met exactly."""

    def __init__(self, content):
        self._stream = io.BytesIO(content)

    def read(self, size):
        left = MAX_HEADER_BYTES - 8 - self._stream.tell()
        return self._stream.read(min(size, left) if left > 0 else 1)


# -- the vault


@pytest.mark.parametrize("change", [-1, 0, 1])
def test_what_is_opened_in_memory_has_an_exact_limit(vault, change):
    sealed = vault.put("table", b"x" * 1_000)
    if change < 0:
        with pytest.raises(TooLarge):
            vault.open(sealed, limit_bytes=1_000 + change)
    else:
        assert vault.open(sealed, limit_bytes=1_000 + change) == b"x" * 1_000


def test_a_version_is_not_another_of_the_same_size_or_epoch(vault, store, tmp_path):
    first, second = vault.put("table", b"1" * 5_000), vault.put("table", b"2" * 5_000)
    os.replace(tmp_path / second.cid, tmp_path / first.cid)  # noqa: PTH105 - the attack
    with pytest.raises(BlobCorrupt):
        vault.open(first)


def test_a_blob_of_another_epoch_asset_or_size_does_not_open(vault):
    first = vault.put("table", b"1" * 5_000)
    vault.rotate("table")
    second = vault.put("table", b"2" * 5_000)
    other = vault.put("other", b"3" * 5_000)
    for wrong in (
        Sealed("table", first.cid, second.epoch, 5_000),
        Sealed("table", second.cid, first.epoch, 5_000),
        Sealed("table", other.cid, 1, 5_000),
        Sealed("other", first.cid, 1, 5_000),
    ):
        with pytest.raises(WrongEpochKey):
            vault.open(wrong)
    longer = vault.put("table", b"4" * 5_001)
    for size in (5_000, 5_002):
        with pytest.raises((SizeMismatch, BlobCorrupt)):
            vault.open(Sealed("table", longer.cid, longer.epoch, size))


@pytest.mark.parametrize(
    ("asset", "epoch"),
    [("a" * 512, 1), ("ä" * 256, 1), ("a", 1), ("a", 2**53 - 1)],
    ids=["long", "long-utf8", "short", "last-epoch"],
)
def test_names_and_epochs_at_their_bounds_wrap(asset, epoch):
    keys = Keys.generate()
    wrapped = sealing.wrap(SECRET, keys.encryption_public, asset=asset, epoch=epoch)
    assert len(wrapped) == sealing.WRAPPED_BYTES
    assert sealing.unwrap(wrapped, keys.encryption_key, asset=asset, epoch=epoch) == SECRET
    for wrong in ({"asset": asset + "b", "epoch": epoch}, {"asset": asset, "epoch": epoch + 1}):
        with pytest.raises((WrongEpochKey, InvalidEpochKey)):
            sealing.unwrap(wrapped, keys.encryption_key, **wrong)


@pytest.mark.parametrize(
    ("asset", "epoch"),
    [("a" * 513, 1), ("ä" * 257, 1), ("", 1), ("a\nb", 1), ("a\x1f", 1), ("a", 0), ("a", -1), ("a", 2**53)],
    ids=["long", "long-utf8", "empty", "line", "control", "epoch-0", "negative", "epoch-53"],
)
def test_names_and_epochs_beyond_their_bounds_do_not(asset, epoch):
    with pytest.raises(InvalidEpochKey):
        sealing.wrap(SECRET, Keys.generate().encryption_public, asset=asset, epoch=epoch)


# -- keys under a passphrase


def _with_header(token, **changes):
    encoded, rest = token.split(b".", 1)
    header = json.loads(_decoded(encoded)) | changes
    return urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=") + b"." + rest


def _decoded(encoded):
    from base64 import urlsafe_b64decode

    return urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4))


@pytest.mark.parametrize(
    "rounds",
    [
        0,
        1,
        -1,
        1_000,
        keystore.MIN_ITERATIONS - 1,
        keystore.MAX_ITERATIONS + 1,
        2**31,
        10**400,
        True,
        1e6,
        "1",
    ],
)
def test_rounds_that_somebody_lowered_or_raised_are_refused_before_any_key_is_derived(monkeypatch, rounds):
    token = keystore.encrypt(b"secret", "a passphrase")
    monkeypatch.setattr(keystore, "_key", lambda passphrase: pytest.fail("a key was derived"))
    with pytest.raises(InvalidKeystore):
        keystore.decrypt(_with_header(token, p2c=rounds), "a passphrase")


@pytest.mark.parametrize("rounds", [keystore.MIN_ITERATIONS, keystore.MIN_ITERATIONS + 1])
def test_rounds_within_bounds_that_are_not_the_files_own_do_not_open_it(rounds):
    token = keystore.encrypt(b"secret", "a passphrase")
    with pytest.raises(WrongPassphrase):
        keystore.decrypt(_with_header(token, p2c=rounds), "a passphrase")


def test_new_keys_are_not_made_with_fewer_rounds_than_are_taken():
    assert keystore.MIN_ITERATIONS <= keystore.ITERATIONS <= keystore.MAX_ITERATIONS
    assert keystore.ITERATIONS >= 210_000  # OWASP's figure for PBKDF2-HMAC-SHA512


@pytest.mark.parametrize("change", [0, 1])
def test_a_key_file_is_read_up_to_its_limit(tmp_path, change):
    path = tmp_path / "keys"
    Keys.generate().save(path, "a passphrase")
    content = path.read_bytes()
    path.write_bytes(content + b"\n" * (keystore.MAX_FILE_BYTES + change - len(content)))
    # within its limit it is read and tried, although the lines behind it spoil it
    with pytest.raises(InvalidKeystore if change else WrongPassphrase):
        Keys.load(path, "a passphrase")


@pytest.mark.parametrize("rounds", [1, keystore.MIN_ITERATIONS - 1, keystore.MAX_ITERATIONS + 1])
def test_nor_does_a_backup_with_other_rounds_open(rounds):
    sealed = io.BytesIO()
    envelope.seal(io.BytesIO(b"content"), sealed, "a passphrase")
    magic, token, rest = sealed.getvalue().split(b"\n", 2)
    changed = io.BytesIO(magic + b"\n" + _with_header(token, p2c=rounds) + b"\n" + rest)
    with pytest.raises(envelope.NotABackup):
        envelope.unseal(changed, io.BytesIO(), "a passphrase")
