"""A good pair with plenty of rows on a roomy machine; each test breaks one thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from jobs.distill import recipe as recipes
from jobs.distill.plan.compiler import compile
from jobs.distill.plan.facts import DataFacts, DeviceFacts, Facts, LinearFacts, ModelFacts, TokenizerFacts
from jobs.distill.plan.result import Plan, Problem

WORDS = "a" * 64
OTHER = "b" * 64


def linears(hidden: int, inner: int, layers: int) -> list[LinearFacts]:
    square = [
        LinearFacts(name=n, inputs=hidden, outputs=hidden, count=layers)
        for n in ("q_proj", "k_proj", "v_proj", "o_proj")
    ]
    wide = [LinearFacts(name=n, inputs=hidden, outputs=inner, count=layers) for n in ("gate_proj", "up_proj")]
    return [*square, *wide, LinearFacts(name="down_proj", inputs=inner, outputs=hidden, count=layers)]


def model(name: str, hidden: int = 128, layers: int = 3, **changes: Any) -> ModelFacts:
    inner, tokenizer = (
        2 * hidden,
        TokenizerFacts(
            vocab_sha256=WORDS, vocab_size=4096, special={"<|end|>": 1}, eos_ids=[1], pad_id=0, template_sha256="c" * 64
        ),
    )
    parts = linears(hidden, inner, layers)
    n = 4096 * hidden + sum(m.inputs * m.outputs * m.count for m in parts)
    facts = ModelFacts(
        name=name,
        sha256=("1" if name == "student" else "2") * 64,
        model_type="llama",
        architecture="LlamaForCausalLM",
        hidden_size=hidden,
        layers=layers,
        heads=4,
        kv_heads=4,
        intermediate_size=inner,
        vocab_rows=4096,
        context=512,
        tied=True,
        parameters=n,
        weight_bytes=2 * n,
        dtype="float16",
        linears=parts,
        tokenizer=tokenizer,
        licence="apache-2.0",
    )
    words = {k: v for k, v in changes.items() if k in TokenizerFacts.model_fields}
    rest = {k: v for k, v in changes.items() if k not in words}
    return facts.model_copy(update={"tokenizer": tokenizer.model_copy(update=words), **rest})


def data(
    labelled: int = 1500, unlabelled: int = 2000, heldout: int = 500, prompt: int = 20, answer: int = 5, **changes: Any
) -> DataFacts:
    n = labelled + unlabelled
    facts = DataFacts(
        sha256="d" * 64,
        rows=n,
        labelled=labelled,
        unlabelled=unlabelled,
        train=n - heldout,
        heldout=heldout,
        prompt_lengths={WORDS: [prompt] * n},
        answer_lengths={WORDS: [answer] * labelled + [0] * unlabelled},
        distinct_answers=77,
        longest_answer_chars=30,
    )
    return facts.model_copy(update=changes)


DEVICE = DeviceFacts(memory_bytes=8 * 2**30, cores=2, flops=1e11)


def recipe(**changes: Any) -> recipes.Recipe:
    base = {
        "method": "llm-neo",
        "teacher": {"model": "teacher"},
        "student": {"model": "student"},
        "data": {"dataset": "bank"},
        "train": {"learning_rate": 2e-3},
    }
    if "stages" in changes:
        del base["method"], base["train"]
    return recipes.parse(base | changes)


def train(*terms: str | dict, **changes: Any) -> dict:
    return {
        "kind": "train",
        "epochs": 3,
        "learning_rate": 2e-3,
        "terms": [{"type": t} if isinstance(t, str) else t for t in terms or ("forward-kl",)],
    } | changes


GENERATE = {"kind": "generate"}


class Desk:
    """plan(...) with a good default for everything that is not named."""

    model, data, recipe, train = staticmethod(model), staticmethod(data), staticmethod(recipe), staticmethod(train)
    GENERATE, OTHER, DEVICE = GENERATE, OTHER, DEVICE

    def plan(
        self,
        *,
        student: ModelFacts | None = None,
        teacher: ModelFacts | None | str = "default",
        rows: DataFacts | None = None,
        device: DeviceFacts = DEVICE,
        asked: recipes.Recipe | None = None,
        adapter: dict | None = None,
        **changes: Any,
    ) -> Plan:
        changes |= {"student": {"model": "student", "adapter": adapter}} if adapter else {}
        teacher = model("teacher", 256, 4) if teacher == "default" else teacher
        extra = {k: changes.pop(k) for k in ("signals",) if k in changes}
        facts = Facts(student=student or model("student"), teacher=teacher, data=rows or data(), device=device, **extra)
        return compile(asked or recipe(**changes), facts)

    @staticmethod
    def codes(problems: list[Problem]) -> list[str]:
        return [p.code for p in problems]

    @staticmethod
    def one(problems: list[Problem], code: str) -> Problem:
        found = [p for p in problems if p.code == code]
        assert len(found) == 1, problems
        return found[0]


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def plan(desk: Desk) -> Callable[..., Plan]:
    return desk.plan
