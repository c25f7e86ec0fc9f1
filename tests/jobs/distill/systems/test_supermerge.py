"""With frozen parents only merge weights train; toy loss <= uniform average; hierarchical result close to flat."""

from __future__ import annotations

from pathlib import Path

import torch

from jobs.distill.events import read
from jobs.distill.merging.factors import Factors, combined
from jobs.distill.merging.learned import learn, slopes_of
from jobs.distill.merging.train_weights import in_groups
from tests.jobs.distill.systems import merging

PARENTS = [merging.planted(s, layers=2) for s in (1, 2, 3)]
WANTED = {n: 0.9 * merging.updates(PARENTS[0])[n] + 0.4 * merging.updates(PARENTS[2])[n] for n in PARENTS[0]}


def loss_of(weights: dict[str, list[float]], parents: list[Factors]) -> float:
    made = {n: combined([p[n] for p in parents], weights[n]) for n in WANTED}
    return float(sum(((b.double() @ a.double() - WANTED[n]) ** 2).sum() for n, (a, b) in made.items()))


def train(parents: list[Factors]) -> dict[str, list[float]]:
    def slopes(weights: dict[str, list[float]], step: int) -> dict[str, list[float]]:
        found = {}
        for n in WANTED:
            down = torch.cat([p[n][0] for p in parents]).double()
            up = torch.cat([p[n][1] * w for p, w in zip(parents, weights[n], strict=True)], 1).double().requires_grad_()
            found[n] = torch.autograd.grad(((up @ down - WANTED[n]) ** 2).sum(), up)[0]
        return slopes_of(found, parents)

    return learn(list(WANTED), len(parents), slopes, 300, 0.05)


def test_only_the_weights_move_and_they_find_the_mixture() -> None:
    before = [{n: (a.clone(), b.clone()) for n, (a, b) in p.items()} for p in PARENTS]
    weights = train(PARENTS)
    for n in WANTED:
        torch.testing.assert_close(torch.tensor(weights[n]), torch.tensor([0.9, 0.0, 0.4]), atol=0.02, rtol=0)
    assert loss_of(weights, PARENTS) < 0.01 * loss_of({n: [1 / 3] * 3 for n in WANTED}, PARENTS)
    for old, now in zip(before, PARENTS, strict=True):
        assert all(torch.equal(x, y) for n in old for x, y in zip(old[n], now[n], strict=True))


def test_a_hierarchy_comes_close_to_all_at_once() -> None:
    parents = [PARENTS[0], PARENTS[2], PARENTS[1]]
    nested, flat = in_groups(parents, 2, train), in_groups(parents, 3, train)
    uniform = loss_of({n: [1 / 3] * 3 for n in WANTED}, parents)
    assert abs(loss_of(nested, parents) - loss_of(flat, parents)) < 0.02 * uniform


def test_its_weights_learn_on_the_student(tmp_path: Path) -> None:
    folder = merging.run(tmp_path / "run", "supermerge", merge_steps=6, merge_rate=0.1, at_once=3)
    losses = [e["values"]["merge.loss"] for e in read(folder / "events.jsonl") if "merge.loss" in e.get("values", {})]
    assert len(losses) == 6 and min(losses[3:]) < losses[0]
    weights = merging.note(folder, "04-merge")["weights"]
    experts = [merging.updates(merging.stage(folder, f"{i:02d}-student")) for i in (1, 2, 3)]
    _, got = merging.exported(folder)
    merging.close(got, {n: sum(w * e[n] for w, e in zip(weights[n], experts, strict=True)) for n in weights})  # type: ignore[misc]
    assert any(abs(w - 1 / 3) > 0.05 for per in weights.values() for w in per)
