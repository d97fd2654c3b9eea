"""The vault: sealed at rest, shared by the epoch, closed again by rotation."""

import sqlite3

import pytest
from own_tables import vault_tables
from whole_blobs import Blobs

from freehold.vault import vault as rooms
from freehold.vault.blobs import BlobCorrupt
from freehold.vault.keystore import Keys
from freehold.vault.sealing import InvalidEpochKey, WrongEpochKey
from freehold.vault.stores import BlobMissing
from freehold.vault.vault import (
    EpochConflict,
    EpochMissing,
    Sealed,
    SizeMismatch,
    SourceMissing,
    TooLarge,
    Vault,
)

MARKER = b"patient-4711-marker"
TABLE = b"name,value\n" + (MARKER + b",1\n") * 5_000


class Party:
    def __init__(self, home):
        home.mkdir()
        self.home = home
        self.keys = Keys.generate()
        self.blobs = Blobs(home / "blobs")
        self.connection = sqlite3.connect(home / "node.db", timeout=0.2)
        vault_tables(self.connection)
        self.connection.commit()
        self.vault = Vault(self.blobs, self.connection, self.keys)


@pytest.fixture
def owner(tmp_path):
    party = Party(tmp_path / "owner")
    yield party
    party.connection.close()


@pytest.fixture
def holder(tmp_path, owner):
    party = Party(tmp_path / "holder")
    # A holder reads the owner's blobs, as if fetched.
    party.vault = Vault(owner.blobs, party.connection, party.keys)
    yield party
    party.connection.close()


def test_what_is_put_opens_again_also_after_a_restart(owner, tmp_path):
    source = tmp_path / "table.csv"
    source.write_bytes(TABLE)
    sealed = owner.vault.put("wine", source)
    owner.connection.commit()
    assert sealed == Sealed("wine", sealed.cid, 1, len(TABLE))
    with sqlite3.connect(owner.home / "node.db") as again:
        assert Vault(Blobs(owner.home / "blobs"), again, owner.keys).open(sealed) == TABLE
    again.close()


@pytest.mark.parametrize("content", [b"", b"x"])
def test_small_data(owner, content):
    assert owner.vault.open(owner.vault.put("tiny", content)) == content


def test_nothing_readable_lies_on_the_disk(owner, tmp_path):
    sealed = owner.vault.put("wine", TABLE)
    owner.connection.commit()
    identity = owner.vault._secret("wine", 1).identity.encode()
    files = [path for path in owner.home.rglob("*") if path.is_file()]
    for path in files:
        content = path.read_bytes()
        assert MARKER not in content
        assert identity not in content
        assert b"AGE-SECRET-KEY" not in content
    assert {path.name for path in files} == {"node.db", sealed.cid}
    assert owner.vault.open(sealed) == TABLE


def test_equal_data_is_sealed_differently_each_time(owner):
    first, second = owner.vault.put("wine", TABLE), owner.vault.put("wine", TABLE)
    assert first.cid != second.cid
    assert first.epoch == second.epoch == 1


def test_a_holder_opens_the_shared_epoch_and_not_the_next(owner, holder):
    before = owner.vault.put("wine", TABLE)
    with pytest.raises(EpochMissing):
        holder.vault.open(before)
    wrapped = owner.vault.share("wine", 1, holder.keys.encryption_public)
    holder.vault.accept("wine", 1, wrapped)
    holder.vault.accept("wine", 1, wrapped)
    assert holder.vault.open(before) == TABLE

    assert owner.vault.rotate("wine") == 2
    after = owner.vault.put("wine", b"new version")
    assert after.epoch == 2
    with pytest.raises(EpochMissing):
        holder.vault.open(after)
    # Naming the epoch it holds does not help: the data is under another key.
    with pytest.raises(WrongEpochKey):
        holder.vault.open(Sealed("wine", after.cid, 1, after.size_bytes))
    assert owner.vault.open(before) == TABLE
    assert owner.vault.open(after) == b"new version"


def test_a_share_for_one_holder_asset_and_epoch_is_of_no_use_elsewhere(owner, holder):
    owner.vault.put("wine", TABLE)
    owner.vault.rotate("wine")
    for_other = owner.vault.share("wine", 1, Keys.generate().encryption_public)
    for_holder = owner.vault.share("wine", 1, holder.keys.encryption_public)
    for asset, epoch, wrapped in (("wine", 1, for_other), ("wine", 2, for_holder), ("beer", 1, for_holder)):
        with pytest.raises(WrongEpochKey):
            holder.vault.accept(asset, epoch, wrapped)
    assert holder.vault.newest_epoch("wine") == 0


def test_another_secret_for_a_known_epoch_is_refused(owner, holder):
    holder.vault.put("wine", b"holder's own asset of that name")
    owner.vault.put("wine", TABLE)
    with pytest.raises(EpochConflict):
        holder.vault.accept("wine", 1, owner.vault.share("wine", 1, holder.keys.encryption_public))


def test_assets_do_not_share_secrets(owner):
    wine, beer = owner.vault.put("wine", TABLE), owner.vault.put("beer", TABLE)
    with pytest.raises(WrongEpochKey):
        owner.vault.open(Sealed("beer", wine.cid, 1, wine.size_bytes))
    assert owner.vault.open(beer) == TABLE


def test_an_epoch_rolled_back_was_never_there(owner):
    sealed = owner.vault.put("wine", TABLE)
    owner.connection.rollback()
    with pytest.raises(EpochMissing):
        owner.vault.open(sealed)
    with pytest.raises(EpochMissing):
        owner.vault.rotate("wine")


def test_two_first_puts_at_once_end_in_one_epoch(owner):
    other = sqlite3.connect(owner.home / "node.db")
    rival = Vault(owner.blobs, other, owner.keys)

    source = owner.home / "source"
    source.write_bytes(TABLE)
    record = owner.vault._record
    owner.vault._record = lambda *arguments: (rival.put("wine", b"rival"), other.commit(), record(*arguments))
    with pytest.raises(EpochConflict):
        owner.vault.put("wine", source)
    del owner.vault._record
    owner.connection.rollback()
    assert owner.vault.open(owner.vault.put("wine", source)) == TABLE
    other.close()


def test_a_row_altered_on_disk_does_not_choose_the_reader(owner):
    from freehold.vault.sealing import EpochSecret

    owner.vault.put("wine", TABLE)
    thief = EpochSecret.generate()
    owner.connection.execute("UPDATE vault_epochs SET recipient = ?", (thief.recipient,))
    sealed = owner.vault.put("wine", TABLE)
    with pytest.raises(WrongEpochKey):
        rooms.sealing.unseal_bytes(owner.blobs.get(sealed.cid), thief)
    owner.connection.execute("UPDATE vault_epochs SET wrapped = zeroblob(122)")
    with pytest.raises(WrongEpochKey):
        owner.vault.put("wine", TABLE)


def test_damage_and_loss_are_named(owner):
    sealed = owner.vault.put("wine", TABLE)
    path = owner.home / "blobs" / sealed.cid
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises((BlobCorrupt, rooms.sealing.SealBroken)):
        owner.vault.open(sealed)
    # The same plaintext sealed anew is valid age, but not the blob that was named.
    path.write_bytes(rooms.sealing.seal_bytes(TABLE, owner.vault._secret("wine", 1).recipient))
    with pytest.raises(BlobCorrupt):
        owner.vault.open(sealed)
    path.unlink()
    with pytest.raises(BlobMissing):
        owner.vault.open(sealed)


@pytest.mark.parametrize("change", [-1, 1])
def test_a_wrong_recorded_size_is_found(owner, change):
    sealed = owner.vault.put("wine", TABLE)
    with pytest.raises(SizeMismatch):
        owner.vault.open(Sealed("wine", sealed.cid, 1, sealed.size_bytes + change))


def test_memory_is_not_promised_beyond_the_limit(owner):
    sealed = owner.vault.put("wine", TABLE)
    with pytest.raises(TooLarge):
        owner.vault.open(sealed, limit_bytes=len(TABLE) - 1)


def test_unusable_names_and_sources_change_nothing(owner, tmp_path):
    with pytest.raises(InvalidEpochKey):
        owner.vault.put("two\nlines", TABLE)
    with pytest.raises(SourceMissing):
        owner.vault.put("wine", tmp_path / "absent.csv")
    assert list(owner.blobs.cids()) == []
    assert owner.vault.newest_epoch("wine") == 0
