"""Each term against numbers worked by hand, and the identities that tie the terms to each other."""

from __future__ import annotations

from math import log, sqrt

import pytest
import torch
from torch import Tensor

from jobs.distill.catalog.parts.token import TOKEN as PARTS
from jobs.distill.head import DenseTeacher, Head
from jobs.distill.objectives.base import Objective
from jobs.distill.objectives.directions import Directions
from jobs.distill.objectives.view import View

torch.set_num_threads(1)

P, Q = [0.5, 0.25, 0.25], [0.25, 0.25, 0.5]  # teacher, student over three tokens
ALPHA = 0.2


def view(p: list[list[float]], q: list[list[float]], y: list[int] | None = None, leaves: bool = False) -> View:
    """Logits are the logs of given probabilities; the teacher's head is the identity, its states are the logits."""
    z, zt = torch.tensor(q, dtype=torch.float64).log(), torch.tensor(p, dtype=torch.float64).log()
    teacher = DenseTeacher(zt, Head(torch.eye(zt.shape[-1], dtype=torch.float64)))
    directions = Directions(torch.eye(zt.shape[-1], dtype=torch.float64), zt.shape[-1])
    return View(z, teacher, None if y is None else torch.tensor(y), leaves=leaves, directions=directions)


def value(
    id: str, p: list[float], q: list[float], y: int = 0, T: float = 1.0, t_squared: bool = False, **options
) -> float:
    part = PARTS[id]()
    term = Objective(part, part.Options(**options), T, t_squared)
    return term.value(view([p], [q], [y])).item()


def hand_skew(a: list[float], b: list[float], alpha: float) -> float:
    return sum(x * log(x / (alpha * x + (1 - alpha) * y)) for x, y in zip(a, b, strict=True))


def kl_to_q(r: list[float]) -> float:
    return sum(x * log(x / y) for x, y in zip(r, Q, strict=True))


# no closed form: none is simpler than autograd there
NO_SLOPE = {
    "confidence-penalty", "interpolated-kl", "dkd", "self-evolution", "dpkd-token", "clipped-kl", "top-k-cross-entropy",
}  # fmt: skip
BY_HAND = [
    ("cross-entropy", {"y": 2}, -log(0.5)),
    ("forward-kl", {}, 0.5 * log(2) + 0.25 * log(1) + 0.25 * log(0.5)),
    ("reverse-kl", {}, 0.25 * log(0.5) + 0.25 * log(1) + 0.5 * log(2)),
    # m = (3/8, 1/4, 3/8): both halves are 1/2 log(4/3) + 1/4 log(2/3)
    ("jsd", {"beta": 0.5}, 0.5 * log(4 / 3) + 0.25 * log(2 / 3)),
    ("jsd", {"beta": 0.0}, 0.25 * log(2)),
    ("jsd", {"beta": 1.0}, 0.25 * log(2)),
    ("skew-kl", {"alpha": ALPHA}, hand_skew(P, Q, ALPHA)),
    ("reverse-skew-kl", {"alpha": ALPHA}, hand_skew(Q, P, ALPHA)),
    ("reverse-skew-kl", {"alpha": ALPHA, "detach_mix": True}, hand_skew(Q, P, ALPHA)),
    # target 0.4 * (0, 0, 1) + 0.6 * p = (0.3, 0.15, 0.55)
    ("label-mix", {"share": 0.4, "y": 2}, -(0.3 * log(0.25) + 0.15 * log(0.25) + 0.55 * log(0.5))),
    ("tvd", {}, 0.25),
    ("alpha-beta", {"alpha": 0.5, "beta": 0.5}, 2 * 2 * (sqrt(0.5) - 0.5) ** 2),  # 2 sum (sqrt p - sqrt q)^2
    ("alpha-beta", {"alpha": 1, "beta": 1}, 0.5 * (0.25**2 + 0.25**2)),  # half the squared distance
    # rising p: 1/4, 1/4, 1/2 with gaps 0, 1/4, 1/4; up to mass 1/2 is the tail, so half the gap is the head's
    ("adaptive-kl", {"mu": 0.5}, 0.25 * log(2)),
    # sqrt(p q) is (1/8, 1/16, 1/8)^(1/2): target (0.369, 0.261, 0.369) from weights sqrt 2 : 1 : sqrt 2
    (
        "interpolated-kl",
        {"t": 0.5},
        kl_to_q([sqrt(2) / (1 + 2 * sqrt(2)), 1 / (1 + 2 * sqrt(2)), sqrt(2) / (1 + 2 * sqrt(2))]),
    ),
    ("symmetric-kl", {"gamma": 0.3}, 0.25 * log(2)),  # both KLs are 1/4 log 2 here
    # the answer is token 0: coins (1/2, 1/2) and (1/4, 3/4); the others (1/2, 1/2) and (1/3, 2/3)
    (
        "dkd",
        {"alpha": 2, "beta": 3},
        2 * (0.5 * log(2) + 0.5 * log(2 / 3)) + 3 * (0.5 * log(3 / 2) + 0.5 * log(3 / 4)),
    ),
    # p is largest at 0, the answer is 2: kappa = (1/4 + 1/4) / (5/4) = 0.4, target (0.3, 0.15, 0.55) leads by 1/4
    ("mft", {"tau": 0.25, "y": 2}, -(0.3 * log(0.25) + 0.15 * log(0.25) + 0.55 * log(0.5))),
    # m = p/2 + e_2/2 = (1/4, 1/8, 5/8), KL to q is 1/8 log(1/2) + 5/8 log(5/4); with ratio 1 the target is m
    ("self-evolution", {"eta": 0.5, "floor": 1, "y": 2}, kl_to_q([0.25, 0.125, 0.625])),
    # best of the teacher 0, of the student 2: margin log(1/2) - log 2 = -log 4; -log sigmoid(-log 4) = log 5
    ("dpkd-token", {"beta": 1}, log(5)),
    ("dpkd-token", {"beta": 1, "loss": "ipo"}, (log(4) + 0.5) ** 2),
    # unit vectors at right angles: the cost is 0 for the same token and 1 otherwise, so 1 - sum p q
    ("earth-mover", {}, 1 - (0.125 + 0.0625 + 0.125)),
    ("earth-mover-label", {"y": 2}, 0.5),
    # half of the mass is one token; the edge halves its weight, and nothing is left to compare with a sharp edge
    ("clipped-kl", {"keep": 0.5, "softness": 0.01}, 0.0),
    ("top-k-cross-entropy", {"k": 1}, log(4)),
    ("z-loss", {}, 0.0),  # log-probabilities are their own logits: the normaliser is one
    ("confidence-penalty", {}, 0.25 * log(0.25) * 2 + 0.5 * log(0.5)),
]


@pytest.mark.parametrize("id,options,expected", BY_HAND)
def test_it_gives_the_number_worked_by_hand(id, options, expected):
    assert value(id, P, Q, **options) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("id,options,expected", BY_HAND)
def test_the_closed_form_has_the_same_value(id, options, expected):
    options = dict(options)
    v = view([P], [Q], [options.pop("y", 0)], leaves=True)
    part = PARTS[id]()
    if part.slope is None:
        assert id in NO_SLOPE
        return
    assert part.slope(v, 1.0, part.Options(**options)).value.item() == pytest.approx(expected, abs=1e-12)


def test_every_term_is_worked_by_hand():
    assert {id for id, *_ in BY_HAND} == set(PARTS)


def test_temperature_two_takes_square_roots():
    """softmax(log p / 2) is proportional to sqrt(p); T squared multiplies by four."""
    half = sqrt(0.25)
    p = [x / (sqrt(0.5) + 2 * half) for x in (sqrt(0.5), half, half)]
    expected = p[0] * log(p[0] / p[2]) + p[2] * log(p[2] / p[0])
    assert value("forward-kl", P, Q, T=2.0) == pytest.approx(expected, abs=1e-12)
    assert value("forward-kl", P, Q, T=2.0, t_squared=True) == pytest.approx(4 * expected, abs=1e-12)


# -- identities ---------------------------------------------------------------------------------------------------------

# cross-entropies, preferences and targets with the label in them do not vanish between equals
NOT_ZERO = {"label-mix", "mft", "self-evolution", "dpkd-token", "earth-mover", "top-k-cross-entropy"}
DIVERGENCES = [(id, {}) for id in PARTS if id not in NOT_ZERO and "teacher" in PARTS[id].needs]


def random_pair(seed: int, n: int = 6, vocab: int = 40) -> tuple[Tensor, Tensor]:
    g = torch.Generator().manual_seed(seed)
    return torch.randn(n, vocab, generator=g, dtype=torch.float64), torch.randn(
        n, vocab, generator=g, dtype=torch.float64
    )


def run(id: str, zs: Tensor, zt: Tensor, T: float = 1.0, y: Tensor | None = None, **options) -> tuple[Tensor, Tensor]:
    """Values [n] and the gradient of their sum by the logits, by autograd."""
    z = zs.clone().requires_grad_()
    part = PARTS[id]()
    teacher = DenseTeacher(zt, Head(torch.eye(zt.shape[-1], dtype=torch.float64)))
    y = torch.arange(len(zs)) if y is None else y
    values = part.value(View(z, teacher, y), T, part.Options(**options))
    return values.detach(), torch.autograd.grad(values.sum(), z)[0]


@pytest.mark.parametrize("id,options", DIVERGENCES)
def test_a_divergence_is_zero_only_between_equals(id, options):
    zs, zt = random_pair(1)
    assert run(id, zs, zs, **options)[0].abs().max() < 1e-12
    assert run(id, zs, zs, **options)[1].abs().max() < 1e-12
    assert run(id, zs, zt, **options)[0].min() > 1e-3


def test_jsd_tends_to_the_two_kls():
    zs, zt = random_pair(2)
    tiny = 1e-6
    assert torch.allclose(run("jsd", zs, zt, beta=tiny)[0] / tiny, run("forward-kl", zs, zt)[0], rtol=1e-3)
    assert torch.allclose(run("jsd", zs, zt, beta=1 - tiny)[0] / tiny, run("reverse-kl", zs, zt)[0], rtol=1e-3)


@pytest.mark.parametrize("beta", [0.1, 0.5, 0.9])
def test_jsd_is_a_mixture_of_the_skew_divergences(beta):
    zs, zt = random_pair(3)
    parts = (
        beta * run("skew-kl", zs, zt, alpha=beta)[0] + (1 - beta) * run("reverse-skew-kl", zs, zt, alpha=1 - beta)[0]
    )
    assert torch.allclose(run("jsd", zs, zt, beta=beta)[0], parts, atol=1e-12)


def test_jsd_is_at_most_log_two():
    zs, zt = random_pair(4)
    assert run("jsd", zs * 50, zt * 50, beta=0.5)[0].max() <= log(2) + 1e-12


def test_the_alpha_beta_family_tends_to_the_two_kls():
    zs, zt = random_pair(12)
    near = 0.01
    for (a, b), id in (((1.0, near), "forward-kl"), ((near, 1.0), "reverse-kl")):
        assert torch.allclose(run("alpha-beta", zs, zt, alpha=a, beta=b)[0], run(id, zs, zt)[0], rtol=0.1)


def test_total_variation_obeys_pinsker():
    zs, zt = random_pair(13)
    assert (2 * run("tvd", zs, zt)[0] ** 2 <= run("forward-kl", zs, zt)[0]).all()


def test_the_interpolated_teacher_ends_at_the_student_and_the_teacher():
    zs, zt = random_pair(14)
    assert run("interpolated-kl", zs, zt, t=0.0)[0].abs().max() < 1e-12
    for a, b in zip(run("interpolated-kl", zs, zt, t=1.0), run("forward-kl", zs, zt), strict=True):
        assert torch.allclose(a, b, atol=1e-12)


def test_adaptive_kl_lies_between_the_two_kls():
    zs, zt = random_pair(15)
    both = torch.stack([run("forward-kl", zs, zt)[0], run("reverse-kl", zs, zt)[0]])
    value = run("adaptive-kl", zs, zt)[0]
    assert (value >= both.min(0).values).all() and (value <= both.max(0).values).all()


def test_skew_zero_is_the_plain_kl():
    zs, zt = random_pair(5)
    for skewed, plain in (("skew-kl", "forward-kl"), ("reverse-skew-kl", "reverse-kl")):
        for a, b in zip(run(skewed, zs, zt, alpha=0.0), run(plain, zs, zt), strict=True):
            assert torch.allclose(a, b, atol=1e-12)


def test_large_temperatures_compare_centred_logits():
    """T^2 KL -> |centred difference of logits|^2 / (2 V) as T grows (Hinton et al. 2015, section 2.1)."""
    zs, zt = random_pair(6)
    gap = (zt - zt.mean(-1, keepdim=True)) - (zs - zs.mean(-1, keepdim=True))
    T = 3000.0
    assert torch.allclose(T * T * run("forward-kl", zs, zt, T)[0], (gap**2).sum(-1) / (2 * zs.shape[-1]), rtol=1e-3)


def test_gradients_by_the_logits_have_their_known_forms():
    zs, zt = random_pair(7)
    p, q = zt.softmax(-1), zs.softmax(-1)
    ratio = q.log() - p.log()
    assert torch.allclose(run("forward-kl", zs, zt)[1], q - p, atol=1e-12)
    assert torch.allclose(run("reverse-kl", zs, zt)[1], q * (ratio - (q * ratio).sum(-1, keepdim=True)), atol=1e-12)
    beta = 0.3
    over_mix = q.log() - (beta * p + (1 - beta) * q).log()
    expected = (1 - beta) * q * (over_mix - (q * over_mix).sum(-1, keepdim=True))
    assert torch.allclose(run("jsd", zs, zt, beta=beta)[1], expected, atol=1e-12)


def test_label_mixing_has_the_gradient_of_cross_entropy_and_forward_kl():
    zs, zt = random_pair(8)
    y, a = torch.arange(len(zs)), 0.3
    mixed = run("label-mix", zs, zt, y=y, share=a)[1]
    parts = a * run("cross-entropy", zs, zt, y=y)[1] + (1 - a) * run("forward-kl", zs, zt)[1]
    assert torch.allclose(mixed, parts, atol=1e-12)


def test_two_teachers_average_as_probabilities_or_as_logs():
    """Weighted forward KLs pull towards the mixture of teachers, reverse KLs towards their normalised geometric mean."""
    zs, z1 = random_pair(9)
    z2 = random_pair(10)[0]
    w = 0.3
    mixture = (w * z1.softmax(-1) + (1 - w) * z2.softmax(-1)).log()
    geometric = w * z1.log_softmax(-1) + (1 - w) * z2.log_softmax(-1)
    for id, target in (("forward-kl", mixture), ("reverse-kl", geometric)):
        apart = w * run(id, zs, z1)[1] + (1 - w) * run(id, zs, z2)[1]
        assert torch.allclose(apart, run(id, zs, target)[1], atol=1e-12)


def test_a_constant_mixture_changes_the_gradient_but_not_the_value():
    zs, zt = random_pair(11)
    free, fixed = run("reverse-skew-kl", zs, zt, alpha=0.3), run("reverse-skew-kl", zs, zt, alpha=0.3, detach_mix=True)
    assert torch.equal(free[0], fixed[0])
    assert (free[1] - fixed[1]).abs().max() > 1e-3


def test_extreme_logits_stay_finite():
    z = torch.tensor([[200.0, 0.0, -200.0]], dtype=torch.float32)
    teacher = DenseTeacher(-z, Head(torch.eye(3)))
    for id in PARTS:
        part = PARTS[id]()
        leaf = z.clone().requires_grad_()
        which = Directions(torch.eye(3), 3)
        plain = part.value(View(leaf, teacher, torch.tensor([2]), directions=which), 1.0, part.Options())
        grad = torch.autograd.grad(plain.sum(), leaf)[0]
        assert plain.isfinite().all() and grad.isfinite().all(), id
        if part.slope is None:
            continue
        with torch.no_grad():
            slope = part.slope(View(z, teacher, torch.tensor([2]), leaves=True, directions=which), 1.0, part.Options())
        assert slope.value.isfinite().all() and (slope.dense is None or slope.dense.isfinite().all()), id
        assert torch.allclose(plain, slope.value, rtol=1e-4), id
