"""Rows the student writes: seeds, windows, coins, buffer, and a checkpoint in the middle of a window."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from jobs.distill.batches import Limits
from jobs.distill.errors import PlanRefused
from jobs.distill.generate import Decoding
from jobs.distill.recipe import Adapter, Curve
from jobs.distill.rows import Example, Renderer
from jobs.distill.sources.correct import first_wrong
from jobs.distill.sources.mixed import Mix
from jobs.distill.sources.replay import Replay, Slot
from jobs.distill.sources.rollouts import Rollouts
from jobs.distill.sources.writing import Ask, Prompt, Reading, Wants, Writer, Written
from jobs.distill.students.lora import attach, trainable, training_mode
from jobs.distill.teachers.local import LocalTeacher
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny

CPU = torch.device("cpu")
TOKENS = 261


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    top = tmp_path_factory.mktemp("m")
    student = attach(load_model(tiny.model(top / "s", 2), torch.float32, CPU), Adapter(rank=4, dropout=0.1), 0)
    return student, load_model(tiny.model(top / "t", 1), torch.float32, CPU)


RENDERER = Renderer(tiny.tokenizer(), [1])


def prompts(n: int = 6, fixed: bool = False) -> list[Prompt]:
    out = []
    for i in range(n):
        ids = np.asarray(RENDERER.prompt([{"role": "user", "content": f"what is {i}"}]), np.int32)
        whole = np.concatenate([ids, np.asarray([80, 81, 1], np.int32)])
        out.append(Prompt(f"r{i}", ids, True, "x", fixed=Example(f"r{i}", whole, len(ids), True) if fixed else None))
    return out


def source(models: Any, wants: Wants | None = None, teacher: Any = None, fixed: bool = False, **more: Any) -> Rollouts:
    writer = Writer(
        models[0], RENDERER, prompts(fixed=fixed), Decoding(7, (1,), temperature=1.0), wants or Wants(), Limits(8), TOKENS, teacher
    )  # fmt: skip
    mix = Mix(more.pop("share", 1.0), more.pop("fresh", 1.0), 3, 8, more.pop("reached", {}))
    return Rollouts(writer, mix, **{"batch_size": 4, "seed": 3, "steps": 8, "window": 2, **more})


def same(a: list[Example], b: list[Example]) -> bool:
    def flat(e: Example) -> tuple[Any, ...]:
        return (
            e.row_id,
            e.ids.tolist(),
            e.start,
            e.origin,
            e.group,
            sorted((k, np.asarray(v).tolist()) for k, v in e.features.items()),
        )

    return [flat(e) for e in a] == [flat(e) for e in b]


def test_answers_depend_on_seed_step_and_row_alone(models: Any) -> None:
    one, other = source(models), source(models)
    assert all(same(one.step(s), other.step(s)) for s in range(4))
    assert same(
        source(models, window=1).step(2), one.step(2)
    )  # whatever the window, as long as the weights are the same
    assert not same(one.step(0), one.step(1))


def test_it_supervises_what_was_said_and_no_more(models: Any) -> None:
    told: list[Mapping[str, float]] = []
    rows = source(models, told=lambda step, values: told.append(values)).step(0)
    for e in rows:
        answer = e.ids[e.start :].tolist()
        assert e.origin == "rollout" and len(answer) <= 7 and all(t < TOKENS for t in answer)
        assert (answer[-1] == 1) or len(answer) == 7  # an end token only where the student said it
        assert 1 not in answer[:-1]
    assert told[0]["rollout.length"] <= 7 and {"rollout.unfinished", "rollout.empty", "rollout.dead"} <= set(told[0])


def test_the_learner_is_as_it_was_after_writing(models: Any) -> None:
    training_mode(models[0])
    modes, state = [m.training for m in models[0].modules()], torch.get_rng_state()
    source(models).step(0)
    assert [m.training for m in models[0].modules()] == modes and torch.equal(torch.get_rng_state(), state)


def test_old_log_probabilities_are_the_learner_s_own(models: Any) -> None:
    rows = source(models, Wants(old_logq=True)).step(0)
    model = models[0].eval()
    for e in rows:
        with torch.no_grad():
            logits = model(input_ids=torch.from_numpy(e.ids[None].astype(np.int64))).logits[0, :, :TOKENS]
        lq = logits.log_softmax(-1)[
            torch.arange(e.start - 1, len(e.ids) - 1), torch.from_numpy(e.ids[e.start :].astype(np.int64))
        ]
        assert e.features["old_logq"].dtype == np.float32
        assert np.allclose(e.features["old_logq"], lq.numpy(), atol=1e-5)


def test_samples_of_a_prompt_are_a_group_with_rewards(models: Any) -> None:
    rows = source(models, Wants("exact_match"), samples=2).step(0)
    assert len(rows) == 4 and len({e.group for e in rows}) == 2
    for pair in (rows[:2], rows[2:]):
        assert pair[0].group == pair[1].group and pair[0].row_id == pair[1].row_id
    assert all(e.features == {"reward": 0.0} for e in rows)


def test_a_coin_decides_by_seed_step_and_row_and_the_share_follows_the_loop(models: Any) -> None:
    reached = {"source.share": 0.0}
    rows = source(models, fixed=True, share=Curve(type="adaptive", start=0.0), reached=reached, steps=8)
    assert {e.origin for e in rows.step(0)} == {"fixed"}
    reached["source.share"] = 1.0  # as the loop sets it when the watched loss no longer falls
    assert {e.origin for e in rows.step(2)} == {"rollout"}
    half = source(models, fixed=True, share=0.5)
    counts = [e.origin == "rollout" for s in range(8) for e in half.step(s)]
    assert 6 < sum(counts) < 26
    assert counts == [half.mix.by_student(s, p) for s in range(8) for p in range(4)]


def test_rows_of_the_data_carry_neutral_features(models: Any) -> None:
    rows = source(models, Wants("exact_match", old_logq=True), fixed=True, share=0.5).step(0)
    assert {e.origin for e in rows} == {"fixed", "rollout"}
    for e in rows:
        assert set(e.features) == {"reward", "old_logq"} and len(e.features["old_logq"]) == e.supervised


def test_old_answers_come_again_and_hits_are_told(models: Any) -> None:
    told: list[Mapping[str, float]] = []
    rows = source(models, capacity=6, fresh=0.0, told=lambda step, values: told.append(values))
    first = [e.ids.tolist() for s in (0, 1) for e in rows.step(s)]
    again = [e.ids.tolist() for s in (2, 3) for e in rows.step(s)]
    assert told[0]["replay.hits"] == 0 and told[1]["replay.hits"] == 8 and told[1]["rollout.replayed"] == 1
    assert all(ids in first for ids in again) and told[1]["replay.size"] == 6


def test_the_buffer_forgets_the_oldest() -> None:
    buffer = Replay(3)
    for n in range(5):
        buffer.add([Slot(n, (Written(n, np.ones(1, np.int32), True),))])
    assert [s.prompt for s in buffer.slots] == [2, 3, 4] and buffer.draw(0.99).prompt == 4


@pytest.mark.parametrize("more", [{"capacity": 6, "fresh": 0.5, "share": 0.7, "fixed": True}, {"samples": 2}])
def test_a_checkpoint_in_the_middle_of_a_window_brings_back_the_same_rows(models: Any, more: dict[str, Any]) -> None:
    wants = Wants("exact_match", old_logq=True, old_logp=True)
    clean = source(models, wants, LocalTeacher(models[1], TOKENS), window=4, **more)
    clean.step(0)
    state = {n: t.clone() for n, t in clean.state().items()}
    assert all(name.startswith("source.") for name in state)
    other = source(models, wants, LocalTeacher(models[1], TOKENS), window=4, **more)
    other.restore(state)
    with torch.no_grad():  # the weights have moved since the window was written; the rows may not
        for p in trainable(models[0]).values():
            p.add_(0.5)
    try:
        assert all(same(other.step(s), clean.step(s)) for s in (1, 2, 3))
        assert same(other.step(4), clean.step(4))
    finally:
        with torch.no_grad():
            for p in trainable(models[0]).values():
                p.sub_(0.5)


def test_a_restart_forgets_the_window(models: Any) -> None:
    rows = source(models, capacity=4)
    rows.step(0)
    rows.restore({})
    assert not rows.held and not rows.buffer.slots


def test_the_first_token_the_teacher_finds_wrong() -> None:
    reading = Reading(np.log([0.5, 0.02, 0.01]), np.log([0.6, 0.3, 0.9]), np.array([7, 8, 9]))
    assert first_wrong(reading, 0.1) == 1 and first_wrong(reading, 0.05) == 2 and first_wrong(reading, 0.001) is None


def test_a_wrong_token_is_replaced_and_the_tail_written_again(models: Any) -> None:
    rows = source(models, Wants(correct=True, wrong_below=0.5), LocalTeacher(models[1], TOKENS))
    plain = source(models).writer
    asked = [Ask(i, f"3:0:{i}:0") for i in range(4)]
    before, after = plain.write(asked, 0), rows.writer.write(asked, 0)
    readings = plain.read(before, LocalTeacher(models[1], TOKENS), 0)
    found = 0
    for a, b, reading in zip(before, after, readings, strict=True):
        place = first_wrong(reading, 0.5)
        if place is None:
            assert not b.corrected and a.ids.tolist() == b.ids.tolist()
            continue
        found += 1
        assert b.corrected and b.ids[:place].tolist() == a.ids[:place].tolist()
        assert b.ids[place] == reading.best[place] and len(b.ids) <= 7
    assert found


def test_correcting_without_a_teacher_is_refused(models: Any) -> None:
    with pytest.raises(PlanRefused, match="needs a teacher"):
        source(models, Wants(correct=True)).step(0)
