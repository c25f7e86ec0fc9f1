"""Personal data and secrets in texts: what kind, how often, and the values masked. Hints for a person, not a promise."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .counting import SECRETS

LOOKED_AT = 20_000  # characters of a text
PATTERNS: dict[str, re.Pattern[str]] = {
    **SECRETS,
    "IBAN": re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b"),
    "IP address": re.compile(r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\d)"),
    "US social security number": re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\d-])"),
    "signed token": re.compile(r"\beyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,}"),
    "password": re.compile(r"(?i)\b(?:password|passwd|pwd|passphrase|kennwort)\s*[:=]\s*[\"']?([^\s\"']{4,64})"),
    "address with sign-in": re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@]{1,64}:[^\s/:@]{1,64}@"),
}
# A cheap look before each pattern: most texts hold none of these.
SIGNS: dict[str, tuple[str, ...]] = {
    "e-mail address": ("@",), "phone number": ("+",), "access key": ("AKIA", "ghp_", "github_pat_", "xox", "sk-"), "private key": ("-----BEGIN",),
    "US social security number": ("-",), "signed token": ("eyJ",), "address with sign-in": ("://",), "IP address": (".",),
}  # fmt: skip
DIGITS = re.compile(r"\d")
NEED_DIGITS = ("card number", "IBAN", "IP address", "US social security number", "phone number")


def find(text: str) -> Iterator[tuple[str, int, int]]:
    """(kind, start, end) of what looks like personal data or a secret in the first 20,000 characters."""
    seen = text[:LOOKED_AT]
    digits = DIGITS.search(seen) is not None
    low = seen.lower() if any(sign in seen for sign in (":", "=")) else ""
    for kind, pattern in PATTERNS.items():
        if kind in NEED_DIGITS and not digits:
            continue
        if kind == "password" and not any(w in low for w in ("passw", "pwd", "passphrase", "kennwort")):
            continue
        if (signs := SIGNS.get(kind)) and not any(sign in seen for sign in signs):
            continue
        for match in pattern.finditer(seen):
            if _is_one(kind, match.group()):
                start, end = match.span(1) if kind == "password" else match.span()
                yield kind, start, end


def masked(value: str) -> str:
    """The first and last character (two of long values), the rest as dots; an e-mail address keeps its sign and ending."""
    if "@" in value and "://" not in value:
        name, _, host = value.partition("@")
        return f"{name[:1]}…@{host[:1]}….{host.rpartition('.')[2]}"
    shown = 2 if len(value) >= 12 else 1
    return f"{value[:shown]}…{value[-shown:]}" if len(value) > 2 * shown + 2 else "…"


def covered(text: str) -> str:
    """The text with everything that `find` finds masked: what may be stored as an example."""
    out, at = [], 0
    for _, start, end in sorted(find(text), key=lambda f: f[1:]):
        if start >= at:
            out += [text[at:start], masked(text[start:end])]
            at = end
    return "".join([*out, text[at:]])


def _is_one(kind: str, value: str) -> bool:
    """Check digits and ranges, where the kind has them."""
    if kind == "card number":
        return luhn(value)
    if kind == "IBAN":
        return iban(value)
    if kind == "IP address":
        parts = [int(p) for p in value.split(".")]
        return all(p < 256 for p in parts) and parts[0] not in (0, 127) and parts != [255] * 4 and max(parts) > 9
    return True


def luhn(value: str) -> bool:
    """The check digit of payment cards: 13 digits or more, not all the same."""
    digits = [int(c) for c in value if c.isdigit()][::-1]
    doubled = sum(d if i % 2 == 0 else (2 * d - 9 if d > 4 else 2 * d) for i, d in enumerate(digits))
    return len(digits) >= 13 and len(set(digits)) > 1 and doubled % 10 == 0


def iban(value: str) -> bool:
    """The check digits of an international account number (ISO 13616): the number modulo 97 is 1."""
    plain = value.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1
