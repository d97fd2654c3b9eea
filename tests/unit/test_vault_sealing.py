"""Sealing streams and wrapping epoch secrets: only the named holder, asset and epoch open them."""

import io

import pytest

from freehold.vault import sealing
from freehold.vault.keystore import Keys
from freehold.vault.sealing import EpochSecret, InvalidEpochKey, SealBroken, WrongEpochKey

SECRET = EpochSecret.generate()
HOLDER = Keys((1).to_bytes(32), b"\x02" * 32, b"\x03" * 32)
OTHER = Keys((1).to_bytes(32), b"\x02" * 32, b"\x04" * 32)
WRAPPED = sealing.wrap(SECRET, HOLDER.encryption_public, asset="wine", epoch=2)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 300_000])
def test_what_is_sealed_opens_again(size):
    plaintext = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    sealed = sealing.seal_bytes(plaintext, SECRET.recipient)
    assert sealed.startswith(b"age-encryption.org/v1\n-> X25519 ")
    assert sealing.unseal_bytes(sealed, SECRET) == plaintext


def test_another_secret_does_not_open_it():
    sealed = sealing.seal_bytes(b"data", SECRET.recipient)
    with pytest.raises(WrongEpochKey):
        sealing.unseal_bytes(sealed, EpochSecret.generate())


SEALED = sealing.seal_bytes(b"d" * 100_000, SECRET.recipient)


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        SEALED[:50],
        SEALED[:-1],
        SEALED[:-30_000],
        SEALED + b"x",
        SEALED[:-1] + bytes([SEALED[-1] ^ 1]),
        b"junk" * 99,
    ],
    # the sealed bytes differ from run to run, so they cannot name the cases
    ids=["empty", "header", "last byte", "last chunk", "longer", "changed", "junk"],
)
def test_altered_or_cut_data_is_refused(broken):
    with pytest.raises(SealBroken):
        sealing.unseal_bytes(broken, SECRET)


class Failing:
    def read(self, _size):
        raise OSError(5, "Input/output error")

    def write(self, _data):
        raise OSError(28, "No space left on device")


def test_a_failing_stream_is_reported_as_itself():
    with pytest.raises(OSError, match="Input/output"):
        sealing.seal(Failing(), io.BytesIO(), SECRET.recipient)
    with pytest.raises(OSError, match="No space"):
        sealing.seal(io.BytesIO(b"x" * 200_000), Failing(), SECRET.recipient)
    with pytest.raises(OSError, match="Input/output"):
        sealing.unseal(Failing(), io.BytesIO(), SECRET)
    with pytest.raises(OSError, match="No space"):
        sealing.unseal(io.BytesIO(SEALED), Failing(), SECRET)


def test_the_holder_unwraps_the_secret():
    assert len(WRAPPED) == sealing.WRAPPED_BYTES
    assert sealing.unwrap(WRAPPED, HOLDER.encryption_key, asset="wine", epoch=2) == SECRET


@pytest.mark.parametrize(
    ("keys", "asset", "epoch", "wrapped"),
    [
        (OTHER, "wine", 2, WRAPPED),
        (HOLDER, "wines", 2, WRAPPED),
        (HOLDER, "wine", 1, WRAPPED),
        (HOLDER, "wine", 2, WRAPPED[:-1] + bytes([WRAPPED[-1] ^ 1])),
        (HOLDER, "wine", 2, bytes(32) + WRAPPED[32:]),
    ],
)
def test_nothing_else_unwraps_it(keys, asset, epoch, wrapped):
    with pytest.raises(WrongEpochKey):
        sealing.unwrap(wrapped, keys.encryption_key, asset=asset, epoch=epoch)


@pytest.mark.parametrize("size", [0, 31, 121, 123, 10_000])
def test_a_wrapped_secret_of_another_size_is_refused(size):
    with pytest.raises(InvalidEpochKey):
        sealing.unwrap(bytes(size), HOLDER.encryption_key, asset="wine", epoch=2)


@pytest.mark.parametrize(
    ("public", "asset", "epoch"),
    [
        (bytes(32), "wine", 1),
        (b"\x01" + bytes(31), "wine", 1),
        (b"k" * 31, "wine", 1),
        (HOLDER.encryption_public, "", 1),
        (HOLDER.encryption_public, "two\nlines", 1),
        (HOLDER.encryption_public, "x" * 513, 1),
        (HOLDER.encryption_public, "wine", 0),
        (HOLDER.encryption_public, "wine", 2**53),
    ],
)
def test_unusable_holders_and_names_are_refused(public, asset, epoch):
    with pytest.raises(InvalidEpochKey):
        sealing.wrap(SECRET, public, asset=asset, epoch=epoch)


def test_secrets_and_recipients_are_checked_and_hidden():
    assert SECRET.identity not in repr(SECRET)
    with pytest.raises(InvalidEpochKey) as caught:
        EpochSecret("AGE-SECRET-KEY-1MARKER")
    assert "MARKER" not in str(caught.value)
    assert caught.value.__cause__ is None
    with pytest.raises(InvalidEpochKey):
        sealing.seal_bytes(b"x", "age1nonsense")
