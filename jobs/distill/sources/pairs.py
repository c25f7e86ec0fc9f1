"""Rows that come in groups: a chosen and a rejected answer, a ranked list, one answer under several sets of examples."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import PlanRefused
from ..recipe import Train
from ..rows import Example, Renderer, Row, tokenise
from .fixed import step_rows

if TYPE_CHECKING:
    from ..work import Work


@dataclass(frozen=True)
class Candidate:
    """One answer of a group. rank: 0 is the best. finished: False when it was cut, so its end is not learnt."""

    text: str
    origin: str
    rank: int
    finished: bool = True
    before: tuple[dict[str, str], ...] = ()  # turns put before the row's own


Group = tuple[Row, list[Candidate]]


class PairRows:
    """Every step has exactly `batch_size` whole groups, from an endless stream of shuffled epochs."""

    def __init__(self, examples: Sequence[Example], batch_size: int, seed: int) -> None:
        self.groups: list[list[Example]] = list(_by_group(examples).values())
        self.batch_size, self.seed = batch_size, seed

    def step(self, step: int) -> list[Example]:
        picked = step_rows(len(self.groups), self.batch_size, step, self.seed)
        # a group that comes twice in one step is two groups to the terms that read it
        return [replace(e, group=f"{e.group}#{place}") for place, i in enumerate(picked) for e in self.groups[i]]

    def state(self) -> dict[str, torch.Tensor]:
        return {}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Nothing: the rows of a step are a function of its number."""


def _by_group(examples: Sequence[Example]) -> dict[str, list[Example]]:
    out: dict[str, list[Example]] = {}
    for e in examples:
        out.setdefault(e.group, []).append(e)
    return out


# -- groups from the data -----------------------------------------------------------------------------------------------


def pair_examples(work: Work, stage: Train, rows: Sequence[Row], name: str) -> list[Example]:
    """The groups of a stage as token ids; rows without a pair are counted and said.

    The learner must stand where the stage begins. Raises PlanRefused when no pair is left.
    """
    missing: Counter[str] = Counter()
    groups = _groups(work, stage, rows, name, missing)
    learner = work.learner(stage.learner)
    longest, too_long = work.longest(stage.learner), work.session.recipe.data.too_long
    out: list[Example] = []
    for group in groups:
        made = tokenised(group, learner.opened.renderer, longest, too_long)
        out.extend(made)
        missing["longer than the models read"] += not made
    whole = len(_by_group(out))
    if lost := len(rows) - whole:
        why = "; ".join(f"{n}: {what}" for what, n in missing.most_common() if n)
        work.session.events.reason("train.pairs", f"{whole} of {len(rows)}", f"{lost} rows have no pair ({why})")
    if not out:
        raise PlanRefused(
            f"No row of '{stage.name}' has a pair of answers: {'; '.join(missing) or 'there are no rows'}.",
            field="stages",
            hint="Give the rows chosen and rejected answers, or let the stage make its pairs from answers of the models.",
        )
    return out


def _groups(work: Work, stage: Train, rows: Sequence[Row], name: str, missing: Counter[str]) -> list[Group]:
    kind, seed = stage.source.pairs, work.session.recipe.seed
    if kind == "teacher_over_student":
        from .contrast import over_student

        return over_student(work, stage, rows, name, missing)
    if kind == "density_ratio":
        from .density import by_density

        return by_density(work, stage, rows, name, missing)
    if kind == "demonstrations":
        return under_demonstrations(rows, work.written, stage.source.samples, stage.source.shots, seed, missing)
    found = (from_columns(r, missing) if kind == "columns" else from_list(r, kind, seed, missing) for r in rows)
    return [g for g in found if g is not None]


def pair(row: Row, chosen: str, rejected: str, finished: bool = True) -> Group:
    return row, [Candidate(chosen, "chosen", 0), Candidate(rejected, "rejected", 1, finished)]


def same(a: str, b: str) -> bool:
    return a.strip() == b.strip()


def from_columns(row: Row, missing: Counter[str]) -> Group | None:
    """The data's own pair; the row's answer stands in for a missing chosen one."""
    chosen, rejected = row.fields.get("chosen") or row.answer, row.fields.get("rejected")
    if not chosen or not rejected:
        missing[f"without a {'rejected' if chosen else 'chosen'} answer"] += 1
        return None
    if same(chosen, rejected):
        missing["chosen and rejected are the same"] += 1
        return None
    return pair(row, chosen, rejected)


def from_list(row: Row, kind: str, seed: int, missing: Counter[str]) -> Group | None:
    """The whole ranked list, or its best answer over one of the rest drawn by (seed, row)."""
    distinct: dict[str, str] = {}
    for text in row.fields.get("ranked") or ():
        distinct.setdefault(str(text).strip(), str(text))
    texts = list(distinct.values())
    if len(texts) < 2:
        missing["fewer than two different ranked answers"] += 1
        return None
    if kind == "best_over_rest":
        return pair(row, texts[0], texts[1 + int(drawn(seed, row.row_id).integers(len(texts) - 1))])
    return row, [Candidate(t, "rejected" if i else "chosen", i) for i, t in enumerate(texts)]


def under_demonstrations(
    rows: Sequence[Row], written: dict[str, str], sets: int, shots: int, seed: int, missing: Counter[str]
) -> list[Group]:
    """Every answered row under `sets` draws of `shots` other answered rows, as turns before its question."""
    answers = {r.row_id: written.get(r.row_id, r.answer) for r in rows}
    known = [r for r in rows if answers[r.row_id]]
    missing["without an answer"] += len(rows) - len(known)
    if len(known) <= shots:
        missing["too few answered rows to show"] += len(known)
        return []
    out = []
    for place, row in enumerate(known):
        random = drawn(seed, row.row_id)
        candidates = []
        for k in range(sets):
            picks = random.choice(len(known) - 1, shots, replace=False)
            shown = [known[i + (i >= place)] for i in picks]  # never the row itself
            turns = [t for r in shown for t in _as_turns(r, answers[r.row_id] or "")]
            candidates.append(Candidate(answers[row.row_id] or "", "fixed", k, before=tuple(turns)))
        out.append((row, candidates))
    return out


def _as_turns(row: Row, answer: str) -> list[dict[str, str]]:
    """A row as turns of a conversation; its own instructions to the system are left out, those of the question stay."""
    asked = [t for t in row.messages if t["role"] != "system"]
    return [*asked, {"role": "assistant", "content": answer}]


def drawn(seed: int, row_id: str) -> np.random.Generator:
    """Draws that depend on (seed, row) alone."""
    digest = hashlib.sha256(f"{seed}:{row_id}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "big")))


# -- token ids ----------------------------------------------------------------------------------------------------------


def tokenised(group: Group, renderer: Renderer, longest: int, too_long: str) -> list[Example]:
    """The group's answers as examples, all of them or none."""
    row, candidates = group
    filled = [replace(row, messages=_messages(row, c), answer=c.text) for c in candidates]
    made = tokenise(filled, renderer, longest, too_long).examples
    if len(made) < len(candidates):
        return []
    return [as_candidate(e, c, row.row_id) for e, c in zip(made, candidates, strict=True)]


def _messages(row: Row, candidate: Candidate) -> tuple[dict[str, str], ...]:
    system = [t for t in row.messages if t["role"] == "system"]
    rest = [t for t in row.messages if t["role"] != "system"]
    return (*system, *candidate.before, *rest) if candidate.before else row.messages


def as_candidate(example: Example, candidate: Candidate, group: str) -> Example:
    features: dict[str, Any] = {"rank": float(candidate.rank)}
    return replace(unended(example, candidate.finished), origin=candidate.origin, group=group, features=features)


def unended(example: Example, finished: bool) -> Example:
    """Without its end token where the answer was cut: nobody said it ends there."""
    if finished or example.supervised < 2:
        return example
    paint = None if example.paint is None else example.paint[:-1]
    return replace(example, ids=example.ids[:-1], paint=paint)
