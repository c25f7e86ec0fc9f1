from __future__ import annotations

import pytest

from jobs.distill.writers.base import Unusable
from jobs.distill.writers.tree import Node, back_up, chosen, uct
from tests.jobs.distill.writers.speaking import row, write

SUM = row("What is 3 * 4 + 5?", "17")


def search(turn: str, question) -> str:
    n = question.request.number
    if "Write the next step" in turn:
        if "12." in turn:
            return ["12 + 5 = 17. Answer: 17", "12 + 5 = 18. Answer: 18"][n % 2]
        return ["3 * 4 = 12.", "4 + 5 = 9."][n % 2]
    return "So 17.\nAnswer: 17" if "12." in turn else "3 * 9 = 27.\nAnswer: 27"


def test_a_verified_path_and_a_sibling_mistake_come_of_each_question():
    made = write("reasoning-tree", SUM, search, width=2, rounds=2, paths=4)
    for one in made:
        tree = one.fields["tree"]
        assert one.fields["final"] == "17" and one.answer == one.fields["chosen"]
        assert "Answer: 17" not in one.fields["rejected"] and tree["wrong"] in one.fields["rejected"]
        assert tree["value"] > tree["wrong_value"] and tree["right"] in one.answer
        assert "\n".join(tree["shared"]) in one.answer and one.fields["length"] == len(one.answer.split())
    assert len({m.fields["length"] for m in made}) == len(made) >= 1


def test_without_a_right_path_the_question_is_left_out():
    with pytest.raises(Unusable, match="no path of 2 steps ends in '17'"):
        write("reasoning-tree", SUM, lambda turn, q: f"no {q.request.number}. Answer: 3", width=2, rounds=1)


def test_the_way_down_follows_uct():
    root = Node("")
    a, b = Node("a", root), Node("b", root)
    root.children = [a, b]
    for won in (True, False, False):
        back_up(a, won)
    assert chosen(root, 1.4) is b
    back_up(b, False)
    assert (root.visits, root.wins, a.value) == (4, 1, pytest.approx(1 / 3))
    assert chosen(root, 0.0) is a and uct(b, 4, 1.4) > uct(a, 4, 1.4)
