"""Tiny random models of every supported family, saved as people save them, and a server that speaks the hub's protocol."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

VOCAB = 320
LLAMA = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
ENDS = {"bos_token_id": None, "eos_token_id": 1, "pad_token_id": 0}
# model_type -> (config class, its arguments)
FAMILIES: dict[str, tuple[str, dict]] = {
    "llama": ("LlamaConfig", LLAMA),
    "mistral": ("MistralConfig", LLAMA | {"sliding_window": None}),
    "qwen2": ("Qwen2Config", LLAMA),
    "qwen3": ("Qwen3Config", LLAMA | {"head_dim": 16}),
    "gemma": ("GemmaConfig", LLAMA | {"head_dim": 16}),
    "gemma2": ("Gemma2Config", LLAMA | {"head_dim": 16}),
    "gemma3_text": ("Gemma3TextConfig", LLAMA | {"head_dim": 16}),
    "phi": ("PhiConfig", LLAMA | {"num_key_value_heads": 4}),
    "phi3": ("Phi3Config", LLAMA),
    "smollm3": ("SmolLM3Config", LLAMA),
    "gpt2": ("GPT2Config", {"vocab_size": VOCAB, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}),
    "opt": (
        "OPTConfig",
        {
            "vocab_size": VOCAB,
            "hidden_size": 32,
            "word_embed_proj_dim": 32,
            "ffn_dim": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "max_position_embeddings": 128,
        },
    ),
}
TEMPLATE = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% if m['role'] == 'assistant' %}<|end|>{% endif %}{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"


def save_tokenizer(folder: Path, words: str = "What is the capital of France? It is Paris. ") -> None:
    """A byte-level BPE with four special tokens; fewer ids than the embedding has rows."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        [words * 3],
        trainers.BpeTrainer(
            vocab_size=VOCAB - 10, special_tokens=special, initial_alphabet=alphabet, show_progress=False
        ),
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|end|>",
        "pad_token": "<|pad|>",
        "model_max_length": 128,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "chat_template.jinja").write_text(TEMPLATE)


def save_model(folder: Path, model_type: str, **changes: object) -> None:
    import torch
    import transformers

    torch.set_num_threads(1)
    name, arguments = FAMILIES[model_type]
    config = getattr(transformers, name)(**(arguments | ENDS | changes))
    torch.manual_seed(0)
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    save_tokenizer(folder)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\ntags: [tiny]\n---\n# Tiny\n")


@pytest.fixture(scope="session")
def family(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """family("qwen3") is a read-only folder with a tiny random model of that type."""
    made: dict[str, Path] = {}

    def get(model_type: str) -> Path:
        if model_type not in made:
            made[model_type] = tmp_path_factory.mktemp(model_type)
            save_model(made[model_type], model_type)
        return made[model_type]

    return get


@pytest.fixture
def tiny(family: Callable[[str], Path], tmp_path: Path) -> Path:
    """A tiny Llama of one's own, to be broken."""
    return Path(shutil.copytree(family("llama"), tmp_path / "tiny"))


class Hub(ThreadingHTTPServer):
    """Speaks what huggingface_hub asks: model info, HEAD and GET of files with ETag, commit, length and ranges."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.models: dict[str, dict[str, dict[str, bytes]]] = {}  # id -> commit -> file -> bytes
        self.branches: dict[tuple[str, str], str] = {}
        self.gated: dict[str, str] = {}  # id -> token that opens it
        self.asked: list[tuple[str, str, str]] = []  # method, path, Range
        self.cut_after: int | None = None  # bytes of a file after which the connection drops, once
        self.damage = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def add(self, key: str, folder: Path, branch: str = "main", extra: dict[str, bytes] | None = None) -> str:
        files = {p.name: p.read_bytes() for p in folder.iterdir()} | (extra or {})
        commit = hashlib.sha1(
            repr(sorted((n, hashlib.sha256(b).digest()) for n, b in files.items())).encode()
        ).hexdigest()
        self.models.setdefault(key, {})[commit] = files
        self.branches[key, branch] = commit
        return commit

    def gets(self, name: str) -> list[str]:
        """Range headers of the GETs of a file."""
        return [r for method, path, r in self.asked if method == "GET" and path.endswith("/" + name)]


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer(False)

    def do_GET(self) -> None:
        self._answer(True)

    def _answer(self, body: bool) -> None:
        path = self.path.split("?")[0]
        self.server.asked.append((self.command, path, self.headers.get("Range", "")))
        parts = path.strip("/").split("/")
        info = parts[:2] == ["api", "models"]
        key = "/".join(parts[2:4] if info else parts[:2])
        revision = (parts[5] if len(parts) > 5 else "main") if info else parts[3]
        if not self._allowed(key):
            return
        commit = self.server.branches.get((key, revision), revision)
        if commit not in self.server.models[key]:
            self._say(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        elif info:
            files = self.server.models[key][commit]
            self._say(
                200,
                json.dumps(
                    {"id": key, "sha": commit, "siblings": [{"rfilename": n, "size": len(b)} for n, b in files.items()]}
                ).encode(),
            )
        else:
            self._file(commit, self.server.models[key][commit].get(parts[4]), body)

    def _allowed(self, key: str) -> bool:
        if key not in self.server.models:
            self._say(401, b"{}", {"X-Error-Message": "Invalid username or password."})
            return False
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if key in self.server.gated and token != self.server.gated[key]:
            self._say(
                403 if token else 401,
                b"{}",
                {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to this model is restricted."},
            )
            return False
        return True

    def _file(self, commit: str, data: bytes | None, body: bool) -> None:
        if data is None:
            return self._say(404, b"", {"X-Error-Code": "EntryNotFound"})
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        sent = data[start:]
        if self.server.damage and body:
            sent = bytes(len(sent))
        if body and self.server.cut_after is not None and len(sent) > self.server.cut_after:
            return self._cut(sent, headers)
        return self._say(206 if start else 200, sent, headers, body)

    def _cut(self, data: bytes, headers: dict[str, str]) -> None:
        """Promises the whole file, sends a part, drops the line."""
        n, self.server.cut_after = self.server.cut_after, None
        self._head(200, len(data), headers)
        self.wfile.write(data[:n])
        self.wfile.flush()
        self.close_connection = True

    def _say(self, status: int, data: bytes, headers: dict[str, str] | None = None, body: bool = True) -> None:
        self._head(status, len(data), headers or {})
        if body and self.command == "GET":
            self.wfile.write(data)

    def _head(self, status: int, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(length)} | headers).items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    server = Hub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    yield server
    server.shutdown()
    server.server_close()
