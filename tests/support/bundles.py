"""Entry bundles as a reader takes them apart (C2SP tlog-tiles)."""


def decode_bundle(data, width):
    """Exactly `width` entries; nothing is missing or left over."""
    entries = []
    for _ in range(width):
        size = int.from_bytes(data[:2])
        assert len(data) >= 2 + size
        entries.append(data[2 : 2 + size])
        data = data[2 + size :]
    assert not data
    return entries
