"""Each row stores source id and similarity; transformed row passes the schema; distinct-n higher than generate-only set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.retrieval.overlap import distinct
from tests.jobs.distill import scripted
from tests.jobs.distill.systems import writing

TASK = [
    (f"is my {thing} here", answer)
    for thing, answer in (("card", "yes"), ("money", "no"), ("refund", "yes"), ("bank", "no"))
]
STORE = [
    f"the {thing} of {who} went to {place}"
    for thing, who, place in zip(
        ("card", "money", "refund", "bank", "card", "rose"),
        ("ann", "bob", "cid", "dee", "eve", "fay"),
        ("rome", "oslo", "bern", "kiel", "metz", "graz"),
        strict=True,
    )
]


def says(asked: str) -> str:
    source = asked.split("Material from elsewhere:\n\n")[1].split("\n\n---")[0]
    if "eve" in source:
        return "no JSON"
    return json.dumps({"question": f"{source}?", "rationale": "because", "answer": "No" if "bob" in source else "yes"})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = [*TASK, *((s, None) for s in STORE)]
    return writing.run(tmp_path_factory.mktemp("rebase"), "rebase", given, says, {"task": "Is it here?"})


def test_rows_keep_their_source_and_similarity(done: Path) -> None:
    made = scripted.output(done, "found-rows")
    assert len(made) == 4 and all(r["source_id"] == r["lineage"]["parents"][0] for r in made)
    assert all(0 < r["similarity"] <= 1 and r["rationale"] == "because" for r in made)
    assert {r["messages"][-1]["content"] for r in made} == {"yes", "no"}


def test_what_does_not_pass_the_schema_is_listed(done: Path) -> None:
    (bad,) = scripted.rejected(done, "found-rows")
    assert bad["code"] in ("invalid", "unusable") and "eve" in bad["question"]
    assert len(writing.losses(done)) == 2


def test_rows_from_a_store_are_more_distinct_than_rows_from_few_examples(done: Path, tmp_path: Path) -> None:
    """A teacher that only sees the task's rows words its questions as they are worded."""

    def generate(asked: str) -> str:
        seen = asked.split("[1] ")[1].splitlines()[0] if "[1]" in asked else asked
        return f"{seen} now" if "Write one new question" in asked else "yes"

    recipe = {"method": None, "options": {}, "train": {}, "stages": [
        {"kind": "write", "name": "generated", "writer": "new-questions", "keep": "only", "options": {"number": 4}},
        {"kind": "train", "steps": 1, "terms": [{"type": "cross-entropy"}]},
    ]}  # fmt: skip
    other = writing.run(tmp_path, "", TASK, generate, recipe={k: v for k, v in recipe.items() if v})
    texts = [
        [r["messages"][0]["content"] for r in scripted.output(f, n)]
        for f, n in ((done, "found-rows"), (other, "generated"))
    ]
    assert distinct(texts[0], 2) > distinct(texts[1], 2)
