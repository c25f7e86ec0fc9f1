"""Rules about students that name instead of writing: what a label head can learn from, and what only writers can do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...recipe import Merge, Prefer, Record, Select, Train, Write
from ...recipe.adapter import FROM_ROWS
from ..case import Case
from ..findings import Finding, fix, refuse, warn
from ..rows import Rows

COMBINED = ("mean", "geometric", "reinforced")
VOICES = ("model", "column")
PLAIN = "sft"
FEW_ROWS = 5  # a label, on average


def reads_labels(part: Any) -> bool:
    """Whether an objective reads nothing but log-probabilities and the label: such a one serves a label head."""
    return part.scope == "token" and set(part.needs) <= {"teacher", "same_vocabulary", "labels"}


# -- for every student ----------------------------------------------------------------------------------------------


def task_suits_student(case: Case, rows: Rows) -> Iterator[Finding]:
    kind, task = case.student.kind, case.recipe.student.task
    if kind == "encoder" and task == "generate":
        yield refuse(
            "STUDENT_CANNOT_WRITE",
            "student.task",
            "The student is an encoder: it reads text and cannot write. It can classify and tag.",
            fix("Let it classify", "student.task", "classify"),
        )
    if kind == "encoder-decoder" and task in ("classify", "tag"):
        yield refuse(
            "STUDENT_HAS_NO_HEAD",
            "student.task",
            "An encoder-decoder has no place for a label head here: it writes the label as text.",
            fix("Let it write", "student.task", "generate"),
        )


def labels_are_for_labellers(case: Case, rows: Rows) -> Iterator[Finding]:
    """Soft labels of columns and the policy that chooses teachers, for a student that writes."""
    if case.labels:
        return
    for i, stage in case.trains:
        if any(m.kind == "column" for m in stage.teaching.members):
            yield refuse(
                "COLUMN_TEACHER",
                case.field(i, "teaching.members"),
                "Soft labels of a column teach classifiers and taggers; this student writes.",
                fix("Let it classify", "student.task", "classify") if case.student.kind == "causal" else None,
            )
        if stage.teaching.combine == "reinforced":
            yield refuse(
                "REINFORCED_TEACHERS",
                case.field(i, "teaching.combine"),
                "The policy that chooses a teacher for each row is made for classifiers and taggers; this student writes.",
                fix("Take the mean", case.field(i, "teaching.combine"), "mean") if not case.asked.method else None,
            )


# -- for students with a label head ---------------------------------------------------------------------------------


def terms_read_labels(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in _students(case):
        for k, term, part in case.terms(stage):
            where = case.field(i, f"terms.{k}.type")
            if not reads_labels(part):
                yield refuse(
                    "TERM_NEEDS_WRITER",
                    "method" if case.asked.method else where,
                    f"{part.title} is made for students that write; a label head has no tokens, answers or inner states for it. "
                    "Cross-entropy and the divergences of probabilities work.",
                    fix("Learn from the labels", "method", PLAIN)
                    if case.asked.method
                    else fix("Use cross-entropy", where, "cross-entropy"),
                )
            if term.weighting is not None:
                where = case.field(i, f"terms.{k}.weighting")
                yield refuse(
                    "TERM_NEEDS_WRITER", where, "A label head has no tokens to weigh.", fix("Leave it out", where, None)
                )


def stages_suit_labels(case: Case, rows: Rows) -> Iterator[Finding]:
    """What a training stage asks for that only a writer can do."""
    for i, stage in _students(case):
        for name, wrong, usual, what in (
            ("source.kind", stage.source.kind != "fixed", "fixed", "It writes no answers of its own"),
            ("supervise", stage.supervise != "answer", "answer", "It learns the label, no reasoning and no raw text"),
            (
                "mix",
                stage.mix is not None,
                None,
                "A mix that follows probabilities of written answers has none to follow",
            ),
            (
                "order",
                stage.order != "shuffled",
                "shuffled",
                "A curriculum by the loss of written answers has none to follow",
            ),
            ("teaching.privileged", stage.teaching.privileged, False, "Its teacher gives labels beforehand"),
            ("teaching.combine", stage.teaching.combine not in COMBINED, "mean", "Soft labels are averaged or chosen"),
        ):
            if wrong:
                where = case.field(i, name)
                yield refuse(
                    "STAGE_NEEDS_WRITER",
                    where,
                    f"This student names labels. {what}, so {name} cannot be as it is.",
                    fix(f"Set to {usual if usual is not None else 'nothing'}", where, usual)
                    if where != "method"
                    else fix("Learn from the labels", "method", PLAIN),
                )
        if case.needs(stage, "teacher") and (
            odd := next((m for m in stage.teaching.members if m.kind not in VOICES), None)
        ):
            yield refuse(
                "STAGE_NEEDS_WRITER",
                case.field(i, "teaching.members"),
                f"A teacher of kind {odd.kind} cannot give soft labels; a model of the recipe or a column of the data can.",
            )
    for i, other in enumerate(case.recipe.stages):
        if (
            isinstance(other, (Record, Select, Merge, Prefer))
            or isinstance(other, Write)
            and other.by in ("student", "base")
        ):
            yield refuse(
                "STAGE_NEEDS_WRITER",
                "method" if case.asked.method else f"stages.{i}",
                f"The stage {other.name!r} ({other.kind}) is made for students that write.",
                fix("Learn from the labels", "method", PLAIN) if case.asked.method else None,
            )


def adapter_suits_labels(case: Case, rows: Rows) -> Iterator[Finding]:
    a = case.recipe.student.adapter
    for name, wrong, usual, what in (
        (
            "head",
            a.head,
            False,
            "There is no output layer over tokens; the layer over the labels is trained whole anyway",
        ),
        ("type", a.type == "clover", "lora", "CLOVER is made for students that write"),
        ("start", a.start in FROM_ROWS, "default", f"First values of kind {a.start} are read from written answers"),
        ("noise", a.noise is not None, None, "Noise on the embeddings is made for students that write"),
        ("pruned", bool(a.pruned), 0.0, "Pruned training is made for students that write"),
    ):
        if wrong:
            where = f"student.adapter.{name}"
            yield refuse("ADAPTER_NEEDS_WRITER", where, f"{what}.", fix("Leave it out", where, usual))
    if case.student.kind == "encoder" and case.recipe.student.shape is not None:
        yield refuse(
            "SHAPE_NEEDS_WRITER",
            "student.shape",
            "Shapes are cut from students that write.",
            fix("Leave it out", "student.shape", None),
        )


def teachers_can_label(case: Case, rows: Rows) -> Iterator[Finding]:
    asked = case.recipe.student.labelling
    for _, stage in _students(case):
        if not case.needs(stage, "teacher"):
            continue
        for m in stage.teaching.members:
            model = case.model(m.name) if m.kind == "model" else None
            if model is not None and model.kind == "encoder":
                yield refuse(
                    "TEACHER_CANNOT_WRITE",
                    case.recipe.field_of(m.name),
                    "This teacher is an encoder without labels of its own. A teacher writes, or its soft labels come as a column.",
                )
            away = m.kind == "model" and case.endpoint(m.name) is not None
            if away and asked.teacher == "likelihood" or m.kind == "model" and not away and asked.teacher == "logprobs":
                yield refuse(
                    "SOFT_LABELS_UNKNOWN",
                    "student.labelling.teacher",
                    "An endpoint does not tell how probable it finds each label."
                    if away
                    else "Log-probabilities of a first token are what an endpoint reports; a model in memory is read whole.",
                    fix("Choose automatically", "student.labelling.teacher", "auto"),
                )
    if case.recipe.evaluation.metric not in ("auto", "exact_match"):
        yield refuse(
            "METRIC_NEEDS_WRITER",
            "evaluation.metric",
            "Classifiers are judged by right labels, taggers by strict F1 of spans.",
            fix("Choose automatically", "evaluation.metric", "auto"),
        )


def labels_have_rows(case: Case, rows: Rows) -> Iterator[Finding]:
    """A list of labels as long as the rows is no list of labels."""
    data, task = case.facts.data, case.recipe.student.task
    if task == "tag" or case.recipe.student.labelling.labels or not rows.labelled or not data.distinct_answers:
        return
    if data.distinct_answers * 2 > data.labelled and data.distinct_answers > 20:
        yield warn(
            "LABELS_MANY",
            "student.task",
            f"{data.distinct_answers:,} different answers in {data.labelled:,} labelled rows: these look like texts, not labels. "
            "A classifier cannot name what it has seen once.",
            fix("Let it write", "student.task", "generate") if case.student.kind == "causal" else None,
        )
    elif rows.labelled < FEW_ROWS * data.distinct_answers:
        yield warn(
            "LABELS_FEW_ROWS",
            "data.dataset",
            f"{rows.labelled:,} labelled training rows for {data.distinct_answers:,} labels: about {rows.labelled / data.distinct_answers:.0f} each. Rare labels will stay weak.",
        )


def _students(case: Case) -> list[tuple[int, Train]]:
    return [(i, s) for i, s in case.trains if s.learner == "student"]


EVERY = (task_suits_student, labels_are_for_labellers)
LABELS = (terms_read_labels, stages_suit_labels, adapter_suits_labels, teachers_can_label, labels_have_rows)
