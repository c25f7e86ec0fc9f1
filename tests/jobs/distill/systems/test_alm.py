"""Approximate likelihood matching.

Acceptance: chunks of both tokenizers cover every character once; the case of one tokenizer equals the binary KL of token
log-probabilities to 1e-6; a byte student learns from a BPE teacher.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from tests.jobs.distill.objectives.aligned.pair import ANSWERS, pair
from tests.jobs.distill.systems.across import run, terms

torch.set_num_threads(1)


def test_chunks_of_both_tokenizers_cover_every_character_once(tmp_path: Path) -> None:
    two = pair(tmp=tmp_path)
    for example, answer in zip(two.examples, ANSWERS, strict=True):
        a = two.reader.aligner.of(example)
        mine, other = ([[w for w, s in zip(words, spans, strict=True) if s == c] for c in range(a.spans)]
                       for words, spans in zip(a.words, (a.student, a.teacher), strict=True))  # fmt: skip
        assert [b"".join(c) for c in mine] == [b"".join(c) for c in other]
        assert b"".join(w for c in mine for w in c).decode() == answer
        assert mine[-1] == other[-1] == [b""], "the end tokens are a pair of their own"


def test_one_tokenizer_is_the_binary_kl_of_token_log_probabilities(tmp_path: Path) -> None:
    two = pair(True, tmp_path)
    micro, batch = two.micro()[0], two.batch()
    z, zt = (x.log_softmax(-1).gather(-1, micro.labels[:, None])[:, 0].double() for x in two.logits())
    a, b = (zt / 100).exp(), (z / 100).exp()
    each = F.binary_cross_entropy(b, a, reduction="none") - F.binary_cross_entropy(a, a, reduction="none")
    wanted = torch.stack([each[micro.of == r].mean() for r in range(3)]).mean()
    assert two.loss("alm").item() == pytest.approx(wanted.item(), abs=1e-6)
    assert (batch.student_spans == torch.arange(len(micro.labels))).all()


def test_a_byte_student_learns_from_a_bpe_teacher(tmp_path: Path) -> None:
    """No cross-entropy: what it knows of the answers in the end it has from pieces of text the teacher finds likely."""
    assert terms("alm") == [("alm", 1.0)]
    report = run(tmp_path, "alm", steps=24, rate=0.02, knows=True)
    assert report["losses"][-1]["loss"] < 0.7 * report["losses"][0]["loss"]
    assert report["gap_closed"]["low"] > 0.1
