"""The advisor on a draft: what it already answers, and the ranked methods with what speaks against them here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobs.distill.catalog import SYSTEMS
from jobs.distill.catalog.advice import QUESTIONS, Advised, Question, advise
from jobs.distill.plan.facts import DataFacts, DeviceFacts

from . import methods
from .queries import Check

GIB = 2**30
FEW_LABELS = 0.2  # distinct answers a labelled row, up to which answers are labels
SHORT = 60  # characters of the longest answer of a classification


@dataclass(frozen=True)
class Asked:
    """One question of the page: the chosen answer, and whether the draft gave it."""

    question: Question
    answer: str
    from_draft: bool


@dataclass(frozen=True)
class Ranked:
    advised: Advised
    why_not: str
    further: tuple[str, ...]


def asked(given: Mapping[str, str], known: Mapping[str, str]) -> list[Asked]:
    """The six questions; what a person answers goes before what the draft says. Unknown answers are ignored."""
    out = []
    for question in QUESTIONS:
        allowed = {a.id for a in question.answers}
        said = given.get(question.id, "")
        chosen = said if said in allowed else "" if question.id in given else known.get(question.id, "")
        out.append(Asked(question, chosen, bool(chosen) and chosen == known.get(question.id)))
    return out


def answers(questions: list[Asked]) -> dict[str, str]:
    return {a.question.id: a.answer for a in questions if a.answer}


def ranked(chosen: Mapping[str, str], check: Check | None) -> list[Ranked]:
    """Methods that work for the answers, those that the draft's models and rows rule out last."""
    compared = methods.compare(check) if check else {}

    def against(id: str) -> str:
        if check is None:
            return ""
        return methods.why_not(SYSTEMS[id], check) or (compared[id].blocked if id in compared else "")

    found = [Ranked(a, against(a.id), methods.further_teachers(SYSTEMS[a.id])) for a in advise(chosen)]
    return sorted(found, key=lambda r: bool(r.why_not))


def known(check: Check) -> dict[str, str]:
    """Answers that the draft's teacher, rows and device give."""
    out: dict[str, str] = {}
    if check.found.teacher_facts:
        out["access"] = "weights"
    if "teacher" in check.found.endpoints:
        out["access"] = "text"
    elif check.verdict:
        out["tokenizer"] = "same" if check.verdict.same_vocabulary else "different"
    if data := check.found.data_facts:
        out |= _of_rows(data)
    if check.found.has_worker and check.found.device.memory_bytes:
        out["memory"] = memory_of(check.found.device)
    return out


def memory_of(device: DeviceFacts) -> str:
    if device.kind == "cpu" or device.memory_bytes < 15 * GIB - GIB:
        return "small"
    return "medium" if device.memory_bytes < 36 * GIB else "large"


def _of_rows(data: DataFacts) -> dict[str, str]:
    out = {"rows": "hundreds" if data.train < 1000 else "thousands" if data.train <= 20_000 else "many"}
    extras = data.extras or {}
    if extras.get("rationale"):
        out["task"] = "reason"
    elif data.labelled and data.longest_answer_chars <= SHORT and data.distinct_answers <= FEW_LABELS * data.labelled:
        out["task"] = "classify"
    if extras.get("rejected") or extras.get("ranked"):
        out["check"] = "ranked"
    elif out.get("task") == "classify":
        out["check"] = "exact"
    return out
