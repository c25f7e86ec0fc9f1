"""What each stage of a run will do, in words and numbers; whether the teacher runs beside the student or was recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..recipe import Generate, Merge, Record, Select, Train
from . import endpoints, memory, time
from .case import Case
from .groups import answers_of, making_seconds
from .memory import Load
from .result import Choice, MemoryPart, StageEstimate
from .rows import Rows, share_kept
from .rules.tokens import whole_distribution
from .shape import passes as shape_passes
from .words import count, listed, params, size
from .writing import learnt, plan_rows

POSITION_BYTES = 24  # of a recorded position beside its ids: counts, log-normaliser, label, entropy, mass, index
SHAPE_ROWS = 8  # read at a time while a shape is measured
WRITING_BATCH = 32  # answers the student writes at a time
DEFAULT_K, TYPICAL_K = 64, 24  # ids a position: the most, and what 0.999 of the mass usually takes


@dataclass
class Work:
    """Collected over the stages: estimates, memory of every phase, choices, disk."""

    stages: list[StageEstimate] = field(default_factory=list)
    phases: list[list[MemoryPart]] = field(default_factory=list)
    choices: list[Choice] = field(default_factory=list)
    resolved: dict[int, dict[str, object]] = field(default_factory=dict)
    disk: int = 0
    recorded: bool = False
    evaluation_batch: int = 1


def plan_stages(case: Case, rows: Rows) -> Work:
    """Every stage, the control arm and the evaluation."""
    work = Work()
    _shape(case, rows, work)
    for i, stage in enumerate(case.stages):
        if isinstance(stage, Generate):
            _generate(case, rows, i, stage, work)
        elif isinstance(stage, Record):
            _record(case, rows, stage.top_k, stage.name, work)
        elif isinstance(stage, Select):
            _select(case, rows, stage, work)
        elif isinstance(stage, Train):
            _train(case, rows, i, stage, work)
        elif not isinstance(stage, Merge):
            plan_rows(case, rows, i, stage, work)
    _control(case, rows, work)
    _evaluate(case, rows, work)
    work.disk += 3 * case.adapter_parameters * 16 + 2 * case.adapter_parameters * 4  # checkpoints, two adapters
    return work


def _shape(case: Case, rows: Rows, work: Work) -> None:
    """The student is made once: the whole model reads some rows, where its shape is measured."""
    shape, whole = case.recipe.student.shape, case.facts.student
    if shape is None:
        return
    read = min(getattr(shape, "rows", 0), rows.train)
    passes = shape_passes(shape, whole.layers)
    parts = memory.alone_parts(case, whole, "student", SHAPE_ROWS, 0, shaped=False)
    work.phases.append(parts)
    work.disk += case.student.weight_bytes
    how = f"The whole model reads {count(read, 'row')} {count(passes, 'time')}" if read else "Nothing is measured"
    work.stages.append(StageEstimate(
        name="student's shape", kind="shape", rows=read, tokens=round(read * passes * case.row_tokens),
        seconds=time.score_seconds(case, whole, read * passes, SHAPE_ROWS) if read else 0.0,
        computes=f"{how}; then a student of {params(case.student.parameters)} parameters is made of {params(whole.parameters)} and saved "
        f"({size(case.student.weight_bytes)}).{_left_open(shape.kind)}",
    ))  # fmt: skip


def _left_open(kind: str) -> str:
    """What only the making will show."""
    return {
        "collapse": " How many layers collapse depends on the measured similarity; this is the least that can be left.",
        "trim_vocab": " How many tokens stay is counted then; the sizes here are the most it can be.",
    }.get(kind, "")


def _generate(case: Case, rows: Rows, index: int, stage: Generate, work: Work) -> None:
    teacher, n = case.teacher, rows.of("unlabelled") if stage.rows == "unlabelled" else rows.train
    if there := case.endpoint(stage.teacher):
        prompt, new = case.lengths.mean_prompt, min(stage.max_new_tokens, case.answer_tokens)
        work.stages.append(StageEstimate(
            name=stage.name, kind="generate", rows=n, tokens=round(n * new),
            seconds=endpoints.seconds(there, n, n * prompt, n * new),
            computes=f"{there.title} is asked for an answer to {count(n, 'row')}, at most {count(stage.max_new_tokens, 'token')} each. Every reply is kept as it arrives and never paid twice.",
        ))  # fmt: skip
        return
    if teacher is None:
        return
    new = min(stage.max_new_tokens, case.answer_tokens)
    batch = _batch(
        case,
        stage.batch_size,
        lambda b: memory.teacher_parts(case, b, stage.max_new_tokens),
        case.field(index, "batch_size"),
        work,
    )
    work.resolved[index] = {"batch_size": batch}
    how = (
        "the most likely token each time" if stage.temperature == 0 else f"sampled at temperature {stage.temperature:g}"
    )
    work.stages.append(StageEstimate(
        name=stage.name, kind="generate", rows=n, tokens=round(n * new), seconds=time.generate_seconds(case, teacher, n, new, batch),
        computes=f"The teacher writes an answer for {count(n, 'row')}, {how}, at most {count(stage.max_new_tokens, 'token')} each. The student is not loaded.",
    ))  # fmt: skip


def _batch(case: Case, asked: int, parts_at: Callable[[int], list[MemoryPart]], field: str, work: Work) -> int:
    """Rows that are answered at a time: as asked, or as many as fit."""
    batch = memory.fitting(case, asked, parts_at)
    work.phases.append(parts_at(batch))
    if batch < asked:
        work.choices.append(
            Choice(
                field=field,
                value=batch,
                why=f"{asked:,} answers at a time would not fit into the device's memory; {batch:,} do.",
            )
        )
    return batch


def _record(case: Case, rows: Rows, top_k: int, name: str, work: Work) -> None:
    """Recording happens once a run, whatever asks for it."""
    teacher, known = case.teacher, case.facts.signals
    if teacher is None or work.recorded:
        return
    work.recorded = True
    n = rows.train
    missing = max(0, n - known.rows) if known.of or known.rows else n
    positions = round(missing * case.answer_tokens)
    disk = positions * (min(top_k, TYPICAL_K) * memory.SIGNAL_BYTES + POSITION_BYTES)
    work.disk += disk
    if missing:
        work.phases.append(memory.teacher_parts(case, 16))
        text = f"The teacher reads {count(missing, 'row')} once and keeps at most {top_k} token probabilities of each of about {positions:,} positions (about {size(disk)}). Later runs reuse them."
    else:
        text = f"Signals of all {count(n, 'row')} are already recorded: the teacher is not loaded."
    work.stages.append(
        StageEstimate(
            name=name,
            kind="record",
            rows=missing,
            tokens=round(missing * case.row_tokens),
            seconds=time.score_seconds(case, teacher, missing, 16),
            computes=text,
        )
    )


def _select(case: Case, rows: Rows, stage: Select, work: Work) -> None:
    """Each model that scores the rows reads them once, alone."""
    readers, spent = case.readers(stage), 0.0
    for who in readers:
        model = case.student if who in ("base", "student") else case.model(who)
        if model is not None:
            spent += time.score_seconds(case, model, rows.train, 16)
            work.phases.append(memory.alone_parts(case, model, who, 16, 0))
    names = listed("the student as it starts" if who == "base" else f"the {who}" for who in readers)
    how = (
        f"{names[0].upper()}{names[1:]} {'read' if len(readers) > 1 else 'reads'} every row once; then"
        if readers
        else "No model is needed:"
    )
    kept = max(1, round(rows.train * share_kept(stage)))
    work.stages.append(StageEstimate(
        name=stage.name, kind="select", rows=rows.train, tokens=round(rows.train * case.row_tokens * len(readers)), seconds=spent,
        computes=f"{how} at most {count(kept, 'row')} of {rows.train:,} stay for the stages that follow; the others are listed.",
    ))  # fmt: skip


def teachers_of(stage: Train) -> tuple[str, ...]:
    """Names of the models that a stage learns from; the learner's own base, average and adapters take no room of their own."""
    return tuple(dict.fromkeys(m.name for m in stage.teaching.members if m.kind == "model"))


def _record_further(case: Case, n: int, stage: Train, top_k: int, work: Work) -> None:
    """Each further teacher of a stage reads its rows once, alone in memory."""
    for name in teachers_of(stage):
        model = case.model(name)
        if name == "teacher" or model is None or f"record signals of {name}" in {s.name for s in work.stages}:
            continue
        positions = round(n * case.answer_tokens)
        work.disk += positions * (min(top_k, TYPICAL_K) * memory.SIGNAL_BYTES + POSITION_BYTES)
        work.stages.append(StageEstimate(
            name=f"record signals of {name}", kind="record", rows=n, tokens=round(n * case.row_tokens),
            seconds=time.score_seconds(case, model, n, 16),
            computes=f"{name} reads {count(n, 'row')} once and keeps at most {top_k} token probabilities of each position. Later runs reuse them.",
        ))  # fmt: skip


def _train(case: Case, rows: Rows, index: int, stage: Train, work: Work) -> None:
    n, times = learnt(case, rows, index, stage), case.rounds[index]
    uses_teacher = case.needs(stage, "teacher") and case.teacher is not None
    source = _signals(case, n, index, stage, work) if uses_teacher else "none"
    top_k = next((r.top_k for _, r in case.records), DEFAULT_K)
    if source == "recorded":
        if "teacher" in teachers_of(stage):
            _record(case, rows, top_k, "record signals", work)
        _record_further(case, n, stage, top_k, work)

    def parts_at(micro: int) -> list[MemoryPart]:
        kept = top_k if source == "recorded" else 0
        return memory.train_parts(case, Load(micro, source == "online", kept, teachers_of(stage), stage.learner, stage))

    micro = stage.micro_batch or _micro(case, index, stage, parts_at, work)
    work.phases.append(parts_at(micro))
    if source == "online":
        for name in teachers_of(stage):
            if case.places.get(name) == "own" and (away := case.model(name)):
                work.phases.append(memory.alone_parts(case, away, name, micro, 0))
    steps = case.steps(stage, n)
    seen = steps * stage.batch_size * answers_of(stage)
    if uses_teacher:
        work.resolved.setdefault(index, {})["teacher"] = source
    work.resolved.setdefault(index, {})["micro_batch"] = micro
    work.stages.append(StageEstimate(
        name=stage.name, kind="train", steps=steps * times, rows=n, tokens=round(seen * times * case.row_tokens),
        seconds=times * (time.train_seconds(case, seen, micro, online=source == "online") + _writing_seconds(case, stage, seen)
        + making_seconds(case, stage, n)),
        computes=_computes(case, stage, source, n, steps, micro),
    ))  # fmt: skip


def _writing_seconds(case: Case, stage: Train, seen: int) -> float:
    """Time the student writes: every row of its share, as if each answer were half as long as it may be."""
    asked = stage.source
    if asked.kind not in ("student", "mixed"):
        return 0.0
    share = 1.0 if asked.kind == "student" else asked.share if isinstance(asked.share, float) else asked.share.end
    return time.generate_seconds(case, case.student, seen * share, asked.max_new_tokens / 2, WRITING_BATCH)


def _micro(case: Case, index: int, stage: Train, parts_at: Callable[[int], list[MemoryPart]], work: Work) -> int:
    micro, why = memory.choose_micro_batch(case, stage, parts_at)
    work.choices.append(
        Choice(
            field=case.field(index, "micro_batch"),
            value=micro,
            why=f"{why[0].upper()}{why[1:]}. It does not change the result.",
        )
    )
    return micro


def _signals(case: Case, n: int, index: int, stage: Train, work: Work) -> str:
    """online or recorded, with the reason when it was left to us."""
    if stage.teacher != "auto":
        return stage.teacher
    if stage.source.kind != "fixed" or stage.teaching.privileged:
        kinds = {"fixed": "It reads other prompts.", "pairs": "Pairs are put together when the stage begins."}
        why = kinds.get(stage.source.kind, "The student's own answers are new each time.")
        work.choices.append(
            Choice(field=case.field(index, "teacher"), value="online", why=f"{why} The teacher runs beside it.")
        )
        return "online"
    choice, why = _choose_signals(case, n, stage)
    work.choices.append(Choice(field=case.field(index, "teacher"), value=choice, why=why))
    return choice


def _choose_signals(case: Case, n: int, stage: Train) -> tuple[str, str]:
    if case.needs(stage, "aligned"):
        return (
            "online",
            "The teacher reads each row in its own tokens beside the student, so there are no signals to keep.",
        )
    if whole := next((p.title for _, t, p in case.terms(stage) if whole_distribution(t, p)), None):
        return "online", f"{whole} reads the teacher's whole distribution, which recorded signals do not hold."
    known, passes = case.facts.signals, case.passes(stage, n)
    if case.records:
        return "recorded", "The recipe records the teacher's signals first."
    if known.rows and known.rows >= n:
        return "recorded", f"The teacher's signals for all {count(n, 'row')} are already recorded."
    micro = stage.micro_batch or 1
    beside = memory.total(memory.train_parts(case, Load(micro, True, 0, teachers_of(stage), stage.learner, stage)))
    if memory.usable(case) and beside > memory.usable(case):
        return (
            "recorded",
            f"Teacher and student together would need {size(beside)}, the device has {size(case.facts.device.memory_bytes)}: the teacher works first, then leaves.",
        )
    if passes > 1.2:
        return (
            "recorded",
            f"Each row is seen {passes:.1f} times: asking the teacher once and keeping the answer is cheaper.",
        )
    return (
        "online",
        "Each row is seen about once: the teacher runs beside the student, exact over the whole vocabulary.",
    )


def _computes(case: Case, stage: Train, source: str, n: int, steps: int, micro: int) -> str:
    titles = listed(f"{part.title.lower() if part.title.istitle() else part.title}" for _, _, part in case.terms(stage))
    forwards = -(-stage.batch_size // max(1, micro))
    text = f"{count(steps, 'step')} of {count(stage.batch_size, 'row')} ({count(forwards, 'forward')} each) over {count(n, 'row')}: {titles or 'no objective'}."
    if source == "online" and "own" in case.places.values():
        return f"{text} The teacher runs on a GPU of its own and sends its states at answer tokens; its output layer is read where the student trains."
    if source == "online":
        return f"{text} The teacher runs beside the student; both share one pass over the output layer at answer tokens only."
    if source == "recorded":
        return f"{text} The teacher's recorded probabilities are read from disk; the teacher is not loaded."
    return f"{text} No teacher is loaded."


def _control(case: Case, rows: Rows, work: Work) -> None:
    """The control arm: the same number of steps, plain fine-tuning, labelled rows."""
    if not case.recipe.control or not rows.labelled:
        return
    steps = sum(s.steps for s in work.stages if s.kind == "train")
    if not steps:
        return
    index, stage = case.trains[0]
    micro = int(str(work.resolved.get(index, {}).get("micro_batch", stage.micro_batch or 1)))
    seen = steps * stage.batch_size
    work.stages.append(StageEstimate(
        name="control arm", kind="control", steps=steps, rows=rows.labelled, tokens=round(seen * case.row_tokens),
        seconds=time.train_seconds(case, seen, micro, online=False),
        computes=f"The same adapter from the same start, plain fine-tuning on the {count(rows.labelled, 'labelled row')} for {count(steps, 'step')}: what distillation must beat.",
    ))  # fmt: skip


def _evaluate(case: Case, rows: Rows, work: Work) -> None:
    settings, n = case.recipe.evaluation, rows.heldout
    new = min(float(settings.max_new_tokens), case.answer_tokens)
    arms = [case.student] * (3 if case.recipe.control else 2) + ([case.teacher] if case.teacher else [])
    batch = work.evaluation_batch = _batch(
        case, settings.batch_size, lambda b: memory.evaluation_parts(case, b), "evaluation.batch_size", work
    )
    spent = sum(time.generate_seconds(case, m, n, new, batch) for m in arms) + time.LOAD.get(
        case.facts.device.kind, 6.0
    )
    names = ["base", "student"] + (["control"] if case.recipe.control else []) + (["teacher"] if case.teacher else [])
    work.stages.append(StageEstimate(
        name="evaluate", kind="evaluate", rows=n, tokens=round(n * new * len(arms)), seconds=spent,
        computes=f"{listed(names).capitalize()} each answer the {count(n, 'held-out row')}; the score comes with a 95 % interval from {settings.bootstrap:,} resamples.",
    ))  # fmt: skip
