"""A few rows of each shipped sample dataset, with the columns that some systems read beside question and answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from jobs.distill.data.load import load_rows
from jobs.distill.tool_calls import Call
from jobs.samples.catalog import DATASETS

Rows = list[dict[str, Any]]
HELDOUT = 4


@cache
def shipped(name: str) -> Rows:
    """All canonical rows of `sample/NAME`."""
    found = next(d for d in DATASETS if d.key == f"sample/{name}")
    return load_rows(Path(found.folder) / found.rows)


def cut(name: str, labelled: int, unlabelled: int = 0, heldout: int = HELDOUT, longest: int = 400) -> Rows:
    """The first rows whose question and answer have at most `longest` characters: labelled, without a label, held out."""
    rows = [r for r in shipped(name) if len(question(r)) <= longest and len(r["answer"] or "") <= longest]
    train = [r for r in rows if r["split"] == "train"]
    kept = [r for r in train if r["answer"] is not None][:labelled]
    kept += [r for r in train if r["answer"] is None][:unlabelled]
    kept += [r for r in rows if r["split"] == "heldout"][:heldout]
    return [{"source_id": None, "fields": None, **r} for r in kept]


def question(row: dict[str, Any]) -> str:
    return str(row["messages"][-1]["content"])


def put(rows: Rows, fields: Callable[[int, dict[str, Any]], dict[str, Any]]) -> Rows:
    """The rows with further columns; `fields(n, row)` gives those of one."""
    for n, row in enumerate(rows):
        row["fields"] = json.dumps({**json.loads(row["fields"] or "{}"), **fields(n, row)})
    return rows


def say(rows: Rows, words: Callable[[dict[str, Any]], tuple[str, str | None]]) -> Rows:
    """The rows with another question and answer."""
    for row in rows:
        asked, row["answer"] = words(row)
        row["messages"] = [*row["messages"][:-1], {"role": "user", "content": asked}]
    return rows


# -- datasets -----------------------------------------------------------------------------------------------------------


def intents() -> Rows:
    """Banking77: the name of the intent, with a domain, a wrong answer, a rationale, and what only a teacher may read."""
    rows = cut("banking77", 12, 6)
    answers = [r["answer"] for r in rows if r["answer"]]

    def fields(n: int, row: dict[str, Any]) -> dict[str, Any]:
        out = {"domain": "abc"[n % 3], "privileged": f"One of: {', '.join(answers[:4])}."}
        wrong = next(a for a in answers if a != row["answer"])
        return {**out, "rejected": wrong, "rationale": f"They ask.\nIt is {row['answer']}."} if row["answer"] else out

    return put(rows, fields)


def few_intents() -> Rows:
    """Banking77: four intents, several questions of each, for students that name labels."""
    names = sorted({r["answer"] for r in shipped("banking77") if r["answer"]})[:4]
    rows = [r for r in shipped("banking77") if r["answer"] in names]
    train, heldout = ([r for r in rows if r["split"] == split] for split in ("train", "heldout"))
    kept = [r for name in names for r in [x for x in train if x["answer"] == name][:4]]
    kept += [r for name in names for r in [x for x in heldout if x["answer"] == name][:2]]
    return [{"source_id": None, "fields": None, **r} for r in kept]


def voted_intents() -> Rows:
    """The same, with what two teachers say of each label."""
    rows = few_intents()
    names = sorted({r["answer"] for r in rows})

    def fields(n: int, row: dict[str, Any]) -> dict[str, Any]:
        sure = {name: 0.7 if name == row["answer"] else 0.1 for name in names}
        return {"soft": {"first": sure, "second": dict.fromkeys(names, 0.25)}}

    return put(rows, fields)


def choices() -> Rows:
    """Banking77 as a choice of two numbers, which a few steps teach the student to write, right or wrong."""
    rows = cut("banking77", 16, heldout=4, longest=60)
    return say(rows, lambda r: (f"{question(r)} Say 1 for cards, 2 for others.", str(1 + ("card" not in r["answer"]))))


def two_languages() -> Rows:
    """Banking77 with a language and a group of rows that ask the same."""
    return put(cut("banking77", 12), lambda n, row: {"domain": ("English", "German")[n % 2], "group": f"p{n // 2}"})


def sums() -> Rows:
    """GSM8K: a number as answer, with its rationale."""
    return cut("sums", 8, longest=200)


def texts() -> Rows:
    """Texts without an answer: GSM8K's solutions, which hold sentences, names and numbers. Held-out rows keep theirs."""
    rows = cut("sums", 8, longest=200)
    return say(rows, lambda r: (_solution(r), None) if r["split"] == "train" else (question(r), r["answer"]))


def _solution(row: dict[str, Any]) -> str:
    return str(json.loads(row["fields"])["rationale"])


def beginnings() -> Rows:
    """The same as beginnings of a text that is to go on."""
    return say(texts(), lambda r: (f"Read on: {question(r)}", r["answer"]))


def mixed_texts() -> Rows:
    """Questions with answers, and texts without one."""
    whole = cut("sums", 4, heldout=0, longest=200)
    return [*whole, *[r for r in texts() if r["row_id"] not in {w["row_id"] for w in whole}]]


def searched() -> Rows:
    """Questions, each with the passage that a search should find, which only an answer to them tells."""
    rows = cut("sums", 8, longest=200)
    numbers = iter(range(len(rows)))
    rows = say(rows, lambda r: (f"How does problem number {next(numbers)} end?", r["answer"]))
    return put(rows, lambda n, row: {"privileged": _solution(row)})


def details() -> Rows:
    """NLU++: what is to be taken out of a sentence."""
    return cut("details", 8)


def _parts(row: dict[str, Any]) -> list[tuple[str, str]]:
    """[(kind, words)] of an answer such as `date to: Dec 31; amount: 600£`."""
    pairs = [part.split(": ", 1) for part in str(row["answer"]).split("; ")]
    return [(p[0], p[1]) for p in pairs if len(p) == 2]


def tagged() -> Rows:
    """The same with spans: [{"type", "text"}], and rows without them."""
    rows = [r for r in cut("details", 24, heldout=12) if _parts(r) and all(w in question(r) for _, w in _parts(r))]
    spans = [json.dumps([{"type": kind, "text": w} for kind, w in _parts(r)]) for r in rows]
    given = iter(spans)
    rows = say(rows, lambda r: (question(r), next(given)))
    for row in [r for r in rows if r["split"] == "train"][-4:]:
        row["answer"] = None
    return rows


def facts() -> Rows:
    """The same as facts: [[subject, relation, object]]."""
    return say(details(), lambda r: (question(r), json.dumps([["it", kind, w] for kind, w in _parts(r)])))


def tables() -> Rows:
    """The same as tables of kind and words; the answer is the sentence."""
    rows = [r for r in details() if _parts(r)]
    return say(rows, lambda r: ("kind,words\n" + "\n".join(f"{k},{w}" for k, w in _parts(r)), question(r)))


def tool_traces() -> Rows:
    """Two calls of a calculator before each answer, whose second needs the first one's result."""
    rows = cut("sums", 8, longest=200)
    for row in rows:
        half = Call("calculator", {"expression": f"{row['answer']} / 2"})
        whole = Call("calculator", {"expression": f"{row['answer']} / 2 * 2"})
        for call, result in ((half, "half of it"), (whole, row["answer"])):
            row["messages"] = [
                *row["messages"],
                {"role": "assistant", "content": call.text},
                {"role": "user", "content": f"<tool_response>\n{result}\n</tool_response>"},
            ]
    return rows


def called() -> Rows:
    """The answer is a call of a tool."""
    return say(cut("sums", 8, longest=200), lambda r: (question(r), Call("say", {"number": r["answer"]}).text))


def programs() -> Rows:
    """HumanEval: the body of a function."""
    return cut("programs", 6)


def requests() -> Rows:
    """Self-Instruct: requests and their answers."""
    return cut("requests", 8)
