"""Blobs: named by their hash, whole or absent, checked on the way out."""

import os
import threading
from hashlib import sha256

import pytest
from whole_blobs import Blobs

from freehold.vault import blobs
from freehold.vault.blobs import BlobCorrupt, InvalidCid
from freehold.vault.spool import Spool, sweep
from freehold.vault.stores import BlobMissing, InvalidBlobStore


@pytest.fixture
def store(tmp_path):
    return Blobs(tmp_path / "blobs")


def names(tmp_path):
    return sorted(path.name for path in (tmp_path / "blobs").iterdir() if path.name != ".incoming")


@pytest.mark.parametrize("content", [b"", b"x", b"y" * 3_000_000])
def test_put_then_get(store, content):
    cid = store.put(content)
    assert cid == blobs.cid_of(content)
    assert store.get(cid) == content
    assert store.exists(cid)
    assert list(store.cids()) == [cid]


def test_putting_twice_is_one_blob_and_heals_a_damaged_one(store, tmp_path):
    cid = store.put([b"two ", b"pieces"])
    (tmp_path / "blobs" / cid).write_bytes(b"damaged")
    assert store.put(b"two pieces") == cid
    assert store.get(cid) == b"two pieces"
    assert names(tmp_path) == [cid]


def test_a_file_address_is_the_same_store(tmp_path, store):
    cid = store.put(b"content")
    assert Blobs((tmp_path / "blobs").as_uri()).get(cid) == b"content"
    assert Blobs(str(tmp_path / "blobs")).get(cid) == b"content"


@pytest.mark.parametrize(
    "change", [lambda b: b[:-1], lambda b: b + b"x", lambda b: b"X" + b[1:], lambda _: b""]
)
def test_a_corrupt_blob_is_never_returned(store, tmp_path, change):
    content = os.urandom(2_500_000)
    cid = store.put(content)
    (tmp_path / "blobs" / cid).write_bytes(change(content))
    with pytest.raises(BlobCorrupt) as caught:
        store.get(cid)
    assert caught.value.fields["cid"] == cid
    with pytest.raises(BlobCorrupt):
        store.reader(cid, limit_bytes=3_000_000).finish()


def test_a_blob_larger_than_allowed_is_refused_before_reading(store):
    cid = store.put(b"z" * 1000)
    assert store.get(cid, limit_bytes=1000)
    with pytest.raises(BlobCorrupt):
        store.reader(cid, limit_bytes=999)


def test_absent_blobs(store):
    cid = blobs.cid_of(b"never put")
    with pytest.raises(BlobMissing) as caught:
        store.get(cid)
    assert caught.value.hint
    assert not store.exists(cid)
    store.delete(cid)
    present = store.put(b"here")
    store.delete(present)
    assert not store.exists(present)


@pytest.mark.parametrize(
    "cid",
    [
        "",
        "../../etc/passwd",
        ".incoming",
        "bafkrei" + "a" * 51,
        blobs.cid_of(b"x").upper(),
        blobs.cid_of(b"x")[:-1] + "b",
        blobs.cid_of(b"x") + "\n",
        "Qm" + "a" * 44,
    ],
)
def test_names_that_are_no_content_ids_never_reach_the_store(store, cid):
    for act in (store.get, store.exists):
        with pytest.raises(InvalidCid):
            act(cid)


@pytest.mark.parametrize("number", range(64))
def test_every_content_id_passes_its_own_check(number):
    cid = blobs.cid_of(bytes([number]))
    assert blobs.check_cid(cid) == cid
    assert cid == blobs.cid_from_digest(sha256(bytes([number])).digest())


@pytest.mark.parametrize("url", ["", "http://host/x", "ftp://x", "file://host/x", "s3://"])
def test_other_addresses_are_refused(url):
    with pytest.raises(InvalidBlobStore):
        Blobs(url)


def test_an_interrupted_writer_leaves_nothing(store, tmp_path):
    def pieces():
        yield b"half"
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        store.put(pieces())
    assert names(tmp_path) == []
    assert list((tmp_path / "blobs" / ".incoming").iterdir()) == []


def test_a_sweep_spares_files_in_use(tmp_path):
    (tmp_path / "dead.part").write_bytes(b"left by a killed process")
    with Spool(tmp_path) as spool:
        assert sweep(tmp_path) == 1
        assert spool.path.exists()
    assert list(tmp_path.iterdir()) == []


def test_concurrent_writers_and_sweeps_do_not_disturb_one_another(tmp_path):
    failures = []

    def write(seed):
        try:
            for number in range(15):
                content = b"%d %d" % (seed, number % 5)
                store = Blobs(tmp_path / "blobs")
                assert store.get(store.put(content)) == content
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=write, args=(seed % 2,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(names(tmp_path)) == 10
