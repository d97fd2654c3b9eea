"""Names that are drawn as nothing, and files that are no text of UTF-8."""

import base64
import io

import pytest

from freehold.core.errors import InvalidInput
from freehold.core.ids import require_name
from freehold.features.gateway.rules import rows
from freehold.kernel import settings
from freehold.shell.backup import armor
from freehold.vault.envelope import MAGIC, NotABackup


@pytest.mark.parametrize("code", [0x115F, 0x1160, 0x200B, 0x2800, 0x3164, 0xFFA0, 0x0301, 0xFE0F, 0xE0100])
def test_a_name_of_what_nobody_sees_is_refused(code: int) -> None:
    for name in (chr(code), f" {chr(code)}\u200b"):
        with pytest.raises(InvalidInput, match="nothing that can be seen"):
            require_name(name)
    require_name(f"a{chr(code)}")


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_settings_in_another_encoding_say_which_is_wanted(tmp_path, encoding: str) -> None:
    (tmp_path / "config.toml").write_bytes('name = "Büro"\n'.encode(encoding))
    with pytest.raises(InvalidInput, match="is not UTF-8 text") as caught:
        settings.stored(tmp_path)
    assert caught.value.hint == "Save the file as UTF-8."


def test_rows_with_a_stray_byte_say_which_encoding_is_wanted() -> None:
    with pytest.raises(InvalidInput, match="not UTF-8 text") as caught:
        rows.of_data(b'[{"a": "\xff"}]', "rows.json", ["a"])
    assert caught.value.hint == "Save the file as UTF-8."


def test_a_backup_as_text_may_begin_as_editors_begin_it() -> None:
    text = base64.encodebytes(MAGIC)
    for before in (b"", b"\xef\xbb\xbf", b"\r\n\n ", b"\xef\xbb\xbf\n"):
        assert armor.opened(io.BufferedReader(io.BytesIO(before + text))).read() == MAGIC
    with pytest.raises(NotABackup, match="UTF-16"):
        armor.opened(io.BufferedReader(io.BytesIO(text.decode().encode("utf-16"))))
