"""Pruned config loads in plain transformers; activation importance equals numpy; KD heals loss to >= 80% of gap on toy.

The importances are held to numpy in tests/jobs/distill/shapes/test_prune_width.py.
"""

import torch
from transformers import AutoModelForCausalLM

from .shaping import healed, plain, run


def test_distillation_heals_most_of_what_pruning_broke(tmp_path):
    """Divergence from the unpruned teacher on the training rows: after healing at most a fifth of what it was before."""
    options = {"hidden_share": 1.0, "mlp_share": 0.5, "heads_share": 0.5}
    train = {"steps": 60, "batch_size": 12, "learning_rate": 0.003, "max_new_tokens": 6}
    student = {"model": "sample/student", "adapter": {"rank": 16, "alpha": 32}}
    place, report = run(tmp_path, "minitron", options, layers=2, student=student, train=train)
    config = AutoModelForCausalLM.from_pretrained(place / "student").config
    assert (config.intermediate_size, config.num_attention_heads, config.head_dim) == (32, 1, 16)
    teacher, cut, mended = plain(tmp_path / "teacher"), plain(place / "student"), healed(place)
    assert divergence(teacher, mended, place) <= 0.2 * divergence(teacher, cut, place)
    assert report["student_shape"]["parameters"]["after"] < report["student_shape"]["parameters"]["before"]


@torch.no_grad()
def divergence(teacher, student, place) -> float:
    """Mean KL(teacher || student) at the answers' positions of the training rows, as the teacher answered them."""
    from jobs.distill.rows import Renderer, read_rows
    from jobs.distill.weights import load_tokenizer

    renderer = Renderer(load_tokenizer(place / "student"), [1])
    total = count = 0.0
    for row in read_rows(place / "data" / "rows.parquet"):
        if row.labelled and row.split != "heldout":
            e = renderer.example(row)
            ids = torch.from_numpy(e.ids).long()[None]
            p, q = (m(ids).logits[0, e.start - 1 : -1].log_softmax(-1) for m in (teacher, student))
            total += float((p.exp() * (p - q)).sum())
            count += e.supervised
    return total / count
