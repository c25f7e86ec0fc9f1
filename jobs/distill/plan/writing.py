"""What stages that make, check and prefer rows will ask of whom, in questions, tokens, time and, at an endpoint, money."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..recipe import Loop, Prefer, Review, Reward, Train, Use, Verify, Write
from . import endpoints, memory, time
from .case import Case
from .endpoints import ASKED_TOKENS, JUDGED_TOKENS
from .memory import Load
from .result import StageEstimate
from .rows import Rows, rows_of
from .words import count

if TYPE_CHECKING:
    from .stages import Work

PAIR, REWARD_PAIRS = 2, 16  # answers of a pair; pairs a forward of a reward model, as rewards/model.py reads them


@dataclass(frozen=True)
class Flow:
    """Rows between the stages: at most so many, as checks leave an unknown share."""

    data: int  # rows of the data in the pool
    written: int = 0

    @property
    def all(self) -> int:
        return self.data + self.written


def flows(case: Case, rows: Rows) -> list[Flow]:
    """The pool before each of `case.stages`, at most; the last entry is the pool at the end."""
    now, out = Flow(rows.train), []
    for stage, times in zip(case.stages, case.rounds, strict=True):
        out.append(now)
        if isinstance(stage, Write):
            now = _after(now, stage, asked(now, rows, stage) * times)
        elif isinstance(stage, Prefer):
            pairs = max(1, now.written)
            now = Flow(0 if stage.keep == "only" else now.data, pairs if stage.keep == "only" else now.written + pairs)
    return [*out, now]


def _after(now: Flow, stage: Write, made: int) -> Flow:
    if stage.keep == "only":
        return Flow(0, made)
    if stage.keep == "add":
        return Flow(now.data, now.written + made)
    return Flow(max(0, now.data - made // stage.candidates), now.written + made)


def asked(now: Flow, rows: Rows, stage: Write) -> int:
    """Texts a stage asks for, at most."""
    n = {
        "data": rows.train,
        "written": now.written,
        "labelled": rows.labelled,
        "unlabelled": rows.unlabelled,
        "unsure": rows.unlabelled,
    }.get(stage.rows, now.all)
    if stage.rows in ("wrong", "right"):
        n = rows.labelled
    return min(n, stage.limit or n) * stage.candidates


def learnt(case: Case, rows: Rows, index: int, stage: Train) -> int:
    """Rows a training stage sees, at most: those of the data and what was written for it."""
    before = rows_of(case, rows, stage)
    if not any(i < index for i, _ in case.writes):
        return before
    flow = flows(case, rows)[index]
    if stage.rows == "labelled":
        return min(flow.data, rows.labelled)
    return max(1, flow.written + (min(flow.data, before) if stage.rows == "all" else min(flow.data, rows.unlabelled)))


def plan_rows(case: Case, rows: Rows, index: int, stage: Any, work: Work) -> None:
    """The estimate of a stage that makes, checks or prefers rows, of a person's gate, or of a loop."""
    if isinstance(stage, Write):
        plan_write(case, rows, index, stage, work)
    elif isinstance(stage, (Verify, Prefer)):
        plan_check(case, rows, index, stage, work)
    elif isinstance(stage, Reward):
        plan_reward(case, rows, index, stage, work)
    elif isinstance(stage, Loop):
        plan_loop(stage, work)
    elif isinstance(stage, Use):
        text = "The student is scored as it will be used: several texts for each held-out row, beside each path alone."
        work.stages.append(StageEstimate(name=stage.name, kind="use", rows=rows.heldout, computes=text))
    elif isinstance(stage, Review):
        n = max(1, round(flows(case, rows)[index].all * stage.share))
        text = f"The run waits until a person has looked at {count(n, 'row')} at most; nothing is computed meanwhile."
        work.stages.append(StageEstimate(name=stage.name, kind="review", rows=n, computes=text))


def plan_write(case: Case, rows: Rows, index: int, stage: Write, work: Work) -> None:
    flow, times = flows(case, rows)[index], case.rounds[index]
    texts = asked(flow, rows, stage)
    who = case.student if stage.by in ("student", "base") else case.model(stage.by)
    new = min(stage.max_new_tokens, max(case.answer_tokens, stage.max_new_tokens / 4))
    spent = 0.0
    if who is not None:
        spent = time.generate_seconds(case, who, texts * times, new, stage.batch_size)
        work.phases.append(memory.alone_parts(case, who, stage.by, stage.batch_size, stage.max_new_tokens))
    elif there := case.endpoint(stage.by):
        n = texts * times
        spent = endpoints.seconds(there, n, n * (case.lengths.mean_prompt + ASKED_TOKENS), n * new)
    often = f", in each of {times} rounds at most" if times > 1 else ""
    work.stages.append(StageEstimate(
        name=stage.name, kind="write", rows=texts, tokens=round(texts * times * new), seconds=spent,
        computes=f"{_name(stage.by)} writes {count(texts, 'text')} at most{often}, each of at most {count(stage.max_new_tokens, 'token')}. Every reply is kept as it arrives and never asked for twice.",
    ))  # fmt: skip


def plan_check(case: Case, rows: Rows, index: int, stage: Verify | Prefer, work: Work) -> None:
    flow, who = flows(case, rows)[index], case.askers(stage)
    n, times = flow.written if isinstance(stage, Prefer) or stage.rows == "written" else flow.all, case.rounds[index]
    read = round(n * times * len(who) * (case.row_tokens + ASKED_TOKENS + JUDGED_TOKENS))
    spent = 0.0
    for name in who:
        if (model := case.student if name in ("student", "base") else case.model(name)) is not None:
            spent += time.score_seconds(case, model, n * times, 16)
        elif there := case.endpoint(name):
            tokens = n * times * (case.row_tokens + ASKED_TOKENS)
            spent += endpoints.seconds(there, n * times, tokens, n * times * JUDGED_TOKENS)
    what = (
        "are checked; those that fail are listed with the reason"
        if isinstance(stage, Verify)
        else "are put into pairs or rankings"
    )
    asks = f" {_name(who[0])} is asked about each." if who else " No model is asked."
    kind = "verify" if isinstance(stage, Verify) else "prefer"
    work.stages.append(StageEstimate(
        name=stage.name, kind=kind, rows=n, tokens=read, seconds=spent, computes=f"{count(n, 'row')} at most {what}.{asks}",
    ))  # fmt: skip


def plan_reward(case: Case, rows: Rows, index: int, stage: Reward, work: Work) -> None:
    """Pairs of answers, at most: two forwards and backwards each, then every pair is read once more to be told how many
    are in order. The pairs of a ranked list are counted as one: how long the lists are shows when the rows are read."""
    flow, times = flows(case, rows)[index], case.rounds[index]
    pairs = max(1, flow.written or flow.all)
    learnt = max(1, pairs - round(pairs * stage.heldout))
    steps = stage.steps or max(1, math.ceil((stage.epochs or 1) * learnt / stage.batch_size))
    learner = case.student if stage.learner == "student" else case.model(stage.learner)
    micro, seen = min(stage.batch_size, REWARD_PAIRS) * PAIR, steps * stage.batch_size * PAIR
    spent = 0.0
    if learner is not None:
        spent = time.reward_seconds(case, learner, seen, micro) + time.read_seconds(case, learner, pairs * PAIR, micro)
        parts = memory.train_parts(case, Load(micro, False, 0, (), stage.learner))
        work.phases.append([p for p in parts if p.name != "head chunk"])  # it reads states, not words
    apart = (
        f" {count(pairs - learnt, 'pair')} are kept apart, to be told how many it orders rightly."
        if pairs > learnt
        else ""
    )
    work.stages.append(StageEstimate(
        name=stage.name, kind="reward", rows=pairs, steps=steps * times, tokens=round((seen + pairs * PAIR) * times * case.row_tokens), seconds=times * spent,
        computes=f"{count(steps, 'step')} of {count(stage.batch_size, 'pair')} over {count(learnt, 'pair')} at most: a scalar head and an adapter of its own on {_whose(stage.learner)}.{apart} The adapter takes the place of the learner's while it reads, so there is no second model.",
    ))  # fmt: skip


def _whose(learner: str) -> str:
    return f"the {learner}" if learner in ("student", "teacher") else learner


def plan_loop(stage: Loop, work: Work) -> None:
    ends = [f"the gap closed reaches {stage.stop.gap_closed:g}"] if stage.stop.gap_closed else []
    ends.append(f"{count(stage.stop.patience, 'round')} bring no gain")
    work.stages.append(StageEstimate(
        name=stage.name, kind="loop", rows=0, tokens=0, seconds=0.0,
        computes=f"The stages that follow are carried out {count(stage.rounds, 'time')} at most; each round is scored on the held-out rows. It ends before when {' or when '.join(ends)}.",
    ))  # fmt: skip


def _name(who: str) -> str:
    return {"student": "The student as it is", "base": "The student without its adapter", "teacher": "The teacher"}.get(
        who, who
    )
