"""docs/reference/json.md and the schemas behind it say what every command prints, field by field."""

import json
import re
from pathlib import Path

import jsonschema
import pytest
from json_answers import documented

from freehold.shell.cli import answers, reference

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "reference"
KNOWN = answers.definitions()


def test_every_command_that_prints_json_has_a_schema():
    commands = {
        name
        for name, command in reference.commands()
        if any("--json" in parameter.opts for parameter in command.params)
    }
    assert set(answers.known()) == commands


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_every_field_is_described_and_no_other_allowed(name):
    shape = KNOWN[name]
    assert shape.get("description"), name
    if shape["type"] != "object":
        return
    assert shape["additionalProperties"] is False
    for field, one in shape["properties"].items():
        assert one.get("description"), f"{name}.{field}"


def test_names_of_numbers_say_their_units():
    wanted = {"_units": "Units", "_bps": "Bps", "_at": "Time"}
    for name, shape in KNOWN.items():
        for field, one in shape.get("properties", {}).items():
            for ending, kind in wanted.items():
                if field.endswith(ending) and name not in ("Party", "Receipt", "MoneyLine"):
                    assert f"/{kind}" in json.dumps(one), f"{name}.{field} is not {kind}"


def test_the_page_and_the_schemas_name_the_same_shapes():
    page = (REFERENCE / "json.md").read_text()
    published = json.loads((REFERENCE / "json-schema.json").read_text())
    assert (
        set(re.findall(r"^## (\w+)$", page, re.MULTILINE))
        == {"Commands", *KNOWN}
        == {"Commands", *published["$defs"]}
    )
    assert set(published["commands"]) == set(answers.known())
    for shape in (*published["$defs"].values(), *published["commands"].values()):
        jsonschema.Draft202012Validator.check_schema(shape)


@pytest.mark.parametrize(
    "printed",
    ['{"model": "0x12", "serving": true}', '{"serving": true}', '{"error": {"code": "x"}}',
     f'{{"model": "0x{"ab" * 32}", "serving": true, "more": 1}}'],
)  # fmt: skip
def test_what_is_not_as_documented_is_noticed(printed):
    with pytest.raises(AssertionError, match="not what its schema says"):
        documented(["serve", "m", "--json"], printed)
    with pytest.raises(AssertionError, match="no schema"):
        documented(["up"], "{}")
