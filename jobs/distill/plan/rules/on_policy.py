"""Rules about rows the student writes itself and about the terms that learn from them."""

from __future__ import annotations

from collections.abc import Iterator

from ...recipe import Curve, Train
from ..case import Case
from ..findings import Finding, fix, refuse, warn
from ..rows import Rows

OWN = ("student", "mixed")
SELF = ("base", "ema")


def policies_learn_from_rollouts(case: Case, rows: Rows) -> Iterator[Finding]:
    """A policy gradient on rows that another policy wrote needs importance weights nobody can give (compiler rule 7)."""
    for i, stage in case.trains:
        policy = [part for _, _, part in case.terms(stage) if "rollouts" in part.needs]
        if not policy:
            continue
        if stage.source.kind not in OWN:
            yield refuse(
                "POLICY_OFF_POLICY",
                case.field(i, "source.kind"),
                f"{policy[0].title} learns from answers the student wrote, with their probability at that time; rows of the data have neither.",
                fix("Let the student write", case.field(i, "source.kind"), "student"),
            )
        elif stage.source.correct:
            yield refuse(
                "POLICY_CORRECTED",
                case.field(i, "source.correct"),
                f"{policy[0].title} cannot learn from corrected answers: the teacher's tokens were not drawn from the student.",
                fix("Leave answers as they are", case.field(i, "source.correct"), False),
            )
        elif stage.source.temperature != 1:
            yield warn(
                "POLICY_TEMPERATURE",
                case.field(i, "source.temperature"),
                f"Answers are drawn at temperature {stage.source.temperature:g}, but {policy[0].title} takes them for draws at 1: its gradient is biased.",
                fix("Sample at 1", case.field(i, "source.temperature"), 1.0),
            )


def rewards_can_be_compared(case: Case, rows: Rows) -> Iterator[Finding]:
    """Advantages are differences inside a group: no reward, or a group of one, teaches nothing."""
    for i, stage in case.trains:
        asked = [part for _, _, part in case.terms(stage) if "reward" in part.needs]
        gated = [part for _, t, part in case.terms(stage) if t.options.get("only", "all") != "all"]
        if (asked or gated) and stage.source.reward == "none":
            yield refuse(
                "REWARD_MISSING",
                case.field(i, "source.reward"),
                f"{(asked or gated)[0].title} needs to know which answers are right, and no reward is chosen.",
                fix("Compare with the gold answer", case.field(i, "source.reward"), "exact_match"),
            )
        if asked and stage.source.samples == 1:
            yield refuse(
                "GROUP_OF_ONE",
                case.field(i, "source.samples"),
                f"{asked[0].title} compares the answers to one prompt, but each prompt gets only one: all advantages would be 0.",
                fix("Write 4 answers a prompt", case.field(i, "source.samples"), 4),
            )
        if stage.source.kind in OWN and stage.batch_size % stage.source.samples:
            yield warn(
                "BATCH_NOT_WHOLE",
                case.field(i, "batch_size"),
                f"{stage.batch_size} rows a step are not a multiple of {stage.source.samples} answers a prompt: a step will have {max(1, stage.batch_size // stage.source.samples) * stage.source.samples}.",
            )


def a_self_teacher_differs(case: Case, rows: Rows) -> Iterator[Finding]:
    """A learner compared with itself, before it has moved, has divergence and gradient 0 for ever (compiler rule 5)."""
    begun: set[str] = set()
    for i, stage in case.trains:
        parts = [part for _, _, part in case.terms(stage)]
        fresh = stage.learner not in begun or stage.start == "fresh"
        begun.add(stage.learner)
        if fresh and parts and all(_compares(part) for part in parts) and _is_itself(stage):
            yield refuse(
                "SELF_TEACHER_IDENTICAL",
                case.field(i, "teaching"),
                "The teacher is the learner itself as it starts: every divergence and its gradient are 0, so nothing would be learned. "
                "Let the teacher see the rows' privileged text, choose another teacher, or add a term that learns from answers.",
                fix("Let the teacher see more", case.field(i, "teaching.privileged"), True),
            )


def k3_is_not_reverse_kl(case: Case, rows: Rows) -> Iterator[Finding]:
    """As a loss its gradient is that of forward KL (compiler rule 6; k1 is refused by the term's own options)."""
    for i, stage in case.trains:
        for k, term, part in case.terms(stage):
            if term.options.get("estimator") == "k3":
                yield warn(
                    "K3_AS_LOSS",
                    case.field(i, f"terms.{k}.options.estimator"),
                    f"{part.title} with k3 has the gradient of forward KL, not of reverse KL, when it is used as a loss.",
                    fix("Use k2", case.field(i, f"terms.{k}.options.estimator"), "k2"),
                )


def the_teacher_can_answer(case: Case, rows: Rows) -> Iterator[Finding]:
    """Recorded signals know only the rows they were recorded for; correcting needs a teacher at all."""
    for i, stage in case.trains:
        own = stage.source.kind in OWN
        if stage.teacher == "recorded" and (own or stage.teaching.privileged) and case.needs(stage, "teacher"):
            what = "answers that are not written yet" if own else "prompts that only the teacher reads"
            yield refuse(
                "RECORDED_UNKNOWN_ROWS",
                case.field(i, "teacher"),
                f"Signals cannot be recorded for {what}.",
                fix("Run the teacher beside the student", case.field(i, "teacher"), "online"),
            )
        if own and stage.source.correct and not case.needs(stage, "teacher"):
            yield refuse(
                "CORRECT_WITHOUT_TEACHER",
                case.field(i, "source.correct"),
                "Correcting the student's answers needs a teacher, and no term of this stage has one.",
                fix("Leave answers as they are", case.field(i, "source.correct"), False),
            )


def answers_have_room(case: Case, rows: Rows) -> Iterator[Finding]:
    for i, stage in case.trains:
        new, room = stage.source.max_new_tokens, case.max_length
        if stage.source.kind in OWN and new >= room and not case.student.apart:
            yield refuse(
                "ROLLOUT_TOO_LONG",
                case.field(i, "source.max_new_tokens"),
                f"Answers of up to {new:,} tokens leave no room for a prompt within {room:,} tokens.",
                fix(f"Allow {max(1, room // 2):,}", case.field(i, "source.max_new_tokens"), max(1, room // 2)),
            )


def adaptive_shares_are_watched(case: Case, rows: Rows) -> Iterator[Finding]:
    """An adaptive share moves only when somebody looks at the loss."""
    for i, stage in case.trains:
        moving = [n for n in ("share", "fresh") if _adaptive(getattr(stage.source, n))]
        if moving and stage.source.kind in OWN and not stage.watch.every:
            yield refuse(
                "ADAPTIVE_UNWATCHED",
                case.field(i, "watch.every"),
                f"The {moving[0]} of the student's answers follows the watched loss, but nothing is watched in this stage.",
                fix("Look every 50 steps", case.field(i, "watch.every"), 50),
            )


def _adaptive(value: float | Curve) -> bool:
    return isinstance(value, Curve) and value.type == "adaptive"


def _compares(part: object) -> bool:
    """A divergence from the teacher and nothing else: no label, no reward, no pair."""
    needs: frozenset[str] = getattr(part, "needs", frozenset())
    scope = getattr(part, "scope", "token")
    return "same_vocabulary" in needs and not needs & {"labels", "reward"} and (scope == "token" or "rollouts" in needs)


def _is_itself(stage: Train) -> bool:
    teaching = stage.teaching
    return not teaching.privileged and teaching.combine != "compose" and all(m.kind in SELF for m in teaching.members)


RULES = (
    policies_learn_from_rollouts,
    rewards_can_be_compared,
    a_self_teacher_differs,
    k3_is_not_reverse_kl,
    the_teacher_can_answer,
    answers_have_room,
    adaptive_shares_are_watched,
)
