"""Soft labels: how probable each teacher finds each label. From columns, from votes, from an endpoint's log-probabilities,
from the likelihood a model in memory gives to every label as its answer.

What is not a label, or adds up to nothing, gives no soft label for that row; it is counted, never filled in.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arm import Stopped
from ..asking import Request
from ..errors import PlanRefused
from ..rows import Row
from .labels import Labels
from .likelihood import label_logs
from .reading import Reader

if TYPE_CHECKING:
    from ..work import Work

BLOCK = 128  # rows that are stored at a time
LOGPROBS = 20  # the most an endpoint reports


@dataclass
class Voice:
    """One teacher's soft labels by row id, [positions, L]; and how many rows it says nothing of."""

    name: str
    how: str  # column, votes, logprobs, likelihood
    soft: dict[str, np.ndarray] = field(default_factory=dict)
    silent: int = 0
    seconds: float = 0.0


def column(name: str, rows: Sequence[Row], reader: Reader) -> Voice:
    """The soft labels a row came with under `name`; a list of answers there is counted as votes."""
    voice = Voice(name, "column")
    for row in rows:
        found = row.fields.get("soft")
        found = found.get(name) if isinstance(found, Mapping) and name in found else found if name == "soft" else None
        soft = None
        if isinstance(found, list):
            soft = shares([str(a) for a in found], row, reader)
        elif isinstance(found, Mapping) and all(isinstance(v, int | float) for v in found.values()):
            soft = of_map(found, reader.labels)
        if soft is None:
            voice.silent += 1
        else:
            voice.soft[row.row_id] = soft
    return voice


def of_map(found: Mapping[str, Any], labels: Labels) -> np.ndarray | None:
    """Label -> probability as [1, L], made to add up to 1; None where no label has any."""
    out = np.zeros((1, len(labels)), dtype=np.float64)
    for name, value in found.items():
        at = labels.find(str(name))
        if at is not None and math.isfinite(float(value)) and float(value) > 0:
            out[0, at] += float(value)
    total = out.sum()
    return None if labels.task == "tag" or total <= 0 else (out / total).astype(np.float32)


def shares(answers: Sequence[str], row: Row, reader: Reader) -> np.ndarray | None:
    """Votes: the share of the answers that name each label; of a tagger, that give each token each tag. None: no vote counts."""
    labels = reader.labels
    if labels.task == "classify":
        out = np.zeros((1, len(labels)), dtype=np.float64)
        for answer in answers:
            if (at := labels.find(answer)) is not None:
                out[0, at] += 1
    else:
        tags = [reader.example(row, a)[0].targets for a in answers if reader.spans(a, reader.text(row)) is not None]
        positions = len(reader.example(row, None)[0].targets)
        out = np.zeros((positions, len(labels)), dtype=np.float64)
        for one in tags:
            out[np.arange(positions), one] += 1
        if not tags or not positions:
            return None
    total = out.sum(-1, keepdims=True)
    return None if (total <= 0).any() else (out / total).astype(np.float32)


def of_logprobs(logprobs: Mapping[str, float], labels: Labels) -> np.ndarray | None:
    """What an endpoint reports for its first token (token -> nats), over the labels that begin with it, [1, L]. A token that
    begins several labels is shared out between them; None where no token begins any."""
    out = np.zeros((1, len(labels)), dtype=np.float64)
    for token, nats in logprobs.items():
        begin = token.strip().casefold()
        fits = [i for i, name in enumerate(labels.names) if begin and name.casefold().startswith(begin)]
        for i in fits:
            out[0, i] += math.exp(nats) / len(fits)
    total = out.sum()
    return None if total <= 0 else (out / total).astype(np.float32)


# -- asking a teacher ---------------------------------------------------------------------------------------------------


def asked_messages(row: Row, instruction: str, labels: Labels) -> tuple[dict[str, str], ...]:
    """The row's turns, under an instruction where there is one."""
    if not instruction:
        return row.messages
    listed = ", ".join(labels.kinds if labels.task == "tag" else labels.names)
    rest = tuple(m for m in row.messages if m["role"] != "system")
    return ({"role": "system", "content": instruction.replace("{labels}", listed)}, *rest)


def of_teacher(work: Work, name: str, rows: Sequence[Row], reader: Reader) -> Voice:
    """Soft labels of a teacher of the recipe. Raises PlanRefused where it cannot give the kind that is asked for."""
    asked = work.session.recipe.student.labelling
    away = name in work.session.endpoints
    how = asked.teacher
    if how == "auto":
        how = "votes" if away or reader.labels.task == "tag" else "likelihood"
        work.session.events.reason("student.labelling.teacher", how, _why(away, reader.labels.task))
    if how == "likelihood" and (away or reader.labels.task == "tag"):
        what = "An endpoint does not tell" if away else "Tags have no single text whose likelihood could be read:"
        raise PlanRefused(
            f"{what} how probable it finds each label." if away else f"{what} a tagger's teacher votes.",
            field="student.labelling.teacher",
            hint="Choose votes" + (", or logprobs." if away and reader.labels.task == "classify" else "."),
        )
    if how == "logprobs" and (not away or reader.labels.task == "tag"):
        raise PlanRefused(
            "Log-probabilities of a first token are for classifiers whose teacher is an endpoint.",
            field="student.labelling.teacher",
            hint="Choose likelihood for a model in memory, votes for tags.",
        )
    voice = Voice(name, how)
    found = _likely(work, name, rows, reader) if how == "likelihood" else _said(work, name, rows, reader, how)
    for row, soft in zip(rows, found, strict=True):
        if soft is None:
            voice.silent += 1
        else:
            voice.soft[row.row_id] = soft
    return voice


def _why(away: bool, task: str) -> str:
    if task == "tag":
        return "tags are compared token by token over several answers"
    return "the teacher is behind an address" if away else "the teacher is in memory and can be read"


def _said(work: Work, name: str, rows: Sequence[Row], reader: Reader, how: str) -> list[np.ndarray | None]:
    """Votes or first-token probabilities, through the ledger: no answer is paid twice."""
    from ..pipeline.askers import ask

    asked, recipe = work.session.recipe.student.labelling, work.session.recipe
    votes = 1 if how == "logprobs" else asked.votes
    requests = [
        Request(
            asked_messages(row, asked.instruction, reader.labels),
            recipe.evaluation.max_new_tokens,
            0.0 if votes == 1 else asked.vote_temperature,
            number=n,
            seed=recipe.seed,
            logprobs=LOGPROBS if how == "logprobs" else 0,
        )
        for row in rows
        for n in range(votes)
    ]
    replies = ask(work, name, requests, f"soft labels of {name}")
    out: list[np.ndarray | None] = []
    for i, row in enumerate(rows):
        mine = replies[i * votes : (i + 1) * votes]
        if how == "logprobs":
            first = next((r.logprobs[0] for r in mine if r.logprobs), None)
            out.append(None if first is None else of_logprobs(first, reader.labels))
        else:
            out.append(shares([r.text for r in mine if r.ok], row, reader))
    return out


def _likely(work: Work, name: str, rows: Sequence[Row], reader: Reader) -> list[np.ndarray | None]:
    """Likelihoods, stored block by block so that a stopped run repeats at most one."""
    session, asked = work.session, work.session.recipe.student.labelling
    out: list[np.ndarray | None] = []
    done = 0
    for begin in range(0, len(rows), BLOCK):
        block = rows[begin : begin + BLOCK]
        told = [replace(r, messages=asked_messages(r, asked.instruction, reader.labels)) for r in block]
        key = hashlib.sha256(repr([(r.messages, reader.labels.names) for r in told]).encode()).hexdigest()[:16]
        kept = session.results.get(f"soft-{name}-{key}")
        if kept is not None:
            logs = np.load(io.BytesIO((kept / "soft.npy").read_bytes()), allow_pickle=False)
        else:
            opened = work.open_teacher(name)
            logs = label_logs(opened.model, opened.renderer, told, reader.labels.names, opened.context)
            buffer = io.BytesIO()
            np.save(buffer, logs, allow_pickle=False)
            session.results.put(f"soft-{name}-{key}", {"soft.npy": buffer.getvalue()})
        out += [None if not np.isfinite(one).any() else _softmax(one)[None] for one in logs]
        done += len(block)
        session.events.emit("progress", phase="teacher", done=done, total=len(rows), unit="rows", rate=None, eta=None)
        if session.stopping:
            raise Stopped
    return out


def _softmax(logs: np.ndarray) -> np.ndarray:
    shifted = np.exp(logs - logs.max())
    return np.asarray(shifted / shifted.sum(), dtype=np.float32)
