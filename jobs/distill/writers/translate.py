"""Translation shown by examples from several languages that a model knows well."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from ..parts import Options, Paper
from ..retrieval.overlap import chrf
from .base import ROW_VARIABLES, Desk, Seed, Steps, Writer, about, new
from .template import Prompt
from .texts import stripped

if TYPE_CHECKING:
    from ..rows import Row

SENTENCES = (
    "The children walked to the river before the sun came up.",
    "Please tell me how much this bread costs.",
    "Rain is expected in the north on Wednesday.",
    "My brother has worked at the hospital for ten years.",
    "If the door is closed, use the one behind the house.",
    "Scientists have found water under the ice of the planet.",
)


class Translate(Writer):
    """Examples are made first: plain English sentences, each put into another well-known language. Shown the other way
    round, they ask for translation into English; as they are, for translation out of it."""

    id = "diverse-translation"
    title = "Translation by diverse examples"
    summary = "The model translates after examples in several languages, and back again so that the pair can be judged."
    when_to_use = "A language has few or no translated rows, and the teacher knows it less well than the large ones."
    formula = r"\hat y \sim p_T(\cdot \mid (z_{l_1}, e_1), \dots, (z_{l_k}, e_k), x),\quad \mathrm{chrF}(\hat x, x)"
    paper = Paper(
        title="Democratizing LLMs for Low-Resource Languages by Leveraging their English Dominant Abilities with Linguistically-Diverse Prompts",
        authors="Nguyen, Aljunied, Joty, Bing",
        year=2024,
        venue="ACL",
        url="https://arxiv.org/abs/2306.11372",
        arxiv="2306.11372",
    )
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "examples": "the examples",
        "text": "what is translated",
        "source": "the language it is in",
        "target": "the language it goes to",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "example": Prompt("Translate into {{target}}. Write the translation alone.\n\n{{text}}"),
        "translate": Prompt("{{examples}}\n\n{{source}}: {{text}}\n{{target}}:"),
        "back": Prompt("Translate from {{source}} into {{target}}. Write the translation alone.\n\n{{text}}"),
    }

    class Options(Options):
        language: str = Field(
            "Swahili", min_length=2, max_length=60, title="Language", description="The one that rows are wanted for."
        )
        direction: Literal["to English", "from English"] = Field("to English", title="Direction")
        examples_from: list[str] = Field(
            ["French", "Spanish", "German", "Chinese", "Arabic", "Russian"],
            min_length=1,
            max_length=30,
            title="Languages of the examples",
            description="One a line; well-known ones, as different from each other as can be.",
        )
        sentences: list[str] = Field(
            list(SENTENCES),
            min_length=1,
            max_length=30,
            title="English sentences",
            description="One a line; the examples are made of them, one for each language in turn.",
        )
        back: bool = Field(True, title="Translate back", description="And store how near it comes: chrF, 0 to 100.")

    def seeds(self, rows: Sequence[Row], options: Any, desk: Desk) -> Iterable[Seed]:
        return (Seed(r.row_id, (r,)) for r in rows)

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        from ..data.profile.languages import language  # here: its package loads the catalogue

        row, english = seed.row, options.direction == "to English"
        pairs = [(name, options.sentences[n % len(options.sentences)]) for n, name in enumerate(options.examples_from)]
        # The same for every row: asked once, whatever the number of rows.
        replies = yield [desk.ask("example", {"target": name, "text": s}, number=0) for name, s in pairs]
        shown = [
            f"{name}: {stripped(r.text)}\nEnglish: {s}" if english else f"English: {s}\n{name}: {stripped(r.text)}"
            for (name, s), r in zip(pairs, replies, strict=True)
        ]
        source, target = (options.language, "English") if english else ("English", options.language)
        values = about(row, text=row.question, source=source, target=target, examples="\n\n".join(shown))
        (reply,) = yield [desk.ask("translate", values, stop=(f"\n{source}:", "\n\n"))]
        text = stripped(reply.text.removeprefix(f"{target}:"))
        fields: dict[str, Any] = {
            "language": {"question": source, "answer": target},
            "told_language": language(text),
            "domain": row.fields.get("domain"),
        }
        if options.back and text:
            (reply,) = yield [desk.ask("back", {"text": text, "source": target, "target": source})]
            fields["back_translation"] = stripped(reply.text)
            fields["checks"] = {"back-translation": round(chrf(stripped(reply.text), row.question), 2)}
        return [new(f"Translate from {source} into {target}.\n\n{row.question}", text, **fields)]
