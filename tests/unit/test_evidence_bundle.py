"""Evidence on disk and on the wire: bounded, whole, and nothing but plain files."""

from __future__ import annotations

import os

import pytest

from freehold.core.canonical import InvalidJson
from freehold.core.errors import NotFound
from freehold.kernel.evidence import bundle as bundles
from freehold.kernel.evidence.bundle import Bundle, DirectoryNotEmpty, InvalidBundle

FILES = {
    "manifest.json": b"{}",
    "chain.json": b"[1]",
    "documents/0xab.json": b'"x"',
    "training/plan.json": b"3",
}


def test_what_is_written_is_read_back(tmp_path):
    target = tmp_path / "new" / "evidence"
    Bundle(FILES).write(target)
    assert Bundle.read(target).files == FILES
    assert sorted(path.name for path in target.parent.iterdir()) == ["evidence"]
    assert target.stat().st_mode & 0o777 == 0o700


def test_an_empty_directory_is_filled_and_a_full_one_left_alone(tmp_path):
    target = tmp_path / "evidence"
    target.mkdir()
    Bundle(FILES).write(target)
    with pytest.raises(DirectoryNotEmpty):
        Bundle({"manifest.json": b"other"}).write(target)
    assert Bundle.read(target).files == FILES
    assert [path.name for path in tmp_path.iterdir()] == ["evidence"]


def test_the_directory_that_one_is_in_is_not_replaced(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DirectoryNotEmpty, match="where this runs"):
        Bundle(FILES).write(tmp_path)
    Bundle(FILES).write(tmp_path / "in")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_file_or_link_in_the_place_of_the_directory_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    for name in ("file", "link"):
        with pytest.raises(DirectoryNotEmpty):
            Bundle(FILES).write(tmp_path / name)
    assert (tmp_path / "file").read_text() == "mine"
    assert not any((tmp_path / "real").iterdir())


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        Bundle(FILES).write(tmp_path / "evidence")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "path",
    [
        "../x.json",
        "/etc/x.json",
        "documents/../x.json",
        "documents//x.json",
        "documents/.x.json",
        "x.txt",
        "A.json",
        "a\\b.json",
        "a\n.json",
        "x.json\n",
        "x.json/",
        "a/b/c/d/e.json",
        "",
        "CHAIN.json",
        "a b.json",
    ],
)
def test_paths_that_could_lead_elsewhere_are_refused(path):
    with pytest.raises(InvalidBundle):
        Bundle({path: b"{}"})
    with pytest.raises(InvalidBundle):
        Bundle.from_json({"files": {path: "{}"}})


def test_bounds_hold_when_made_and_when_read(tmp_path, monkeypatch):
    Bundle(FILES).write(tmp_path / "evidence")
    for name, value in (("MAX_FILES", 3), ("MAX_FILE_BYTES", 2), ("MAX_TOTAL_BYTES", 7), ("MAX_ENTRIES", 5)):
        with monkeypatch.context() as patch:
            patch.setattr(bundles, name, value)
            with pytest.raises(InvalidBundle):
                Bundle.read(tmp_path / "evidence")
            if name != "MAX_ENTRIES":
                with pytest.raises(InvalidBundle):
                    Bundle(FILES)
    assert Bundle.read(tmp_path / "evidence").files == FILES


def test_links_and_pipes_are_not_followed(tmp_path):
    for number, place in enumerate(("chain.json", "documents")):
        target = tmp_path / str(number)
        Bundle({"manifest.json": b"{}"}).write(target)
        (target / place).symlink_to("/etc")
        with pytest.raises(InvalidBundle):
            Bundle.read(target)
    target = tmp_path / "pipe"
    Bundle({"manifest.json": b"{}"}).write(target)
    os.mkfifo(target / "chain.json")
    with pytest.raises(InvalidBundle):
        Bundle.read(target)


def test_strange_files_and_missing_directories_are_refused(tmp_path):
    Bundle(FILES).write(tmp_path / "evidence")
    (tmp_path / "evidence" / "notes.txt").write_text("hello")
    with pytest.raises(InvalidBundle, match=r"notes\.txt"):
        Bundle.read(tmp_path / "evidence")
    with pytest.raises(NotFound):
        Bundle.read(tmp_path / "nowhere")


@pytest.mark.parametrize("name", [".DS_Store", "new-patients.csv"])
def test_what_to_do_about_a_strange_file_is_said(tmp_path, name):
    Bundle(FILES).write(tmp_path / "evidence")
    (tmp_path / "evidence" / name).write_bytes(b"x")
    with pytest.raises(InvalidBundle, match="does not belong") as caught:
        Bundle.read(tmp_path / "evidence")
    assert "manifest.json" in caught.value.hint
    assert "take out" in caught.value.hint


def test_the_wire_form_keeps_every_byte():
    files = FILES | {"documents/0xcd.json": '"é😀"'.encode()}
    assert Bundle.from_json(Bundle(files).to_json()).files == files
    with pytest.raises(InvalidBundle):
        Bundle({"chain.json": b"\xff"}).to_json()


@pytest.mark.parametrize(
    "value", [None, [], {}, {"files": []}, {"files": {"a.json": 1}}, {"files": {}, "more": 1}]
)
def test_other_wire_forms_are_refused(value):
    with pytest.raises(InvalidBundle):
        Bundle.from_json(value)
    with pytest.raises(InvalidBundle):
        Bundle.from_json({"files": {"a.json": "\ud800"}})


def test_json_insists_on_the_canonical_bytes():
    files = {
        "a.json": b'{"a":1,"b":[]}',
        "b.json": b'{"b":[],"a":1}',
        "c.json": b"{",
        "d.json": b"1.5",
        "e.json": b"1 ",
    }
    bundle = Bundle(files)
    assert bundle.json("a.json") == {"a": 1, "b": []}
    for path in ("b.json", "e.json"):
        with pytest.raises(InvalidBundle):
            bundle.json(path)
    for path in ("c.json", "d.json"):
        with pytest.raises(InvalidJson):
            bundle.json(path)
    with pytest.raises(NotFound):
        bundle.json("f.json")
