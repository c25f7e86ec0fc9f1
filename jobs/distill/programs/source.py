"""The program in a model's answer, or whatever else stands between fences."""

from __future__ import annotations

import re
from textwrap import dedent

FENCE = re.compile(r"```[ \t]{0,4}[A-Za-z0-9_+-]{0,20}[ \t]{0,4}\n(.*?)(?:```|\Z)", re.DOTALL)
HEAD = re.compile(r"```[A-Za-z0-9_+-]{0,20}\s*")
MOST = 200_000  # characters of an answer that are looked at


def program_of(text: str) -> str:
    """The last fenced block, else the whole text, without indentation of its own; empty where there is none."""
    found = FENCE.findall(text[:MOST])
    return dedent(found[-1] if found else text[:MOST]).strip("\n")


def unfenced(text: str) -> str:
    """What stands inside one fence around the whole text, without white space at its ends; the text where there is none."""
    head, _, rest = text.strip().partition("\n")
    return rest.removesuffix("```").strip() if HEAD.fullmatch(head) and rest.endswith("```") else text
