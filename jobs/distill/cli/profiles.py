"""`data profile` and `data contamination`: what is in a file of rows, without the web app."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from ..data.profile_words import lines
from ..errors import DataRefused


def add_to(parsers: Any) -> None:
    """The two actions of `data`."""
    p = parsers.add_parser("profile", help="copies, overlap, noise, languages, personal data and lengths of rows")
    p.set_defaults(run=_profile)
    p.add_argument("rows", type=Path, help="any file that can be imported")
    p.add_argument(
        "--model", type=Path, action="append", default=[], help="folder of a model whose tokens are counted; repeat"
    )
    p.add_argument("--heldout", type=float, default=0.1, help="share held out where the file does not say; default 0.1")
    p.add_argument("--json", action="store_true")
    p = parsers.add_parser("contamination", help="do rows hold what evaluation rows ask?")
    p.set_defaults(run=_contamination)
    p.add_argument("rows", type=Path)
    p.add_argument("--against", type=Path, action="append", required=True, help="evaluation rows; repeat")
    p.add_argument("--json", action="store_true")


def _profile(given: argparse.Namespace) -> int:
    from ..data.load import read_any
    from ..data.profile import deep_profile
    from ..models.inspect import inspect_model

    tokenizers = []
    for folder in given.model:
        facts = inspect_model(folder)
        found = {"folder": str(folder), "vocab_sha256": facts.tokenizer.vocab_sha256, "title": folder.name}
        tokenizers.append({**found, "context": facts.context})
    rows = read_any(given.rows)
    with tempfile.TemporaryDirectory() as place:
        found = deep_profile(rows, "0" * 64, tokenizers, given.heldout, lambda part, done: None, Path(place))["profile"]
    print(json.dumps(found, ensure_ascii=False, indent=1) if given.json else "\n".join(lines(found)))
    return 0


def _contamination(given: argparse.Namespace) -> int:
    from ..data.behind import Behind
    from ..data.load import read_any
    from ..data.profile.contamination import check, evaluation, numbered

    rows = [pair for pair in numbered(read_any(given.rows)) if pair[1]["split"] != "heldout"]
    if not rows:
        raise DataRefused("Every row is marked as held out: there is nothing a student would learn.", field="rows")
    behind, found = Behind(), []
    for n, path in enumerate(given.against):
        held = evaluation(numbered(read_any(path)))
        found.append({"title": path.name, **check(rows, held, behind, "contamination", f"{n}: ")})
    if given.json:
        print(json.dumps(found, ensure_ascii=False, indent=1))
        return 0
    for s in found:
        print(f"{s['title']}: {s['either']['others']:,} of {s['others']:,} evaluation rows stand in these rows")
        print(f"  the same question: {s['exact']['rows']:,} rows; thirteen words in a row: {s['runs']['rows']:,} rows")
        for e in s["examples"]:
            print(
                f"  row {e['row']:,} holds {100 * e['share']:.0f} % of its words from row {e['other']:,}: {e['text'][:80]}"
            )
    return 0
