import pytest
import torch
from pydantic import ValidationError

from jobs.distill.errors import PlanRefused
from jobs.distill.merging.linear import Linear
from jobs.distill.merging.slerp import Slerp
from jobs.distill.shapes.make import make
from tests.jobs.distill import tiny

from .making import loaded, shape_of


def test_a_linear_merge_is_the_weighted_sum_of_two_models(tmp_path):
    a, b = (tiny.model(tmp_path / n, seed) for n, seed in (("a", 1), ("b", 2)))
    shape = shape_of(kind="merge", models=["teacher"], weights=[0.75, 0.25])
    make(a, tmp_path / "out", shape, key="a", others={"teacher": b})
    one, two, both = (loaded(p).state_dict() for p in (a, b, tmp_path / "out"))
    for name in one:
        torch.testing.assert_close(both[name], 0.75 * one[name] + 0.25 * two[name])


def test_slerp_keeps_the_length_and_the_angle():
    a, b = torch.tensor([2.0, 0.0]), torch.tensor([0.0, 2.0])
    half = Slerp().tensor([a, b], [1, 1], None)
    torch.testing.assert_close(half, torch.tensor([2.0, 2.0]) / 2**0.5)
    third = Slerp().tensor([a, b], [2, 1], None)
    assert float(torch.rad2deg(torch.arctan2(third[1], third[0]))) == pytest.approx(30, abs=1e-4)
    torch.testing.assert_close(Slerp().tensor([a, a], [1, 1], None), Linear().tensor([a, a], [0.5, 0.5], None))


def test_models_of_different_sizes_are_refused(tmp_path):
    a, b = tiny.model(tmp_path / "a", 1), tiny.model(tmp_path / "b", 1, width=48)
    with pytest.raises(PlanRefused, match="models of different sizes cannot be merged"):
        make(a, tmp_path / "out", shape_of(kind="merge", models=["teacher"]), key="a", others={"teacher": b})


def test_weights_and_models_must_fit():
    with pytest.raises(ValidationError, match="3 weights for 2 models"):
        shape_of(kind="merge", models=["x"], weights=[1, 1, 1])
    with pytest.raises(ValidationError, match="slerp goes from the student's model to one other"):
        shape_of(kind="merge", models=["x", "y"], method="slerp")
