"""JSON of strangers, read strictly: bounded size, no duplicate keys, no NaN, no bottomless nesting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..errors import ModelRejected


def loads(text: bytes, what: str) -> Any:
    """Parsed JSON; raises ModelRejected naming `what` and the reason."""
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_constant)
    except UnicodeDecodeError as e:
        reason = f"byte {e.start} is not UTF-8"
    except RecursionError:
        reason = "it is nested too deeply"
    except ValueError as e:
        reason = str(e)
    raise ModelRejected(
        f"{what} cannot be read: {reason}.", code="MODEL_FILE_BROKEN", hint="Download or save the model again."
    )


def read(path: Path, limit: int) -> Any:
    """The same for a file of at most `limit` bytes."""
    size = path.stat().st_size
    if size > limit:
        raise ModelRejected(
            f"{path.name} has {size:,} bytes; at most {limit:,} are read.", code="MODEL_FILE_TOO_LARGE", limit=limit
        )
    return loads(path.read_bytes(), path.name)


def read_object(path: Path, limit: int) -> dict[str, Any]:
    data = read(path, limit)
    if not isinstance(data, dict):
        raise ModelRejected(f"{path.name} is not a JSON object.", code="MODEL_FILE_BROKEN")
    return data


def repeated(pairs: list[tuple[str, Any]]) -> str | None:
    """The first key of a JSON object that appears twice, cut for a message."""
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return key[:80]
        seen.add(key)
    return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        raise ValueError(f"the key {repeated(pairs)!r} appears twice")
    return out


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")
