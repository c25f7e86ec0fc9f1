"""Two passes with +e and -e average; e=0 equals SFT loss to 1e-6."""

from jobs.distill.batches import Limits, micro_batches
from jobs.distill.catalog import objective
from jobs.distill.recipe import Term as Asked
from jobs.distill.recipe.adapter import Noise
from jobs.distill.rows import Example
from jobs.distill.step import Losses, Term
from jobs.distill.students.noise import noisy
from tests.jobs.distill.students.small import IDS, adapted

from .adapting import run


def loss_with(model, noise):
    rows = [Example(f"row-{i}", ids.tolist(), 3, True) for i, ids in enumerate(IDS)]
    micro = next(iter(micro_batches(rows, range(2), Limits(8, 10_000), "token")))
    terms = [Term(objective(Asked(type="cross-entropy")))]
    losses = Losses(model, 64, terms, noise=noise)
    return losses, lambda: float(losses.of(micro, [rows[i] for i in micro.which], terms, 0, 11)[0].detach()), micro


def test_it_is_the_average_of_the_two_passes_and_plain_without_noise():
    model = adapted()
    _, plain, _ = loss_with(model, None)
    assert abs(loss_with(model, Noise(kind="symmetric", alpha=0))[1]() - plain()) < 1e-6
    noise, single = Noise(kind="symmetric", alpha=8), []
    for sign in (1, -1):
        with noisy(model, noise, [7, 7], 11, sign):
            single.append(plain())
    both = loss_with(model, noise)[1]()
    assert abs(both - sum(single) / 2) < 1e-6
    assert abs(single[0] - single[1]) > 1e-4


def test_the_system_trains(tmp_path):
    assert run(tmp_path, "symnoise", noise=5)["scores"]["student"]["value"] >= 0
