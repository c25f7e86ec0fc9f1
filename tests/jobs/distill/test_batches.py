from __future__ import annotations

import numpy as np
import pytest

from jobs.distill.batches import Limits, cut, micro_batches, nothing_of, shortest
from jobs.distill.rows import Example
from jobs.distill.sources.fixed import epoch_order, step_rows


def example(length: int, start: int, name: str = "x", labelled: bool = True) -> Example:
    return Example(name, np.arange(10, 10 + length, dtype=np.int32), start, labelled)


def test_its_order_is_a_function_of_seed_and_step() -> None:
    once = [step_rows(10, 4, s, seed=3) for s in range(8)]
    assert once == [step_rows(10, 4, s, seed=3) for s in range(8)]
    assert once != [step_rows(10, 4, s, seed=4) for s in range(8)]
    stream = [i for step in once for i in step]
    assert all(sorted(stream[e * 10 : e * 10 + 10]) == list(range(10)) for e in range(3))
    assert epoch_order(10, 3, 0).tolist() != epoch_order(10, 3, 1).tolist()


def test_it_cuts_rows_of_like_length_together() -> None:
    groups = cut([10, 100, 11, 99, 10], Limits(rows=8, overhead=5))
    assert sorted(map(sorted, groups)) == [[0, 2, 4], [1, 3]]


def test_it_makes_one_group_where_a_forward_costs_much() -> None:
    assert len(cut([10, 100, 11], Limits(rows=8, overhead=10_000))) == 1


@pytest.mark.parametrize("limits", [Limits(2), Limits(8, tokens=40), Limits(1)])
def test_it_respects_the_limits(limits: Limits) -> None:
    lengths = [10, 20, 15, 30, 7, 90]
    groups = cut(lengths, limits)
    assert sorted(i for g in groups for i in g) == list(range(6))
    for g in groups:
        assert len(g) <= limits.rows
        assert len(g) == 1 or len(g) * max(lengths[i] for i in g) <= limits.tokens


def test_it_predicts_the_next_token_at_every_supervised_place() -> None:
    """The known-wrong mask (place t for token t) would read ids[t] where ids[t + 1] is the label."""
    (micro,) = micro_batches([example(6, 4), example(5, 2)], [0, 1], Limits(8, overhead=1000))
    flat = micro.input_ids.flatten()[micro.places]
    assert (micro.labels == flat + 1).all()
    assert micro.labels.tolist() == [12, 13, 14, 14, 15]
    assert not (micro.labels == flat).any()


def test_its_normaliser_is_that_of_the_whole_step() -> None:
    examples = [example(6, 4), example(9, 2), example(30, 20)]
    for limits in (Limits(1), Limits(2), Limits(8, overhead=1000)):
        for reduction, each in (("token_mean", 1.0), ("seq_mean", 1.0)):
            total = sum(float(m.weights.sum()) for m in micro_batches(examples, [0, 1, 2], limits, reduction))
            assert total == pytest.approx(each, abs=1e-6)


def test_it_knows_which_places_belong_to_labelled_rows() -> None:
    (micro,) = micro_batches([example(6, 4), example(6, 3, labelled=False)], [0, 1], Limits(8))
    assert micro.labelled.tolist() == [True, True, False, False, False]


def test_a_forward_of_nothing_has_the_shape_of_one_and_no_weight() -> None:
    """What a rank runs for company: the shortest row, with those of its group, which no loss counts."""
    rows = [example(9, 4), example(6, 3), example(7, 3)]
    assert shortest(rows) == [1]
    paired = [Example(e.row_id, e.ids, e.start, True, group=g) for e, g in zip(rows, ("a", "b", "b"), strict=True)]
    assert shortest(paired) == [1, 2]
    (micro,) = micro_batches(rows, shortest(rows), Limits(4), whole=rows)
    idle = nothing_of(micro)
    assert micro.weights.sum() > 0 and not idle.weights.any() and not idle.group_weights.any()
    assert idle.input_ids is micro.input_ids and len(idle.labels) == 3
