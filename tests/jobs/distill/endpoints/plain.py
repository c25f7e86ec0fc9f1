"""Short ways to ask a fake teacher."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jobs.distill.asking import Reply, Request
from jobs.distill.asking.ledger import Ledger
from jobs.distill.endpoints import EndpointAsker, Patience
from jobs.distill.net.addresses import read_allowed
from jobs.distill.recipe.endpoint import Endpoint

from .fake_teacher import FakeTeacher

QUICK = Patience(connect=1, first_byte=1, idle=0.5, total=2, base=0.001, longest=0.002)


def question(i: int | str, **more: Any) -> Request:
    return Request(({"role": "user", "content": f"question {i}"},), 32, **more)


def asker(
    teacher: FakeTeacher,
    folder: Path,
    patience: Patience = QUICK,
    say: Any = None,
    journal: Path | None = None,
    **spec: Any,
) -> EndpointAsker:
    endpoint = Endpoint.model_validate({"url": teacher.url, "model": "teacher-1", "concurrency": 4, **spec})
    allowed = read_allowed(f"127.0.0.1:{teacher.port}")
    said = say if say is not None else (lambda text: None)
    return EndpointAsker(
        "teacher", endpoint, Ledger([folder]), allowed=allowed, patience=patience, say=said, journal=journal
    )


def ask(who: EndpointAsker, *requests: Request) -> list[Reply]:
    """Replies in the order of the questions."""
    found = dict(who.ask(iter(requests)))
    return [found[i] for i in range(len(requests))]
