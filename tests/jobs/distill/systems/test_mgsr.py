"""A planted wrong token is found at its index, the prefix is kept, the token is the teacher's likeliest and the tail is
written again; the clip mask keeps the set mass."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from jobs.distill.batches import Limits
from jobs.distill.catalog import PARTS
from jobs.distill.generate import Decoding, generate
from jobs.distill.rows import Renderer
from jobs.distill.sources.correct import corrected
from jobs.distill.sources.writing import Ask, Prompt, Wants, Writer, Written
from jobs.distill.teachers.local import LocalTeacher
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny
from tests.jobs.distill.systems.own_rows import trained, values

CPU, LONG = torch.device("cpu"), 8


def test_a_planted_wrong_token_is_corrected(tmp_path: Path) -> None:
    """The teacher's own greedy answer with one token replaced by the one it finds least likely."""
    teacher, student = (load_model(tiny.model(tmp_path / n, s), torch.float32, CPU) for n, s in (("t", 1), ("s", 2)))
    prompt = np.asarray([2, 90, 91, 92, 3], np.int32)
    right = generate(teacher, [prompt.tolist()], Decoding(LONG, ()), 1, vocab=261)[0].ids
    for place in (0, 3, 7):
        with torch.no_grad():
            logits = teacher(input_ids=torch.tensor([[*prompt.tolist(), *right[:place]]])).logits[0, -1, :261]
        planted = [*right[:place], int(logits.argmin()), *right[place + 1 :]]
        decoding = Decoding(LONG, (), temperature=1.0)
        writer = Writer(
            student, Renderer(tiny.tokenizer(), [1]), [Prompt("r", prompt, True)], decoding, Wants(correct=True), Limits(4), 261,
            LocalTeacher(teacher, 261),
        )  # fmt: skip
        wrong = Written(0, np.asarray(planted, np.int32), False)
        (found,) = corrected(writer, [Ask(0, "3:0:0:0")], [wrong], 0)
        head = right[: place + 1]  # prefix kept, and the teacher's likeliest token
        assert found.corrected and found.ids[: place + 1].tolist() == head
        tail = writer.continued([np.concatenate([prompt, head]).astype(np.int32)], [0], [LONG - len(head)])[0]
        assert len(found.ids) == LONG and len(tail.ids) == LONG - len(head)
        (whole,) = corrected(writer, [Ask(0, "3:0:0:0")], [replace(wrong, ids=np.asarray(right, np.int32))], 0)
        assert not whole.corrected and whole.ids.tolist() == right


def test_the_clip_keeps_the_set_mass() -> None:
    """With hard edges the teacher's tokens that stay hold the mass asked for, and no token fewer would."""
    p = torch.tensor([0.5, 0.3, 0.1, 0.06, 0.04])
    from jobs.distill.head import DenseTeacher, Head
    from jobs.distill.objectives.view import View

    z = torch.tensor([[0.1, 0.7, -0.2, 0.4, 0.0]])
    part = PARTS["clipped-kl"]()
    view = View(z, DenseTeacher(p.log()[None], Head(torch.eye(5))))
    found = part.value(view, 1.0, part.Options(keep=0.85, softness=0.001))
    kept, q = p[:3] / p[:3].sum(), z[0, :3].softmax(-1)  # .5 + .3 < .85 <= .9; the edge itself counts half
    half = torch.tensor([1, 1, 0.5])
    a, b = kept * half / (kept * half).sum(), q * half / (q * half).sum()
    assert torch.allclose(found, (a * (a / b).log()).sum(), atol=1e-3)


def test_it_trains_on_corrected_answers(tmp_path: Path) -> None:
    found = trained(tmp_path, "mgsr", {"share": 1.0, "wrong_below": 0.5, "window": 2})
    assert len(values(found, "rollout.corrected")) == 2 and max(values(found, "rollout.corrected")) > 0
