"""Which files of a hub dataset make a configuration and a split: by its card, else by the names of its files."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..errors import DataRefused
from ..recipe import yaml_text

ENDINGS = ("parquet", "jsonl", "ndjson", "json", "csv", "tsv")
NOT_ROWS = {"dataset_infos.json", "dataset_info.json", "state.json", "config.json", "package.json", "metadata.json"}
SAFE = re.compile(r"[\w=+@ ,.()\[\]-]+(?:/[\w=+@ ,.()\[\]-]+)*")
SPLITS = {
    "train": "train", "training": "train", "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
}  # fmt: skip
MOST_VALUES = 500_000  # of a card
MOST_PATTERNS, LONGEST_PATTERN = 500, 300
DEFAULT = "default"
SHOWN = 20

Table = dict[str, dict[str, list[str]]]  # configuration -> split -> files in order


@dataclass(frozen=True)
class Chosen:
    """`files`: (split, name) in order; all of one format."""

    config: str
    files: list[tuple[str, str]]
    format: str
    licence: str = ""
    left: list[str] = field(default_factory=list)

    @property
    def splits(self) -> list[str]:
        return list(dict.fromkeys(split for split, _ in self.files))


def choose(key: str, names: Iterable[str], card: str, config: str, split: str) -> Chosen:
    """Files of the configuration and the splits asked for ("" : all splits; several with a comma). Raises DataRefused."""
    names = sorted(names)
    rows = [n for n in names if format_of(n) and n.rpartition("/")[2] not in NOT_ROWS and is_safe(n)]
    if not rows:
        raise _no_rows(key, names)
    front = _front(card)
    table, preferred = _by_card(front, rows)
    if not table:
        table = by_name(rows)
    config = _config(key, table, config, preferred)
    splits = _splits(key, config, table[config], split)
    files = [(s, n) for s in splits for n in table[config][s]]
    formats = sorted({format_of(n) for _, n in files})
    if len(formats) > 1:
        raise DataRefused(
            f"The files of {key} ({config}) have {len(formats)} formats: {', '.join(formats)}.",
            field="split",
            hint="Choose one split whose files have one format.",
        )
    licence = front.get("license")
    code = [n for n in names if n.endswith(".py")]
    return Chosen(config, files, formats[0], licence if isinstance(licence, str) else "", code)


def format_of(name: str) -> str:
    """parquet, jsonl, csv or tsv; empty for what holds no rows."""
    ending = name.lower().removesuffix(".gz").rpartition(".")[2]
    if ending not in ENDINGS or (ending == "parquet" and name.lower().endswith(".gz")):
        return ""
    return "jsonl" if ending in ("json", "ndjson") else ending


def is_safe(name: str) -> bool:
    """A name that stays inside the folder it is written to."""
    return bool(SAFE.fullmatch(name)) and not any(p.strip(". ") == "" or p.startswith(".") for p in name.split("/"))


def _no_rows(key: str, names: list[str]) -> DataRefused:
    if code := [n for n in names if n.endswith(".py")]:
        return DataRefused(
            f"Python files are not data: {key} is made by a script ({code[0][:80]}), and scripts are not run.",
            code="DATASET_SCRIPT",
            field="dataset",
            hint="Try the revision refs/convert/parquet: the hub keeps its own copy of many such datasets there.",
        )
    kinds = sorted({n.rpartition(".")[2][:10] for n in names if "." in n})
    return DataRefused(
        f"{key} has no Parquet, JSONL, CSV or TSV files{': it has ' + ', '.join(kinds[:8]) if kinds else ''}.",
        field="dataset",
        hint="Choose another dataset, or bring its rows in one of these formats yourself.",
    )


def _front(card: str) -> dict[str, Any]:
    """The YAML between the lines of three dashes at the top of README.md; nothing where it cannot be read."""
    found = re.match(r"---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)", card, flags=re.DOTALL)
    try:
        data, _ = yaml_text.read(found[1], MOST_VALUES) if found else (None, None)
    except yaml_text.WrongYaml:
        return {}
    return data if isinstance(data, dict) else {}


def _by_card(front: dict[str, Any], rows: list[str]) -> tuple[Table, str]:
    """(table, the configuration the card prefers) from `configs:`."""
    table: Table = {}
    preferred = ""
    listed = front.get("configs")
    for entry in listed if isinstance(listed, list) else []:
        if not isinstance(entry, dict):
            continue
        name = str(entry.get("config_name") or DEFAULT)[:100]
        splits = _data_files(entry, rows)
        if splits:
            table[name] = splits
            preferred = name if entry.get("default") is True else preferred
    return table, preferred


def _data_files(entry: dict[str, Any], rows: list[str]) -> dict[str, list[str]]:
    base = str(entry.get("data_dir") or "").strip("/.")
    given = entry.get("data_files")
    if given is None:
        inside = [n for n in rows if n.startswith(base + "/")] if base else []
        return _grouped(inside)
    listed = given if isinstance(given, list) else [given]
    splits: dict[str, list[str]] = {}
    for item in listed[:MOST_PATTERNS]:
        split, patterns = (item.get("split", "train"), item.get("path")) if isinstance(item, dict) else ("train", item)
        for pattern in (patterns if isinstance(patterns, list) else [patterns])[:MOST_PATTERNS]:
            if isinstance(pattern, str) and len(pattern) <= LONGEST_PATTERN:
                whole = f"{base}/{pattern}" if base else pattern.removeprefix("./")
                found = [n for n in rows if _fits(n, whole)]
                splits.setdefault(str(split)[:60], []).extend(
                    n for n in found if n not in splits.get(str(split)[:60], [])
                )
    return {split: files for split, files in splits.items() if files}


def _fits(name: str, pattern: str) -> bool:
    """A star stays inside one folder; two stars cross folders."""
    if "**" in pattern:
        return fnmatch.fnmatchcase(name, pattern.replace("**/", "*").replace("**", "*"))
    return name.count("/") == pattern.count("/") and fnmatch.fnmatchcase(name, pattern)


def by_name(rows: list[str]) -> Table:
    """`CONFIG/SPLIT-0-of-2.parquet`, `data/SPLIT.csv`, `CONFIG/SPLIT/0000.parquet`, `SPLIT.jsonl`: as repositories are laid out."""
    table: Table = {}
    for name in rows:
        folders = [f for f in name.split("/")[:-1] if f != "data"]
        split = _split_in(name.rpartition("/")[2]) or next((s for f in folders if (s := _split_in(f))), "train")
        config = next((f for f in folders if not _split_in(f)), DEFAULT)
        table.setdefault(config, {}).setdefault(split, []).append(name)
    return table


def _grouped(rows: list[str]) -> dict[str, list[str]]:
    splits: dict[str, list[str]] = {}
    for name in rows:
        splits.setdefault(_split_in(name) or "train", []).append(name)
    return splits


def _split_in(text: str) -> str:
    words = re.split(r"[^a-z]+", text.lower())
    return next((SPLITS[w] for w in words if w in SPLITS), "")


def _config(key: str, table: Table, asked: str, preferred: str) -> str:
    if asked:
        if asked in table:
            return asked
        raise DataRefused(
            f"{key} has no configuration {asked[:80]!r}. It has: {_listed(table)}.",
            field="config",
            hint="Choose one of these.",
        )
    if preferred or DEFAULT in table or len(table) == 1:
        return preferred or (DEFAULT if DEFAULT in table else next(iter(table)))
    raise DataRefused(
        f"{key} has {len(table)} configurations: {_listed(table)}.", field="config", hint="Say which one you want."
    )


def _splits(key: str, config: str, splits: dict[str, list[str]], asked: str) -> list[str]:
    wanted = [s.strip() for s in asked.split(",") if s.strip()]
    for name in wanted:
        if name not in splits:
            raise DataRefused(
                f"{key} ({config}) has no split {name[:60]!r}. It has: {_listed(splits)}.",
                field="split",
                hint="Choose from these, several with a comma, or leave it empty for all.",
            )
    return list(dict.fromkeys(wanted)) or list(splits)


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(n[:60] for n in names[:SHOWN]) + more
