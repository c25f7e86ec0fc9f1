"""Zip and gzip around every format: the one data file, the parts of a split by their names, or the file that was chosen."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.distill.data.findings import Findings
from jobs.distill.data.limits import Limits
from jobs.distill.data.options import Options
from jobs.distill.data.parts import split_of_name
from jobs.distill.data.scan import scan

from .test_xlsx import PLAIN, workbook


def rows(start: int, n: int = 3) -> str:
    return "".join(f'{{"text":"question {i}","label":"answer {i}"}}\n' for i in range(start, start + n))


def zipped(*members: tuple[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def found(
    folder: Path,
    data: bytes,
    options: Options = Options(),  # noqa: B008
    name: str = "x.zip",
    limits: Limits = Limits(),  # noqa: B008
) -> Findings:
    path = folder / "upload"
    path.write_bytes(data)
    return scan(path, name, None, options, limits=limits)


def test_one_data_file_is_the_data(tmp_path: Path) -> None:
    data = zipped(("d/README.md", "Read me"), ("d/rows.jsonl", rows(0)), ("__MACOSX/._rows.jsonl", "junk"), ("d/", ""))
    f = found(tmp_path, data)
    assert f.outcome == "accept" and (f.format, f.compression, f.counts["rows"]) == ("jsonl", "zip", 3)
    assert any("left out: d/README.md" in p.message for p in f.problems)


def test_files_named_after_the_split_become_it(tmp_path: Path) -> None:
    data = zipped(("d/train.jsonl", rows(0)), ("d/dev.jsonl", rows(10, 1)), ("d/test-00.jsonl", rows(20, 2)))
    f = found(tmp_path, data)
    assert f.outcome == "confirm" and (f.counts["train"], f.counts["heldout"]) == (3, 3)
    assert "d/train.jsonl as train, d/dev.jsonl as dev" in f.problems[0].message
    one = found(tmp_path, data, Options(part="d/dev.jsonl"))
    assert one.outcome == "confirm" and one.counts["rows"] == 1, "one row is too few to split, and said"


def test_several_files_without_a_meaning_are_asked_about(tmp_path: Path) -> None:
    data = zipped(("a.jsonl", rows(0)), ("b.jsonl", rows(10) + "nonsense\n"), ("c.csv", "text,label\nx,y\n"))
    f = found(tmp_path, data)
    assert f.outcome == "refuse" and f.problems[0].code == "zip_choice" and f.counts["rows"] == 3
    everything = found(tmp_path, data, Options(part="*"))
    assert everything.counts["rows"] == 6
    assert [(r.part, r.line) for r in everything.refused] == [("b.jsonl", 4)]
    assert "line 4 of b.jsonl" in " ".join(p.message for p in everything.problems)
    assert "no data file 'd.csv'" in found(tmp_path, data, Options(part="d.csv")).problems[0].message


def test_ids_stay_unique_over_several_files(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(zipped(("a.jsonl", rows(0)), ("b.jsonl", rows(0))))
    ids: list[str] = []
    scan(tmp_path / "x", "x.zip", options=Options(part="*"), good=lambda r: ids.append(r.row_id))
    assert len(ids) == len(set(ids)) == 6


@pytest.mark.parametrize(("name", "split"), [
    ("train.csv", "train"), ("wnut17train.conll", "train"), ("emerging.dev.conll", "dev"), ("data/validation-0001.parquet", "validation"),
    ("test/rows.jsonl", "test"), ("contest.csv", ""), ("train_test.csv", ""), ("latest.csv", ""), ("TRAIN.CSV", "train"),
])  # fmt: skip
def test_the_split_of_a_name(name: str, split: str) -> None:
    assert split_of_name(name) == split


def test_every_format_may_stand_in_a_zip_and_in_a_gzip(tmp_path: Path) -> None:
    parquet = io.BytesIO()
    pq.write_table(pa.table({"text": ["a", "b"], "label": ["x", "y"]}), parquet)
    files = {
        "rows.parquet": parquet.getvalue(), "rows.xlsx": workbook(rows=PLAIN), "rows.csv": b"text,label\na,x\nb,y\n",
        "rows.json": b'[{"text":"a","label":"x"},{"text":"b","label":"y"}]', "rows.tsv": b"text\tlabel\na\tx\nb\ty\n",
        "rows.conll": b"Paris\tB-place\n\nhi\tO\n", "rows.txt": b"one\ntwo\n",
    }  # fmt: skip
    for name, data in files.items():
        accepted = Options(accepted=("no_answers",))
        packed = found(tmp_path, zipped((name, data)), accepted)
        squeezed = found(tmp_path, gzip.compress(data, mtime=0), accepted, f"{name}.gz")
        assert [f.counts["rows"] for f in (packed, squeezed)] == [2, 2], name
        assert packed.outcome in ("accept", "confirm") and squeezed.outcome in ("accept", "confirm"), name


def test_an_archive_without_rows_says_what_it_holds(tmp_path: Path) -> None:
    assert "no data file: a.pdf" in found(tmp_path, zipped(("a.pdf", "x"))).problems[0].message
    assert "no data file" in found(tmp_path, b"PK\5\6" + b"\0" * 18).problems[0].message
    assert (
        "office document"
        in found(tmp_path, zipped(("[Content_Types].xml", "<a/>"), ("word/x.xml", ""))).problems[0].message
    )
    assert "'a.csv' in the archive is empty" in found(tmp_path, zipped(("a.csv", ""))).problems[0].message
    assert (
        "one compression level"
        in found(tmp_path, gzip.compress(zipped(("a.csv", "x"))), name="x.gz").problems[0].message
    )


def test_it_refuses_damage_wherever_it_stands(tmp_path: Path) -> None:
    data = zipped(("a.jsonl", rows(0, 400)))
    for cut in (len(data) // 2, len(data) - 30, len(data) - 1):
        assert found(tmp_path, data[:cut]).problems[0].code == "zip_damaged"
    for at in range(30, len(data) - 1, 97):  # a flipped byte is damage, or something of the names; never a wrong row
        f = found(tmp_path, data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
        assert f.outcome == "refuse" or f.counts["rows"] == 400


def test_a_member_that_must_be_held_in_memory_has_a_limit(tmp_path: Path) -> None:
    parquet = io.BytesIO()
    pq.write_table(pa.table({"text": ["a" * 9000], "label": ["x"]}), parquet, compression="none")
    f = found(tmp_path, zipped(("a.parquet", parquet.getvalue())), limits=Limits(in_memory=5000))
    assert "unpacks to more than 4.9 KiB" in f.problems[0].message and f.problems[0].limit == 5000
