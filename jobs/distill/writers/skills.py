"""Skills found in rows, and new rows that need several of them at once."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field, field_validator

from ..errors import RecipeInvalid
from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Writer, about, new
from .template import Prompt
from .texts import STRING, many, read, record, same, stripped

if TYPE_CHECKING:
    from ..rows import Row

PAPER = Paper(
    title="Instruct-SkillMix: A Powerful Pipeline for LLM Instruction Tuning",
    authors="Kaur, Park, Goyal, Arora",
    year=2024,
    url="https://arxiv.org/abs/2408.14774",
    arxiv="2408.14774",
)
QUERY_KINDS = (
    "asking for information",
    "asking for help with a task",
    "asking for advice",
    "asking to create something",
)
LISTED = 200_000  # combinations that are written out; of more, distinct ones are drawn
SKILLS = record(skills=many(STRING))


class ExtractSkills(Writer):
    """Adds `skills`, a list of names, to each row; question and answer stay."""

    id = "extract-skills"
    title = "Skills of a row"
    summary = "The model names the skills that answering a row needs; they are kept beside the row."
    when_to_use = "Before new rows are made from skills."
    formula = r"S(x, y) \sim p_T(\cdot \mid x, y)"
    paper = PAPER
    variables: ClassVar[dict[str, str]] = {**ROW_VARIABLES, "most": "the option Skills a row"}
    prompts: ClassVar[dict[str, Prompt]] = {
        "skills": Prompt(
            "Question: {{question}}\n\nAnswer: {{answer}}\n\n"
            "Which skills does a good answer to this question show? Name at most {{most}}, each in two to five words, so "
            "general that they can be shown on other subjects too (for example: estimating quantities, writing for a "
            'given reader).\n\nAnswer with JSON: {"skills": ["...", "..."]}'
        ),
    }

    class Options(Options):
        most: int = Field(3, ge=1, le=20, title="Skills a row", description="At most.")

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row = seed.row
        (reply,) = yield [desk.ask("skills", about(row, most=options.most), schema=SKILLS)]
        found = [s.strip() for s in read(reply.text, SKILLS)["skills"] if s.strip()][: options.most]
        return [Made(row.messages, row.answer, {**row.fields, "skills": found}, same=True)]


class SkillMix(Writer):
    """New rows, each from k skills. Combinations are used evenly: no one more than once oftener than another."""

    id = "skill-mix"
    title = "Rows from skills"
    summary = "The model writes a question that needs k given skills at once, and an answer that shows them."
    when_to_use = "Few thousand varied rows are wanted, without questions to start from."
    formula = r"(\hat x, \hat y) \sim p_T(\cdot \mid s_1, \dots, s_k),\quad \{s_1, \dots, s_k\} \sim U\binom{S}{k}"
    paper = PAPER
    variables: ClassVar[dict[str, str]] = {
        "skills": "the skills, one a line",
        "kind": "one of the kinds of question",
        "instruction": "the option Instruction",
        "question": "the question that was written, for the answer",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "question": Prompt(
            "A good answer to the question you will write must show all of these skills:\n{{skills}}\n\n"
            "The person is {{kind}}. What is asked for: {{instruction}}\n\n"
            "Write one question a real person could send, with the details an answer needs. Do not name the skills. "
            "Write the question alone."
        ),
        "answer": Prompt(
            "{{question}}",
            system="Answer as an expert would: right, complete, to the point. Show these skills without naming them:\n{{skills}}",
        ),
    }

    class Options(Options):
        skills: list[str] = Field(
            [],
            max_length=100_000,
            title="Skills",
            description="One a line. Empty: those an earlier stage found in the rows.",
        )
        k: int = Field(2, ge=1, le=5, title="Skills a row")
        number: int = Field(1000, ge=1, le=10_000_000, title="New rows", description="How many are asked for.")
        least: int = Field(
            1, ge=1, le=1_000_000, title="Found at least", description="Skills named by fewer rows are left out."
        )
        most: int = Field(500, ge=2, le=100_000, title="Skills used", description="The ones found most often.")
        kinds: list[str] = Field(
            list(QUERY_KINDS), min_length=1, max_length=100, title="Kinds of question", description="One a line."
        )
        instruction: str = Field("", max_length=20_000, title="Instruction")

        @field_validator("skills")
        @classmethod
        def _are_different(cls, skills: list[str]) -> list[str]:
            twice = [s for s, n in Counter(map(same, skills)).items() if n > 1]
            if twice:
                raise ValueError(f"the skill {twice[0]!r} stands there {Counter(map(same, skills))[twice[0]]} times")
            return skills

    def check(self, options: Any, field: str) -> None:
        if options.skills and len(options.skills) < options.k:
            raise RecipeInvalid(
                f"{field}.skills: {len(options.skills)} skills, and each row needs {options.k}.",
                field=f"{field}.skills",
            )

    def seeds(self, rows: Sequence[Row], options: Any, desk: Desk) -> Iterable[Seed]:
        skills = list(options.skills) or skills_of(rows, options.least, options.most)
        rng = desk.random(Seed("skill-mix"))
        for n, chosen in enumerate(itertools.islice(evenly(skills, options.k, rng), options.number)):
            kind = options.kinds[n % len(options.kinds)]
            yield Seed(f"skills-{n}", (), {"skills": list(chosen), "kind": kind})

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        values = {**seed.values, "instruction": options.instruction}
        (reply,) = yield [desk.ask("question", values)]
        question = stripped(reply.text)
        (reply,) = yield [desk.ask("answer", {**values, "question": question})]
        return [new(question, reply.text, skills=list(seed.values["skills"]), synthetic=True)]


def skills_of(rows: Sequence[Row], least: int = 1, most: int = 500) -> list[str]:
    """The skills that rows carry, most frequent first, each once however it is spelled."""
    counts, spelled = Counter[str](), dict[str, str]()
    for row in rows:
        for skill in row.fields.get("skills") or ():
            spelled.setdefault(same(skill), skill)
            counts[same(skill)] += 1
    return [spelled[s] for s, n in counts.most_common() if n >= least][:most]


def evenly(items: Sequence[str], k: int, rng: random.Random) -> Iterator[tuple[str, ...]]:
    """Endless combinations of k items in an order of chance; each is used n times before any is used n + 1 times. Where
    there are too many to write out, distinct ones are drawn."""
    if len(items) < k:
        return
    if math.comb(len(items), k) <= LISTED:
        every = list(itertools.combinations(items, k))
        while True:
            rng.shuffle(every)
            yield from every
    seen: set[tuple[int, ...]] = set()
    while True:
        chosen = tuple(sorted(rng.sample(range(len(items)), k)))
        if chosen not in seen:
            seen.add(chosen)
            yield tuple(items[i] for i in chosen)
