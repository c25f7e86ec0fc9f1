"""A model in memory that is asked: the same generation code as everywhere, batches of like length, replies in the ledger."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from ..answers import Speaker, decoding_of
from ..generate import Answer, generate
from .ledger import Ledger
from .request import Progress, Reply, Request

WINDOW = 8  # batches that are looked at together, so that prompts of like length meet


@dataclass
class LocalAsker:
    """Asks a `Speaker`. Draws depend on the request alone, so batches and attempts change nothing."""

    name: str
    speaker: Speaker
    ledger: Ledger
    batch_size: int = 64
    device: str = "cpu"

    @property
    def key(self) -> str:
        """Names the weights and their number format: bfloat16 on a GPU says other things than float32 on a CPU."""
        of = [self.speaker.sha256, self.speaker.adapter_sha256, self.speaker.dtype, self.device]
        return hashlib.sha256("\0".join(of).encode()).hexdigest()

    def ask(
        self,
        requests: Iterable[Request],
        progress: Progress = lambda done, of: None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> Iterator[tuple[int, Reply]]:
        """See Asker.ask. A prompt that leaves no room for its answer is `failed`, with both lengths."""
        numbered, done, kept = enumerate(requests), 0, self.ledger.answers(self.key)
        while window := list(islice(numbered, self.batch_size * WINDOW)):
            fresh = []
            for place, request in window:
                if (reply := kept.get(request.sha256)) is not None:
                    yield place, reply
                    done += 1
                else:
                    fresh.append((place, request))
            for alike in _alike(fresh):
                for start in range(0, len(alike), self.batch_size):
                    if stopping():
                        return
                    said = self._batch(alike[start : start + self.batch_size])
                    marks = [kept.write(request, reply) for (_, request), reply in said]
                    kept.sync(max(marks))
                    for (place, _), reply in said:
                        yield place, reply
                    done += len(said)
            progress(done, None)

    def _batch(self, asked: Sequence[tuple[int, Request]]) -> list[tuple[tuple[int, Request], Reply]]:
        began, first = time.monotonic(), asked[0][1]
        prompts = [self.speaker.renderer.prompt(tuple(dict(m) for m in r.messages)) for _, r in asked]
        room = [self.speaker.renderer.room(self.speaker.context, len(p)) for p in prompts]
        fits = [i for i, left in enumerate(room) if left >= 1]
        said: dict[int, Answer] = {}
        if fits:
            decoding = decoding_of(self.speaker, first.max_new_tokens, first.temperature, first.seed, first.top_p)
            seeds = [int(asked[i][1].sha256[:16], 16) for i in fits]
            answers = generate(
                self.speaker.model,
                [prompts[i] for i in fits],
                decoding,
                self.batch_size,
                refill=True,
                seeds=seeds,
                room=[min(room[i], first.max_new_tokens) for i in fits],
            )
            said = dict(zip(fits, answers, strict=True))
        seconds = (time.monotonic() - began) / len(asked)
        out = []
        for i, (place, request) in enumerate(asked):
            if i in said:
                reply = self._reply(request, said[i], len(prompts[i]), seconds)
            else:
                why = f"the question has {len(prompts[i]):,} tokens, the model reads {self.speaker.context:,}"
                reply = Reply(request.sha256, "", "failed", "length", len(prompts[i]), why=why, paid=False)
            out.append(((place, request), reply))
        return out

    def _reply(self, request: Request, answer: Answer, read: int, seconds: float) -> Reply:
        text, finished = self.speaker.renderer.decode(answer.ids), answer.finished
        for stop in request.stop:
            head, found, _ = text.partition(stop)
            if found:
                text, finished = head, True
        outcome, why = "ok", ""
        if not finished:
            outcome, why = "truncated", f"cut off after {len(answer.ids):,} tokens"
        elif not text.strip():
            outcome, why = "empty", "the model ended without a word"
        elif request.schema is not None and (problem := _problem(request.schema, text)):
            outcome, why = "invalid", problem
        finish = "stop" if finished else "length"
        return Reply(request.sha256, text, outcome, finish, read, len(answer.ids), 0.0, seconds, self.name, why)


def _alike(asked: Iterable[tuple[int, Request]]) -> Iterable[list[tuple[int, Request]]]:
    """Requests that may be written in one batch: the same decoding."""
    out: dict[tuple[Any, ...], list[tuple[int, Request]]] = {}
    for place, request in asked:
        of = (request.max_new_tokens, request.temperature, request.top_p, request.seed)
        out.setdefault(of, []).append((place, request))
    return out.values()


def _problem(schema: Mapping[str, Any], text: str) -> str | None:
    from .schema import problem

    return problem(schema, text)
