"""The Anthropic way: /v1/messages. Answers by schema are asked for as the input of one tool, which the model must use."""

from __future__ import annotations

import json
from typing import Any

from ..asking.request import Request
from ..net.addresses import Address
from ..recipe.endpoint import Endpoint
from .problems import Bad
from .style import Reader, Said, Style, count_in, load, raise_error, text_in

VERSION = "2023-06-01"
TOOL = "answer"


class Messages(Style):
    path = "/messages"

    def __init__(self, endpoint: Endpoint, address: Address) -> None:
        super().__init__(endpoint, address)
        if not self.base.rpartition("/")[2].startswith("v"):
            self.base += "/v1"

    def headers(self, key: str) -> list[tuple[str, str]]:
        return [("anthropic-version", VERSION), *([("x-api-key", key)] if key else [])]

    def fields(self, request: Request) -> dict[str, Any]:
        system = "\n\n".join(m["content"] for m in request.messages if m["role"] == "system")
        out: dict[str, Any] = {
            "max_tokens": request.max_new_tokens,
            "messages": [dict(m) for m in request.messages if m["role"] != "system"],
            "temperature": request.temperature,
        }
        if request.top_p != 1:
            out["top_p"] = request.top_p
        if system:
            out["system"] = system
        if request.stop:
            out["stop_sequences"] = list(request.stop)
        if request.schema is not None:
            out["tools"] = [{"name": TOOL, "description": "The answer.", "input_schema": dict(request.schema)}]
            out["tool_choice"] = {"type": "tool", "name": TOOL}
        return out

    def read(self, found: dict[str, Any]) -> Said:
        said = head(found, Said())
        said.finish = text_in(found, "stop_reason", "its stop_reason")
        blocks = found.get("content")
        if not isinstance(blocks, list):
            raise Bad("it holds no content.")
        said.text = "".join(_text(b) for b in blocks)
        return said

    def reader(self) -> Reader:
        return _Stream()


def head(found: dict[str, Any], said: Said) -> Said:
    if found.get("type") != "message" or found.get("role") != "assistant":
        raise Bad("it is no message of an assistant.")
    said.id, said.model = text_in(found, "id", "its id"), text_in(found, "model", "its model")
    usage(found.get("usage"), said)
    return said


def usage(found: Any, said: Said) -> None:
    read = [count_in(found, f"{kind}input_tokens") for kind in ("", "cache_creation_", "cache_read_")]
    if read[0] is not None:
        said.tokens_in = sum(n or 0 for n in read)
    wrote = count_in(found, "output_tokens")
    said.tokens_out = said.tokens_out if wrote is None else wrote


def _text(block: Any) -> str:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind == "text":
        return text_in(block, "text", "its text")
    if kind == "tool_use":
        return json.dumps(block.get("input"), ensure_ascii=False)
    if kind in ("thinking", "redacted_thinking"):
        return ""
    raise Bad(f"it holds a part of kind {str(kind)[:40]!r}.")


class _Stream(Reader):
    """message_start, blocks of deltas, message_delta with the reason, message_stop."""

    def event(self, name: str, data: str) -> None:
        found = load(data)
        kind = found.get("type")
        if self.complete:
            raise Bad("the stream goes on after its end.")
        if kind == "error":
            raise_error(found.get("error"))
        if kind == "message_start":
            message = found.get("message")
            head(message if isinstance(message, dict) else {}, self.said)
            return
        if kind == "ping":
            return
        if not self.said.id and not self.said.model:
            raise Bad("the stream does not begin with a message.")
        delta = found.get("delta")
        delta = delta if isinstance(delta, dict) else {}
        if kind == "content_block_delta":
            self.texts.append(text_in(delta, "text", "its text") or text_in(delta, "partial_json", "its JSON"))
        elif kind == "message_delta":
            self.said.finish = text_in(delta, "stop_reason", "its stop_reason") or self.said.finish
            usage(found.get("usage"), self.said)
        elif kind == "message_stop":
            self.complete = True
