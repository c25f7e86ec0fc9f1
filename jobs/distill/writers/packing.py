"""Long rows from short documents: one of them holds the answer, the others stand around it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from ..parts import Options, Paper
from ..retrieval.bm25 import BM25
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about, new
from .template import Prompt
from .texts import STRING, read, record

if TYPE_CHECKING:
    from ..rows import Row

PAIR = record(question=STRING, answer=STRING)
NEEDLE = "The pass key is {key}. Remember it. {key} is the pass key."


@dataclass(frozen=True)
class Chunk:
    """A piece of a row's text."""

    row: Row
    text: str

    @property
    def words(self) -> int:
        return len(self.text.split())


class LongContext(Writer):
    """The model only ever reads one chunk: it asks a question that the chunk answers. The row asks it of a long text in
    which the chunk stands at a place drawn evenly between beginning and end."""

    id = "long-context"
    title = "Long rows from documents"
    summary = "A question about one chunk is asked of a long text of many chunks, the right one at an even place."
    when_to_use = "A student with a short context should learn a longer one, and no long answered rows exist."
    formula = r"(\hat x, \hat y) \sim p_T(\cdot \mid c),\quad d = c_1 \dots c_{j} \, c \, c_{j+1} \dots c_n,\ j \sim U"
    paper = Paper(
        title="Bootstrap Your Own Context Length",
        authors="Wang, Yang, Zhang, Huang, Wei",
        year=2024,
        url="https://arxiv.org/abs/2412.18860",
        arxiv="2412.18860",
    )
    variables: ClassVar[dict[str, str]] = {**ROW_VARIABLES, "chunk": "the chunk that holds the answer"}
    prompts: ClassVar[dict[str, Prompt]] = {
        "question": Prompt(
            "{{chunk}}\n\n---\nWrite one question that this passage answers and its answer. The question will be asked "
            "among many other passages: name what it is about, so that only this passage answers it. The answer is "
            'complete and comes from the passage alone.\n\nAnswer with JSON: {"question": "...", "answer": "..."}'
        ),
    }

    class Options(Options):
        task: Literal["question", "needle"] = Field(
            "question",
            title="Task",
            description="question: the model asks about a chunk. needle: a pass key is hidden; nobody is asked.",
        )
        number: int = Field(1000, ge=1, le=10_000_000, title="New rows", description="How many are asked for.")
        length: int = Field(
            4000,
            ge=5,
            le=5_000_000,
            title="Length (words)",
            description="Of the long text. English has about 1.3 tokens a word.",
        )
        chunk: int = Field(200, ge=5, le=100_000, title="Chunk (words)", description="Longer documents are cut there.")
        around: Literal["similar", "random"] = Field(
            "similar",
            title="Around it",
            description="similar: chunks that are like the question, found by BM25. random: any others.",
        )

    def seeds(self, rows: Sequence[Row], options: Any, desk: Desk) -> Iterable[Seed]:
        chunks = chunks_of(rows, options.chunk)
        if not chunks:
            return
        index = BM25([c.text for c in chunks]) if options.around == "similar" and options.task == "question" else None
        for n in range(options.number):
            rng = desk.random(Seed(f"long-{n}"))
            place = rng.randrange(len(chunks))
            values = {"place": place, "position": rng.random(), "key": rng.randrange(10_000, 100_000)}
            yield Seed(f"long-{n}", (chunks[place].row,), _Kept(values, chunks, index))

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        values = seed.values
        chunks: Sequence[Chunk] = values.chunks  # type: ignore[attr-defined]
        index: BM25 | None = values.index  # type: ignore[attr-defined]
        own, rng = chunks[values["place"]], desk.random(seed, "around")
        if options.task == "needle":
            asked, answer = "What is the pass key?", str(values["key"])
            holds = NEEDLE.format(key=values["key"])
        else:
            (reply,) = yield [desk.ask("question", about(own.row, chunk=own.text), schema=PAIR)]
            pair = read(reply.text, PAIR)
            asked, answer, holds = pair["question"], pair["answer"], own.text
        others = (
            [i for i, c in enumerate(chunks) if i != values["place"]]
            if options.task != "needle"
            else list(range(len(chunks)))
        )
        if index is not None:
            liked = [f.place for f in index.search(asked, len(chunks)) if f.place != values["place"]]
            others = liked + rng.sample(rest := [i for i in others if i not in set(liked)], len(rest))
        else:
            rng.shuffle(others)
        around = filled([chunks[i] for i in others], options.length - len(holds.split()))
        rng.shuffle(around)
        at = min(int(values["position"] * (len(around) + 1)), len(around))
        texts = [c.text for c in around]
        long = "\n\n".join([*texts[:at], holds, *texts[at:]])
        total = len(long.split())
        if total < options.length:
            raise Unusable(f"all other chunks together make {total:,} words, {options.length:,} are wanted")
        before = sum(c.words for c in around[:at])
        return [self._row(long, asked, answer, total, before / max(1, total - len(holds.split())), own, around, at)]

    def _row(
        self, long: str, asked: str, answer: str, total: int, position: float, own: Chunk, around: list[Chunk], at: int
    ) -> Made:
        sources = sorted({c.row.row_id for c in around})
        return new(
            f"{long}\n\n{asked}",
            answer,
            words=total,
            position=round(position, 4),
            chunk=own.row.row_id,
            around=len(around),
            before=at,
            sources=sources[:1000],
            synthetic=True,
        )


class _Kept(dict[str, Any]):
    """Values of a seed with what all seeds of a stage share beside them, which is no value to be stored."""

    def __init__(self, values: dict[str, Any], chunks: Sequence[Chunk], index: BM25 | None) -> None:
        super().__init__(values)
        self.chunks, self.index = chunks, index


def chunks_of(rows: Sequence[Row], most: int) -> list[Chunk]:
    """The rows' texts in pieces of at most `most` words, whole paragraphs where they fit."""
    out = []
    for row in rows:
        current: list[str] = []
        for paragraph in row.question.split("\n\n"):
            pieces = paragraph.split()
            if current and len(current) + len(pieces) > most:
                out.append(Chunk(row, " ".join(current)))
                current = []
            while len(pieces) > most:
                out.append(Chunk(row, " ".join(pieces[:most])))
                pieces = pieces[most:]
            current += pieces
        if current:
            out.append(Chunk(row, " ".join(current)))
    return out


def filled(chunks: Sequence[Chunk], words: int) -> list[Chunk]:
    """The first chunks that together have at least so many words; all of them where they have fewer."""
    out, total = list[Chunk](), 0
    for chunk in chunks:
        if total >= words:
            break
        out.append(chunk)
        total += chunk.words
    return out
