"""Notes, checkpoints and tile paths: whatever can be written reads back, and nothing else crashes."""

from contextlib import suppress

from bundles import decode_bundle
from hypothesis import given
from hypothesis import strategies as st

from freehold.log import note, tiles
from freehold.log.checkpoint import Checkpoint, InvalidCheckpoint
from freehold.log.note import InvalidNote, Signer
from freehold.log.tiles import InvalidTile, TileAddress

LINE = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=30)
SIGNER = Signer.from_seed("log.example", b"s" * 32)


@given(st.lists(LINE, min_size=1, max_size=6))
def test_any_text_survives_signing(lines):
    text = "".join(f"{line}\n" for line in lines)
    assert note.open_note(note.sign(text, SIGNER).encode(), [SIGNER.key]).text == text


@given(st.binary(max_size=200) | st.text(max_size=200))
def test_arbitrary_input_is_refused_as_invalid(junk):
    with suppress(InvalidNote):
        note.parse_note(junk)
    if isinstance(junk, str):
        with suppress(InvalidCheckpoint):
            assert Checkpoint.parse(junk).format() == junk
        with suppress(InvalidTile):
            assert TileAddress.parse(junk).path == junk
        with suppress(InvalidNote):
            assert str(note.VerifierKey.parse(junk)) == junk


@given(
    LINE.filter(bool),
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(LINE.filter(bool), max_size=3),
)
def test_checkpoints_go_both_ways(origin, size, root, extensions):
    checkpoint = Checkpoint(origin, size, root, tuple(extensions))
    assert Checkpoint.parse(checkpoint.format()) == checkpoint


@given(st.none() | st.integers(0, 63), st.integers(0, tiles.MAX_INDEX - 1), st.integers(1, 256))
def test_tile_paths_go_both_ways(level, index, width):
    address = TileAddress(level, index, width)
    assert TileAddress.parse(address.path) == address


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_bundles_go_both_ways(entries):
    assert decode_bundle(tiles.encode_bundle(entries), len(entries)) == entries
