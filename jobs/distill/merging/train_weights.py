"""Learnt merge weights on the student itself: the parents lie side by side in its adapter, and only their weights move.

With up-projections [w_1 B_1, w_2 B_2, ...] beside [A_1; A_2; ...] the gradient of a weight is <G_i, B_i>, G_i being the
gradient of its block: the usual backward of the adapter is all that is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch

from ..arm import Stopped
from ..batches import Limits, limits_on, micro_batches
from ..errors import PlanRefused
from ..objectives.base import Objective
from ..recipe import Merge
from ..rows import Example
from ..sources.fixed import FixedRows
from ..step import Losses, Term
from ..students.lora import trainable
from .factors import UP, Factors, combined, tensors_of
from .learned import LearnedOptions, learn, slopes_of

if TYPE_CHECKING:
    from ..work import Learner, Work

Weights = dict[str, list[float]]


def learned_weights(work: Work, stage: Merge, options: LearnedOptions, parents: Sequence[Factors]) -> Weights:
    """One weight a matrix and parent, learnt by cross-entropy on labelled training rows; raises PlanRefused without any."""
    from ..stages import examples_of

    rows = [r for r in work.train_rows if r.labelled]
    if not rows:
        raise PlanRefused(
            f"'{stage.name}' learns its weights from labelled rows, and there are none.",
            field="stages",
            hint="Merge with given weights, or give some rows an answer.",
        )
    source = FixedRows(examples_of(work, rows, f"'{stage.name}'"), options.batch_size, work.session.recipe.seed)
    return in_groups(list(parents), options.at_once, lambda some: _learn(work, source, options, some))


def in_groups(parents: list[Factors], at_once: int, learn_some: Callable[[Sequence[Factors]], Weights]) -> Weights:
    """Weights of all parents. More than `at_once` are learnt in groups; what a group became is a parent of the next round, and
    a parent's weight is the product along its way."""
    if len(parents) <= at_once:
        return learn_some(parents)
    groups = [parents[i : i + at_once] for i in range(0, len(parents), at_once)]
    inside: list[Weights] = [{n: [1.0] for n in g[0]} if len(g) == 1 else learn_some(g) for g in groups]
    merged = [{n: combined([p[n] for p in g], w[n]) for n in g[0]} for g, w in zip(groups, inside, strict=True)]
    between = in_groups(merged, at_once, learn_some)
    return {n: [v * outer for w, outer in zip(inside, between[n], strict=True) for v in w[n]] for n in parents[0]}


def _learn(work: Work, source: FixedRows, options: LearnedOptions, parents: Sequence[Factors]) -> Weights:
    learner, session = work.learner(), work.session
    limits = limits_on(session.device.type, options.batch_size, None, learner.opened.renderer.apart)
    losses = Losses(learner.model, learner.opened.vocab, [_cross_entropy()])
    learner.load(tensors_of(_side_by_side(parents, {n: [1.0] * len(parents) for n in parents[0]})))
    learner.model.eval()

    def slopes(weights: Weights, step: int) -> Weights:
        if session.stopping:
            raise Stopped
        learner.load(tensors_of(_side_by_side(parents, weights)))
        loss, ups = gradients(learner, losses, source.step(step), limits)
        session.events.emit("metric", step=step + 1, arm="student", values={"merge.loss": loss})
        return slopes_of(ups, parents)

    return learn(list(parents[0]), len(parents), slopes, options.steps, options.learning_rate)


def _side_by_side(parents: Sequence[Factors], weights: Weights) -> Factors:
    """All parents in one adapter; one of weight 0 keeps its place."""
    return {
        n: (
            torch.cat([p[n][0] for p in parents]),
            torch.cat([p[n][1] * w for p, w in zip(parents, weights[n], strict=True)], 1),
        )
        for n in parents[0]
    }


def gradients(
    learner: Learner, losses: Losses, group: Sequence[Example], limits: Limits
) -> tuple[float, dict[str, torch.Tensor]]:
    """Loss of the rows, and its gradient in the up-projection of every layer."""
    ups = {n.removesuffix(UP): p for n, p in trainable(learner.model).items() if n.endswith(UP)}
    total: dict[str, torch.Tensor] = {n: torch.zeros_like(p) for n, p in ups.items()}
    summed = 0.0
    device = next(learner.model.parameters()).device
    for micro in micro_batches(group, range(len(group)), limits):
        part = [group[i] for i in micro.which]
        loss, _ = losses.of(micro.to(device), part, losses.terms, 0, None)
        for name, slope in zip(ups, torch.autograd.grad(loss, list(ups.values())), strict=True):
            total[name] += slope
        summed += float(loss.detach())
    return summed, total


def _cross_entropy() -> Term:
    from ..objectives.cross_entropy import CrossEntropy

    return Term(Objective(CrossEntropy()))
