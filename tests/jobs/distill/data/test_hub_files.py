"""Which files of a dataset are meant, from cards and names as repositories have them."""

from __future__ import annotations

import time

import pytest

from jobs.distill.data.hub_files import by_name, choose, is_safe
from jobs.distill.errors import DataRefused

CARD = """---
license: cc-by-4.0
configs:
- config_name: en
  default: true
  data_files:
  - {split: train, path: data/en/train-*}
  - {split: test, path: [data/en/test.parquet]}
- config_name: fr
  data_files: data/fr/*.parquet
---
# A dataset
"""
FILES = ["README.md", "data/en/train-00000-of-00002.parquet", "data/en/train-00001-of-00002.parquet", "data/en/test.parquet", "data/fr/rows.parquet", "data/en/deeper/train-9.parquet"]  # fmt: skip


def refused(*args: str, files: list[str] | None = None, card: str = CARD) -> DataRefused:
    with pytest.raises(DataRefused) as e:
        choose("alice/rows", files or FILES, card, *args)
    return e.value


def test_it_reads_the_card() -> None:
    chosen = choose("alice/rows", FILES, CARD, "", "")
    assert (chosen.config, chosen.splits, chosen.licence, chosen.format) == (
        "en",
        ["train", "test"],
        "cc-by-4.0",
        "parquet",
    )
    assert [n for s, n in chosen.files if s == "train"] == FILES[1:3]
    assert choose("alice/rows", FILES, CARD, "fr", "").files == [("train", "data/fr/rows.parquet")]
    assert choose("alice/rows", FILES, CARD, "en", "test").files == [("test", "data/en/test.parquet")]


@pytest.mark.parametrize(("names", "table"), [
    (["train.jsonl", "test.jsonl", "dataset_infos.json"], {"default": {"train": ["train.jsonl"], "test": ["test.jsonl"]}}),
    (["data/train-00000-of-00001.parquet", "data/validation-00000-of-00001.parquet"], {"default": {"train": ["data/train-00000-of-00001.parquet"], "validation": ["data/validation-00000-of-00001.parquet"]}}),
    (["plain_text/train/0000.parquet", "plain_text/test/0000.parquet"], {"plain_text": {"train": ["plain_text/train/0000.parquet"], "test": ["plain_text/test/0000.parquet"]}}),
    (["rows.csv"], {"default": {"train": ["rows.csv"]}}), (["my_dev.tsv.gz"], {"default": {"validation": ["my_dev.tsv.gz"]}}), (["training_notes/x.csv"], {"default": {"train": ["training_notes/x.csv"]}}),
])  # fmt: skip
def test_it_reads_the_names_of_files(names: list[str], table: dict[str, dict[str, list[str]]]) -> None:
    assert by_name([n for n in names if n != "dataset_infos.json"]) == table


def test_it_names_what_there_is_instead() -> None:
    assert "It has: en, fr" in refused("de", "").message and refused("de", "").field == "config"
    assert "It has: train, test" in refused("en", "dev").message
    many = [f"{c}/train.csv" for c in "abc"]
    assert refused("", "", files=many, card="").message == "alice/rows has 3 configurations: a, b, c."


def test_h27_scripts_are_not_data() -> None:
    error = refused("", "", files=["rows.py", "README.md"], card="")
    assert (
        error.code == "DATASET_SCRIPT"
        and error.message.startswith("Python files are not data")
        and "refs/convert/parquet" in str(error.hint)
    )
    assert choose("a/b", ["rows.py", "train.csv"], "", "", "").left == ["rows.py"]


def test_it_says_that_there_are_no_rows() -> None:
    assert "it has png" in refused("", "", files=["a.png"], card="").message
    assert "2 formats: csv, parquet" in refused("", "", files=["train.csv", "test.parquet"], card="").message


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/train.csv",
        "/etc/train.csv",
        "a/../b.csv",
        ".ssh/train.csv",
        "a//b.csv",
        "a\\b.csv",
        "a\0.csv",
        "a\n.csv",
        "./a.csv",
        "\u202etrain.csv",
    ],
)
def test_it_takes_no_name_that_leads_elsewhere(name: str) -> None:
    assert not is_safe(name)
    assert "no Parquet, JSONL" in refused("", "", files=[name], card="").message


@pytest.mark.parametrize(
    "card",
    [
        "---\n" + "a: &a [x]\n" + "b: [*a, *a]\n---\n",
        "---\nconfigs: 5\n---\n",
        "---\n{{{\n---\n",
        "---\nconfigs:\n- 1\n- {config_name: x, data_files: 7}\n---\n",
        "---\n!!python/object/apply:os.system [id]\n---\n",
        "---\n[1, 2]\n---\n",
        "no card",
        "---\nlicense: [mit]\n---\n",
    ],
)
def test_it_survives_any_card(card: str) -> None:
    assert choose("a/b", ["train.csv"], card, "", "").files == [("train", "train.csv")]


def test_a_pattern_costs_no_time() -> None:
    pattern = "*a" * 140 + "*b"
    card = f"---\nconfigs:\n- config_name: x\n  data_files: ['{pattern}']\n---\n"
    began = time.monotonic()
    chosen = choose("a/b", ["a" * 200 + ".csv"] * 1 + [f"{'a' * 150}{i}.csv" for i in range(50)], card, "", "")
    assert chosen.files and time.monotonic() - began < 2
