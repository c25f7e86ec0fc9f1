"""Texts for what a classifier mixes up. Performance-guided distillation: Di Palo, Singhi, Fadlallah 2024, arXiv:2411.05045."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from ..labelling.labels import Labels
from ..parts import Options, Paper
from .base import Desk, Made, Seed, Steps, Writer, new
from .class_mix import rows_by_label, sample
from .common import need_gold
from .template import Prompt
from .texts import STRING, many, read, record

if TYPE_CHECKING:
    from ..rows import Row

TEXTS = record(items=many(record(text=STRING, label=STRING)))
NOTHING = "(none of the labels)"


class WeakSpots(Writer):
    """For each pair of labels that the student mixes up, new texts of both. The model sees the student's scores by label,
    all pairs it mixes up, and the rows it gets wrong."""

    id = "weak-spots"
    title = "Texts for labels that are mixed up"
    summary = "The model reads which labels the student confuses, its F1 by label and its mistakes, and writes texts for them."
    when_to_use = "In a loop, from the rows a classifier gets wrong; labels with low scores come first."
    formula = r"(\hat x, \hat y) \sim p_T(\cdot \mid F_1(c),\ \{(c_i, c_j)\},\ \{x : \hat y_S(x) \ne y\})"
    paper = Paper(
        title="Performance-Guided LLM Knowledge Distillation for Efficient Text Classification at Scale",
        authors="Di Palo, Singhi, Fadlallah", year=2024, venue="EMNLP", url="https://arxiv.org/abs/2411.05045",
        arxiv="2411.05045",
    )  # fmt: skip
    selective = True
    variables: ClassVar[dict[str, str]] = {
        "scores": "F1 of each label and its rows, lowest first",
        "pairs": "labels that are mixed up, and how often",
        "label": "the right label of the pair in question",
        "said": "what the student said instead",
        "mistakes": "rows of this pair that it got wrong",
        "examples": "rows of both labels",
        "labels": "all labels, one a line",
        "texts": "how many texts are asked for",
        "instruction": "the option Instruction",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "texts": Prompt(
            "{{instruction}}\n\nA small classifier learns these labels:\n{{labels}}\n\nIts F1 by label, lowest first:\n{{scores}}\n\n"
            "Labels it mixes up:\n{{pairs}}\n\nTexts whose label is {{label}} and for which it said {{said}}:\n{{mistakes}}\n\n"
            "Right examples:\n{{examples}}\n\nWrite {{texts}} new texts in the same style that teach it to tell these two apart: most "
            "of them with the label {{label}}. Do not copy the texts above.\n\n"
            'Answer with JSON: {"items": [{"text": "...", "label": "..."}]}'
        )
    }

    class Options(Options):
        texts: int = Field(
            4, ge=1, le=100, title="Texts a pair", description="New texts for each pair that is mixed up."
        )
        pairs: int = Field(
            20,
            ge=1,
            le=10_000,
            title="Pairs a round",
            description="Labels with the lowest F1 first, then frequent pairs.",
        )
        examples: int = Field(
            3, ge=1, le=50, title="Examples", description="Mistakes shown, and right rows of each label."
        )
        instruction: str = Field(
            "", max_length=20_000, title="Instruction", description="What the texts are, and what the labels mean."
        )

    def seeds(self, rows: Sequence[Row], options: Any, desk: Desk) -> Iterable[Seed]:
        by_label = rows_by_label(desk.rows)
        labels = Labels(tuple(by_label), "classify")
        asked = [r for group in by_label.values() for r in group if r.row_id in desk.student_says]
        if not asked or not rows:
            return
        said = {r.row_id: heard(labels, desk.student_says[r.row_id]) for r in asked}
        scores = f1_by_label([said[r.row_id] for r in asked], [need_gold(r).strip() for r in asked])
        wrong: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            if (gold := need_gold(row).strip()) != (mine := heard(labels, desk.student_says.get(row.row_id, ""))):
                wrong.setdefault((gold, mine), []).append(row)
        ranked = sorted(wrong, key=lambda pair: (scores[pair[0]], -len(wrong[pair]), pair))
        shared = {
            "labels": list(by_label),
            "scores": [[name, round(scores[name], 4), len(by_label[name])] for name in sorted(by_label, key=lambda n: (scores[n], n))],
            "pairs": [[*pair, len(wrong[pair])] for pair in ranked[: options.pairs]],
        }  # fmt: skip
        for gold, mine in ranked[: options.pairs]:
            rng = desk.random(Seed(f"{gold}>{mine}"))
            right = [r for name in (gold, mine) for r in sample(by_label.get(name, []), options.examples, rng)]
            shown = [[r.question, need_gold(r)] for r in right]
            mistakes = tuple(sample(wrong[gold, mine], options.examples, rng))
            yield Seed(f"{gold}>{mine}", mistakes, {**shared, "label": gold, "said": mine, "examples": shown})

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        given, labels = seed.values, Labels(tuple(seed.values["labels"]), "classify")
        values = {
            "labels": "\n".join(f"- {name}" for name in labels.names),
            "scores": "\n".join(f"- {name}: F1 {f1:.2f}, {n} rows" for name, f1, n in given["scores"]),
            "pairs": "\n".join(f"- {gold} taken for {said}: {n}" for gold, said, n in given["pairs"]),
            "mistakes": "\n".join(f"- {r.question}" for r in seed.rows),
            "examples": "\n".join(f"- {text} = {label}" for text, label in given["examples"]),
            "label": given["label"], "said": given["said"], "texts": options.texts, "instruction": options.instruction,
        }  # fmt: skip
        (reply,) = yield [desk.ask("texts", values, schema=TEXTS)]
        return [self._row(seed, item, labels) for item in read(reply.text, TEXTS)["items"]]

    def _row(self, seed: Seed, item: dict[str, str], labels: Labels) -> Made:
        place = labels.find(item["label"])
        left_out = "" if place is not None else f"{item['label'][:60]!r} is none of the {len(labels)} labels"
        label = item["label"] if place is None else labels.names[place]
        system = next((m["content"] for m in seed.row.messages if m["role"] == "system"), "")
        pair = [seed.values["label"], seed.values["said"]]
        made = new(item["text"], label, system, gold=label, confused=pair, synthetic=True)
        return Made(made.messages, made.answer, made.fields, left_out=left_out)


def heard(labels: Labels, text: str) -> str:
    """The label a text names, in the spelling of the list."""
    place = labels.find(text)
    return NOTHING if place is None else labels.names[place]


def f1_by_label(said: Sequence[str], gold: Sequence[str]) -> dict[str, float]:
    """2 tp / (said + gold) of every label that is gold; labels that are never right have 0."""
    right = Counter(g for s, g in zip(said, gold, strict=True) if s == g)
    says, golds = Counter(said), Counter(gold)
    return {name: 2 * right[name] / (says[name] + n) for name, n in golds.items()}
