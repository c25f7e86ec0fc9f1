"""Rules about settings that nothing would read: a field is carried out or refused, never passed over in silence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from ...recipe import Curve, Generate, Merge, Source, Strict, Teaching, Term, Train
from ..case import Case
from ..findings import Finding, fix, refuse, warn
from ..rows import Rows
from ..words import listed

OWN = ("student", "mixed")
PLACES = ("weight", "temperature")  # of a term; what else may move is a number among its options


def _unused(case: Case, i: int, name: str, owner: Strict, what: str, when: str) -> Iterator[Finding]:
    """One refusal where `name`, as `owner` has it, differs from its default; the fix puts the default back."""
    leaf, model = name.rpartition(".")[2], type(owner)
    value, usual = getattr(owner, leaf), model.model_fields[leaf].get_default(call_default_factory=True)
    if value == usual:
        return
    title = model.model_fields[leaf].title or leaf
    shown = _plain(value)
    yield refuse(
        "SETTING_UNUSED",
        case.field(i, name),
        f"{title} is set to {shown}, but {what}, so nothing would read it. It is for {when}.",
        fix("Leave it out", case.field(i, name), _plain(usual)),
    )


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, Strict) else value


def sources_are_read(case: Case, rows: Rows) -> Iterator[Finding]:
    """What only some kinds of rows have: shares, windows, rewards, examples."""
    for i, stage in case.trains:
        s: Source = stage.source
        own, pairs = s.kind in OWN, s.pairs if s.kind == "pairs" else ""
        readers = {
            "share": (s.kind == "mixed", "rows of kind mixed"),
            "window": (own, "answers the student writes"),
            "replay": (own, "answers the student writes"),
            "fresh": (own and s.replay > 0, "a replay buffer of the student's answers"),
            "reward": (own, "answers the student writes"),
            "reward_model": (own and s.reward == "model", "rewards by a reward model"),
            "kl_bound": (own, "answers the student writes"),
            "correct": (own, "answers the student writes"),
            "wrong_below": (own and s.correct, "the correction of the student's answers"),
            "samples": (own or pairs in ("density_ratio", "demonstrations"), "answers the student writes, density ratios and demonstrations"),
            "temperature": (own or pairs in ("teacher_over_student", "density_ratio"), "answers the student writes"),
            "pairs": (s.kind == "pairs", "rows of kind pairs"),
            "strong": (pairs == "density_ratio", "pairs by density ratio"),
            "weak": (pairs == "density_ratio", "pairs by density ratio"),
            "shots": (pairs == "demonstrations", "pairs of demonstrations"),
        }  # fmt: skip
        for name, (read, when) in readers.items():
            if not read:
                what = f"the rows of '{stage.name}' come from {pairs or s.kind}"
                yield from _unused(case, i, f"source.{name}", s, what, when)


def stages_read_what_they_are_told(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in case.trains:
        told = f"'{stage.name}' learns {stage.supervise}"
        if stage.supervise not in ("rationale", "label+rationale"):
            yield from _unused(case, i, "rationale_prefix", stage, told, "supervise: rationale and label+rationale")
        if stage.supervise != "label+rationale":
            yield from _unused(case, i, "label_share", stage, told, "supervise: label+rationale")
        if stage.supervise not in ("chunks", "shortened"):
            yield from _unused(case, i, "chunks", stage, told, "supervise: chunks and shortened")
        if not stage.watch.every:
            for name in ("keep", "patience"):
                what = f"'{stage.name}' looks at nothing while it trains"
                yield from _unused(case, i, f"watch.{name}", stage.watch, what, "stages with watch.every")
    for i, made in case.generates:
        if made.candidates == 1:
            yield from _unused(case, i, "choose", made, "there is one candidate", "several candidates")
        else:
            yield from _beams(case, i, made)


def _beams(case: Case, i: int, stage: Generate) -> Iterator[Finding]:
    what = f"{stage.candidates} candidates are the likeliest beams, which are not drawn"
    yield from _unused(case, i, "temperature", stage, what, "a single candidate")


def teaching_is_read(case: Case, rows: Rows) -> Iterator[Finding]:
    """Weights, domains and decay that the way of combining does not know; a teaching nobody asks."""
    for i, stage in case.trains:
        teaching: Teaching = stage.teaching
        asked = case.needs(stage, "teacher") or stage.mix is not None
        if not asked:
            what = f"no term of '{stage.name}' asks a teacher"
            for name in ("members", "combine", "privileged", "ema_decay"):
                yield from _unused(case, i, f"teaching.{name}", teaching, what, "terms that compare with a teacher")
            continue
        if all(m.kind != "ema" for m in teaching.members):
            yield from _unused(
                case, i, "teaching.ema_decay", teaching, "no teacher is a moving average", "teachers of kind ema"
            )
        if teaching.combine != "route" or len(teaching.members) == 1:
            what = (
                "one teacher answers for every row"
                if len(teaching.members) == 1
                else f"teachers are combined by {teaching.combine}"
            )
            for k, member in enumerate(teaching.members):
                yield from _unused(case, i, f"teaching.members.{k}.domains", member, what, "combine: route")
        if len(teaching.members) == 1 and teaching.combine == "compose":
            what = "one teacher is composed with nothing"
            yield from _unused(case, i, "teaching.members.0.weight", teaching.members[0], what, "several teachers")


def terms_have_their_rows(case: Case, rows: Rows) -> Iterator[Finding]:
    """A term asked for rows that its stage never has, or for one side of the pairs that it compares."""
    for i, stage in case.trains:
        kind = stage.source.kind
        here = {
            "fixed": ("fixed",),
            "student": ("rollout",),
            "mixed": ("fixed", "rollout"),
            "pairs": ("chosen", "rejected"),
        }[kind]
        for k, term, part in case.terms(stage):
            where, mend = case.field(i, f"terms.{k}.rows"), fix("Use all rows", case.field(i, f"terms.{k}.rows"), "all")
            if term.rows in ("chosen", "rejected") and part.scope == "sequence":
                yield refuse(
                    "ROWS_OF_SEQUENCES", where,
                    f"{part.title} is asked for the {term.rows} rows only, but it compares both sides of a pair.", mend,
                )  # fmt: skip
            elif term.rows in ("fixed", "rollout") and term.rows not in here:
                yield refuse(
                    "TERM_WITHOUT_ROWS", where,
                    f"{part.title} acts on {term.rows} rows, but the rows of '{stage.name}' come from {kind}: it would never act.", mend,
                )  # fmt: skip
            elif {term.rows, stage.rows} == {"labelled", "unlabelled"}:
                yield refuse(
                    "TERM_WITHOUT_ROWS", where,
                    f"{part.title} acts on {term.rows} rows, but '{stage.name}' has {stage.rows} rows only: it would never act.", mend,
                )  # fmt: skip


def curves_can_be_followed(case: Case, rows: Rows) -> Iterator[Finding]:
    """A curve moves something that exists, within its range, with what it follows at hand."""
    for i, stage in case.trains:
        for k, term, part in case.terms(stage):
            for name, curve in term.schedule.items():
                where = case.field(i, f"terms.{k}.schedule")
                yield from _place(where, name, curve, term, part)
                if curve.type == "adaptive" and not stage.watch.every:
                    yield refuse(
                        "ADAPTIVE_UNWATCHED", case.field(i, "watch.every"),
                        f"The {name} of {part.title} follows the watched loss, but nothing is watched in '{stage.name}'.",
                        fix("Look every 50 steps", case.field(i, "watch.every"), 50),
                    )  # fmt: skip
            if "temperature" in term.schedule:
                yield from _moving_temperature(case, i, k, stage, term, part)


def _place(where: str, name: str, curve: Curve, term: Term, part: Any) -> Iterator[Finding]:
    if name in PLACES:
        return
    if name not in part.Options.model_fields:
        known = listed([*PLACES, *part.Options.model_fields])
        yield refuse("CURVE_UNKNOWN", where, f"{part.title} has no {name!r} that could move; it has {known}.")
        return
    values = [v for _, v in curve.points] if curve.type == "steps" else [curve.start, curve.end]
    for value in values:
        try:
            part.Options.model_validate({**term.options, name: value})
        except ValidationError as e:
            said = str(e.errors(include_url=False)[0]["msg"]).removeprefix("Value error, ")
            yield refuse("OPTION_INVALID", where, f"{part.title}, the curve of {name} reaches {value:g}: {said}.")
            return


def _moving_temperature(case: Case, i: int, k: int, stage: Train, term: Term, part: Any) -> Iterator[Finding]:
    if term.t_squared is None:
        where = case.field(i, f"terms.{k}.t_squared")
        yield refuse(
            "T_SQUARED_UNSTATED", where,
            f"The temperature of {part.title} moves, so say whether the term is multiplied by T squared: yes as in Hinton 2015, no as in most current trainers.",
            None if case.asked.method else fix("Multiply by T squared (Hinton)", where, True),
        )  # fmt: skip
    if "teacher" in part.needs and stage.teacher != "online" and case.reads_model(stage):
        where = case.field(i, "teacher")
        yield refuse(
            "TEMPERATURE_NOT_RECORDED", where,
            f"The temperature of {part.title} moves, and recorded signals are exact only at the temperatures they were recorded for.",
            fix("Run the teacher beside the student", where, "online"),
        )  # fmt: skip


def stages_find_each_other(case: Case, rows: Rows) -> Iterator[Finding]:
    """Branches start from training stages that come before; a name that stands twice means neither."""
    ended: dict[str, str] = {}
    for i, stage in enumerate(case.stages):
        if (
            isinstance(stage, Train)
            and stage.start not in ("previous", "fresh")
            and ended.get(stage.start) != stage.learner
        ):
            yield _no_stage(case, i, stage, [n for n, who in ended.items() if who == stage.learner])
        if isinstance(stage, (Train, Merge)):
            if stage.name in ended and _is_named(case, stage.name):
                yield refuse(
                    "STAGE_NAME_TWICE", case.field(i, "name"),
                    f"Two stages are called {stage.name!r}, and another stage names it. Give each a name of its own.",
                )  # fmt: skip
            ended[stage.name] = stage.learner if isinstance(stage, Train) else "student"


def _no_stage(case: Case, i: int, stage: Train, there: list[str]) -> Finding:
    have = listed(there) if there else "none"
    text = f"'{stage.name}' builds on the adapter of {stage.start!r}, but no training stage of that name comes before; there are: {have}."
    return refuse("STAGE_UNKNOWN", case.field(i, "start"), text)


def _is_named(case: Case, name: str) -> bool:
    stages = case.stages
    starts = [s.start for s in stages if isinstance(s, Train)]
    voices = [m.name for s in stages if isinstance(s, Train) for m in s.teaching.members if m.kind == "adapter"]
    return name in starts + voices + [p for s in stages if isinstance(s, Merge) for p in s.parents]


def records_are_read(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, record in case.records:
        after = [s for n, s in case.trains if n > i]
        if not any(case.needs(s, "teacher") and s.teacher != "online" for s in after):
            yield warn(
                "RECORD_UNUSED", case.field(i, "name"),
                f"No stage after '{record.name}' reads recorded signals, so none are recorded.",
            )  # fmt: skip


def training_options_are_taken(case: Case, rows: Rows) -> Iterator[Finding]:
    """What the small form asks and a stage of the system decides for itself."""
    asked = case.asked.train.model_dump(exclude_none=True) if case.asked.method else {}
    if "max_new_tokens" in asked and not case.generates:
        yield warn(
            "TRAIN_OPTION_UNUSED", "train.max_new_tokens",
            "The teacher writes no answers in this method, so the longest teacher answer has no effect.",
        )  # fmt: skip
    for name in (n for n in asked if n in Train.model_fields):
        given = getattr(case.asked.train, name)
        other = [s.name for _, s in case.trains if getattr(s, name) != given]
        if other:
            yield warn(
                "TRAIN_OPTION_UNUSED", f"train.{name}",
                f"{Train.model_fields[name].title or name} as asked is not taken by {listed(repr(n) for n in other)}: the method sets its own there.",
            )  # fmt: skip


RULES = (
    sources_are_read,
    stages_read_what_they_are_told,
    teaching_is_read,
    terms_have_their_rows,
    curves_can_be_followed,
    stages_find_each_other,
    records_are_read,
    training_options_are_taken,
)
