"""No changed byte of sealed or wrapped data goes unnoticed, whatever the data and wherever the change."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.core.errors import FreeholdError
from freehold.vault import sealing
from freehold.vault.sealing import EpochSecret, HeaderChecked, SealBroken

SECRET = EpochSecret.generate()


@settings(deadline=None)
@given(st.binary(max_size=2000), st.integers(0, 999_999), st.integers(1, 255))
def test_a_changed_byte_never_opens(plaintext, position_millionths, change):
    sealed = sealing.seal_bytes(plaintext, SECRET.recipient)
    assert sealing.unseal_bytes(sealed, SECRET) == plaintext
    place = position_millionths * len(sealed) // 1_000_000
    with pytest.raises(FreeholdError):
        sealing.unseal_bytes(sealed[:place] + bytes([sealed[place] ^ change]) + sealed[place + 1 :], SECRET)
    with pytest.raises(FreeholdError):
        sealing.unseal_bytes(sealed[:place], SECRET)


@given(st.lists(st.integers(1, 200), max_size=6), st.binary(max_size=20_000), st.integers(1, 9000))
def test_the_header_check_passes_every_byte_on(lengths, payload, size):
    stanzas = b"".join(
        b"\n-> type" + b"".join(b"\n" + b"A" * 64 for _ in range(length // 64)) + b"\n" + b"A" * (length % 64)
        for length in lengths
    )
    whole = b"age-encryption.org/v1" + stanzas + b"\n--- mac\n" + payload
    checked = HeaderChecked(io.BytesIO(whole))
    assert b"".join(iter(lambda: checked.read(size), b"")) == whole


@pytest.mark.parametrize(
    "body",
    [b"-> a\n", b"-> a\n" + b"A" * 64 + b"\n", b"-> a\n-> b\n\n", b"-> a\n\n-> b\n" + b"A" * 64 + b"\n"],
)
def test_a_stanza_without_its_last_line_is_refused(body):
    with pytest.raises(SealBroken):
        HeaderChecked(io.BytesIO(b"age-encryption.org/v1\n" + body + b"--- mac\n"))


def test_an_endless_header_is_refused():
    class Endless:
        given = 0

        def read(self, size):
            self.given += size
            return b"A" * size

    endless = Endless()
    with pytest.raises(SealBroken):
        HeaderChecked(endless)
    assert endless.given < 100_000
