"""Held-out rows by hash: the same rows whatever the order of the file, and all copies of a prompt on one side."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

GROUP = 12  # hexadecimal digits of a row id that belong to its prompt
INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"))


def look_alike(text: str) -> str:
    """Text without case, white space runs, invisible characters and compatibility forms: equal means looks the same."""
    if text.isascii():  # has no compatibility forms and nothing invisible
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", text).translate(INVISIBLE).casefold().split())


def digest(*parts: str) -> str:
    """SHA-256 of texts, each with its length, so that no two lists of texts run into one another."""
    pieces: list[bytes] = []
    for part in parts:
        data = part.encode("utf-8")
        pieces += (len(data).to_bytes(8, "big"), data)
    return hashlib.sha256(b"".join(pieces)).hexdigest()


def row_id_of(messages: Sequence[dict[str, str]], answer: str | None) -> str:
    """24 hexadecimal digits of the content: 12 of the prompt as it looks, 12 of prompt and answer exactly."""
    turns = [part for m in messages for part in (m["role"], m["content"])]
    group = digest(*(look_alike(t) for t in turns))[:GROUP]
    return group + digest(*turns, "1" + answer if answer is not None else "0")[:12]


def split_of(row_id: str, share: float) -> str:
    """`heldout` for this share of prompts, else `train`. Depends on the prompt's part of the id alone."""
    fraction = int(hashlib.sha256(row_id[:GROUP].encode()).hexdigest()[:13], 16) / 16**13
    return "heldout" if fraction < share else "train"


def assign_splits(rows: Iterable[dict[str, Any]], share: float) -> list[str]:
    """The split of each canonical row, in order.

    Rows with a split keep it. Without one, labelled rows go by hash; unlabelled rows are for training, except copies of
    a held-out prompt: those are `heldout` too, so that nothing is learnt from a question that is asked in the end.
    """
    rows = list(rows)
    out: list[str] = [r["split"] or (split_of(r["row_id"], share) if r["answer"] is not None else "") for r in rows]
    kept = {r["row_id"][:GROUP] for r, s in zip(rows, out, strict=True) if s == "heldout"}
    return [s or ("heldout" if r["row_id"][:GROUP] in kept else "train") for r, s in zip(rows, out, strict=True)]
