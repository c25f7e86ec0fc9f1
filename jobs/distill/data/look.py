"""The first look at a file that a worker fetched: the same findings that an upload gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import DataRefused
from .preview import peek

# What another mapping may still mend; every other refusal is about the file itself.
MENDABLE = {"roles", "no_usable_rows"}
SUGGESTED = {"labels": "words"}


def first_look(path: Path, filename: str) -> dict[str, Any]:
    """Findings, with words suggested for labels that look like names in code. Raises DataRefused for what no choice mends."""
    findings = peek(path, filename)
    if findings["offers"].get("labels"):
        findings = peek(path, filename, None, SUGGESTED) | {"options": SUGGESTED}
    for problem in findings["problems"]:
        if problem["severity"] == "refuse" and (problem["code"] not in MENDABLE or not findings["columns"]):
            raise DataRefused(problem["message"], hint=problem.get("remedy"))
    return findings
