"""The training loop, read top to bottom. Any method is this loop with other rows, teachers and objective terms.

A step: rows -> micro-batches -> student's states at the supervised positions -> one pass over the output layer that
gives loss and gradient -> backward into the adapter -> clip -> AdamW. What is random is a function of (seed, step), so
a resumed run makes the same numbers bit for bit.
"""

from __future__ import annotations

import math
import time
from typing import Any

import torch

from .arm import Arm, Outcome, Progress, Stopped
from .balance import imbalance, term_gradients
from .batches import Micro, nothing_of, shortest
from .checkpoint import Checkpoints
from .device import memory_now
from .errors import OutOfMemory, PlanRefused, TrainNonFinite, Transient
from .events import Events
from .loop_state import load_state, state_of
from .precision import Masters
from .ranks import here, lockstep
from .rows import Example
from .schedules.curves import adapted
from .schedules.momentum import follow
from .schedules.rate import rate_at
from .schedules.terms import terms_at
from .sources.fixed import FixedRows
from .step import Losses, Term
from .students.lora import is_random, trainable
from .teachers.away import AwayTeacher

__all__ = ["Arm", "Loop", "Outcome", "Progress", "Stopped", "Term", "rate_at", "train"]

NONFINITE_LIMIT, NONFINITE_WINDOW = 3, 100
DIVERGENCE_FLOOR = -1e-4
HELPER = "helper."  # names of what terms train beside the adapter


def train(model: Any, arm: Arm, checkpoints: Checkpoints, events: Events) -> Outcome:
    """Trains the adapter of `model` in place, from the newest checkpoint if there is one.

    Raises TrainNonFinite, OutOfMemory, PlanRefused; Stopped after a checkpoint when asked to stop.
    """
    loop = Loop(model, arm, checkpoints, events)
    loop.resume()
    loop.begin_alike()
    events.emit("phase", phase=arm.phase, stage=arm.stage.name, total=arm.steps)
    for name, pairs in loop.losses_of.maps:
        events.reason(
            f"layers.{name}", ", ".join(f"{s}:{t}" for s, t in pairs), "layers of the student and the teacher compared"
        )
    saved = time.monotonic()
    while loop.progress.step < arm.steps:
        loop.one_step()
        if arm.on_step:
            loop.peek()
        loop.watch()
        if loop.ranks.any(arm.stop()):
            loop.save()
            raise Stopped
        if time.monotonic() - saved >= arm.stage.checkpoint_seconds:
            loop.save()
            saved = time.monotonic()
        if loop.ended_early:
            break
    loop.take_best()
    loop.refuse_nonfinite_weights()
    return loop.outcome()


def _is_memory(e: RuntimeError) -> bool:
    """The GPU's own error, or the plain one that PyTorch raises when the machine's memory ends."""
    return isinstance(e, torch.OutOfMemoryError) or "can't allocate memory" in str(e)


class Loop:
    """The state of one training arm: adapter, optimizer, progress."""

    def __init__(self, model: Any, arm: Arm, checkpoints: Checkpoints, events: Events) -> None:
        self.model, self.arm, self.checkpoints, self.events = model, arm, checkpoints, events
        noise = None if arm.phase == "control" else getattr(model, "noise", None)  # the control is plain fine-tuning
        shift = None if arm.phase == "control" else getattr(model, "shift", None)
        self.losses_of: Any = (
            Losses(model, arm.vocab, arm.terms, arm.teacher, arm.teacher_shape, arm.seed, noise, shift)
            if arm.losses is None
            else arm.losses(model)
        )
        helpers = {HELPER + n: p for n, p in self.losses_of.modules.named_parameters() if p.requires_grad}
        self.adapter = trainable(model)
        self.parameters = {**self.adapter, **helpers}
        self.device = next(iter(self.parameters.values())).device
        self.masters = Masters(list(self.parameters.values()))
        self.optimizer = torch.optim.AdamW(self.masters.full, lr=0.0, weight_decay=arm.stage.weight_decay, fused=True)
        self.progress = Progress()
        self.ranks = here()
        self.limits = arm.limits
        self.dropout = is_random(model)
        self.losses: list[float] = []
        self.best: dict[str, torch.Tensor] = {}
        self.first = {n: p.detach().clone() for n, p in self.parameters.items()}
        self.ended_early = False
        self.failed_saves = 0
        self.norms: dict[str, float] = {}  # of each term's gradient at the first step
        self._told = 0.0

    # -- one optimizer step ---------------------------------------------------------------------------------------

    def one_step(self) -> None:
        """Gradient of the step, then the update; a step that is not finite is left out and said so."""
        began, step = time.perf_counter(), self.progress.step
        rows = self.arm.source.step(step)
        self.ranks.agree(step, rows)
        values, tokens = self._gradient(rows)
        self.masters.collect()
        values = self.ranks.add_up(self.masters.full, values)
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
            self._move_average()
            self.progress.step += 1
            self.progress.tokens += tokens
            self._follow(values)
            self._tell(step, {**values, "grad_norm": norm, "learning_rate": rate}, tokens, time.perf_counter() - began)
        else:
            self._skip(step, rows, values["loss"], norm)
        self.masters.clear()

    def _gradient(self, rows: list[Example]) -> tuple[dict[str, float], int]:
        """Accumulates the gradient of the step's rows; when memory runs out, again in smaller micro-batches."""
        while True:
            full = ""  # what was said when memory ran out
            try:
                found = self._accumulate(rows)
            except (torch.OutOfMemoryError, RuntimeError) as e:
                if not _is_memory(e):
                    raise
                full = str(e).splitlines()[0]
                if self.ranks.sharing:  # the others are in the middle of the same forward and cannot turn back
                    raise OutOfMemory(
                        f"A micro-batch of {self.limits.rows} rows does not fit beside the shared weights: {full}",
                        field="train.micro_batch",
                        hint="Set a smaller micro-batch; it does not change the result.",
                    ) from e
            if not self.ranks.any(bool(full)):
                return found
            self.masters.clear()
            if self.limits.rows == 1:
                raise OutOfMemory(
                    f"One row at a time does not fit into memory: {full or 'another rank ran out of it'}",
                    field="data.max_length",
                    hint="Shorten the longest row, lower the rank, or choose a smaller student.",
                )
            self.limits = self.limits.halved()
            self.progress.halvings += 1
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
            self.events.reason(
                "train.micro_batch", self.limits.rows, "memory ran out; smaller micro-batches give the same result"
            )

    def _accumulate(self, rows: list[Example]) -> tuple[dict[str, float], int]:
        totals = torch.zeros(1 + len(self.arm.terms), device=self.device)
        step = self.progress.step
        terms = terms_at(self.arm.terms, self.arm.curves, step, self.arm.steps, self.progress.reached)
        micros = self._micros(rows)
        if step == 0 and micros:
            self.ranks.led(lambda: self._weigh_terms(micros[0], rows, terms))
        for index, micro in enumerate(micros):
            group = [rows[i] for i in micro.which]
            self._ask_ahead(micros, index)
            with lockstep():
                loss, values = self.losses_of.of(micro.to(self.device), group, terms, step, self._seed(index))
                loss.backward()
            now = torch.cat([loss.detach().reshape(1).float(), values])
            totals = totals + now
            self.events.beat()
        if not rows:
            raise PlanRefused("There are no rows to train on.", field="data", hint="Add rows with answers.")
        return self._named(totals.tolist()), sum(e.supervised for e in rows)

    def _micros(self, rows: list[Example]) -> list[Micro]:
        """This rank's forwards of a step. Where weights are shared out every rank makes as many as the others: reading them
        takes all."""
        cut, reduction = self.losses_of.micros, self.arm.stage.reduction
        micros: list[Micro] = cut(rows, self.ranks.share(rows), self.limits, reduction)
        if not self.ranks.sharing:
            return micros
        short = self.ranks.most(len(micros)) - len(micros)
        return micros + [nothing_of(cut(rows, shortest(rows), self.limits, reduction)[0])] * short

    def _ask_ahead(self, micros: list[Micro], index: int) -> None:
        """A teacher on a GPU of its own begins with the next micro-batch while this one is worked on."""
        teacher, step = self.arm.teacher, self.progress.step
        if not isinstance(teacher, AwayTeacher):  # students that name labels read no teacher's states
            return
        captures = self.losses_of.teacher_captures
        if index == 0:
            teacher.expect(micros[0], captures, step)
        if index + 1 < len(micros):
            teacher.expect(micros[index + 1], captures, step)
        elif soon := self._next_step():
            teacher.expect(soon[0], captures, step + 1)

    def _next_step(self) -> list[Micro]:
        """The forwards of the step after this one, where its rows are known by now."""
        step, source = self.progress.step + 1, self.arm.source
        return self._micros(source.step(step)) if step < self.arm.steps and isinstance(source, FixedRows) else []

    def _seed(self, index: int) -> int | None:
        """Of the dropout of a step's micro-batch; None: there is none."""
        place = index * self.ranks.size + self.ranks.rank
        return (self.arm.seed << 32) + (self.progress.step << 8) + place if self.dropout else None

    def _weigh_terms(self, micro: Micro, rows: list[Example], terms: list[Term]) -> None:
        """Compares the pull of the terms before the first update, and says so where one is lost beside another."""
        group = [rows[i] for i in micro.which]
        self.norms = term_gradients(
            self.losses_of, self.parameters.values(), micro.to(self.device), group, terms, self._seed(0)
        )
        if said := imbalance(self.norms):
            self.events.emit("alarm", code="TERMS_UNEQUAL", step=1, message=said)

    def _named(self, numbers: list[float]) -> dict[str, float]:
        """loss, and loss.<term> for each; two terms of one kind are added."""
        out = {"loss": numbers[0]}
        for term, value in zip(self.arm.terms, numbers[1:], strict=True):
            name = f"loss.{term.objective.name}"
            out[name] = out.get(name, 0.0) + value
        return out

    @torch.no_grad()
    def _move_average(self) -> None:
        """The moving average that an `ema` teacher reads: m <- decay * m + (1 - decay) * adapter."""
        if self.arm.decay is None:
            return
        for name, parameter in self.adapter.items():
            self.arm.moving[name].lerp_(parameter.detach().to(self.arm.moving[name].dtype), 1 - self.arm.decay)

    def _follow(self, values: dict[str, float]) -> None:
        """Curves that follow the training loss move after every step: a term's by that term, others by the whole loss."""
        for place, curve in self.arm.curves.items():
            if curve.type == "momentum":
                number = place.partition(".")[0]
                name = f"loss.{self.arm.terms[int(number)].objective.name}" if number.isdigit() else "loss"
                follow(curve, place, self.progress.reached, values[name], self.progress.step, self.arm.steps)
        self.arm.reached.update(self.progress.reached)

    def peek(self) -> None:
        step = self.progress.step
        self.ranks.led(lambda: self.arm.on_step(step) if self.arm.on_step else None)

    # -- looking at a frozen slice --------------------------------------------------------------------------------

    def watch(self) -> None:
        """Scores the learner now and then: adaptive curves move, the best adapter is kept, a training that no longer gains ends."""
        settings, step, watcher = self.arm.stage.watch, self.progress.step, self.arm.watcher
        if watcher is None or settings.every is None or step % settings.every:
            return
        found = self.ranks.first(lambda: dict(watcher.look(step)))
        self.events.emit(
            "metric", step=step, arm=self.arm.name, values={f"watched.{name}": value for name, value in found.items()}
        )
        self._adapt(found["loss"])
        if self.progress.best is None or found["score"] > self.progress.best:
            self.progress.best, self.progress.best_step, self.progress.worse = found["score"], step, 0
            self.best = {n: p.detach().clone() for n, p in self.adapter.items()}
        else:
            self.progress.worse += 1
        if settings.patience is not None and self.progress.worse >= settings.patience and step < self.arm.steps:
            self.ended_early = True
            self.events.reason(
                "train.steps",
                step,
                f"{self.progress.worse} looks in a row brought no better score; the best was at step {self.progress.best_step}",
            )

    def _adapt(self, loss: float) -> None:
        for place, curve in self.arm.curves.items():
            if curve.type == "adaptive":
                reached = self.progress.reached.get(place, curve.start)
                self.progress.reached[place] = adapted(curve, reached, self.progress.watched, loss)
        self.progress.watched = loss
        self.arm.reached.update(self.progress.reached)

    def take_best(self) -> None:
        """With watch.keep: best, the adapter that scored best on the slice is the one that stays."""
        if self.arm.stage.watch.keep != "best" or not self.best:
            return
        with torch.no_grad():
            for name, parameter in self.adapter.items():
                parameter.copy_(self.best[name])
        self.events.reason("adapter", f"step {self.progress.best_step}", "it scored best on the watched slice")

    # -- what may go wrong ----------------------------------------------------------------------------------------

    def _refuse_dead_parameters(self) -> None:
        dead = [n for n, p in zip(self.parameters, self.masters.full, strict=True) if p.grad is None]
        if dead:
            raise PlanRefused(
                f"{len(dead)} trainable tensors get no gradient, {dead[0]} among them.",
                field="student.adapter.targets",
                hint="Take that layer out of the target layers.",
            )

    def _skip(self, step: int, rows: list[Example], loss: float, norm: float) -> None:
        """The update is not applied and never hidden; three in a hundred steps send the run back once, then end it."""
        ids = [e.row_id for e in rows]
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
            divergence = (
                term.objective.needs_teacher and "rollouts" not in term.objective.part.needs
            )  # a policy's loss has any sign
            if divergence and values[f"loss.{term.objective.name}"] < DIVERGENCE_FLOOR:
                self.events.emit(
                    "alarm",
                    code="NEGATIVE_DIVERGENCE",
                    step=step + 1,
                    message=f"{term.objective.name} is {values[f'loss.{term.objective.name}']:.3g}; a divergence is never negative.",
                )
        if step == 0:
            values = {**values, **{f"grad_norm.{name}": norm for name, norm in self.norms.items()}}
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

    def begin_alike(self) -> None:
        """Every rank starts from the first rank's numbers."""
        if self.ranks.size > 1:
            self.ranks.spread(self.masters.full)
            self.masters.publish()

    def resume(self) -> bool:
        """Takes up the newest whole checkpoint; False when there is none."""
        self.ranks.wait()  # the first rank may be writing one
        self._began = time.monotonic()
        self.losses = []
        found = self.checkpoints.newest()
        if found is None:
            return False
        adapter, state, note = found
        load_state(self, adapter, state)
        self.progress = Progress(**note["progress"])
        self.arm.reached.update(self.progress.reached)
        self.limits = self.arm.limits
        for _ in range(self.progress.halvings):
            self.limits = self.limits.halved()
        self.events.log(f"Continuing '{self.arm.name}' at step {self.progress.step} of {self.arm.steps}.")
        return True

    def _restart(self) -> None:
        """Back to the adapter's first values: no checkpoint had been written yet."""
        load_state(self, self.first, {f"master.{n}": t.float() for n, t in self.first.items()})
        self.optimizer.state.clear()
        self.arm.reached.clear()
        self.progress = Progress(halvings=self.progress.halvings)

    def save(self) -> None:
        """Writes a checkpoint. A save that fails is said loudly and training goes on; three in a row end the attempt."""
        if not self.ranks.leader:
            return
        try:
            self.checkpoints.save(
                self.progress.step, dict(self.parameters), state_of(self), {"progress": self.progress.as_dict()}
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
        best = self.progress.best_step if self.arm.stage.watch.keep == "best" and self.best else None
        return Outcome(
            self.progress.step, self.progress.tokens, self.progress.seconds, first, last, best, self.ended_early
        )
