"""The stages of a recipe, one function each: teacher answers, recorded signals, training of an arm."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from .answers import Said, Speaker, collect, decoding_of
from .batches import limits_on
from .catalog import objective as build_objective
from .errors import PlanRefused
from .generate import generate as write_answers
from .recipe import Generate, Record, Train
from .recipe import Term as TermSpec
from .rows import Example, Row, tokenise
from .session import Opened, Session
from .students.lora import attach, trainable, training_mode
from .teaching import shared_vocabulary, teacher_side
from .train import Arm, Outcome, Term, train


@dataclass
class Work:
    """What the stages of one run build up."""

    session: Session
    student: Opened
    model: Any  # the student's base with the adapter
    start: dict[str, torch.Tensor]  # the adapter before training
    teacher: Opened | None = None
    written: dict[str, str] = field(default_factory=dict)  # row id -> the teacher's answer
    record: Record | None = None
    trained: list[tuple[Train, int]] = field(default_factory=list)  # stage, steps
    teacher_said: dict[str, Said] = field(default_factory=dict)  # on held-out rows

    def open_teacher(self) -> Opened:
        """The teacher in memory; loaded when first asked for."""
        if self.teacher is None:
            self.teacher = self.session.open("teacher")
        return self.teacher

    def drop_teacher(self) -> None:
        self.teacher = None
        self.session.release()

    def teacher_speaker(self) -> Speaker:
        opened = self.open_teacher()
        return Speaker(
            lambda: opened.model,
            opened.renderer,
            opened.context,
            self.session.sources["teacher"].sha256,
            "",
            str(opened.dtype),
        )

    def student_speaker(self, adapter_sha256: str = "") -> Speaker:
        student = self.student
        return Speaker(
            lambda: self.model,
            student.renderer,
            student.context,
            self.session.sources["student"].sha256,
            adapter_sha256,
            str(student.dtype),
        )

    def load_adapter(self, tensors: dict[str, torch.Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in trainable(self.model).items():
                parameter.copy_(tensors[name])


def begin(session: Session) -> Work:
    """The student with a fresh adapter."""
    opened = session.open("student")
    model = attach(opened.model, session.recipe.student.adapter, session.recipe.seed, session.events)
    return Work(session, opened, model, {n: p.detach().clone() for n, p in trainable(model).items()})


# -- teacher answers ----------------------------------------------------------------------------------------------------


def generate(work: Work, stage: Generate) -> None:
    """The teacher answers the rows that need it; an answer cut at its longest never becomes training data."""
    session = work.session
    rows = [r for r in session.train_rows if stage.rows == "all" or not r.labelled]
    session.events.emit("phase", phase="teacher", stage=stage.name, total=len(rows))
    if not rows:
        session.events.log(f"'{stage.name}' has nothing to do: every row has an answer.")
        return
    speaker = work.teacher_speaker()
    decoding = decoding_of(speaker, stage.max_new_tokens, stage.temperature, session.recipe.seed)
    said = collect(session, speaker, rows, decoding, stage.batch_size, "teacher")
    good = {k: s.text for k, s in said.items() if s.finished and s.text.strip()}
    if lost := len(said) - len(good):
        session.events.log(
            f"{lost} of {len(said)} teacher answers were empty or longer than {stage.max_new_tokens} tokens and are left out.",
            "warning",
        )
    work.written.update(good)


def answered(rows: Sequence[Row], written: dict[str, str]) -> list[Row]:
    """Rows with the answer they are trained on: the teacher's where it wrote one, else the gold one."""
    filled = [replace(r, answer=written.get(r.row_id, r.answer)) for r in rows]
    return [r for r in filled if r.answer is not None]


def examples_of(work: Work, rows: Sequence[Row], what: str) -> list[Example]:
    """Rows as token ids of the student; rows that are too long are counted and said."""
    session, data = work.session, work.session.recipe.data
    contexts = [work.student.context] + ([work.teacher.context] if work.teacher else [])
    longest = min([*contexts, data.max_length or contexts[0]])
    made = tokenise(rows, work.student.renderer, longest, data.too_long)
    if made.too_long:
        session.events.log(
            f"{len(made.too_long)} of {len(rows)} rows are longer than {longest} tokens and are left out, {made.too_long[0]} among them.",
            "warning",
        )
    if made.truncated:
        session.events.log(f"{made.truncated} prompts were cut on the left to {longest} tokens.", "warning")
    if not made.examples:
        raise PlanRefused(
            f"No rows are left for {what}.", field="data", hint="Add rows with answers, or raise the longest row."
        )
    return made.examples


# -- training an arm ----------------------------------------------------------------------------------------------------


def terms_of(stage: Train) -> list[Term]:
    return [Term(build_objective(t), t.weight, t.rows) for t in stage.terms]


def plain_terms() -> list[Term]:
    """What the control arm learns from: cross-entropy on gold answers."""
    return [Term(build_objective(TermSpec(type="cross-entropy")))]


def steps_of(stage: Train, rows: int) -> int:
    return stage.steps or max(1, math.ceil((stage.epochs or 1) * rows / stage.batch_size))


def training_examples(work: Work, stage: Train) -> list[Example]:
    """The rows of a stage that have an answer, gold or written by the teacher, as token ids."""
    rows = [r for r in work.session.train_rows if stage.rows == "all" or r.labelled == (stage.rows == "labelled")]
    with_answers = answered(rows, work.written)
    if len(with_answers) < len(rows):
        work.session.events.reason(
            "train.rows", f"{len(with_answers)} of {len(rows)}", "the others have no answer to learn from"
        )
    return examples_of(work, with_answers, f"'{stage.name}'")


def train_student(work: Work, index: int, stage: Train) -> None:
    """One training stage of the student; its result is stored, so a resumed run goes on after it."""
    session = work.session
    examples = training_examples(work, stage)
    steps = steps_of(stage, len(examples))
    work.trained.append((stage, steps))
    name = f"{index:02d}-student"
    if _stored(work, name):
        return
    terms = terms_of(stage)
    side = teacher_side(work, stage, terms, examples, steps * stage.batch_size / len(examples))
    vocab = shared_vocabulary(work, work.teacher) if work.teacher and side else work.student.vocab
    arm = Arm(
        "student",
        "train",
        stage,
        steps,
        terms,
        examples,
        limits_on(session.device.type, stage.batch_size, stage.micro_batch),
        session.recipe.seed,
        side,
        vocab,
        peek(work, steps),
        lambda: session.stopping,
    )
    _run(work, name, arm)


def train_control(work: Work) -> bool:
    """The same adapter, steps and seed; plain fine-tuning on the gold answers. False: there is no control, and why is said."""
    session = work.session
    reason = _no_control(work)
    if reason:
        session.events.reason("control", "none", reason)
        return False
    stage = work.trained[-1][0]
    steps = sum(s for _, s in work.trained)
    work.load_adapter(work.start)
    if _stored(work, "control"):
        return True
    plain = stage.model_copy(update={"name": "control", "rows": "labelled"})
    examples = examples_of(work, [r for r in session.train_rows if r.labelled], "the control arm")
    arm = Arm(
        "control",
        "control",
        plain,
        steps,
        plain_terms(),
        examples,
        limits_on(session.device.type, stage.batch_size, stage.micro_batch),
        session.recipe.seed,
        None,
        work.student.vocab,
        None,
        lambda: session.stopping,
    )
    _run(work, "control", arm)
    return True


def _no_control(work: Work) -> str | None:
    if not work.session.recipe.control:
        return "switched off in the recipe"
    if not any(r.labelled for r in work.session.train_rows):
        return "no row has a gold answer to fine-tune on"
    if work.session.recipe.teacher is None or "teacher" not in work.session.sources:
        return "plain fine-tuning is its own control"
    return None


def _stored(work: Work, name: str) -> bool:
    """Loads an arm's stored result if there is one."""
    found = work.session.results.get(name)
    if found is None:
        return False
    work.load_adapter(load_tensors((found / "adapter.safetensors").read_bytes()))
    work.session.events.log(f"'{name}' was finished in an earlier attempt.")
    return True


def _run(work: Work, name: str, arm: Arm) -> None:
    session = work.session
    training_mode(work.model)
    checkpoints = session.checkpoints(name)
    with session.timed(arm.phase):
        outcome = train(work.model, arm, checkpoints, session.events)
    work.model.eval()
    session.results.put(name, adapter_files(work.model, outcome))
    checkpoints.clear()


def adapter_files(model: Any, outcome: Outcome) -> dict[str, bytes]:
    tensors = {n: p.detach().cpu().contiguous() for n, p in trainable(model).items()}
    return {"adapter.safetensors": save_tensors(tensors), "outcome.json": json.dumps(asdict(outcome)).encode()}


def outcome_of(session: Session, name: str) -> dict[str, Any] | None:
    found = session.results.get(name)
    return json.loads((found / "outcome.json").read_text()) if found else None


def peek(work: Work, steps: int) -> Callable[[int], None]:
    """Shows what the student says on four fixed held-out rows at a quarter, half, three quarters and the end."""
    session = work.session
    rows = session.heldout_rows[:: max(1, len(session.heldout_rows) // 4)][:4]
    points = {max(1, round(steps * share)) for share in (0.25, 0.5, 0.75, 1)}

    def show(step: int) -> None:
        if step not in points:
            return
        work.model.eval()
        speaker = work.student_speaker()
        decoding = decoding_of(speaker, min(64, session.recipe.evaluation.max_new_tokens))
        prompts = [speaker.renderer.prompt(r.messages)[-(speaker.context - decoding.max_new_tokens) :] for r in rows]
        for row, answer in zip(rows, write_answers(speaker.model, prompts, decoding, len(prompts)), strict=True):
            said = work.teacher_said.get(row.row_id)
            session.events.emit(
                "sample",
                step=step,
                row_id=row.row_id,
                prompt=row.question,
                gold=row.answer,
                student=speaker.renderer.decode(answer.ids),
                teacher=said.text if said else None,
            )
        training_mode(work.model)

    return show
