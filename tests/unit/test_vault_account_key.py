"""A wallet's key as people hold one; in whatever wrong form it is given, no error says any of it."""

import traceback
from pathlib import Path

import pytest

from freehold.vault import account_key
from freehold.vault.account_key import InvalidKey

KEY = "0123456789abcdef" * 4
WORDS = "abandon ability able about above absent absorb abstract absurd abuse access accident"
WRONG = {
    "a digit short": KEY[:-1],
    "a digit short after 0x": "0x" + KEY[:-1],
    "a space inside": KEY[:32] + " " + KEY[32:],
    "a line end inside": KEY[:32] + "\n" + KEY[32:],
    "O for 0": "O" + KEY[1:],
    "colons": ":".join(KEY[one : one + 2] for one in range(0, 64, 2)),
    "in quotes": f"'{KEY[:40]}'",
    "a digit too many": KEY + "0",
    "0X": "0X" + KEY,
    "base58": "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ",
    "base64": "ASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4mrze8=",
    "base64 with slashes": "ASNF/4mrze8BI0Vn/avN7wEjRWeJq83vASNFZ4mrze8=",
    "home": "~" + KEY[:-1],
    "words": WORDS,
    "words by line": WORDS.replace(" ", "\n"),
    "NUL": KEY[:20] + "\0" + KEY[20:],
    "surrogate": "\ud800" + KEY[:50],
    "long": KEY * 80,
    "bytes": KEY.encode(),
    "a list": [KEY],
}


def pieces(text: str) -> set[str]:
    return {text[at : at + 8] for at in range(len(text) - 7)}


@pytest.mark.parametrize("form", [str, Path], ids=["text", "path"])
@pytest.mark.parametrize("case", WRONG)
def test_no_part_of_what_is_no_key_is_said(case, form, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = WRONG[case]
    held = Path(given) if form is Path and isinstance(given, str) else given
    with pytest.raises(InvalidKey) as caught:
        account_key.read(held)
    said = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caught.value.hint
    assert not [
        one for one in pieces(given.decode() if isinstance(given, bytes) else str(given)) if one in said
    ]


@pytest.mark.parametrize("name", ["wallet.key", "wallet " + KEY], ids=["usual", "holds-a-key"])
def test_a_file_that_is_there_is_read(name, tmp_path):
    path = tmp_path / name
    path.write_text(f"0x{KEY}\n")
    assert account_key.read(str(path)) == account_key.read(path) == bytes.fromhex(KEY)
    path.write_text(KEY[:-1])
    with pytest.raises(InvalidKey, match="holds no private key"):
        account_key.read(path)
