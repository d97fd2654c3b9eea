"""Arrows point one way: core <- log, chain <- vault <- kernel <- features <- shell <- quickstart."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "src" / "freehold"
LAYERS = {
    "core": 0,
    "log": 1,
    "chain": 1,
    "vault": 2,
    "kernel": 3,
    "features": 4,
    "shell": 5,
    "quickstart": 6,
}


def imported_rooms(path: Path) -> set[str]:
    rooms = set()
    for statement in ast.walk(ast.parse(path.read_text())):
        if isinstance(statement, ast.ImportFrom) and statement.module:
            parts = statement.module.split(".")
            if parts[0] == "freehold":
                rooms |= {parts[1]} if len(parts) > 1 else {alias.name for alias in statement.names}
        elif isinstance(statement, ast.Import):
            rooms |= {
                alias.name.split(".")[1] for alias in statement.names if alias.name.startswith("freehold.")
            }
    return rooms & set(LAYERS)


@pytest.mark.parametrize("room", ["core", "log", "chain", "vault"])
def test_a_room_imports_only_what_lies_below_it(room):
    files = list((SOURCE / room).rglob("*.py"))
    assert files, f"{room} is empty"
    for path in files:
        for other in imported_rooms(path) - {room}:
            assert LAYERS[other] < LAYERS[room], f"{path.relative_to(SOURCE)} imports {other}"


def test_every_room_has_a_place_in_the_order():
    assert {path.name for path in SOURCE.iterdir() if path.is_dir() and path.name != "__pycache__"} == set(
        LAYERS
    )
