"""A training stage: rows, teachers, objective, optimizer, and what is watched on the way."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .base import Strict
from .mix import Mix
from .source import Source
from .teaching import Teaching
from .term import Term


class Schedule(Strict):
    type: Literal["constant", "linear", "cosine", "wsd"] = Field(
        "cosine",
        title="Learning-rate schedule",
        description="wsd: warm up, stay, decay over the last tenth of the steps.",
    )
    warmup: int = Field(0, ge=0, le=10_000_000, title="Warm-up steps")
    final: float = Field(0.0, ge=0, le=1, title="Final share", description="Share of the peak rate left at the end.")


class Watch(Strict):
    """Scores on a small frozen slice while training goes on."""

    every: int | None = Field(
        None, ge=1, le=10_000_000, title="Evaluate every (steps)", description="Empty: only at the end."
    )
    rows: int = Field(
        64,
        ge=4,
        le=100_000,
        title="Rows",
        description="Rows kept out of training for this; never the held-out rows of the report.",
    )
    keep: Literal["last", "best"] = Field(
        "last", title="Keep", description="best: the adapter with the best score on the slice."
    )
    patience: int | None = Field(
        None,
        ge=1,
        le=1000,
        title="Stop early after",
        description="So many evaluations in a row without a better score.",
    )


class Train(Strict):
    """One training stage: rows, terms, optimizer."""

    kind: Literal["train"] = "train"
    name: str = Field("train", max_length=80)
    learner: str = Field(
        "student",
        max_length=40,
        title="Who learns",
        description="student, teacher (correction of the teacher on this data) or an assistant's name. Each keeps an adapter of its own.",
    )
    start: str = Field(
        "previous",
        max_length=80,
        title="Starts from",
        description="previous: the learner's adapter as it is. fresh: a new adapter. Or the name of an earlier stage: a branch.",
    )
    rows: Literal["all", "labelled", "unlabelled"] = Field("all", title="Rows")
    domains: list[str] = Field(
        default_factory=list, max_length=1000, title="Domains", description="Only rows of these domains; empty: all."
    )
    tasks: list[str] = Field(
        default_factory=list,
        max_length=100,
        title="Tasks",
        description="Only rows that were written for one of these tasks (solve, chain, program …; each writer names its own); empty: all.",
    )
    supervise: Literal["answer", "rationale", "label+rationale", "reasoned", "chunks", "shortened", "all"] = Field(
        "answer",
        title="Learns to say",
        description="answer: the answer. rationale: the row's rationale, under a prefix of its own. label+rationale: both, as "
        "two tasks of one loss. reasoned: the rationale, then the answer. chunks: the same, one chunk of it at a time. "
        "shortened: the same without the chunks that the learner's answer does not need. all: the whole text, for raw text "
        "and pre-training; rows need no answer.",
    )
    rationale_prefix: str = Field(
        "[rationale] ",
        max_length=200,
        title="Prefix of rationales",
        description="Put before the question where only the rationale is asked for, so that the plain question asks for the answer.",
    )
    label_share: float = Field(
        0.5,
        ge=0,
        le=1,
        title="Share of the answer",
        description="For label+rationale: a in a * CE(answer) + (1 - a) * CE(rationale), each a mean over its own tokens.",
    )
    chunks: int = Field(
        4,
        ge=1,
        le=100,
        title="Chunks",
        description="For chunks and shortened: a rationale is cut between sentences into so many parts of similar length, at most.",
    )
    mix: Mix | None = Field(
        None,
        title="Mix of domains",
        description="Shares of the domains follow the learner's gap to the teacher during the stage; empty: as the rows come.",
    )
    source: Source = Source()
    terms: list[Term] = Field(min_length=1, max_length=20, title="Objective")
    teaching: Teaching = Teaching()
    teacher: Literal["auto", "online", "recorded"] = Field(
        "auto",
        title="Teacher signals",
        description="recorded: top-k signals, reused by later runs. online: the teacher runs beside the student. auto: what is faster within memory.",
    )
    steps: int | None = Field(None, ge=1, le=10_000_000, title="Optimizer steps")
    epochs: float | None = Field(
        None, gt=0, le=10_000, title="Epochs", description="Passes over the rows; used when steps is empty."
    )
    batch_size: int = Field(32, ge=1, le=65536, title="Rows per optimizer step")
    micro_batch: int | None = Field(
        None,
        ge=1,
        le=65536,
        title="Micro-batch",
        description="Rows per forward; chosen by memory when empty. Does not change the result.",
    )
    order: Literal["shuffled", "easy_first", "hard_first"] = Field(
        "shuffled",
        title="Order",
        description="easy_first: a curriculum by the student's loss before the stage, within each pass.",
    )
    learning_rate: float = Field(
        2e-4, gt=0, le=1, title="Learning rate", description="LLM-Neo: about ten times the rate of full fine-tuning."
    )
    schedule: Schedule = Schedule()
    weight_decay: float = Field(0.0, ge=0, le=10, title="Weight decay")
    clip: float = Field(1.0, gt=0, le=1e6, title="Clip gradient norm at")
    reduction: Literal["token_mean", "seq_mean"] = Field(
        "token_mean", title="Average over", description="token_mean: supervised tokens of the whole optimizer step."
    )
    checkpoint_seconds: float = Field(300, gt=0, le=86400, title="Checkpoint every (seconds)")
    watch: Watch = Watch()

    @model_validator(mode="after")
    def _length_is_stated(self) -> Train:
        if self.steps is None and self.epochs is None:
            raise ValueError("say how long to train: steps or epochs")
        if self.steps is not None and self.schedule.warmup > self.steps:
            raise ValueError(
                f"warm-up of {self.schedule.warmup} steps is longer than the {self.steps} steps of training"
            )
        return self


class TrainOptions(Strict):
    """The small form's training fields; each overrides the system's own default when given."""

    steps: int | None = Field(None, ge=1, le=10_000_000, title="Optimizer steps")
    epochs: float | None = Field(None, gt=0, le=10_000, title="Epochs")
    batch_size: int | None = Field(None, ge=1, le=65536, title="Rows per optimizer step")
    micro_batch: int | None = Field(None, ge=1, le=65536, title="Micro-batch")
    learning_rate: float | None = Field(None, gt=0, le=1, title="Learning rate")
    schedule: Schedule | None = None
    weight_decay: float | None = Field(None, ge=0, le=10, title="Weight decay")
    clip: float | None = Field(None, gt=0, le=1e6, title="Clip gradient norm at")
    teacher: Literal["auto", "online", "recorded"] | None = Field(None, title="Teacher signals")
    max_new_tokens: int | None = Field(None, ge=1, le=32768, title="Longest teacher answer (tokens)")
    checkpoint_seconds: float | None = Field(None, gt=0, le=86400, title="Checkpoint every (seconds)")
    watch: Watch | None = None
