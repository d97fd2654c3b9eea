"""A vault under kill -9, a full disk and a large file."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time

import pytest
from own_tables import vault_tables
from whole_blobs import Blobs

from freehold.core.causes import StorageFull
from freehold.vault.keystore import Keys
from freehold.vault.vault import Vault

MARKER = b"patient-4711-marker"

PUTTER = textwrap.dedent("""
    import sqlite3, sys, time
    from pathlib import Path
    from freehold.vault.blobs import Blobs
    from freehold.vault.keystore import Keys
    from freehold.vault import vault as v
    home = Path(sys.argv[1])
    link = sqlite3.connect(home / "node.db")
    link.execute(v.TABLES[0])
    link.commit()
    vault = v.Vault(Blobs(home / "blobs"), link, Keys(bytes([1]) * 32, bytes(32), bytes([3]) * 32))
    class Endless:
        name = "source"
        def read(self, size):
            print("reading", flush=True)
            time.sleep(0.002)
            return (b"patient-4711-marker," * (size // 20 + 1))[:size]
        def __enter__(self): return self
        def __exit__(self, *_): pass
    v.plain_file.regular = lambda *_, **__: Endless()
    vault.put("wine", Path("endless"))
""")


def files_below(*folders):
    return [path for folder in folders for path in folder.rglob("*") if path.is_file()]


def test_a_kill_in_the_middle_of_a_put_shows_no_blob_and_no_plaintext(tmp_path):
    temporary = tmp_path / "tmp"
    home = tmp_path / "home"
    temporary.mkdir()
    home.mkdir()
    command = [sys.executable, "-c", PUTTER, str(home)]
    environment = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as putter:
        for _ in range(300):
            assert putter.stdout.readline()
        os.kill(putter.pid, signal.SIGKILL)
    incoming = home / "blobs" / ".incoming"
    [partial] = incoming.iterdir()
    assert partial.stat().st_size > 1 << 20, "the kill came before anything was written"
    for path in files_below(home, temporary):
        assert MARKER not in path.read_bytes()
    after = Blobs(home / "blobs")
    assert list(after.cids()) == []
    assert list(incoming.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = os.geteuid() == 0 and (
        subprocess.run(
            ["/bin/mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)],
            check=False,
            capture_output=True,
        ).returncode
        == 0
    )
    if not mounted:
        pytest.skip("a small file system cannot be mounted here; the file size limit is tested instead")
    yield place
    subprocess.run(["/bin/umount", str(place)], check=True)


def check_full(home, record):
    blobs = Blobs(home / "blobs")
    connection = sqlite3.connect(record)
    vault_tables(connection)
    vault = Vault(blobs, connection, Keys.generate())
    kept = vault.put("wine", b"fits")
    connection.commit()
    with pytest.raises(StorageFull) as caught:
        vault.put("wine", os.urandom(8 << 20))
    assert "space" in caught.value.hint
    assert list(blobs.cids()) == [kept.cid]
    assert list((home / "blobs" / ".incoming").iterdir()) == []
    assert vault.open(kept) == b"fits"
    assert vault.open(vault.put("wine", b"fits again")) == b"fits again"
    connection.close()


def test_a_full_disk_is_said_and_leaves_the_vault_usable(small_disk, tmp_path):
    check_full(small_disk, tmp_path / "node.db")


def test_a_file_size_limit_is_said_and_leaves_the_vault_usable(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, before[1]))
    try:
        check_full(tmp_path, tmp_path / "node.db")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


LARGE = textwrap.dedent("""
    import resource, sqlite3, sys
    from pathlib import Path
    from freehold.vault.blobs import Blobs
    from freehold.vault.keystore import Keys
    from freehold.vault.vault import TABLES, Vault
    home, megabytes = Path(sys.argv[1]), int(sys.argv[2])
    with (home / "large").open("wb") as file:
        file.truncate(megabytes << 20)
    link = sqlite3.connect(home / "node.db")
    link.execute(TABLES[0])
    vault = Vault(Blobs(home / "blobs"), link, Keys.generate())
    class Sink:
        size = 0
        def write(self, data):
            self.size += len(data)
            return len(data)
    sink = Sink()
    vault.put("warm", b"up")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sealed = vault.put("large", home / "large")
    vault.open_into(sealed, sink)
    assert sink.size == sealed.size_bytes == megabytes << 20
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
""")


@pytest.mark.parametrize("megabytes", [96, pytest.param(1024, marks=pytest.mark.slow)])
def test_memory_does_not_grow_with_the_file(tmp_path, megabytes):
    started = time.monotonic()
    output = subprocess.run(
        [sys.executable, "-c", LARGE, str(tmp_path), str(megabytes)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert int(output) < 32, f"{output} MB more, after {time.monotonic() - started:.1f} s"
