"""Puts the student's own rows together for a stage: who writes, for which prompts, and what terms want to know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from ..answers import decoding_of
from ..batches import limits_on
from ..errors import PlanRefused
from ..recipe import Curve, Source, Train
from ..rows import Example
from .mixed import FRESH, SHARE, Mix
from .rollouts import Rollouts
from .writing import Prompt, Wants, Writer

if TYPE_CHECKING:
    from ..step import Term
    from ..teaching import Taught
    from ..work import Learner, Work

ON_POLICY = ("student", "mixed")


def curves_of_source(source: Source) -> dict[str, Curve]:
    """Curves the loop has to know: `source.share` and `source.fresh`, where they move."""
    if source.kind not in ON_POLICY:
        return {}
    found = {SHARE: source.share if source.kind == "mixed" else None, FRESH: source.fresh}
    return {name: curve for name, curve in found.items() if isinstance(curve, Curve)}


def wants_of(source: Source, terms: Sequence[Term]) -> Wants:
    """What terms need of each answer. Answers written for one step and used once need no old log-probabilities: the writer is
    the learner itself."""
    needs = frozenset[str]().union(*(t.objective.part.needs for t in terms))
    once = source.window == 1 and not source.replay
    bounded = source.kl_bound is not None
    before = "old_logp" in needs or bounded or ("old_logq" in needs and not once)
    return Wants(source.reward, before, "old_logp" in needs or bounded, source.correct, source.wrong_below)


def student_rows(
    work: Work,
    learner: Learner,
    stage: Train,
    examples: Sequence[Example],
    steps: int,
    terms: Sequence[Term],
    taught: Taught,
    reached: Mapping[str, float],
) -> Rollouts:
    """The source of a `student` or `mixed` stage. Raises PlanRefused when no prompt can be answered."""
    session, source = work.session, stage.source
    if source.kl_bound is not None and taught.teacher is None:
        raise PlanRefused(
            f"'{stage.name}' bounds the KL to a teacher, and no term of the stage reads one.",
            field="source.kl_bound",
            hint="Add the term kl-estimate, with the adapter of an earlier stage as teacher, or leave the bound out.",
        )
    writer = Writer(
        learner.model,
        learner.opened.renderer,
        prompts_of(work, learner, stage, examples),
        decoding_of(work.student_speaker(learner=learner.name), source.max_new_tokens, source.temperature),
        wants_of(source, terms),
        limits_on(session.device.type, stage.batch_size, stage.micro_batch, learner.opened.renderer.apart),
        taught.vocab or learner.opened.vocab,
        taught.teacher,
        session.events.beat,
        _scorer(work, learner, source),
    )
    share = source.share if source.kind == "mixed" else 1.0
    return Rollouts(
        writer,
        Mix(share, source.fresh, session.recipe.seed, steps, reached),
        stage.batch_size,
        session.recipe.seed,
        steps,
        source.window,
        source.samples,
        source.replay,
        [
            partial(t.objective.part.prepare, options=t.objective.options)
            for t in terms
            if hasattr(t.objective.part, "prepare")
        ],
        lambda step, values: session.events.emit("metric", step=step + 1, arm=learner.name, values=values),
        kl_bound=source.kl_bound,
    )


def _scorer(work: Work, learner: Learner, source: Source) -> Callable[[Sequence[Example]], list[float]] | None:
    """The reward model a source asks for; raises PlanRefused for one that is not there or lies on other weights."""
    if source.reward != "model":
        return None
    from ..pipeline.reward import reward_model

    of, model = reward_model(work, source.reward_model)
    if of != learner.name:
        raise PlanRefused(
            f"The reward model {source.reward_model!r} lies on the weights of {of}, and {learner.name} writes the answers.",
            field="source.reward_model",
            hint=f"Train the reward model with learner: {learner.name}.",
        )
    return partial(model.score, learner.model)


def prompts_of(work: Work, learner: Learner, stage: Train, examples: Sequence[Example]) -> list[Prompt]:
    """The prompts of a stage's rows that leave room for an answer; the others are counted and said."""
    session, source = work.session, stage.source
    contexts = [learner.opened.context, *(t.context for t in work.teachers.values())]
    longest = min([*contexts, session.recipe.data.max_length or contexts[0]])
    room = learner.opened.renderer.longest_prompt(longest, source.max_new_tokens)
    golds = {r.row_id: r.answer if r.labelled else r.fields.get("gold") for r in work.train_rows}
    gold = {row_id: str(answer) for row_id, answer in golds.items() if answer is not None}
    made, long, unchecked = [], 0, 0
    for e in examples:
        ids = e.ids[: e.start]
        if len(ids) > room and session.recipe.data.too_long == "truncate" and room > 0:
            ids = ids[-room:]
        if len(ids) > room:
            long += 1
        elif source.reward not in ("none", "model") and e.row_id not in gold:
            unchecked += 1
        else:
            fixed = replace(e, origin="fixed") if source.kind == "mixed" else None
            made.append(Prompt(e.row_id, ids, e.labelled, gold.get(e.row_id), e.weight, fixed))
    for count, why in (
        (long, f"leave no room for {source.max_new_tokens} new tokens within {longest}"),
        (unchecked, f"have no gold answer, so the reward {source.reward} cannot check them"),
    ):
        if count:
            session.events.log(f"{count} of {len(examples)} prompts {why} and are left out.", "warning")
    if not made:
        raise PlanRefused(
            f"None of {len(examples)} prompts of '{stage.name}' can be answered: {long} are too long, {unchecked} cannot be checked.",
            field="source.max_new_tokens" if long else "source.reward",
            hint="Allow fewer new tokens, or give rows a gold answer.",
        )
    return made
