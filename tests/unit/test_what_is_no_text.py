"""Names that are drawn as nothing, and files that are no text of UTF-8."""

import pytest

from freehold.core.errors import InvalidInput
from freehold.core.ids import require_name
from freehold.features.gateway.rules import rows
from freehold.kernel import settings


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
