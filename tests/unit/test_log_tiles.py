"""Tile paths have one spelling; bundles decode to exactly what was encoded."""

import pytest
from bundles import decode_bundle

from freehold.log import tiles
from freehold.log.tiles import InvalidTile, TileAddress


@pytest.mark.parametrize(
    ("address", "path"),
    [
        (TileAddress(0, 0), "tile/0/000"),
        (TileAddress(0, 1067, 12), "tile/0/x001/067.p/12"),
        (TileAddress(3, 1234067), "tile/3/x001/x234/067"),
        (TileAddress(63, 999, 255), "tile/63/999.p/255"),
        (TileAddress(None, 1000, 1), "tile/entries/x001/000.p/1"),
    ],
)
def test_paths_go_both_ways(address, path):
    assert address.path == path
    assert TileAddress.parse(path) == address


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0",
        "tile/00/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/0/x000/001",
        "tile/0/001/067",
        "tile/0/x001/x067",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/",
        "tile/0/000/",
        "tile/0/000\n",
        "/tile/0/000",
        "tile/data/000",
        "tile/0/../000",
        "tile/0/\u0660\u0660\u0660",
        "tile/0/" + "x999/" * 6 + "999",
    ],
)
def test_other_spellings_are_refused(path):
    with pytest.raises(InvalidTile):
        TileAddress.parse(path)


def test_bundles_go_both_ways_at_their_limits():
    entries = [b"", b"x", b"y" * tiles.MAX_ENTRY_BYTES]
    bundle = tiles.encode_bundle(entries)
    assert bundle[:5] == b"\x00\x00\x00\x01x"
    assert decode_bundle(bundle, 3) == entries


def test_an_entry_longer_than_its_length_field_is_refused():
    with pytest.raises(InvalidTile):
        tiles.encode_bundle([b"z" * (tiles.MAX_ENTRY_BYTES + 1)])
