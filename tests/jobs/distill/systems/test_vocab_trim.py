"""Trimmed model gives same logits on kept tokens to 1e-6; tokenizer round-trips target text; size drop reported.

Logits and round trips over merged tokens are in tests/jobs/distill/shapes/test_trim_vocab.py.
"""

import json

import pytest
import torch
from transformers import AutoTokenizer

from .shaping import plain, run


def test_a_trimmed_student_learns_from_a_teacher_of_the_whole_vocabulary(tmp_path):
    place, report = run(tmp_path, "vocab-trim", {}, layers=2)
    shape = report["student_shape"]
    assert shape["measured"]["tokens"] < shape["measured"]["tokens_before"]
    assert shape["parameters"]["after"] < shape["parameters"]["before"]
    old, new = (AutoTokenizer.from_pretrained(p) for p in (tmp_path / "student", place / "student"))
    text = "<|user|>my card is gone please 3<|assistant|>top up<|end|>"
    before, after = (t(text, add_special_tokens=False)["input_ids"] for t in (old, new))
    assert new.decode(after) == text
    kept = torch.tensor([old.get_vocab()[t] for t in sorted(new.get_vocab(), key=new.get_vocab().get)])
    whole, small = plain(tmp_path / "student"), plain(place / "student")
    with torch.no_grad():
        z, wanted = small(torch.tensor([after])).logits[0], whole(torch.tensor([before])).logits[0][:, kept]
    torch.testing.assert_close(z, wanted, atol=1e-6, rtol=1e-6)


@pytest.mark.slow
def test_the_untouched_teacher_is_0_nats_away_from_the_trimmed_student(tmp_path):
    """Same weights and the same kept ids: the divergence before the first step is 0, online and recorded."""
    for how in ("online", "recorded"):
        place, _ = run(
            tmp_path / how, "vocab-trim", {}, steps=1, layers=2, train={"steps": 1, "teacher": how, "max_new_tokens": 4}
        )
        events = [json.loads(line) for line in (place / "events.jsonl").read_text().splitlines()]
        first = next(e["values"]["loss"] for e in events if e["type"] == "metric")
        assert abs(first) < 1e-4, how
