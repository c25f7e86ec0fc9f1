"""Rules about several teachers, assistants, and models of the run that teach themselves."""

from __future__ import annotations

from collections.abc import Iterator

from ...recipe import Merge, Train
from ..capacity import LAW, is_far, nearest
from ..case import Case
from ..findings import Finding, fix, refuse, warn
from ..rows import Rows
from ..words import listed, params


def _uses(case: Case, stage: Train) -> bool:
    """Whether the stage asks its teachers anything."""
    return case.needs(stage, "teacher") or stage.source.correct


def names_are_known(case: Case, rows: Rows) -> Iterator[Finding]:
    """Whoever a stage names is a model of the recipe."""
    known = {"student", "teacher", *case.facts.teachers, *(t.id for t in case.recipe.teachers)}
    for i, stage in case.generates:
        if stage.teacher not in known:
            yield _unknown(case, case.field(i, "teacher"), stage.name, "asks", stage.teacher)
    for i, train in case.trains:
        if train.learner not in known:
            yield _unknown(case, case.field(i, "learner"), train.name, "trains", train.learner)
        for k, member in enumerate(train.teaching.members if _uses(case, train) else []):
            if member.kind == "model" and member.name not in known:
                field = case.field(i, f"teaching.members.{k}.name")
                yield _unknown(case, field, train.name, "learns from", member.name)


def _unknown(case: Case, field: str, stage: str, does: str, name: str) -> Finding:
    have = listed([t.id for t in case.recipe.teachers]) if case.recipe.teachers else "none"
    return refuse(
        "TEACHER_UNKNOWN",
        "teachers" if case.asked.method else field,
        f"'{stage}' {does} a model called {name!r}, and the recipe's further teachers are: {have}. "
        f"Add one under teachers with id {name} and the model it is.",
    )


def further_vocabularies_match(case: Case, rows: Rows) -> Iterator[Finding]:
    """Who teaches by probabilities has the vocabulary of who learns; the pair of main teacher and student has its own rule."""
    for i, stage in case.trains:
        if not any("same_vocabulary" in part.needs for _, _, part in case.terms(stage)):
            continue
        learner = case.model(stage.learner)
        for k, member in enumerate(stage.teaching.members):
            teacher = case.model(member.name) if member.kind == "model" else None
            if (member.name, stage.learner) == ("teacher", "student") or teacher is None or learner is None:
                continue
            if teacher.tokenizer.vocab_sha256 != learner.tokenizer.vocab_sha256:
                yield refuse(
                    "VOCABULARY_DIFFERENT",
                    case.field(i, f"teaching.members.{k}.name"),
                    f"{member.name} and {stage.learner} have different tokenizers, so '{stage.name}' cannot compare their "
                    "probabilities token by token. Choose another model, or let it write answers instead.",
                )


def adapters_come_before(case: Case, rows: Rows) -> Iterator[Finding]:
    """A teacher that is an earlier adapter names a stage before this one, of the same learner."""
    ended: dict[str, str] = {}
    for i, stage in enumerate(case.stages):
        if isinstance(stage, Merge):
            ended[stage.name] = "student"
        if not isinstance(stage, Train):
            continue
        for k, member in enumerate(stage.teaching.members if _uses(case, stage) else []):
            if member.kind == "adapter" and ended.get(member.name) != stage.learner:
                mine = [name for name, who in ended.items() if who == stage.learner]
                yield refuse(
                    "ADAPTER_UNKNOWN",
                    case.field(i, f"teaching.members.{k}.name"),
                    f"'{stage.name}' learns from the adapter of {member.name!r}, but no stage of that name has trained the "
                    f"{stage.learner} before; there are: {listed(mine) if mine else 'none'}.",
                )
        ended[stage.name] = stage.learner


def combination_makes_sense(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in case.trains:
        teaching, members = stage.teaching, stage.teaching.members
        if not _uses(case, stage):
            continue
        if teaching.combine == "compose" and len(members) > 1 and not any(m.weight for m in members):
            yield refuse(
                "TEACHERS_ADD_TO_NOTHING",
                case.field(i, "teaching.members"),
                f"Every coefficient of '{stage.name}' is 0, so its teachers add up to nothing. Give one of them a weight.",
            )
        if teaching.combine == "route" and len(members) > 1:
            yield from _routes(case, i, stage)
        own = [m.kind for m in members if m.kind != "model"]
        if own and stage.teacher == "recorded":
            field = case.field(i, "teacher")
            yield refuse(
                "SIGNALS_OF_LEARNER",
                field,
                f"'{stage.name}' learns from the learner itself ({listed(own)}), which changes as it learns: its signals cannot be recorded.",
                fix("Run it beside the student", field, "online"),
            )


def _routes(case: Case, i: int, stage: Train) -> Iterator[Finding]:
    field, members = case.field(i, "teaching.members"), stage.teaching.members
    named = [d for m in members for d in m.domains]
    if double := sorted({d for d in named if named.count(d) > 1}):
        yield refuse(
            "ROUTE_UNCLEAR",
            field,
            f"Two teachers of '{stage.name}' answer for {listed(double)}. Name each domain once.",
        )
    rest = [m.name for m in members if not m.domains]
    if len(rest) > 1:
        yield refuse(
            "ROUTE_UNCLEAR",
            field,
            f"{listed(rest)} both take all other domains in '{stage.name}'. Leave the domains of one teacher empty at most.",
        )


def learner_differs_from_itself(case: Case, rows: Rows) -> Iterator[Finding]:
    """A fresh adapter's own base, or its moving average, says what the learner says: nothing moves (compiler rule 5)."""
    trained: set[str] = set()
    for i, stage in case.trains:
        fresh = stage.learner not in trained and stage.start in ("previous", "fresh")
        own = all(m.kind in ("base", "ema") for m in stage.teaching.members)
        plain = own and not stage.teaching.privileged and stage.teaching.combine != "compose"
        only = all(
            part.scope == "token" and {"teacher", "same_vocabulary"} <= part.needs and "labels" not in part.needs
            for _, _, part in case.terms(stage)
        )
        if fresh and plain and only and _uses(case, stage):
            yield refuse(
                "TEACHER_IS_STUDENT",
                case.field(i, "teaching.members"),
                f"In '{stage.name}' the {stage.learner} learns from itself before it has learnt anything: both say the same, every "
                "divergence and its gradient is 0. Add a term on the answers, let the teacher see more, or train first.",
            )
        trained.add(stage.learner)


def student_learns(case: Case, rows: Rows) -> Iterator[Finding]:
    if case.trains and all(s.learner != "student" for _, s in case.trains):
        who = listed(dict.fromkeys(s.learner for _, s in case.trains))
        index, stage = case.trains[-1]
        yield refuse(
            "STUDENT_NEVER_LEARNS",
            case.field(index, "learner"),
            f"The stages train {who}, never the student, so there would be no adapter of it. Add a stage whose learner is student.",
        )


def gap_is_bridged(case: Case, rows: Rows) -> Iterator[Finding]:
    """A teacher far larger than the law of the capacity gap likes, and a model of the recipe nearer to it that nobody asks."""
    teacher, student = case.teacher, case.student
    if teacher is None or not is_far(student.parameters, teacher.parameters):
        return
    asked = {m.name for _, s in case.trains for m in s.teaching.members}
    sizes = {name: m.parameters for name, m in case.facts.teachers.items()}
    best = nearest(student.parameters, {**sizes, "teacher": teacher.parameters})
    if best and best != "teacher" and best not in asked:
        yield warn(
            "CAPACITY_GAP",
            "teacher.model",
            f"The teacher has {teacher.parameters / student.parameters:.0f} times the student's parameters. Published experiments find the best "
            f"teacher at about {LAW.best} times; {best} ({params(sizes[best])}) is nearest to it. A chain of assistants can use both.",
        )


RULES = (
    names_are_known,
    further_vocabularies_match,
    adapters_come_before,
    combination_makes_sense,
    learner_differs_from_itself,
    student_learns,
    gap_is_bridged,
)
