"""The method picker: every published system as a card, with the reason where the teacher or the data rule it out."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from jobs.distill import recipe as recipes
from jobs.distill.catalog import PARTS, SYSTEMS, System
from jobs.distill.catalog.system import GROUPS
from jobs.distill.plan.compiler import compile as compile_plan
from jobs.distill.plan.facts import Facts
from jobs.distill.recipe import Recipe

from .queries import Check

TEACHER = {
    "none": "no teacher",
    "text": "a teacher that writes",
    "weights": "a teacher whose probabilities can be read",
}
# Refusals of a method's plan that no other setting repairs: the rows or the device rule it out.
BLOCKS = {
    "RATIONALE_MISSING",
    "PAIRS_NOT_IN_DATA",
    "DOMAIN_MISSING",
    "NO_LABELLED_ROWS",
    "MEMORY_TOO_SMALL",
    "KIND_DIFFERENT",
    "TEACHER_TEXT_ONLY",
    "TERM_KIND",
    "SUPERVISE_KIND",
    "CORRECT_KIND",
    "SELECT_KIND",
    "SHAPE_KIND",
    "ADAPTER_KIND",
    "NOISE_KIND",
    "PRUNED_KIND",
    "START_KIND",
    "TERM_NEEDS_WRITER",
    "STAGE_NEEDS_WRITER",
    "STUDENT_CANNOT_WRITE",
}
PLAIN_NAMES = ("teacher", "student", "base", "auto", "online", "recorded")
UNNAMED = Recipe.model_fields["name"].default
KEPT = 64  # comparisons kept in a process, one for each recipe that is being edited
_COMPARED: OrderedDict[str, dict[str, Compared]] = OrderedDict()

GROUP_TITLES = {
    "logits": ("Logits", "The teacher's probabilities, token by token."),
    "answers": ("Answers", "The teacher writes, the student learns from the text."),
    "reasoning": ("Reasoning", "The teacher's reasons and programs, checked before they are learnt."),
    "generation": ("New rows", "A strong model writes questions and documents as well as answers."),
    "self": ("Self-improvement", "The student writes, what survives checking teaches it."),
    "rounds": ("Rounds", "Train, find what is wrong, ask for more of that, again."),
    "on-policy": ("On-policy", "The student writes, the teacher judges."),
    "tokenizers": ("Different tokenizers", "Teacher and student cut text differently."),
    "teachers": (
        "Several or corrected teachers",
        "Assistants, ensembles, teachers that learn too, the learner itself.",
    ),
    "features": ("Features", "Hidden states and attention as well as answers."),
    "preference": ("Preferences", "Pairs and rankings of answers."),
    "labels": ("Labels", "Classifiers and taggers learn from a model that only writes."),
    "tools": ("Tools", "Calls of tools are learnt where they are needed."),
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

    @property
    def is_chosen(self) -> bool:
        """Whether the draft's method is one of these; its group stands open."""
        return any(c.is_chosen for c in self.choices)


@dataclass(frozen=True)
class Choice:
    """One card of the picker. `why_not` is empty where the method can be used."""

    system: System
    needs: str
    cost: str
    why_not: str
    is_chosen: bool
    seconds: float | None = None
    relative: float | None = None  # time to learn, as a multiple of plain fine-tuning with the same settings
    further: tuple[str, ...] = ()  # names of further teachers it wants

    @property
    def paper(self) -> str:
        """Yang et al. 2024."""
        if not self.system.paper:
            return ""
        authors = self.system.paper.authors.split(", ")
        return f"{authors[0] + ' et al.' if len(authors) > 2 else ' and '.join(authors)} {self.system.paper.year}"


@dataclass(frozen=True)
class Compared:
    """What the plan of the same recipe with one method says."""

    seconds: float
    learning: float  # seconds of every stage but the control arm and the evaluation
    blocked: str


def choices(check: Check, chosen: str | None) -> list[Choice]:
    """Usable methods first, in the order of the catalogue."""
    compared = compare(check)
    plain = compared["sft"].learning if "sft" in compared else 0.0
    found = [_choice(s, check, chosen, compared.get(s.id), plain) for s in SYSTEMS.values() if s.status == "works"]
    return sorted(found, key=lambda c: bool(c.why_not) and not c.is_chosen)


def _choice(system: System, check: Check, chosen: str | None, plan: Compared | None, plain: float) -> Choice:
    against = why_not(system, check) or (plan.blocked if plan else "")
    relative = plan.learning / plain if plan and plain else None
    seconds = plan.seconds if plan else None
    further = further_teachers(system)
    return Choice(
        system, needs_words(system), cost_words(system), against, system.id == chosen, seconds, relative, further
    )


def grouped(found: list[Choice]) -> list[Group]:
    """The choices under the headings of their groups, in the catalogue's order of groups."""
    out = ((id, tuple(c for c in found if c.system.group == id)) for id in GROUPS)
    return [Group(id, *GROUP_TITLES[id], choices) for id, choices in out if choices]


def needs_words(system: System) -> str:
    words = [TEACHER[system.needs.teacher]]
    words += ["the same tokenizer"] if system.needs.same_vocabulary else []
    words += ["rows with answers"] if system.needs.labels else []
    words += [f"a further teacher called {name}" for name in further_teachers(system)]
    return ", ".join(words)


def further_teachers(system: System) -> tuple[str, ...]:
    """Names under which its stages ask for models beside teacher and student."""
    named: list[str] = []
    for stage in system.flat:
        named += [
            str(stage.get("learner", "student")),
            str(stage.get("teacher", "teacher")),
            str(stage.get("by", "teacher")),
        ]
        named += [str(check.get("by", "teacher")) for check in stage.get("checks", [])]
        named += [
            str(m.get("name"))
            for m in (stage.get("teaching") or {}).get("members", [])
            if m.get("kind", "model") == "model"
        ]
    return tuple(dict.fromkeys(n for n in named if n not in PLAIN_NAMES))


def cost_words(system: System) -> str:
    """What is computed beside the student's own passes: who reads, who writes, how often."""
    stages, words = system.flat, []
    if system.needs.teacher == "none":
        words.append("No teacher is asked")
    elif any(s["kind"] == "write" for s in stages):
        words.append("The teacher is asked once or more for each row")
    elif any(s["kind"] == "generate" for s in stages):
        words.append("The teacher writes one answer per unlabelled row, once")
    trains = [s for s in stages if s["kind"] == "train"]
    if any((s.get("source") or {}).get("kind") in ("student", "mixed") for s in trains):
        words.append("the student writes answers at its steps")
        words += ["the teacher reads them"] if system.needs.teacher == "weights" else []
    elif system.needs.teacher == "weights":
        words.append(_reading(system))
    if any(s["kind"] == "select" for s in stages):
        words.append("every row is scored before it is chosen")
    words += ["what it wrote is checked"] if any(s["kind"] == "verify" for s in stages) else []
    words += [f"{len(trains)} training stages"] if len(trains) > 1 else []
    words += ["all of it in rounds"] if any(s["kind"] == "loop" for s in stages) else []
    text = "; ".join(words) or "One pass of the student per row"
    return f"{text[0].upper()}{text[1:]}."


def _reading(system: System) -> str:
    """How often the teacher reads a row, from what the terms need."""
    needs = {need for id in system.parts for need in PARTS[id].needs}
    if needs & {"aligned", "live_teacher", "layers"}:
        return "the teacher reads each row beside the student"
    return (
        "the teacher reads each row once; its signals are kept for later runs"
        if "teacher" in needs
        else "the teacher scores the rows once"
    )


def why_not(system: System, check: Check) -> str:
    """One sentence, or "" where nothing speaks against the method."""
    if there := check.found.endpoints.get("teacher"):
        return _behind_address(system, there.name)
    labels = check.verdict is not None and any(
        i.topic == "labels" for i in check.verdict.items
    )  # no tokens are compared
    if system.needs.same_vocabulary and check.verdict and not check.verdict.same_vocabulary and not labels:
        return "Teacher and student have different tokenizers; this method compares their probabilities token by token."
    data = check.found.data_facts
    if system.needs.labels and data is not None and not data.labelled:
        return f"None of the {data.rows:,} rows has an answer; this method learns from given answers only."
    return ""


def _behind_address(system: System, name: str) -> str:
    """A method may need weights and teach itself; then a teacher behind an address only writes, and is no obstacle."""
    members = [m for stage in system.flat for m in (stage.get("teaching") or {}).get("members", [{}])]
    if system.needs.teacher == "weights" and any(m.get("kind", "model") == "model" for m in members):
        return f"{name} is behind an address and gives text only; this method reads the teacher's probabilities or its inside."
    return ""


def compare(check: Check) -> dict[str, Compared]:
    """The plan of the same recipe with each method, where the recipe is complete; kept until models, rows, device or another
    field change."""
    facts: Facts | None = check.found.facts() if check.recipe else None
    if facts is None or check.recipe is None or not check.recipe.method:
        return {}
    base = check.recipe.model_copy(update={"options": {}, "method": "sft", "name": UNNAMED})
    key = _key(base, check, facts)
    if key not in _COMPARED:
        _COMPARED[key] = {s.id: _compared(base, s, facts) for s in SYSTEMS.values() if _comparable(s, facts)}
        while len(_COMPARED) > KEPT:
            _COMPARED.popitem(last=False)
    return _COMPARED[key]


def _comparable(system: System, facts: Facts) -> bool:
    there = facts.teacher or facts.endpoints.get("teacher")
    return system.status == "works" and bool(there or system.needs.teacher == "none")


def _compared(base: Recipe, system: System, facts: Facts) -> Compared:
    plan = compile_plan(base.model_copy(update={"method": system.id}), facts)
    blocked = next((p.message for p in plan.refusals if p.code in BLOCKS), "")
    aside = sum(s.seconds for s in plan.stages if s.kind in ("control", "evaluate"))
    return Compared(plan.seconds, sum(s.seconds for s in plan.stages) - aside, blocked)


def _key(base: Recipe, check: Check, facts: Facts) -> str:
    """What the comparison depends on: everything but the method. The rows' facts stand under their version's number."""
    version = check.found.version.pk if check.found.version else None
    models = [
        facts.student.model_dump_json(),
        *(t.model_dump_json() for t in (facts.teacher, *facts.teachers.values()) if t),
        *(f"{who}: {e.model_dump_json()}" for who, e in facts.endpoints.items()),
    ]
    return repr((recipes.sha256(base), version, facts.data.sha256, facts.device.model_dump_json(), models))
