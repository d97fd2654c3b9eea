"""Command line before environment before config.toml before defaults; errors name the source."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from freehold.core.errors import InvalidInput
from freehold.kernel import setting_sources, settings
from freehold.kernel.setting_sources import choose, variable
from freehold.kernel.settings import Settings

FREEHOLD = Path(sys.executable).with_name("freehold")


def test_each_source_counts_before_the_next(tmp_path):
    settings.save(tmp_path, Settings(name="file", host="0.0.0.0", port=1, log_level="error"))
    ambient = {"FREEHOLD_NAME": "env", "FREEHOLD_PORT": "2", "FREEHOLD_HOST": "::1", "FREEHOLD_HOME": "/x"}
    chosen = choose(tmp_path, ambient, name="told", port=None)
    assert (chosen.settings.name, chosen.settings.host, chosen.settings.port) == ("told", "::1", 2)
    assert chosen.settings.log_level == "error"
    assert {name: chosen.sources[name] for name in ("name", "host", "log_level", "blobs")} == {
        "name": "command line", "host": "FREEHOLD_HOST", "log_level": "config.toml", "blobs": "default",
    }  # fmt: skip
    assert set(choose(tmp_path / "none", {}).sources.values()) == {"default"}


def test_what_the_environment_says_is_kept_nowhere(tmp_path):
    settings.save(tmp_path, Settings(name="file", port=1))
    chosen = choose(tmp_path, {"FREEHOLD_PORT": "2", "FREEHOLD_LOG_FORMAT": "json"}, host="told")
    assert (chosen.settings.port, chosen.settings.log_format) == (2, "json")
    assert (chosen.written, chosen.spoken) == ({"name": "file", "port": 1}, {"host": "told"})


@pytest.mark.parametrize("name", [field.name for field in fields(Settings)])
def test_every_setting_can_come_from_the_environment(tmp_path, name):
    default = getattr(Settings(), name)
    said = {
        "log_level": "debug", "log_format": "json", "metrics": "all", "allow_private_peers": "no", "token": "0x" + "ab" * 20,
        "endpoint": "https://n.example", "rpc_url": "https://r.example", "peers": "http://a:1,http://b:2",
        "database": "postgresql://node@db.example/freehold",
    }.get(name, "true" if isinstance(default, bool) else "7" if isinstance(default, int) else "x")  # fmt: skip
    chosen = choose(tmp_path, {variable(name): said})
    assert getattr(chosen.settings, name) != default
    assert chosen.sources[name] == variable(name)
    assert (chosen.written, chosen.spoken) == ({}, {})


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("PORT", "tcp://10.0.0.1:7400"), ("PORT", "70000"), ("LOG_LEVEL", "loud"), ("LOG_FORMAT", ""),
        ("RPC_URL", "ftp://x"), ("TOKEN", "0x1"), ("HEAVY_REQUESTS_AT_ONCE", "0"), ("METRICS", "everyone"),
    ],
)  # fmt: skip
def test_an_error_names_the_variable(tmp_path, name, text):
    with pytest.raises(InvalidInput, match=f"^FREEHOLD_{name}: "):
        choose(tmp_path, {f"FREEHOLD_{name}": text})


def test_an_error_names_the_file_or_the_command_line(tmp_path):
    with pytest.raises(InvalidInput, match=r"^command line: 70000 is not a port"):
        choose(tmp_path, {}, port=70_000)
    (tmp_path / "config.toml").write_text('log_level = "loud"')
    # also where another source counts before it: the file would be written again as it is
    for ambient in ({}, {"FREEHOLD_LOG_LEVEL": "debug"}):
        with pytest.raises(InvalidInput, match=r"config\.toml: 'loud' is not a log_level"):
            choose(tmp_path, ambient)
    with pytest.raises(InvalidInput, match=r"config\.toml: 'loud' is not a log_level"):
        settings.load(tmp_path)


def test_a_key_in_an_endpoint_url_is_not_in_the_error(tmp_path):
    with pytest.raises(InvalidInput) as refused:
        choose(tmp_path, {"FREEHOLD_RPC_URL": "wss://secret-key@x"})
    assert "secret" not in f"{refused.value.message} {refused.value.hint}"


def test_the_command_shows_values_and_where_they_come_from(tmp_path):
    settings.save(tmp_path, Settings(name="north"))
    done = subprocess.run(
        [FREEHOLD, "config", "show", "--home", tmp_path, "--json"],
        env={**os.environ, "FREEHOLD_PORT": "9"},
        capture_output=True,
        text=True,
        check=True,
    )
    shown = json.loads(done.stdout)
    assert (shown["name"], shown["port"]) == ("north", 9)
    assert shown.pop("sources")["port"] == "FREEHOLD_PORT"
    assert set(shown) == set(asdict(Settings()))


def test_the_file_holds_what_was_chosen_and_nothing_else(tmp_path):
    file = tmp_path / "config.toml"
    settings.save(tmp_path, Settings(name="north"), "port")
    assert file.read_text() == 'name = "north"\nport = 7400\n'
    settings.save(tmp_path, settings.load(tmp_path).with_overrides(name="", peers=("http://127.0.0.1:1",)))
    assert file.read_text() == 'name = ""\nport = 7400\npeers = ["http://127.0.0.1:1"]\n'


def test_a_setting_that_is_not_known_is_named_and_not_passed_over(tmp_path):
    (tmp_path / "config.toml").write_text("spend_per_dey_micro = 5\n")
    with pytest.raises(InvalidInput, match="unknown setting spend_per_dey_micro") as refused:
        settings.load(tmp_path)
    assert "take its line out" in refused.value.hint


def test_setting_one_value_reads_as_the_environment_does():
    assert setting_sources.read("trusted_proxies", ["10.0.0.1, 10.0.0.2"]) == ("10.0.0.1", "10.0.0.2")
    with pytest.raises(InvalidInput, match="no setting"):
        setting_sources.read("colour", ["red"])


@pytest.mark.parametrize(
    "name", ["Ann \U0001f642", "a\x7fb", "a\u2028\x85b", 'a\\u007F "b"\n\t\x00', "Zo\u00eb"]
)
def test_any_text_is_read_back_as_it_was_kept(tmp_path, name):
    settings.save(tmp_path, Settings(name=name, peers=("http://127.0.0.1:1",)))
    assert settings.load(tmp_path).name == name


def test_what_is_no_text_is_refused_and_the_file_stays(tmp_path):
    settings.save(tmp_path, Settings(name="north"))
    with pytest.raises(InvalidInput, match="cannot be kept"):
        settings.save(tmp_path, Settings(name="half \ud83d"))
    assert settings.load(tmp_path).name == "north"


@pytest.mark.parametrize("text", [b"port = " + b"9" * 5_000, b"peers = " + b"[" * 9_000, b'name = "\xff"'])
def test_a_file_that_no_program_can_read_is_a_clear_error(tmp_path, text):
    (tmp_path / "config.toml").write_bytes(text)
    with pytest.raises(InvalidInput, match=r"cannot read|is not UTF-8 text"):
        settings.load(tmp_path)
