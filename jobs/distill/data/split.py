"""Held-out rows by hash: the same rows whatever the order of the file, all copies of a prompt and all rows of a group on one side."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from .families import GROUP, Groups, group_key, group_of, prompt_key

ROLES = ("user", "assistant", "system")  # look as they are
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
    turns: list[str] = []
    looks: list[str] = []
    for m in messages:
        role, content = m["role"], m["content"]
        turns += (role, content)
        looks += (role if role in ROLES else look_alike(role), look_alike(content))
    group = digest(*looks)[:GROUP]
    return group + digest(*turns, "1" + answer if answer is not None else "0")[:12]


def share_of(name: str) -> float:
    """0 up to 1 by hash: rows of which this is below the asked share are held out."""
    return int(hashlib.sha256(name.encode("utf-8")).hexdigest()[:13], 16) / 16**13


def split_of(row_id: str, share: float) -> str:
    """`heldout` for this share of prompts, else `train`. Depends on the prompt's part of the id alone."""
    return "heldout" if share_of(row_id[:GROUP]) < share else "train"


def side_of(family: str, share: float) -> str:
    """The side of a family of rows (see families.py): of a prompt alone it is the one that `split_of` says."""
    return "heldout" if share_of(family[1:] if family.startswith("p") else family) < share else "train"


def assign_splits(rows: Iterable[dict[str, Any]], share: float) -> list[str]:
    """The split of each canonical row, in order.

    Rows with a split keep it. Without one, labelled rows go by the hash of their family: their prompt, and the group they
    belong to with all its prompts. Unlabelled rows are for training, except those of a family that is held out: they are
    `heldout` too, so that nothing is learnt from a question that is asked in the end.
    """
    rows, groups = list(rows), Groups()
    for row in rows:
        if (group := group_of(row)) is not None:
            groups.join(group_key(group), prompt_key(row))
    families = [groups.find(prompt_key(row)) for row in rows]
    out = [
        r["split"] or (side_of(f, share) if r["answer"] is not None else "")
        for r, f in zip(rows, families, strict=True)
    ]
    held = {f for f, side in zip(families, out, strict=True) if side == "heldout"}
    return [side or ("heldout" if f in held else "train") for side, f in zip(out, families, strict=True)]
