"""The advisor: six questions, rules as data (`rules.yaml`), a ranked list with reasons and papers. Light: no torch.

    advise({"access": "weights", "task": "classify", ...}) -> [Advised, ...]    best first, what cannot work left out

Questions may stay open: rules that ask about them do not fire.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from ...errors import RecipeInvalid
from ..system import System
from ..tables import SYSTEMS


class Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(Data):
    id: str
    title: str


class Question(Data):
    """One of the six; its answers in the order of the page."""

    id: str
    title: str
    help: str
    answers: tuple[Answer, ...]

    @model_validator(mode="before")
    @classmethod
    def _answers_as_map(cls, data: Any) -> Any:
        answers = data["answers"]
        return (
            {**data, "answers": [{"id": k, "title": v} for k, v in answers.items()]}
            if isinstance(answers, dict)
            else data
        )


class Source(Data):
    title: str
    url: str


class Rule(Data):
    """Points for some systems, with one sentence and the paper behind it."""

    when: dict[str, tuple[str, ...]]
    points: dict[str, int]
    because: str
    cite: str | Source

    @property
    def source(self) -> Source:
        """The cited paper. A system that is named here has one (a test says so)."""
        if isinstance(self.cite, Source):
            return self.cite
        paper = SYSTEMS[self.cite].paper
        return Source(title=f"{paper.title}, {paper.year}", url=paper.url) if paper else Source(title=self.cite, url="")

    def fires(self, answers: Mapping[str, str]) -> bool:
        return all(answers.get(question) in allowed for question, allowed in self.when.items())


class Reason(Data):
    text: str
    points: int
    paper: str
    url: str


class Advised(Data):
    """A method with its points and every reason that gave it some."""

    id: str
    title: str
    question: str
    score: int
    reasons: tuple[Reason, ...]


def _load(path: Path) -> tuple[tuple[Question, ...], tuple[Rule, ...], dict[str, str]]:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    rules = tuple(Rule.model_validate({"points": r.pop("for"), **r}) for r in data["rules"])
    return tuple(Question.model_validate(q) for q in data["questions"]), rules, dict(data["never"])


QUESTIONS, RULES, NEVER = _load(Path(__file__).parent / "rules.yaml")


def advise(answers: Mapping[str, str]) -> list[Advised]:
    """Methods that something speaks for and nothing rules out, most points first, then in the catalogue's order.

    Raises RecipeInvalid for a question or an answer that does not exist.
    """
    check(answers)
    reasons: dict[str, list[Reason]] = {}
    for rule in RULES:
        if rule.fires(answers):
            for id, points in rule.points.items():
                source = rule.source
                reasons.setdefault(id, []).append(
                    Reason(text=rule.because, points=points, paper=source.title, url=source.url)
                )
    found = [_advised(SYSTEMS[id], why) for id, why in reasons.items() if not ruled_out(SYSTEMS[id], answers)]
    order = {id: place for place, id in enumerate(SYSTEMS)}
    return sorted(found, key=lambda a: (-a.score, order[a.id]))


def ruled_out(system: System, answers: Mapping[str, str]) -> str:
    """Why the method cannot be used with these answers; "" where nothing speaks against it."""
    access, needs = answers.get("access"), system.needs
    if access == "none" and needs.teacher != "none":
        return "It needs a teacher."
    if access == "text" and needs.teacher == "weights":
        return "It reads the teacher's probabilities, and only its text is at hand."
    if access == "weights" and answers.get("tokenizer") == "different" and needs.same_vocabulary:
        return "It compares probabilities token by token, and the tokenizers differ."
    return ""


def check(answers: Mapping[str, str]) -> None:
    """Raises RecipeInvalid, naming what there is, for a question or an answer that does not exist."""
    known = {q.id: [a.id for a in q.answers] for q in QUESTIONS}
    for question, answer in answers.items():
        if question not in known:
            raise RecipeInvalid(
                f"There is no question {question[:40]!r}.", field=question[:40], hint=f"One of {', '.join(known)}."
            )
        if answer not in known[question]:
            raise RecipeInvalid(
                f"{question}: {str(answer)[:40]!r} is no answer.",
                field=question,
                hint=f"One of {', '.join(known[question])}.",
            )


def _advised(system: System, reasons: list[Reason]) -> Advised:
    best = tuple(sorted(reasons, key=lambda r: -r.points))
    score = sum(r.points for r in reasons)
    return Advised(id=system.id, title=system.title, question=system.question, score=score, reasons=best)
