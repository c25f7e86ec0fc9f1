"""Trees of reasoning by a small Monte Carlo search: verified paths, and the mistakes beside them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import Field

from ..parts import Options, Paper
from .base import ROW_VARIABLES, Desk, Made, Seed, Steps, Unusable, Writer, about
from .common import KEPT, agree, final_answer, need_gold, need_sampling
from .template import Prompt


@dataclass
class Node:
    """A step of reasoning under its parent. `wins` of `visits` rollouts through it ended in the gold answer."""

    text: str
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    wins: int = 0
    visits: int = 0
    done: bool = False

    @property
    def path(self) -> list[Node]:
        """From the first step to this one; the root is no step."""
        return [*self.parent.path, self] if self.parent else []

    @property
    def value(self) -> float:
        return self.wins / self.visits if self.visits else 0.0

    def all(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.all()


class Tree(Writer):
    """Each round goes down the tree by UCT, lets the model take several next steps, and finishes each once: the share of
    rollouts that end in the gold answer is the step's value."""

    id = "reasoning-tree"
    title = "Trees of reasoning"
    summary = (
        "The model reasons step by step in a search; kept is a path that ends rightly, with a wrong step that stands beside it as the "
        "answer that is not preferred."
    )
    when_to_use = "Reasoning traces of a large model are too long for the student: a tree gives paths of many lengths, and mistakes."
    formula = r"u(s) = \frac{w_s}{n_s} + c \sqrt{\frac{\ln n_{p(s)}}{n_s}}"
    paper = Paper(
        title="Towards Widening The Distillation Bottleneck for Reasoning Models",
        authors="Yin, Zhao, Wu, Ni and others", year=2025, url="https://arxiv.org/abs/2503.01461", arxiv="2503.01461",
    )  # fmt: skip
    variables: ClassVar[dict[str, str]] = {**ROW_VARIABLES, "steps": "the steps so far, one a line"}
    pairs = True
    prompts: ClassVar[dict[str, Prompt]] = {
        "step": Prompt(
            "Question: {{question}}\n\nSteps so far:\n{{steps}}\n\nWrite the next step of the solution alone, in one or two sentences. "
            "When the result is there, write it as the last step in the form: Answer: the answer"
        ),
        "finish": Prompt(
            "Question: {{question}}\n\nSteps so far:\n{{steps}}\n\nGo on from here and finish the solution. Write Answer: and the answer alone on the last line."
        ),
    }

    class Options(Options):
        rounds: int = Field(4, ge=1, le=64, title="Rounds of search")
        width: int = Field(3, ge=2, le=16, title="Steps tried at once")
        depth: int = Field(8, ge=1, le=64, title="Longest path (steps)")
        explore: float = Field(1.4, ge=0, le=10, title="Exploration c", description="0: always the best step so far.")
        paths: int = Field(
            1, ge=1, le=8, title="Paths a question, at most", description="Verified paths of different lengths."
        )

    def seeds(self, rows: Any, options: Any, desk: Desk) -> Any:
        need_sampling(desk, options.width, "A search")
        return super().seeds(rows, options, desk)

    def write(self, seed: Seed, options: Any, desk: Desk) -> Steps:
        row, gold, root, asked = seed.row, need_gold(seed.row), Node(""), 0
        right = list[tuple[Node, str]]()  # a step, and how a rollout from it got to the gold answer
        wrong = dict[int, str]()  # id of a step -> a rollout from it that failed
        for _ in range(options.rounds):
            leaf = chosen(root, options.explore)
            if leaf.done or len(leaf.path) >= options.depth:
                break
            numbers = range(asked, asked + options.width)
            asked += options.width
            values = about(row, steps=shown(leaf))
            replies = yield [desk.ask("step", values, number=n) for n in numbers]
            nodes = [
                Node(s, leaf, done="answer:" in s.lower()) for s in dict.fromkeys(r.text.strip() for r in replies) if s
            ]
            leaf.children += nodes
            open_nodes = [n for n in nodes if not n.done]
            ends = yield [desk.ask("finish", about(row, steps=shown(n)), number=asked) for n in open_nodes]
            rest = {id(n): e.text.strip() for n, e in zip(open_nodes, ends, strict=True)}
            for node in nodes:
                end = rest.get(id(node), "")
                won = agree(end or node.text, gold)
                back_up(node, won)
                if won:
                    right.append((node, end))
                else:
                    wrong.setdefault(id(node), end)
        return self._rows(row, gold, root, right, wrong, options)

    def _rows(self, row: Any, gold: str, root: Node, right: Any, wrong: dict[int, str], options: Any) -> list[Made]:
        if not right:
            raise Unusable(f"no path of {sum(1 for _ in root.all()) - 1} steps ends in {gold[:60]!r}")
        made, lengths = list[Made](), set[int]()
        for node, end in sorted(right, key=lambda r: (-r[0].value, len(_whole(*r)))):
            mistake = sibling_mistake(node, wrong)
            text = _whole(node, end)
            if mistake is None or len(text) in lengths or len(made) >= options.paths:
                continue
            lengths.add(len(text))
            made.append(self._made(row, gold, node, text, *mistake))
        if not made:
            raise Unusable("every step beside the right path is right too: there is no mistake to prefer it over")
        return made

    def _made(self, row: Any, gold: str, node: Node, text: str, bad: Node, rejected: str) -> Made:
        own = {name: row.fields[name] for name in KEPT if row.fields.get(name) is not None}
        before = [n.text for n in bad.path[:-1]]
        good = node.path[len(before)].text
        found = {
            "tree": {"shared": before, "right": good, "wrong": bad.text, "value": node.value, "wrong_value": bad.value}
        }
        fields = {
            **own,
            "task": "path",
            "gold": gold,
            "chosen": text,
            "rejected": rejected,
            "length": len(text.split()),
            **found,
        }
        reasons = text[: text.lower().rindex("answer:")].strip() if "answer:" in text.lower() else text
        return Made(tuple(row.messages), text, {**fields, "rationale": reasons, "final": final_answer(text)})


def chosen(root: Node, c: float) -> Node:
    """Goes down by UCT to a step without children; a step never visited comes first, finished wrong ones last."""
    node = root
    while node.children:
        live = [n for n in node.children if not n.done]
        if not live:
            return node.children[0]
        total = max(1, node.visits)
        node = max(live, key=lambda n: uct(n, total, c))
    return node


def uct(node: Node, parent_visits: int, c: float) -> float:
    return math.inf if not node.visits else node.value + c * math.sqrt(math.log(parent_visits) / node.visits)


def back_up(node: Node, won: bool) -> None:
    """The outcome of a rollout counts for every step above it."""
    here: Node | None = node
    while here is not None:
        here.visits += 1
        here.wins += won
        here = here.parent


def sibling_mistake(node: Node, wrong: dict[int, str]) -> tuple[Node, str] | None:
    """(the step beside the path with the lowest value whose rollout failed, the whole wrong text), nearest to the end first."""
    for step in reversed(node.path):
        assert step.parent is not None
        beside = [n for n in step.parent.children if n is not step and id(n) in wrong and n.value < step.value]
        if beside:
            bad = min(beside, key=lambda n: n.value)
            return bad, _whole(bad, wrong[id(bad)])
    return None


def _whole(node: Node, end: str) -> str:
    return "\n".join([*(n.text for n in node.path), *([end] if end else [])])


def shown(node: Node) -> str:
    return "\n".join(n.text for n in node.path)
