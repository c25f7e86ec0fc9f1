"""Terms over inner states against plain versions of their formulas."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from jobs.distill.errors import PlanRefused
from jobs.distill.objectives.features.layers import layer_map
from jobs.distill.objectives.features.relations import common_heads, relation_kl
from jobs.distill.objectives.features.span_correlation import SpanCorrelation, SpanOptions
from jobs.distill.students.lora import trainable
from tests.jobs.distill.objectives.features.duo import Duo, made
from tests.jobs.distill.systems.own_rows import answers


@pytest.fixture(scope="module")
def duo(tmp_path_factory: pytest.TempPathFactory) -> Duo:
    return made(tmp_path_factory.mktemp("duo"))


def test_it_maps_layers() -> None:
    assert layer_map("last", 2, 3) == [(2, 3)]
    assert layer_map("uniform", 4, 8) == [(1, 2), (2, 4), (3, 6), (4, 8)]
    assert layer_map("0:0,2:3", 2, 3) == [(0, 0), (2, 3)]
    with pytest.raises(ValueError, match="the student has 2, the teacher 3"):
        layer_map("3:3", 2, 3)


@pytest.mark.parametrize("distance", ["mse", "normalised_mse", "smooth_l1", "cosine"])
def test_hidden_states_are_compared_as_written(duo: Duo, distance: str) -> None:
    """Layers 1:2 and 0:0 against the states transformers gives, with the projections as they were made."""
    losses = duo.losses("hidden", layers="1:2,0:0", distance=distance)
    losses.modules.double()
    micro = duo.micros()[0][0]
    mine, other = (duo.states(m).hidden_states for m in (duo.student, duo.teacher))
    plain = 0.0
    for project, (s, t) in zip(losses.modules["0"].maps, [(1, 2), (0, 0)], strict=True):
        a, b = project(mine[s].flatten(0, 1)[micro.places]), other[t].flatten(0, 1)[micro.places]
        each = {
            "mse": ((a - b) ** 2).sum(-1) / 48,
            "normalised_mse": ((a - b) ** 2).sum(-1) / (b**2).sum(-1),
            "smooth_l1": torch.where((a - b).abs() < 1, 0.5 * (a - b) ** 2, (a - b).abs() - 0.5).mean(-1),
            "cosine": 1 - (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1)),
        }[distance]
        plain = plain + each.mean() / 2
    assert torch.allclose(duo.loss(losses), plain)


@pytest.mark.parametrize("term", ["hidden", "attention-relations", "task-aware-layers"])
def test_no_cut_changes_it_and_the_teacher_gets_no_gradient(duo: Duo, term: str) -> None:
    losses = duo.losses(term, layers="uniform")
    losses.modules.double()
    whole, cut = duo.loss(losses), duo.loss(losses, rows=1)
    assert torch.allclose(whole, cut) and whole.item() > 0
    whole.backward()
    assert any(p.grad is not None and p.grad.any() for p in trainable(duo.student).values())
    assert all(p.grad is None for p in duo.teacher.parameters())
    duo.student.zero_grad()


def test_relations_match_a_plain_causal_version() -> None:
    """Two heads of 6 and of 4 numbers, three tokens: the last two are supervised."""
    torch.manual_seed(0)
    student, teacher = torch.randn(3, 8), torch.randn(3, 12)

    def plain(x: torch.Tensor, i: int, r: int) -> torch.Tensor:
        d = x.shape[1] // 2
        part = x[:, r * d : (r + 1) * d]
        return F.softmax(part[: i + 1] @ part[i] / d**0.5, 0)

    expected = [
        sum(
            (plain(teacher, i, r) * (plain(teacher, i, r) / plain(student, i, r)).log()).sum() for r in range(2)
        ) / 2
        for i in (1, 2)
    ]  # fmt: skip
    assert torch.allclose(relation_kl(student, teacher, torch.tensor([1, 2]), 2), torch.stack(expected), atol=1e-6)
    assert common_heads(896, 1536, 48) == 32 and common_heads(8, 12, 3) == 2


def test_a_teacher_that_does_not_run_is_refused(duo: Duo) -> None:
    losses = duo.losses("hidden")
    with pytest.raises(PlanRefused, match="no teacher runs"):
        losses.terms[0].objective.part.module(None, None, losses.terms[0].objective.options)  # type: ignore[attr-defined]


def test_spans_hold_neighbours_together() -> None:
    """Five and three tokens in spans of two: neighbours (0, 1), (2, 3) and (0, 1)."""
    q = torch.tensor([0.5, 0.4, 0.3, 0.2, 0.9, 0.6, 0.7, 0.8], dtype=torch.float64)
    p = torch.tensor([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2], dtype=torch.float64)
    found = SpanCorrelation().combine([q.log(), p.log()], answers(5, 3), 1.0, SpanOptions(width=2))
    first = ((0.9 * 0.8 - 0.5 * 0.4) ** 2 + (0.7 * 0.6 - 0.3 * 0.2) ** 2) / 2
    assert torch.allclose(found, torch.tensor([first, (0.4 * 0.3 - 0.6 * 0.7) ** 2], dtype=torch.float64))
