"""The loss of one micro-batch: student forward, teacher's side, and every term of the stage, whatever its scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from .batches import Limits, Micro, features_of, micro_batches
from .capture import capture, gathered, shape_of
from .head import Head, choose_chunk, head_pass
from .objectives.base import Objective, StatesPart
from .objectives.sequences import Sequences
from .objectives.states import ModelShape, States
from .recipe.adapter import Noise
from .rows import Example
from .students.noise import SIGNS, noisy
from .students.shifted import shifted
from .teachers.base import Side, Teacher
from .two_parts import laid_out, states_of
from .weights import backbone


@dataclass(frozen=True)
class Term:
    """An objective with its weight and the rows it applies to."""

    objective: Objective
    weight: float = 1.0
    rows: str = "all"


@dataclass
class Losses:
    """Puts the terms of a stage together. `modules` holds the projectors and filters that terms train beside the adapter."""

    model: Any
    vocab: int | None
    terms: Sequence[Term]
    teacher: Teacher | None = None
    teacher_shape: ModelShape | None = None
    seed: int = 0
    noise: Noise | None = None  # on the student's embeddings
    shift: int | None = None  # tokens of a group, where the student attends in groups
    modules: nn.ModuleDict = field(default_factory=nn.ModuleDict)

    def __post_init__(self) -> None:
        self.backbone = backbone(self.model)
        self.device = next(self.model.parameters()).device
        self.maps: list[tuple[str, list[tuple[int, int]]]] = []  # of layers: term, (student's, teacher's)
        self.student_captures: frozenset[str] = frozenset()
        self.teacher_captures: frozenset[str] = frozenset()
        states = [(i, t.objective) for i, t in enumerate(self.terms) if isinstance(t.objective.part, StatesPart)]
        if states:
            self._prepare(states, shape_of(self.model, self.backbone))

    def _prepare(self, states: list[tuple[int, Objective]], shape: ModelShape) -> None:
        """What to keep of both forwards, and the modules the terms train, made under the run's seed."""
        for index, objective in states:
            part: Any = objective.part
            if pairs := part.layers(shape, self.teacher_shape, objective.options):
                self.maps.append((objective.name, pairs))
            mine, other = part.captures(shape, self.teacher_shape, objective.options)
            self.student_captures |= mine
            self.teacher_captures |= other
            torch.manual_seed(self.seed + 1000 + index)
            if (module := part.module(shape, self.teacher_shape, objective.options)) is not None:
                self.modules[str(index)] = module.to(self.device)

    def micros(self, rows: Sequence[Example], mine: Sequence[int], limits: Limits, reduction: str) -> list[Micro]:
        """The rows `mine` of a step as forwards; how they are cut does not change the result."""
        return micro_batches(rows, mine, limits, reduction, rows)

    def of(
        self, micro: Micro, group: Sequence[Example], terms: Sequence[Term], step: int, seed: int | None
    ) -> tuple[Tensor, Tensor]:
        """Loss with graph, normalised over the whole step, and each term's share of it, detached, [terms].

        `terms` are those of the stage as they stand at this step; dropout is drawn from `seed` where there is any.
        """
        side = self.teacher.side(micro, group, self.teacher_captures, step) if self.teacher else Side()
        signs = SIGNS[self.noise.kind] if self.noise else (1,)
        passes = [self._pass(micro, group, terms, side, seed, sign) for sign in signs]
        if len(passes) == 1:
            return passes[0]
        return torch.stack([p[0] for p in passes]).mean(), torch.stack([p[1] for p in passes]).mean(0)

    def _pass(
        self, micro: Micro, group: Sequence[Example], terms: Sequence[Term], side: Side, seed: int | None, sign: int
    ) -> tuple[Tensor, Tensor]:
        """One forward of the student, with sign * noise on its embeddings where the stage has any."""
        if seed is not None:
            torch.manual_seed(seed)
        lengths, micro = [len(e.ids) - 1 for e in group], laid_out(micro, self.backbone)
        with (
            noisy(self.model, self.noise, lengths, seed, sign),
            shifted(self.model, self.shift),
            capture(self.backbone, self.student_captures) as kept,
        ):
            states = states_of(self.backbone, micro)  # [rows, length, H]
        # [N, H]: only positions that predict an answer token
        hidden = states.flatten(0, 1).index_select(0, micro.places)
        head = Head.of(self.model, self.vocab)  # anew: an adapted output layer carries this forward's graph
        values: dict[int, Tensor] = {}
        loss = hidden.new_zeros(())
        for scope, work in (("token", self._tokens), ("sequence", self._sequences), ("states", self._states)):
            mine = [(i, t) for i, t in enumerate(terms) if t.objective.part.scope == scope]
            if mine:
                part, shares = work(mine, micro, group, hidden, head, side, kept)
                loss = loss + part
                values.update({i: share for (i, _), share in zip(mine, shares, strict=True)})
        return loss, torch.stack([values[i].float() for i in range(len(terms))])

    # -- one scope each -------------------------------------------------------------------------------------------

    def _tokens(
        self, terms: list[tuple[int, Term]], micro: Micro, group: Any, hidden: Tensor, head: Head, side: Side, kept: Any
    ) -> tuple[Tensor, Sequence[Tensor]]:
        out = head_pass(
            hidden,
            head,
            [t.objective for _, t in terms],
            [weights_of(t, micro) for _, t in terms],
            labels=micro.labels,
            teacher=side.vocabulary,
        )
        return out.loss, list(out.values)

    def _sequences(
        self,
        terms: list[tuple[int, Term]],
        micro: Micro,
        group: Sequence[Example],
        hidden: Tensor,
        head: Head,
        side: Side,
        kept: Any,
    ) -> tuple[Tensor, Sequence[Tensor]]:
        """One pass over the output layer for what all terms read; a value several of them ask for is made once."""
        asked: dict[tuple[Any, ...], Objective] = {}
        wants: list[list[tuple[Any, ...]]] = []
        for _, term in terms:
            part: Any = term.objective.part
            reads = part.reads_of(term.objective.temperature, term.objective.options)
            keys = [(r.part.id, r.temperature, r.t_squared, repr(r.options)) for r in reads]
            asked.update(zip(keys, reads, strict=True))
            wants.append(keys)
        rows = head_pass(
            hidden, head, list(asked.values()), [], labels=micro.labels, teacher=side.vocabulary, mode="tokens"
        ).rows
        read = dict(zip(asked, rows, strict=True))
        features = {name: t.to(hidden.device) for name, t in features_of(group).items()}
        batch = Sequences(micro.of, micro.group, micro.origin, micro.labels, features, side, micro.paint)
        shares = []
        for (_, term), keys in zip(terms, wants, strict=True):
            part = term.objective.part
            got = part.combine([read[k] for k in keys], batch, term.objective.temperature, term.objective.options)
            shares.append(
                (got * group_weights_of(term, micro).to(got.dtype)).sum() * term.weight * term.objective.factor
            )
        return torch.stack(shares).sum(), [s.detach() for s in shares]

    def _states(
        self, terms: list[tuple[int, Term]], micro: Micro, group: Any, hidden: Tensor, head: Head, side: Side, kept: Any
    ) -> tuple[Tensor, Sequence[Tensor]]:
        student = {name: gathered(name, tensor, micro) for name, tensor in kept.items()}
        lengths = torch.tensor([len(e.ids) - 1 for e in group], device=hidden.device)
        widest = max(head.vocab, getattr(side.vocabulary, "vocab", 0))
        view = States(
            student, side.states, hidden, head, micro.labels, micro.of, micro.places, lengths, side.hidden, side.head,
            choose_chunk(len(hidden), widest, hidden.device)[0], side.extras, micro.paint,
        )  # fmt: skip
        shares = []
        for index, term in terms:
            part: Any = term.objective.part
            module = dict(self.modules.items()).get(str(index))
            got = part.measure(view, module, term.objective.temperature, term.objective.options)
            shares.append((got * weights_of(term, micro).to(got.dtype)).sum() * term.objective.factor)
        return torch.stack(shares).sum(), [s.detach() for s in shares]


def weights_of(term: Term, micro: Micro) -> Tensor:
    """Weight of each position for this term: its own, times the row's over the normaliser, 0 for rows it leaves out. [N]"""
    if term.rows == "all":
        return micro.weights * term.weight
    return micro.weights * wanted_of(term, micro) * term.weight


def wanted_of(term: Term, micro: Micro) -> Tensor:
    """Positions of the rows a term applies to, bool [N]."""
    if term.rows in ("labelled", "unlabelled"):
        return micro.labelled if term.rows == "labelled" else ~micro.labelled
    return micro.has_origin(term.rows)


def group_weights_of(term: Term, micro: Micro) -> Tensor:
    """Weight of each group for a term over whole answers: 0 where none of its rows is one the term applies to. [groups]"""
    if term.rows == "all":
        return micro.group_weights
    wanted = torch.zeros_like(micro.group_weights, dtype=torch.bool)
    wanted[micro.group[micro.of[wanted_of(term, micro)]]] = True
    return micro.group_weights * wanted
