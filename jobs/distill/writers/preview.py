"""What a writer would ask first, shown over a few rows before anything is paid for. Nobody is asked: the prompts are filled in.

A writer that needs an answer before it can ask on shows its first questions; the wording of the later steps stands beside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..errors import DistillError, RecipeInvalid
from ..recipe import Write
from .base import Desk, Seed, Unusable, Writer
from .choose import prompts_of, writer_of

if TYPE_CHECKING:
    from ..rows import Row

SHOWN = 5
NEEDS_STUDENT = ("unsure", "wrong", "right", "written")  # which rows these are shows only when the run is under way


def preview(stage: Write, rows: Sequence[Row], shown: int = SHOWN) -> dict[str, Any]:
    """{questions: [{id, question, asked: [[{role, content}]], why}], note}. Raises RecipeInvalid for prompts that cannot work.

    `why` says what keeps a writer from asking about this row.
    """
    writer, options = writer_of(stage)
    chosen = rows
    if stage.rows in ("labelled", "unlabelled"):
        chosen = [r for r in rows if r.labelled == (stage.rows == "labelled")]
    desk = Desk(prompts_of(stage, writer), stage.max_new_tokens, stage.temperature, stage.top_p, rows=rows)
    try:
        questions = list(_asked(writer, options, desk, chosen, shown))
    except (RecipeInvalid, Unusable):
        raise
    except (DistillError, LookupError, ValueError, TypeError, AttributeError) as e:
        raise RecipeInvalid(
            f"{writer.title} has nothing to show yet: {e}.",
            hint="Some writers need what earlier stages of the run find out.",
        ) from e
    waits = stage.rows in NEEDS_STUDENT
    note = (
        "Which rows it starts from shows when the run is under way; these are the first of the data." if waits else ""
    )
    return {"questions": questions, "note": note}


def _asked(writer: Writer, options: Any, desk: Desk, rows: Sequence[Row], shown: int) -> Iterator[dict[str, Any]]:
    for seed in islice(writer.seeds(rows, options, desk), shown):
        steps = writer.write(seed, options, desk)
        asked, why = [], ""
        try:
            asked = [list(q.request.messages) for q in next(steps)]
        except StopIteration:
            why = "asks nobody about it"
        except Unusable as e:
            why = str(e)
        finally:
            steps.close()
        yield {"id": seed.id, "question": _about(seed), "asked": asked, "why": why}


def _about(seed: Seed) -> str:
    if seed.rows:
        return seed.rows[0].question[:2000]
    return ", ".join(f"{name}: {value}" for name, value in seed.values.items())[:2000]
