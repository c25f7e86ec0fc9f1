"""The recipe of the one-click run: the shipped pair on the shipped data, with the recommended method."""

from __future__ import annotations

from typing import Any

RECIPE: dict[str, Any] = {
    "name": "Sample: Banking77",
    "method": "llm-neo",
    "teacher": {"model": "sample/banking77-teacher"},
    "student": {"model": "sample/banking77-student"},
    "data": {"dataset": "sample/banking77"},
}
