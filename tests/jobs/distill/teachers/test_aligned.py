"""The teacher with another tokenizer: what it brings, what it refuses, what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from jobs.distill.align.example import Aligner
from jobs.distill.errors import PlanRefused
from jobs.distill.teachers.aligned import AlignedTeacher
from tests.jobs.distill.objectives.aligned.pair import Pair, pair, rows

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair(tmp=tmp_path_factory.mktemp("two"))


def test_it_reads_rows_in_its_own_tokens(two: Pair) -> None:
    """Its log-probabilities are those of the teacher asked alone, row by row, without padding."""
    batch, (_, group) = two.batch(), two.micro()
    alone = []
    for example in group:
        a = two.reader.aligner.of(example)
        ids = torch.from_numpy(a.ids.astype("int64"))[None]
        logp = two.teacher(input_ids=ids).logits[0, a.start - 1 : -1, : batch.head.vocab].log_softmax(-1)
        alone.append(logp.gather(-1, ids[0, a.start :, None])[:, 0])
    torch.testing.assert_close(batch.label_logp, torch.cat(alone), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        batch.label_logp_at(torch.tensor([0, 2]), 2.0),
        torch.log_softmax(batch.head.logits(batch.hidden) / 2, -1).gather(-1, batch.labels[:, None])[[0, 2], 0],
    )


def test_nothing_of_it_carries_gradient(two: Pair) -> None:
    batch = two.batch()
    assert not batch.hidden.requires_grad and not batch.hidden.is_inference() and not batch.label_logp.requires_grad
    assert batch.embeddings is not None and not any(e.requires_grad for e in batch.embeddings)


def test_logits_of_its_padding_rows_are_cut(two: Pair) -> None:
    """The output layer has rows for ids its tokenizer does not know: they are no tokens."""
    known = len(two.reader.aligner.teacher.tokenizer)
    assert two.teacher.lm_head.weight.shape[0] == known + 6
    assert two.batch().logp(torch.arange(2)).shape == (2, known) and two.batch().vocab == known


def test_inner_states_are_refused(two: Pair) -> None:
    with pytest.raises(PlanRefused, match="its own tokens"):
        two.reader.side(*two.micro(), captures=frozenset({"layer.1"}))


def test_it_says_once_what_it_could_not_lay_side_by_side(two: Pair) -> None:
    old, said = two.reader.aligner, []
    short = Aligner(old.student, old.teacher, {r.row_id: r for r in rows()}, 3)
    reader = AlignedTeacher(two.teacher, 400, short, two.student, 261, said.append)
    group = [replace(e) for e in two.examples]
    for _ in range(2):
        reader.side(*two.micro(group))
    assert len(said) == 1 and "3 tokens" in said[0]
