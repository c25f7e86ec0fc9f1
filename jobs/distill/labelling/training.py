"""A training stage of a student with a label head, and its control arm: the loop of every other student, another loss."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import stages
from ..arm import Arm
from ..batches import limits_on
from ..errors import PlanRefused
from ..ranks import turns
from ..recipe import Term as TermSpec
from ..recipe import Train
from ..rows import Row
from ..schedules.terms import curves_of
from ..sources.fixed import FixedRows
from ..step import Term
from .combining import Combine
from .labeller import Labeller
from .losses import LabelLosses
from .reading import LabelExample, weighted
from .soft import Voice, column, of_teacher
from .watching import LabelWatcher

if TYPE_CHECKING:
    from ..work import Learner, Work

SHOWN = 5  # row ids in a sentence
VOICES = ("model", "column")
COMBINED = ("mean", "geometric", "reinforced")


def train_stage(work: Work, index: int, stage: Train) -> str:
    """One training stage; returns the name of its stored result."""
    labeller, learner, name = _labeller(work), work.learner(), f"{index:02d}-{stage.learner}"
    work.ended[stage.name] = name
    refuse_stage(stage)
    with turns():
        stored = work.take_stored(name, learner)
        if not stored:
            stages.start_from(work, learner, stage)
        terms = stages.terms_of(stage)
        voices = voices_of(work, stage, terms)
        examples = training_examples(work, stage, voices)
    steps = stages.steps_of(stage, len(examples))
    combine = Combine(
        [v.name for v in voices],
        [m.weight for m in stage.teaching.members],
        stage.teaching.combine,
        work.session.recipe.seed,
    )
    kept: list[LabelLosses] = []
    if not stored:
        work.run(name, _arm(work, learner, stage, examples, steps, terms, combine, kept), learner)
    learner.trained = True
    _tell_weights(work, stage, name, examples, combine, kept)
    work.trained.append((stage, (stages.outcome_of(work.session, name) or {"steps": steps})["steps"]))
    labeller.soft |= {f"{stage.name}/{v.name}": {"rows": len(v.soft), "without": v.silent} for v in voices}
    return name


def refuse_stage(stage: Train) -> None:
    """Raises PlanRefused for the first thing in a stage that only a student that writes can do."""
    parts = [(i, t) for i, t in enumerate(stages.terms_of(stage)) if t.weight]
    for i, term in parts:
        if not serves_labels(term.objective.part):
            raise PlanRefused(
                f"{term.objective.part.title} is made for students that write; a label head has no tokens for it.",
                field=f"terms.{i}.type",
                hint="Use cross-entropy, forward KL or another divergence of probabilities.",
            )
        if term.objective.weighting is not None:
            raise PlanRefused(
                "A label head has no tokens to weigh.", field=f"terms.{i}.weighting", hint="Leave it out."
            )
    for field, wrong, hint in (
        ("source.kind", stage.source.kind != "fixed", "Use fixed: the rows of the data."),
        ("supervise", stage.supervise not in ("answer",), "Use answer: the label."),
        ("mix", stage.mix is not None, "Leave the mix of domains empty."),
        ("order", stage.order != "shuffled", "Use shuffled."),
        ("teaching.privileged", stage.teaching.privileged, "Switch it off."),
        ("teaching.combine", stage.teaching.combine not in COMBINED, f"Use one of {', '.join(COMBINED)}."),
    ):
        if wrong:
            raise PlanRefused(
                f"The stage {stage.name!r} asks for {field}, which only a student that writes can do.",
                field=field,
                hint=hint,
            )
    if any(t.objective.needs_teacher for _, t in parts):
        odd = next((m for m in stage.teaching.members if m.kind not in VOICES), None)
        if odd is not None:
            raise PlanRefused(
                f"A teacher of kind {odd.kind} cannot give soft labels.",
                field="teaching.members",
                hint="Use a model of the recipe, or a column of soft labels.",
            )


def serves_labels(part: Any) -> bool:
    """Whether an objective reads nothing but log-probabilities and labels."""
    return part.scope == "token" and set(part.needs) <= {"teacher", "same_vocabulary", "labels"}


def voices_of(work: Work, stage: Train, terms: Sequence[Term]) -> list[Voice]:
    """The soft labels of every teacher of the stage; none where no term reads them. Silent rows are counted and said."""
    if not any(t.objective.needs_teacher for t in terms):
        return []
    session, labeller = work.session, _labeller(work)
    rows = stages.rows_of(work, stage)
    out = []
    for member in stage.teaching.members:
        with session.timed("teacher"):
            voice = (
                column(member.name, rows, labeller.reader)
                if member.kind == "column"
                else of_teacher(work, member.name, rows, labeller.reader)
            )
        session.events.log(
            f"{voice.name} gives soft labels for {len(voice.soft):,} of {len(rows):,} rows ({voice.how}).",
            "warning" if voice.silent else "info",
        )
        out.append(voice)
    work.drop_teacher()
    if not any(v.soft for v in out):
        names = ", ".join(v.name for v in out)
        raise PlanRefused(
            f"No row has a soft label of {names}.",
            field="teaching.members",
            hint="Map a column to the role soft, choose another way of asking the teacher, or train on hard labels.",
        )
    return out


def training_examples(work: Work, stage: Train, voices: Sequence[Voice]) -> list[LabelExample]:
    """Rows of the stage that have a hard or a soft label. What is left out is counted, said and listed."""
    labeller, session = _labeller(work), work.session
    rows = stages.rows_of(work, stage)
    made, nothing, long = [], [], []
    for row in rows:
        answer = work.written.get(row.row_id, row.answer)
        soft = {v.name: v.soft[row.row_id] for v in voices if row.row_id in v.soft}
        example, lost = labeller.reader.example(row, answer, soft)
        labeller.lost += lost
        if answer is not None and labeller.task == "classify" and example.targets[0] < 0:
            labeller.unmatched.add(row.row_id, answer)
        if session.recipe.data.too_long == "drop" and labeller.reader.encode(labeller.reader.text(row)).cut:
            long.append(row.row_id)
        elif (example.targets >= 0).any() or soft:
            made.append(example)
        else:
            nothing.append(row.row_id)
    _tell(work, len(rows), nothing, long)
    if not made:
        raise PlanRefused(
            f"None of the {len(rows):,} rows of '{stage.name}' has a label.",
            field="data",
            hint="Give rows an answer that is one of the labels, or let a teacher label them first.",
        )
    weights = label_weights(labeller, session.recipe.student.labelling, made)
    return [weighted(e, weights) for e in made]


def _tell(work: Work, rows: int, nothing: Sequence[str], long: Sequence[str]) -> None:
    labeller, events = _labeller(work), work.session.events
    if nothing:
        events.reason("train.rows", f"{rows - len(nothing)} of {rows}", "the others have no label to learn from")
    if long:
        longest = labeller.reader.longest
        events.log(
            f"{len(long)} of {rows} rows are longer than {longest} tokens and are left out, {_shown(long)}.", "warning"
        )
    if labeller.lost:
        first = labeller.lost[0]
        events.log(
            f"{len(labeller.lost)} spans could not be put onto tokens, for example {first.text[:60]!r} of {first.row_id}: {first.why}. "
            "All are listed in outputs/spans-lost.jsonl.",
            "warning",
        )
    if found := labeller.unmatched.rows:
        events.log(
            f"{len(found)} answers name none of the labels, for example {found[0][1][:60]!r} of {found[0][0]}. "
            "All are listed in outputs/answers-unmatched.jsonl.",
            "warning",
        )


def _shown(ids: Sequence[str]) -> str:
    return ", ".join(ids[:SHOWN]) + (" ..." if len(ids) > SHOWN else "")


def label_weights(labeller: Labeller, asked: Any, examples: Sequence[LabelExample]) -> np.ndarray | None:
    """Weight of each label, float32 [L]; None where all count the same."""
    names = labeller.labels.names
    out = np.ones(len(names))
    if asked.class_weights == "balanced":
        found = np.concatenate([e.targets[e.targets >= 0] for e in examples] or [np.zeros(0, dtype=np.int64)])
        count = np.bincount(found, minlength=len(names)).astype(np.float64)
        there = count > 0
        out[there] = count.sum() / (there.sum() * count[there])
    for name, weight in asked.weights.items():
        places = [i for i, n in enumerate(names) if n == name or n[2:] == name and n[:2] in ("B-", "I-")]
        if not places:
            raise PlanRefused(
                f"There is no label {name!r} to weigh; there are: {', '.join(labeller.labels.kinds or names)[:300]}.",
                field="student.labelling.weights",
                hint="Use the names of the labels.",
            )
        out[places] *= weight
    return None if (out == 1).all() else out.astype(np.float32)


def _arm(
    work: Work,
    learner: Learner,
    stage: Train,
    examples: list[LabelExample],
    steps: int,
    terms: list[Term],
    combine: Combine,
    kept: list[LabelLosses],
    phase: str = "train",
) -> Arm:
    session, labeller = work.session, _labeller(work)

    def losses(model: Any) -> LabelLosses:
        kept.append(LabelLosses(model, labeller.task, labeller.pad, terms, combine))
        return kept[-1]

    watched = phase == "train" and stage.watch.every
    return Arm(
        learner.name if phase == "train" else "control",
        phase,
        stage,
        steps,
        terms,
        FixedRows(examples, stage.batch_size, session.recipe.seed),
        limits_on(session.device.type, stage.batch_size, stage.micro_batch),
        session.recipe.seed,
        curves=curves_of(stage.terms),
        watcher=LabelWatcher(work) if watched else None,
        stop=lambda: session.stopping,
        losses=losses,
    )


def _tell_weights(
    work: Work, stage: Train, name: str, examples: list[LabelExample], combine: Combine, kept: list[LabelLosses]
) -> None:
    """How much each teacher counted in the end, over the training rows; kept with the run's results."""
    if len(combine.names) < 2:
        return
    session, labeller = work.session, _labeller(work)
    found = session.results.get(f"{name}-teachers")
    if found is None:
        logs = labeller.logs(work.model, examples)
        shares = combine.shares(examples, logs)
        session.results.put(f"{name}-teachers", {"weights.json": json.dumps(shares).encode()})
    else:
        shares = json.loads((found / "weights.json").read_text())
    labeller.teacher_weights[stage.name] = shares
    shown = ", ".join(f"{n} {w:.2f}" for n, w in shares.items())
    why = "learnt beside the student" if combine.policy is not None else "as the recipe weighs them"
    session.events.reason(f"{stage.name}.teachers", shown, f"mean weight of each teacher over the training rows, {why}")


def train_control(work: Work) -> bool:
    """The same head, adapter, steps and seed; plain cross-entropy on the gold labels. False: there is none, and why is said."""
    session = work.session
    if reason := stages.no_control(work):
        session.events.reason("control", "none", reason)
        return False
    learner, stage = work.learner(), work.trained[-1][0]
    learner.load(learner.start)
    if work.take_stored("control", learner):
        return True
    plain = Train(name="control", rows="labelled", terms=[TermSpec(type="cross-entropy")], **stages.same_as(stage))
    gold: list[Row] = [r for r in work.data_rows if r.labelled]
    labeller = _labeller(work)
    made = [labeller.reader.example(r, r.answer)[0] for r in gold]
    made = [e for e in made if (e.targets >= 0).any()]
    weights = label_weights(labeller, session.recipe.student.labelling, made)
    examples = [weighted(replace(e, soft={}), weights) for e in made]
    terms = stages.plain_terms()
    steps = sum(s for _, s in work.trained)
    work.run("control", _arm(work, learner, plain, examples, steps, terms, Combine([], []), [], "control"), learner)
    return True


def _labeller(work: Work) -> Labeller:
    assert work.labelling is not None
    return work.labelling
