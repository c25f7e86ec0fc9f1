"""Each term between two tokenizers against a slow plain version on dense logits, and what ties it to the others."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from jobs.distill.catalog import PARTS
from jobs.distill.errors import PlanRefused
from jobs.distill.objectives.aligned.alm import binary_cross_entropy, binary_kl
from jobs.distill.objectives.aligned.batch import AlignedChunk
from jobs.distill.objectives.aligned.hybrid import HybridOptions, hybrid
from jobs.distill.objectives.aligned.side import chunk_in
from jobs.distill.objectives.aligned.uld import sorted_l1
from tests.jobs.distill.objectives.aligned.pair import Pair, pair

torch.set_num_threads(1)
IDS = ["alm", "uld", "hybrid-logit", "mined", "dskd", "dskd-cma"]


@pytest.fixture(scope="module")
def two(tmp_path_factory) -> Pair:
    return pair(tmp=tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def same(tmp_path_factory) -> Pair:
    return pair(True, tmp_path_factory.mktemp("same"))


def spans_of(two: Pair):
    """(row, student positions, teacher positions) of every span, found the slow way."""
    batch = two.batch()
    for c in range(len(batch.span_rows)):
        yield (
            int(batch.span_rows[c]),
            (batch.student_spans == c).nonzero()[:, 0].tolist(),
            (batch.teacher_spans == c).nonzero()[:, 0].tolist(),
        )


# likelihood matching


def plain_alm(two: Pair, tau: float, debias: bool = False) -> torch.Tensor:
    micro, batch = two.micro()[0], two.batch()
    z, zt = two.logits()
    q, p = z.log_softmax(-1), zt.log_softmax(-1)
    starts = {
        "s": batch.tables.student.word_starts,
        "t": [i for i in batch.tables.teacher.word_starts if i < zt.shape[1]],
    }
    rows: dict[int, list[torch.Tensor]] = {}
    for row, mine, other in spans_of(two):
        a = sum(p[m, batch.labels[m]] for m in other)
        b = sum(q[n, micro.labels[n]] for n in mine)
        if debias:
            last = max(i for i in range(len(micro.of)) if int(micro.of[i]) == row)
            if mine[-1] < last:
                end = p[other[-1] + 1, starts["t"]].logsumexp(0)
                if end.exp() <= 1e-4:
                    continue
                a, b = a + end, b + q[mine[-1] + 1, starts["s"]].logsumexp(0)
        a, b = (a / tau).exp(), (b / tau).exp()
        rows.setdefault(row, []).append(F.binary_cross_entropy(b, a) - F.binary_cross_entropy(a, a))
    return torch.stack([torch.stack(r).mean() for r in rows.values()]).mean()


@pytest.mark.parametrize("tau,debias", [(100.0, False), (1.0, False), (1.0, True)])
def test_alm_is_its_plain_version(two, tau, debias):
    assert two.loss("alm", tau=tau, debias=debias).item() == pytest.approx(plain_alm(two, tau, debias).item(), rel=2e-4)


def test_alm_is_the_binary_cross_entropy_of_likelihoods():
    a, b = torch.tensor([-0.3, -2.0, -1e-3], dtype=torch.float64), torch.tensor([-0.1, -5.0, -0.7], dtype=torch.float64)
    wanted = F.binary_cross_entropy(b.exp(), a.exp(), reduction="none")
    torch.testing.assert_close(binary_cross_entropy(a, b), wanted)
    assert binary_kl(a, a).abs().max() == 0


def test_alm_for_large_tau_compares_ratios():
    """tau * KL -> (a - b) + a (log(-b) - log(-a)) for log-likelihoods a and b."""
    a, b = torch.tensor(-3.0, dtype=torch.float64), torch.tensor(-5.0, dtype=torch.float64)
    tau = 1e5
    assert (tau * binary_kl(a / tau, b / tau)).item() == pytest.approx(
        ((a - b) + a * ((-b).log() - (-a).log())).item(), abs=1e-4
    )


# universal logit distillation


@pytest.mark.parametrize("match,T", [("span", 1.0), ("place", 2.0)])
def test_uld_is_its_plain_version(two, match, T):
    z, zt = two.logits()
    found = getattr(two.batch(), f"by_{match}").tolist()
    total = 0.0
    for n, m in enumerate(found):
        if m >= 0:
            q, p = sorted((z[n] / T).softmax(-1).tolist())[::-1], sorted((zt[m] / T).softmax(-1).tolist())[::-1]
            q += [0.0] * (len(p) - len(q))
            total += sum(abs(x - y) for x, y in zip(q, p, strict=True))
    assert two.loss("uld", T, match=match).item() == pytest.approx(total / len(found), rel=1e-4)


def test_uld_is_at_most_twice_the_total_variation_on_a_shared_vocabulary(same):
    z, zt = same.logits()
    q, p = z.softmax(-1), zt.softmax(-1)
    assert (sorted_l1(q, p) <= (q - p).abs().sum(-1) + 1e-6).all()
    assert sorted_l1(q, q[:, torch.randperm(q.shape[1])]).abs().max() == 0


def test_positions_without_a_partner_count_nothing(two):
    batch = two.batch()
    places, other = AlignedChunk(batch, slice(2, 7)).matched("span")
    whole = batch.by_span[2:7]
    assert places.tolist() == (whole >= 0).nonzero()[:, 0].tolist() and other.tolist() == whole[whole >= 0].tolist()


# hybrid


def test_hybrid_is_its_plain_version(two):
    micro, batch = two.micro()[0], two.batch()
    z, zt = two.logits()
    q, p = z.softmax(-1).double(), zt.softmax(-1).double()
    ids, partners = (x.tolist() for x in batch.shared())
    w, total = len(ids) / p.shape[1], 0.0
    for _, mine, other in spans_of(two):
        a, b = p[other[0]].clone(), q[mine[0]].clone()
        for m in other[1:]:
            a *= p[m, batch.labels[m]]
        for n in mine[1:]:
            b *= q[n, micro.labels[n]]
        x, y = a[partners], b[ids]
        m = (x + y) / 2
        jsd = 0.5 * (x * (x / m).log()).sum() + 0.5 * (y * (y / m).log()).sum()
        rest_a = [v for i, v in enumerate(a.tolist()) if i not in partners]
        rest_b = [v for i, v in enumerate(b.tolist()) if i not in ids]
        size = max(len(rest_a), len(rest_b))
        padded = [sorted(r + [0.0] * (size - len(r)))[::-1] for r in (rest_a, rest_b)]
        total += w * jsd.item() + (1 - w) * sum(abs(u - v) for u, v in zip(*padded, strict=True))
    assert two.loss("hybrid-logit").item() == pytest.approx(total / len(micro.labels), rel=1e-4)


def test_hybrid_of_equal_distributions_is_zero_and_jsd_alone_where_all_tokens_are_shared(same):
    z, zt = same.logits()
    lq, lp = z.log_softmax(-1), zt.log_softmax(-1)
    options = HybridOptions(by_overlap=False, shared_weight=1.0)
    batch = same.batch()
    assert hybrid(lq, lq, batch, options).abs().max() < 1e-6
    mine, _ = batch.shared()
    p, q = lp[:, mine].exp(), lq[:, mine].exp()
    m = (p + q) / 2
    jsd = 0.5 * (p * (p / m).log() + q * (q / m).log()).sum(-1)
    torch.testing.assert_close(hybrid(lp, lq, batch, options), jsd, rtol=1e-4, atol=1e-6)


# minimum edit distance


def test_mined_is_its_plain_version(two):
    micro, batch = two.micro()[0], two.batch()
    z, zt = two.logits()
    q, p, near = z.log_softmax(-1), zt.softmax(-1), batch.nearest().tolist()
    total = 0.0
    for n, m in enumerate(batch.by_warping.tolist()):
        if m < 0:
            total -= q[n, micro.labels[n]].item()
            continue
        carried = torch.zeros(261)
        for u, v in enumerate(near):
            if v >= 0:
                carried[v] += p[m, u]
        carried /= carried.sum()
        total += sum(c * (c.log() - q[n, v]) for v, c in enumerate(carried) if c > 0).item()
    assert two.loss("mined").item() == pytest.approx(total / len(micro.labels), rel=1e-4)
    assert (batch.by_warping >= 0).any() and (batch.by_warping < 0).any()


def test_mined_with_one_tokenizer_is_forward_kl(same):
    z, zt = same.logits()
    kl = F.kl_div(z.log_softmax(-1), zt.log_softmax(-1), log_target=True, reduction="none").sum(-1)
    # control tokens without a partner of their own are left out of the teacher's distribution
    batch = same.batch()
    known = batch.nearest() >= 0
    p = zt.softmax(-1) * known
    p = p / p.sum(-1, keepdim=True)
    wanted = (torch.xlogy(p, p) - p * z.log_softmax(-1)).sum(-1)
    assert (batch.by_warping >= 0).all() and wanted.shape == kl.shape
    assert same.loss("mined").item() == pytest.approx(wanted.mean().item(), rel=1e-4)


# dual space


def dense_kl(p: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    return (p.exp() * (p - q)).sum(-1)


def test_dskd_is_its_plain_version(two):
    losses = two.losses("dskd", 2.0)
    micro, batch = two.micro()[0], two.batch()
    z, zt = two.logits()
    module = losses.modules["0"]
    states = two.student.base_model(input_ids=micro.input_ids).last_hidden_state.flatten(0, 1)[micro.places]
    at = (batch.by_span >= 0).nonzero()[:, 0]
    other, y = batch.by_span[at], micro.labels[at]
    t2s = (module["t2s"](batch.hidden[other]) @ two.student.lm_head.weight.T)[:, :261]
    s2t = (module["s2t"](states[at]) @ two.teacher.lm_head.weight.T)[:, : zt.shape[1]]
    right = (t2s.argmax(-1) == y).float()
    each = F.cross_entropy(t2s, y, reduction="none")
    each = each + right * dense_kl((t2s / 2).log_softmax(-1), (z[at] / 2).log_softmax(-1))
    each = each + dense_kl((zt[other] / 2).log_softmax(-1), (s2t / 2).log_softmax(-1))
    loss = losses.of(*two.micro(), losses.terms, 0, None)[0]
    assert loss.item() == pytest.approx((each.sum() / len(micro.labels)).item(), rel=1e-4)


def test_cross_model_attention_is_its_plain_version(two):
    losses = two.losses("dskd-cma")
    micro, batch = two.micro()[0], two.batch()
    z, zt = two.logits()
    module, total = losses.modules["0"], 0.0
    states = two.student.base_model(input_ids=micro.input_ids).last_hidden_state.flatten(0, 1)[micro.places]
    words, other_words = two.student.get_input_embeddings().weight, two.teacher.get_input_embeddings().weight
    read = micro.input_ids.flatten()[micro.places]
    for row, a in enumerate(batch.aligned):
        n, m = (micro.of == row).nonzero()[:, 0], (batch.of == row).nonzero()[:, 0]
        before = torch.tensor(a.ids[a.start - 1 : -1].astype("int64"))
        target = other_words[batch.labels[m]]
        key = torch.cat([other_words[before], target], -1)
        key = key / key.std(unbiased=False)
        query = module["query"](torch.cat([words[read[n]], words[micro.labels[n]]], -1))
        align = query @ key.T / (2 * 48) ** 0.5
        hidden = batch.hidden[m]
        carried = module["t2s"](hidden / hidden.std(unbiased=False) + target / target.std(unbiased=False))
        t2s = (align.softmax(-1) @ carried @ two.student.lm_head.weight.T)[:, :261]
        s2t = (align.T.softmax(-1) @ module["s2t"](states[n]) @ two.teacher.lm_head.weight.T)[:, : zt.shape[1]]
        right = (t2s.argmax(-1) == micro.labels[n]).float()
        total = total + F.cross_entropy(t2s, micro.labels[n], reduction="sum")
        total = total + (right * dense_kl(t2s.log_softmax(-1), z[n].log_softmax(-1))).sum()
        total = total + dense_kl(zt[m].log_softmax(-1), s2t.log_softmax(-1)).sum()
    loss = losses.of(*two.micro(), losses.terms, 0, None)[0]
    assert loss.item() == pytest.approx((total / len(micro.labels)).item(), rel=1e-4)


@pytest.mark.parametrize("id", ["dskd", "dskd-cma"])
def test_output_layers_and_teacher_are_held_while_projectors_and_student_learn(two, id):
    losses = two.losses(id)
    heads = two.student.lm_head.weight, two.teacher.lm_head.weight
    for p in (*two.student.parameters(), *two.teacher.parameters()):
        p.requires_grad_(p is not heads[0])  # tied to the embeddings: what is left is the path through the states
    losses.of(*two.micro(), losses.terms, 0, None)[0].backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in losses.modules.parameters())
    assert two.student.base_model.layers[0].mlp.up_proj.weight.grad.abs().sum() > 0
    assert all(p.grad is None for p in two.teacher.parameters())
    two.student.zero_grad(set_to_none=True)
    two.student.requires_grad_(True)


# all of them


@pytest.mark.parametrize("id", IDS)
def test_the_cut_into_micro_batches_changes_nothing(two, id):
    from jobs.distill.batches import Limits, micro_batches

    losses = two.losses(id)
    whole = losses.of(*two.micro(), losses.terms, 0, None)[0]
    cut = micro_batches(two.examples, range(3), Limits(1))
    parts = [losses.of(m, [two.examples[i] for i in m.which], losses.terms, 0, None)[0] for m in cut]
    assert len(parts) == 3 and sum(parts).item() == pytest.approx(whole.item(), rel=1e-5)


@pytest.mark.parametrize("id", IDS)
def test_its_gradient_is_its_slope(two, id):
    """Central difference of the loss along the gradient of one layer."""
    losses = two.losses(id)
    weight = two.student.base_model.layers[1].mlp.down_proj.weight
    loss = losses.of(*two.micro(), losses.terms, 0, None)[0]
    (g,) = torch.autograd.grad(loss, weight)
    step = 3e-3 * g / g.norm()

    def at(sign: float) -> float:
        with torch.no_grad():
            weight.add_(sign * step)
            value = losses.of(*two.micro(), losses.terms, 0, None)[0].item()
            weight.sub_(sign * step)
        return value

    assert (at(1) - at(-1)) / 2 == pytest.approx(3e-3 * g.norm().item(), rel=0.05)


def test_a_teacher_that_reads_the_student_s_tokens_is_refused():
    with pytest.raises(PlanRefused, match="reads its own tokens"):
        chunk_in(None)
    assert all("same_vocabulary" not in PARTS[id].needs for id in IDS)
