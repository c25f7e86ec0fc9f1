"""Document becomes multi-turn rows with loss on assistant turns only; named facts kept >= set coverage."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.rows import Renderer, Row
from tests.jobs.distill import scripted, tiny
from tests.jobs.distill.systems import writing

DOCUMENTS = [(f"The drug Zol{n} cures. It came in 19{n}0 from Basel.", None) for n in range(1, 5)]


def says(asked: str) -> str:
    n = asked.split("Zol")[1][0]
    facts = "It cures." if n == "4" else f"Zol{n}, of 19{n}0, from Basel."
    turns = [("user", "Which drug?"), ("assistant", facts), ("user", "More?"), ("assistant", "No.")]
    return json.dumps({"turns": [{"role": r, "content": c} for r, c in turns]})


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return writing.run(tmp_path_factory.mktemp("c"), "clinical-camel-dbke", DOCUMENTS, says, {"facts": 0.9})


def test_rows_have_several_turns_and_only_the_assistants_are_learnt(done: Path) -> None:
    made = scripted.output(done, "dialogues")
    assert sorted(len(r["messages"]) for r in made) == [2, 2, 2, 4, 4, 4]
    renderer = Renderer(tiny.tokenizer(), [1])
    for r in made:
        turns = r["messages"]
        example = renderer.example(Row(r["id"], tuple(turns[:-1]), turns[-1]["content"], "train", 0, False))
        assert renderer.decode(list(example.ids[example.start :])) == turns[-1]["content"]
        assert turns[-1]["role"] == "assistant" and turns[-2]["role"] == "user"
    assert len(writing.losses(done)) == 2


def test_named_facts_are_kept_or_the_document_is_listed(done: Path) -> None:
    assert all(r["facts_kept"] >= 0.9 for r in scripted.output(done, "dialogues"))
    (lost,) = scripted.rejected(done, "dialogues")
    assert "Zol4" in lost["question"] and "it keeps 0% of the facts, 90% are wanted" in lost["reason"]
