"""A short-lived limited child of the web process: `python -m jobs.distill.data.transforms.child`, JSON in, JSON out.

In:  {"verb": "preview", "path", "steps", "versions"?, "tokenizers"?, "source"?} or {"verb": "diff", "old", "new", "kind"?, "query"?, "offset"?}
Out: what look.preview or look.page says, or {"error": {code, message, field?, hint?}}
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

from ...errors import DistillError
from . import look

CPU_SECONDS, MEMORY, WRITTEN = 45, 3 * 2**30, 512 * 2**20


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The reply to one request. Raises DistillError for what is wrong with it."""
    return look.preview(request) if request.get("verb") == "preview" else look.page(request)


def limit_myself() -> None:
    """Seconds of CPU time, 3 GiB of memory, no core dumped, files of at most half a GiB (between two steps)."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (WRITTEN, WRITTEN))


def main() -> None:
    limit_myself()
    try:
        reply = answer(json.load(sys.stdin))
    except DistillError as e:
        reply = {"error": e.as_dict()}
    except MemoryError:
        reply = {
            "error": {"code": "DATA_REFUSED", "message": "Looking at this needs more memory than a preview may use."}
        }
    json.dump(reply, sys.stdout, ensure_ascii=True)


if __name__ == "__main__":
    main()
