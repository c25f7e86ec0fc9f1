"""Answers of a model for a set of rows, kept as they are made: a run that is killed repeats at most one batch.

The ledger is `answers/<key>.jsonl`, one line a batch. The key is the hash of everything an answer depends on: model,
adapter, prompts, decoding, batch size, number format. So the same file serves a resumed attempt, another run with the
same teacher and rows, and the ledgers that come with a sample.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .arm import Stopped
from .checkpoint import failpoint
from .generate import Answer, Decoding, batches_by_length, generate_batch
from .rows import Renderer, Row
from .session import Session


@dataclass(frozen=True)
class Speaker:
    """Who answers: the model (loaded when it has to speak), its renderer, and the hashes that name its weights."""

    load: Callable[[], Any]
    renderer: Renderer
    context: int
    sha256: str = ""
    adapter_sha256: str = ""
    dtype: str = ""

    @property
    def model(self) -> Any:
        return self.load()


@dataclass(frozen=True)
class Said:
    text: str
    finished: bool
    tokens: int


def decoding_of(
    speaker: Speaker, max_new_tokens: int, temperature: float = 0.0, seed: int = 0, top_p: float = 1.0
) -> Decoding:
    pad = speaker.renderer.tokenizer.pad_token_id
    return Decoding(
        max_new_tokens,
        tuple(speaker.renderer.eos),
        pad if pad is not None else speaker.renderer.eos[0],
        temperature,
        seed,
        top_p,
    )


def collect(
    session: Session, speaker: Speaker, rows: Sequence[Row], decoding: Decoding, batch_size: int, phase: str
) -> dict[str, Said]:
    """Row id -> what the model says. A prompt that leaves no room for an answer is answered with nothing."""
    room = speaker.renderer.longest_prompt(speaker.context, decoding.max_new_tokens)
    asked = [(row, ids) for row in rows if len(ids := speaker.renderer.prompt(row.messages)) <= room]
    ledger = Ledger(session, ledger_key(session, speaker, [ids for _, ids in asked], decoding, batch_size))
    batches = batches_by_length([ids for _, ids in asked], batch_size)
    began, fresh = time.monotonic(), 0
    for number, batch in enumerate(batches):
        if number not in ledger.batches:
            made = generate_batch(speaker.model, [asked[i][1] for i in batch], decoding)
            ledger.append(number, [(asked[i][0].row_id, a) for i, a in zip(batch, made, strict=True)], speaker.renderer)
            fresh += len(batch)
            done = sum(len(b) for b in batches[: number + 1])
            rate = fresh / (time.monotonic() - began)
            session.events.emit(
                "progress",
                phase=phase,
                done=done,
                total=len(asked),
                unit="rows",
                rate=rate,
                eta=(len(asked) - done) / rate,
            )
        if session.stopping:
            raise Stopped
    if not fresh and asked:
        session.events.log(f"{len(asked)} answers were at hand from an earlier run.")
    said = ledger.said()
    return {row.row_id: said.get(row.row_id, Said("", False, 0)) for row in rows}


class Ledger:
    """Batches of answers by number: read from every place that has them, appended here."""

    def __init__(self, session: Session, key: str) -> None:
        name = f"{key}.jsonl"
        self.path = session.folder / "answers" / name
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.batches: dict[int, list[list[Any]]] = {}
        places = [
            self.path,
            *(p / "answers" / name for p in (*session.earlier, *session.signals)),
            session.folder / "evaluations" / name,
        ]
        for place in places:
            if place.exists():
                self._read(place)

    def append(self, number: int, answers: list[tuple[str, Answer]], renderer: Renderer) -> None:
        entry = [[row_id, renderer.decode(a.ids), a.finished, len(a.ids)] for row_id, a in answers]
        self.batches[number] = entry
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"batch": number, "sum": _sum(entry), "answers": entry}, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        failpoint("answers_written")

    def said(self) -> dict[str, Said]:
        return {
            row_id: Said(text, finished, n) for entry in self.batches.values() for row_id, text, finished, n in entry
        }

    def _read(self, path: Path) -> None:
        """Whole lines whose checksum is right; a torn line was the batch in flight."""
        torn = False
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                found = json.loads(line)
                if found["sum"] == _sum(found["answers"]):
                    self.batches.setdefault(found["batch"], found["answers"])
                    continue
            except (ValueError, KeyError, TypeError):
                pass
            torn = True
        if torn and path == self.path:  # the next line must not be glued to the torn one
            whole = [
                json.dumps({"batch": b, "sum": _sum(a), "answers": a}, ensure_ascii=False) + "\n"
                for b, a in self.batches.items()
            ]
            path.write_text("".join(whole), encoding="utf-8")


def _sum(entry: list[Any]) -> str:
    return hashlib.sha256(json.dumps(entry, ensure_ascii=False).encode()).hexdigest()[:16]


def ledger_key(
    session: Session, speaker: Speaker, prompts: list[list[int]], decoding: Decoding, batch_size: int
) -> str:
    settings = [
        speaker.sha256,
        speaker.adapter_sha256,
        {
            k: v for k, v in asdict(decoding).items() if (k, v) != ("top_p", 1.0)
        },  # answers from before it was there serve
        batch_size,
        session.device.type,
        speaker.dtype,
    ]
    digest = hashlib.sha256(json.dumps(settings).encode())
    for ids in prompts:
        digest.update(json.dumps(ids).encode())
    return digest.hexdigest()[:32]
