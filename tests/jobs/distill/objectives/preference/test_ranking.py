"""Hinges over lists, and the contrastive term, against numbers worked out by hand."""

import pytest
import torch

from jobs.distill.objectives.preference.contrastive import Contrastive, ContrastiveOptions, skews
from jobs.distill.objectives.preference.ranking import DemonstrationRanking, ListRanking, RankingOptions

from .answers import listed, pair

SCORES = torch.tensor([-1.0, -1.5, -0.7])


def test_a_list_in_order_costs_nothing_and_every_wrong_pair_its_gap():
    part = ListRanking()
    assert part.combine([SCORES], listed([1, 2, 0]), 1.0, RankingOptions()).tolist() == [0]
    wrong = part.combine([SCORES], listed([0, 1, 2]), 1.0, RankingOptions())  # the third stands above both
    assert float(wrong) == pytest.approx(0.3 + 0.8)


def test_equal_ranks_are_not_compared():
    assert float(ListRanking().combine([SCORES], listed([0, 0, 0]), 1.0, RankingOptions(margin=1))) == 0


def test_the_teachers_scores_give_the_order_of_demonstration_sets():
    teacher = torch.tensor([-2.0, -3.0, -1.0])
    part, options = DemonstrationRanking(), RankingOptions(margin=0.2)
    assert float(part.combine([SCORES, teacher], listed([0, 0, 0]), 1.0, options)) == 0
    swapped = teacher[[1, 0, 2]]
    assert float(part.combine([SCORES, swapped], listed([0, 0, 0]), 1.0, options)) == pytest.approx(0.5 + 0.2)


def test_the_skew_of_an_answer_follows_the_gap_between_the_models():
    options = ContrastiveOptions(alpha=0.31, usual_gap=0.2, rungs=4)
    assert skews(options) == pytest.approx([0.01, 0.11, 0.21, 0.31])
    p = torch.tensor([0.9, 0.9, 0.9, 0.5, 0.5]).log()
    q = torch.tensor([0.1, 0.1, 0.1, 0.5, 0.5]).log()  # far from the teacher on the chosen, level on the rejected
    assert Contrastive.rung_of(q, p, pair(), options).tolist() == [3, 0]


def test_the_contrastive_term_takes_each_answers_own_rung():
    options = ContrastiveOptions(beta=0.6, alpha=0.31, rungs=2)
    p, q = torch.tensor([0.9, 0.9, 0.9, 0.5, 0.5]).log(), torch.tensor([0.1, 0.1, 0.1, 0.5, 0.5]).log()
    forward = [torch.full((5,), 9.0), torch.tensor([1.0, 2, 3, 9, 9])]
    reverse = [torch.tensor([9.0, 9, 9, 4, 6]), torch.full((5,), 9.0)]
    assert float(Contrastive().combine([q, p, *forward, *reverse], pair(), 1.0, options)) == pytest.approx(
        1.4 * 2 + 0.6 * 5
    )
