"""Raw text, rationales under a prefix, curricula, and selections that a resumed run makes again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from jobs.distill.events import Events
from jobs.distill.rows import Renderer, Row
from jobs.distill.run import distill
from jobs.distill.supervise import rationale_rows, whole_texts
from tests.jobs.distill import tiny
from tests.jobs.distill.systems import choosing, duo

torch.set_num_threads(1)
RENDERER = Renderer(tiny.tokenizer(), [1])


def test_raw_text_has_no_template_and_every_token_is_learnt() -> None:
    (example,) = whole_texts([duo.row("r", "plain words")], RENDERER, 64)
    assert RENDERER.decode(example.ids) == "plain words" and example.ids[-1] == 1 and example.start == 1
    assert example.supervised == len("plain words") and not example.labelled


def test_a_text_that_looks_like_a_control_token_stays_text() -> None:
    (example,) = whole_texts([duo.row("r", "a<|end|>b")], RENDERER, 64)
    assert list(example.ids).count(1) == 1 and len(example.ids) == len("a<|end|>b") + 1


def test_a_long_text_is_cut_into_pieces_and_none_is_lost() -> None:
    pieces = whole_texts([duo.row("r", "x" * 25, weight=2.0)], RENDERER, 10)
    assert sum(len(p.ids) for p in pieces) == 26 and max(len(p.ids) for p in pieces) == 10
    assert {p.row_id for p in pieces} == {"r"} and {p.weight for p in pieces} == {2.0}


def test_a_row_with_an_answer_is_learnt_with_its_prompt() -> None:
    row = duo.row("r", "ask", "say")
    (example,) = whole_texts([row], RENDERER, 64)
    assert list(example.ids) == list(RENDERER.example(row).ids) and example.start == 1


def test_the_prefix_stands_before_the_last_question_only() -> None:
    turns = tuple({"role": r, "content": c} for r, c in (("user", "one"), ("assistant", "1"), ("user", "two")))
    (asked,) = rationale_rows([Row("r", turns, "2", "train", 0, True, {"rationale": "count"})], "[why] ")
    assert [m["content"] for m in asked.messages] == ["one", "1", "[why] two"] and asked.answer == "count"


def stages(*extra: dict, **train: object) -> dict:
    terms = [{"type": "cross-entropy"}]
    last = {"kind": "train", "rows": "labelled", "steps": 3, "batch_size": 4, "terms": terms, **train}
    return {"method": None, "train": {}, "control": False, "stages": [*extra, last]}


def run(folder: Path, recipe: dict) -> list[dict]:
    distill(tiny.run_folder(folder, recipe, tiny.rows(12, 4, 4)), Events(folder))
    return choosing.told(folder, "log")


@pytest.mark.parametrize("order", ["easy_first", "hard_first"])
def test_a_curriculum_goes_by_the_loss_before_the_stage(tmp_path: Path, order: str) -> None:
    run(tmp_path / "run", stages(order=order, learning_rate=1e-8))
    losses = choosing.losses(tmp_path / "run")  # hardly any learning: what is seen is the order
    before = json.loads((tmp_path / "run" / "stages" / "00-student-order" / "losses.json").read_text())
    assert len(before) == 12 and losses == sorted(losses, reverse=order == "hard_first") and len(set(losses)) == 3


def test_a_resumed_run_takes_up_the_stored_choice(tmp_path: Path) -> None:
    recipe = stages({"kind": "select", "method": "perplexity", "keep": 0.5, "text": "all"})
    run(tmp_path / "run", recipe)
    chosen = (tmp_path / "run" / "stages" / "00-select" / "chosen.json").read_bytes()
    out = choosing.left_out(tmp_path / "run", "select-rows")
    (tmp_path / "run" / "selection-select-rows.jsonl").unlink()
    said = run(tmp_path / "run", recipe)
    assert (tmp_path / "run" / "stages" / "00-select" / "chosen.json").read_bytes() == chosen
    assert choosing.left_out(tmp_path / "run", "select-rows") == out
    assert any("was finished in an earlier attempt" in e["message"] for e in said)
