"""A new feature is a folder and a line: put into a copy of the program, it has every face there is."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from node_process import PASSPHRASE
from node_world import until

from freehold.kernel import settings
from freehold.kernel.door import CONSOLE_PATH

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "feature" / "notes"
GUIDE = ROOT / "docs" / "how-to" / "add-a-feature.md"


class Copy:
    """The program with one feature more, a chain and a node of it."""

    def __init__(self, home: Path) -> None:
        self.source, self.home = home / "src", home / "node"
        shutil.copytree(
            ROOT / "src" / "freehold",
            self.source / "freehold",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        shutil.copytree(EXAMPLE, self.source / "freehold" / "features" / "notes")
        tuple_ = self.source / "freehold" / "features" / "__init__.py"
        tuple_.write_text(tuple_.read_text().replace('    "proof",\n', '    "proof",\n    "notes",\n'))
        self.env = {**os.environ, "PYTHONPATH": str(self.source)}
        self.run("-m", "freehold.shell.generate")
        self._chain = self._start("chain", "run", "--json", "--port", "0", "--home", str(home / "chain"))
        assert self._chain.stdout
        chain = json.loads(self._chain.stdout.readline())
        secret = home / "passphrase"
        secret.write_text(PASSPHRASE)
        secret.chmod(0o600)
        self._node = self._start(
            *("up", "--name", "noter", "--home", str(self.home), "--port", "0"),
            *("--rpc-url", chain["url"], "--passphrase-file", str(secret)),
        )
        until(lambda: (self.home / "node.json").exists() or self._node.poll() is not None, "it is up", 60)
        self.url = json.loads((self.home / "node.json").read_text())["url"]
        self.token = (self.home / "api-token").read_text().strip()

    def _start(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "freehold", *words]
        return subprocess.Popen(command, env=self.env, stdout=subprocess.PIPE, text=True)

    def run(self, *words: str, code: int = 0) -> str:
        """What a Python process of the copy prints."""
        done = subprocess.run(
            [sys.executable, *words], env=self.env, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def says(self, *words: str) -> dict[str, Any]:
        """What a command prints with --json."""
        found: dict[str, Any] = json.loads(
            self.run("-m", "freehold", *words, "--json", "--home", str(self.home))
        )
        return found

    def api(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return httpx.request(
            method,
            f"{self.url}/api{path}",
            json=body,
            headers={"authorization": f"Bearer {self.token}"},
            trust_env=False,
        )

    def close(self) -> None:
        for one in (self._node, self._chain):
            one.terminate()
            one.wait(20)
            assert one.stdout
            one.stdout.close()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    made = Copy(tmp_path_factory.mktemp("feature"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def table(copy: Copy) -> str:
    file = copy.home.parent / "table.csv"
    rows = "".join(f"{number},{number * number % 7},{number % 2}\n" for number in range(20))
    file.write_text(f"a,b,ill\n{rows}")
    published = copy.says("publish", str(file), "--label", "ill", "--name", "biopsies")
    return str(published["asset"]["id"])


def test_command_route_library_and_table(copy: Copy, table: str) -> None:
    first = copy.says("notes", "add", "biopsies", "ask Kim")
    assert (first["number"], first["about"], first["text"]) == (1, table, "ask Kim")
    second = copy.api("POST", "/notes", {"about": table[:12], "text": "<b>not bold</b>"})
    assert (second.status_code, second.json()["number"]) == (200, 2)
    assert [one["text"] for one in copy.says("notes", "list")["notes"]] == ["<b>not bold</b>", "ask Kim"]
    assert copy.api("GET", "/notes?limit=1").json()["notes"][0]["number"] == 2
    assert copy.says("notes", "show", "1")["text"] == copy.api("GET", "/notes/1").json()["text"] == "ask Kim"
    assert [copy.api("GET", f"/notes/{one}").status_code for one in (9, 0, "x")] == [404, 422, 422]
    library = f"""
import freehold
with freehold.connect({str(copy.home)!r}) as node:
    print(node.note("biopsies", "from Python").number, [one.text for one in node.notes(limit=2)], node.noted(1).text)
"""
    assert copy.run("-c", library).strip() == "3 ['from Python', '<b>not bold</b>'] ask Kim"


def test_bounds_stand_once_and_hold_on_every_face(copy: Copy, table: str) -> None:
    assert copy.api("POST", "/notes", {"about": table, "text": ""}).status_code == 422
    assert copy.api("POST", "/notes", {"about": table, "text": "x", "more": 1}).status_code == 422
    assert copy.api("GET", "/notes?limit=0").status_code == 422
    copy.run("-m", "freehold", "notes", "list", "--limit", "0", "--home", str(copy.home), code=2)
    # the setting that the feature brought
    assert copy.says("config", "show")["notes_longest"] == 2_000
    # what nobody chose is not written, so a program without the feature reads the file too
    assert settings.load(copy.home).name == "noter"
    assert copy.api("POST", "/notes", {"about": table, "text": "x" * 2_001}).json()["code"] == "input.invalid"
    assert httpx.get(f"{copy.url}/api/notes", trust_env=False).status_code == 401


def test_it_is_described_wherever_operations_are(copy: Copy) -> None:
    routes = httpx.get(f"{copy.url}/openapi.json", trust_env=False).json()["paths"]
    assert set(routes["/api/notes"]) == {"get", "post"}
    assert "notes" in copy.run("-m", "freehold", "--help")
    assert "ask Kim" in copy.run("-m", "freehold", "notes", "add", "--help")
    script = "from freehold.shell.cli import answers; print(answers.definitions()['Note'])"
    schema = copy.run("-c", script)
    assert "'number'" in schema


def test_an_assistant_has_a_tool(copy: Copy) -> None:
    script = f"""
import anyio, json, os, sys
from mcp import Client
from mcp.client.stdio import StdioServerParameters
where = StdioServerParameters(
    command=sys.executable, args=["-m", "freehold", "mcp", "--home", {str(copy.home)!r}], env=dict(os.environ))
async def talk():
    async with Client(where) as client:
        tools = {{one.name: one for one in (await client.list_tools()).tools}}
        result = await client.call_tool("note", {{"about": "biopsies", "text": "by an assistant"}})
        shown = await client.call_tool("noted", {{"number": 1}})
        assert shown.structured_content["number"] == 1, shown
        return tools["notes"].annotations.read_only_hint, tools["note"].annotations.read_only_hint, result.structured_content
print(json.dumps(anyio.run(talk)))
"""
    reads, adds, note = json.loads(copy.run("-c", script))
    assert (reads, adds, note["text"]) == (True, False, "by an assistant")


def test_the_console_has_page_menu_entry_and_section(copy: Copy, table: str) -> None:
    with httpx.Client(
        base_url=copy.url, headers={"origin": copy.url}, follow_redirects=True, trust_env=False
    ) as browser:
        page = browser.get(f"{CONSOLE_PATH}/enter").text
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
        entered = browser.post(f"{CONSOLE_PATH}/enter", data={**hidden, "passphrase": PASSPHRASE})
        assert entered.status_code == 200
        assert f'href="{CONSOLE_PATH}/notes"' in browser.get(f"{CONSOLE_PATH}/assets").text
        shown = browser.get(f"{CONSOLE_PATH}/notes")
        assert shown.status_code == 200
        assert "ask Kim" in shown.text
        assert "&lt;b&gt;not bold" in shown.text
        _notes_on_an_assets_page(browser, table)


def _notes_on_an_assets_page(browser: httpx.Client, asset: str) -> None:
    own = f"{CONSOLE_PATH}/assets/{asset}"
    assert f'href="{own}/notes"' in browser.get(own).text, "its tab stands on every asset's page"
    shown = browser.get(f"{own}/notes").text
    assert "ask Kim" in shown
    (token,) = set(re.findall(r'name="csrf" value="([^"]{43})"', shown))
    empty = browser.post(f"{own}/notes", data={"csrf": token, "text": ""})
    assert "The note says nothing" in empty.text
    kept = browser.post(f"{own}/notes", data={"csrf": token, "text": "seen by hand"}).text
    assert "seen by hand" in kept
    (number,) = re.findall(r'name="number" value="(\d+)"', kept)
    assert "seen by hand" in browser.get(f"{CONSOLE_PATH}/find?q=hand+SEEN").text
    gone = browser.post(f"{own}/notes/drop", data={"csrf": token, "number": number}).text
    assert "seen by hand" not in gone


def test_metric_doctor_and_migration(copy: Copy) -> None:
    metrics = httpx.get(f"{copy.url}/metrics", trust_env=False).text
    assert re.search(r"^freehold_notes [1-9]", metrics, re.MULTILINE)
    checks = {one["check"]: one for one in copy.says("doctor")["checks"]}
    assert checks["notes"]["level"] == "ok"
    assert checks["database"]["level"] == "ok"


def test_a_verifier_repeats_its_checks(copy: Copy) -> None:
    script = """
from freehold.kernel.evidence.parts import parts
from freehold.kernel.evidence import verify
print([name for part in parts() for name, _ in part.steps if name.startswith("notes.")])
"""
    assert copy.run("-c", script).strip() == "['notes.text']"


def test_two_of_one_name_do_not_start(copy: Copy, tmp_path: Path) -> None:
    again = tmp_path / "src"
    shutil.copytree(copy.source, again, ignore=shutil.ignore_patterns("__pycache__"))
    features = again / "freehold" / "features"
    shutil.copytree(features / "notes", features / "memos")
    for path in (features / "memos").glob("*.py"):
        path.write_text(path.read_text().replace('name="notes"', 'name="memos"'))
    tuple_ = features / "__init__.py"
    tuple_.write_text(tuple_.read_text().replace('    "notes",\n', '    "notes",\n    "memos",\n'))
    done = subprocess.run(
        [sys.executable, "-c", "from freehold.kernel.registry import everything; everything()"],
        env={**os.environ, "PYTHONPATH": str(again)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "is said twice" in done.stderr


def test_the_guide_shows_the_files_as_they_are() -> None:
    page = GUIDE.read_text()
    shown = re.findall(r"^`(\w+\.py)`[^\n]*\n\n```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert {name for name, _ in shown} >= {"feature.py", "wire.py", "keeping.py", "terminal.py", "tables.py"}
    for name, text in shown:
        assert text in (EXAMPLE / name).read_text(), name


def test_the_guide_of_pages_shows_the_files_as_they_are() -> None:
    page = GUIDE.with_name("add-a-page.md").read_text()
    pattern = r"^`([\w./]+)`[^\n]*\n\n```(?:python|html)\n(.*?)^```"
    shown = re.findall(pattern, page, re.MULTILINE | re.DOTALL)
    assert {name for name, _ in shown} == {"feature.py", "pages.py", "templates/notes_on_asset.html"}
    for name, text in shown:
        assert text in (EXAMPLE / name).read_text(), name
