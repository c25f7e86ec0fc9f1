"""Painted spans: which tokens they reach, and that the loss is exactly that of what is left."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jobs.distill.batches import Limits, micro_batches
from jobs.distill.data.paint import Painted
from jobs.distill.events import Events, read
from jobs.distill.models.conversation import Conversation
from jobs.distill.recipe import Term as Spec
from jobs.distill.rows import Example, Renderer, Row
from jobs.distill.run import distill
from jobs.distill.signals import Settings, Store
from jobs.distill.students.lora import trainable
from jobs.distill.supervise import chunk_examples, reasoned, whole_texts
from jobs.distill.teachers.recorded import SignalTeacher
from jobs.distill.train import Loop, Stopped
from tests.jobs.distill import tiny, tiny_words
from tests.jobs.distill.objectives.aligned.pair import Pair, pair
from tests.jobs.distill.test_train import Bench, stage, teacher

BYTES = Renderer(tiny.tokenizer(), [1])
WORDS = Renderer(tiny_words.bpe(), [tiny_words.bpe().eos_token_id])
BOTH = [Spec(type="cross-entropy", weight=0.3), Spec(type="forward-kl", weight=0.7)]
WHOLE = Limits(8, overhead=10_000)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    top = tmp_path_factory.mktemp("models")
    return {"teacher": tiny.model(top / "teacher", 1, 48), "student": tiny.model(top / "student", 2, 32)}


def row(answer: str, *spans: tuple[int, int, float], name: str = "r", **fields: Any) -> Row:
    turns = ({"role": "user", "content": "ask me"},)
    return Row(name, turns, answer, "train", 0, True, fields, Painted(answer, spans) if spans else None)


def weights(renderer: Renderer, given: Row) -> dict[str, float]:
    """What each token of the answer spells, with its weight; the end token is <end>."""
    example = renderer.example(given)
    assert example.paint is not None and len(example.paint) == example.supervised
    words = [renderer.spelling(int(i)) for i in example.ids[example.start :]]
    return {
        f"{n}:{(w or b'<end>').decode(errors='replace')}": float(x)
        for n, (w, x) in enumerate(zip(words, example.paint, strict=True))
    }


# -- which tokens ---------------------------------------------------------------------------------------------------------


def test_it_paints_the_bytes_of_the_characters_and_the_ids_stay_the_same() -> None:
    found = weights(BYTES, row("ab cd", (0, 2, 0), (3, 5, 2)))
    assert list(found.values()) == [0, 0, 1, 2, 2, 1]
    plain, painted = BYTES.example(row("ab cd")), BYTES.example(row("ab cd", (0, 2, 0)))
    assert plain.paint is None and plain.ids.tolist() == painted.ids.tolist() and plain.key == painted.key


def test_a_token_that_shares_a_character_with_a_span_belongs_to_it() -> None:
    assert list(weights(WORDS, row("card lost", (0, 1, 0))).values())[0] == 0  # one letter of the first token
    found = list(weights(WORDS, row("card lost", (4, 9, 3))).values())
    assert found[0] == 1 and found[-2] == 3 and found[-1] == 1


def test_white_space_at_the_edge_of_a_span_does_not_take_the_next_word() -> None:
    """ " lost" is one token: a selection that ends with the space before it does not ignore it."""
    found = list(weights(WORDS, row("card lost", (0, 5, 0))).values())
    assert found[0] == 0 and found[-2] == 1


def test_ignored_wins_where_two_weights_meet_in_one_token() -> None:
    assert list(weights(WORDS, row("card lost", (0, 1, 0), (1, 4, 5))).values())[0] == 0
    assert list(weights(WORDS, row("card lost", (0, 1, 2), (1, 4, 5))).values())[0] == 5


def test_a_letter_of_several_bytes_is_painted_whole() -> None:
    assert list(weights(BYTES, row("aé€", (1, 2, 0))).values()) == [1, 0, 0, 1, 1, 1, 1]


def test_the_end_is_not_learnt_after_an_ignored_ending() -> None:
    assert list(weights(BYTES, row("abc ", (2, 3, 0))).values()) == [1, 1, 0, 1, 0]
    assert BYTES.example(row("abc", (0, 3, 0))).mass == 0


def test_what_the_template_writes_around_the_answer_counts_as_always() -> None:
    renderer = Renderer(tiny.tokenizer(), [1])
    renderer.conversation = Conversation(
        tiny.TEMPLATE.replace("m['content']", "('so: ' if m['role'] == 'assistant' else '') + m['content'] | trim"),
        {},
        {},
    )
    found = list(weights(renderer, row(" so ", (1, 3, 0))).values())
    assert found == [1, 1, 1, 1, 0, 0, 0]  # "so: ", then the answer without its spaces, then the end


def test_an_answer_somebody_else_wrote_is_not_painted() -> None:
    assert BYTES.example(replace(row("ab", (0, 1, 0)), answer="cd")).paint is None


def test_the_spans_move_behind_a_rationale_and_into_chunks_and_whole_texts() -> None:
    given = row("yes", (0, 1, 0), rationale="One. Two.")
    whole = reasoned(given)
    assert whole.spans == ((10, 11, 0),) and whole.answer is not None and whole.answer[10] == "y"
    chunks = chunk_examples(given, BYTES, 2, 200)
    assert [c.paint is not None and c.paint.tolist().count(0) for c in chunks] == [0, 0, 1]
    (text,) = whole_texts([given], BYTES, 200)
    assert text.paint is not None and len(text.paint) == text.supervised and text.paint.tolist().count(0) == 1
    y = BYTES.spelling.vocabulary
    assert [y[int(i)] for i, w in zip(text.ids[1:], text.paint, strict=True) if w == 0] == [b"y"]


# -- the loss -------------------------------------------------------------------------------------------------------------


def painted(answer: str, *spans: tuple[int, int, float], name: str = "r") -> Example:
    return BYTES.example(row(answer, *spans, name=name))


class Gradient:
    """Loss and gradient of one step of cross-entropy and forward KL."""

    def __init__(self, folder: Path, models: dict[str, Path]) -> None:
        self.folder, self.models, self.made = folder, models, 0

    def of(
        self, rows: list[Example], limits: Limits = WHOLE, taught: Any = None, **changes: Any
    ) -> tuple[float, torch.Tensor]:
        self.made += 1
        bench = Bench(self.folder / str(self.made), self.models, rows)
        with torch.no_grad():
            for p in trainable(bench.model).values():
                p.add_(torch.full_like(p, 0.02))
        plan = stage(terms=BOTH, batch_size=len(rows), **changes)
        loop = Loop(
            bench.model,
            bench.arm(plan, limits, teacher=taught or teacher(self.models)),
            bench.checkpoints(),
            bench.events,
        )
        values, _ = loop._gradient(rows)
        grads = [p.grad.flatten() for p in loop.parameters.values() if p.grad is not None]
        return values["loss"], torch.cat(grads)


@pytest.fixture
def gradient(tmp_path: Path, folders: dict[str, Path]) -> Gradient:
    return Gradient(tmp_path, folders)


def same(a: tuple[float, torch.Tensor], b: tuple[float, torch.Tensor]) -> bool:
    return a[0] == pytest.approx(b[0], rel=1e-5) and torch.allclose(a[1], b[1], atol=2e-6, rtol=1e-4)


@pytest.mark.parametrize("reduction", ["token_mean", "seq_mean"])
def test_an_ignored_ending_is_as_if_it_were_not_there(gradient: Gradient, reduction: str) -> None:
    """Both terms: the row ends where the paint begins."""
    long, other = painted("card lost today", (9, 15, 0)), painted("refund", name="s")
    cut = replace(long, ids=long.ids[: long.start + 9], paint=None)
    assert same(gradient.of([long, other], reduction=reduction), gradient.of([cut, other], reduction=reduction))
    assert not same(gradient.of([painted("card lost today"), other]), gradient.of([cut, other]))


@pytest.mark.parametrize("reduction", ["token_mean", "seq_mean"])
def test_an_ignored_span_in_the_middle_leaves_the_mean_of_the_rest(gradient: Gradient, reduction: str) -> None:
    """With m of n tokens left: n * whole = m * rest + (n - m) * ignored, in value and in gradient."""
    text = "card lost today"
    whole = gradient.of([painted(text)], reduction=reduction)
    rest = gradient.of([painted(text, (5, 9, 0))], reduction=reduction)
    only = gradient.of(
        [replace(painted(text), paint=(painted(text, (5, 9, 0)).paint == 0).astype(np.float32))], reduction=reduction
    )  # type: ignore[union-attr]
    n, k = 16, 4
    assert n * whole[0] == pytest.approx((n - k) * rest[0] + k * only[0], rel=1e-5)
    assert torch.allclose(n * whole[1], (n - k) * rest[1] + k * only[1], atol=2e-5, rtol=1e-4)


def test_weight_two_counts_twice(gradient: Gradient) -> None:
    one, other = painted("card lost", name="a"), painted("refund", name="b")
    twice = replace(one, paint=np.full(one.supervised, 2, dtype=np.float32))
    assert same(gradient.of([twice, other]), gradient.of([one, one, other]))


@pytest.mark.parametrize("limits", [Limits(1), Limits(2, overhead=1), Limits(8, tokens=40)])
@pytest.mark.parametrize("reduction", ["token_mean", "seq_mean"])
def test_the_cut_into_micro_batches_changes_nothing(gradient: Gradient, limits: Limits, reduction: str) -> None:
    rows = [
        painted("card lost today", (0, 5, 0), (10, 15, 3)),
        painted("refund", name="b"),
        painted("top up", (0, 6, 0), name="c"),
    ]
    assert same(gradient.of(rows, limits, reduction=reduction), gradient.of(rows, reduction=reduction))


def test_recorded_signals_honour_the_mask_as_the_teacher_does(
    gradient: Gradient, folders: dict[str, Path], tmp_path: Path
) -> None:
    """The signals are recorded once, before anybody paints; the mask applies to them all the same."""
    rows = [painted("card lost today", (5, 9, 0)), painted("refund", (0, 3, 2), name="b")]
    store = Store(tmp_path / "signals", Settings("t", 261, 1.0, (1.0,)))
    assert teacher(folders).record([replace(e, paint=None) for e in rows], store, Limits(4), 4, lambda done: False)
    live, recorded = gradient.of(rows), gradient.of(rows, taught=SignalTeacher(store, rows))
    assert recorded[0] == pytest.approx(live[0], rel=2e-3)
    assert torch.allclose(recorded[1], live[1], atol=2e-3)


def test_rows_of_which_nothing_is_left_give_zero_and_never_nan(gradient: Gradient) -> None:
    nothing, other = painted("refund", (0, 6, 0)), painted("card lost", name="b")
    value, grad = gradient.of([nothing])
    assert value == 0 and not grad.any()
    assert same(gradient.of([nothing, other], reduction="seq_mean"), gradient.of([other], reduction="seq_mean"))


def test_unpainted_rows_weigh_what_they_always_did() -> None:
    rows = [painted("card lost"), painted("refund", name="b")]
    (plain,) = micro_batches(rows, [0, 1], WHOLE)
    assert plain.paint is None and set(plain.weights.tolist()) == {float(np.float32(1 / 17))}


def test_it_resumes_bit_for_bit(tmp_path: Path, folders: dict[str, Path]) -> None:
    rows = [painted("card lost today", (0, 5, 0)), painted("refund", (0, 3, 2), name="b"), painted("top up", name="c")]
    plan = stage(terms=BOTH, steps=6, batch_size=2)
    wanted = Bench(tmp_path / "whole", folders, rows)
    wanted.run(wanted.arm(plan, teacher=teacher(folders)))
    first, calls = Bench(tmp_path / "cut", folders, rows), iter(range(100))
    with pytest.raises(Stopped):
        first.run(first.arm(plan, teacher=teacher(folders), stop=lambda: next(calls) == 2))
    again = Bench(tmp_path / "cut", folders, rows)
    again.run(again.arm(plan, teacher=teacher(folders)))
    a, b = wanted.adapter(), again.adapter()
    assert all(torch.equal(a[n], b[n]) for n in a)


# -- teachers of another tokenizer ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return pair(tmp=tmp_path_factory.mktemp("two"))


@pytest.mark.parametrize("term", ["alm", "uld", "hybrid-logit", "mined", "dskd", "dskd-cma"])
def test_an_ignored_answer_is_as_if_it_were_not_there_for_another_tokenizer(two: Pair, term: str) -> None:
    first, *others = two.examples
    losses = two.losses(term)

    def loss(rows: list[Example]) -> float:
        return losses.of(*two.micro(rows), losses.terms, 0, None)[0].item()

    nothing = replace(first, paint=np.zeros(first.supervised, dtype=np.float32))
    assert loss([nothing, *others]) == pytest.approx(loss(others), rel=1e-4)
    assert loss([first, *others]) != pytest.approx(loss(others), rel=1e-3)
    twice = [replace(e, paint=np.full(e.supervised, 2, dtype=np.float32)) for e in two.examples]
    assert loss(twice) == pytest.approx(loss(two.examples), rel=1e-4)


@pytest.mark.parametrize("term", ["alm", "dskd-cma"])
def test_parts_of_an_answer_add_up_to_the_whole_for_another_tokenizer(two: Pair, term: str) -> None:
    """Terms over pieces of text: the part left, by its pieces, and the part ignored, by its own, make the whole."""
    batch, losses = two.batch(), two.losses(term)
    spans = batch.student_spans[: two.micro()[0].of.tolist().count(0)].tolist()
    (first,) = list(two.micro()[1][:1])
    cut = max(spans) // 2
    low = np.asarray([s <= cut for s in spans], dtype=np.float32)

    def loss(paint: np.ndarray) -> tuple[float, float]:
        pieces = len({s for s, w in zip(spans, paint, strict=True) if w}) if term == "alm" else paint.sum()
        rows = [replace(first, paint=paint)]
        return losses.of(*two.micro(rows), losses.terms, 0, None)[0].item(), float(pieces)

    (a, n), (b, m), (whole, k) = loss(low), loss(1 - low), loss(np.ones_like(low))
    assert n + m == k and a * n + b * m == pytest.approx(whole * k, rel=1e-4)


# -- a whole run ----------------------------------------------------------------------------------------------------------


def test_a_run_says_what_is_painted_for_student_and_control(tmp_path: Path) -> None:
    rows = tiny.rows(8, 0, 4)
    rows[0] |= {"fields": json.dumps({"paint": [[0, 4, 0]]})}
    rows[1] |= {"fields": json.dumps({"paint": [[0, len(rows[1]["answer"]), 0]]})}
    recipe = {
        "method": None, "train": {},
        "stages": [{"kind": "train", "rows": "labelled", "steps": 2, "batch_size": 4, "terms": [{"type": "cross-entropy"}, {"type": "forward-kl"}]}],
    }  # fmt: skip
    distill(tiny.run_folder(tmp_path / "run", recipe, rows), Events(tmp_path / "run"))
    events = list(read(tmp_path / "run" / "events.jsonl"))
    said = [e for e in events if e["type"] == "reason" and e["field"] == "train.paint"]
    assert len(said) == 2 and "the control arm" in json.dumps(said[1])
    logs = [json.dumps(e) for e in events if e["type"] == "log"]
    assert sum("row-001" in line and "painted as ignored" in line for line in logs) == 2
