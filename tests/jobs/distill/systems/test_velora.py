"""Peak activation memory falls as computed; loss curve within 2% of plain LoRA on toy."""

import torch

from tests.jobs.distill.students.small import IDS, adapted

from .adapting import loss, run, train


def kept_bytes(model):
    """Bytes that the backward holds, each storage once, parameters apart."""
    weights = {p.untyped_storage().data_ptr() for p in model.parameters()}
    held = {}

    def pack(t):
        if t.untyped_storage().data_ptr() not in weights:
            held[t.untyped_storage().data_ptr()] = t
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        loss(model)
    return sum(t.untyped_storage().nbytes() for t in held.values())


def test_what_is_kept_falls_by_inputs_minus_sub_tokens():
    targets, tokens, groups = ["down_proj"], IDS.numel(), 8  # nothing else keeps what goes into it
    plain, small = adapted(targets=targets), adapted(targets=targets, velora={"groups": groups})
    for model in (plain, small):
        train(model, 1)
    fell = kept_bytes(plain) - kept_bytes(small)
    layers, width = 2, 64
    vector = (width // groups) * 4  # the projection itself
    assert fell == layers * (tokens * (width - groups) * 4 - vector)


def test_the_curve_stays_within_two_percent_of_plain_lora():
    plain, close = train(adapted(), 12), train(adapted(velora={"groups": 32}), 12)
    assert all(abs(a - b) <= 0.02 * a for a, b in zip(plain, close, strict=True))
    assert close[-1] < close[0]


def test_the_system_trains(tmp_path):
    assert run(tmp_path, "velora", groups=8)["scores"]["student"]["value"] >= 0
