"""Workbooks: the values that a sheet shows, the choice of the sheet, and limits on everything inside."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from jobs.distill.data.cell_text import text_of
from jobs.distill.data.findings import Findings
from jobs.distill.data.limits import MIB, Limits
from jobs.distill.data.options import Options
from jobs.distill.data.scan import scan

Rows = list[tuple[Any, ...]]


def workbook(**sheets: Rows) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(out)
    return out.getvalue()


def repacked(data: bytes, **parts: str) -> bytes:
    """The same workbook with other bytes in some parts: `sheet1` and the like."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, parts.pop(Path(name).stem, None) or old.read(name))
        for name, xml in parts.items():
            new.writestr(f"xl/{name}.xml", xml)
    return out.getvalue()


def found(folder: Path, data: bytes, options: Options = Options(), limits: Limits = Limits()) -> Findings:  # noqa: B008
    path = folder / "upload"
    path.write_bytes(data)
    return scan(path, "x.xlsx", None, options, limits=limits)


def sheet_xml(rows: str) -> str:
    return f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>'


PLAIN: Rows = [("text", "label"), ("I lost my card", "lost card"), ("When does it arrive?", "card arrival")]


def test_it_reads_the_one_sheet_with_cells(tmp_path: Path) -> None:
    f = found(tmp_path, workbook(rows=PLAIN, empty=[]))
    assert f.outcome == "accept" and f.format == "xlsx" and f.roles == {"user": "text", "assistant": "label"}
    assert [(r["line"], r["answer"]) for r in f.rows] == [(2, "lost card"), (3, "card arrival")]


def test_it_asks_which_sheet_and_takes_the_chosen_one(tmp_path: Path) -> None:
    data = workbook(one=PLAIN, two=[("text", "label"), ("Can I pay abroad?", "abroad")])
    f = found(tmp_path, data)
    assert f.outcome == "refuse" and "2 sheets" in f.problems[0].message
    assert [o[0] for o in f.offers["choices"][0]["options"]] == ["*", "one", "two"]
    chosen = found(tmp_path, data, Options(part="two"))
    assert [r["answer"] for r in chosen.rows] == ["abroad"]
    assert [r["answer"] for r in found(tmp_path, data, Options(part="*")).rows] == [
        "lost card",
        "card arrival",
        "abroad",
    ]
    assert "no sheet 'three'" in found(tmp_path, data, Options(part="three")).problems[0].message


def test_sheets_named_after_the_split_become_it(tmp_path: Path) -> None:
    f = found(tmp_path, workbook(train=PLAIN, Test=[PLAIN[0], ("Why?", "lost card")]))
    assert f.outcome == "confirm" and (f.counts["train"], f.counts["heldout"]) == (2, 1)


def test_it_keeps_what_the_cells_show(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    shown = [
        (7, "General", "7"), (0.1 + 0.2, "General", "0.3"), (123456789012345, "General", "123456789012345"), (123, "00000", "00123"),
        (1234.5, "#,##0.00", "1,234.50"), (0.256, "0.0%", "25.6%"), (0.5, "0.##", "0.5"), (3, '0" kg"', "3 kg"),
        (-2, "0;(0)", "(2)"), (True, "General", "TRUE"), (dt.date(2024, 1, 31), "dd/mm/yy", "2024-01-31"),
        (dt.datetime(2024, 1, 31, 13, 5), "General", "2024-01-31 13:05:00"), ("00123", "General", "00123"), ("a_x000D_b", "General", "a\rb"),
    ]  # fmt: skip
    sheet.append(("text", "label"))
    for i, (value, shape, _) in enumerate(shown, start=2):
        sheet.cell(i, 1, f"question {i}")
        sheet.cell(i, 2, value).number_format = shape if not isinstance(value, dt.date) else "yyyy-mm-dd hh:mm"
    out = io.BytesIO()
    book.save(out)
    answers: list[str | None] = []
    path = tmp_path / "x"
    path.write_bytes(out.getvalue())
    scan(path, "x.xlsx", options=Options(accepted=("mixed_types",)), good=lambda r: answers.append(r.answer))
    assert answers == [text for _, _, text in shown]


@pytest.mark.parametrize(("value", "shape", "text"), [
    (5, '"No. "0', "No. 5"), (1e20, "General", "1e+20"), (0.5, "# ?/?", "0.5"), (-0.5, "[Red]-0.0", "--0.5"), (1234567, "#,##0", "1,234,567"), (7, "", "7"), (7, ";;;", "7"),
    (dt.time(9, 5), "h:mm", "09:05:00"), (dt.timedelta(hours=30), "[h]:mm", "30:00:00"), ("_x0000_", "", "_x0000_"), (None, "", ""),
])  # fmt: skip
def test_it_shows_odd_formats_without_losing_digits(value: object, shape: str, text: str) -> None:
    assert text_of(value, shape).lstrip("-") == text.lstrip("-")


def test_it_takes_a_formula_as_its_stored_value_and_names_one_without(tmp_path: Path) -> None:
    cells = lambda n, more: f'<row r="{n}"><c r="A{n}" t="inlineStr"><is><t>q{n}</t></is></c>{more}</row>'  # noqa: E731
    head = '<row r="1"><c r="A1" t="inlineStr"><is><t>text</t></is></c><c r="B1" t="inlineStr"><is><t>label</t></is></c></row>'
    rows = head + cells(2, '<c r="B2" t="str"><f>HYPERLINK("http://x.invalid")</f><v>shown</v></c>')
    rows += cells(3, '<c r="B3"><f>1+1</f></c>') + cells(4, '<c r="B4" t="e"><v>#DIV/0!</v></c>')
    rows += '<row r="5"><c r="A5"><f>A2</f></c><c r="B5"><f>A3</f></c></row>'
    f = found(tmp_path, repacked(workbook(rows=PLAIN), sheet1=sheet_xml(rows)), Options(accepted=("bad_rows",)))
    assert [(r["line"], r["answer"]) for r in f.rows] == [(2, "shown")]
    assert [(r.line, r.reason) for r in f.refused] == [
        (3, "cell B3 is a formula without a stored value"),
        (4, "cell B4 holds the error #DIV/0!"),
        (5, "cell A5 is a formula without a stored value"),
    ]


def test_it_names_cells_beyond_the_header_and_counts_blank_rows(tmp_path: Path) -> None:
    rows = [*PLAIN, (), (" ",), ("a", "b", "c"), ("d", "lost card")]
    f = found(tmp_path, workbook(rows=rows))
    assert f.counts["blank_lines"] == 2 and [r.reason for r in f.refused] == [
        "cell C6 is filled, but the header ends before it"
    ]


@pytest.mark.parametrize(("part", "xml", "words"), [
    ("sheet1", '<!DOCTYPE x [<!ENTITY a "aaaa">]>' + sheet_xml(""), "declares a document type"),
    ("sheet1", sheet_xml('<row r="99999999999"><c r="A1"><v>1</v></c></row>'), "a sheet ends at 1,048,576"),
    ("sheet1", sheet_xml('<row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>'), "A1 stands twice"),
    ("sheet1", "<worksheet>", "Not a readable Excel workbook"),
    ("sheet1", sheet_xml('<row r="1"><c r="A1" t="s"><v>77</v></c></row>'), "Not a readable Excel workbook"),
    ("workbook", "<a/>", "no sheet with cells"),
    ("sheet1", sheet_xml('<row r="1">' + "".join(f'<c t="inlineStr"><is><t>c{i}</t></is></c>' for i in range(300)) + "</row>"), "300 columns; the limit is 200"),
])  # fmt: skip
def test_it_refuses_broken_and_oversized_parts(tmp_path: Path, part: str, xml: str, words: str) -> None:
    f = found(tmp_path, repacked(workbook(rows=PLAIN), **{part: xml}))
    assert f.outcome == "refuse" and words in f.problems[0].message


def test_it_counts_the_bytes_of_every_part(tmp_path: Path) -> None:
    data = repacked(workbook(rows=PLAIN), sheet1=sheet_xml("<row/>" + " " * (40 * MIB)))
    assert "expands more than 200:1" in found(tmp_path, data).problems[0].message
    assert "unpacks to more than 1 MiB" in found(tmp_path, data, limits=Limits(workbook=MIB)).problems[0].message
    texts = repacked(workbook(rows=PLAIN), sharedStrings="<sst>" + " " * 5000 + "</sst>")
    assert "texts of the workbook" in found(tmp_path, texts, limits=Limits(shared_texts=4000)).problems[0].message


def test_an_old_or_locked_workbook_says_what_to_do(tmp_path: Path) -> None:
    f = found(tmp_path, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
    assert "old Excel workbook (.xls)" in f.problems[0].message and "Save it as .xlsx" in f.problems[0].remedy
