"""The recipes of docs/how-to/pay-by-http.md, each run as it stands against a seller and its chain."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from eth_account import Account
from inference_world import PRICE, Shop
from node_world import World
from pay_recipes import EXAMPLES, RECIPES, ROOT, command

from freehold.core.signing import parse_envelope
from freehold.features.gateway.rules.answer import output_hash

PAGE = (ROOT / "docs" / "how-to" / "pay-by-http.md").read_text()


@pytest.fixture(scope="module")
def shop(world: World) -> Shop:
    return Shop(world)


@pytest.mark.parametrize("language", RECIPES)
def test_a_recipe_pays_once_and_checks_what_it_got(shop: Shop, language: str, tmp_path: Path) -> None:
    key = "0x" + bytes([90 + len(language)]).hex() * 32
    node, payer = shop.builder.node, Account.from_key(key).address.lower()
    node.send("TestDollar", "mint", payer, 2 * PRICE)
    (tmp_path / "rows.json").write_text(json.dumps([[0.5 + one for one in range(shop.width)]] * 2))
    words, environment = command(language, tmp_path, key)
    answers = set()
    for _ in range(2):
        done = subprocess.run(
            [*words, shop.builder.url, shop.model.name, "rows.json"],
            cwd=tmp_path,
            env={**os.environ, **environment},
            input=key,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        answers.add(done.stdout)
    (answer,) = map(json.loads, answers)
    assert node.chain.read(node.dollar, "balanceOf", payer) == PRICE
    envelope = parse_envelope(answer["receipt"])
    node.check(envelope, partial=True)
    assert envelope.document.body["holder"] == payer
    assert envelope.document.body["output"] == output_hash(answer)
    assert not [one for one in tmp_path.glob("payment*") if one.stat().st_mode & 0o077]


@pytest.mark.parametrize("language", RECIPES)
def test_the_page_shows_the_recipe_as_it_is_run(language: str) -> None:
    blocks = re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert (EXAMPLES / RECIPES[language]).read_text() in blocks
