"""The label's log-probability under both models."""

import pytest
import torch

from jobs.distill.errors import PlanRefused
from jobs.distill.objectives.label_reads import logp_y, logq_y
from jobs.distill.objectives.view import DenseTeacher, RecordedTeacher, View
from jobs.distill.output_layer import Head

LABELS = torch.tensor([3, 0, 6])


@pytest.mark.parametrize("T", [1.0, 2.0])
def test_both_models_say_how_likely_the_label_is(T):
    torch.manual_seed(0)
    z, hidden, weight = torch.randn(3, 7, requires_grad=True), torch.randn(3, 4), torch.randn(7, 4)
    view = View(z, DenseTeacher(hidden, Head(weight, vocab=7)), LABELS)
    expected_q = torch.log_softmax(z / T, -1).gather(-1, LABELS[:, None])[:, 0]
    expected_p = torch.log_softmax(hidden @ weight.T / T, -1).gather(-1, LABELS[:, None])[:, 0]
    assert torch.allclose(logq_y(T).value(view), expected_q, atol=1e-6) and logq_y(T).value(view).requires_grad
    assert torch.allclose(logp_y(T).value(view), expected_p, atol=1e-6) and not logp_y(T).value(view).requires_grad


def test_signals_answer_with_what_was_recorded_and_refuse_in_words():
    signals = RecordedTeacher(torch.zeros(3, 1, dtype=torch.int64), torch.zeros(3, 1), {1.0: torch.zeros(3)})
    with pytest.raises(PlanRefused, match="top tokens alone"):
        logp_y().value(View(torch.randn(3, 7), signals.chunk(slice(0, 3), 7), LABELS))
    kept = RecordedTeacher(signals.ids, signals.z, signals.lse, None, torch.tensor([-1.0, -2.0, -3.0]))
    assert logp_y().value(View(torch.randn(2, 7), kept.chunk(slice(1, 3), 7), LABELS[1:])).tolist() == [-2.0, -3.0]
