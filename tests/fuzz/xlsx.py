"""Workbooks: the XML of a sheet, of its texts or of the workbook inside an otherwise good file."""

import io
import zipfile

from .harness import HOSTILE, fuzz

PARTS = ("xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/sharedStrings.xml", "xl/styles.xml", "[Content_Types].xml")
with zipfile.ZipFile(HOSTILE / "55_workbook.xlsx") as _good:
    GOOD = {name: _good.read(name) for name in _good.namelist()}


def made(data: bytes) -> bytes:
    """The first byte says which part the rest is."""
    changed = {PARTS[data[0] % len(PARTS)]: data[1:]} if data else {}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as book:
        for name, part in (GOOD | changed).items():
            book.writestr(name, part)
    return out.getvalue()


if __name__ == "__main__":
    seeds = [bytes([i]) + GOOD.get(name, b"<sst/>") for i, name in enumerate(PARTS)]
    row = b'<row r="2"><c r="A2" t="n" s="1"><v>1.5</v></c><c r="B2" t="b"><v>1</v></c><c t="d"><v>2024-01-31</v></c></row>'
    sheet = GOOD[PARTS[0]].replace(b"</sheetData>", row + b"</sheetData>")
    fuzz("x.xlsx", [*seeds, b"\0" + sheet], made, ["openpyxl", "zipfile"], part="*")
