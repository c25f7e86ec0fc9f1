import pytest
import torch

from jobs.distill.merging.adapters import merge_adapters
from jobs.distill.merging.factors import combined, cut, refactored
from jobs.distill.merging.linear import Linear
from jobs.distill.merging.ties import Ties, TiesOptions
from jobs.distill.recipe.merge import Merge
from tests.jobs.distill.systems import merging


def test_products_are_merged_and_not_factors():
    one, two = merging.planted(1), merging.planted(2)
    got = merge_adapters([one, two], Linear(), lambda _: [0.5, 0.5], None)
    a, b = merging.updates(one), merging.updates(two)
    merging.close(merging.updates(got.factors), {n: (a[n] + b[n]) / 2 for n in a})
    assert got.rank == 4 and got.lost == 0


def test_a_smaller_rank_gives_the_closest_update_and_says_what_is_lost():
    one, two = merging.planted(1, layers=1), merging.planted(2, layers=1)
    got = merge_adapters([one, two], Linear(), lambda _: [1.0, 1.0], None, rank=2)
    name = next(iter(one))
    whole = merging.updates(one)[name] + merging.updates(two)[name]
    s = torch.linalg.svdvals(whole)
    left = (merging.updates(got.factors)[name] - whole).norm() / whole.norm()
    assert got.rank == 2 and got.lost == pytest.approx(float(left), abs=1e-6)
    assert got.lost == pytest.approx(float((s[2:] ** 2).sum().sqrt() / s.norm()), abs=1e-6)


def test_a_rank_wider_than_the_matrix_is_cut_without_loss():
    pairs = [merging.planted(s, rank=4, layers=1)["model.layers.0.q_proj"] for s in (1, 2)]
    whole = combined(pairs, [1.0, 2.0])
    (a, b), lost = cut(whole, 100)
    assert len(a) == 6 and lost < 1e-6
    torch.testing.assert_close(b @ a, whole[1] @ whole[0], atol=1e-4, rtol=1e-4)


def test_large_matrices_are_refactored_by_random_projections():
    draw = torch.Generator().manual_seed(0)
    update = torch.randn(700, 5, generator=draw) @ torch.randn(5, 600, generator=draw)
    (a, b), lost = refactored(update, 5)
    assert float((b @ a - update).norm() / update.norm()) < 1e-4 and lost < 1e-5 * float(update.norm() ** 2)


def test_ties_trims_elects_and_averages_those_that_agree():
    one, two = torch.tensor([[4.0, -3.0, 0.1, 2.0]]), torch.tensor([[2.0, 5.0, 3.0, -0.1]])
    got = Ties().tensor([one, two], [0.5, 0.5], TiesOptions(density=0.75))
    torch.testing.assert_close(got, torch.tensor([[3.0, 5.0, 3.0, 2.0]]))


def test_a_weight_is_needed_for_each_parent():
    with pytest.raises(ValueError, match="1 weights for 2 parents"):
        Merge(parents=["a", "b"], weights=[1.0])
    ranged = Merge(parents=["a", "b"], ranges=[{"first": 1, "last": 2, "weights": [1, 0]}])
    assert [ranged.weights_of(n) for n in (0, 2, None)] == [[0.5, 0.5], [1, 0], [0.5, 0.5]]
