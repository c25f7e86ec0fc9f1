"""Texts between two labels, and the label they really have. PromptMix: Sahu et al. 2023, arXiv:2310.14192."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ..errors import PlanRefused
from ..labelling.labels import Labels
from ..parts import Options, Paper
from .base import Desk, Made, Seed, Steps, Unusable, Writer, new
from .common import gold_of, need_sampling
from .template import Prompt
from .texts import same, stripped

if TYPE_CHECKING:
    from ..rows import Row


class ClassMix(Writer):
    """A new text a mix of two labels; then the model reads it among all labels, and what it says is the row's label."""

    id = "class-mix"
    title = "Texts between two labels"
    summary = (
        "The model writes texts that are mostly of one label and partly of another, then labels each of them anew."
    )
    when_to_use = "A classifier with a few rows a label: texts near the boundary teach it more than typical ones."
    formula = r"\hat x \sim p_T(\cdot \mid \alpha\, c_i + (1 - \alpha)\, c_j),\quad \hat y = p_T(\hat x) \in C"
    paper = Paper(
        title="PromptMix: A Class Boundary Augmentation Method for Large Language Model Distillation",
        authors="Sahu, Vechtomova, Bahdanau, Laradji", year=2023, venue="EMNLP", url="https://arxiv.org/abs/2310.14192",
        arxiv="2310.14192",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {
        "label": "the label the text is mostly of",
        "other": "the label that is mixed in",
        "share": "how much of the first label, in percent",
        "rest": "how much of the other",
        "examples": "rows of both labels",
        "labels": "all labels, one a line",
        "text": "the text that was written, for the second step",
        "instruction": "the option Instruction",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "mix": Prompt(
            "{{instruction}}\n\nTexts and their labels:\n\n{{examples}}\n\nWrite one new text in the same style that is "
            "{{share}}% {{label}} and {{rest}}% {{other}}. Do not name the labels. Write the text alone."
        ),
        "relabel": Prompt(
            "{{instruction}}\n\nTexts and their labels:\n\n{{examples}}\n\nText: {{text}}\n\nWhich one of these labels fits "
            "this text best?\n{{labels}}\n\nWrite the label alone."
        ),
    }

    class Options(Options):
        number: int = Field(10, ge=1, le=100_000, title="Texts a label", description="That are mostly of this label.")
        share: float = Field(
            0.75,
            ge=0.5,
            lt=1,
            title="Share of the first label",
            description="The rest is of one other label, drawn anew.",
        )
        examples: int = Field(2, ge=1, le=50, title="Examples a label", description="Rows shown of each of the two.")
        relabel: bool = Field(
            True, title="Label anew", description="Off: every text keeps the label it was mostly meant to have."
        )
        instruction: str = Field(
            "", max_length=20_000, title="Instruction", description="What the texts are, and what the labels mean."
        )

    def seeds(self, rows: Sequence[Row], options: Any, desk: Desk) -> Iterable[Seed]:
        need_sampling(desk, options.number, "A mix")
        by_label = rows_by_label(rows)
        if len(by_label) < 2:
            raise PlanRefused(
                f"Texts between two labels need at least two labels; the rows to start from have {len(by_label)}.",
                field="rows",
                hint="Start from labelled rows of several labels.",
            )
        for label in by_label:
            for n in range(options.number):
                rng = desk.random(Seed(f"mix-{label}-{n}"))
                other = rng.choice([name for name in by_label if name != label])
                shown = [r for name in (label, other) for r in sample(by_label[name], options.examples, rng)]
                values = {"label": label, "other": other, "labels": list(by_label), "n": n}
                yield Seed(f"mix-{label}-{n}", tuple(shown), values)

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        label, other, names = (seed.values[name] for name in ("label", "other", "labels"))
        values = {
            "label": label, "other": other, "share": f"{100 * options.share:g}", "rest": f"{100 - 100 * options.share:g}",
            "examples": listed(seed.rows), "labels": "\n".join(f"- {name}" for name in names), "text": "",
            "instruction": options.instruction,
        }  # fmt: skip
        number = desk.number * options.number + seed.values["n"]  # few rows: the same question is asked many times
        (reply,) = yield [desk.ask("mix", values, number=number)]
        text = stripped(reply.text)
        if any(same(text) == same(r.question) for r in seed.rows):
            raise Unusable("it repeats one of its examples")
        mix = {label: round(options.share, 6), other: round(1 - options.share, 6)}
        said = None
        if options.relabel:
            (reply,) = yield [desk.ask("relabel", {**values, "text": text}, temperature=0.0, number=0)]
            place = Labels(tuple(names), "classify").find(stripped(reply.text))
            if place is None:
                raise Unusable(f"the new label {reply.text.strip()[:60]!r} is none of the {len(names)} labels")
            said = names[place]
        return [self._row(seed, text, said or label, mix=mix, intended=label, relabelled=said)]

    def _row(self, seed: Seed, text: str, label: str, **fields: Any) -> Made:
        system = next((m["content"] for m in seed.row.messages if m["role"] == "system"), "")
        return new(text, label, system, gold=label, synthetic=True, **fields)


def rows_by_label(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Label -> its rows that people labelled, labels in order of name."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        if (gold := gold_of(row)) is not None and row.labelled:
            found.setdefault(gold.strip(), []).append(row)
    return dict(sorted(found.items()))


def sample(rows: Sequence[Row], n: int, rng: Any) -> list[Row]:
    return list(rng.sample(list(rows), min(n, len(rows))))


def listed(rows: Iterable[Row]) -> str:
    return "\n\n".join(f"Text: {r.question}\nLabel: {gold_of(r)}" for r in rows)
