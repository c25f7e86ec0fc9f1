"""Held-out rows by hash."""

from __future__ import annotations

from typing import Any

from jobs.distill.data.split import assign_splits, row_id_of, split_of


def row(text: str, answer: str | None = "a", split: str | None = None) -> dict[str, Any]:
    return {"row_id": row_id_of([{"role": "user", "content": text}], answer), "answer": answer, "split": split}


def test_it_holds_out_the_share_that_was_asked_for() -> None:
    held = sum(split_of(row(f"question {i}")["row_id"], 0.1) == "heldout" for i in range(20_000))
    assert 1860 < held < 2140  # five standard deviations


def test_it_moves_no_row_to_training_when_the_share_grows() -> None:
    ids = [row(f"question {i}")["row_id"] for i in range(500)]
    small, large = ({i for i in ids if split_of(i, s) == "heldout"} for s in (0.1, 0.3))
    assert small < large


def test_it_keeps_copies_and_conflicting_labels_on_one_side() -> None:
    for i in range(200):
        rows = [row(f"Question {i}"), row(f"question  {i} ", "b"), row(f"question {i}", "a")]
        assert len(set(assign_splits(rows, 0.5))) == 1


def test_it_does_not_train_on_an_unlabelled_copy_of_a_held_out_question() -> None:
    texts = [f"question {i}" for i in range(300)]
    rows = [row(t) for t in texts] + [row(t, None) for t in texts]
    splits = assign_splits(rows, 0.2)
    assert splits[:300] == splits[300:] and "heldout" in splits


def test_it_keeps_the_split_of_the_file() -> None:
    assert assign_splits([row("a", split="heldout"), row("b", split="train"), row("c", None)], 0.5) == [
        "heldout",
        "train",
        "train",
    ]


def test_it_is_frozen() -> None:
    """These values must never change: a new version of the program would otherwise score on rows it trained on."""
    assert row_id_of([{"role": "user", "content": "When does my card arrive?"}], "card arrival") == FROZEN_ID
    assert [split_of(row(f"question {i}")["row_id"], 0.1) for i in range(40)].count("heldout") == FROZEN_COUNT


FROZEN_ID, FROZEN_COUNT = "5c8077796857c8f5a5af7e2f", 2


def grouped(text: str, group: str | None, answer: str | None = "a") -> dict[str, Any]:
    return {**row(text, answer), "fields": f'{{"group": "{group}"}}' if group else None}


def test_it_keeps_a_group_on_one_side_and_every_copy_of_its_prompts_with_it() -> None:
    rows = [grouped(f"question {i}", f"document {i // 4}") for i in range(200)]
    rows += [grouped("question 3", "document 9"), grouped("question 5", None), grouped("question 7", None, None)]
    splits = assign_splits(rows, 0.3)
    assert 0 < splits.count("heldout") < len(rows)
    for i in range(50):
        assert len(set(splits[4 * i : 4 * i + 4])) == 1
    assert splits[200] == splits[0] == splits[36]  # documents 0 and 9 share a question
    assert splits[201] == splits[4] and splits[202] == splits[4]


def test_it_moves_no_row_when_its_group_grows() -> None:
    rows = [grouped(f"question {i}", f"document {i // 4}") for i in range(200)]
    more = [grouped(f"another {i}", f"document {i // 2}") for i in range(100)]
    assert assign_splits([*rows, *more], 0.3)[:200] == assign_splits(rows, 0.3)
