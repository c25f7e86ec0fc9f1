"""Kept layers' weights equal the source; truncated init beats random init at equal steps; no teacher memory used."""

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.jobs.distill import tiny

from .shaping import healed, nats, plain, run


def test_kept_layers_are_the_sources_and_no_teacher_is_loaded(tmp_path):
    place, report = run(tmp_path, "teacher-free-truncate", {"share": 0.5}, teacher=None)
    source, made = plain(tmp_path / "student").state_dict(), plain(place / "student").state_dict()
    assert report["student_shape"]["measured"]["kept_layers"] == [0, 1]
    assert all(torch.equal(made[n], source[n]) for n in made)
    assert "teacher" not in report["scores"] and not (place / "signals").exists()


@pytest.mark.slow
def test_a_truncated_start_beats_a_random_one_at_equal_steps(tmp_path):
    """The source has learnt the rows; half of its layers, healed, know more of them than as many untrained layers."""
    taught(tmp_path)
    steps = 10
    place, _ = run(tmp_path, "teacher-free-truncate", {"share": 0.5}, steps, teacher=None)
    tiny.model(tmp_path / "other" / "student", 9, 32, 2)
    tiny.model(tmp_path / "other" / "teacher", 9, 32, 2)
    random, _ = run(tmp_path / "other", "teacher-free-truncate", {"share": 1.0}, steps, teacher=None)
    here, there = (nats(healed(p), p / "student", p) for p in (place, random))
    assert here < there


def taught(folder) -> None:
    """A source that knows the answers: all its weights are trained on the rows for a moment."""
    from jobs.distill.rows import Renderer, read_rows
    from jobs.distill.weights import load_tokenizer

    place = tiny.model(folder / "student", 1, 32, 4)
    tiny.model(folder / "teacher", 1, 32, 4)
    renderer = Renderer(load_tokenizer(place), [1])
    rows = [
        r for r in read_rows(tiny.write_rows(folder / "rows.parquet", tiny.rows())) if r.labelled and r.split == "train"
    ]
    model = AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32)
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for step in range(60):
        example = renderer.example(rows[step % len(rows)])
        labels = torch.from_numpy(example.ids).long()[None].clone()
        ids = labels.clone()
        labels[:, : example.start] = -100
        model(ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(place)
