"""For every system of the catalogue: its preset on the sample models, with the sample rows it needs, and sizes made small."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from jobs.distill.catalog.system import System
from jobs.samples.catalog import STUDENT, TEACHER
from tests.jobs.distill.systems import sample_rows as samples


@dataclass(frozen=True)
class Case:
    """`teacher`: weights (the sample teacher), text (one behind an address) or none; empty: as the system says it needs.

    `options` are the system's own; `recipe` are other fields of the recipe.
    """

    rows: Callable[[], samples.Rows] = samples.intents
    teacher: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)


# Sizes alone: options of these names are made as small as they may be, down to these values.
SMALL = {
    "answer_tokens": 12, "longest": 12, "max_new_tokens": 6, "new_tokens": 6, "rounds": 2, "number": 6, "texts": 6, "prompts": 4,
    "reward_steps": 2, "mask_steps": 2, "merge_steps": 2, "samples": 2, "candidates": 2, "votes": 2, "tries": 2, "probes": 1,
    "answers": 2, "limit": 6, "seeds": 6, "window": 1, "replay": 8, "group": 32, "words": 60, "chunk": 20, "width": 2, "depth": 1,
    "variants": 2, "times": 2, "turns": 2, "rows": 8, "attempts": 2, "first_epochs": 1, "iterations": 3, "every": 1,
}  # fmt: skip
TRAIN = {"steps": 2, "batch_size": 4, "learning_rate": 0.001, "max_new_tokens": 6}
# Where the student's own words have to be usable: enough steps to learn a form, and room to write it.
LEARNS = {"train": {"steps": 20, "batch_size": 8, "learning_rate": 0.01}}
SECOND = {"teachers": [{"id": "second", "model": TEACHER}]}

CASES: dict[str, Case] = {
    # reasoning and programs
    "mixed-distillation": Case(samples.sums),
    "nesycd": Case(samples.sums),
    "pad": Case(samples.sums),
    "skip-thinking": Case(samples.sums),
    "socratic-cot": Case(samples.sums),
    "step-by-step": Case(samples.sums),
    "widen-bottleneck": Case(samples.sums),
    "am-r1-distilled-1.4m": Case(samples.sums),
    "frontier-open-kd": Case(samples.sums),
    "irac-bar": Case(samples.sums),
    "light-r1": Case(
        samples.choices,
        options={
            "below": 1.0,
            "candidates": 8,
            "reinforce": True,
            "group": 2,
            "first_rate": 0.01,
            "instruction": "Write the number alone.",
        },
        recipe={"train": {**LEARNS["train"], "steps": 8}},  # unsure still: some right, some wrong
    ),
    "tailored-learning": Case(samples.sums),
    "reward-distill": Case(samples.choices, options={"candidates": 4}, recipe=LEARNS),
    "ladder": Case(samples.sums, "text", {"by": "teacher"}),
    "bolt": Case(samples.choices, "text", {"candidates": 8, "longest": 64}, LEARNS),
    "table-distill": Case(samples.tables),
    # rows out of texts
    "bootstrap-context": Case(samples.texts),
    "clinical-camel-dbke": Case(samples.texts),
    "linguistic-diverse-prompts": Case(samples.texts),
    "maga": Case(samples.texts),
    "prox": Case(samples.texts),
    "readerlm-v2": Case(samples.texts),
    "struxgpt": Case(samples.texts),
    "tinyhelen": Case(samples.texts, options={"size": 200}),
    "universalner": Case(samples.texts),
    "rebase": Case(samples.mixed_texts, options={"task": "Give the number."}),
    "wildlong": Case(samples.mixed_texts),
    "byol": Case(samples.mixed_texts),
    "longpo": Case(samples.texts, "text", {"writer": "teacher", "passage": 20}),
    "kodcode": Case(samples.programs),
    "phi-1.5": Case(samples.requests, options={"topics": ["rivers", "bread"]}),
    "instruct-skillmix": Case(samples.requests),
    "neurocomparatives": Case(samples.requests, options={"things": ["gold", "oak", "wool"]}),
    "synthie": Case(samples.facts),
    "query-expansion-dpo": Case(samples.searched),
    # labels and spans
    "ade-distill": Case(samples.tagged),
    "clinical-weak-sup": Case(samples.tagged),
    "ls-llama": Case(samples.few_intents),
    "pgkd": Case(samples.few_intents),
    "promptmix": Case(samples.few_intents),
    "rl-multi-teacher": Case(samples.voted_intents),
    # tools
    "dta-llama": Case(samples.tool_traces),
    "tl-training": Case(samples.called),
    "wkd-tua": Case(samples.sums),
    # what a student or a base writes about itself: a teacher writes it here, where the system lets it
    "i2d2": Case(samples.intents, "text", {"by": "teacher"}),
    "impossible-distillation": Case(samples.beginnings, "text", {"by": "teacher", "samples": 8, "longest": 24}, LEARNS),
    "language-imbalance": Case(samples.two_languages, "text", {"translator": "teacher"}),
    "instruction-backtranslation": Case(samples.intents, "text", {"first": "teacher", "second": "teacher"}),
    "sealong": Case(samples.intents, "text", {"by": "teacher", "samples": 4}),
    "system2-to-system1": Case(samples.intents, "text", {"by": "teacher"}),
    "alma-align": Case(options={"prompts": 8, "first_rate": 0.01}),
    "self-guide": Case(samples.intents, "text", {"by": "teacher"}),
    # one more teacher
    "baby-llama": Case(recipe=SECOND),
    "fusechat": Case(recipe=SECOND),
    "fusechat-3": Case(recipe=SECOND),
    "teacher-assistants": Case(recipe={"teachers": [{"id": "assistant", "model": TEACHER}]}),
}


def of(system: System) -> Case:
    return CASES.get(system.id, Case())


def recipe(system: System, url: str) -> dict[str, Any]:
    """The small form a person would start from, with its sizes made small. `url` is where the teacher of text answers."""
    case = of(system)
    sizes = {n: o for n, o in system.options.items() if n in SMALL and o.type in ("integer", "number")}
    options = {n: max(SMALL[n], o.min or 0) for n, o in sizes.items() if SMALL[n] < float(str(o.default))}
    made: dict[str, Any] = {
        "name": system.title[:200],
        "method": system.id,
        "options": {**options, **case.options},
        "student": {"model": STUDENT, "adapter": {"rank": 4, "alpha": 8}},
        "data": {"dataset": "sample", "too_long": "truncate"},
        "train": TRAIN,
        "control": any(r["answer"] is not None for r in case.rows() if r["split"] == "train"),
        "evaluation": {"max_new_tokens": 6, "batch_size": 8, "bootstrap": 100},
        **case.recipe,
    }
    kind = case.teacher or system.needs.teacher
    if kind == "weights":
        made["teacher"] = {"model": TEACHER}
    elif kind == "text":
        made["teacher"] = {"model": "voice", "endpoint": {"url": url, "model": "voice"}}
    return made
