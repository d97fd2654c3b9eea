"""One sheet of a workbook as CSV, read in a process of its own: a file made to fill the memory ends this process alone.

Run by `workbooks`, never imported: the first line of what comes in says what is wanted, the workbook follows; the first
line of what goes out says what was found, CSV follows. It loads nothing of Freehold.
"""

import csv
import datetime as dt
import io
import json
import resource
import sys

MIDNIGHT = dt.time()


def main() -> None:
    """Read, write, and end."""
    wanted = json.loads(sys.stdin.buffer.readline())
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CPU, wanted["seconds"]),
        (resource.RLIMIT_AS, wanted["memory"]),
    ):
        resource.setrlimit(kind, (most, most))
    import python_calamine  # noqa: PLC0415 - after the limits

    try:
        book = python_calamine.load_workbook(io.BytesIO(sys.stdin.buffer.read()))
    except python_calamine.PasswordError:
        say({"fault": "password"})
        return
    except Exception:  # noqa: BLE001 - whatever the library meets in it, the file is not readable
        say({"fault": "unreadable"})
        return
    sheets = [one.name for one in book.sheets_metadata if one.typ == python_calamine.SheetTypeEnum.WorkSheet]
    name = wanted["sheet"] or next(iter(sheets), "")
    if name not in sheets:
        say({"fault": "sheet", "sheets": sheets})
        return
    sheet = book.get_sheet_by_name(name)
    if sheet.start is None or sheet.height * sheet.width > wanted["cells"] or sheet.width > wanted["columns"]:
        say({"fault": "empty" if sheet.start is None else "large", "sheets": sheets, "sheet": name})
        return
    rows = sheet.to_python(skip_empty_area=True)
    while rows and not any(map(filled, rows[-1])):
        rows.pop()
    say({"sheet": name, "sheets": sheets, "corner": sheet.start})
    text = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="", write_through=False)
    table, left = csv.writer(text, quoting=csv.QUOTE_ALL), wanted["bytes"]
    for row in rows:
        shown = [cell(one) for one in row]
        # one long text that is stored once may stand in every cell
        left -= sum(len(one.encode(errors="replace")) + 3 for one in shown)
        if left < 0:
            sys.exit(1)
        table.writerow(shown)
    text.flush()


def say(found: dict[str, object]) -> None:
    """The first line of what goes out."""
    sys.stdout.buffer.write(json.dumps(found).encode() + b"\n")


def filled(value: object) -> bool:
    """Whether a cell holds something."""
    return value is not None and str(value).strip() != ""


def cell(value: object) -> str:
    """A cell as text: formulas are what they came to, dates as in ISO 8601."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == MIDNIGHT else value.isoformat(" ")
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    # a line break in a cell is for the eye
    return "" if value is None else " ".join(str(value).replace("\0", "").splitlines())


if __name__ == "__main__":
    main()
