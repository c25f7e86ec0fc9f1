"""One document told again for other readers in other genres."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about, new
from .template import Prompt
from .texts import STRING, many, raw, read, record, same, stripped

PAIRS = record(items=many(record(genre=STRING, audience=STRING)))


class Genres(Writer):
    """k pairs of genre and audience that suit the document, and the document told for each of them."""

    id = "genre-audience"
    title = "Genres and audiences"
    summary = "The model finds k genres and audiences for a document and tells it again for each."
    when_to_use = "A small corpus should become a larger and more varied one without new facts."
    formula = r"(g_i, a_i)_{i \le k} \sim p_T(\cdot \mid d),\quad \hat d_i \sim p_T(\cdot \mid d, g_i, a_i)"
    paper = Paper(
        title="MAGA: MAssive Genre-Audience Reformulation to Pretraining Corpus Expansion",
        authors="Hao, Shen, Li",
        year=2025,
        url="https://arxiv.org/abs/2502.04235",
        arxiv="2502.04235",
    )
    variables: ClassVar[dict[str, str]] = {
        **ROW_VARIABLES,
        "document": "the row's text",
        "variants": "the option Variants",
        "genre": "of one variant",
        "audience": "of one variant",
    }
    prompts: ClassVar[dict[str, Prompt]] = {
        "pairs": Prompt(
            "{{document}}\n\n---\nName {{variants}} pairs of a genre (how it is told: textbook, dialogue, letter, news "
            "report, tale, guide, encyclopedia entry ...) and an audience (who reads it: age, job, interest) in which "
            "this content could be told well. The pairs must differ as much as they can.\n\n"
            'Answer with JSON: {"items": [{"genre": "...", "audience": "..."}]}'
        ),
        "tell": Prompt(
            "{{document}}\n\n---\nTell this again.\nGenre: {{genre}}\nAudience: {{audience}}\n\n"
            "Keep all facts, names and numbers; build and word it anew as this genre and this audience need it. You may "
            "add common knowledge that helps this audience. Write the new text alone."
        ),
    }

    class Options(Options):
        variants: int = Field(3, ge=1, le=20, title="Variants", description="Of each document.")
        overlap: float = Field(
            0.5,
            gt=0,
            le=1,
            title="Overlap at most",
            description="Share of five-character runs a variant may have in common with its source or an earlier variant.",
        )
        shape: Literal["text", "answer"] = Field(
            "text",
            title="Becomes",
            description="text: raw text, for training on all of it. answer: what is said when this telling is asked for.",
        )

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        from ..data.minhash import shingles, similarity  # here: numpy is not loaded with the catalogue

        document = seed.row.question
        values = about(seed.row, document=document, variants=options.variants)
        (reply,) = yield [desk.ask("pairs", values, schema=PAIRS)]
        pairs: dict[tuple[str, str], dict[str, str]] = {}
        for pair in read(reply.text, PAIRS)["items"]:
            pairs.setdefault((same(pair["genre"]), same(pair["audience"])), pair)
        if len(pairs) < options.variants:
            raise Unusable(
                f"{options.variants} different pairs of genre and audience were asked for, it has {len(pairs)}"
            )
        chosen = list(pairs.values())[: options.variants]
        replies = yield [desk.ask("tell", {**values, **p}) for p in chosen]
        seen, out = [shingles(document)], list[Made]()
        for pair, reply in zip(chosen, replies, strict=True):
            text = stripped(reply.text)
            tags: dict[str, Any] = {
                **pair,
                "source": seed.row.row_id,
                "domain": seed.row.fields.get("domain"),
                "synthetic": True,
            }
            asked = f"Tell this as {pair['genre']} for {pair['audience']}:\n\n{document}"
            own = shingles(text)
            nearest = max(similarity(own, s) for s in seen)
            tags["overlap"] = round(nearest, 4)
            made = raw(text, **tags) if options.shape == "text" else new(asked, text, **tags)
            if nearest > options.overlap:
                why = f"{nearest:.0%} of it stands in its source or an earlier variant, {options.overlap:.0%} may"
                made = Made(made.messages, made.answer, made.fields, left_out=why)
            else:
                seen.append(own)
            out.append(made)
        return out
