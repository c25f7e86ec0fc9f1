"""Endpoints and calls in words: one place, so that pages, API and command line say the same."""

from __future__ import annotations

from typing import Any

from jobs.distill.asking.request import GOOD, OUTCOMES
from jobs.distill.net import addresses

from . import queries
from .models import Endpoint, TeacherCall

TYPICAL = (300, 200)  # tokens a row reads and writes, for a first idea of the price
TURNS = {"system": "System", "user": "User", "assistant": "Assistant"}


def price(row: Endpoint) -> str:
    """0.15 / 0.60 USD per million tokens read / written; free where nothing is charged."""
    read, written = float(row.spec.get("price_in") or 0), float(row.spec.get("price_out") or 0)
    if not read and not written:
        return "no price set"
    return f"{read:g} / {written:g} {row.spec['currency']}"


def place(row: Endpoint) -> str:
    """The address without what may stand after it."""
    return addresses.parse(row.spec["url"]).shown


def facts(row: Endpoint) -> list[tuple[str, str]]:
    spec = row.spec
    limits = [
        f"{spec['requests_per_minute']:,} requests a minute" if spec.get("requests_per_minute") else "",
        f"{spec['tokens_per_minute']:,} tokens a minute" if spec.get("tokens_per_minute") else "",
    ]
    return [
        ("Name in recipes", row.key),
        ("Address", place(row)),
        ("Model", str(spec["model"])),
        ("Gives", queries.kinds_of_answers(row)),
        ("Price of a million tokens read / written", price(row)),
        ("Context", f"{spec['context']:,} tokens" if spec.get("context") else "not stated"),
        ("At once", f"{spec['concurrency']:,} requests"),
        ("Rate limits", ", ".join(x for x in limits if x) or "none stated"),
        ("Training on its outputs", row.get_outputs_display()),
        ("Key", "stored, never shown" if row.has_key else "none"),
    ]


def month(row: Endpoint, used: queries.Spent) -> dict[str, Any]:
    """What this month cost, against the cap; `share` is of the fuller of both caps, 0 to 1."""
    currency, shares, caps = row.spec["currency"], [], []
    if row.monthly_price is not None:
        caps.append(queries.money(row.monthly_price, currency))
        shares.append(used.price / row.monthly_price if row.monthly_price else 1.0)
    if row.monthly_tokens is not None:
        caps.append(f"{row.monthly_tokens:,} tokens")
        shares.append(used.tokens / row.monthly_tokens)
    return {
        "calls": used.calls,
        "tokens": used.tokens,
        "price": queries.money(used.price, currency),
        "cap": " or ".join(caps),
        "share": min(1.0, max(shares)) if shares else None,
    }


def shown(call: TeacherCall) -> dict[str, Any]:
    """One line of the list of calls."""
    turns = call.prompt if isinstance(call.prompt, list) else []
    currency = str(call.endpoint.spec["currency"]) if call.endpoint else ""
    return {
        "call": call,
        "turns": [
            (TURNS.get(str(t.get("role")), str(t.get("role"))), str(t.get("content", "")))
            for t in turns
            if isinstance(t, dict)
        ],
        "good": call.outcome == GOOD,
        "outcome": OUTCOMES.get(call.outcome, call.outcome),
        "price": queries.money(call.price, currency),
    }


def findings(row: Endpoint) -> list[tuple[str, str]]:
    """What the last test found, in words; empty before one, and after a change."""
    found = row.tested
    if not found:
        return []
    names = [str(m) for m in found.get("models") or []]
    listed = ", ".join(names[:8]) + (f" and {len(names) - 8:,} more" if len(names) > 8 else "")
    gives = found.get("logprobs") or 0
    speed = found.get("tokens_per_second")
    return [
        ("Answers as", str(found.get("model") or "it does not say")),
        ("Models", listed or "it gives no list"),
        ("Context", f"{found['context']:,} tokens" if found.get("context") else "it does not say"),
        ("Log-probabilities", f"{gives} a token" if gives else "none: text only"),
        ("A question of one word", f"{found.get('seconds', 0):.2g} s"),
        ("Speed of one answer", f"{speed:,.0f} tokens a second" if speed else "not measured"),
        ("1,000 typical rows", typical(row)),
        ("This test cost", queries.money(found.get("price") or 0.0, str(row.spec["currency"]))),
    ]


def typical(row: Endpoint) -> str:
    """Price of 1,000 rows of TYPICAL tokens read and written each."""
    read, written = float(row.spec.get("price_in") or 0), float(row.spec.get("price_out") or 0)
    if not read and not written:
        return "no price is set"
    cost = 1000 * (TYPICAL[0] * read + TYPICAL[1] * written) / 1e6
    return f"{queries.money(cost, str(row.spec['currency']))} ({TYPICAL[0]} tokens read and {TYPICAL[1]} written a row)"
