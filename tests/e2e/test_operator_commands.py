"""Keys, passphrase, settings, channels and completion, as commands of their own processes."""

import json
import os
import re
import subprocess
import sys

import node_tables
import pytest
from json_answers import documented
from node_process import PASSPHRASE, Process
from node_world import World, finished, order

from freehold.kernel import settings
from freehold.log.note import Signer
from freehold.vault.keystore import Keys, WrongPassphrase

FREEHOLD = [sys.executable, "-m", "freehold"]


def freehold(*arguments, descriptors=(), env=None):
    done = subprocess.run(
        [*FREEHOLD, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        stdin=subprocess.DEVNULL,
        pass_fds=descriptors,
        env={**os.environ, **(env or {})},
    )
    if "--json" in arguments:
        documented(arguments, done.stdout)
    return done.returncode, done.stdout, done.stderr


def pipe(secret):
    reading, writing = os.pipe()
    os.write(writing, secret.encode() + b"\n")
    os.close(writing)
    return reading


@pytest.fixture(scope="module")
def node(world, tmp_path_factory):
    made = Process(tmp_path_factory.mktemp("operator") / "node", world.rpc_url).start()
    yield made
    made.kill()


def test_public_parts_of_the_keys_need_no_passphrase_and_show_no_secret(node):
    code, out, err = freehold("keys", "show", "--home", node.home, "--json")
    assert code == 0, err
    keys = Keys.load(node.home / "keys.jwe", PASSPHRASE)
    shown = json.loads(out)
    assert shown["account"] == keys.account
    assert shown["account_key"] == "0x" + keys.account_public.hex()
    assert shown["encryption_key"] == "0x" + keys.encryption_public.hex()
    assert shown["log_key"] == str(Signer.from_seed(f"freehold/{keys.account}", keys.log_seed).key)
    code, text, err = freehold("keys", "show", "--home", node.home)
    for secret in (keys.account_key, keys.log_seed, keys.encryption_key):
        assert secret.hex() not in out + text + err
    assert freehold("keys", "show", "--home", node.home / "absent")[0] == 4


def change(home, old, new):
    first, second = pipe(old), pipe(new)
    try:
        given = ["--passphrase-fd", first, "--new-passphrase-fd", second]
        return freehold("keys", "passphrase", "--home", home, *given, descriptors=(first, second))
    finally:
        os.close(first)
        os.close(second)


def test_the_passphrase_changes_and_the_keys_do_not(node):
    path = node.home / "keys.jwe"
    before = Keys.load(path, PASSPHRASE)
    assert change(node.home, "wrong", "newly chosen words")[0] == 6
    assert Keys.load(path, PASSPHRASE) == before
    code, out, err = change(node.home, PASSPHRASE, "newly chosen words")
    assert code == 0, err
    assert "newly chosen words" not in out + err
    with pytest.raises(WrongPassphrase):
        Keys.load(path, PASSPHRASE)
    assert Keys.load(path, "newly chosen words") == before
    assert path.stat().st_mode & 0o077 == 0
    assert [one.name for one in node.home.glob("*keys*")] == ["keys.jwe"]
    assert change(node.home, "newly chosen words", PASSPHRASE)[0] == 0
    assert node.api("/status")["account"] == before.account


# a terminal of its own in a process of its own: forking one out of this threaded process could hang
IN_TERMINAL = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"


def test_the_passphrase_is_asked_for_in_a_terminal_old_then_new_twice(node):
    command = [*FREEHOLD, "keys", "passphrase", "--home", str(node.home)]
    terminal = subprocess.Popen(
        [sys.executable, "-c", IN_TERMINAL, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    answers = iter([PASSPHRASE, "words typed by hand", "words typed by hand"])
    seen, asked = "", 0
    while piece := os.read(terminal.stdout.fileno(), 4096):
        seen += piece.decode()
        while len(re.findall(r"keys: |once more: ", seen)) > asked:
            terminal.stdin.write(next(answers).encode() + b"\n")
            terminal.stdin.flush()
            asked += 1
    terminal.stdin.close()
    assert terminal.wait(30) == 0, seen
    terminal.stdout.close()
    assert seen.index("present") < seen.index("new") < seen.index("once more")
    assert "words typed by hand" not in seen
    assert change(node.home, "words typed by hand", PASSPHRASE)[0] == 0


def test_a_passphrase_is_never_an_argument_or_in_the_environment():
    for command in (("keys", "passphrase"), ("backup",), ("restore",)):
        _, out, _ = freehold(*command, "--help")
        assert not re.search(r"--(new-)?passphrase\s", out)
        assert "env var" not in out.replace("[env var: FREEHOLD_HOME", "")


def test_settings_are_shown_changed_and_checked(tmp_path):
    home = tmp_path / "home"
    code, out, _ = freehold("config", "path", "--home", home)
    assert (code, out.strip()) == (0, str(home / "config.toml"))
    assert not home.exists()
    for given, wanted in (
        (("name", "Klinik Süd"), "Klinik Süd"),
        (("port", "7411"), 7411),
        (("peers", "http://127.0.0.1:1", "https://b.example/"), ("http://127.0.0.1:1", "https://b.example")),
        (("peers", ""), ()),
        (("token", "0x" + "AB" * 20), "0x" + "ab" * 20),
        (("endpoint", "https://north.example/"), "https://north.example"),
        (("endpoint", ""), ""),
        (
            ("rpc_url", "https://a.example/key,http://127.0.0.1:1"),
            "https://a.example/key, http://127.0.0.1:1",
        ),
        (("blobs", "s3://bucket/x"), "s3://bucket/x"),
    ):
        code, _, err = freehold("config", "set", *given, "--home", home)
        assert code == 0, err
        assert getattr(settings.load(home), given[0]) == wanted
    code, out, _ = freehold("config", "show", "--home", home, "--json")
    assert json.loads(out)["name"] == "Klinik Süd"
    assert (home / "config.toml").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "given",
    [
        ("port", "70000"),
        ("port", "-1"),
        ("port", "high"),
        ("port", "1", "2"),
        ("colour", "red"),
        ("rpc_url", "ftp://x"),
        ("rpc_url", ""),
        ("rpc_url", "https://a.example,,"),
        ("peers", "not a url"),
        ("token", "0x12"),
        ("name", ""),
    ],
)
def test_what_a_setting_cannot_be_is_refused_and_nothing_is_written(tmp_path, given):
    code, _, err = freehold("config", "set", "--home", tmp_path / "home", "--", *given)
    assert code == 2, err
    assert not (tmp_path / "home" / "config.toml").exists()


@pytest.fixture(scope="module")
def bought(world: World, node):
    """The node bought one prediction, so it has a channel."""
    owner, builder = world.owners(1)[0], world.party("seller")
    job = finished(builder, builder.jobs.start(order(builder, [owner])))
    from freehold.features.gateway import serving

    serving.switch(builder.node, job["model"], on=True)
    node.api("/peers", {"url": builder.url})
    row = [str(one / 10**6) for one in node_tables.make(1, seed=3).micro[0]]
    node.api("/search?q=")
    node.api("/predict", {"model": job["model"], "rows": [row]})


def test_channels_are_listed_and_closed(node, bought):
    _, out, _ = freehold("channels", "list", "--home", node.home, "--json")
    (channel,) = json.loads(out)["channels"]
    assert channel["status"] == "open"
    _, text, _ = freehold("channels", "list", "--home", node.home)
    assert channel["channel"][:10] in text
    assert "open" in text
    code, out, err = freehold("channels", "close", channel["channel"][:10], "--home", node.home)
    assert code == 0, err
    assert "closing" in out
    assert "UTC" in out
    _, text, _ = freehold("channels", "list", "--home", node.home)
    assert "closing until" in text
    assert freehold("channels", "close", "0xdead", "--home", node.home)[0] == 4


def completions(line):
    """What bash offers after `line`, by the script that `completion` prints."""
    _, script, _ = freehold("completion", "bash")
    words = line.split(" ")
    program = f"""{script}
freehold() {{ "{sys.executable}" -m freehold "$@"; }}
COMP_WORDS=({line}{" ''" if not words[-1] else ""})
COMP_CWORD={len(words) - 1}
_freehold_completion "$FREEHOLD"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
    done = subprocess.run(
        ["bash", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env={**os.environ, "FREEHOLD": os.path.join(os.path.dirname(sys.executable), "freehold")},  # noqa: PTH118, PTH120
    )
    return done.stdout.split()


def test_a_shell_completes_commands_and_options():
    assert completions("freehold ke") == ["keys"]
    assert {"show", "set", "path"} <= set(completions("freehold config "))
    assert {"--home", "--json"} <= set(completions("freehold doctor --"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(shell):
    code, out, _ = freehold("completion", shell)
    assert code == 0
    assert "_FREEHOLD_COMPLETE" in out
    assert freehold("completion", "tcsh")[0] == 2
