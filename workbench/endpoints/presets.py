"""Known servers and providers: each fills the form, and says how to get to an address and a key. Data, no logic."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Preset:
    id: str
    title: str
    icon: str
    help: str  # a sentence or two: where the key comes from, or how the server is started
    fills: dict[str, Any] = field(default_factory=dict)
    command: str = ""  # starts the server on a machine of one's own


PRESETS: tuple[Preset, ...] = (
    Preset(
        "openai",
        "OpenAI",
        "cloud",
        "Make a key on platform.openai.com under API keys. Up to 20 log-probabilities a token with most chat models; "
        "reasoning models give none and call the longest answer max_completion_tokens.",
        {"name": "OpenAI", "style": "openai-chat", "url": "https://api.openai.com/v1", "logprobs": 20, "concurrency": 16},
    ),
    Preset(
        "anthropic",
        "Anthropic",
        "cloud",
        "Make a key on console.anthropic.com. Text only: there are no log-probabilities, and no seed is taken.",
        {"name": "Anthropic", "style": "anthropic", "url": "https://api.anthropic.com/v1", "seeds": False},
    ),
    Preset(
        "mistral",
        "Mistral",
        "cloud",
        "Make a key on console.mistral.ai. Text only. It refuses fields it does not know, so no seed is sent.",
        {"name": "Mistral", "style": "openai-chat", "url": "https://api.mistral.ai/v1", "seeds": False},
    ),
    Preset(
        "together",
        "Together",
        "cloud",
        "Open models by the token. Make a key on api.together.ai; the model's page says its price and its licence.",
        {"name": "Together", "style": "openai-chat", "url": "https://api.together.xyz/v1", "logprobs": 1},
    ),
    Preset(
        "openrouter",
        "OpenRouter",
        "cloud",
        "Many providers behind one address. Make a key on openrouter.ai. The same model may be served by different "
        "providers from call to call; the ledger keeps what each answer says of itself.",
        {"name": "OpenRouter", "style": "openai-chat", "url": "https://openrouter.ai/api/v1"},
    ),
    Preset(
        "vllm",
        "vLLM",
        "server",
        "On your own GPU. The server starts with the command below; the administrator lists its host in "
        "ALLOWED_PRIVATE_HOSTS when it stands in a private network.",
        {"name": "vLLM", "style": "openai-chat", "url": "http://127.0.0.1:8000/v1", "logprobs": 20, "concurrency": 64},
        "vllm serve Qwen/Qwen2.5-7B-Instruct --port 8000 --api-key \"$VLLM_API_KEY\" --max-logprobs 20",
    ),
    Preset(
        "sglang",
        "SGLang",
        "server",
        "On your own GPU. The administrator lists its host in ALLOWED_PRIVATE_HOSTS when it stands in a private network.",
        {"name": "SGLang", "style": "openai-chat", "url": "http://127.0.0.1:8001/v1", "logprobs": 20, "concurrency": 64},
        "python -m sglang.launch_server --model-path Qwen/Qwen2.5-7B-Instruct --port 8001 --api-key \"$SGLANG_API_KEY\"",
    ),
    Preset(
        "ollama",
        "Ollama",
        "server",
        "On your own machine. Needs no key. It listens on port 11434, which the administrator lists with the host in "
        "ALLOWED_PRIVATE_HOSTS: 127.0.0.1:11434.",
        {"name": "Ollama", "style": "openai-chat", "url": "http://127.0.0.1:11434/v1", "concurrency": 2},
        "ollama pull qwen2.5:7b && ollama serve",
    ),
    Preset(
        "transformers",
        "transformers serve",
        "server",
        "Any model of the hub through transformers itself: right, and slower than vLLM or SGLang. Text only, no key.",
        {"name": "transformers serve", "style": "openai-chat", "url": "http://127.0.0.1:8000/v1", "concurrency": 4},
        "transformers serve --port 8000",
    ),
    Preset(
        "other",
        "Another server",
        "plug",
        "Everything that speaks OpenAI's chat completions: llama.cpp, LM Studio, TGI, LiteLLM, Azure's v1 address and others.",
        {"style": "openai-chat"},
    ),
)  # fmt: skip
BY_ID = {p.id: p for p in PRESETS}
