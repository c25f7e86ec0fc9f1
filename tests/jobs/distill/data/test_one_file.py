from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.distill.data.one_file import join
from jobs.distill.errors import DataRefused

MOST = 10**7


def write(folder: Path, name: str, data: bytes | pa.Table) -> Path:
    path = folder / name
    if isinstance(data, bytes):
        path.write_bytes(data)
    else:
        pq.write_table(data, path)
    return path


def test_it_puts_parquet_files_together(tmp_path: Path) -> None:
    one = write(tmp_path, "a.parquet", pa.table({"q": ["1", "2"], "n": pa.array([1, 2], pa.int32())}))
    two = write(tmp_path, "b.parquet", pa.table({"n": pa.array([3], pa.int32()), "q": ["3"]}))
    table = pq.read_table(join([("train", one), ("train", two)], "parquet", tmp_path / "x", MOST))
    assert table.to_pydict() == {"q": ["1", "2", "3"], "n": [1, 2, 3]}
    named = pq.read_table(join([("train", one), ("test", two)], "parquet", tmp_path / "y", MOST))
    assert named["split"].to_pylist() == ["train", "train", "test"]


def test_it_leaves_the_own_split_column_alone(tmp_path: Path) -> None:
    one = write(tmp_path, "a.parquet", pa.table({"split": ["mine"]}))
    two = write(tmp_path, "b.parquet", pa.table({"split": ["yours"]}))
    table = pq.read_table(join([("train", one), ("test", two)], "parquet", tmp_path / "x", MOST))
    assert table.to_pydict() == {"split": ["mine", "yours"], "hub_split_2": ["train", "test"]}


def test_it_puts_lines_together_byte_for_byte(tmp_path: Path) -> None:
    one = write(tmp_path, "a.jsonl", '{"q": "ü", "n": 1.10}\n\n{"q":"x"}'.encode())
    two = write(tmp_path, "b.jsonl.gz", gzip.compress(b'{"q": "z"}\n{}\n'))
    whole = join([("train", one), ("train", two)], "jsonl", tmp_path / "x", MOST).read_text()
    assert whole.splitlines() == ['{"q": "ü", "n": 1.10}', '{"q":"x"}', '{"q": "z"}', "{}"]
    named = join([("train", one), ("test", two)], "jsonl", tmp_path / "y", MOST).read_text().splitlines()
    assert json.loads(named[0]) == {"split": "train", "q": "ü", "n": 1.1} and json.loads(named[2])["split"] == "test"


def test_it_puts_tables_together(tmp_path: Path) -> None:
    one = write(tmp_path, "a.csv", b'q,a\n"two\nlines",1\n')
    two = write(tmp_path, "b.csv", b'\xef\xbb\xbfq,a\r\n"x, ""y""",2\r\n')
    with join([("train", one), ("test", two)], "csv", tmp_path / "x", MOST).open(newline="") as file:
        assert list(csv.reader(file)) == [["q", "a", "split"], ["two\nlines", "1", "train"], ['x, "y"', "2", "test"]]


@pytest.mark.parametrize(("a", "b", "format", "said"), [
    (b"q,a\n1,2\n", b"q,b\n1,2\n", "csv", "other columns"), (b'q,a\n"1,2\n', b"q,a\n1,2\n", "csv", "cannot be put together"), (b"q\n\xff\n", b"q\n1\n", "csv", "cannot be put together"),
    (b'[{"q": 1}]', b"{}", "jsonl", "one JSON document"),
])  # fmt: skip
def test_it_says_why_files_do_not_fit(tmp_path: Path, a: bytes, b: bytes, format: str, said: str) -> None:
    pieces = [("train", write(tmp_path, f"a.{format}", a)), ("train", write(tmp_path, f"b.{format}", b))]
    with pytest.raises(DataRefused, match=said):
        join(pieces, format, tmp_path / "x", MOST)


def test_it_says_why_parquet_files_do_not_fit(tmp_path: Path) -> None:
    one = write(tmp_path, "a.parquet", pa.table({"q": ["1"]}))
    for other in (
        write(tmp_path, "b.parquet", pa.table({"q": [1]})),
        write(tmp_path, "c.parquet", b"PAR1nonsensePAR1"),
    ):
        with pytest.raises(DataRefused, match="do not fit together"):
            join([("train", one), ("train", other)], "parquet", tmp_path / "x", MOST)


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_it_unpacks_no_more_than_allowed(tmp_path: Path, format: str) -> None:
    line = b'{"q": "' + b"x" * 900 + b'"}\n' if format == "jsonl" else b"x" * 900 + b"\n"
    bomb = write(tmp_path, f"a.{format}.gz", gzip.compress(line * 20_000))
    with pytest.raises(DataRefused, match="more than"):
        join([("train", bomb), ("train", bomb)], format, tmp_path / "x", 1_000_000)
    assert (tmp_path / f"x.{format}").stat().st_size < 1_100_000


def test_lines_that_are_no_objects_stay_what_they_are(tmp_path: Path) -> None:
    one = write(tmp_path, "a.jsonl", b'{}\n{"a": 1}\n[1]\n"x"\n{ }\n')
    two = write(tmp_path, "b.jsonl", b"{" + b'"a":{' * 2000 + b"\n")
    lines = join([("train", one), ("test", two)], "jsonl", tmp_path / "x", MOST).read_text().splitlines()
    assert lines[:5] == ['{"split": "train"}', '{"split": "train", "a": 1}', "[1]", '"x"', '{"split": "train"}']
    assert lines[5].startswith('{"split": "test", "a":{')


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.csv.gz"])
@pytest.mark.parametrize("damage", [lambda b: b[:-30], lambda b: b[:40] + b"xxxx" + b[44:], lambda b: b"xx" + b[2:]])
def test_a_damaged_gzip_file_is_said(tmp_path: Path, name: str, damage: Callable[[bytes], bytes]) -> None:
    packed = damage(gzip.compress(b'{"a": "some words"}\n' * 100 + bytes(range(256)) * 10))
    with pytest.raises(DataRefused, match="gzip|cannot be put together"):
        join([("train", write(tmp_path, name, packed))], name.split(".")[1], tmp_path / "x", MOST)


def test_a_table_whose_line_never_ends_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    one = write(tmp_path, "a.csv.gz", gzip.compress(b"q,a\n" + b"," * (5 * 2**20)))
    with pytest.raises(DataRefused, match="A line is longer than 4 MiB"):
        join([("train", one)], "csv", tmp_path / "x", 10**9)
