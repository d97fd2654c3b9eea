"""Backups of data kept elsewhere, and what happens when disks fill up or processes are killed half-way."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import node_tables
import pytest

from freehold.core.causes import StorageFull
from freehold.core.errors import InvalidInput, NotFound, VerificationFailed
from freehold.features.data.publishing import open_table
from freehold.kernel import settings
from freehold.kernel.home_lock import HomeInUse
from freehold.shell.backup import restoring, saving
from freehold.shell.backup.restoring import HomeNotEmpty
from freehold.vault.keystore import Keys

SECRET = "a passphrase"


@pytest.fixture(scope="module")
def home(world):
    """The home of an owner with one table, as `freehold up` would leave it."""
    party = world.party("owner")
    party.asset = party.publish(node_tables.make(24, seed=1))
    party.node.keys.save(party.home / "keys.jwe", SECRET)
    settings.save(party.home, party.node.settings)
    return party


def test_data_in_another_folder_comes_along_and_lies_in_the_new_home(home, tmp_path):
    known = settings.load(home.home)
    elsewhere = tmp_path / "elsewhere"
    (home.home / "blobs").rename(elsewhere)
    try:
        for where in (str(elsewhere), elsewhere.as_uri()):
            settings.save(home.home, known.with_overrides(blobs=where))
            file, new = tmp_path / f"{len(where)}.backup", tmp_path / f"home-{len(where)}"
            saving.save(home.home, file, SECRET)
            restored = restoring.restore(file, new, SECRET, allow_older=True)
            assert not restored.manifest.data_elsewhere
            assert settings.load(new).blobs == ""
            cid = home.asset.content.blob
            assert (new / "blobs" / cid).read_bytes() == (elsewhere / cid).read_bytes()
    finally:
        elsewhere.rename(home.home / "blobs")
        settings.save(home.home, known)
    assert open_table(home.node, home.asset.id)[0].rows == 24


def test_data_in_a_remote_store_stays_there_and_the_backup_says_so(home, tmp_path):
    known = settings.load(home.home)
    settings.save(home.home, known.with_overrides(blobs="s3://bucket/north"))
    try:
        saved = saving.save(home.home, tmp_path / "b", SECRET)
    finally:
        settings.save(home.home, known)
    assert saved.manifest.data_elsewhere
    assert len(saved.manifest.files) == 3
    restoring.restore(tmp_path / "b", tmp_path / "home", SECRET)
    assert settings.load(tmp_path / "home").blobs == "s3://bucket/north"
    assert not (tmp_path / "home" / "blobs").exists()


def test_keys_of_another_account_are_not_backed_up_as_this_ones(home, tmp_path):
    good = (home.home / "keys.jwe").read_bytes()
    Keys.generate().save(home.home / "keys.jwe", SECRET, replace=True)
    try:
        with pytest.raises(VerificationFailed, match="different accounts"):
            saving.save(home.home, tmp_path / "b", SECRET)
    finally:
        (home.home / "keys.jwe").write_bytes(good)


def test_paths_that_cannot_be_used_are_errors_with_a_hint(home, tmp_path):
    for act in (
        lambda: saving.save(home.home, tmp_path / "absent" / "b", SECRET),
        lambda: restoring.restore(tmp_path / "absent", tmp_path / "home", SECRET),
        lambda: restoring.restore(tmp_path, tmp_path / "home", SECRET),
        lambda: restoring.restore(tmp_path / "b", tmp_path / "absent" / "home", SECRET),
        lambda: restoring.examine(tmp_path / "absent" / "b", tmp_path / "absent", SECRET),
    ):
        with pytest.raises(InvalidInput) as caught:
            act()
        assert caught.value.hint
    with pytest.raises(NotFound):
        saving.save(tmp_path, tmp_path / "b", SECRET)
    assert list(tmp_path.iterdir()) == []


def limited(code, size_bytes, *arguments):
    """Run Python that may write files of at most `size_bytes`; the limit stands in for a full disk."""
    script = (
        "import resource, signal, sys; from pathlib import Path;"
        "from freehold.shell.backup import restoring, saving; from freehold.core.errors import FreeholdError\n"
        f"signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, ({size_bytes},) * 2)\n"
        f"try:\n    {code}\nexcept FreeholdError as error:\n    print(error.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_full_disk_leaves_neither_half_a_backup_nor_half_a_home(home, tmp_path):
    save = f"saving.save(Path(sys.argv[1]), Path(sys.argv[2]), {SECRET!r})"
    assert limited(save, 40_000, home.home, tmp_path / "b") in ("blob.full", "store.failed")
    assert list(tmp_path.iterdir()) == []
    assert not list(home.home.glob("*.part"))
    saving.save(home.home, tmp_path / "b", SECRET)
    restore = f"restoring.restore(Path(sys.argv[1]), Path(sys.argv[2]), {SECRET!r})"
    assert limited(restore, 40_000, tmp_path / "b", tmp_path / "home") == StorageFull.code
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_two_restores_into_one_home_do_not_mix(home, tmp_path):
    saving.save(home.home, tmp_path / "b", SECRET)
    staging = tmp_path / ".home.restoring"
    staging.mkdir()
    (staging / "of the other").touch()
    descriptor = os.open(staging, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(HomeInUse):
        restoring.restore(tmp_path / "b", tmp_path / "home", SECRET)
    assert (staging / "of the other").exists()
    os.close(descriptor)
    restoring.restore(tmp_path / "b", tmp_path / "home", SECRET)
    with pytest.raises(HomeNotEmpty):
        restoring.restore(tmp_path / "b", tmp_path / "home", SECRET)


def test_killed_at_any_moment_there_is_a_whole_home_or_none(home, tmp_path):
    saving.save(home.home, tmp_path / "b", SECRET)
    code = f"from pathlib import Path; from freehold.shell.backup import restoring; import sys; print(flush=True);restoring.restore(Path(sys.argv[1]), Path(sys.argv[2]), {SECRET!r})"
    whole = 0
    for step in range(4):
        new = tmp_path / f"home-{step}"
        process = subprocess.Popen(
            [sys.executable, "-c", code, tmp_path / "b", new], stdout=subprocess.PIPE, start_new_session=True
        )
        process.stdout.read(1)
        time.sleep(0.12 * step)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if new.exists():
            whole += 1
        else:
            restoring.restore(tmp_path / "b", new, SECRET)
        assert Keys.load(new / "keys.jwe", SECRET).account == home.account
        assert sorted(path.name for path in new.iterdir() if path.name != "blobs") == [
            "config.toml",
            "keys.jwe",
            "node.sqlite",
            "node.sqlite-commits",
        ]
        saving.save(new, Path(f"{new}.backup"), SECRET)
    assert whole < 4
