"""A profile in lines of a terminal: the command line of the engine and the API say the same. Light."""

from __future__ import annotations

from typing import Any


def lines(profile: dict[str, Any]) -> list[str]:
    """How much was looked at, findings with their rows, languages, lengths per tokenizer."""
    closely = profile["closely"]
    across, noise = closely["across"], closely["noise"]
    found = [
        ("exact copies", closely["exact"]["rows"]),
        ("rows with a near copy", closely["near"]["rows"]),
        ("held-out questions also in training", across["exact"]),
        ("held-out rows with a near copy in training", across["near"]),
        ("training rows with 13 words of a held-out one", across["runs"]["runs"]["rows"]),
        ("rows whose text has two answers", noise["conflicts"]["rows"]),
    ]
    if noise["neighbours"]:
        found.append(("rows whose near neighbour disagrees", noise["neighbours"]["rows"]))
    found += [(f"personal data: {p['kind']}", p["rows"]) for p in closely["private"]]
    out = [f"{closely['rows']:,} of {closely['of']:,} rows looked at", *(f"{n:>9,}  {name}" for name, n in found)]
    out.append("languages: " + ", ".join(f"{name} {n:,}" for name, n in closely["languages"][:6]))
    for m in profile["tokens"].values():
        q = m["total"]
        sizes = f"median {q['median']:,}, 95 % {q['95 %']:,}, longest {q['longest']:,}"
        out.append(f"tokens of {m['title']}: {sizes}; {m['over_context']:,} rows over its context")
    return out
