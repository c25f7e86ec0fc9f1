"""The stages of a recipe, one function each: teacher answers, training of an arm, the control."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from .answers import Said, collect, decoding_of
from .arm import Arm
from .asking.request import Request
from .batches import group_count, limits_on
from .beams import chosen_of, collect_beams
from .catalog import objective as build_objective
from .errors import PlanRefused
from .generate import generate as write_answers
from .ranks import turns
from .recipe import Generate, Train
from .recipe import Term as TermSpec
from .rows import Example, Row, tokenise
from .schedules.terms import curves_of
from .selecting import supervised
from .session import Session
from .sources.build import build as build_source
from .sources.fixed import FixedRows
from .sources.pairs import pair_examples
from .sources.student import curves_of_source
from .step import Term
from .students.lora import trainable, training_mode
from .supervise import units
from .teaching import sees_more, teacher_side
from .watching import slice_of
from .work import Learner, Work, outcome_of

__all__ = ["outcome_of", "trainable", "training_mode"]
SHOWN = 5  # row ids in a sentence


def begin(session: Session) -> Work:
    """The student with a fresh adapter, and with a label head where it names instead of writing."""
    from .labelling.labeller import begin as label_head

    work = Work(session)
    work.labelling = label_head(work)
    work.learner()
    return work


# -- teacher answers ----------------------------------------------------------------------------------------------------


def generate(work: Work, stage: Generate) -> None:
    """The teacher answers the rows that need it; an answer cut at its longest never becomes training data."""
    session = work.session
    rows = [r for r in work.train_rows if stage.rows == "all" or not r.labelled]
    session.events.emit("phase", phase="teacher", stage=stage.name, total=len(rows))
    if not rows:
        session.events.log(f"'{stage.name}' has nothing to do: every row has an answer.")
        return
    said = (_asked if stage.teacher in session.endpoints else _said)(work, stage, rows)
    good = {k: s.text for k, s in said.items() if s.finished and s.text.strip()}
    if lost := len(said) - len(good):
        session.events.log(
            f"{lost} of {len(said)} teacher answers were empty or longer than {stage.max_new_tokens} tokens and are left out.",
            "warning",
        )
    work.written.update(good)


def _said(work: Work, stage: Generate, rows: Sequence[Row]) -> dict[str, Said]:
    """Answers of a teacher in memory."""
    session, speaker = work.session, work.teacher_speaker(stage.teacher)
    decoding = decoding_of(speaker, stage.max_new_tokens, stage.temperature, session.recipe.seed)
    if stage.candidates > 1:
        beams = collect_beams(session, speaker, rows, decoding, stage.candidates, "teacher")
        return chosen_of(beams, rows, stage.choose)
    return collect(session, speaker, rows, decoding, stage.batch_size, "teacher")


def _asked(work: Work, stage: Generate, rows: Sequence[Row]) -> dict[str, Said]:
    """Answers of a teacher behind an address; one that is not good counts as not finished."""
    from .pipeline.askers import ask

    asked = [
        Request(
            tuple(dict(m) for m in r.messages), stage.max_new_tokens, stage.temperature, seed=work.session.recipe.seed
        )
        for r in rows
    ]
    replies = ask(work, stage.teacher, asked, stage.name, stage.batch_size)
    return {r.row_id: Said(p.text, p.ok, p.tokens_out) for r, p in zip(rows, replies, strict=True)}


def answered(rows: Sequence[Row], written: dict[str, str]) -> list[Row]:
    """Rows with the answer they are trained on: the teacher's where it wrote one, else the gold one."""
    filled = [replace(r, answer=written.get(r.row_id, r.answer)) for r in rows]
    return [r for r in filled if r.answer is not None]


def examples_of(work: Work, rows: Sequence[Row], what: str, learner: str = "student") -> list[Example]:
    """Rows as token ids of who learns; rows that are too long are counted and said."""
    session, data, reader = work.session, work.session.recipe.data, work.learner(learner).opened
    longest = work.longest(learner)
    made = tokenise(rows, reader.renderer, longest, data.too_long)
    if made.too_long:
        session.events.log(
            f"{len(made.too_long)} of {len(rows)} rows are longer than {longest} tokens and are left out, {made.too_long[0]} among them.",
            "warning",
        )
    if made.truncated:
        session.events.log(f"{made.truncated} prompts were cut on the left to {longest} tokens.", "warning")
    kept = _painted(work, made.examples, what)
    if not kept:
        raise PlanRefused(
            f"No rows are left for {what}.", field="data", hint="Add rows with answers, or raise the longest row."
        )
    return kept


def _painted(work: Work, examples: Sequence[Example], what: str) -> list[Example]:
    """The rows with something left to learn; what is painted, and the rows of which nothing is left, are counted and said."""
    painted = [e.paint for e in examples if e.paint is not None]
    if not painted:
        return list(examples)
    ignored, heavy = sum(int((p == 0).sum()) for p in painted), sum(int((p > 1).sum()) for p in painted)
    events = work.session.events
    events.reason(
        "train.paint",
        f"{len(painted)} of {len(examples)} rows",
        f"{ignored} tokens are not learnt and {heavy} weigh more, as painted in the data, for {what}",
    )
    empty = [e.row_id for e in examples if e.mass == 0]
    if empty:
        shown = ", ".join(empty[:SHOWN]) + (" …" if len(empty) > SHOWN else "")
        are = "row is" if len(empty) == 1 else "rows are"
        events.log(
            f"{len(empty)} {are} left out of {what}: all of the answer is painted as ignored ({shown}).", "warning"
        )
    if len(empty) == len(examples):
        raise PlanRefused(
            f"No row is left for {what}: all {len(empty)} answers are painted as ignored.",
            field="data",
            hint="Leave some of each answer to learn: paint less of it, or choose another version of the data.",
        )
    return [e for e in examples if e.mass > 0]


# -- training an arm ----------------------------------------------------------------------------------------------------


def terms_of(stage: Train) -> list[Term]:
    return [Term(build_objective(t), t.weight, t.rows) for t in stage.terms]


def plain_terms() -> list[Term]:
    """What the control arm learns from: cross-entropy on gold answers."""
    return [Term(build_objective(TermSpec(type="cross-entropy")))]


def steps_of(stage: Train, rows: int) -> int:
    return stage.steps or max(1, math.ceil((stage.epochs or 1) * rows / stage.batch_size))


def rows_of(work: Work, stage: Train) -> list[Row]:
    """The training rows a stage is about, before anybody looks for their answers."""
    rows = [r for r in work.train_rows if stage.rows == "all" or r.labelled == (stage.rows == "labelled")]
    if stage.domains:
        rows = [r for r in rows if work.domains.get(r.row_id, r.fields.get("domain")) in stage.domains]
    if stage.tasks:
        rows = [r for r in rows if r.fields.get("task", "") in stage.tasks]
    if work.chosen is not None:
        weights = work.chosen
        rows = [replace(r, fields={**r.fields, "weight": _weight(r, weights)}) for r in rows if r.row_id in weights]
    return rows


def _weight(row: Row, weights: dict[str, float]) -> float:
    return float(row.fields.get("weight", 1.0)) * weights[row.row_id]


def training_examples(work: Work, stage: Train, name: str = "") -> list[Example]:
    """The rows of a stage that have an answer, gold or written by the teacher, as token ids; pairs where the stage learns
    from pairs, kept under the `name` of its result."""
    rows = rows_of(work, stage)
    if stage.source.kind == "pairs":
        return pair_examples(work, stage, rows, name)
    if stage.source.kind == "student":  # answers are written during training: every row serves by its prompt
        return examples_of(work, [replace(r, answer=r.answer or "") for r in rows], f"'{stage.name}'", stage.learner)
    if stage.supervise != "answer":
        return supervised(work, stage, rows, name)
    with_answers = answered(rows, work.written)
    if len(with_answers) < len(rows):
        work.session.events.reason(
            "train.rows", f"{len(with_answers)} of {len(rows)}", "the others have no answer to learn from"
        )
    return examples_of(work, with_answers, f"'{stage.name}'", stage.learner)


def train_stage(work: Work, index: int, stage: Train) -> str:
    """One training stage; returns the name of its stored result."""
    if work.labelling is not None and stage.learner == "student":
        from .labelling.training import train_stage as train_labeller

        return train_labeller(work, index, stage)
    session, learner = work.session, work.learner(stage.learner)
    name = f"{index:02d}-{stage.learner}"
    work.ended[stage.name] = name
    with turns():
        stored = work.take_stored(name, learner)
        if not stored:
            start_from(work, learner, stage)  # before the rows: pairs may be answers of the learner as it starts
        examples = training_examples(work, stage, name)
        steps = steps_of(stage, group_count(examples) if stage.source.kind == "pairs" else units(stage, examples))
        arm = None if stored else _arm(work, learner, stage, examples, steps, name)
    if arm is not None:
        work.run(name, arm, learner)
    learner.trained = True
    if stage.learner == "student":  # the control gets as many steps as were really taken
        work.trained.append((stage, (outcome_of(session, name) or {"steps": steps})["steps"]))
    return name


def start_from(work: Work, learner: Learner, stage: Train) -> None:
    if stage.start == "fresh":
        learner.load(learner.start)
    elif stage.start != "previous":
        learner.load(work.adapter_of(stage.start))


def _arm(work: Work, learner: Learner, stage: Train, examples: list[Example], steps: int, name: str) -> Arm:
    session, terms = work.session, terms_of(stage)
    taught = teacher_side(work, stage, terms, examples, steps * stage.batch_size / len(examples))
    if stage.teaching.privileged and taught.teacher:
        taught.teacher = sees_more(work, learner, stage, taught.teacher)
    reached: dict[str, float] = {}
    return Arm(
        learner.name,
        "train",
        stage,
        steps,
        terms,
        build_source(work, learner, stage, examples, steps, terms, taught, reached, name),
        limits_on(session.device.type, stage.batch_size, stage.micro_batch, learner.opened.renderer.apart),
        session.recipe.seed,
        taught.teacher,
        taught.shape,
        taught.vocab or learner.opened.vocab,
        curves={**curves_of(stage.terms), **curves_of_source(stage.source)},
        moving=taught.moving,
        decay=taught.decay,
        watcher=slice_of(work, learner.name, work.metric) if stage.watch.every else None,
        on_step=peek(work, steps) if learner.name == "student" else None,
        reached=reached,
        stop=lambda: session.stopping,
    )


def train_control(work: Work) -> bool:
    """The same adapter, steps and seed; plain fine-tuning on the gold answers. False: there is no control, and why is said."""
    session = work.session
    reason = no_control(work)
    if reason:
        session.events.reason("control", "none", reason)
        return False
    learner, stage = work.learner(), work.trained[-1][0]
    steps = sum(s for _, s in work.trained)
    learner.load(learner.start)
    if work.take_stored("control", learner):
        return True
    plain = Train(name="control", rows="labelled", terms=[TermSpec(type="cross-entropy")], **same_as(stage))
    examples = examples_of(work, [r for r in work.data_rows if r.labelled], "the control arm")
    arm = Arm(
        "control",
        "control",
        plain,
        steps,
        plain_terms(),
        FixedRows(examples, plain.batch_size, session.recipe.seed),
        limits_on(session.device.type, plain.batch_size, plain.micro_batch, learner.opened.renderer.apart),
        session.recipe.seed,
        vocab=learner.opened.vocab,
        stop=lambda: session.stopping,
    )
    work.run("control", arm, learner)
    return True


def same_as(stage: Train) -> dict[str, object]:
    """What the control arm has in common with the student's training: optimizer, batch and schedule."""
    names = (
        "steps", "epochs", "batch_size", "micro_batch", "learning_rate", "schedule", "weight_decay", "clip", "reduction",
        "checkpoint_seconds",
    )  # fmt: skip
    return {name: getattr(stage, name) for name in names}


def no_control(work: Work) -> str | None:
    if not work.session.recipe.control:
        return "switched off in the recipe"
    if not any(r.labelled for r in work.session.train_rows):
        return "no row has a gold answer to fine-tune on"
    if not work.trained:
        return "no stage trains the student"
    taught = work.session.recipe.teacher is not None or work.pool is not None
    if not taught and all(t.type == "cross-entropy" for stage, _ in work.trained for t in stage.terms):
        return "plain fine-tuning is its own control"
    return None


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
        room = speaker.renderer.longest_prompt(speaker.context, decoding.max_new_tokens)
        prompts = [speaker.renderer.prompt(r.messages)[-room:] for r in rows]
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
