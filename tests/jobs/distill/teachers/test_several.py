"""Several teachers as one: the joint distributions against their definitions, and what their gradients must equal."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from jobs.distill.batches import Limits, micro_batches
from jobs.distill.errors import PlanRefused
from jobs.distill.head import DenseTeacher, Head, JointTeacher, RecordedTeacher, head_pass
from jobs.distill.objectives.base import Objective
from jobs.distill.objectives.forward_kl import ForwardKL
from jobs.distill.objectives.reverse_kl import ReverseKL
from jobs.distill.recipe import Adapter
from jobs.distill.rows import Example
from jobs.distill.students.lora import attach, trainable
from jobs.distill.teachers.base import Side
from jobs.distill.teachers.own import AdapterTeacher, BaseTeacher
from jobs.distill.teachers.recorded import JointSignals
from jobs.distill.teachers.several import DroppedTeachers, JointTeachers, RoutedTeachers
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny

N, H, V = 11, 6, 40
WEIGHTS = (0.5, 0.3, 0.2)


def dense(seed: int, rows: int = N) -> DenseTeacher:
    made = torch.Generator().manual_seed(seed)
    weight = torch.randn(V, H, generator=made, dtype=torch.float64)
    return DenseTeacher(torch.randn(rows, H, generator=made, dtype=torch.float64), Head(weight, vocab=V))


VOICES = [dense(k) for k in range(3)]


def gradient(teachers: list[tuple[object, float]], part: object, T: float) -> torch.Tensor:
    """Sum over teachers of weight times the gradient of the term by the student's states, in chunks of 4."""
    made = torch.Generator().manual_seed(9)
    head = Head(torch.randn(V, H, generator=made, dtype=torch.float64), vocab=V)
    hidden = torch.randn(N, H, generator=made, dtype=torch.float64).requires_grad_()
    for teacher, weight in teachers:
        term = Objective(part, temperature=T)
        w = torch.full((N,), weight / N, dtype=torch.float64)
        head_pass(hidden, head, [term], [w], teacher=teacher, chunk=4).loss.backward()
    return hidden.grad


@pytest.mark.parametrize("T", [1.0, 2.5])
def test_weighted_forward_kls_have_the_gradient_of_the_mean(T: float) -> None:
    each = gradient(list(zip(VOICES, WEIGHTS, strict=True)), ForwardKL(), T)
    one = gradient([(JointTeacher(VOICES, "mean", WEIGHTS), 1.0)], ForwardKL(), T)
    assert torch.allclose(each, one, atol=1e-9)
    logits = gradient([(JointTeacher(VOICES, "compose", WEIGHTS), 1.0)], ForwardKL(), T)
    assert not torch.allclose(each, logits, atol=1e-3)  # a mean of logits is not a mean of probabilities


@pytest.mark.parametrize("T", [1.0, 2.5])
def test_weighted_reverse_kls_have_the_gradient_of_the_geometric_mean(T: float) -> None:
    each = gradient(list(zip(VOICES, WEIGHTS, strict=True)), ReverseKL(), T)
    one = gradient([(JointTeacher(VOICES, "compose", WEIGHTS), 1.0)], ReverseKL(), T)
    assert torch.allclose(each, one, atol=1e-9)


def test_a_mean_is_the_mean_of_probabilities_at_its_own_temperature() -> None:
    teacher = JointTeacher(VOICES, "mean", (2.0, 1.0, 1.0))
    for T in (1.0, 3.0):
        wanted = sum(w * torch.softmax(v.logits(V) / T, -1) for v, w in zip(VOICES, (0.5, 0.25, 0.25), strict=True))
        assert torch.allclose(torch.softmax(teacher.logits(V, T=T) / T, -1), wanted, atol=1e-9)


def test_composed_logits_are_the_linear_combination() -> None:
    ref, up, down = VOICES
    wanted = ref.logits(V) + 1.7 * (up.logits(V) - down.logits(V))
    assert torch.allclose(JointTeacher(VOICES, "compose", (1.0, 1.7, -1.7)).logits(V), wanted, atol=1e-6)
    assert torch.equal(JointTeacher(VOICES, "compose", (1.0, 0.0, 0.0)).logits(V), ref.logits(V))


# -- members that are models ------------------------------------------------------------------------------------------


def rows(count: int = 4) -> tuple[object, list[Example]]:
    made = [Example(str(i), np.arange(5, 12 + i, dtype=np.int32), 3, True) for i in range(count)]
    (micro,) = micro_batches(made, range(count), Limits(8, overhead=9999))
    return micro, [made[i] for i in micro.which]


class Constant:
    """A teacher that is sure of one id everywhere."""

    def __init__(self, sure_of: int) -> None:
        weight = torch.zeros(V, 1)
        weight[sure_of] = 9.0
        self.head = Head(weight, vocab=V)

    def side(self, micro, group, captures=frozenset(), step=0) -> Side:
        return Side(DenseTeacher(torch.ones(len(micro.labels), 1), self.head))


def test_each_row_is_read_by_the_teacher_of_its_domain() -> None:
    micro, group = rows()
    of_row = {"0": "law", "1": "code", "2": "law", "3": ""}
    teacher = RoutedTeachers([Constant(1), Constant(2), Constant(3)], of_row, {"law": 0, "code": 1}, 2)
    wanted = torch.tensor([{"law": 1, "code": 2, "": 3}[of_row[e.row_id]] for e in group])[micro.of]
    routed = teacher.side(micro, group).vocabulary
    assert torch.equal(routed.logits(V).argmax(-1), wanted)
    for rows_ in (slice(0, 3), slice(3, 20), slice(20, len(wanted))):
        assert torch.equal(routed.chunk(rows_, V).logits(V).argmax(-1), wanted[rows_])


def test_a_domain_nobody_answers_for_is_refused_by_name() -> None:
    micro, group = rows()
    with pytest.raises(PlanRefused, match="poetry"):
        RoutedTeachers([Constant(1)], dict.fromkeys("0123", "poetry"), {"law": 0}, None).side(micro, group)


def test_the_teacher_of_a_step_is_drawn_by_weight_and_again_the_same() -> None:
    teacher = DroppedTeachers([Constant(1), Constant(2)], (3.0, 1.0), seed=5)
    drawn = [teacher.drawn(step) for step in range(400)]
    assert drawn == [DroppedTeachers([], (3.0, 1.0), seed=5).drawn(step) for step in range(400)]
    assert 0.68 < drawn.count(0) / 400 < 0.82
    micro, group = rows()
    assert teacher.side(micro, group, step=7).vocabulary.logits(V)[0].argmax() == drawn[7] + 1


def test_inner_states_of_several_teachers_are_refused() -> None:
    micro, group = rows()
    with pytest.raises(PlanRefused, match="inner states"):
        JointTeachers([Constant(1), Constant(2)], (1, 1), "mean").side(micro, group, frozenset({"hidden.1"}))


def test_composed_adapters_switch_one_base_and_hold_no_other_copy(tmp_path: Path) -> None:
    model = attach(load_model(tiny.model(tmp_path / "m", 2), torch.float32, torch.device("cpu")), Adapter(rank=2), 0)
    before = {n: p.detach().clone() for n, p in trainable(model).items()}
    up, down = ({n: t + s * 0.05 for n, t in before.items()} for s in (1, -2))
    members = [
        BaseTeacher(model, 261),
        AdapterTeacher(model, lambda: up, 261),
        AdapterTeacher(model, lambda: down, 261),
    ]
    micro, group = rows()
    joint = JointTeachers(members, (1.0, 0.8, -0.8), "compose").side(micro, group).vocabulary
    alone = [m.side(micro, group).vocabulary.logits(261) for m in members]
    assert torch.allclose(joint.logits(261), alone[0] + 0.8 * (alone[1] - alone[2]), atol=1e-5)
    assert not torch.allclose(alone[1], alone[2])
    assert len({v.head.weight.data_ptr() for v in joint.voices}) == 1
    assert all(torch.equal(before[n], p) for n, p in trainable(model).items())


# -- recorded -----------------------------------------------------------------------------------------------------------


MILD = [DenseTeacher(v.hidden * 0.4, v.head) for v in VOICES]  # no id below the rounding of a tail in float32


def recorded(voice: DenseTeacher, k: int, holes: bool = False) -> RecordedTeacher:
    z = voice.logits(V)
    top = z.topk(k, -1)
    mask = torch.ones_like(top.indices, dtype=torch.bool)
    mask[::2, -1] = not holes  # positions with fewer ids
    lse = {T: torch.logsumexp(z / T, -1).float() for T in (1.0, 2.0)}
    return RecordedTeacher(top.indices, top.values.float(), lse, mask)


@pytest.mark.parametrize(
    ("combine", "weights"), [("mean", WEIGHTS), ("geometric", WEIGHTS), ("compose", (1.0, 0.5, -0.5))]
)
@pytest.mark.parametrize("T", [1.0, 2.0])
def test_recorded_teachers_meet_on_every_id_any_of_them_kept(
    combine: str, weights: tuple[float, ...], T: float
) -> None:
    """With nearly all ids kept the joint is the one of the whole distributions; with few its mass still adds up to one."""
    kept = JointSignals([SimpleNamespace()] * 3, weights, combine, V)
    live = JointTeacher(MILD, "mean" if combine == "mean" else "compose", weights)
    exact = torch.log_softmax(live.logits(V, T=T) / T, -1).float()
    united = kept.joint([recorded(v, V - 1) for v in MILD]).chunk(slice(0, N), V)
    found, wanted = united.logp(T, torch.float32).exp(), exact.gather(-1, united.ids).exp()
    assert united.mask.all() and torch.allclose(found, wanted, atol=1e-4)
    few = kept.joint([recorded(v, 5, holes=True) for v in MILD]).chunk(slice(0, N), V)
    assert few.ids.shape[-1] <= 15 and all(
        len(set(r[m].tolist())) == int(m.sum()) for r, m in zip(few.ids, few.mask, strict=True)
    )
    assert (few.logp(T, torch.float32).exp().sum(-1) <= 1 + 1e-5).all()


def test_united_signals_say_which_temperatures_they_have() -> None:
    united = JointSignals([SimpleNamespace()] * 2, (1, 1), "mean", V).joint([recorded(v, 5) for v in VOICES[:2]])
    with pytest.raises(PlanRefused, match="temperature 3"):
        united.logp(3.0, torch.float32)
