"""How good a teacher is that only gives text: it is asked the held-out questions the way the recipe asks it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..answers import Said
from ..asking import Request
from ..evaluate import Judged, score_answers
from ..recipe import Write
from .askers import ask
from .write import write_rows, writer_of

if TYPE_CHECKING:
    from ..work import Work


def judge_asked(work: Work, who: str, metric: str) -> Judged | None:
    """Scores `who` on the held-out rows; an answer that did not come or could not be read scores as an empty one. None for
    bits per byte, which an answer's text cannot tell."""
    session, rows = work.session, work.session.heldout_rows
    if metric == "bits_per_byte":
        session.events.log(f"{who} only gives text, so it has no score in bits per byte.", "warning")
        return None
    session.events.emit("phase", phase="evaluate", stage=who, total=len(rows))
    stages = (s for _, s in session.recipe.flat() if isinstance(s, Write) and s.by == who)
    asking = next(((s, *writer_of(s)) for s in stages if writer_of(s)[0].answers), None)
    if asking is None:
        longest = session.recipe.evaluation.max_new_tokens
        requests = [Request(tuple(dict(m) for m in r.messages), longest) for r in rows]
        replies = ask(work, who, requests, who)
        said = {r.row_id: Said(p.text if p.ok else "", p.ok, p.tokens_out) for r, p in zip(rows, replies, strict=True)}
    else:
        stage = asking[0].model_copy(update={"candidates": 1, "temperature": 0.0, "name": who})
        made, _ = write_rows(work, stage, asking[1], asking[2], rows, {})
        found = {m.fields["lineage"]["parents"][0]: m.answer or "" for m in made}
        said = {r.row_id: Said(found.get(r.row_id, ""), r.row_id in found, 0) for r in rows}
    return Judged(score_answers(rows, said, metric), said)
