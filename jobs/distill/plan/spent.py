"""What the teacher is asked to do, in tokens; and what a run would need with one thing changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..recipe import Recipe
from . import memory
from .case import Case
from .facts import Facts
from .findings import fix
from .result import Plan, Saving, TeacherUse
from .stages import Work
from .words import size

SHORTEST = 64  # tokens; rows are not offered to be cut below
LOWEST_RANK = 4


def teacher_use(case: Case, work: Work) -> TeacherUse:
    """Tokens that teachers read and write over the run, and the time of the stages that are theirs alone."""
    read = written = 0.0
    seconds = 0.0
    trains = iter(case.trains)
    for stage in work.stages:
        if stage.kind == "generate":
            written += stage.tokens
            read += stage.rows * case.lengths.mean_prompt
        elif stage.kind == "record":
            read += stage.tokens
        elif stage.kind == "train":
            index, _ = next(trains)
            read += stage.tokens if work.resolved.get(index, {}).get("teacher") == "online" else 0
        if stage.kind in ("generate", "record"):
            seconds += stage.seconds
    return TeacherUse(read_tokens=round(read), written_tokens=round(written), seconds=seconds)


def savings(recipe: Recipe, facts: Facts, plan: Plan, compile: Callable[[Recipe, Facts], Plan]) -> list[Saving]:
    """Single changes that need less memory at the peak, the least first; those that change nothing are left out.

    At most five more plans are made, so a page asks only where memory is tight.
    """
    usable = facts.device.memory_bytes * memory.USABLE.get(facts.device.kind, 0.8)
    out = []
    for field, value, label, changed in _changes(recipe, plan):
        need = compile(changed, facts).memory_bytes
        if 0 < need < plan.memory_bytes:
            words = f"{label} ({size(need)})"
            out.append(Saving(fix=fix(words, field, value), memory_bytes=need, fits=need <= usable))
    return sorted(out, key=lambda s: (not s.fits, s.memory_bytes))


def _changes(recipe: Recipe, plan: Plan) -> Iterator[tuple[str, object, str, Recipe]]:
    """field, value, label and the changed recipe, from what costs nothing to what changes the result."""
    if recipe.method:
        train = recipe.train
        if train.teacher != "recorded" and any(p.name == "teacher weights" for p in plan.memory):
            yield (
                "train.teacher",
                "recorded",
                "Record the teacher's signals first",
                _with(recipe, train={"teacher": "recorded"}),
            )
        if train.micro_batch != 1:
            yield "train.micro_batch", 1, "One row a forward, the same result", _with(recipe, train={"micro_batch": 1})
    length = plan.recipe.data.max_length or 0
    if length // 2 >= SHORTEST:
        yield (
            "data.max_length",
            length // 2,
            f"Rows of at most {length // 2:,} tokens",
            _with(recipe, data={"max_length": length // 2}),
        )
    rank = recipe.student.adapter.rank
    if rank // 2 >= LOWEST_RANK:
        adapter = recipe.student.adapter.model_copy(update={"rank": rank // 2})
        yield "student.adapter.rank", rank // 2, f"Rank {rank // 2}", _with(recipe, student={"adapter": adapter})
    if recipe.evaluation.batch_size > 8:
        yield "evaluation.batch_size", 8, "Judge 8 answers at a time", _with(recipe, evaluation={"batch_size": 8})


def _with(recipe: Recipe, **parts: dict[str, object]) -> Recipe:
    """The recipe with some fields of its parts changed."""
    return recipe.model_copy(update={name: getattr(recipe, name).model_copy(update=new) for name, new in parts.items()})
