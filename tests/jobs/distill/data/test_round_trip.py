"""What people write is what the engine reads, in every format: for any text that a file can hold."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
import zipfile
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.distill.data.browse import escape_formula, restore
from jobs.distill.data.load import RowsWriter, load_rows
from jobs.distill.data.options import Options
from jobs.distill.data.rows import Row
from jobs.distill.data.scan import scan
from jobs.distill.data.split import look_alike, row_id_of
from jobs.distill.data.strict_json import NotJson, parse

# Any character that UTF-8 holds, but NUL, which no database text takes.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=60)
# Delimited text full of control characters is taken for a binary file, and refused as such.
PRINTED = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\r\n"), max_size=60)
ASKED = TEXT.filter(lambda s: s.strip() != "")
PAIRS = st.lists(st.tuples(ASKED, TEXT), min_size=1, max_size=8)
quick = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
EVERYTHING = Options(header="yes", accepted=("no_answers",))


LABELLED = {"user": "text", "assistant": "label"}


def read(data: bytes, name: str, roles: dict[str, str] = LABELLED) -> list[tuple[str, str | None]]:
    """(question, answer) of every row of a file with columns text and label."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        rows: list[Row] = []
        found = scan(Path(file.name), name, roles, EVERYTHING, good=rows.append)
    assert not found.refused, found.refused
    return [(r.messages[-1]["content"], r.answer) for r in rows]


def expected(pairs: list[tuple[str, str]]) -> list[tuple[str, str | None]]:
    return [(q, a if a.strip() else None) for q, a in pairs]


@quick
@given(PAIRS)
def test_it_reads_back_json_lines(pairs: list[tuple[str, str]]) -> None:
    lines = "".join(json.dumps({"text": q, "label": a}, ensure_ascii=False) + "\n" for q, a in pairs)
    assert read(lines.encode(), "x.jsonl") == expected(pairs)


@quick
@given(PAIRS, st.sampled_from([None, 1]))
def test_it_reads_back_a_json_list(pairs: list[tuple[str, str]], indent: int | None) -> None:
    assert read(json.dumps([{"text": q, "label": a} for q, a in pairs], indent=indent).encode(), "x.json") == expected(
        pairs
    )


@quick
@given(st.lists(st.tuples(PRINTED.filter(lambda s: s.strip() != ""), PRINTED), min_size=1, max_size=8))
def test_it_reads_back_csv(pairs: list[tuple[str, str]]) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL)
    writer.writerows([("text", "label"), *pairs])
    assert read(out.getvalue().encode(), "x.csv") == expected(pairs)


@quick
@given(PAIRS)
def test_it_reads_back_parquet(pairs: list[tuple[str, str]]) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"text": [q for q, _ in pairs], "label": [a for _, a in pairs]}), out)
    assert read(out.getvalue(), "x.parquet") == expected(pairs)


# What a cell of a workbook can hold: no control characters, and no _x0041_, which is how it writes them.
CELL = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="_\ufffe\uffff", include_characters="\t\n"),
    max_size=60,
)


@settings(quick, max_examples=30)
@given(st.lists(st.tuples(CELL.filter(lambda s: s.strip() != ""), CELL), min_size=1, max_size=8))
def test_it_reads_back_a_workbook(pairs: list[tuple[str, str]]) -> None:
    book, out = openpyxl.Workbook(), io.BytesIO()
    for r, row in enumerate([("text", "label"), *pairs], start=1):
        for c, value in enumerate(row, start=1):
            cell = book.active.cell(r, c, value)
            cell.data_type = "s"  # text, also where it begins with an equals sign
    book.save(out)
    assert read(out.getvalue(), "x.xlsx") == expected(pairs)


@quick
@given(PAIRS, st.sampled_from(["gzip", "zip", "split"]))
def test_it_reads_back_what_was_packed(pairs: list[tuple[str, str]], how: str) -> None:
    lines = [json.dumps({"text": q, "label": a}).encode() + b"\n" for q, a in pairs]
    if how == "gzip":
        assert read(gzip.compress(b"".join(lines), 1), "x.jsonl.gz") == expected(pairs)
        return
    members = {"a/rows.jsonl": b"".join(lines)}
    if how == "split":
        members = {"train.jsonl": lines[0], "test.jsonl": b"".join(lines[1:]) or lines[0]}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    assert read(out.getvalue(), "x.zip") == expected(pairs if how == "zip" or len(pairs) > 1 else pairs * 2)


TOKEN = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=8).filter(
    lambda t: t.strip() == t and not t.startswith(("#", "-DOCSTART-"))
)
TAGGED = st.lists(st.tuples(TOKEN, st.sampled_from(["O", "B-a", "I-a", "B-b"])), min_size=1, max_size=6)


@quick
@given(st.lists(TAGGED, min_size=1, max_size=5))
def test_it_reads_back_tagged_sentences(sentences: list[list[tuple[str, str]]]) -> None:
    text = "\n".join("".join(f"{token}\t{tag}\n" for token, tag in sentence) for sentence in sentences)
    joined = [(" ".join(t for t, _ in s), " ".join(tag for _, tag in s)) for s in sentences]
    assert read(text.encode(), "x.conll", {"user": "sentence", "assistant": "tags"}) == joined


@quick
@given(
    st.lists(
        st.text(
            st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufeff,;|"), min_size=1, max_size=40
        ).filter(lambda s: s.strip() != ""),
        min_size=1,
        max_size=6,
    )
)
def test_it_reads_back_plain_text(lines: list[str]) -> None:
    assert read("\n".join(["Not a table.", *lines]).encode(), "x.txt", {"user": "text"})[1:] == [
        (line, None) for line in lines
    ]


@quick
@given(PAIRS)
def test_it_stores_canonical_rows_exactly(pairs: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        writer = RowsWriter(Path(folder) / "rows.parquet")
        rows = [
            Row(row_id_of([{"role": "user", "content": q}], a), [{"role": "user", "content": q}], a, None, i)
            for i, (q, a) in enumerate(pairs)
        ]
        for row in rows:
            writer.add(row)
        writer.close()
        assert load_rows(Path(folder) / "rows.parquet") == [r.as_dict() for r in rows]


@quick
@given(TEXT)
def test_it_restores_what_it_escaped(text: str) -> None:
    assert restore(escape_formula(text)) == text
    assert not escape_formula(text).startswith(("=", "+", "-", "@", "\t", "\r"))


MAGIC = st.sampled_from(
    [b"", b"PK\3\4", b"PK\5\6", b"\x1f\x8b\x08", b"PAR1", b"\xff\xfe", b"\xef\xbb\xbf", b"[{", b"a\tO\n\n"]
)
BYTES = st.builds(bytes.__add__, MAGIC, st.binary(max_size=300))


@settings(quick, max_examples=300)
@given(
    BYTES, st.sampled_from(["x.csv", "x.jsonl", "x.json", "x.parquet", "x.txt", "x.gz", "x.conll", "x.xlsx", "x.zip"])
)
def test_it_always_answers_for_any_bytes(data: bytes, name: str) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        found = scan(Path(file.name), name)
    assert found.outcome in ("accept", "confirm", "refuse")
    assert found.counts.get("read", 0) == found.counts.get("rows", 0) + found.counts.get("refused", 0)
    json.dumps(found.as_dict()).encode()


@quick
@given(
    st.recursive(
        st.none() | st.booleans() | TEXT,
        lambda x: st.lists(x, max_size=3) | st.dictionaries(TEXT, x, max_size=3),
        max_leaves=10,
    )
)
def test_strict_json_agrees_with_json_where_both_accept(value: object) -> None:
    text = json.dumps(value)
    try:
        assert parse(text) == value
    except NotJson as e:
        assert "deeper" in e.reason or "NUL" in e.reason


@quick
@given(ASKED)
def test_copies_that_look_the_same_share_their_group(text: str) -> None:
    spaced = "  " + text.upper().replace(" ", "  ")
    if look_alike(spaced) == look_alike(text):
        ids = [row_id_of([{"role": "user", "content": t}], "x") for t in (text, spaced)]
        assert ids[0][:12] == ids[1][:12]
