"""The training loop, read top to bottom. Any method is this loop with other objective terms.

A step: rows -> micro-batches -> student's states at the supervised positions -> one pass over the output layer that
gives loss and gradient -> backward into the adapter -> clip -> AdamW. What is random is a function of (seed, step), so
a resumed run makes the same numbers bit for bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from .batches import Limits, Micro, micro_batches, step_rows
from .checkpoint import Checkpoints
from .device import memory_now
from .errors import OutOfMemory, PlanRefused, TrainNonFinite, Transient
from .events import Events
from .head import Head, head_pass
from .objectives.base import Objective
from .precision import Masters
from .recipe import Schedule, Train
from .rows import Example
from .students.lora import trainable
from .weights import backbone

NONFINITE_LIMIT, NONFINITE_WINDOW = 3, 100
DIVERGENCE_FLOOR = -1e-4


class Teacher(Protocol):
    """Gives the teacher's side of a micro-batch to the head pass."""

    def side(self, micro: Micro, group: Sequence[Example]) -> Any: ...


class Stopped(Exception):
    """The run was asked to stop; a checkpoint has been written."""


@dataclass(frozen=True)
class Term:
    """An objective with its weight and the rows it applies to."""

    objective: Objective
    weight: float = 1.0
    rows: str = "all"


@dataclass
class Progress:
    """Everything of the loop that is not a tensor. Stored in the checkpoint's manifest."""

    step: int = 0
    tokens: int = 0  # supervised, so far
    seconds: float = 0.0
    halvings: int = 0  # how often memory ran out
    skipped: list[int] = field(default_factory=list)
    rolled_back: bool = False
    rate_scale: float = 1.0

    def as_dict(self) -> dict[str, Any]:
        return {k: getattr(self, k) for k in self.__dataclass_fields__}


@dataclass
class Arm:
    """One training: the student's or the control's."""

    name: str
    phase: str
    stage: Train
    steps: int
    terms: list[Term]
    examples: list[Example]
    limits: Limits
    seed: int
    teacher: Teacher | None = None
    vocab: int | None = None  # rows of the output layer that stand for real tokens of both models
    on_step: Callable[[int], None] | None = None  # samples: told the number of finished steps
    stop: Callable[[], bool] = lambda: False


@dataclass(frozen=True)
class Outcome:
    steps: int
    tokens: int
    seconds: float
    first_loss: float
    last_loss: float


def rate_at(step: int, steps: int, peak: float, schedule: Schedule) -> float:
    """Learning rate of step `step` (from 0): a straight warm-up, then the schedule down to `final` of the peak."""
    if step < schedule.warmup:
        return peak * (step + 1) / schedule.warmup
    if schedule.type == "constant":
        return peak
    done = (step - schedule.warmup) / max(1, steps - schedule.warmup)
    left = 0.5 * (1 + math.cos(math.pi * done)) if schedule.type == "cosine" else 1 - done
    return peak * (schedule.final + (1 - schedule.final) * left)


def train(model: Any, arm: Arm, checkpoints: Checkpoints, events: Events) -> Outcome:
    """Trains the adapter of `model` in place, from the newest checkpoint if there is one.

    Raises TrainNonFinite, OutOfMemory, PlanRefused; Stopped after a checkpoint when asked to stop.
    """
    loop = Loop(model, arm, checkpoints, events)
    loop.resume()
    events.emit("phase", phase=arm.phase, stage=arm.stage.name, total=arm.steps)
    saved = time.monotonic()
    while loop.progress.step < arm.steps:
        loop.one_step()
        if arm.on_step:
            arm.on_step(loop.progress.step)
        if arm.stop():
            loop.save()
            raise Stopped
        if time.monotonic() - saved >= arm.stage.checkpoint_seconds:
            loop.save()
            saved = time.monotonic()
    loop.refuse_nonfinite_weights()
    return loop.outcome()


def _is_memory(e: RuntimeError) -> bool:
    """The GPU's own error, or the plain one that PyTorch raises when the machine's memory ends."""
    return isinstance(e, torch.OutOfMemoryError) or "can't allocate memory" in str(e)


class Loop:
    """The state of one training arm: adapter, optimizer, progress."""

    def __init__(self, model: Any, arm: Arm, checkpoints: Checkpoints, events: Events) -> None:
        self.model, self.arm, self.checkpoints, self.events = model, arm, checkpoints, events
        self.backbone = backbone(model)
        self.parameters = trainable(model)
        self.device = next(iter(self.parameters.values())).device
        self.masters = Masters(list(self.parameters.values()))
        self.optimizer = torch.optim.AdamW(self.masters.full, lr=0.0, weight_decay=arm.stage.weight_decay, fused=True)
        self.progress = Progress()
        self.limits = arm.limits
        self.dropout = any(isinstance(m, torch.nn.Dropout) and m.training and m.p > 0 for m in model.modules())
        self.losses: list[float] = []
        self.failed_saves = 0
        self._told = 0.0

    # -- one optimizer step ---------------------------------------------------------------------------------------

    def one_step(self) -> None:
        """Gradient of the step, then the update; a step that is not finite is left out and said so."""
        began, step = time.perf_counter(), self.progress.step
        rows = step_rows(len(self.arm.examples), self.arm.stage.batch_size, step, self.arm.seed)
        values, tokens = self._gradient(rows)
        self.masters.collect()
        if step == 0:
            self._refuse_dead_parameters()
        norm = float(torch.nn.utils.clip_grad_norm_(self.masters.full, self.arm.stage.clip))
        if math.isfinite(values["loss"]) and math.isfinite(norm):
            rate = self.progress.rate_scale * rate_at(
                step, self.arm.steps, self.arm.stage.learning_rate, self.arm.stage.schedule
            )
            for group in self.optimizer.param_groups:
                group["lr"] = rate
            self.optimizer.step()
            self.masters.publish()
            self.progress.step += 1
            self.progress.tokens += tokens
            self._tell(step, {**values, "grad_norm": norm, "learning_rate": rate}, tokens, time.perf_counter() - began)
        else:
            self._skip(step, rows, values["loss"], norm)
        self.masters.clear()

    def _gradient(self, rows: list[int]) -> tuple[dict[str, float], int]:
        """Accumulates the gradient of the step's rows; when memory runs out, again in smaller micro-batches."""
        while True:
            try:
                return self._accumulate(rows)
            except (torch.OutOfMemoryError, RuntimeError) as e:
                if not _is_memory(e):
                    raise
                self.masters.clear()
                if self.limits.rows == 1:
                    raise OutOfMemory(
                        f"One row at a time does not fit into memory: {str(e).splitlines()[0]}",
                        field="data.max_length",
                        hint="Shorten the longest row, lower the rank, or choose a smaller student.",
                    ) from e
                self.limits = self.limits.halved()
                self.progress.halvings += 1
                if self.device.type == "cuda":
                    torch.cuda.empty_cache()
            self.events.reason(
                "train.micro_batch", self.limits.rows, "memory ran out; smaller micro-batches give the same result"
            )

    def _accumulate(self, rows: list[int]) -> tuple[dict[str, float], int]:
        totals: torch.Tensor | None = None
        tokens = 0
        for index, micro in enumerate(micro_batches(self.arm.examples, rows, self.limits, self.arm.stage.reduction)):
            if self.dropout:
                torch.manual_seed((self.arm.seed << 32) + (self.progress.step << 8) + index)
            loss, values = self._micro(micro.to(self.device))
            loss.backward()
            now = torch.cat([loss.detach().reshape(1).float(), values])
            totals = now if totals is None else totals + now
            tokens += len(micro.labels)
            self.events.beat()
        if totals is None:
            raise PlanRefused("There are no rows to train on.", field="data", hint="Add rows with answers.")
        numbers = totals.tolist()
        names = [t.objective.name for t in self.arm.terms]
        return {"loss": numbers[0], **{f"loss.{n}": v for n, v in zip(names, numbers[1:], strict=True)}}, tokens

    def _micro(self, micro: Micro) -> tuple[torch.Tensor, torch.Tensor]:
        """Loss of one micro-batch and each term's value, normalised over the whole step."""
        group = [self.arm.examples[i] for i in micro.which]
        side = self.arm.teacher.side(micro, group) if self.arm.teacher else None
        states = self.backbone(input_ids=micro.input_ids, use_cache=False).last_hidden_state  # [rows, length, H]
        hidden = states.flatten(0, 1).index_select(
            0, micro.places
        )  # [N, H]: only positions that predict an answer token
        out = head_pass(
            hidden,
            Head.of(self.model, self.arm.vocab),  # anew: an adapted output layer carries this forward's graph
            [t.objective for t in self.arm.terms],
            [self._term_weights(t, micro) for t in self.arm.terms],
            labels=micro.labels,
            teacher=side,
        )
        return out.loss, out.values.float()

    def _term_weights(self, term: Term, micro: Micro) -> torch.Tensor:
        if term.rows == "all":
            return micro.weights * term.weight
        wanted = micro.labelled if term.rows == "labelled" else ~micro.labelled
        return micro.weights * wanted * term.weight

    # -- what may go wrong ----------------------------------------------------------------------------------------

    def _refuse_dead_parameters(self) -> None:
        dead = [n for n, p in zip(self.parameters, self.masters.full, strict=True) if p.grad is None]
        if dead:
            raise PlanRefused(
                f"{len(dead)} trainable tensors get no gradient, {dead[0]} among them.",
                field="student.adapter.targets",
                hint="Take that layer out of the target layers.",
            )

    def _skip(self, step: int, rows: list[int], loss: float, norm: float) -> None:
        """The update is not applied and never hidden; three in a hundred steps send the run back once, then end it."""
        ids = [self.arm.examples[i].row_id for i in rows]
        word = "loss" if not math.isfinite(loss) else "gradient"
        self.events.emit(
            "alarm",
            code="NONFINITE_STEP",
            step=step + 1,
            message=f"Step {step + 1} was left out: its {word} is not finite.",
            row_ids=ids,
        )
        self.progress.step += 1
        self.progress.skipped.append(step)
        recent = [s for s in self.progress.skipped if s > step - NONFINITE_WINDOW]
        if len(recent) >= NONFINITE_LIMIT:
            self._roll_back(len(recent))

    def _roll_back(self, count: int) -> None:
        if self.progress.rolled_back:
            raise TrainNonFinite(
                f"{count} of the last {NONFINITE_WINDOW} steps were not finite, again after going back to a good checkpoint.",
                field="train.learning_rate",
                hint="Lower the learning rate, or look at the rows named in the alarms.",
            )
        scale = self.progress.rate_scale / 2
        if not self.resume():
            self._restart()
        self.progress.rolled_back, self.progress.rate_scale = True, scale
        self.events.emit(
            "alarm",
            code="ROLLED_BACK",
            step=self.progress.step,
            message=f"{count} steps were not finite: back to step {self.progress.step} with half the learning rate.",
        )

    def refuse_nonfinite_weights(self) -> None:
        """No run with a non-finite weight may succeed."""
        bad = [n for n, p in self.parameters.items() if not bool(torch.isfinite(p).all())]
        if bad:
            raise TrainNonFinite(
                f"{len(bad)} adapter tensors hold non-finite numbers, {bad[0]} among them.",
                field="train.learning_rate",
                hint="Lower the learning rate.",
            )

    # -- progress and checkpoints ---------------------------------------------------------------------------------

    def _tell(self, step: int, values: dict[str, float], tokens: int, seconds: float) -> None:
        self.progress.seconds += seconds
        self.losses.append(values["loss"])
        for term in self.arm.terms:
            if term.objective.needs_teacher and values[f"loss.{term.objective.name}"] < DIVERGENCE_FLOOR:
                self.events.emit(
                    "alarm",
                    code="NEGATIVE_DIVERGENCE",
                    step=step + 1,
                    message=f"{term.objective.name} is {values[f'loss.{term.objective.name}']:.3g}; a divergence is never negative.",
                )
        values = {**values, "tokens_per_second": tokens / seconds, "memory_bytes": float(memory_now())}
        self.events.emit("metric", step=step + 1, arm=self.arm.name, values=values)
        now = time.monotonic()
        if now - self._told >= 1 or self.progress.step == self.arm.steps:
            self._told = now
            rate = len(self.losses) / max(1e-9, self._elapsed())
            left = (self.arm.steps - self.progress.step) / rate
            self.events.emit(
                "progress",
                phase=self.arm.phase,
                done=self.progress.step,
                total=self.arm.steps,
                unit="steps",
                rate=rate,
                eta=left,
            )

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def resume(self) -> bool:
        """Takes up the newest whole checkpoint; False when there is none."""
        self._began = time.monotonic()
        self.losses = []
        found = self.checkpoints.newest()
        if found is None:
            self._start_tensors = {n: p.detach().clone() for n, p in self.parameters.items()}
            return False
        adapter, state, note = found
        self._load(adapter, state)
        self.progress = Progress(**note["progress"])
        self.limits = self.arm.limits
        for _ in range(self.progress.halvings):
            self.limits = self.limits.halved()
        self.events.log(f"Continuing '{self.arm.name}' at step {self.progress.step} of {self.arm.steps}.")
        return True

    def _load(self, adapter: dict[str, torch.Tensor], state: dict[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for i, (name, live) in enumerate(self.parameters.items()):
                full = self.masters.full[i]
                live.copy_(adapter[name])
                if full is not live:
                    full.copy_(state[f"master.{name}"])
                if f"exp_avg.{name}" in state:
                    self.optimizer.state[full] = {
                        k: state[f"{k}.{name}"].to("cpu" if k == "step" and self.device.type == "cpu" else self.device)
                        for k in ("step", "exp_avg", "exp_avg_sq")
                    }

    def _restart(self) -> None:
        """Back to the adapter's first values: no checkpoint had been written yet."""
        self._load(self._start_tensors, {f"master.{n}": t.float() for n, t in self._start_tensors.items()})
        self.optimizer.state.clear()
        self.progress = Progress(halvings=self.progress.halvings)

    def save(self) -> None:
        """Writes a checkpoint. A save that fails is said loudly and training goes on; three in a row end the attempt."""
        state = {}
        for (name, live), full in zip(self.parameters.items(), self.masters.full, strict=True):
            for k, tensor in self.optimizer.state.get(full, {}).items():
                state[f"{k}.{name}"] = tensor
            if full is not live:
                state[f"master.{name}"] = full
        try:
            self.checkpoints.save(
                self.progress.step, dict(self.parameters), state, {"progress": self.progress.as_dict()}
            )
            self.failed_saves = 0
        except OSError as e:
            self.failed_saves += 1
            self.events.log(f"A checkpoint could not be written ({e.strerror or e}); training goes on.", "error")
            if self.failed_saves >= 3:
                raise Transient(
                    "Three checkpoints in a row could not be written.", hint="Look at the disk of the worker."
                ) from e

    def outcome(self) -> Outcome:
        first, last = (self.losses[0], self.losses[-1]) if self.losses else (math.nan, math.nan)
        return Outcome(self.progress.step, self.progress.tokens, self.progress.seconds, first, last)
