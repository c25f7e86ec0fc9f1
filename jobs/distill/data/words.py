"""The words people use for the parts of a split."""

from __future__ import annotations

import re

SPLITS = {
    "train": "train",
    "training": "train",
    "test": "heldout",
    "dev": "heldout",
    "valid": "heldout",
    "validation": "heldout",
    "val": "heldout",
    "eval": "heldout",
    "heldout": "heldout",
    "held-out": "heldout",
    "held_out": "heldout",
}


def split_word(text: str) -> str:
    """train or heldout for a word, or for a name such as oos_val of which one word says it; '' for anything else."""
    word = text.strip().lower()
    if word in SPLITS:
        return SPLITS[word]
    found = {SPLITS[w] for w in re.split(r"[^a-z]+", word) if w in SPLITS} if len(word) <= 40 else set()
    return found.pop() if len(found) == 1 else ""
