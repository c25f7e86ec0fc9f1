"""The stage `reward`: the rows' pairs train a reward model; checks, rules and policy gradients ask it by the stage's name."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..errors import PlanRefused
from ..recipe import Reward
from ..rewards.model import RewardModel, Training, train
from ..rows import Example, Row, tokenise
from ..sources.pairs import from_columns, from_list, tokenised

if TYPE_CHECKING:
    from ..work import Work


def reward(work: Work, index: int, stage: Reward) -> RewardModel:
    """Trains it, or takes the one of an earlier attempt. Raises PlanRefused when no row has a pair."""
    session, name = work.session, f"{index:02d}-reward"
    if found := session.results.get(name):
        model = RewardModel.load(found)
        session.events.log(f"'{stage.name}' was finished in an earlier attempt.")
    else:
        model = _trained(work, stage)
        session.results.put(name, model.files())
    work.rewards[stage.name] = (stage.learner, model)
    work.stage_facts[stage.name] = {"rows": len(work.train_rows), **model.facts}
    return model


def _trained(work: Work, stage: Reward) -> RewardModel:
    session, learner = work.session, work.learner(stage.learner)
    examples, pairs, groups = _pairs(work, stage)
    apart = _held_out(groups, stage.heldout, session.recipe.seed)
    learnt = [p for p, g in zip(pairs, groups, strict=True) if g not in apart]
    unseen = [p for p, g in zip(pairs, groups, strict=True) if g in apart]
    steps = stage.steps or max(1, math.ceil((stage.epochs or 1) * len(learnt) / stage.batch_size))
    session.events.emit("phase", phase="train", stage=stage.name, total=steps)

    def told(step: int, loss: float, right: float) -> None:
        values = {"loss": loss, "reward.in_order": right}
        session.events.emit("metric", step=step, arm=stage.name, values=values)
        session.events.beat()

    how = Training(steps, stage.batch_size, stage.learning_rate, stage.clip, session.recipe.seed)
    made = train(learner.model, learner.start, examples, learnt, how, told, lambda: session.stopping)
    facts = {"pairs": len(learnt), "in_order": in_order(made, learner.model, examples, learnt), "steps": steps}
    if unseen:
        facts |= {"heldout_pairs": len(unseen), "heldout_in_order": in_order(made, learner.model, examples, unseen)}
    apart_says = f", {facts['heldout_in_order']:.0%} of {len(unseen):,} held-out ones" if unseen else ""
    session.events.reason(
        "reward", stage.name, f"{facts['in_order']:.0%} of {len(learnt):,} pairs are in order{apart_says}"
    )
    if unseen and facts["heldout_in_order"] < 0.6:
        session.events.log(
            f"'{stage.name}' orders {facts['heldout_in_order']:.0%} of the held-out pairs rightly; a coin does 50%.",
            "warning",
        )
    return RewardModel(made.adapter, made.head, made.zero, made.spread, facts)


def _pairs(work: Work, stage: Reward) -> tuple[list[Example], list[tuple[int, int]], list[str]]:
    """Examples, (better, worse) places in them, and the question of each pair."""
    missing: Counter[str] = Counter()
    opened = work.learner(stage.learner).opened
    longest = work.longest(stage.learner)
    examples, pairs, groups = list[Example](), list[tuple[int, int]](), list[str]()
    lost = 0
    for row in work.train_rows:
        found = from_columns(row, missing) if stage.pairs == "columns" else from_list(row, "ranked", 0, missing)
        made = tokenised(found, opened.renderer, longest, work.session.recipe.data.too_long) if found else []
        lost += not made
        at, question = len(examples), str(row.fields.get("lineage", {}).get("parents", [row.row_id])[0])
        examples += made
        for better in range(len(made)):
            for worse in range(better + 1, len(made)):
                pairs.append((at + better, at + worse))
                groups.append(question)
    if lost:
        why = "; ".join(f"{n}: {what}" for what, n in missing.most_common() if n) or "too long"
        work.session.events.reason("reward.pairs", f"{len(work.train_rows) - lost} of {len(work.train_rows)}", why)
    if not pairs:
        raise PlanRefused(
            f"'{stage.name}' has no pair of answers to learn from: {'; '.join(missing) or 'there are no rows'}.",
            field="stages",
            hint="Put a stage that prefers before it, or give the rows chosen and rejected answers.",
        )
    return examples, pairs, groups


def _held_out(groups: Sequence[str], share: float, seed: int) -> set[str]:
    """Questions kept apart, by hash; never all of them."""
    every = sorted(set(groups), key=lambda g: hashlib.sha256(f"{seed}:reward:{g}".encode()).digest())
    return set(every[: min(round(share * len(every)), len(every) - 1)])


def in_order(model: RewardModel, learner: Any, examples: Sequence[Example], pairs: Sequence[tuple[int, int]]) -> float:
    """Share of pairs whose better answer gets the higher reward."""
    places = sorted({i for p in pairs for i in p})
    scores = dict(zip(places, model.score(learner, [examples[i] for i in places]), strict=True))
    return sum(scores[a] > scores[b] for a, b in pairs) / len(pairs)


def rewards_of(work: Work, name: str, rows: Sequence[Row]) -> Mapping[str, float]:
    """Reward of each row's answer by the reward model of this name; rows without an answer, or too long, are missing."""
    learner, model = reward_model(work, name)
    who = work.learner(learner)
    longest = work.longest(learner)
    made = tokenise([r for r in rows if r.answer], who.opened.renderer, longest, "drop").examples
    return {e.row_id: r for e, r in zip(made, model.score(who.model, made), strict=True)}


def reward_model(work: Work, name: str) -> tuple[str, RewardModel]:
    """(whose weights, the reward model); raises PlanRefused naming those there are."""
    if name not in work.rewards:
        raise PlanRefused(
            f"There is no reward model called {name!r} yet; there are: {', '.join(work.rewards) or 'none'}.",
            field="stages",
            hint="Put a reward stage of this name before it.",
        )
    return work.rewards[name]
