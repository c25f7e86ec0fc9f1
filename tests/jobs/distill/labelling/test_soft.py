"""Soft labels from columns, votes, a first token's log-probabilities and the likelihood of every label."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.distill.labelling.labels import Labels
from jobs.distill.labelling.likelihood import label_logs
from jobs.distill.labelling.reading import Reader
from jobs.distill.labelling.soft import asked_messages, column, of_logprobs, of_map, shares
from jobs.distill.rows import Renderer, Row
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny
from tests.jobs.distill.labelling import small

LABELS = Labels(("refund", "top up", "rest"), "classify")
READER = Reader(small.tokenizer(), LABELS, 100)


def row(text: str = "q", **fields: object) -> Row:
    return Row("r", ({"role": "user", "content": text},), None, "train", 0, False, fields)


def test_a_map_is_made_to_add_up_to_one_and_forgets_other_names():
    found = of_map({"Refund": 3, "top_up": 1, "unknown": 9}, LABELS)
    assert found is not None and found.tolist() == [[0.75, 0.25, 0.0]]
    assert of_map({"unknown": 1}, LABELS) is None


def test_votes_are_shares_of_the_answers_that_name_a_label():
    found = shares(["refund", "Refund.", "no idea", "rest"], row(), READER)
    assert found is not None and found[0].tolist() == pytest.approx([2 / 3, 0, 1 / 3])
    assert shares(["no idea"], row(), READER) is None


def test_votes_of_a_tagger_are_shares_by_token():
    reader = Reader(small.tokenizer(), Labels.tags(["p"]), 100)
    found = shares(['[{"type": "p", "text": "Al"}]', "[]", "broken"], row("Al x"), reader)
    assert found is not None and found.tolist() == [[0.5, 0.5, 0], [0.5, 0, 0.5], [1, 0, 0]]


def test_a_first_token_stands_for_the_labels_that_begin_with_it():
    found = of_logprobs({"re": math.log(0.6), "top": math.log(0.2), "zzz": math.log(0.2)}, LABELS)
    assert found is not None and found[0].tolist() == pytest.approx([0.3 / 0.8, 0.2 / 0.8, 0.3 / 0.8])
    assert of_logprobs({"zzz": 0.0}, LABELS) is None


def test_columns_are_read_by_name_and_silent_rows_counted():
    rows = [
        row(soft={"gpt": {"refund": 1.0}}),
        Row("s", row().messages, None, "train", 0, False, {"soft": {"votes": ["rest"]}}),
    ]
    assert column("gpt", rows, READER).silent == 1
    assert column("votes", rows, READER).soft["s"].tolist() == [[0, 0, 1]]


def test_the_teacher_is_told_the_list_where_it_gets_an_instruction():
    assert asked_messages(row(), "One of {labels}.", LABELS)[0] == {
        "role": "system",
        "content": "One of refund, top up, rest.",
    }
    assert asked_messages(row(), "", LABELS) == row().messages


def test_the_likelihood_of_a_label_is_that_of_its_tokens_one_by_one(tmp_path: Path):
    """Prompt read once, labels behind its cache: the same as a plain forward over prompt and label."""
    torch.set_num_threads(1)
    model = load_model(tiny.model(tmp_path / "t", 1, 32), torch.float32, torch.device("cpu"))
    renderer = Renderer(tiny.tokenizer(), [1])
    asked, names = [row("my card"), row("money back please")], ["refund", "x", "exchange rate"]
    found = label_logs(model, renderer, asked, names, 128)
    for i, one in enumerate(asked):
        prompt = renderer.prompt(one.messages)
        for k, name in enumerate(names):
            ids = torch.tensor([prompt + renderer.answer(one.messages, name)])
            with torch.no_grad():
                logs = torch.log_softmax(model(input_ids=ids).logits[0, :-1], -1)
            plain = logs[len(prompt) - 1 :].gather(-1, ids[0, len(prompt) :, None]).sum()
            assert found[i, k] == pytest.approx(float(plain), abs=1e-4)
    assert np.isneginf(label_logs(model, renderer, asked[:1], names, 12)).all()
