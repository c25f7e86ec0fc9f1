"""The method picker: every published system as a card, with the reason where the teacher or the data rule it out."""

from __future__ import annotations

from dataclasses import dataclass

from jobs.distill.catalog import SYSTEMS, System
from jobs.distill.catalog.system import GROUPS
from jobs.distill.plan.compiler import compile as compile_plan
from jobs.distill.plan.facts import Facts

from .queries import Check

TEACHER = {
    "none": "no teacher",
    "text": "a teacher that writes",
    "weights": "a teacher whose probabilities can be read",
}
COST = {
    "none": "One forward and backward pass of the student per row.",
    "text": "The teacher writes one answer per unlabelled row, once.",
    "weights": "The teacher reads each row once; its signals are kept for later runs.",
}


GROUP_TITLES = {
    "logits": ("Logits", "The teacher's probabilities, token by token."),
    "answers": ("Answers", "The teacher writes, the student learns from the text."),
    "on-policy": ("On-policy", "The student writes, the teacher judges."),
    "tokenizers": ("Different tokenizers", "Teacher and student cut text differently."),
    "teachers": (
        "Several or corrected teachers",
        "Assistants, ensembles, teachers that learn too, the learner itself.",
    ),
    "features": ("Features", "Hidden states and attention as well as answers."),
    "preference": ("Preferences", "Pairs and rankings of answers."),
    "data": ("Data", "Which rows, rationales and domains to learn from."),
    "shape": ("Shape of the student", "A smaller student is cut from a larger model."),
    "merge": ("Merging", "Several adapters become one."),
    "adapter": ("Adapters", "What is trained beside the frozen weights."),
}


@dataclass(frozen=True)
class Group:
    """Methods of one kind under a heading."""

    id: str
    title: str
    about: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True)
class Choice:
    """One card of the picker. `why_not` is empty where the method can be used."""

    system: System
    needs: str
    cost: str
    why_not: str
    is_chosen: bool
    seconds: float | None = None

    @property
    def paper(self) -> str:
        """Yang et al. 2024."""
        if not self.system.paper:
            return ""
        authors = self.system.paper.authors.split(", ")
        return f"{authors[0] + ' et al.' if len(authors) > 2 else ' and '.join(authors)} {self.system.paper.year}"


def choices(check: Check, chosen: str | None) -> list[Choice]:
    """Usable methods first, in the order of the catalogue."""
    seconds = _estimates(check)
    found = [
        Choice(s, needs_words(s), COST[s.needs.teacher], why_not(s, check), s.id == chosen, seconds.get(s.id))
        for s in SYSTEMS.values()
        if s.status == "works"
    ]
    return sorted(found, key=lambda c: bool(c.why_not) and not c.is_chosen)


def grouped(found: list[Choice]) -> list[Group]:
    """The choices under the headings of their groups, in the catalogue's order of groups."""
    out = ((id, tuple(c for c in found if c.system.group == id)) for id in GROUPS)
    return [Group(id, *GROUP_TITLES[id], choices) for id, choices in out if choices]


def needs_words(system: System) -> str:
    words = [TEACHER[system.needs.teacher]]
    words += ["the same tokenizer"] if system.needs.same_vocabulary else []
    words += ["rows with answers"] if system.needs.labels else []
    return ", ".join(words)


def why_not(system: System, check: Check) -> str:
    """One sentence, or "" where nothing speaks against the method."""
    if system.needs.same_vocabulary and check.verdict and not check.verdict.same_vocabulary:
        return "Teacher and student have different tokenizers; this method compares their probabilities token by token."
    data = check.found.data_facts
    if system.needs.labels and data is not None and not data.labelled:
        return f"None of the {data.rows:,} rows has an answer; this method learns from given answers only."
    return ""


def _estimates(check: Check) -> dict[str, float]:
    """Seconds of the same run with each method, where the recipe is complete."""
    facts: Facts | None = check.found.facts() if check.recipe else None
    if facts is None or check.recipe is None or not check.recipe.method:
        return {}
    out: dict[str, float] = {}
    for system in SYSTEMS.values():
        if system.status == "works" and (facts.teacher or system.needs.teacher == "none"):
            plan = compile_plan(check.recipe.model_copy(update={"method": system.id, "options": {}}), facts)
            out[system.id] = plan.seconds
    return out
