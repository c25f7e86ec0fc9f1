"""Small sample datasets for the templates, cut from public ones: `python -m jobs.samples excerpts SOURCES OUT_DIR`.

SOURCES holds the published files in folders of their own (gsm8k, humaneval, nlupp_banking, self_instruct); data/README.md says where they
come from. Each dataset is a JSONL file as a person would upload it, and the same rows in the engine's form.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

Row = dict[str, Any]
MARK = re.compile(r"<<[^>]*>>")  # GSM8K's calculator notes
SENTENCE = re.compile(r"(.+?[.!?])(?:\s|$)", re.S)
LONGEST = 900  # characters of a question and answer together: the sample models read 512 tokens


def by_hash(rows: Iterable[Row], count: int) -> list[Row]:
    """At most `count` rows, each text once, in the order of their hash: mixed, the same way each time."""
    unique = {
        str(r["question"]): r for r in rows if len(str(r["question"])) + len(str(r.get("answer") or "")) <= LONGEST
    }
    return sorted(unique.values(), key=lambda r: hashlib.sha256(str(r["question"]).encode()).hexdigest())[:count]


def with_split(rows: list[Row], heldout: int) -> list[Row]:
    """The last rows are held out."""
    return [{**r, "split": "heldout" if i >= len(rows) - heldout else "train"} for i, r in enumerate(rows)]


def lines(path: Path) -> Iterator[Any]:
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def details(sources: Path) -> list[Row]:
    """NLU++, banking: what a customer says, and the times, amounts and names in it, in their own words."""

    def read() -> Iterator[Row]:
        for file in sorted((sources / "nlupp_banking").glob("fold*.json")):
            for row in json.loads(file.read_text(encoding="utf-8")):
                slots = row.get("slots") or {}
                found = [f"{name.replace('_', ' ')}: {slot['text']}" for name, slot in slots.items()]
                yield {"question": row["text"], "answer": "; ".join(found) or "none"}

    rows = list(read())
    without = by_hash((r for r in rows if r["answer"] == "none"), 140)
    return with_split(by_hash([*(r for r in rows if r["answer"] != "none"), *without], 320), 80)


def sums(sources: Path) -> list[Row]:
    """GSM8K: a question, the way to the answer, the number."""

    def read() -> Iterator[Row]:
        for row in lines(sources / "gsm8k" / "train.jsonl"):
            way, _, number = row["answer"].rpartition("\n#### ")
            yield {"question": row["question"], "rationale": MARK.sub("", way), "answer": number}

    return with_split([r for r in by_hash(read(), 480) if len(r["rationale"]) < 400][:400], 100)


def written(sources: Path) -> list[Row]:
    """GSM8K's published solutions by a model of 175 billion parameters: text of a teacher that is not at hand. The held-out
    rows have the right number."""
    rows = by_hash(
        (
            {
                "question": r["question"],
                "answer": MARK.sub("", r["175b_verification"]["solution"]),
                "gold": r["ground_truth"].rpartition("A: ")[2],
            }
            for r in lines(sources / "gsm8k" / "example_model_solutions.jsonl")
        ),
        400,
    )
    found = with_split(rows, 100)
    for row in found:
        gold = row.pop("gold")
        if row["split"] == "heldout":
            row["answer"] = gold
    return found


def programs(sources: Path) -> list[Row]:
    """HumanEval: the head of a function, its body, and the tests that it must pass."""
    rows = (
        {"question": r["prompt"].strip("\n"), "answer": r["canonical_solution"].rstrip(), "test": r["test"].strip()}
        for r in lines(sources / "humaneval" / "HumanEval.jsonl")
    )
    return with_split(by_hash(rows, 164), 50)


def summaries(sources: Path) -> list[Row]:
    """HumanEval: a whole function without its words, and the first sentence of them."""

    def read() -> Iterator[Row]:
        for row in lines(sources / "humaneval" / "HumanEval.jsonl"):
            tree = ast.parse(row["prompt"] + row["canonical_solution"])
            function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == row["entry_point"])
            words = " ".join((ast.get_docstring(function) or "").split())
            first = SENTENCE.match(words)
            if first and isinstance(function.body[0], ast.Expr):
                function.body = function.body[1:]
                yield {"question": ast.unparse(function), "answer": first[1]}

    return with_split(by_hash(read(), 160), 50)


def requests(sources: Path) -> list[Row]:
    """Self-Instruct's tasks written by people: a request, and a good answer."""

    def read() -> Iterator[Row]:
        for row in lines(sources / "self_instruct" / "seed_tasks.jsonl"):
            example = row["instances"][0]
            question = "\n\n".join(filter(None, (row["instruction"].strip(), example["input"].strip())))
            if "toxic" not in question:
                yield {"question": question, "answer": example["output"].strip()}

    return with_split(by_hash(read(), 150), 50)


EXCERPTS = {
    "details": details,
    "sums": sums,
    "sums-written": written,
    "programs": programs,
    "summaries": summaries,
    "requests": requests,
}
ROLES = {"user": "question", "assistant": "answer", "split": "split"}
EXTRA = {"sums": {"rationale": "rationale"}}


def roles_of(name: str) -> dict[str, str]:
    return {**ROLES, **EXTRA.get(name, {})}


def to_rows(upload: Path, rows: Path, roles: dict[str, str]) -> dict[str, int]:
    """Imports a JSONL file as the workbench does; the counts. Raises DataRefused for a file that would be refused."""
    from jobs.distill.data.limits import LIMITS
    from jobs.distill.data.load import RowsWriter
    from jobs.distill.data.options import parse_options
    from jobs.distill.data.scan import scan

    writer = RowsWriter(rows)
    found = scan(
        upload,
        upload.name,
        roles,
        parse_options({}),
        limits=LIMITS,
        good=writer.add,
        bad=lambda row: None,
        tick=lambda n: None,
    )
    if found.outcome == "refuse":
        found.raise_if_refused()
    writer.close()
    return dict(found.counts)


def write(sources: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, read in EXCERPTS.items():
        upload = out / f"{name}.jsonl"
        upload.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in read(sources)), encoding="utf-8")
        print(name, to_rows(upload, out / f"{name}.parquet", roles_of(name)))
        for file in (upload, out / f"{name}.parquet"):
            content = file.read_bytes()
            print(f'    File("{file.name}", {len(content)}, "{hashlib.sha256(content).hexdigest()}"),')
