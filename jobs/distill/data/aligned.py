"""How two tokenizers split the same characters: each message and the answer, cut where both have a boundary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .render import Token

SHOWN = 1500  # characters of one part that are laid side by side


def parts_of(row: dict[str, Any]) -> list[tuple[str, str]]:
    """(role, text) of each message and of the answer, in order; empty texts left out."""
    found = [(m["role"], m["content"]) for m in row["messages"]]
    if row["answer"] is not None:
        found.append(("answer", row["answer"]))
    return [(role, text) for role, text in found if text]


def places(rendered: str, parts: Sequence[tuple[str, str]]) -> list[tuple[int, int] | None]:
    """(start, stop) of each part in a rendered text, one behind the other; None where the template rewrote the text."""
    at, out = 0, list[tuple[int, int] | None]()
    for _, text in parts:
        found = rendered.find(text, at)
        out.append(None if found < 0 else (found, found + len(text)))
        at = at if found < 0 else found + len(text)
    return out


def side_by_side(
    row: dict[str, Any], left: tuple[str, Sequence[Token]], right: tuple[str, Sequence[Token]]
) -> list[dict[str, Any]]:
    """[{role, left, right, spans, more, missing}]: tokens of each side per part, and the spans both cut at the same places.

    A span is {left: [texts], right: [texts], same}; `more`: characters of the part that are not shown; `missing`: sides
    (0 left, 1 right) whose template does not hold the text as it stands.
    """
    parts, out = parts_of(row), []
    found = [places(rendered, parts) for rendered, _ in (left, right)]
    for n, (role, text) in enumerate(parts):
        at = [f[n] for f in found]
        entry: dict[str, Any] = {"role": role, "characters": len(text), "missing": [i for i in (0, 1) if at[i] is None]}
        cut = [_within(side[1], a) if a else [] for side, a in zip((left, right), at, strict=True)]
        entry |= {"left": len(cut[0]), "right": len(cut[1]), "more": max(0, len(text) - SHOWN), "spans": []}
        if not entry["missing"]:
            entry["spans"] = _shown(spans(cut[0], cut[1]))
        out.append(entry)
    return out


Cut = tuple[str, int]  # text of a token inside the part, and where it ends there


def _within(tokens: Sequence[Token], place: tuple[int, int]) -> list[Cut]:
    """Tokens that cover some of the part, cut to it; those without text of their own belong to the one before."""
    start, stop = place
    out: list[Cut] = []
    for token in tokens:
        low, high = max(token.start, start), min(token.stop, stop)
        if low < high:
            out.append((token.text[max(0, low - token.start) : high - token.start], high - start))
        elif token.start == token.stop and out and start < token.stop <= stop and not token.control:
            out.append(("", token.stop - start))
    return out


def spans(left: Sequence[Cut], right: Sequence[Cut]) -> list[dict[str, Any]]:
    """Shortest runs of tokens that end at the same character on both sides."""
    out: list[dict[str, Any]] = []
    i = j = 0
    while i < len(left) or j < len(right):
        a, b = i, j
        i, j = min(i + 1, len(left)), min(j + 1, len(right))
        while (x := _end(left, i)) != (y := _end(right, j)):
            if (x < y and i < len(left)) or j >= len(right):
                i += 1
            else:
                j += 1
            if i > len(left):
                i = len(left)
                break
        i, j = _absorbed(left, i), _absorbed(right, j)
        one, other = [t for t, _ in left[a:i]], [t for t, _ in right[b:j]]
        out.append({"left": one, "right": other, "same": one == other})
    return out


def _end(cut: Sequence[Cut], count: int) -> int:
    return cut[count - 1][1] if count else 0


def _absorbed(cut: Sequence[Cut], count: int) -> int:
    """Takes over the tokens without text that follow: the rest of a character."""
    while 0 < count < len(cut) and cut[count][1] == cut[count - 1][1]:
        count += 1
    return count


def _shown(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The spans of the first characters."""
    out, characters = [], 0
    for span in found:
        if characters >= SHOWN:
            break
        characters += sum(map(len, span["left"]))
        out.append(span)
    return out
