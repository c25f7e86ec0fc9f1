"""The OpenAI way: /chat/completions and /completions, which most servers speak."""

from __future__ import annotations

from typing import Any

from ..asking.request import Request
from .problems import Bad
from .style import Logprobs, Reader, Said, Style, alternatives, count_in, load, text_in

MOST_STOPS = 4


class OpenAI(Style):
    """What both paths share."""

    def headers(self, key: str) -> list[tuple[str, str]]:
        return [("Authorization", f"Bearer {key}")] if key else []

    def shared(self, request: Request) -> dict[str, Any]:
        out: dict[str, Any] = {
            self.endpoint.length_field: request.max_new_tokens,
            "temperature": request.temperature,
            "top_p": request.top_p,
            "n": 1,
        }
        if (seed := self.seed(request)) is not None:
            out["seed"] = seed
        if request.stop:
            out["stop"] = list(request.stop[:MOST_STOPS])
        if self.endpoint.stream:
            out["stream_options"] = {"include_usage": True}
        return out

    def choice(self, found: dict[str, Any], many: bool = True) -> dict[str, Any] | None:
        choices = found.get("choices")
        if not isinstance(choices, list) or (many and not choices):
            raise Bad("it holds no choices.")
        if not choices:
            return None
        first = choices[0]
        if len(choices) != 1 or not isinstance(first, dict) or first.get("index", 0) != 0:
            raise Bad(f"it holds {len(choices)} choices where 1 was asked for.")
        return first

    def head(self, found: dict[str, Any], said: Said) -> None:
        for name in ("id", "model"):
            new = text_in(found, name, f"its {name}")
            old = getattr(said, name)
            if old and new and new != old:
                raise Bad(f"its {name} changes from {old[:60]!r} to {new[:60]!r}: parts of two answers are mixed.")
            setattr(said, name, new or old)
        usage = found.get("usage")
        tokens_in, tokens_out = count_in(usage, "prompt_tokens"), count_in(usage, "completion_tokens")
        said.tokens_in = said.tokens_in if tokens_in is None else tokens_in
        said.tokens_out = said.tokens_out if tokens_out is None else tokens_out


class Chat(OpenAI):
    path = "/chat/completions"

    def fields(self, request: Request) -> dict[str, Any]:
        out = {"messages": [dict(m) for m in request.messages], **self.shared(request)}
        if request.logprobs:
            out |= {"logprobs": True, "top_logprobs": request.logprobs}
        if request.schema is not None:
            schema = {"name": "answer", "strict": True, "schema": dict(request.schema)}
            out["response_format"] = {"type": "json_schema", "json_schema": schema}
        return out

    def read(self, found: dict[str, Any]) -> Said:
        said = Said()
        self.head(found, said)
        choice = self.choice(found) or {}
        message = choice.get("message")
        if not isinstance(message, dict):
            raise Bad("its choice holds no message.")
        if message.get("role", "assistant") != "assistant":
            raise Bad(f"its message is from {str(message['role'])[:40]!r}, not from the assistant.")
        said.text, said.refusal = text_in(message, "content", "its text"), text_in(message, "refusal", "its refusal")
        said.finish = text_in(choice, "finish_reason", "its finish_reason")
        said.logprobs = chat_logprobs(choice.get("logprobs"), 0)
        return said

    def reader(self) -> Reader:
        return _Stream(self)


class Completions(OpenAI):
    """For models without a chat template. The messages' texts, with an empty line between them, are the prompt."""

    path = "/completions"

    def fields(self, request: Request) -> dict[str, Any]:
        out = {"prompt": "\n\n".join(m["content"] for m in request.messages), **self.shared(request)}
        out["max_tokens"] = out.pop(self.endpoint.length_field)
        if request.logprobs:
            out["logprobs"] = request.logprobs
        return out

    def read(self, found: dict[str, Any]) -> Said:
        said = Said()
        self.head(found, said)
        choice = self.choice(found) or {}
        said.text = text_in(choice, "text", "its text")
        said.finish = text_in(choice, "finish_reason", "its finish_reason")
        said.logprobs = text_logprobs(choice.get("logprobs"), 0)
        return said

    def reader(self) -> Reader:
        return _Stream(self)


class _Stream(Reader):
    """Chunks that add to one choice, a finish_reason, perhaps usage, then [DONE]."""

    def __init__(self, style: Chat | Completions) -> None:
        super().__init__()
        self.style = style

    def event(self, name: str, data: str) -> None:
        if self.complete:
            raise Bad("the stream goes on after its end.")
        if data.strip() == "[DONE]":
            self.complete = True
            return
        found = load(data)
        self.style.head(found, self.said)
        choice = self.style.choice(found, many=False)
        if choice is None:
            return
        if isinstance(self.style, Chat):
            delta = choice.get("delta")
            delta = delta if isinstance(delta, dict) else {}
            text = text_in(delta, "content", "its text")
            self.said.refusal += text_in(delta, "refusal", "its refusal")
            more = chat_logprobs(choice.get("logprobs"), len(self.said.logprobs))
        else:
            text, more = (
                text_in(choice, "text", "its text"),
                text_logprobs(choice.get("logprobs"), len(self.said.logprobs)),
            )
        if text and self.said.finish:
            raise Bad("the stream adds text after it said why it ends.")
        self.texts.append(text)
        self.said.logprobs += more
        self.said.finish = text_in(choice, "finish_reason", "its finish_reason") or self.said.finish


def chat_logprobs(found: Any, start: int) -> Logprobs:
    content = found.get("content") if isinstance(found, dict) else None
    if not content:
        return ()
    try:
        return tuple(
            alternatives([(t["token"], t["logprob"]) for t in (*(place.get("top_logprobs") or ()), place)], start + i)
            for i, place in enumerate(content)
        )
    except (TypeError, KeyError, AttributeError):
        raise Bad("its log-probabilities do not have the usual form.") from None


def text_logprobs(found: Any, start: int) -> Logprobs:
    if not isinstance(found, dict) or not found.get("tokens"):
        return ()
    try:
        tokens, own = found["tokens"], found["token_logprobs"]
        tops = found.get("top_logprobs") or [None] * len(tokens)
        return tuple(
            alternatives([*(top or {}).items(), *([] if value is None else [(token, value)])], start + i)
            for i, (token, value, top) in enumerate(zip(tokens, own, tops, strict=True))
        )
    except (TypeError, KeyError, AttributeError, ValueError):
        raise Bad("its log-probabilities do not have the usual form.") from None
