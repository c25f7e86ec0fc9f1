"""A teacher behind an address whose words a test decides: a real HTTP server in a thread, and runs of recipes against it."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from jobs.distill.events import Events, read

Says = Callable[[list[dict[str, str]]], str]


class Teacher:
    """`says(messages)` is the answer; an answer may be (text, finish reason). Every conversation asked is kept in `asked`."""

    def __init__(self, says: Callable[[list[dict[str, str]]], Any], host: str = "127.0.0.1") -> None:
        self.says, self.asked = says, list[list[dict[str, str]]]()
        self.counts: Counter[str] = Counter()
        guard, outer = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                messages = body["messages"]
                with guard:
                    outer.asked.append(messages)
                    outer.counts[json.dumps([messages, body.get("seed")])] += 1
                said = outer.says(messages)
                text, finish = said if isinstance(said, tuple) else (said, "stop")
                usage = {
                    "prompt_tokens": sum(len(m["content"].split()) for m in messages),
                    "completion_tokens": len(text.split()),
                }
                choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": finish}
                answer = {
                    "id": "1",
                    "object": "chat.completion",
                    "model": body["model"],
                    "choices": [choice],
                    "usage": usage,
                }
                data = json.dumps(answer).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer((host, 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://{host}:{self.server.server_address[1]}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def prompts(self) -> list[str]:
        """The last turn of everything that was asked."""
        return [m[-1]["content"] for m in self.asked]


@contextmanager
def teacher(says: Callable[[list[dict[str, str]]], Any]) -> Iterator[Teacher]:
    made, before = Teacher(says), os.environ.get("ALLOWED_PRIVATE_HOSTS")
    os.environ["ALLOWED_PRIVATE_HOSTS"] = "127.0.0.1"
    try:
        yield made
    finally:
        made.close()
        os.environ.pop("ALLOWED_PRIVATE_HOSTS")
        if before is not None:
            os.environ["ALLOWED_PRIVATE_HOSTS"] = before


def rows(pairs: Sequence[tuple[str, str | None]], heldout: int = 4, **fields: Sequence[Any]) -> list[dict[str, Any]]:
    """Canonical rows of (question, gold); the last `heldout` are held out. `fields` bring one value a row."""
    out = []
    for n, (question, gold) in enumerate(pairs):
        own = {name: values[n] for name, values in fields.items() if values[n] is not None}
        out.append(
            {
                "row_id": f"row-{n:03d}",
                "messages": [{"role": "user", "content": question}],
                "answer": gold,
                "split": "heldout" if n >= len(pairs) - heldout else "train",
                "line": n,
                "source_id": None,
                "fields": json.dumps(own) if own else None,
            }
        )
    return out


def run_folder(folder: Path, recipe: Mapping[str, Any], given: list[dict[str, Any]], url: str | None) -> Path:
    """A run folder with the tiny student; the teacher is behind `url`, or the tiny teacher in memory where that is None."""
    from tests.jobs.distill import tiny  # here, so that the teacher alone comes without torch

    base = {"train": {"steps": 2, "batch_size": 4, "learning_rate": 0.01}, "control": False}
    small = {} if "stages" in recipe else base
    whole = {**{k: v for k, v in tiny.RECIPE.items() if k not in ("method", "train")}, **small, **recipe}
    if url is not None:
        whole["teacher"] = {"model": "scripted", "endpoint": {"url": url, "model": "scripted"}}
    made = tiny.run_folder(folder, {"method": None, "train": {}, **whole}, given)
    text = json.loads((made / "recipe.yaml").read_text())
    (made / "recipe.yaml").write_text(json.dumps({k: v for k, v in text.items() if v is not None}))
    if url is not None:
        listed = json.loads((made / "models.json").read_text())
        listed["teacher"] = {"key": "endpoint/scripted", "endpoint": {"url": url, "model": "scripted"}}
        (made / "models.json").write_text(json.dumps(listed))
    return made


def run(
    folder: Path, recipe: Mapping[str, Any], given: list[dict[str, Any]], says: Says | None = None
) -> tuple[Path, Teacher | None]:
    """Runs the recipe from its folder to its adapter; `says` speaks for the teacher over HTTP, None: the tiny teacher does.

    Returns the run folder and the teacher, whose `asked` holds every conversation.
    """
    import torch

    from jobs.distill.run import distill

    torch.set_num_threads(1)
    if says is None:
        place = run_folder(folder, recipe, given, None)
        distill(place, Events(place))
        return place, None
    with teacher(says) as speaking:
        place = run_folder(folder, recipe, given, speaking.url)
        distill(place, Events(place))
        return place, speaking


def output(folder: Path, stage: str) -> list[dict[str, Any]]:
    """The rows a stage made: `outputs/<stage>.jsonl`."""
    path = folder / "outputs" / f"{stage}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def rejected(folder: Path, stage: str) -> list[dict[str, Any]]:
    """The rows a stage left out, with code and reason."""
    return output(folder, f"{stage}-rejected")


def events(folder: Path, type: str) -> list[dict[str, Any]]:
    return [e for e in read(folder / "events.jsonl") if e["type"] == type]
