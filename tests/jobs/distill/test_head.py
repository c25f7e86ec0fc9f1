"""The chunked pass against the plain dense one: value, gradients, invariances, and wrong versions that must be caught."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from jobs.distill import head_chunk
from jobs.distill.head import DenseTeacher, Head, choose_chunk, head_pass, head_read
from jobs.distill.objectives.adaptive_kl import AdaptiveKL
from jobs.distill.objectives.alpha_beta import AlphaBeta
from jobs.distill.objectives.base import Objective
from jobs.distill.objectives.clipped_kl import ClippedKL
from jobs.distill.objectives.confidence_penalty import ConfidencePenalty
from jobs.distill.objectives.cross_entropy import CrossEntropy
from jobs.distill.objectives.dkd import Decoupled
from jobs.distill.objectives.dpkd import PreferTeacher
from jobs.distill.objectives.forward_kl import ForwardKL
from jobs.distill.objectives.interpolated import Interpolated
from jobs.distill.objectives.jsd import GeneralisedJSD
from jobs.distill.objectives.label_mix import LabelMix
from jobs.distill.objectives.mft import Corrected
from jobs.distill.objectives.reverse_kl import ReverseKL
from jobs.distill.objectives.reverse_skew_kl import ReverseSkewKL
from jobs.distill.objectives.self_evolution import SelfEvolution
from jobs.distill.objectives.skew_kl import SkewKL
from jobs.distill.objectives.symmetric_kl import SymmetricKL
from jobs.distill.objectives.topk_ce import TopKCrossEntropy
from jobs.distill.objectives.tvd import TotalVariation
from jobs.distill.objectives.z_loss import ZLoss

from . import plain

torch.set_num_threads(1)

N, V, H, HT = 37, 50, 8, 12
CASES = [
    (CrossEntropy, plain.cross_entropy, {}),
    (ForwardKL, plain.forward_kl, {}),
    (ReverseKL, plain.reverse_kl, {}),
    (GeneralisedJSD, plain.jsd, {"beta": 0.3}),
    (SkewKL, plain.skew_kl, {"alpha": 0.1}),
    (ReverseSkewKL, plain.reverse_skew_kl, {"alpha": 0.1}),
    (ReverseSkewKL, plain.reverse_skew_kl, {"alpha": 0.3, "detach_mix": True}),
    (LabelMix, plain.label_mix, {"share": 0.3}),
    (TotalVariation, plain.tvd, {}),
    (AlphaBeta, plain.alpha_beta, {"alpha": 0.2, "beta": 0.7}),
    (AdaptiveKL, plain.adaptive_kl, {"mu": 0.4}),
    (Interpolated, plain.interpolated_kl, {"t": 0.4}),
    (ConfidencePenalty, plain.confidence_penalty, {}),
    (SymmetricKL, plain.symmetric_kl, {"gamma": 0.3}),
    (Decoupled, plain.dkd, {"alpha": 0.7, "beta": 3.0}),
    (Corrected, plain.mft, {"tau": 0.2}),
    (SelfEvolution, plain.self_evolution, {"eta": 0.4, "floor": 0.1, "sharpness": 0.5}),
    (PreferTeacher, plain.dpkd_token, {"beta": 0.7}),
    (PreferTeacher, plain.dpkd_token, {"beta": 0.7, "loss": "ipo"}),
    (ClippedKL, plain.clipped_kl, {"keep": 0.8, "skip": 0.1, "softness": 0.3}),
    (TopKCrossEntropy, plain.top_k_cross_entropy, {"k": 5}),
]


class Toy:
    """Random states, heads, labels and row weights in float64; head rows beyond V are padding."""

    def __init__(self, seed: int = 0) -> None:
        g = torch.Generator().manual_seed(seed)

        def draw(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=g, dtype=torch.float64)

        self.h, self.W, self.b = draw(N, H), draw(V + 3, H), draw(V + 3)
        self.ht, self.Wt = draw(N, HT), draw(V + 6, HT) * 0.3
        self.y = torch.randint(0, V, (N,), generator=g)
        self.w = torch.rand(N, generator=g, dtype=torch.float64) / N

    def leaves(self) -> list[Tensor]:
        return [x.clone().requires_grad_() for x in (self.h, self.W, self.b)]

    @property
    def teacher(self) -> DenseTeacher:
        return DenseTeacher(self.ht, Head(self.Wt))

    def run(self, terms: list[Objective], cap: float | None = None, **how: object) -> tuple[Tensor, ...]:
        """Loss and its gradients by states, weight and bias, from the chunked pass."""
        h, W, b = self.leaves()
        weights = [self.w] * len(terms)
        out = head_pass(h, Head(W, b, 0.7, cap, V), terms, weights, self.y, teacher=self.teacher, **how)  # type: ignore[arg-type]
        out.loss.backward()
        return out.loss.detach(), h.grad, W.grad, b.grad

    def dense(self, formula, kw: dict, T: float, factor: float, cap: float | None) -> tuple[Tensor, ...]:
        """The same from [N, V] logits."""
        h, W, b = self.leaves()
        z = (h @ W.T + b) * 0.7
        z = (cap * torch.tanh(z / cap) if cap else z)[:, :V]
        p = torch.softmax((self.ht @ self.Wt.T)[:, :V] / T, -1)
        loss = (formula(p, torch.softmax(z / T, -1), self.y, **kw) * self.w).sum() * factor
        loss.backward()
        return loss.detach(), h.grad, W.grad, b.grad

    def ce_gradient(self, w: Tensor) -> Tensor:
        """Gradient of the weighted cross-entropy by the states, dense."""
        h = self.h.clone().requires_grad_()
        z = (h @ self.W.T)[:, :V]
        (torch.nn.functional.cross_entropy(z, self.y, reduction="none") * w).sum().backward()
        return h.grad


def close(a: tuple[Tensor, ...], b: tuple[Tensor, ...], tol: float = 1e-10) -> bool:
    return all((x - y).abs().max() <= tol for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("mode", ["fused", "recompute", "tokens"])
@pytest.mark.parametrize("T,cap", [(1.0, None), (2.5, None), (1.0, 3.0)])
@pytest.mark.parametrize("part,formula,kw", CASES)
def test_it_equals_the_plain_dense_version(part, formula, kw, T, cap, mode):
    toy, term = Toy(), Objective(part(), part.Options(**kw), T, t_squared=T != 1)
    assert close(toy.run([term], cap, chunk=10, mode=mode), toy.dense(formula, kw, T, T * T, cap))


@pytest.mark.parametrize("mode", ["fused", "recompute"])
def test_the_z_loss_sees_the_raw_normaliser(mode):
    """It is the one term that is no function of probabilities, so the plain version needs the logits."""
    toy, T = Toy(), 2.0
    h, W, b = toy.leaves()
    loss = (torch.logsumexp(((h @ W.T + b) * 0.7)[:, :V] / T, -1) ** 2 * toy.w).sum()
    loss.backward()
    terms = [Objective(ZLoss(), temperature=T)]
    assert close(toy.run(terms, chunk=10, mode=mode), (loss.detach(), h.grad, W.grad, b.grad))


def test_it_reads_forward_only():
    toy = Toy()
    got = head_read(
        toy.h, Head(toy.W, toy.b, vocab=V), toy.y, temperatures=(1.0, 2.0), top_k=5, mass=0.9, entropy=True, chunk=8
    )
    z = (toy.h @ toy.W.T + toy.b)[:, :V]
    logp = torch.log_softmax(z, -1)
    assert torch.allclose(got.label_logp, logp.gather(-1, toy.y[:, None])[:, 0])
    assert torch.allclose(got.lse[2.0], torch.logsumexp(z / 2, -1))
    assert torch.allclose(got.entropy, -(logp.exp() * logp).sum(-1))
    assert torch.equal(got.ids.long(), z.topk(5, -1).indices)
    held = logp.exp().sort(-1, descending=True).values.cumsum(-1)
    assert torch.equal(got.count.long(), ((held < 0.9).sum(-1) + 1).clamp(max=5))


def test_it_says_why_it_chose_the_chunk():
    chunk, why = choose_chunk(5000, 151936, "cpu", 256 * 2**20)
    assert chunk == 256 * 2**20 // (151936 * 24)
    assert f"{chunk} rows x 151936" in why and "256 MiB" in why
    assert choose_chunk(5000, 4096)[0] == 512  # 8 MiB a copy
    assert choose_chunk(5000, 151936)[0] == 147  # six copies in 512 MiB
    assert choose_chunk(5000, 151936, copies=3)[0] == 256
    assert choose_chunk(7, 100)[0] == 16


ALL = [Objective(part(), part.Options(**kw), 2.0, True) for part, _, kw in CASES]


@pytest.mark.parametrize("chunk", [1, 5, 96, 1000])
def test_it_does_not_depend_on_the_chunk(chunk):
    assert close(Toy().run(ALL, chunk=chunk), Toy().run(ALL, chunk=7))


@pytest.mark.parametrize("rows", [1, 4, 9])
def test_it_does_not_depend_on_the_rows_that_stay_in_the_cache(monkeypatch, rows):
    whole = Toy().run(ALL, chunk=30)
    monkeypatch.setattr(head_chunk, "CACHED", rows * V)
    assert [b.stop - b.start for b in head_chunk.blocks(10, V, torch.device("cpu"), True)][0] == rows
    assert close(whole, Toy().run(ALL, chunk=30))


@pytest.mark.parametrize("i", range(len(CASES)))
def test_the_closed_form_equals_autograd_in_single_precision(i):
    toy = Toy()
    for name in ("h", "W", "b", "ht", "Wt", "w"):
        setattr(toy, name, getattr(toy, name).float())
    fused, recomputed = (toy.run(ALL[i : i + 1], chunk=10, mode=mode) for mode in ("fused", "recompute"))
    for a, b in zip(fused, recomputed, strict=True):
        assert torch.allclose(a, b, rtol=1e-5, atol=1e-6)


def test_it_does_not_depend_on_the_order_of_rows():
    toy, shuffled, order = Toy(), Toy(), torch.randperm(N)
    for name in ("h", "ht", "y", "w"):
        setattr(shuffled, name, getattr(shuffled, name)[order])
    loss, h, W, b = toy.run(ALL, chunk=10)
    loss2, h2, W2, b2 = shuffled.run(ALL, chunk=10)
    assert close((loss, h[order], W, b), (loss2, h2, W2, b2))


def test_adding_a_constant_to_the_logits_changes_nothing():
    toy, moved = Toy(), Toy()
    moved.b = moved.b + 7.0
    assert close(toy.run(ALL), moved.run(ALL), 1e-9)


def test_dead_rows_of_the_head_change_nothing():
    """Qwen's 151,936 rows and 152,064 rows of the same tokenizer: both are cut to the shared ids before the softmax."""
    toy, padded = Toy(), Toy()
    padded.W = torch.cat([padded.W, torch.full((9, H), 3.0, dtype=torch.float64)])
    padded.b = torch.cat([padded.b, torch.full((9,), 50.0, dtype=torch.float64)])
    loss, h, W, b = padded.run(ALL)
    assert W[V:].abs().max() == 0
    assert close(toy.run(ALL), (loss, h, W[: V + 3], b[: V + 3]))


def test_micro_batches_add_up_exactly():
    toy, terms = Toy(), [ALL[0], ALL[3]]
    h, W, b = toy.leaves()
    for rows in torch.arange(N).split(10):
        teacher = DenseTeacher(toy.ht[rows], Head(toy.Wt))
        weights = [toy.w[rows]] * 2
        head_pass(h[rows], Head(W, b, 0.7, None, V), terms, weights, toy.y[rows], teacher=teacher).loss.backward()
    assert close(toy.run(terms)[1:], (h.grad, W.grad, b.grad), 1e-12)


def test_a_frozen_head_gets_no_gradient():
    toy = Toy()
    h = toy.h.clone().requires_grad_()
    out = head_pass(h, Head(toy.W, vocab=V), ALL[:1], [toy.w], toy.y)
    out.loss.backward()
    assert h.grad is not None and toy.W.grad is None


def test_it_makes_no_gradient_when_nobody_asks():
    toy = Toy()
    with torch.no_grad():
        out = head_pass(toy.h.clone().requires_grad_(), Head(toy.W, vocab=V), ALL[:1], [toy.w], toy.y)
    assert not out.loss.requires_grad
    assert torch.isclose(
        out.loss, head_pass(toy.h, Head(toy.W, vocab=V), ALL[:1], [toy.w], toy.y, mode="recompute").loss
    )


def test_upstream_gradient_scales_the_result():
    toy, grads = Toy(), []
    for factor in (1.0, 3.0):
        h = toy.h.clone().requires_grad_()
        (head_pass(h, Head(toy.W, vocab=V), ALL[:1], [toy.w], toy.y).loss * factor).backward()
        grads.append(h.grad)
    assert torch.allclose(grads[0] * 3, grads[1])


def test_rows_of_weight_zero_take_no_part():
    toy, cut = Toy(), Toy()
    toy.w[5:] = 0
    for name in ("h", "ht", "y", "w"):
        setattr(cut, name, getattr(cut, name)[:5])
    loss, h, *_ = toy.run(ALL)
    assert torch.isclose(loss, cut.run(ALL)[0])
    assert h[5:].abs().max() == 0


def test_an_empty_batch_has_loss_zero():
    h = torch.zeros(0, H, requires_grad=True)
    out = head_pass(h, Head(torch.randn(V, H)), ALL[:1], [torch.zeros(0)], torch.zeros(0, dtype=torch.long))
    out.loss.backward()
    assert out.loss == 0 and h.grad.shape == (0, H)


def test_tokens_mode_gives_rows_whose_weights_may_depend_on_each_other():
    """A pairwise preference: the weight of a row depends on all other rows."""
    toy, grads = Toy(), []
    for dense in (False, True):
        h = toy.h.clone().requires_grad_()
        if dense:
            logq = torch.log_softmax((h @ toy.W.T)[:, :V], -1).gather(-1, toy.y[:, None])[:, 0]
        else:
            logq = -head_pass(
                h, Head(toy.W, vocab=V), [Objective(CrossEntropy())], [], toy.y, mode="tokens", chunk=10
            ).rows[0]
        (-torch.nn.functional.logsigmoid(0.1 * (logq[:20].sum() - logq[20:].sum()))).backward()
        grads.append(h.grad)
    assert torch.allclose(*grads, atol=1e-12)


def test_a_teacher_with_too_small_a_head_is_refused():
    toy = Toy()
    teacher = DenseTeacher(toy.ht, Head(toy.Wt[: V - 1]))
    with pytest.raises(ValueError, match="has 49 rows, the shared vocabulary 50"):
        head_pass(toy.h, Head(toy.W, vocab=V), ALL[1:2], [toy.w], toy.y, teacher=teacher)


def test_half_precision_heads_work_in_float32():
    toy = Toy()
    h, W = toy.h.bfloat16().requires_grad_(), toy.W.bfloat16().requires_grad_()
    out = head_pass(h, Head(W, vocab=V), [Objective(CrossEntropy())], [toy.w], toy.y, chunk=10)
    out.loss.backward()
    assert out.loss.dtype == torch.float32 and h.grad.dtype == W.grad.dtype == torch.bfloat16
    z = (h.detach() @ W.detach().T)[:, :V].float()
    assert torch.isclose(
        out.loss, (torch.nn.functional.cross_entropy(z, toy.y, reduction="none") * toy.w.float()).sum()
    )


class TestWrongVersionsAreCaught:
    """Mistakes other engines ship; the comparison with the plain version must see each of them."""

    def test_t_squared_in_the_value_only(self):
        class ValueOnly(ForwardKL):
            def slope(self, view, T, options):
                slope = super().slope(view, T, options)
                slope.value = slope.value * T * T
                return slope

        wrong = Toy().run([Objective(ValueOnly(), temperature=2.0)])
        right = Toy().dense(plain.forward_kl, {}, 2.0, 4.0, None)
        assert torch.isclose(wrong[0], right[0])
        assert not close(wrong[1:], right[1:], 1e-4)

    def test_vocabulary_padded_with_logit_zero(self):
        toy, term = Toy(), Objective(ForwardKL())
        right = toy.run([term])
        h, W, b = toy.leaves()
        W0, b0 = torch.cat([W[:V], W.new_zeros(9, H)]), torch.cat([b[:V], b.new_zeros(9)])
        wt = torch.cat([toy.Wt[:V], toy.Wt.new_zeros(9, HT)])
        teacher = DenseTeacher(toy.ht, Head(wt))
        loss = head_pass(h, Head(W0, b0, 0.7, None, V + 9), [term], [toy.w], toy.y, teacher=teacher).loss
        loss.backward()
        assert not close((loss.detach(), h.grad), right[:2], 1e-4)

    def test_a_checkpoint_that_binds_late(self):
        """The recompute runs after the loop: rows bound by name would all be the last chunk's."""
        toy = Toy()
        h = toy.h.clone().requires_grad_()
        total = torch.zeros((), dtype=torch.float64)
        for rows in torch.arange(30).split(10):
            f = lambda: torch.nn.functional.cross_entropy((h[rows] @ toy.W.T)[:, :V], toy.y[rows], reduction="sum")  # noqa: B023, E731
            total = total + torch.utils.checkpoint.checkpoint(f, use_reentrant=False)
        total.backward()
        ours = toy.h.clone().requires_grad_()
        w = (torch.arange(N) < 30).double()
        out = head_pass(ours, Head(toy.W, vocab=V), [Objective(CrossEntropy())], [w], toy.y, chunk=10, mode="recompute")
        out.loss.backward()
        assert torch.isclose(out.loss, total)
        assert not torch.allclose(ours.grad, h.grad, atol=1e-3)
        assert close((ours.grad,), (toy.ce_gradient(w),))

    def test_micro_batch_means_are_not_the_mean(self):
        toy, term = Toy(), Objective(CrossEntropy())
        h = toy.h.clone().requires_grad_()
        for rows in (slice(0, 3), slice(3, N)):
            n = toy.y[rows].numel()
            weights = torch.full((n,), 0.5 / n, dtype=torch.float64)
            head_pass(h[rows], Head(toy.W, vocab=V), [term], [weights], toy.y[rows]).loss.backward()
        grads = toy.ce_gradient(torch.full((N,), 1 / N, dtype=torch.float64))
        assert not torch.allclose(h.grad, grads, atol=1e-3)


class Largest(TorchDispatchMode):
    """Remembers the most numbers any result of an operation held."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for x in out if isinstance(out, (tuple, list)) else [out]:
            if isinstance(x, Tensor):
                self.numbers = max(self.numbers, x.numel())
        return out


@pytest.mark.parametrize("mode", ["fused", "recompute"])
def test_no_tensor_is_ever_positions_by_vocabulary(mode):
    vocab, n, chunk = 3000, 400, 16
    h, W = torch.randn(n, H, requires_grad=True), torch.randn(vocab, H)
    teacher = DenseTeacher(torch.randn(n, HT), Head(torch.randn(vocab, HT)))
    weights = [torch.full((n,), 1 / n)] * len(ALL)
    with Largest() as seen:
        head_pass(
            h, Head(W), ALL, weights, torch.zeros(n, dtype=torch.long), teacher=teacher, chunk=chunk, mode=mode
        ).loss.backward()
        head_read(h, Head(W), top_k=4, entropy=True, chunk=chunk)
    assert chunk * vocab <= seen.numbers <= max(chunk, H, HT) * vocab


def bell(divergence: type) -> tuple[float, float]:
    """Mean and width of the bell curve over 41 tokens that is closest to a teacher with peaks at -1 and +1.

    Its logits -(v - m)^2 / 2 s^2 are linear in (v^2, v): a head of width 2, so the real pass does the fitting.
    """
    v = torch.linspace(-2, 2, 41, dtype=torch.float64)
    teacher = (0.6 * torch.exp(-((v - 1) ** 2) / 0.02) + 0.4 * torch.exp(-((v + 1) ** 2) / 0.02) + 1e-6).log()
    head, target = (
        Head(torch.stack([v**2, v], -1)),
        DenseTeacher(teacher[None], Head(torch.eye(41, dtype=torch.float64))),
    )
    mean, log_width = (torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in (0.3, -0.5))
    optimizer = torch.optim.Adam([mean, log_width], lr=0.02)
    for _ in range(400):
        optimizer.zero_grad()
        precision = torch.exp(-2 * log_width)
        hidden = torch.stack([-precision / 2, mean * precision])[None]
        head_pass(hidden, head, [Objective(divergence())], [torch.ones(1).double()], teacher=target).loss.backward()
        optimizer.step()
    return mean.item(), log_width.exp().item()


def test_forward_kl_covers_both_peaks_and_reverse_kl_picks_one():
    covering, picking = bell(ForwardKL), bell(ReverseKL)
    assert abs(covering[0]) < 0.4 and covering[1] > 0.8
    assert picking[0] == pytest.approx(1.0, abs=0.05) and picking[1] < 0.2
