"""How-to pages, concepts and README: commands exist with these options, blocks run as written."""

import http.server
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import doc_pages
import httpx
import proxies
import pytest
from doc_pages import PAGES

from freehold.chain import deployments
from freehold.chain.client import Chain
from freehold.chain.rpc import Rpc
from freehold.core.errors import InvalidTable
from freehold.features.data.rules.reading import read as read_table
from freehold.kernel.installed import names

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / name) for name in ("clients", "faults")]
import anvil  # noqa: E402
import json_answers  # noqa: E402
from evidence_world import World  # noqa: E402
from test_operator_pages import calls, parse, require_known  # noqa: E402

DOCS = ROOT / "docs"
NETWORK_PAGE = DOCS / "how-to" / "public-network.md"
FREEHOLD = Path(sys.executable).with_name("freehold")
# the first key of anvil's well-known mnemonic
ANVIL_KEY = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
GROUPS = ("grants", "chain", "keys", "config", "channels", "peers", "tests", "assets", "terms")
ITS_OWN = {"cli.md", "notes"}
"""The reference of commands, whose blocks are shapes; the example whose command is there only beside it."""


def blocks(page, language):
    return list(doc_pages.blocks(page, language))


@pytest.fixture(scope="module")
def evidence_directory(tmp_path_factory):
    bundle = World().build()
    folder = tmp_path_factory.mktemp("evidence")
    for name, data in bundle.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_on_the_page_is_one_that_the_command_line_takes(page):
    if ITS_OWN & {page.name, page.parent.name}:
        return
    for body in doc_pages.blocks(page, "console", "sh", ""):
        for words in calls(body):
            if words and not words[0].startswith("-"):
                parse(words)


def test_every_feature_explains_itself():
    for feature in names():
        assert (ROOT / "src" / "freehold" / "features" / feature / "README.md") in PAGES, feature


def test_inline_commands_exist():
    for page in PAGES:
        for inline in re.findall(r"`(freehold [a-z][^`]*)`", page.read_text()):
            words = [word for word in inline.split()[1:] if not word.isupper()]
            if words[0] not in GROUPS or len(words) > 1:
                assert require_known(words), f"{page.name}: {inline}"


def test_scripts_on_pages_exist():
    for page in PAGES:
        for body in blocks(page, "console"):
            for script in re.findall(r"^\$ python (\S+)", body, re.MULTILINE):
                assert (ROOT / script).is_file(), f"{page.name}: {script}"


def test_contracts_are_deployed_to_a_network_as_the_page_says(tmp_path):
    if anvil.binary() is None:
        pytest.skip(anvil.ABSENT)
    lines = [line for body in blocks(NETWORK_PAGE, "console") for line in body.splitlines()]
    (command,) = (line.split()[1:] for line in lines if line.startswith("$ freehold chain deploy "))
    (tmp_path / "deployer.key").write_text(ANVIL_KEY + "\n")
    (tmp_path / "deployer.key").chmod(0o600)
    with anvil.Anvil() as network:
        written = [network.url if word == "https://rpc.example" else word for word in command]
        assert written != command
        for was_there in (False, True):
            done = subprocess.run(
                [FREEHOLD, *written[1:], "--json"], cwd=tmp_path, capture_output=True, text=True, check=True
            )
            told = json_answers.documented(written[1:], done.stdout)
            assert {one["contract"] for one in told["contracts"]} == set(deployments.names())
            assert {one["tx_hash"] is None for one in told["contracts"]} == {was_there}
        with Rpc(network.url) as rpc:
            deployments.check(Chain(rpc))


def test_the_settings_of_the_network_page_are_accepted(tmp_path):
    pages = [NETWORK_PAGE, DOCS / "how-to" / "nodes-over-tls.md"]
    lines = [line for page in pages for body in blocks(page, "console") for line in body.splitlines()]
    chosen = [line.split()[2:] for line in lines if line.startswith("$ freehold config set ")]
    assert len(chosen) >= 4
    for words in chosen:
        done = subprocess.run(
            [FREEHOLD, *words, "--home", tmp_path / "home"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"


def test_a_spreadsheet_with_commas_in_numbers_is_turned_as_the_page_says(tmp_path):
    (script,) = blocks(DOCS / "how-to" / "publish-your-table.md", "python")
    written = "name;alter;größe;admitted;krank\nA;50;1,85;19.03.2024;ja\nB;61;1,70;20.03.2024;nein\nC;40;;20.03.2024;ja\n"
    for text in (written.replace(";;", ";1,6;"), written):
        (tmp_path / "saved.csv").write_bytes(text.replace("\n", "\r\n").encode("cp1252"))
        subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True)
        if ";;" in text:
            with pytest.raises(InvalidTable, match="row 3, column 'größe': the cell is missing"):
                read_table(tmp_path / "patients.csv", "krank", positive="ja")
        else:
            table = read_table(tmp_path / "patients.csv", "krank", positive="ja")
            assert (table.columns, table.labels.tolist()) == (("alter", "größe"), [1, 0, 1])
            assert table.features[:, 1].tolist() == [1_850_000, 1_700_000, 1_600_000]


def test_evidence_is_checked_by_hand_as_the_page_says(tmp_path, evidence_directory):
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    scripts = blocks(DOCS / "how-to" / "verify-without-us.md", "sh")
    assert len(scripts) == 2
    shutil.copytree(evidence_directory, tmp_path / "evidence")
    assert by_hand(scripts, tmp_path) == (0, "")
    victim = next((tmp_path / "evidence" / "documents").glob("*.json"))
    victim.write_text(victim.read_text().replace('"version":1', '"version":2', 1))
    code, said = by_hand(scripts, tmp_path)
    assert code != 0
    assert f"documents/{victim.name} differs" in said


def by_hand(scripts, folder):
    code, said = 0, ""
    for script in scripts:
        done = subprocess.run(
            ["bash", "-c", script], cwd=folder, capture_output=True, text=True, check=False, env=os.environ
        )
        code, said = code or done.returncode, said + done.stdout
    return code, said


TLS_PAGE = DOCS / "how-to" / "nodes-over-tls.md"
COUNT = """
import socket, sys
for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    server = socket.create_server((host, 443), family=family, backlog=200)
    held = []
    try:
        while len(held) < 150:
            held.append(socket.create_connection((host, 443), 2))
    except OSError:
        pass
    print(len(held))
"""


def test_the_packet_filter_bounds_the_connections_of_one_address(tmp_path):
    (rule,) = (body for body in blocks(TLS_PAGE, "text") if "ct count" in body)
    (tmp_path / "rule").write_text(rule)
    (tmp_path / "count.py").write_text(COUNT)
    script = f"ip link set lo up && nft -f rule && {sys.executable} count.py"
    if absent := [name for name in ("unshare", "nft", "ip") if shutil.which(name) is None]:
        pytest.skip(f"{' and '.join(absent)} is not installed")
    if subprocess.run(["unshare", "-rn", "nft", "list", "ruleset"], check=False).returncode:
        pytest.skip("a network of its own is not allowed here")
    done = subprocess.run(
        ["unshare", "-rn", "sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["100", "100"]


class Upstream(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_thousands_of_unfinished_heads_leave_room_at_the_documented_nginx(tmp_path):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most[1] < 18_000:
        pytest.skip("too few open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most[1], most[1]))
    held: list[socket.socket] = []
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            with proxies.before("nginx", tmp_path / "nginx", f"http://127.0.0.1:{server.server_port}") as at:
                for _ in range(5_000):
                    held.append(socket.create_connection(at, 5))
                    held[-1].send(b"GET / HTTP/1.1\r\nhost: north.example\r\nx: ")
                with httpx.Client(trust_env=False, timeout=5) as client:
                    for _ in range(5):
                        assert client.get(f"http://{at[0]}:{at[1]}/").status_code == 200
        finally:
            for one in held:
                one.close()
            server.shutdown()
            resource.setrlimit(resource.RLIMIT_NOFILE, most)
