"""A short-lived limited child of the web process: `python -m jobs.distill.data.preview`, JSON in, JSON out.

In:  {"verb": "peek", "path", "filename", "roles"?, "options"?, "seconds"?}
     {"verb": "preview", "rows": [canonical rows], "models": [{"folder", "title", "context"}], "max_length"?, "too_long"?}
     {"verb": "rows", "path", "offset", "limit", "query"?, "label"?, "split"?, "heldout"?, "behind"?, "over"?}
     {"verb": "prompts", "path", "stage"}: what a stage `write` would ask about the first rows
     {"verb": "desk", "path", "order", "limit", ...}: see desk.py
     {"verb": "export", "path"}: canonical rows as CSV on stdout, formulas escaped
     {"verb": "listing", "path", "filename", "roles"?, "options"?, "which"}: refused or changed rows of a file as CSV
Out: {"findings": ...} or {"rows", "matching", "total"} or {"error": ...} or
     {"models": [{"title", "rows": [{"rendered", "tokens": [[text, class, id, control]], "details": [[start, stop, piece, bytes]], ...}]}],
      "aligned": [how the first two models split the same characters, a list of parts for each row]}
"""

from __future__ import annotations

import json
import resource
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import DistillError, RecipeInvalid
from .aligned import parts_of, places, side_by_side
from .options import parse_options
from .paint import painted_of
from .roles import ROLES
from .scan import CELL_SHOWN, SHOWN, cut, scan

CPU_SECONDS, EXPORT_SECONDS, MEMORY = 10, 600, 3 * 2**30
POOL = 500  # rows a preview of prompts may draw its examples from
TOKENS_SHOWN = 2000


def peek(
    path: Path,
    filename: str,
    roles: dict[str, str] | None = None,
    options: dict[str, Any] | None = None,
    seconds: float = 6,
) -> dict[str, Any]:
    """Findings of a first look, cells cut for the page; at most `seconds` of reading."""
    found = scan(path, filename, roles, parse_options(options), seconds=seconds).as_dict()
    found["sample"] = [
        {"line": r["line"], "values": {c: cut(_flat(v)) for c, v in r["values"].items()}}
        for r in found["sample"][:SHOWN]
    ]
    found["rows"] = [r for r in found["rows"] if sum(len(m["content"]) for m in r["messages"]) < 100 * CELL_SHOWN][
        :SHOWN
    ]
    found["known_roles"] = ROLES
    for row in found["refused"]:
        row["reason"] = row["reason"][:300]
    return found


def _flat(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, (list, dict)) else value


def preview(
    rows: list[dict[str, Any]], model: dict[str, Any], max_length: int | None = None, too_long: str = "drop"
) -> dict[str, Any]:
    """Rendered conversation and tokens with their class (prompt, learnt, ignored, cut) for one model; errors are words."""
    return _Reading(model, max_length, too_long).read(rows)


class _Reading:
    """One model's reading of some rows; keeps the tokens, so that two readings can be laid side by side."""

    def __init__(self, model: dict[str, Any], max_length: int | None, too_long: str) -> None:
        from .render import Reader

        self.model, self.too_long = model, too_long
        self.limit = min(x for x in (max_length, model.get("context"), 10**9) if x)
        self.reader = Reader(Path(model["folder"]))
        self.tokens: list[tuple[str, list[Any]]] = []  # of each row: the rendered text and all its tokens

    def read(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        names = {n: self.model.get(n) or "" for n in ("title", "key")}
        return {**names, "context": self.model.get("context"), "rows": [self._one(r) for r in rows]}

    def _one(self, row: dict[str, Any]) -> dict[str, Any]:
        prompt, answer, rest = self.reader.row(row)
        text, tail = self.reader.texts(row)
        rendered = "".join([*text, *tail])
        all_of = [*prompt, *answer, *rest]
        self.tokens.append((rendered, all_of))
        tokens = [(t, "prompt") for t in prompt] + self._answer(row, rendered, answer) + [(t, "ignored") for t in rest]
        excess, cut_tokens = len(prompt) + len(answer) - self.limit, 0
        if excess > 0:
            cut_tokens = len(tokens) if self.too_long == "drop" or len(prompt) <= excess else excess
            tokens = [(t, "cut" if i < cut_tokens else kind) for i, (t, kind) in enumerate(tokens)]
        return {
            "rendered": rendered[: 50 * CELL_SHOWN],
            "tokens": [[t.text, kind, t.id, t.control] for t, kind in tokens[:TOKENS_SHOWN]],
            "details": [self._detail(t) for t, _ in tokens[:TOKENS_SHOWN]],
            "more": max(0, len(tokens) - TOKENS_SHOWN), "characters": len(rendered), "classes": dict(Counter(k for _, k in tokens)),
            "prompt": len(prompt), "answer": len(answer), "cut": cut_tokens, "limit": self.limit if self.limit < 10**9 else None,
            "control_text": self.reader.has_control_text(row), "labelled": row["answer"] is not None, "line": row.get("line"),
        }  # fmt: skip

    def _answer(self, row: dict[str, Any], rendered: str, answer: list[Any]) -> list[tuple[Any, str]]:
        """The answer's tokens: learnt, unless a person painted all their characters with weight 0."""
        fields = row.get("fields") or {}
        painted = painted_of(
            row.get("row_id", ""), row["answer"], json.loads(fields) if isinstance(fields, str) else fields
        )
        off = {c for a, b, weight in (painted.of(row["answer"]) if painted else ()) if not weight for c in range(a, b)}
        place = places(rendered, parts_of(row))[-1] if off else None
        if place is None:
            return [(t, "learnt") for t in answer]

        def ignored(token: Any) -> bool:
            seen = [c for c in range(token.start, token.stop) if not rendered[c].isspace()] or [token.start]
            return token.start < token.stop and any(c - place[0] in off for c in seen)

        return [(t, "ignored" if ignored(t) else "learnt") for t in answer]

    def _detail(self, token: Any) -> list[Any]:
        piece, spelled = self.reader.spelled(token.id)
        return [token.start, token.stop, piece, spelled.hex(" ") if spelled is not None else ""]


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The reply to one request; an error of the data or the model is part of the reply."""
    if request.get("verb") == "rows":
        from . import browse  # pyarrow: a first look at a text file goes without

        return browse.page(Path(request["path"]), request)
    if request.get("verb") == "desk":
        from .desk import desk

        return desk(Path(request["path"]), request)
    if request.get("verb") == "prompts":
        return _prompts(Path(request["path"]), request["stage"])
    if request.get("verb") == "peek":
        return {
            "findings": peek(
                Path(request["path"]),
                request["filename"],
                request.get("roles"),
                request.get("options"),
                request.get("seconds") or 6,
            )
        }
    return read_rows(request)


def _prompts(path: Path, stage: dict[str, Any]) -> dict[str, Any]:
    from ..recipe import Write
    from ..writers.preview import preview as asked
    from .load import iter_rows

    try:
        wanted = Write.model_validate(stage)
    except ValidationError as e:
        found = e.errors(include_url=False)[0]
        place = ".".join(map(str, found["loc"]))
        raise RecipeInvalid(f"{place}: {found['msg']}.", field=place) from None
    return asked(wanted, [_row(r) for r in islice(iter_rows(path), POOL) if r["split"] != "heldout"])


def _row(r: dict[str, Any]) -> Any:
    from ..rows import Row

    fields = json.loads(r.get("fields") or "{}")
    answer, split = r["answer"] or None, r["split"] or "train"
    return Row(r["row_id"], tuple(r["messages"]), answer, split, int(r["line"] or 0), bool(answer), fields)


def read_rows(request: dict[str, Any]) -> dict[str, Any]:
    """The rows as each model reads them; a model that cannot read them says why and does not hide the other."""
    models, readings = [], []
    for model in request.get("models", []):
        try:
            reading = _Reading(model, request.get("max_length"), request.get("too_long") or "drop")
            models.append(reading.read(request["rows"]))
            readings.append(reading)
        except DistillError as e:
            models.append(
                {"title": model.get("title", ""), "key": model.get("key", ""), "rows": [], "error": e.as_dict()}
            )
    aligned = None
    if len(readings) > 1:
        pairs = zip(readings[0].tokens, readings[1].tokens, strict=True)
        aligned = [side_by_side(row, *pair) for row, pair in zip(request["rows"], pairs, strict=True)]
    return {"models": models, "aligned": aligned}


def limit_myself() -> None:
    """Little CPU time, 3 GiB of memory, no core dumped."""
    seconds = EXPORT_SECONDS if "--export" in sys.argv else CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 2**20, 64 * 2**20))


def main() -> None:
    limit_myself()
    try:
        request = json.load(sys.stdin)
        if request.get("verb") == "export":
            from . import browse

            browse.export(Path(request["path"]), sys.stdout)
            return
        if request.get("verb") == "listing":
            from . import browse

            browse.listing(request, sys.stdout)
            return
        reply = answer(request)
    except DistillError as e:
        reply = {"error": e.as_dict()}
    except MemoryError:
        reply = {
            "error": {"code": "DATA_REFUSED", "message": "Looking at this needs more memory than a preview may use."}
        }
    json.dump(reply, sys.stdout, ensure_ascii=True)


if __name__ == "__main__":
    main()
