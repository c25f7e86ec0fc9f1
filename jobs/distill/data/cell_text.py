"""What a spreadsheet's cell shows: its stored value under the commonest number formats; dates as 2024-01-31."""

from __future__ import annotations

import datetime as dt
import re

from .strict_json import Number

FORMAT = 255  # characters of a number format: a spreadsheet's own most
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
SHAPE = re.compile(r"(?P<int>[#0,]*[#0])?(?:\.(?P<dec>[#0]+))?(?P<percent>%?)")
DECORATION = re.compile(r'\[[^\]]*\]|"([^"]*)"|\\(.)|[_*].')


def text_of(value: object, number_format: str = "General") -> str | Number:
    """Text of a cell's value; numbers stay numbers (their digits as shown). An empty cell is an empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        return number(value, number_format)
    if isinstance(value, dt.datetime):
        whole = value.time() == dt.time()
        return value.strftime("%Y-%m-%d") if whole else value.isoformat(" ", "seconds")
    if isinstance(value, dt.time):
        return value.isoformat("seconds")
    if isinstance(value, dt.timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return ESCAPED.sub(_character, str(value))


def _character(match: re.Match[str]) -> str:
    """The character of `_x000D_`; what no text can hold stays as it is written."""
    code = int(match.group(1), 16)
    return match.group() if code == 0 or 0xD800 <= code <= 0xDFFF else chr(code)


def number(value: int | float, number_format: str) -> Number | str:
    """The digits a cell shows. General shows up to 15 significant ones, as the spreadsheet keeps them; so does a format that
    no spreadsheet wrote, which could ask for a million decimals."""
    if len(number_format) > FORMAT:
        return Number(_general(value))
    section = _section(number_format, value)
    bare = DECORATION.sub(lambda m: (m.group(1) or "") + (m.group(2) or ""), section)
    place = SHAPE.search(bare)
    while place and not place.group():
        place = SHAPE.search(bare, place.end() + 1) if place.end() < len(bare) else None
    if number_format in ("General", "@", "") or place is None or re.search(r"[?/eE]", bare):
        return Number(_general(value))
    shown = _shaped(abs(value) if ";" in number_format and value < 0 else value, place)
    before, after = bare[: place.start()], bare[place.end() :]
    return Number(shown) if not (before + after).strip() else f"{before}{shown}{after}".strip()


def _general(value: int | float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.15g}"


def _section(number_format: str, value: int | float) -> str:
    """Formats have parts for positive, negative and zero, separated by semicolons."""
    parts = re.split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', number_format)
    if value < 0 and len(parts) > 1:
        return parts[1]
    return parts[2] if value == 0 and len(parts) > 2 else parts[0]


def _shaped(value: int | float, place: re.Match[str]) -> str:
    """A number with the decimals, thousands, leading zeros and per cent of a pattern such as `#,##0.00%`."""
    whole, decimals = place.group("int") or "", place.group("dec") or ""
    scaled = value * 100 if place.group("percent") else value
    text = f"{scaled:,.{len(decimals)}f}" if "," in whole.strip(",") else f"{scaled:.{len(decimals)}f}"
    optional = len(decimals) - len(decimals.rstrip("#"))
    if optional:
        head, _, tail = text.partition(".")
        tail = tail[: len(tail) - optional] + tail[len(tail) - optional :].rstrip("0")
        text = f"{head}.{tail}" if tail else head
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    return sign + "0" * max(0, whole.count("0") - len(digits.split(".")[0])) + digits + place.group("percent")
