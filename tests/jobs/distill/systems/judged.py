"""What acceptance tests with a judge share: telling its prompts apart, and replies in its form."""

from __future__ import annotations

import hashlib
import json
import re

from jobs.distill.judging.wording import SYSTEM

PART = re.compile(r"<<([a-zA-Z-]+)-\w{8}>>\n(.*?)\n<</\1-\w{8}>>", re.DOTALL)


def is_judge(messages: list[dict[str, str]]) -> bool:
    return messages[0]["content"] == SYSTEM


def parts(messages: list[dict[str, str]]) -> dict[str, str]:
    """question and answer, or question, answer-A and answer-B, as the judge sees them."""
    return dict(PART.findall(messages[1]["content"]))


def score(value: float, reason: str = "as it is") -> str:
    return json.dumps({"reason": reason, "score": value})


def choice(better: str) -> str:
    return json.dumps({"reason": "as it is", "better": better})


def drawn(text: str, low: float, high: float) -> float:
    """A number between both that depends on the text alone."""
    return round(low + (high - low) * (int(hashlib.sha256(text.encode()).hexdigest()[:6], 16) / 0xFFFFFF), 3)
