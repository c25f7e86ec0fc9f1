"""Small filters of the studio's templates."""

from __future__ import annotations

from typing import Any

from django import template

register = template.Library()


@register.filter
def add_text(left: Any, right: Any) -> str:
    """Both as text, one after the other; Django's own `add` adds numbers."""
    return f"{left}{right}"


@register.filter
def line_numbers(text: str) -> range:
    """1, 2, 3 ... for each line of a text area."""
    return range(1, max(1, len((text or "").splitlines())) + 1)


@register.filter
def stage_count(n: int) -> str:
    """2 stages; nothing for none."""
    return f"{n} stage{'' if n == 1 else 's'}" if n else ""


@register.filter
def path_of(card: str) -> str:
    """teacher -> teacher.model: the field that chooses the model."""
    return f"{card}.model"
