"""What models said in a run, kept as rows: `outputs/WHO.jsonl`, one conversation a line, ready to become a dataset.

Answers that were cut off at the token limit are left out, and counted: they are no answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .evaluate import Judged
    from .rows import Row

FOLDER = "outputs"


def keep(
    folder: Path,
    train_rows: Iterable[Row],
    heldout_rows: Iterable[Row],
    written: Mapping[str, str],
    arms: Mapping[str, Judged],
) -> dict[str, dict[str, int]]:
    """Writes the teacher's answers for training and every arm's on the held-out rows; {who: {rows, cut}} of what was written."""
    place, kept = Path(folder) / FOLDER, dict[str, dict[str, int]]()
    if written:
        answered = ((row, written[row.row_id], True) for row in train_rows if row.row_id in written)
        found = _write(place / "teacher.jsonl", answered, "train")
        kept["teacher"] = {"rows": found["rows"]}  # the stage left out what was cut, and said how much
    rows = list(heldout_rows)
    for name, arm in arms.items():
        if arm.said:
            said = ((r, arm.said[r.row_id].text, arm.said[r.row_id].finished) for r in rows if r.row_id in arm.said)
            who = "heldout-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:50]
            kept[who] = _write(place / f"{who}.jsonl", said, "heldout")
    return kept


def _write(path: Path, said: Iterable[tuple[Row, str, bool]], split: str) -> dict[str, int]:
    """`said`: row, text, whether the text ended by itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    counts = {"rows": 0, "cut": 0}
    with path.open("w", encoding="utf-8") as file:
        for row, text, finished in said:
            good = finished and bool(text.strip())
            counts["rows" if good else "cut"] += 1
            if good:
                file.write(json.dumps(_line(row, text, split), ensure_ascii=False) + "\n")
    return counts


def _line(row: Row, answer: str, split: str) -> dict[str, Any]:
    messages = [*row.messages, {"role": "assistant", "content": answer}]
    own = {name: row.fields[name] for name in ("domain", "group") if row.fields.get(name) is not None}
    return {"id": row.row_id, "split": split, "messages": messages, "gold": row.answer, **own}
