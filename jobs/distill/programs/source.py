"""The program in a model's answer."""

from __future__ import annotations

import re
from textwrap import dedent

FENCE = re.compile(r"```[ \t]{0,4}[A-Za-z0-9_+-]{0,20}[ \t]{0,4}\n(.*?)(?:```|\Z)", re.DOTALL)
MOST = 200_000  # characters of an answer that are looked at


def program_of(text: str) -> str:
    """The last fenced block, else the whole text, without indentation of its own; empty where there is none."""
    found = FENCE.findall(text[:MOST])
    return dedent(found[-1] if found else text[:MOST]).strip("\n")
