"""Terms over pairs against numbers worked out by hand."""

import math

import pytest
import torch

from jobs.distill.objectives.base import NoOptions
from jobs.distill.objectives.preference.calibration import Calibration, MarginOptions
from jobs.distill.objectives.preference.dpo import DPO
from jobs.distill.objectives.preference.dpop import DPOP, DPOPOptions
from jobs.distill.objectives.preference.fine_grained_dpo import FineGrainedDPO, FineGrainedOptions, first_difference
from jobs.distill.objectives.preference.ipo import IPO
from jobs.distill.objectives.preference.pairs import BetaOptions
from jobs.distill.objectives.preference.simpo import SimPO, SimPOOptions

from .answers import pair

LOGQ = torch.tensor([-1.0, -0.5, -0.25, -1.0, -2.0], dtype=torch.float64)  # chosen -1.75, rejected -3
REF = torch.tensor([-1.0, -1.0, -0.5, -1.0, -1.0], dtype=torch.float64)  # chosen -2.5, rejected -2
DELTA = 0.75 - (-1.0)


def value(part, values, options):
    return float(part.combine(values, pair(), 1.0, options)[0])


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_dpo_is_minus_log_sigmoid_of_the_scaled_difference_of_log_ratios():
    assert value(DPO(), [LOGQ, REF], DPO.Options(beta=0.3)) == pytest.approx(-math.log(sigmoid(0.3 * DELTA)), abs=1e-12)


def test_dpo_is_log_two_where_student_and_reference_agree():
    assert value(DPO(), [REF, REF], DPO.Options()) == pytest.approx(math.log(2), abs=1e-12)


def test_dpo_pushes_the_two_answers_apart_equally():
    logq = LOGQ.clone().requires_grad_()
    DPO().combine([logq, REF], pair(), 1.0, DPO.Options(beta=0.3)).sum().backward()
    slope = 0.3 * sigmoid(-0.3 * DELTA)
    assert torch.allclose(logq.grad, slope * torch.tensor([-1, -1, -1, 1, 1], dtype=torch.float64))


def test_ipo_is_zero_at_its_gap_and_grows_on_both_sides():
    assert value(IPO(), [LOGQ, REF], BetaOptions(beta=1 / (2 * DELTA))) == pytest.approx(0, abs=1e-12)
    assert value(IPO(), [LOGQ, REF], BetaOptions(beta=0.5)) == pytest.approx((DELTA - 1) ** 2)


def test_dpop_is_dpo_while_the_chosen_answer_gains_and_punishes_what_it_loses():
    assert value(DPOP(), [LOGQ, REF], DPOPOptions(beta=0.3)) == pytest.approx(
        value(DPO(), [LOGQ, REF], DPO.Options(beta=0.3))
    )
    worse = LOGQ - torch.tensor(
        [1.0, 0, 0, 1.0, 0]
    )  # both lose one nat: the same Delta, the chosen 0.25 below the reference
    expected = -math.log(sigmoid(0.3 * (DELTA - 4 * 0.25)))
    assert value(DPOP(), [worse, REF], DPOPOptions(beta=0.3, penalty=4)) == pytest.approx(expected, abs=1e-12)


def test_simpo_compares_means_a_token_and_needs_no_reference():
    expected = -math.log(sigmoid(2 * (-1.75 / 3 + 3 / 2) - 0.5))
    assert value(SimPO(), [LOGQ], SimPOOptions(beta=2, gamma=0.5)) == pytest.approx(expected, abs=1e-12)
    assert "teacher" not in SimPO.needs


def test_the_first_token_that_differs_is_found_and_a_shared_beginning_weighs_nothing():
    assert first_difference(pair()).tolist() == [1]
    gap = (0.5 + 0.9 * 0.25) - (-1.0)
    got = value(FineGrainedDPO(), [LOGQ, REF], FineGrainedOptions(beta=0.3, decay=0.9))
    assert got == pytest.approx(-math.log(sigmoid(0.3 * gap)), abs=1e-12)


def test_fine_grained_dpo_without_decay_is_dpo():
    got = value(FineGrainedDPO(), [LOGQ, REF], FineGrainedOptions(beta=0.3, decay=1))
    assert got == pytest.approx(value(DPO(), [LOGQ, REF], DPO.Options(beta=0.3)), abs=1e-12)


@pytest.mark.parametrize("margin", [0.5, 2.0])
def test_calibration_is_a_hinge_in_the_mean_log_probability(margin):
    gap = -1.75 / 3 + 3 / 2
    assert value(Calibration(), [LOGQ], MarginOptions(margin=margin)) == pytest.approx(max(0, margin - gap), abs=1e-12)


def test_a_group_without_a_rejected_answer_is_an_error():
    alone = pair()
    alone.origin[1] = "fixed"
    with pytest.raises(ValueError, match="exactly one rejected"):
        SimPO().combine([LOGQ], alone, 1.0, SimPOOptions())


def test_every_pair_term_asks_for_pairs():
    for part in (DPO, IPO, DPOP, SimPO, FineGrainedDPO, Calibration):
        assert "pairs" in part.needs and part.Options is not NoOptions
