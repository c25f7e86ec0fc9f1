"""Held-out rows answered in the way that the stage `use` names, what each single path would have scored, and the export of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from ..answers import Said
from ..asking import Reply
from ..catalog.parts.decoding import WAYS
from ..decoding.base import Answered, Hand, Steps, Way
from ..errors import RecipeInvalid
from ..evaluate import Judged, judge, score_answers
from ..recipe import Use
from ..writers.base import Question
from .askers import ask

if TYPE_CHECKING:
    from ..rows import Row
    from ..work import Work

FOLDER, NOTE = "paths", "use.json"


def way_of(stage: Use, field: str = "") -> tuple[Way, Any]:
    """The way of answering and its options; raises RecipeInvalid for an unknown name or a wrong option."""
    prefix = f"{field}." if field else ""
    if stage.how not in WAYS:
        raise RecipeInvalid(
            f"There is no way of answering {stage.how!r}.", field=f"{prefix}how", hint=f"One of {', '.join(WAYS)}."
        )
    part = WAYS[stage.how]()
    try:
        return part, part.Options.model_validate(stage.options)
    except ValidationError as e:
        err = e.errors(include_url=False)[0]
        place = ".".join([f"{prefix}options", *map(str, err["loc"])])
        raise RecipeInvalid(f"{stage.how}, {place}: {err['msg'].removeprefix('Value error, ')}.", field=place) from e


def use(work: Work, index: int, stage: Use) -> None:
    """From here on the student is scored in this way; raises PlanRefused when a stage it names has no adapter."""
    part, options = way_of(stage, f"stages.{index}")
    for name in part.adapters(options):
        work.adapter_of(name)
    work.use = stage


@dataclass
class _Answering:
    row: Row
    steps: Steps
    questions: list[Question]
    tokens: int = 0
    finished: bool = True
    answered: Answered | None = field(default=None)


def judge_together(work: Work, arm: str, metric: str) -> Judged:
    """The student's scores in the run's way of answering; single paths and facts go into `work.together`. Bits per byte are
    of the adapter alone: no answer is written for them."""
    stage, session = work.use, work.session
    assert stage is not None
    plain = judge(session, work.student_speaker(_sha(work)), f"{arm} alone", metric)
    if metric == "bits_per_byte":
        return plain
    session.events.emit("phase", phase="evaluate", stage=arm, total=len(session.heldout_rows))
    found = answer_rows(work, stage, session.heldout_rows)
    together = score_answers(session.heldout_rows, {k: s for k, (s, _) in found.items()}, metric)
    alone = {"the last adapter": float(plain.scores.mean())}
    for name in dict.fromkeys(n for _, a in found.values() for n in a.alone):
        said = {k: Said(a.alone.get(name, ""), True, s.tokens) for k, (s, a) in found.items()}
        alone[name] = float(score_answers(session.heldout_rows, said, metric).mean())
    facts = dict[str, float]()
    for name in dict.fromkeys(n for _, a in found.values() for n in a.facts):
        facts[name] = round(float(np.mean([a.facts[name] for _, a in found.values() if name in a.facts])), 4)
    work.together = {
        "how": stage.how, "score": float(together.mean()), "plain": float(plain.scores.mean()), "alone": alone, "facts": facts,
    }  # fmt: skip
    return Judged(together, {k: s for k, (s, _) in found.items()})


def answer_rows(work: Work, stage: Use, rows: Sequence[Row]) -> dict[str, tuple[Said, Answered]]:
    """Every row answered; those that wait for the same adapter are asked together."""
    part, options = way_of(stage)
    hand = hand_of(work, stage)
    active, done = list[_Answering](), dict[str, _Answering]()
    for row in rows:
        one = _Answering(row, part.answer(row, options, hand), [])
        done[row.row_id] = one
        if _advance(one, None):
            active.append(one)
    while active:
        replies = _asked(work, stage, active)
        still = list[_Answering]()
        for one in active:
            mine = [replies[q.to, q.request.sha256] for q in one.questions]
            one.tokens += sum(r.tokens_out for r in mine)
            one.finished = all(r.ok for r in mine)
            if _advance(one, mine):
                still.append(one)
        active = still
    return {
        k: (Said(a.answered.text, a.finished, a.tokens), a.answered) for k, a in done.items() if a.answered is not None
    }


def _advance(one: _Answering, replies: list[Reply] | None) -> bool:
    try:
        one.questions = next(one.steps) if replies is None else one.steps.send(replies)
        return True
    except StopIteration as ended:
        one.answered = ended.value
        return False


def _asked(work: Work, stage: Use, active: Sequence[_Answering]) -> dict[tuple[str, str], Reply]:
    by_who = dict[str, list[Any]]()
    for one in active:
        for q in one.questions:
            by_who.setdefault(q.to, []).append(q.request)
    out = dict[tuple[str, str], Reply]()
    for who, requests in by_who.items():
        with adapter_as(work, who) as name:
            for request, reply in zip(requests, ask(work, name, requests, stage.name), strict=True):
                out[who, request.sha256] = reply
    return out


@contextmanager
def adapter_as(work: Work, who: str) -> Iterator[str]:
    """The student with the adapter of a stage (`stage:NAME`) while the block lasts; its own comes back."""
    kind, _, name = who.partition(":")
    if kind != "stage":
        yield who
        return
    learner = work.learner()
    own = learner.adapter()
    learner.load(work.adapter_of(name))
    try:
        yield "student"
    finally:
        learner.load(own)


def hand_of(work: Work, stage: Use) -> Hand:
    longest = stage.max_new_tokens or work.session.recipe.evaluation.max_new_tokens
    return Hand(longest, stage.temperature, work.session.recipe.seed, work.made)


def _sha(work: Work) -> str:
    from .askers import adapter_sha256

    return adapter_sha256(work)


# -- export -------------------------------------------------------------------------------------------------------------


def export_use(work: Work) -> None:
    """Puts beside the exported adapter what its way of answering needs: adapters of other stages, files, and a card."""
    from ..export import public_config, write_sums

    if work.use is None:
        return
    part, options = way_of(work.use)
    folder = work.session.folder / "adapter"
    names = list(dict.fromkeys(part.adapters(options)))
    for name in names:
        place = folder / FOLDER / _slug(name)
        place.mkdir(parents=True, exist_ok=True)
        with _borrowed(work, name):
            from ..export import adapter_bytes

            (place / "adapter_model.safetensors").write_bytes(adapter_bytes(work.model))
        config = public_config(work.model, work.session.sources["student"])
        (place / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    files = part.files(options, hand_of(work, work.use))
    for file, content in files.items():
        (folder / file).write_bytes(content)
    note = {
        "how": part.id,
        "title": part.title,
        "options": options.model_dump(mode="json"),
        "adapters": {n: f"{FOLDER}/{_slug(n)}" for n in names},
    }
    (folder / NOTE).write_text(json.dumps(note, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    card = folder / "README.md"
    card.write_text(
        card.read_text(encoding="utf-8") + _card(part, names, sorted(files), work.together), encoding="utf-8"
    )
    write_sums(folder)


@contextmanager
def _borrowed(work: Work, name: str) -> Iterator[None]:
    with adapter_as(work, f"stage:{name}"):
        yield


def _card(part: Way, names: Sequence[str], files: Sequence[str], together: dict[str, Any]) -> str:
    alone = "".join(f"| {n} | {v:.4f} |\n" for n, v in together.get("alone", {}).items())
    table = f"\n| path | score |\n|---|---|\n| together | {together['score']:.4f} |\n{alone}" if together else ""
    adapters = "".join(f"- `{FOLDER}/{_slug(n)}`: the adapter of the stage “{n}”, loaded with `PeftModel.from_pretrained(base, folder, subfolder=\"{FOLDER}/{_slug(n)}\")`\n" for n in names)  # fmt: skip
    beside = "".join(f"- `{f}`\n" for f in files)
    return f"\n## How it answers: {part.title.lower()}\n\n{part.summary} {part.words}\n\n{adapters}{beside}- `{NOTE}`: the settings\n{table}"


def _slug(name: str) -> str:
    from .pool import slug

    return slug(name)
