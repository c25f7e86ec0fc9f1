"""A model behind an address: how it is asked, what it costs and how much of it may be used. Never a key."""

from __future__ import annotations

import hashlib
import json
from typing import Final, Literal

from pydantic import Field, field_validator, model_validator

from ..errors import DistillError
from ..net.addresses import parse
from .base import Strict

LIBRARY: Final = "endpoint/"  # a model called endpoint/NAME is one of the library's endpoints
OURS: Final = ("messages", "prompt", "model", "stream", "max_tokens", "n", "stop", "tools", "response_format")

Style = Literal["openai-chat", "openai-completions", "anthropic"]


class Budget(Strict):
    """Hard caps of a run. Each request reserves its largest possible cost before it is sent; what is not used goes back."""

    max_price: float | None = Field(
        None, ge=0, le=1e9, title="Money", description="In the currency of the price list; empty: no cap."
    )
    max_tokens: int | None = Field(
        None, ge=1, le=10**13, title="Tokens", description="Read and written together; empty: no cap."
    )


class Endpoint(Strict):
    """A teacher that is asked over HTTP: a provider, or a team's own vLLM, SGLang, Ollama or `transformers serve`."""

    url: str = Field(
        min_length=1,
        max_length=2000,
        title="Address",
        description="As the provider gives it, such as https://api.openai.com/v1. /v1 is added where nothing stands after the host.",
    )
    style: Style = Field(
        "openai-chat",
        title="Style",
        description="openai-chat: /chat/completions. openai-completions: /completions, one plain text. anthropic: /messages.",
    )
    model: str = Field(min_length=1, max_length=400, title="Model", description="As the endpoint calls it.")
    answers_as: str | None = Field(
        None,
        max_length=400,
        title="Answers as",
        description="The name that stands in its answers, where it is another one; answers of any other model are refused.",
    )
    key_env: str | None = Field(
        None,
        max_length=80,
        pattern=r"^[A-Z][A-Z0-9_]*_API_KEY$",
        title="Key",
        description="Name of the environment variable that holds the key, ending in _API_KEY. The key itself is never written down.",
    )
    price_in: float = Field(0.0, ge=0, le=1e6, title="Price read", description="For a million tokens read.")
    price_out: float = Field(0.0, ge=0, le=1e6, title="Price written", description="For a million tokens written.")
    currency: str = Field(
        "USD", pattern="^[A-Z]{3}$", title="Currency", description="Three letters, such as USD or EUR."
    )
    context: int | None = Field(
        None, ge=16, le=10**8, title="Context", description="Tokens it reads and writes at most; empty: not known."
    )
    concurrency: int = Field(8, ge=1, le=1024, title="At once", description="Requests under way at the same time.")
    requests_per_minute: int | None = Field(
        None, ge=1, le=10**7, title="Requests a minute", description="Empty: as many as it takes."
    )
    tokens_per_minute: int | None = Field(
        None,
        ge=1,
        le=10**10,
        title="Tokens a minute",
        description="Read and written together; empty: as many as it takes.",
    )
    logprobs: int = Field(
        0, ge=0, le=20, title="Log-probabilities", description="Alternatives it gives for each token; 0: none."
    )
    stream: bool = Field(
        False, title="Stream", description="Answers arrive word by word. For answers that take longer than two minutes."
    )
    seeds: bool = Field(
        True, title="Takes seeds", description="Whether a seed is sent; some providers refuse requests with one."
    )
    length_field: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens",
        title="Longest answer is called",
        description="Some reasoning models ask for max_completion_tokens.",
    )
    extra: dict[str, str | int | float | bool | None] = Field(
        default_factory=dict,
        max_length=20,
        title="Further fields",
        description="Sent with every request, such as reasoning_effort; an empty value leaves out a field of ours, such as "
        "temperature.",
    )
    budget: Budget = Budget()

    @field_validator("url")
    @classmethod
    def _it_is_plain(cls, url: str) -> str:
        try:
            address = parse(url)
        except DistillError as e:
            raise ValueError(e.message.rstrip(".")) from None
        if "?" in address.target:
            raise ValueError("an endpoint's address holds no ?; a key belongs into its environment variable")
        return url

    @field_validator("extra")
    @classmethod
    def _ours_stay_ours(
        cls, extra: dict[str, str | int | float | bool | None]
    ) -> dict[str, str | int | float | bool | None]:
        if taken := next((k for k in extra if k in OURS), None):
            raise ValueError(f"{taken!r} is set by the workbench for each request")
        return extra

    @property
    def key(self) -> str:
        """Names whose answers these are: the address, the style, the model and what is sent besides the question."""
        more = [dict(sorted(self.extra.items()))] if self.extra else []
        text = json.dumps([self.url.rstrip("/"), self.style, self.model, *more])
        return hashlib.sha256(text.encode()).hexdigest()

    @model_validator(mode="after")
    def _log_probabilities_exist(self) -> Endpoint:
        if self.logprobs and self.style == "anthropic":
            raise ValueError("endpoints of the anthropic style give no log-probabilities; set logprobs to 0")
        return self

    @model_validator(mode="after")
    def _money_needs_prices(self) -> Endpoint:
        if self.budget.max_price is not None and not (self.price_in or self.price_out):
            raise ValueError("a cap on money needs prices: set price_in and price_out, or cap the tokens")
        return self
