"""What a backup is made of: the tar stream takes what its manifest announces and nothing else."""

import hashlib
import io
import tarfile

import pytest

from freehold.core.causes import StorageFull
from freehold.core.errors import FreeholdError
from freehold.shell.backup import manifest as manifests
from freehold.shell.backup import pack
from freehold.shell.backup.manifest import Entry, Manifest, blob_sha256
from freehold.shell.backup.pack import BackupChanged, Packed, Unpacker
from freehold.vault.blobs import cid_of
from freehold.vault.envelope import NotABackup

CONTENTS = {
    "keys.jwe": b"k" * 700,
    "config.toml": b"",
    "node.sqlite": bytes(range(256)) * 9_000,
    f"blobs/{cid_of(b'sealed')}": b"sealed",
}


def entry(name, content):
    return Entry(name=name, size_bytes=len(content), sha256="0x" + hashlib.sha256(content).hexdigest())


def manifest(contents=CONTENTS):
    return Manifest(
        software="0",
        created_at=1,
        account="0x" + "11" * 20,
        chain_id=1,
        log_size=0,
        log_root="0x" + "00" * 32,
        data_elsewhere=False,
        files=tuple(entry(name, content) for name, content in contents.items()),
    )


def stream(folder, contents=CONTENTS):
    sources = []
    for number, content in enumerate(contents.values()):
        sources.append(folder / f"source-{number}")
        sources[-1].write_bytes(content)
    packed = Packed(manifest(contents), sources)
    return b"".join(iter(lambda: packed.read(1_000), b""))


def unpack(data, folder, *, step=4_096):
    folder.mkdir()
    unpacker = Unpacker(folder)
    try:
        for start in range(0, len(data), step):
            unpacker.write(data[start : start + step])
        return unpacker.finish()
    finally:
        unpacker.close()


def with_tar(members):
    """The stream of a hostile writer: any tar, its manifest first."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        head = tarfile.TarInfo(manifests.NAME)
        head.size = len(manifest().to_bytes())
        tar.addfile(head, io.BytesIO(manifest().to_bytes()))
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.mark.parametrize("step", [1_013, 512, 65_536, 10**9])
def test_what_is_packed_is_unpacked_to_the_byte(tmp_path, step):
    found = unpack(stream(tmp_path), tmp_path / "out", step=step)
    assert found == manifest()
    for name, content in CONTENTS.items():
        path = tmp_path / "out" / name
        assert path.read_bytes() == content
        assert path.stat().st_mode & 0o077 == 0


def test_any_tar_program_reads_it(tmp_path):
    with tarfile.open(fileobj=io.BytesIO(stream(tmp_path))) as tar:
        assert tar.getnames() == [manifests.NAME, *CONTENTS]
        for name, content in CONTENTS.items():
            assert tar.extractfile(name).read() == content


def test_a_file_that_changes_while_it_is_packed_spoils_the_backup(tmp_path):
    sources = []
    for number, content in enumerate(CONTENTS.values()):
        sources.append(tmp_path / f"{number}")
        sources[-1].write_bytes(content)
    packed = Packed(manifest(), sources)
    sources[2].write_bytes(CONTENTS["node.sqlite"][:-1] + b"X")
    with pytest.raises(BackupChanged, match=r"node\.sqlite"):
        list(iter(lambda: packed.read(65_536), b""))


@pytest.mark.parametrize(
    "name",
    ["../keys.jwe", "/etc/passwd", "blobs/../../x", "keys.jwe/../../x", "node.sqlite-wal", "api-token"],
)
def test_a_manifest_can_name_no_other_file(name):
    value = manifest().model_dump(mode="json")
    value["files"].append({**value["files"][0], "name": name})
    with pytest.raises(NotABackup):
        Manifest.read(manifests.canonical_bytes(value))


def test_a_manifest_is_refused_when_it_lies_about_a_blob_or_its_own_shape():
    good = manifest().model_dump(mode="json")
    for change in (
        lambda value: value["files"][3].update(sha256="0x" + "00" * 32),
        lambda value: value["files"].pop(0),
        lambda value: value["files"].append(value["files"][3]),
        lambda value: value["files"][0].update(size_bytes=10**6),
        lambda value: value["files"][2].update(size_bytes=-1),
        lambda value: value.update(version=2),
        lambda value: value.update(more=1),
    ):
        value = manifest().model_dump(mode="json")
        change(value)
        assert value != good
        with pytest.raises(NotABackup):
            Manifest.read(manifests.canonical_bytes(value))


def test_the_hash_in_a_content_id():
    assert blob_sha256(cid_of(b"hello"))[2:] == hashlib.sha256(b"hello").hexdigest()


def link(name, kind, target):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


HOSTILE = {
    "a symlink": [link("keys.jwe", tarfile.SYMTYPE, "/etc/passwd")],
    "a hard link": [link("keys.jwe", tarfile.LNKTYPE, "../keys.jwe")],
    "a device": [link("keys.jwe", tarfile.CHRTYPE, "")],
    "a directory": [link("blobs", tarfile.DIRTYPE, "")],
    "a path upwards": [(tarfile.TarInfo("../keys.jwe"), b"x")],
    "an absolute path": [(tarfile.TarInfo("/tmp/keys.jwe"), b"x")],
    "a long name record": [(tarfile.TarInfo("x" * 300), b"x")],
    "another size": [(tarfile.TarInfo("keys.jwe"), b"k" * 701)],
    "another order": [(tarfile.TarInfo("config.toml"), b"")],
    "other bytes": [(tarfile.TarInfo("keys.jwe"), b"K" * 700)],
    "too few files": [(tarfile.TarInfo("keys.jwe"), b"k" * 700)],
    "a second manifest": [(tarfile.TarInfo(manifests.NAME), b"{}")],
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE)
def test_what_the_manifest_does_not_announce_is_refused_and_lands_nowhere(tmp_path, members):
    outside = sorted(path for path in tmp_path.rglob("*"))
    with pytest.raises((NotABackup, BackupChanged)):
        unpack(with_tar(members), tmp_path / "deep")
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != tmp_path / "deep"]
    assert left == outside
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("cut", [1, 511, 513, 4_000, 1_024, 1_025])
def test_a_stream_that_is_cut_short_is_not_whole(tmp_path, cut):
    with pytest.raises(FreeholdError):
        unpack(stream(tmp_path)[:-cut], tmp_path / "out")


def test_nothing_may_follow_the_end(tmp_path):
    for number, more in enumerate((b"x", bytes(512), b"x" * 512)):
        with pytest.raises(BackupChanged):
            unpack(stream(tmp_path) + more, tmp_path / f"out-{number}")


def test_a_manifest_larger_than_the_limit_is_not_read(tmp_path):
    info = tarfile.TarInfo(manifests.NAME)
    info.size = manifests.MAX_BYTES + 1
    with pytest.raises(NotABackup, match="begin with its manifest"):
        unpack(info.tobuf(format=tarfile.GNU_FORMAT), tmp_path / "out")


def test_room_is_asked_for_before_anything_is_written(tmp_path):
    value = manifest().model_dump(mode="json")
    value["files"][2]["size_bytes"] = 2**52
    data = manifests.canonical_bytes(value)
    info = tarfile.TarInfo(manifests.NAME)
    info.size = len(data)
    with pytest.raises(StorageFull):
        unpack(info.tobuf(format=tarfile.GNU_FORMAT) + data, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_sizes_beyond_8_gib_fit_one_header():
    info = tarfile.TarInfo.frombuf(pack._header("node.sqlite", 2**40 + 7), "ascii", "strict")
    assert (info.name, info.size) == ("node.sqlite", 2**40 + 7)
