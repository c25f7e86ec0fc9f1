"""One recipe with its facts, and the questions every part of the compiler asks about them. Nothing here decides."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..models.positions import window
from ..recipe import Generate, Loop, Prefer, Recipe, Record, Select, Term, Train, TrainOptions, Verify, Write
from ..recipe.recipe import Plain
from .facts import EndpointFacts, Facts, LinearFacts, ModelFacts
from .pairing import shared_vocabulary
from .shape import shaped_facts

UNKNOWN_PROMPT = 128  # tokens of a prompt when nothing was measured with this tokenizer


@dataclass(frozen=True)
class Lengths:
    """Token counts of a sample of the rows: prompts[i], answers[i] with their end token (0: unlabelled). `scale` = rows / sample."""

    prompts: list[int]
    answers: list[int]
    scale: float
    measured: bool
    apart: bool = False  # prompt and answer have a limit each

    @cached_property
    def mean_prompt(self) -> float:
        return sum(self.prompts) / max(1, len(self.prompts))

    @cached_property
    def mean_answer(self) -> float:
        known = [a for a in self.answers if a > 0]
        return sum(known) / len(known) if known else 0.0

    @cached_property
    def longest_answer(self) -> int:
        return max(self.answers, default=0)

    @cached_property
    def longest(self) -> int:
        return max((p + a for p, a in zip(self.prompts, self.answers, strict=True)), default=0)

    @cached_property
    def _sorted(self) -> tuple[list[int], list[int]]:
        """Lengths of whole rows (an answer counts for at least one token; the longer part, where they are apart) and of
        answers, ascending."""
        whole = max if self.apart else sum
        both = zip(self.prompts, self.answers, strict=True)
        return sorted(whole((p, max(a, 1))) for p, a in both), sorted(self.answers)

    def longer_than(self, limit: int) -> int:
        """Rows of the sample that are longer than this many tokens."""
        return len(self.prompts) - bisect_right(self._sorted[0], limit)

    def answers_from(self, limit: int) -> int:
        """Rows of the sample whose answer alone leaves no room: this many tokens or more, or more of them where parts are apart."""
        return len(self.answers) - bisect_left(self._sorted[1], limit + self.apart)


@dataclass(frozen=True)
class Case:
    """`asked` is the recipe as given, `recipe` the expanded one; `parts` maps a term's id to its objective class;
    `by_text` are the titles of the methods that work across tokenizers."""

    asked: Recipe
    recipe: Recipe
    facts: Facts
    parts: Mapping[str, Any] = field(default_factory=dict)
    by_text: Sequence[str] = ()

    # stages

    @cached_property
    def stages(self) -> list[Plain | Loop]:
        """Every stage once, those of a loop after it; their numbers are what `field` and rules speak of."""
        return [s for _, s in self.recipe.flat()]

    @cached_property
    def rounds(self) -> list[int]:
        """How often each of `stages` is carried out at most."""
        out: list[int] = []
        for stage in self.recipe.stages:
            out.append(1)
            if isinstance(stage, Loop):
                out += [stage.rounds] * len(stage.stages)
        return out

    @cached_property
    def writes(self) -> list[tuple[int, Write]]:
        return [(i, s) for i, s in enumerate(self.stages) if isinstance(s, Write)]

    @cached_property
    def trains(self) -> list[tuple[int, Train]]:
        return [(i, s) for i, s in enumerate(self.stages) if isinstance(s, Train)]

    @cached_property
    def generates(self) -> list[tuple[int, Generate]]:
        return [(i, s) for i, s in enumerate(self.stages) if isinstance(s, Generate)]

    @cached_property
    def records(self) -> list[tuple[int, Record]]:
        return [(i, s) for i, s in enumerate(self.stages) if isinstance(s, Record)]

    def field(self, stage: int, name: str) -> str:
        """The field a person can edit: `train.steps` in the small form, `stages.1.steps` in the large one."""
        if not self.asked.method:
            return f"{self.recipe.flat()[stage][0]}.{name}"
        top = name.split(".")[0]
        return f"train.{name}" if top in TrainOptions.model_fields else "options" if top == "terms" else "method"

    @cached_property
    def labels(self) -> bool:
        """Whether the student names labels instead of writing: a classifier or a tagger."""
        task = self.recipe.student.task
        return task in ("classify", "tag") or task == "auto" and self.facts.student.kind == "encoder"

    @cached_property
    def soft_labels(self) -> bool:
        """Whether teachers say how probable they find each label, so that rows without an answer serve as well."""
        return self.labels and any(self.needs(s, "teacher") for _, s in self.trains)

    # terms

    def terms(self, stage: Train) -> Iterator[tuple[int, Term, Any]]:
        """Terms with a weight, with their objective class; unknown ids are left out (a rule refuses them)."""
        for i, term in enumerate(stage.terms):
            if term.weight > 0 and term.type in self.parts:
                yield i, term, self.parts[term.type]

    def needs(self, stage: Train, what: str) -> bool:
        """Whether a term of the stage, or the weight of its tokens, has this need."""
        from ..catalog.parts import WEIGHTINGS

        weights = (WEIGHTINGS.get(t.weighting.type) for _, t, _ in self.terms(stage) if t.weighting)
        return any(what in part.needs for part in (*(p for _, _, p in self.terms(stage)), *filter(None, weights)))

    @staticmethod
    def reads_model(stage: Train) -> bool:
        """Whether a model of the recipe teaches; the learner's own base, average or earlier adapter is of its own kind."""
        return any(m.kind == "model" for m in stage.teaching.members)

    @staticmethod
    def scores_pairs(stage: Train) -> bool:
        """Whether a model of the recipe scores the answers that pairs are made of."""
        source = stage.source
        scored = source.kind == "pairs" and source.pairs == "density_ratio"
        return scored and "model" in (source.strong.kind, source.weak.kind)

    @staticmethod
    def readers(stage: object) -> tuple[str, ...]:
        """Who reads the rows for a selection: base and student, or models of the recipe."""
        from ..catalog.parts.selections import METHODS

        if not isinstance(stage, Select) or stage.method not in METHODS:
            return ()
        needs = METHODS[stage.method].needs
        return tuple(who for role, who in (("teacher", stage.teacher), ("reference", stage.reference)) if role in needs)

    @staticmethod
    def askers(stage: object) -> tuple[str, ...]:
        """Who writes or is asked in a stage that makes, checks or prefers rows: names of the recipe, student or base."""
        from ..catalog.parts import PREFERENCE_RULES, VERIFIERS

        if isinstance(stage, Write):
            return (stage.by,)
        if isinstance(stage, Verify):
            found = ((c.by, getattr(VERIFIERS.get(c.type), "needs", ())) for c in stage.checks)
            return tuple(by for by, needs in found if {"teacher", "judge"} & set(needs))
        if isinstance(stage, Prefer):
            needs = getattr(PREFERENCE_RULES.get(stage.rule), "needs", ())
            return (stage.by,) if {"teacher", "judge"} & set(needs) else ()
        return ()

    @cached_property
    def vocabulary_terms(self) -> list[str]:
        """Titles of the terms that compare probabilities token by token."""
        if self.labels:
            return []
        stages = [s for _, s in self.trains if self.reads_model(s)]
        found = [part.title for s in stages for _, _, part in self.terms(s) if "same_vocabulary" in part.needs]
        return list(dict.fromkeys(found))

    @cached_property
    def needs_teacher(self) -> bool:
        taught = any(self.needs(s, "teacher") and self.reads_model(s) for _, s in self.trains)
        read = any("teacher" in self.readers(s) for s in self.stages) or any(s.mix for _, s in self.trains)
        wrote = any("teacher" in self.askers(s) for s in self.stages)
        return wrote or bool(
            self.generates or self.records or taught or read or any(self.scores_pairs(s) for _, s in self.trains)
        )

    @cached_property
    def divergence(self) -> bool:
        return any(self.needs(s, "teacher") for _, s in self.trains)

    # models

    @cached_property
    def student(self) -> ModelFacts:
        """The student as it is trained: in its shape, where it has one, and with the window its positions are stretched to."""
        shape, facts = self.recipe.student.shape, self.facts.student
        made = facts if shape is None else shaped_facts(facts, shape)
        longest = window(self.recipe.student.context, made.context)
        return made if longest == made.context else made.model_copy(update={"context": longest})

    @property
    def teacher(self) -> ModelFacts | None:
        return self.facts.teacher

    def model(self, who: str) -> ModelFacts | None:
        """Facts of the model that stages call `who`; None where it is unknown or not measured."""
        return {**self.facts.teachers, "student": self.student, "teacher": self.teacher}.get(who)

    def endpoint(self, who: str) -> EndpointFacts | None:
        """Facts of a teacher behind an address; None for every other name."""
        return self.facts.endpoints.get(who)

    @cached_property
    def places(self) -> dict[str, str]:
        """Where the weights of each model lie on several GPUs: each, sharded or own."""
        from .placement import places

        return places(self)

    @cached_property
    def same_vocabulary(self) -> bool:
        return self.teacher is None or self.teacher.tokenizer.vocab_sha256 == self.student.tokenizer.vocab_sha256

    @cached_property
    def vocabulary(self) -> int:
        return shared_vocabulary(self.student, self.teacher if self.same_vocabulary else None)

    @cached_property
    def context(self) -> int:
        """Longest row both models can read; a teacher that is not used does not limit it."""
        contexts = [self.student.context] + ([self.teacher.context] if self.teacher and self.needs_teacher else [])
        return min([*contexts, *(self.facts.teachers[n].context for n in self.further if n in self.facts.teachers)])

    @cached_property
    def further(self) -> list[str]:
        """Further teachers and assistants that a stage asks, learns from or trains, each once."""
        asked = [s.teacher for _, s in self.generates] + [s.learner for _, s in self.trains]
        asked += [who for s in self.stages for who in (*self.readers(s), *self.askers(s)) if who != "base"]
        asked += [
            m.name for _, s in self.trains if self.needs(s, "teacher") for m in s.teaching.members if m.kind == "model"
        ]
        own = {
            "student",
            "teacher",
            *(s.name for _, s in self.trains),
        }  # an earlier stage's student is the student's own
        return [n for n in dict.fromkeys(asked) if n not in own]

    @cached_property
    def max_length(self) -> int:
        return min(self.recipe.data.max_length or self.context, self.context)

    @property
    def page(self) -> int:
        """Tokens a whole row may have; an encoder-decoder has a page for the prompt and one for the answer."""
        return self.max_length * (2 if self.student.apart else 1)

    @cached_property
    def targets(self) -> list[LinearFacts]:
        """Linear modules the adapter acts on."""
        wanted = self.recipe.student.adapter.targets
        return [m for m in self.student.linears if wanted == "all-linear" or m.name in wanted]

    @cached_property
    def adapter_parameters(self) -> int:
        from ..catalog.parts.adapters import ADAPTER_KINDS  # here: the catalogue is loaded when a plan is made

        adapter = self.recipe.student.adapter
        kind, rank = ADAPTER_KINDS[adapter.type], adapter.rank
        options = kind.Options.model_validate(adapter.options)
        n = sum(kind.parameters(m.inputs, m.outputs, rank, options) * m.count for m in self.targets)
        if adapter.type == "clover":  # one number a direction of each head, in the output matrix of attention
            return sum(m.inputs * m.count for m in self.student.linears if m.name == "o_proj")
        if adapter.type == "ln_tuning":
            return self.student.hidden_size * (2 * self.student.layers + 1)
        if adapter.mixer:
            n += sum(rank * rank * m.count for m in self.targets)
        if self.recipe.student.adapter.dora:
            n += sum(m.outputs * m.count for m in self.targets)
        if self.recipe.student.adapter.head:
            n += rank * (self.student.hidden_size + self.student.vocab_rows)
        if "embeddings" in adapter.whole:
            n += self.student.vocab_rows * self.student.hidden_size
        if "norms" in adapter.whole:
            n += self.student.hidden_size * (2 * self.student.layers + 1)
        return n

    # data

    @cached_property
    def lengths(self) -> Lengths:
        """Lengths under the student's tokenizer, or under another one when only that was measured."""
        data, key = self.facts.data, self.student.tokenizer.vocab_sha256
        if key not in data.prompt_lengths:
            key = next(iter(data.prompt_lengths), "")
        stands_for = (
            data.prompt_lengths.get(key),
            data.answer_lengths.get(key),
            data.rows,
            data.labelled,
            self.student.apart,
        )
        before, found = data._worked_out.get(key, (None, None))
        if found is None or any(a is not b for a, b in zip(before, stands_for, strict=True)):  # copied with other rows
            found = self._lengths(key)
            data._worked_out[key] = stands_for, found
        return found

    def _lengths(self, key: str) -> Lengths:
        data = self.facts.data
        prompts, answers = data.prompt_lengths.get(key, []), data.answer_lengths.get(key, [])
        n = min(len(prompts), len(answers))
        if not n:
            guess = 1 + data.longest_answer_chars // 4  # English: about four characters a token
            known = [guess if data.labelled else 0]
            return Lengths([UNKNOWN_PROMPT], known, max(1.0, float(data.rows)), False, self.student.apart)
        return Lengths(list(prompts[:n]), list(answers[:n]), max(1.0, data.rows / n), True, self.student.apart)

    @cached_property
    def answer_tokens(self) -> float:
        """Supervised tokens a row has on average: the answer through its end-of-text token."""
        written = [s.max_new_tokens / 2 for _, s in self.generates]
        return self.lengths.mean_answer or (written[0] if written else 16)

    @cached_property
    def row_tokens(self) -> float:
        """Tokens of a row on average, after the length limit."""
        return max(1.0, min(self.lengths.mean_prompt + self.answer_tokens, self.page))

    @cached_property
    def available(self) -> tuple[int, int]:
        """Rows of the training split: (labelled, unlabelled), before limit and length."""
        labelled = max(0, self.facts.data.labelled - self.facts.data.heldout)
        return labelled, max(0, self.facts.data.train - labelled)

    def steps(self, stage: Train, rows: int) -> int:
        """Optimizer steps of a stage over this many rows."""
        if stage.steps is not None:
            return stage.steps
        return max(1, math.ceil((stage.epochs or 1) * rows / stage.batch_size))

    def passes(self, stage: Train, rows: int) -> float:
        """How often a stage sees each row."""
        return self.steps(stage, rows) * stage.batch_size / max(1, rows)
