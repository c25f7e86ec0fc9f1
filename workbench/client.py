"""The REST API from Python, as the command line uses it. Needs only httpx."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx


class Refused(Exception):
    """The workbench said no; the text is for people."""

    def __init__(self, answer: dict[str, Any], status: int) -> None:
        text = f"{answer.get('message') or f'The workbench answered {status}.'}"
        if hint := answer.get("hint"):
            text += f"\n{hint}"
        for problem in (answer.get("problems") or [])[1:]:
            text += f"\n- {problem.get('field') or ''}: {problem.get('message')}"
        super().__init__(text)


def config_file() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "distillation-workbench" / "config.json"


def save_login(url: str, token: str) -> None:
    """Only the owner may read the file: it holds the token."""
    path = config_file()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump({"url": url.rstrip("/"), "token": token}, file)
    path.chmod(0o600)


class Api:
    """The REST API with a token. Raises Refused for an answer that is no success, httpx.TransportError when out of reach."""

    def __init__(self, url: str, token: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url
        self.http = httpx.Client(
            base_url=f"{url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=60, transport=transport
        )

    @classmethod
    def from_config(cls) -> Api:
        """WORKBENCH_URL and WORKBENCH_TOKEN, or what `login` stored."""
        url, token = os.environ.get("WORKBENCH_URL"), os.environ.get("WORKBENCH_TOKEN")
        if not (url and token):
            try:
                stored = json.loads(config_file().read_text(encoding="utf-8"))
            except (OSError, ValueError):
                raise Refused(
                    {
                        "message": "Not signed in.",
                        "hint": "workbench login URL --token wb_... (make a token under Settings)",
                    },
                    401,
                ) from None
            url, token = url or stored["url"], token or stored["token"]
        return cls(url.rstrip("/"), token)

    def call(self, method: str, path: str, **more: Any) -> Any:
        return read_answer(self.http.request(method, path, **more))

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path, params=query)

    @contextmanager
    def download(self, path: str, **query: Any) -> Iterator[httpx.Response]:
        """An answer that is read while it comes; refused before the first byte where it is no success."""
        with self.http.stream("GET", path, params=query) as answer:
            if not answer.is_success:
                answer.read()
                read_answer(answer)
            yield answer

    def run(self, name: str) -> dict[str, Any]:
        """A run by id, or by the number people see."""
        text = name.removeprefix("#")
        if not text.isdigit():
            return dict(self.get(f"/runs/{_id(text)}"))
        page, pages = 1, 1
        while page <= pages:
            found = self.get("/runs", kind="all", page=page)
            for run in found["items"]:
                if run["number"] == int(text):
                    return dict(self.get(f"/runs/{run['id']}"))
            page, pages = page + 1, found["pages"]
        raise Refused({"message": f"Your team has no run {name}."}, 404)


def _id(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise Refused({"message": f"{text!r} is neither the number nor the id of a run."}, 404) from None


def read_answer(answer: httpx.Response) -> Any:
    """What was answered: None for an answer without a body. Raises Refused for one that is no success."""
    if answer.status_code == httpx.codes.NO_CONTENT:
        return None
    try:
        data = answer.json()
    except ValueError:
        data = {"message": f"The address answered {answer.status_code} without JSON.", "hint": "Is this a workbench?"}
        raise Refused(data, answer.status_code) from None
    if answer.is_success:
        return data
    raise Refused(data if isinstance(data, dict) else {}, answer.status_code)


# ---- output
