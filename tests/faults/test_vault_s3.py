"""The same blob store over the S3 protocol, against a real local server."""

import sqlite3
import sys
import time
import urllib.error
import urllib.request
from hashlib import sha256
from subprocess import DEVNULL, Popen

import pytest
from own_tables import vault_tables
from whole_blobs import Blobs

from freehold.vault.blobs import BlobCorrupt
from freehold.vault.keystore import Keys
from freehold.vault.stores import BlobMissing, BlobStoreUnreachable
from freehold.vault.vault import Vault

pytest.importorskip("moto.server", reason="moto[server], a local S3 server, is not installed")

SERVER = """
import socket, sys
from werkzeug.serving import make_server
from moto.server import DomainDispatcherApplication, create_backend_app
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=True)
print(server.port, file=sys.stderr, flush=True)
server.serve_forever()
"""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory):
    log = tmp_path_factory.mktemp("s3") / "log"
    with (
        log.open("wb") as output,
        Popen([sys.executable, "-c", SERVER], stdout=DEVNULL, stderr=output) as server,
    ):
        deadline = time.monotonic() + 30
        while not (lines := log.read_text().splitlines()) and time.monotonic() < deadline:
            time.sleep(0.05)
        address = f"http://127.0.0.1:{int(lines[0])}"
        request = urllib.request.Request(
            f"{address}/vault", method="PUT", headers={"Host": "s3.amazonaws.com"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200
        yield address
        server.terminate()


@pytest.fixture
def store(endpoint, tmp_path):
    return Blobs(
        "s3://vault/blobs",
        spool_directory=tmp_path / "spool",
        endpoint=endpoint,
        region="us-east-1",
        access_key_id="test",
        secret_access_key="test",
        client_options={"allow_http": True},
        virtual_hosted_style_request=False,
    )


@pytest.mark.parametrize("content", [b"", b"small", b"m" * (11 << 20)])
def test_put_and_get(store, content, tmp_path):
    cid = store.put(content)
    assert store.exists(cid)
    assert sha256(store.get(cid)).digest() == sha256(content).digest()
    assert cid in set(store.cids())
    assert list((tmp_path / "spool").iterdir()) == []
    store.delete(cid)
    assert not store.exists(cid)
    with pytest.raises(BlobMissing):
        store.get(cid)


def test_a_corrupt_object_is_never_returned(store):
    import obstore

    cid = store.put(b"original")
    obstore.put(store._store.client, cid, b"replaced")
    with pytest.raises(BlobCorrupt):
        store.get(cid)


def test_a_vault_over_s3(store):
    connection = sqlite3.connect(":memory:")
    vault_tables(connection)
    vault = Vault(store, connection, Keys.generate())
    sealed = vault.put("wine", b"table" * 1000)
    assert vault.open(sealed) == b"table" * 1000
    assert b"table" not in store.get(sealed.cid)
    connection.close()


def test_a_server_that_is_gone_is_named_without_credentials(tmp_path):
    store = Blobs(
        "s3://vault/blobs",
        spool_directory=tmp_path / "spool",
        endpoint="http://127.0.0.1:9",
        region="us-east-1",
        access_key_id="test",
        secret_access_key="top-secret",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    with pytest.raises(BlobStoreUnreachable) as caught:
        store.put(b"x")
    assert "top-secret" not in f"{caught.value.problem()} {caught.value.__cause__}"
