"""Rewards of answers: from the structure of teacher's and student's answers, and by a reward model of the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from ..parts import Options, Paper
from .agreement import MajorityOptions, key_of
from .base import Bench, Row, Verdict, Verifier, by_question, written
from .finals import Take
from .lengths import distinct
from .numbers import shown_number


class PseudoOptions(Options):
    teacher: str = Field("teacher", min_length=1, max_length=40, title="Whose answers are trusted")
    by: Literal["text", "number"] = Field("number", title="Answers are equal by")
    take: Take = Field("auto", title="Take", description="Where the answer stands; see exact match.")
    agreement: float = Field(
        1.0, ge=0, le=10, title="Weight of the answer", description="1 where it is the teacher's commonest one."
    )
    votes: float = Field(
        0.5, ge=0, le=10, title="Weight of the votes", description="Share of all candidates that say the same."
    )
    form: float = Field(
        0.5, ge=0, le=10, title="Weight of the form",
        description="Distinct runs of words, times 1 where an answer can be read and 0 where not.",
    )  # fmt: skip
    least: float = Field(0.0, ge=0, le=30, title="Accept from")


class PseudoReward(Verifier):
    id = "pseudo-reward"
    title = "Pseudo-reward"
    summary = "A score from how teacher's and student's answers relate: the same end, how many agree, and whether the text holds together."
    when_to_use = "No right answers at hand, and both teacher and student have answered: pairs for a reward model."
    formula = r"r(y) = w_a \mathbb{1}[a(y) = \hat{a}_T] + w_v \frac{\#\{j : a(y_j) = a(y)\}}{K} + w_f f(y)"
    paper = Paper(
        title="Distill Not Only Data but Also Rewards: Can Smaller Language Models Surpass Larger Ones?",
        authors="Zhang, Wang, Fang, Du, Huang, Wang, Lin, Pechenizkiy, Zhang, Rajmohan, Zhang", year=2025,
        url="https://arxiv.org/abs/2502.19557", arxiv="2502.19557",
    )  # fmt: skip
    Options = PseudoOptions
    pooled = True

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        out = [Verdict(False)] * len(rows)
        reading = MajorityOptions(by=options.by, take=options.take)
        keys = [key_of(written(row), reading) for row in rows]
        without = 0
        for members in by_question(rows).values():
            trusted = Counter(k for i in members if (k := keys[i]) is not None and _by(rows[i]) == options.teacher)
            every = Counter(k for i in members if (k := keys[i]) is not None)
            best = trusted.most_common(1)[0][0] if trusted else None
            without += best is None
            for i in members:
                key = keys[i]
                same = float(best is not None and key == best)
                share = every[key] / len(members) if key is not None else 0.0
                form = distinct(written(rows[i]).casefold().split(), 3) if key is not None else 0.0
                reward = options.agreement * same + options.votes * share + options.form * form
                said = "nothing that can be read" if key is None else key if isinstance(key, str) else shown_number(key)
                why = f"reward {reward:.3f}: it says {said}, {'as' if same else 'not as'} the teacher"
                out[i] = Verdict(reward >= options.least, why, reward)
        if without:
            bench.note(f"{without:,} questions have no answer of {options.teacher} that can be read.", "warning")
        return out


def _by(row: Row) -> str:
    lineage: Any = row.fields.get("lineage") or {}
    return str(lineage.get("by", ""))


class RewardOptions(Options):
    model: str = Field(
        "reward", min_length=1, max_length=80, title="Reward model", description="Name of the stage that trained it."
    )
    least: float | None = Field(
        None, ge=-1e6, le=1e6, title="Accept from", description="Empty: every row passes, with its score."
    )


class RewardScore(Verifier):
    id = "reward-model"
    title = "Reward model"
    summary = "A reward model that an earlier stage trained scores each answer."
    when_to_use = "After a reward stage: best of several candidates, pairs by score, and rows below a score left out."
    formula = r"r_\phi(x, y) = w^\top h_{\text{end}}(x, y)"
    paper = Paper(
        title="Training Language Models to Follow Instructions with Human Feedback",
        authors="Ouyang, Wu, Jiang, Almeida, Wainwright, Mishkin, et al.", year=2022, venue="NeurIPS",
        url="https://arxiv.org/abs/2203.02155", arxiv="2203.02155",
    )  # fmt: skip
    Options = RewardOptions

    def check(self, rows: Sequence[Row], options: Any, bench: Bench) -> list[Verdict]:
        found = bench.reward(options.model, rows)
        out = []
        for row in rows:
            value = found.get(row.row_id)
            if value is None:
                out.append(Verdict(False, "the reward model could not read it: there is no answer, or it is too long"))
            else:
                ok = options.least is None or value >= options.least
                out.append(Verdict(ok, "" if ok else f"reward {value:.4g}, {options.least:.4g} is wanted", value))
        return out
