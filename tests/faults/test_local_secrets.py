"""Other users of the machine, and other programs of the same user: files, folders, passphrases, memory."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
import traceback
from pathlib import Path

import node_tables
import pytest
from node_process import PASSPHRASE, call_control
from node_world import World, until

from freehold.core.causes import PathUnusable
from freehold.shell import daemon
from freehold.shell.cli import chain
from freehold.shell.cli.passphrase import PassphraseExposed, obtain
from freehold.shell.doctor import home as home_checks
from freehold.vault import home_folder, passphrases
from freehold.vault.blobs import Blobs
from freehold.vault.home_folder import UnsafeHome
from freehold.vault.keystore import Keys
from freehold.vault.passphrases import WeakPassphrase, require_strong, suggest, weakness
from freehold.vault.stores import InvalidBlobStore

FREEHOLD = [sys.executable, "-m", "freehold"]
SOMEBODY = 12_345
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to play another user")


def open_files(folder: Path) -> list[str]:
    """What group or others could read or write, by octal mode and name."""
    return [
        f"{stat.S_IMODE(path.lstat().st_mode):o} {path}"
        for path in [folder, *folder.rglob("*")]
        if not path.is_symlink() and path.lstat().st_mode & 0o077
    ]


CARELESSLY = ["/bin/sh", "-c", 'umask 0; ulimit -c unlimited; exec "$@"', "sh"]
"""As the worst of shells would start it: open files, core dumps on."""


def freehold(
    *arguments: object, secret: str = PASSPHRASE, **more: object
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CARELESSLY, *FREEHOLD, *map(str, arguments), "--passphrase-fd", "0"],
        input=secret + "\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **more,
    )


class Up:
    """`freehold up` started carelessly."""

    def __init__(self, home: Path, rpc_url: str, folder: Path, *before: str) -> None:
        self.home, self.log = home, folder / "up.log"
        command = [*FREEHOLD, "up", "--home", home, "--name", "North", "--port", "0", "--rpc-url", rpc_url]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*CARELESSLY, *before, *map(str, command), "--passphrase-fd", "0"],
                stdin=subprocess.PIPE,
                stderr=log,
                cwd=folder,
            )
        assert self.process.stdin
        self.process.stdin.write(PASSPHRASE.encode() + b"\n")
        self.process.stdin.close()
        until(lambda: (home / "node.json").exists() or self.process.poll() is not None, "it is up", 40)
        assert self.process.poll() is None, self.log.read_text()

    def api(self, path: str, body: dict[str, object] | None = None) -> dict[str, object]:
        url = json.loads((self.home / "node.json").read_text())["url"]
        return call_control(url, self.home, path, body, self.log.read_text)


@pytest.fixture
def up(world: World, tmp_path: Path):
    started = []

    def start(home: Path, folder: Path, *before: str) -> Up:
        started.append(Up(home, world.rpc_url, folder, *before))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


def test_nothing_of_a_home_is_open_to_others_whatever_shell_started_it(up, tmp_path):
    """Also of a home that was open before, of what SQLite makes, and of backups."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    home.chmod(0o755)
    (home / "uploads").mkdir()
    (home / "uploads").chmod(0o777)
    (home / "uploads" / "left.csv").touch()
    (home / "uploads" / "left.csv").chmod(0o666)
    node = up(home, work)
    assert "was open to other users" in node.log.read_text()
    table = node_tables.write(work / "table.csv", node_tables.make(12, seed=3))
    node.api("/publish", {"path": str(table), "label": node_tables.LABEL, "name": "t"})
    node.api("/anchor", {})
    assert {"node.sqlite", "node.sqlite-wal", "node.sqlite-shm", "api-token", "lock"} <= {
        path.name for path in home.iterdir()
    }
    assert not open_files(home)
    made = freehold("backup", "-o", work / "one.backup", "--home", home)
    assert made.returncode == 0, made.stderr
    assert stat.S_IMODE((work / "one.backup").stat().st_mode) == 0o600
    node.process.terminate()
    node.process.wait(20)
    assert not open_files(home)
    restored = freehold("restore", work / "one.backup", "--home", work / "again")
    assert restored.returncode == 0, restored.stderr
    assert not open_files(work / "again")


@pytest.mark.slow
def test_nothing_that_a_quickstart_leaves_is_open_to_others(tmp_path):
    done = subprocess.run(
        [*CARELESSLY, *FREEHOLD, "quickstart", "--exit", "--json", "--home", str(tmp_path / "home")],
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stderr
    assert not open_files(tmp_path / "home")


@as_root
def test_a_home_that_is_another_users_is_refused(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, SOMEBODY, SOMEBODY)
    with pytest.raises(UnsafeHome, match="belongs to"):
        home_folder.make(home)
    assert not list(home.iterdir())


@as_root
def test_a_link_that_somebody_else_made_is_refused_and_an_own_one_followed(tmp_path):
    (tmp_path / "real").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "real")
    home_folder.make(link)
    os.lchown(link, SOMEBODY, SOMEBODY)
    with pytest.raises(UnsafeHome, match="link"):
        home_folder.make(link)


@pytest.mark.parametrize("mode", [0o777, 0o757, 0o775])
def test_a_folder_in_which_others_may_replace_the_home_is_refused(tmp_path, mode):
    above = tmp_path / "open"
    above.mkdir()
    above.chmod(mode)
    if mode == 0o775:
        if os.geteuid() != 0:
            pytest.skip("the group of this user may be its own")
        os.chown(above, -1, SOMEBODY)
    with pytest.raises(UnsafeHome, match="other users may write"):
        home_folder.make(above / "home")
    above.chmod(mode | stat.S_ISVTX)
    home_folder.make(above / "home")


@as_root
def test_a_home_below_another_users_folder_is_refused(tmp_path):
    above = tmp_path / "theirs"
    above.mkdir()
    os.chown(above, SOMEBODY, SOMEBODY)
    with pytest.raises(UnsafeHome, match="above the home"):
        home_folder.make(above / "home")


def test_a_folder_of_other_things_is_no_home_and_stays_as_it_was(tmp_path):
    """Its files would be closed to all other users: of a whole system, or of a person's own folder."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").touch()
    # of a program that is none of ours
    (tmp_path / "config.toml").write_text("port = 7000\n")
    every = (tmp_path, tmp_path / "photos", tmp_path / "photos" / "one.jpg")
    for one in every:
        one.chmod(0o755)
    with pytest.raises(home_folder.HomeTaken, match="photos"):
        home_folder.make(tmp_path)
    for words in (("config", "set", "port", "7500"), ("up", "--name", "x"), ("chain", "run", "--port", "0")):
        done = subprocess.run(
            [sys.executable, "-m", "freehold", *words, "--home", tmp_path],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, "holds other things" in done.stderr) == (6, True), done.stderr
    assert "holds other things" in next(found.detail for found in home_checks.folder(tmp_path))
    assert [stat.S_IMODE(one.stat().st_mode) for one in every] == [0o755] * 3
    assert {one.name for one in tmp_path.iterdir()} == {"photos", "config.toml"}


@pytest.mark.parametrize(
    "names",
    [
        (),
        ("config.toml",),
        (".keys.jwe.8f2a", "lock"),
        ("lost+found/",),
        ("keys.jwe", "notes/"),
        ("chain/",),
        ("pass", "a.csv"),
    ],
    ids=" ".join,
)
def test_a_folder_that_is_new_or_was_a_home_is_one(tmp_path, names):
    for name in names:
        (tmp_path / name).mkdir(0o755) if name.endswith("/") else (tmp_path / name).touch(0o644)
    home_folder.make(tmp_path)
    assert not home_folder.open_to_others(tmp_path)


@as_root
def test_tightening_leaves_what_others_own(tmp_path):
    for name, owner, mode in (("own", 0, 0o644), ("foreign", 1, 0o644), ("closed", 0, 0o600)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
        os.chown(tmp_path / name, owner, owner)
    tmp_path.chmod(0o700)
    assert home_folder.tighten(tmp_path) == 1
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("own", "foreign")] == [0o600, 0o644]


def test_tightening_follows_no_link_out_of_the_home(tmp_path):
    outside = tmp_path / "outside"
    outside.touch()
    outside.chmod(0o644)
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "link").symlink_to(outside)
    home_folder.make(home)
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644


@pytest.mark.parametrize("trick", ["link", "file"])
def test_a_spool_that_somebody_prepared_in_a_folder_for_all_is_refused(tmp_path, monkeypatch, trick):
    """Data for a remote store waits under a name that anybody can guess."""
    target = tmp_path / "target"
    target.mkdir()
    (target / "precious.part").touch()
    spool = tmp_path / f"freehold-incoming-{os.getuid()}"
    if trick == "link":
        spool.symlink_to(target)
    else:
        spool.touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(InvalidBlobStore, match="spool"):
        Blobs("s3://bucket/prefix", region="x", access_key_id="a", secret_access_key="b")
    assert (target / "precious.part").exists()


# passphrases


@pytest.mark.parametrize(
    "weak",
    [
        "short",
        "passwordpassword",
        "123456789012345",
        "qwertyuiopasdfgh",
        "Clinic North 2026",
        "freehold clinic north",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "P4ssw0rd!P4ssw0rd!",
        "a" * 4_096,
        "abcdefgh" * 500,
        "Correct horse battery staple",
        "To be, or not to be: that",
        "the quick brown fox jumps",
        "http://127.0.0.1:7400",
    ],
    ids=lambda text: text[:12],
)
def test_what_is_easily_guessed_is_no_passphrase(weak):
    with pytest.raises(WeakPassphrase) as caught:
        require_strong(weak, "Clinic North")
    assert "keys suggest" in caught.value.hint
    assert weak not in str(caught.value.problem())


def test_a_saying_needs_as_much_behind_it_as_a_passphrase_of_its_own():
    require_strong("To be or not to be xkqzvwjpbymt")
    with pytest.raises(WeakPassphrase, match="saying"):
        require_strong("To be or not to be xkqzvwjpbym")


def test_strong_ones_are_taken_and_long_ones_cost_no_time():
    began = time.process_time()
    for strong in (PASSPHRASE, suggest(), "a" * 4_000 + suggest(), suggest() * 170):
        require_strong(strong, "Clinic North")
    assert time.process_time() - began < 3
    assert len({suggest() for _ in range(100)}) == 100


def test_new_keys_want_a_strong_passphrase_and_old_ones_open_with_what_they_have(tmp_path):
    with pytest.raises(WeakPassphrase):
        daemon.open_keys(tmp_path, "password1234", "North")
    assert not (tmp_path / daemon.KEYS_FILE).exists()
    keys = Keys.generate()
    keys.save(tmp_path / daemon.KEYS_FILE, "password1234")
    assert daemon.open_keys(tmp_path, "password1234", "North") == keys
    changed = subprocess.run(
        [*FREEHOLD, "keys", "passphrase", "--home", tmp_path, "--passphrase-fd", "0", "--new-passphrase-file", weak_file(tmp_path)],
        input="password1234\n", text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert changed.returncode == 2, changed.stderr
    assert "too weak" in changed.stderr
    assert Keys.load(tmp_path / daemon.KEYS_FILE, "password1234") == keys


def weak_file(folder: Path) -> Path:
    path = folder / "new"
    path.write_text("northnorth123\n")
    path.chmod(0o600)
    return path


def test_a_suggested_passphrase_is_strong():
    made = subprocess.run([*FREEHOLD, "keys", "suggest"], capture_output=True, text=True, check=True)
    assert not weakness(made.stdout.strip())
    assert len(made.stdout.strip()) >= passphrases.LEAST_CHARACTERS


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o602])
def test_a_passphrase_file_that_others_may_read_or_write_is_refused(tmp_path, mode):
    path = tmp_path / "passphrase"
    path.write_text("what the owner chose\n")
    path.chmod(mode)
    with pytest.raises(PassphraseExposed) as caught:
        obtain(None, path, new=False)
    assert "chose" not in str(caught.value.problem())
    path.chmod(0o600)
    assert obtain(None, path, new=False) == "what the owner chose"


@pytest.mark.parametrize(
    "given", ["correct horse battery", "below/a/folder", "x" * 300, "file/below", "~correct horse"]
)
def test_a_secret_given_for_its_file_is_not_repeated(given, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch(mode=0o600)
    with pytest.raises(PathUnusable, match=r"cannot read the passphrase: |path begins with ~") as caught:
        obtain(None, Path(given), new=False)
    assert given not in "".join(traceback.format_exception(caught.value)) + str(caught.value.problem())
    with pytest.raises(PathUnusable, match=r"cannot read the key: |path begins with ~") as caught:
        chain.deploy(rpc_url="http://127.0.0.1:9", key_file=Path(given))
    assert given not in "".join(traceback.format_exception(caught.value)) + str(caught.value.problem())


@as_root
def test_a_passphrase_file_of_another_user_is_refused(tmp_path):
    path = tmp_path / "passphrase"
    path.write_text("secret\n")
    path.chmod(0o600)
    os.chown(path, SOMEBODY, SOMEBODY)
    with pytest.raises(PassphraseExposed, match="another user"):
        obtain(None, path, new=False)


def test_a_pipe_and_a_credential_of_systemd_are_taken_as_they_are(tmp_path, monkeypatch):
    reading, writing = os.pipe()
    os.write(writing, b"out of a pipe\n")
    os.close(writing)
    assert obtain(None, Path(f"/dev/fd/{reading}"), new=False) == "out of a pipe"
    os.close(reading)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    credential = tmp_path / "passphrase"
    credential.write_text("out of systemd\n")
    credential.chmod(0o440)
    assert obtain(None, credential, new=False) == "out of systemd"
    elsewhere = tmp_path / "below" / "passphrase"
    elsewhere.parent.mkdir()
    elsewhere.write_text("not\n")
    elsewhere.chmod(0o440)
    with pytest.raises(PassphraseExposed):
        obtain(None, tmp_path / "below" / "passphrase", new=False)


def test_a_folder_or_device_is_no_passphrase_file(tmp_path):
    with pytest.raises(Exception, match="cannot read"):
        obtain(None, tmp_path, new=False)


# memory


@pytest.mark.parametrize("fatal", [signal.SIGABRT, signal.SIGSEGV], ids=["abort", "segv"])
def test_a_node_that_crashes_leaves_no_core(up, tmp_path, fatal):
    work = tmp_path / "work"
    work.mkdir()
    node = up(tmp_path / "home", work)
    node.process.send_signal(fatal)
    assert node.process.wait(20) == -fatal
    assert [path.name for path in work.iterdir()] == ["up.log"]
    assert not list((tmp_path / "home").rglob("core*"))


def test_another_program_of_the_same_user_cannot_read_a_nodes_memory(up, tmp_path):
    """Nor what its environment held when it began."""
    without = _without_power()
    work = tmp_path / "work"
    work.mkdir()
    node = up(tmp_path / "home", work, *without)
    for name in ("mem", "environ"):
        look = f"print(len(open('/proc/{{}}/{name}', 'rb').read({0 if name == 'mem' else 9})))"
        plain = subprocess.Popen([*without, "sleep", "60"])
        try:
            until(
                lambda plain=plain: b"sleep" in Path(f"/proc/{plain.pid}/cmdline").read_bytes()[:6],
                "it sleeps",
            )
            seen = _look(without, look.format(plain.pid))
            assert seen.returncode == 0, f"nothing can be learned here: {seen.stderr}"
        finally:
            plain.kill()
            plain.wait()
        assert "PermissionError" in _look(without, look.format(node.process.pid)).stderr, name


def _look(without: list[str], code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*without, sys.executable, "-c", code], capture_output=True, text=True, check=False)


def _without_power() -> list[str]:
    """What takes from root the right to look into any process, so that it is a user like others."""
    if os.geteuid() != 0:
        return []
    found = shutil.which("setpriv")
    if found is None or sys.platform != "linux":
        pytest.skip("setpriv is not here")
    return [found, "--bounding-set=-sys_ptrace,-perfmon,-sys_admin"]


def test_no_passphrase_stands_in_arguments_environment_or_traceback(up, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    node = up(tmp_path / "home", work)
    for name in ("cmdline", "environ"):
        assert PASSPHRASE.encode() not in Path(f"/proc/{node.process.pid}/{name}").read_bytes()
    assert PASSPHRASE not in node.log.read_text()


@as_root
def test_root_is_warned(up, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    assert "runs as root" in up(tmp_path / "home", work).log.read_text()


def test_only_root_is_root(monkeypatch):
    for user, root in ((0, True), (1, False), (1_000, False)):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        assert home_folder.is_root() is root
