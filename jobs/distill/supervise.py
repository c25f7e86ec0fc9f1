"""What of a row a stage learns to say: its rationale, rationale and answer as two tasks or as one text, or every token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .errors import PlanRefused
from .recipe import Train
from .rows import Example, Renderer, Row

SENTENCE_END = re.compile(r"(?<=[.!?;])(?=\s)|(?<=\S)(?=\n)")
ANSWER_LINE = "\n"  # between a rationale and its answer


# -- whole texts --------------------------------------------------------------------------------------------------------


def whole_texts(rows: Sequence[Row], renderer: Renderer, longest: int) -> list[Example]:
    """Every token of every row is learnt; a text longer than `longest` tokens is cut into pieces, none is lost.

    A row that is one user turn without an answer is raw text: no template is put around it.
    """
    out = []
    for row in rows:
        ids, paint = whole_ids(row, renderer), whole_paint(row, renderer)
        weight = float(row.fields.get("weight", 1.0))
        for begin in range(0, max(1, len(ids) - 1), longest):
            piece = np.asarray(ids[begin : begin + longest], dtype=np.int32)
            if len(piece) > 1:  # the first token has nothing before it
                some = None if paint is None else paint[begin + 1 : begin + longest]
                out.append(Example(row.row_id, piece, 1, row.labelled, weight=weight, paint=some))
    return out


def whole_ids(row: Row, renderer: Renderer) -> list[int]:
    if row.answer is None and len(row.messages) == 1:
        return renderer.text(row.question)
    prompt = renderer.prompt(row.messages)
    return prompt if row.answer is None else prompt + renderer.answer(row.messages, row.answer)


def whole_paint(row: Row, renderer: Renderer) -> np.ndarray | None:
    """Weight of each id of `whole_ids`, 1 before the answer; None where nothing is painted."""
    if not row.spans:
        return None
    example = renderer.example(row)
    if example.paint is None:
        return None
    return np.concatenate([np.ones(example.start, dtype=np.float32), example.paint])


# -- rationales ---------------------------------------------------------------------------------------------------------


def with_rationale(rows: Sequence[Row], what: str) -> list[Row]:
    """Rows that have one; raises PlanRefused when none has."""
    found = [r for r in rows if str(r.fields.get("rationale") or "").strip()]
    if not found:
        raise PlanRefused(
            f"{what} learns from rationales, and none of {len(rows)} rows has one.",
            field="data.roles",
            hint="Map the column of the reasoning to the role rationale.",
        )
    return found


def rationale_rows(rows: Sequence[Row], prefix: str) -> list[Row]:
    """Rows whose answer is their rationale, asked for under the prefix."""
    return [
        replace(
            r,
            answer=str(r.fields["rationale"]),
            messages=(*r.messages[:-1], {**r.messages[-1], "content": prefix + r.question}),
        )
        for r in rows
    ]


def reasoned(row: Row, rationale: str | None = None) -> Row:
    """The row whose answer is the rationale, then the answer on a line of its own."""
    said = str(row.fields["rationale"]) if rationale is None else rationale
    if not said:
        return row
    painted = row.painted and row.painted.after(said + ANSWER_LINE)
    return replace(row, answer=f"{said}{ANSWER_LINE}{row.answer}", painted=painted)


def chunks_of(rationale: str, most: int) -> list[str]:
    """At most `most` chunks of whole sentences, as equal in length as can be (least sum of squares); joined they are the
    rationale, character by character."""
    sentences = [s for s in SENTENCE_END.split(rationale) if s]
    n, parts = len(sentences), min(most, len(sentences))
    ends = np.cumsum([0, *map(len, sentences)])
    best: dict[tuple[int, int], tuple[float, int]] = {(0, 0): (0.0, 0)}  # (chunks, sentences) -> (cost, where it began)
    for k in range(1, parts + 1):
        for end in range(k, n + 1):
            options = [
                (best[k - 1, b][0] + float(ends[end] - ends[b]) ** 2, b)
                for b in range(k - 1, end)
                if (k - 1, b) in best
            ]
            best[k, end] = min(options)
    cuts, end = [n], n
    for k in range(parts, 0, -1):
        end = best[k, end][1]
        cuts.append(end)
    cuts.reverse()
    return ["".join(sentences[a:b]) for a, b in zip(cuts, cuts[1:], strict=False)]


def chunk_examples(row: Row, renderer: Renderer, most: int, longest: int) -> list[Example]:
    """One example a chunk, the answer being the last: the text up to the chunk's end, of which only the chunk is learnt.

    What follows a chunk cannot change its loss in a causal model, so it is left away. The chunks' tokens are those of the
    whole answer, each in exactly one chunk. Empty where the row is too long.
    """
    whole = reasoned(row)
    paint = renderer.example(whole).paint if whole.spans else None
    prompt, ids = renderer.prompt(row.messages), renderer.answer(row.messages, whole.answer or "")
    if len(prompt) + len(ids) > longest:
        return []
    text, bounds = "", [0]
    for chunk in chunks_of(str(row.fields["rationale"]), most):
        text += chunk
        bounds.append(max(bounds[-1], _shared(renderer.answer(row.messages, text), ids)))
    bounds = sorted({*bounds, len(ids)})
    all_ids = np.asarray(prompt + ids, dtype=np.int32)
    start, weight = len(prompt), float(row.fields.get("weight", 1.0))
    return [
        Example(
            row.row_id,
            all_ids[: start + e],
            start + b,
            row.labelled,
            weight=weight,
            features={"chunk": float(k)},
            paint=None if paint is None else paint[b:e],
        )
        for k, (b, e) in enumerate(zip(bounds, bounds[1:], strict=False))
    ]


def _shared(a: Sequence[int], b: Sequence[int]) -> int:
    """Tokens that two texts have in common at their beginning."""
    n = min(len(a), len(b))
    return next((i for i in range(n) if a[i] != b[i]), n)


# -- the two tasks ------------------------------------------------------------------------------------------------------

TASKS = ("label", "rationale")


def as_task(example: Example, task: str) -> Example:
    return replace(example, features={**example.features, "task": float(TASKS.index(task))})


def units(stage: Train, examples: Sequence[Example]) -> int:
    """Rows of a stage: several examples of one row are drawn together, or in turn."""
    if stage.supervise in ("label+rationale", "chunks"):
        return len({e.row_id for e in examples})
    return len(examples)


def by_row(examples: Sequence[Example]) -> list[list[Example]]:
    """Examples of one row together, in the order of the rows."""
    out: dict[str, list[Example]] = {}
    for example in examples:
        out.setdefault(example.row_id, []).append(example)
    return list(out.values())


def feature(example: Example, name: str) -> Any:
    return example.features.get(name)
