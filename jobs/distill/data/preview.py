"""A short-lived limited child of the web process: `python -m jobs.distill.data.preview`, JSON in, JSON out.

In:  {"verb": "peek", "path", "filename", "roles"?, "options"?, "seconds"?}
     {"verb": "preview", "rows": [canonical rows], "models": [{"folder", "title", "context"}], "max_length"?, "too_long"?}
     {"verb": "rows", "path", "offset", "limit", "query"?, "label"?, "split"?, "heldout"?}
     {"verb": "export", "path"}: canonical rows as CSV on stdout, formulas escaped
Out: {"findings": ...} or {"rows", "matching", "total"} or {"models": [{"title", "rows": [{"rendered", "tokens": [[text, class, id]], ...}]}]} or {"error": ...}
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

from ..errors import DistillError
from . import browse
from .options import parse_options
from .roles import ROLES
from .scan import CELL_SHOWN, SHOWN, cut, scan

CPU_SECONDS, EXPORT_SECONDS, MEMORY = 10, 600, 3 * 2**30
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
    from .render import Reader

    reader = Reader(Path(model["folder"]))
    limit = min(x for x in (max_length, model.get("context"), 10**9) if x)
    return {
        "title": model.get("title", ""),
        "key": model.get("key", ""),
        "context": model.get("context"),
        "rows": [_one(reader, r, limit, too_long) for r in rows],
    }


def _one(reader: Any, row: dict[str, Any], limit: int, too_long: str) -> dict[str, Any]:
    prompt, answer, rest = reader.row(row)
    excess = len(prompt) + len(answer) - limit
    tokens = [(t, "prompt") for t in prompt] + [(t, "learnt") for t in answer] + [(t, "ignored") for t in rest]
    cut_tokens = 0
    if excess > 0:
        dropped = too_long == "drop" or len(prompt) <= excess
        cut_tokens = len(tokens) if dropped else excess
        tokens = [(t, "cut" if i < cut_tokens else kind) for i, (t, kind) in enumerate(tokens)]
    text, tail = reader.texts(row)
    return {
        "rendered": "".join([*text, *tail])[: 50 * CELL_SHOWN],
        "tokens": [[t.text, kind, t.id, t.control] for t, kind in tokens[:TOKENS_SHOWN]],
        "more": max(0, len(tokens) - TOKENS_SHOWN),
        "prompt": len(prompt), "answer": len(answer), "cut": cut_tokens, "limit": limit if limit < 10**9 else None,
        "control_text": reader.has_control_text(row), "labelled": row["answer"] is not None, "line": row.get("line"),
    }  # fmt: skip


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The reply to one request; an error of the data or the model is part of the reply."""
    if request.get("verb") == "rows":
        return browse.page(Path(request["path"]), request)
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
    models = []
    for model in request.get("models", []):
        try:
            models.append(preview(request["rows"], model, request.get("max_length"), request.get("too_long") or "drop"))
        except DistillError as e:
            models.append(
                {"title": model.get("title", ""), "key": model.get("key", ""), "rows": [], "error": e.as_dict()}
            )
    return {"models": models}


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
            browse.export(Path(request["path"]), sys.stdout)
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
