from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from jobs.distill.batches import Limits
from jobs.distill.catalog import objective
from jobs.distill.checkpoint import Checkpoints
from jobs.distill.errors import OutOfMemory, PlanRefused, TrainNonFinite, Transient
from jobs.distill.events import Events, read
from jobs.distill.objectives.base import Objective, Part
from jobs.distill.recipe import Adapter, Schedule, Train
from jobs.distill.recipe import Term as Spec
from jobs.distill.rows import Example, Renderer, Row
from jobs.distill.signals import Settings, Store
from jobs.distill.sources.fixed import FixedRows
from jobs.distill.students.lora import attach, trainable
from jobs.distill.teachers.base import Side
from jobs.distill.teachers.local import LocalTeacher
from jobs.distill.teachers.recorded import SignalTeacher
from jobs.distill.train import Arm, Loop, Stopped, Term, rate_at, train
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny

CPU = torch.device("cpu")
EIGHT = Limits(8)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    top = tmp_path_factory.mktemp("models")
    return {"teacher": tiny.model(top / "teacher", 1, 48), "student": tiny.model(top / "student", 2, 32)}


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    renderer = Renderer(tiny.tokenizer(), [1])
    given = tiny.rows(labelled=10, unlabelled=4, heldout=0)
    rows = [
        Row(r["row_id"], tuple(r["messages"]), r["answer"] or "again", "train", 0, r["answer"] is not None)
        for r in given
    ]
    return [renderer.example(r) for r in rows]


def stage(**changes: Any) -> Train:
    return Train(
        **{"terms": [Spec(type="cross-entropy")], "steps": 6, "batch_size": 8, "learning_rate": 0.01, **changes}
    )


class Bench:
    """One arm in a folder of its own."""

    def __init__(
        self, folder: Path, models: dict[str, Path], examples: list[Example], adapter: Adapter | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.events = folder, Events(folder)
        self.model = attach(load_model(models["student"], torch.float32, CPU), adapter or Adapter(rank=4), 0)
        self.models, self.examples = models, examples

    def arm(self, plan: Train, limits: Limits = EIGHT, terms: list[Term] | None = None, **more: Any) -> Arm:
        terms = terms or [Term(objective(t), t.weight, t.rows) for t in plan.terms]
        source = FixedRows(more.pop("examples", self.examples), plan.batch_size, 0)
        return Arm("student", "train", plan, plan.steps or 1, terms, source, limits, 0, **{"vocab": 261, **more})

    def checkpoints(self) -> Checkpoints:
        return Checkpoints(self.folder, "student", "r", [], self.events)

    def run(self, arm: Arm) -> dict[str, torch.Tensor]:
        train(self.model, arm, self.checkpoints(), self.events)
        return self.adapter()

    def adapter(self) -> dict[str, torch.Tensor]:
        return {n: p.detach().clone() for n, p in trainable(self.model).items()}

    def metrics(self, name: str = "loss") -> list[float]:
        return [e["values"][name] for e in read(self.events.path) if e["type"] == "metric"]


def teacher(models: dict[str, Path]) -> LocalTeacher:
    return LocalTeacher(load_model(models["teacher"], torch.float32, CPU), 261)


MIXED = [
    Spec(type="cross-entropy", weight=0.3),
    Spec(type="forward-kl", weight=0.7),
    Spec(type="jsd", weight=0.5, options={"beta": 0.3}),
]


@pytest.mark.parametrize("limits", [Limits(1), Limits(3, overhead=1), Limits(8, tokens=64)])
@pytest.mark.parametrize("reduction", ["token_mean", "seq_mean"])
def test_the_cut_into_micro_batches_changes_nothing(
    tmp_path: Path, folders: dict[str, Path], examples: list[Example], limits: Limits, reduction: str
) -> None:
    """1 x 8 = 8 x 1 = any other cut: values and gradients of a step agree to 1e-6."""
    plan = stage(terms=MIXED, reduction=reduction)

    def gradients(name: str, limits: Limits) -> tuple[dict[str, float], torch.Tensor]:
        bench = Bench(tmp_path / name, folders, examples)
        with torch.no_grad():
            for p in trainable(bench.model).values():
                p.add_(torch.full_like(p, 0.02))
        loop = Loop(bench.model, bench.arm(plan, limits, teacher=teacher(folders)), bench.checkpoints(), bench.events)
        values, _ = loop._gradient(examples[:8])
        return values, torch.cat([p.grad.flatten() for p in loop.parameters.values() if p.grad is not None])

    whole, cut = gradients("whole", Limits(8, overhead=10_000)), gradients("cut", limits)
    assert cut[0] == pytest.approx(whole[0], rel=1e-6, abs=1e-6)
    assert torch.allclose(cut[1], whole[1], atol=1e-6, rtol=1e-4)


def test_the_mean_of_micro_batch_means_would_differ(examples: list[Example]) -> None:
    """The known-wrong normaliser: rows of different length make it visible."""
    from jobs.distill.batches import micro_batches

    micros = micro_batches(examples, list(range(8)), Limits(3))
    right = [float(w) for m in micros for w in m.weights]
    wrong = [1 / len(m.labels) / len(micros) for m in micros for _ in m.labels]
    assert max(abs(a - b) for a, b in zip(right, wrong, strict=True)) > 1e-3


def test_padding_never_reaches_the_result(folders: dict[str, Path], examples: list[Example]) -> None:
    """Right padding without a mask: states of a short row are those it has alone."""
    from jobs.distill.batches import micro_batches

    model = load_model(folders["student"], torch.float32, CPU)
    (both,) = micro_batches(examples, [0, 3], Limits(8, overhead=10_000))
    padded = model.base_model(input_ids=both.input_ids).last_hidden_state
    for r, i in enumerate(both.which):
        alone = model.base_model(input_ids=torch.from_numpy(examples[i].ids[:-1]).long()[None]).last_hidden_state[0]
        assert torch.allclose(padded[r, : len(alone)], alone, atol=1e-5)


def test_it_learns(tmp_path: Path, folders: dict[str, Path], examples: list[Example]) -> None:
    bench = Bench(tmp_path, folders, examples[:4], Adapter(rank=8))
    bench.run(bench.arm(stage(steps=40, batch_size=4, learning_rate=0.02)))
    losses = bench.metrics()
    assert losses[-1] < 0.35 * losses[0]


def test_forward_kl_goes_towards_zero(tmp_path: Path, folders: dict[str, Path], examples: list[Example]) -> None:
    bench = Bench(tmp_path, folders, examples[:4], Adapter(rank=8))
    bench.run(
        bench.arm(
            stage(terms=[Spec(type="forward-kl")], steps=40, batch_size=4, learning_rate=0.02), teacher=teacher(folders)
        )
    )
    values = bench.metrics("loss.forward-kl")
    assert 0 <= values[-1] < 0.6 * values[0]


def test_recorded_signals_teach_what_the_teacher_teaches(
    tmp_path: Path, folders: dict[str, Path], examples: list[Example]
) -> None:
    """With every id recorded the only difference is fp16 rounding of the logits."""
    plan = stage(terms=MIXED, steps=3)
    online = Bench(tmp_path / "online", folders, examples)
    store = Store(tmp_path / "signals", Settings("t", 261, 1.0, (1.0,)))
    here = teacher(folders)
    assert here.record(examples, store, Limits(4), 4, lambda done: False)
    online.run(online.arm(plan, teacher=here))
    recorded = Bench(tmp_path / "recorded", folders, examples)
    recorded.run(recorded.arm(plan, teacher=SignalTeacher(store, examples)))
    assert recorded.metrics() == pytest.approx(online.metrics(), rel=2e-3)


def test_terms_see_only_their_rows(tmp_path: Path, folders: dict[str, Path], examples: list[Example]) -> None:
    """Both halves of the rows together are the whole."""
    both = stage(terms=[Spec(type="cross-entropy")], steps=1, batch_size=14)
    split = [Term(replace(objective(Spec(type="cross-entropy")), name=r), 1.0, r) for r in ("labelled", "unlabelled")]
    one, two = Bench(tmp_path / "1", folders, examples), Bench(tmp_path / "2", folders, examples)
    one.run(one.arm(both))
    two.run(two.arm(both, terms=split))
    assert two.metrics()[0] == pytest.approx(one.metrics()[0], rel=1e-6)
    assert two.metrics("loss.labelled")[0] > two.metrics("loss.unlabelled")[0] > 0


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_it_resumes_bit_for_bit(
    tmp_path: Path, folders: dict[str, Path], examples: list[Example], dropout: float
) -> None:
    adapter = Adapter(rank=4, dropout=dropout)
    plan = stage(steps=8, weight_decay=0.1, schedule=Schedule(type="cosine", warmup=2))
    whole = Bench(tmp_path / "whole", folders, examples, adapter)
    wanted = whole.run(whole.arm(plan))

    first = Bench(tmp_path / "cut", folders, examples, adapter)
    calls = iter(range(100))
    with pytest.raises(Stopped):
        first.run(first.arm(plan, stop=lambda: next(calls) == 4))
    again = Bench(tmp_path / "cut", folders, examples, adapter)
    got = again.run(again.arm(plan))
    assert all(torch.equal(got[n], wanted[n]) for n in wanted)
    assert first.metrics() == whole.metrics()


class Spoilt(Part):
    """Cross-entropy that is not a number at chosen steps."""

    id, title, summary, when_to_use, formula = "spoilt", "Spoilt", "", "", ""
    at: ClassVar[set[int]] = set()
    calls: ClassVar[int] = 0

    def value(self, view: Any, T: float, options: Any) -> torch.Tensor:
        Spoilt.calls += 1
        return -view.label_logq(T) * (float("nan") if Spoilt.calls in Spoilt.at else 1.0)


def spoilt(at: set[int]) -> list[Term]:
    Spoilt.at, Spoilt.calls = at, 0
    return [Term(Objective(Spoilt()))]


def test_a_step_that_is_not_finite_is_left_out_and_said(
    tmp_path: Path, folders: dict[str, Path], examples: list[Example]
) -> None:
    bench = Bench(tmp_path, folders, examples)
    adapter = bench.run(bench.arm(stage(), Limits(8, overhead=10_000), spoilt({3})))
    assert all(torch.isfinite(t).all() for t in adapter.values())
    (alarm,) = [e for e in read(bench.events.path) if e["type"] == "alarm"]
    assert alarm["code"] == "NONFINITE_STEP" and alarm["step"] == 3 and len(alarm["row_ids"]) == 8
    assert [e["step"] for e in read(bench.events.path) if e["type"] == "metric"] == [1, 2, 4, 5, 6]


def test_three_such_steps_send_it_back_once(tmp_path: Path, folders: dict[str, Path], examples: list[Example]) -> None:
    bench = Bench(tmp_path, folders, examples)
    adapter = bench.run(bench.arm(stage(), Limits(8, overhead=10_000), spoilt({2, 3, 4})))
    codes = [e["code"] for e in read(bench.events.path) if e["type"] == "alarm"]
    assert codes == ["NONFINITE_STEP"] * 3 + ["ROLLED_BACK"]
    assert all(torch.isfinite(t).all() for t in adapter.values())
    assert max(bench.metrics("learning_rate")[-6:]) == pytest.approx(0.005)


def test_it_ends_when_going_back_did_not_help(
    tmp_path: Path, folders: dict[str, Path], examples: list[Example]
) -> None:
    bench = Bench(tmp_path, folders, examples)
    with pytest.raises(TrainNonFinite, match="again after going back"):
        bench.run(bench.arm(stage(steps=20), Limits(8, overhead=10_000), spoilt(set(range(2, 50)))))


class Crowded:
    """A teacher whose memory ends above a number of padded tokens."""

    def __init__(self, tokens: int) -> None:
        self.tokens = tokens

    def side(self, micro: Any, group: Any, captures: Any, step: int) -> Side:
        if micro.input_ids.numel() > self.tokens:
            raise torch.OutOfMemoryError("tried to allocate 20 GiB, 3 GiB free")
        return Side()


def test_smaller_micro_batches_after_memory_ran_out_give_the_same_result(
    tmp_path: Path, folders: dict[str, Path], examples: list[Example]
) -> None:
    free, tight = Bench(tmp_path / "free", folders, examples), Bench(tmp_path / "tight", folders, examples)
    limits = Limits(8, overhead=10_000)
    free.run(free.arm(stage(), limits))
    tight.run(tight.arm(stage(), limits, teacher=Crowded(150)))
    assert tight.metrics() == pytest.approx(free.metrics(), rel=1e-6)
    assert any(e["type"] == "reason" and e["field"] == "train.micro_batch" for e in read(tight.events.path))


def test_it_says_when_one_row_does_not_fit(tmp_path: Path, folders: dict[str, Path], examples: list[Example]) -> None:
    bench = Bench(tmp_path, folders, examples)
    with pytest.raises(OutOfMemory, match="One row at a time"):
        bench.run(bench.arm(stage(), teacher=Crowded(0)))


def test_it_stops_for_a_parameter_that_gets_no_gradient(
    tmp_path: Path, folders: dict[str, Path], examples: list[Example]
) -> None:
    bench = Bench(tmp_path, folders, examples)
    bench.model.register_parameter("lonely", torch.nn.Parameter(torch.zeros(2)))
    with pytest.raises(PlanRefused, match="lonely"):
        bench.run(bench.arm(stage()))


def test_three_checkpoints_that_cannot_be_written_end_the_attempt(
    tmp_path: Path, folders: dict[str, Path], examples: list[Example], monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    bench = Bench(tmp_path, folders, examples)
    with pytest.raises(Transient, match="Three checkpoints"):
        bench.run(bench.arm(stage(steps=9, checkpoint_seconds=1e-9)))
    assert len(bench.metrics()) == 3


def test_the_base_is_never_trained(tmp_path: Path, folders: dict[str, Path], examples: list[Example]) -> None:
    bench = Bench(tmp_path, folders, examples, Adapter(rank=4, head=True))
    before = {n: p.clone() for n, p in bench.model.named_parameters() if "lora" not in n}
    bench.run(bench.arm(stage()))
    assert all(torch.equal(p, before[n]) for n, p in bench.model.named_parameters() if n in before)


@pytest.mark.parametrize(
    "adapter",
    [
        Adapter(rank=4, rslora=True),
        Adapter(rank=4, dora=True),
        Adapter(rank=4, head=True),
        Adapter(rank=2, targets=["q_proj"]),
    ],
)
def test_every_kind_of_adapter_trains(
    tmp_path: Path, folders: dict[str, Path], examples: list[Example], adapter: Adapter
) -> None:
    bench = Bench(tmp_path, folders, examples, adapter)
    bench.run(bench.arm(stage(terms=MIXED, steps=12), teacher=teacher(folders)))
    assert bench.metrics()[-1] < bench.metrics()[0]


def test_its_rate_warms_up_and_falls() -> None:
    cosine = Schedule(type="cosine", warmup=4, final=0.1)
    rates = [rate_at(s, 20, 1.0, cosine) for s in range(20)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0] and rates[4] == 1.0
    assert all(a > b for a, b in zip(rates[4:], rates[5:], strict=False)) and 0.1 < rates[-1] < 0.15
    assert rate_at(12, 20, 2.0, Schedule(type="linear", warmup=4)) == pytest.approx(1.0)
    assert rate_at(19, 20, 2.0, Schedule(type="constant")) == 2.0


def test_it_refuses_dora_on_an_output_layer_with_empty_rows(
    tmp_path: Path, folders: dict[str, Path], examples: list[Example]
) -> None:
    with pytest.raises(PlanRefused, match="1 of its rows are all zeros"):
        Bench(tmp_path, folders, examples, Adapter(rank=4, dora=True, head=True))


def test_it_refuses_layers_that_the_model_does_not_have(
    tmp_path: Path, folders: dict[str, Path], examples: list[Example]
) -> None:
    """A list of names only: peft would run a text of the user as a regular expression."""
    with pytest.raises(PlanRefused, match="down_proj, gate_proj"):
        Bench(tmp_path, folders, examples, Adapter(rank=4, targets=["([a-z0-9_]+[._]?)*!"]))
