"""Hybrid logit distillation (GOLD).

Acceptance: where every token is shared the loss is the generalised JSD; a span's merged distribution gives the text of the
span its probability by the chain rule; a byte student comes nearer to a BPE teacher, on rows and on its own answers.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jobs.distill.objectives.aligned.hybrid import _rest
from tests.jobs.distill.objectives.aligned.pair import pair
from tests.jobs.distill.systems.across import expanded, run, terms

torch.set_num_threads(1)


def test_it_is_the_jsd_where_every_token_is_shared(tmp_path: Path) -> None:
    two = pair(True, tmp_path)
    mine, other = two.batch().shared()
    lq, lp = (x.log_softmax(-1) for x in two.logits())
    a, b = lp[:, other], lq[:, mine]
    m = torch.logaddexp(a, b) - torch.log(torch.tensor(2.0))
    jsd = 0.5 * (a.exp() * (a - m) + b.exp() * (b - m)).sum(-1).mean()
    assert two.loss("hybrid-logit", by_overlap=False, shared_weight=1.0).item() == pytest.approx(jsd.item(), rel=1e-4)


def test_a_merged_span_keeps_the_probability_of_its_text(tmp_path: Path) -> None:
    two = pair(tmp=tmp_path)
    batch, micro = two.batch(), two.micro()[0]
    label = two.logits()[0].log_softmax(-1).gather(-1, micro.labels[:, None])[:, 0]
    firsts = (batch.by_span >= 0).nonzero()[:, 0]
    rest = _rest(lambda at: label[at], batch.student_spans, firsts, len(batch.span_rows))
    merged = label[firsts] + rest[batch.student_spans[firsts]]
    whole = torch.stack([label[batch.student_spans == c].sum() for c in range(len(batch.span_rows))])
    torch.testing.assert_close(merged, whole[batch.student_spans[firsts]])


@pytest.mark.parametrize("rows_from", ["fixed", "student"])
def test_a_byte_student_learns_from_a_bpe_teacher(tmp_path: Path, rows_from: str) -> None:
    assert terms("hybrid-tokenizers") == [("hybrid-logit", 1.0)]
    assert expanded("hybrid-tokenizers", rows_from=rows_from).stages[1].source.kind == rows_from
    losses = run(tmp_path, "hybrid-tokenizers", steps=6, rows_from=rows_from)["losses"]
    assert len(losses) == 6 and all(v["loss.hybrid-logit"] > 0 and v["grad_norm"] > 0 for v in losses)
