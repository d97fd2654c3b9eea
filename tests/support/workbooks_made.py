"""Workbooks as Excel and LibreOffice write them, made here cell by cell; also such as nobody would write."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def xlsx(sheets: dict[str, str]) -> bytes:
    """A workbook of sheets, each with what stands in its `sheetData`; style 1 is a date."""
    files = {
        "[Content_Types].xml": "<Types xmlns='http://schemas.openxmlformats.org/package/2006/content-types'>"
        "<Default Extension='rels' ContentType='application/vnd.openxmlformats-package.relationships+xml'/>"
        f"<Override PartName='/xl/workbook.xml' ContentType='{_TYPES}.sheet.main+xml'/></Types>",
        "_rels/.rels": "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>"
        f"<Relationship Id='r0' Type='{_RELATIONS}/officeDocument' Target='xl/workbook.xml'/></Relationships>",
        "xl/workbook.xml": f"<workbook xmlns='{_MAIN}' xmlns:r='{_RELATIONS}'><sheets>"
        + "".join(
            f"<sheet name='{escape(name)}' sheetId='{n}' r:id='r{n}'/>" for n, name in _numbered(sheets)
        )
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": "<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>"
        + "".join(
            f"<Relationship Id='r{n}' Type='{_RELATIONS}/worksheet' Target='worksheets/sheet{n}.xml'/>"
            for n, _ in _numbered(sheets)
        )
        + f"<Relationship Id='rs' Type='{_RELATIONS}/styles' Target='styles.xml'/></Relationships>",
        "xl/styles.xml": f"<styleSheet xmlns='{_MAIN}'><cellXfs count='2'><xf numFmtId='0'/><xf numFmtId='14'/></cellXfs></styleSheet>",
    }
    for number, name in _numbered(sheets):
        files[f"xl/worksheets/sheet{number}.xml"] = (
            f"<worksheet xmlns='{_MAIN}'><sheetData>{sheets[name]}</sheetData></worksheet>"
        )
    return _zipped(files)


def ods(body: str) -> bytes:
    """A workbook with what stands in its `office:spreadsheet`."""
    spaces = "urn:oasis:names:tc:opendocument:xmlns"
    content = (
        f"<office:document-content xmlns:office='{spaces}:office:1.0' xmlns:table='{spaces}:table:1.0'"
        f" xmlns:text='{spaces}:text:1.0'><office:body><office:spreadsheet>{body}</office:spreadsheet></office:body></office:document-content>"
    )
    manifest = (
        f"<manifest:manifest xmlns:manifest='{spaces}:manifest:1.0'>"
        "<manifest:file-entry manifest:full-path='/' manifest:media-type='application/vnd.oasis.opendocument.spreadsheet'/></manifest:manifest>"
    )
    return _zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "content.xml": content,
            "META-INF/manifest.xml": manifest,
        }
    )


def rows(cells: Iterable[Sequence[object]], first: int = 1) -> str:
    """`sheetData` of rows: numbers and booleans as such, ('date', 46022) as a date, `=` a formula with its value."""
    return "".join(
        f"<row r='{number}'>{''.join(_cell(value, at, number) for at, value in enumerate(row))}</row>"
        for number, row in enumerate(cells, start=first)
    )


def _cell(value: object, at: int, number: int) -> str:
    place = f"{chr(65 + at)}{number}"
    if isinstance(value, tuple) and value[0] == "date":
        return f"<c r='{place}' s='1'><v>{value[1]}</v></c>"
    if isinstance(value, tuple):
        return f"<c r='{place}'><f>{value[0]}</f><v>{value[1]}</v></c>"
    if isinstance(value, bool):
        return f"<c r='{place}' t='b'><v>{int(value)}</v></c>"
    if isinstance(value, int | float):
        return f"<c r='{place}'><v>{value}</v></c>"
    return "" if value is None else f"<c r='{place}' t='inlineStr'><is><t>{escape(str(value))}</t></is></c>"


def _numbered(sheets: Iterable[str]) -> list[tuple[int, str]]:
    return list(enumerate(sheets, start=1))


def _zipped(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            # a mimetype is the first thing in its archive, and not packed
            kind = zipfile.ZIP_STORED if name == "mimetype" else zipfile.ZIP_DEFLATED
            archive.writestr(name, text, kind)
    return made.getvalue()
