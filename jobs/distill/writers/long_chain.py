"""Long chains of thought from examples in the prompt: plan, reflection, answer."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from ..verifiers.sections import split_sections
from .base import ROW_VARIABLES, Desk, Seed, Steps, Unusable, Writer, about, answered
from .common import agree, gold_of
from .template import Prompt

HEADINGS = ("Plan", "Reflection", "Answer")
EXAMPLES = """Question: A shop sells pens in packs of 6. Mia needs 20 pens and has 5. How many packs must she buy?
Plan: Find how many pens are missing, then how many packs cover that.
Missing are 20 - 5 = 15 pens. 15 / 6 = 2.5, so 2.5 packs.
Reflection: Half a pack cannot be bought. Two packs give 12 pens, which is less than 15; three give 18, which is enough. So it is 3, not 2.5.
Answer: 3

Question: Is "The service was slow, but I would come back for the cake any day" positive or negative as a whole?
Plan: List the opinions and weigh them. The service is called slow: negative. The cake is worth coming back for: positive.
Reflection: One against one does not decide it. "But" puts the weight on the second half, and "any day" makes it strong. I looked for irony and found none.
Answer: positive"""


class LongChain(Writer):
    """A model without long reasoning of its own is shown a few examples of it."""

    id = "long-chain"
    title = "Long chains: plan, reflection, answer"
    summary = (
        "From a handful of examples an ordinary model writes plans, doubts and corrections before its answer; no reasoning teacher "
        "is needed."
    )
    when_to_use = "The student shall learn to think longer, and no model that does so may be used as a teacher."
    formula = r"(\hat p, \hat r, \hat y) \sim p(\cdot \mid \text{examples}, x)"
    paper = Paper(
        title="BOLT: Bootstrap Long Chain-of-Thought in Language Models without Distillation",
        authors="Pang, Dong, Xu, Savarese, Zhou, Xiong", year=2025, url="https://arxiv.org/abs/2502.03860",
        arxiv="2502.03860",
    )  # fmt: skip
    answers = True
    variables: ClassVar[dict[str, str]] = {**ROW_VARIABLES, "examples": "the option Examples of long chains"}
    prompts: ClassVar[dict[str, Prompt]] = {
        "think": Prompt(
            "Solve problems as in these examples. Under Plan say how you go about it and work it out. Under Reflection doubt your work: check "
            "it, try another way, look for what you missed, and mend it. Under Answer write the answer alone.\n\n{{examples}}\n\nQuestion: {{question}}\nPlan:"
        )
    }

    class Options(Options):
        examples: str = Field(
            EXAMPLES,
            min_length=1,
            max_length=100_000,
            title="Examples of long chains",
            description="About ten, in the form of those given here.",
        )
        right_only: bool = Field(
            True,
            title="Only right ones",
            description="Chains that do not end in the gold answer are left out; rows without one pass.",
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, gold = seed.row, gold_of(seed.row)
        (reply,) = yield [desk.ask("think", about(row, examples=options.examples))]
        text = reply.text if "plan:" in reply.text[:20].lower() else f"Plan: {reply.text.strip()}"
        parts = split_sections(text, HEADINGS)
        for heading in HEADINGS:
            if not parts.get(heading, "").strip():
                raise Unusable(f"the section {heading!r} is missing or empty")
        if tuple(parts) != HEADINGS:
            raise Unusable(f"the sections stand in another order: {', '.join(parts)}")
        answer = parts["Answer"].splitlines()[0].strip()
        if options.right_only and gold is not None and not agree(answer, gold):
            raise Unusable(f"it ends in {answer[:60]!r}, right is {gold[:60]!r}")
        chain = f"Plan: {parts['Plan']}\nReflection: {parts['Reflection']}"
        return [answered(row, f"{chain}\nAnswer: {answer}", gold=gold, rationale=chain, final=answer)]
