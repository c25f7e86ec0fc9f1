"""Who answers in a run: an endpoint, a teacher in memory, the student as it is, the student without its adapter."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from safetensors.torch import save as save_tensors

from ..arm import Stopped
from ..asking import Asker, Reply, Request
from ..asking.local import LocalAsker
from ..students.lora import training_mode
from ..teachers.own import borrowed

if TYPE_CHECKING:
    from ..answers import Speaker
    from ..session import Session
    from ..work import Work

OWN = ("student", "base")
MARK = 50  # replies from one checkpoint event to the next


@contextmanager
def asker(work: Work, who: str, batch_size: int = 64) -> Iterator[Asker]:
    """Whoever `who` is, ready to answer while the block lasts; raises PlanRefused for a name the recipe does not have."""
    session = work.session
    if who in session.endpoints:
        from ..endpoints import EndpointAsker, journals

        journal, earlier = journals(session.folder, session.earlier, who)
        yield EndpointAsker(
            who, session.endpoints[who], session.paid, journal=journal, earlier=earlier, say=session.events.log
        )
        return
    kept = session.asked_here
    if who in work.ended:
        with as_it_ended(work, who) as speaker:
            yield LocalAsker(who, speaker, kept, batch_size, session.device.type)
        return
    if who not in OWN:
        yield LocalAsker(who, work.teacher_speaker(who), kept, batch_size, session.device.type)
        return
    learner = work.learner()
    learner.model.eval()
    try:
        with learner.model.disable_adapter() if who == "base" else nullcontext():
            sha = "" if who == "base" else adapter_sha256(work)
            yield LocalAsker(who, work.student_speaker(sha), kept, batch_size, session.device.type)
    finally:
        training_mode(learner.model)


@contextmanager
def as_it_ended(work: Work, stage: str) -> Iterator[Speaker]:
    """The student with the adapter an earlier training stage ended with, while the block lasts."""
    learner, tensors = work.learner(), work.adapter_of(stage)
    learner.model.eval()
    sha = hashlib.sha256(save_tensors({n: t.cpu().contiguous() for n, t in tensors.items()})).hexdigest()
    try:
        with borrowed(learner.model, tensors):
            yield work.student_speaker(sha)
    finally:
        training_mode(learner.model)


def adapter_sha256(work: Work, learner: str = "student") -> str:
    """Names the learner's adapter as it is now."""
    tensors = {n: t.cpu().contiguous() for n, t in work.learner(learner).adapter().items()}
    return hashlib.sha256(save_tensors(tensors)).hexdigest()


def spent_so_far(session: Session) -> tuple[float, str]:
    """Money that the run has paid, and the currency of the endpoint that took most of it; 0 where nothing costs anything."""
    from ..endpoints import journals
    from ..endpoints.purse import Purse

    paid = []
    for who, endpoint in session.endpoints.items():
        journal, earlier = journals(session.folder, session.earlier, who)
        paid.append((Purse(endpoint, journal, earlier).spent.price, endpoint.currency))
    most = max(paid, default=(0.0, ""))
    return sum(price for price, currency in paid if currency == most[1]), most[1]


def ask(work: Work, who: str, requests: Sequence[Request], what: str, batch_size: int = 64) -> list[Reply]:
    """One reply a request, in order; progress is told as `what`. Equal requests are asked once. Raises Stopped after what
    was in flight is kept."""
    session, replies = work.session, dict[str, Reply]()
    once = list({r.sha256: r for r in requests}.values())
    began, marked = time.monotonic(), 0
    if once:
        with asker(work, who, batch_size) as answers:

            def progress(done: int, of: int | None) -> None:
                nonlocal marked
                rate = done / max(1e-9, time.monotonic() - began)
                figures = {
                    "done": done,
                    "total": len(once),
                    "rate": rate,
                    "eta": (len(once) - done) / rate if rate else None,
                }
                session.events.emit("progress", phase="teacher", stage=what, unit="questions", **figures)
                if done // MARK > marked:  # what is in the ledger is progress, whatever becomes of this attempt
                    marked = done // MARK
                    session.events.emit("checkpoint", stage=what, step=marked * MARK)

            for place, reply in answers.ask(once, progress, lambda: session.stopping):
                replies[once[place].sha256] = reply
    if len(replies) < len(once):
        if session.stopping:
            raise Stopped
        raise RuntimeError(f"{len(once) - len(replies)} of {len(once)} questions were not answered")
    return [replies[r.sha256] if r.sha256 in replies else replace(next(iter(replies.values()))) for r in requests]
