"""Noise bound equals alpha/sqrt(L*d); no noise in eval mode; works with PEFT-wrapped embeddings."""

import torch
from peft import LoraConfig, get_peft_model

from jobs.distill.recipe.adapter import Noise
from jobs.distill.students.noise import draw, noisy
from tests.jobs.distill.students.small import base, logits

from .adapting import run

NOISE = Noise(kind="uniform", alpha=5)


def test_the_noise_is_bounded_by_alpha_over_root_of_tokens_times_width():
    made = draw(NOISE, torch.Size([2, 400, 32]), [400, 100], seed=1).abs().amax((1, 2))
    bounds = torch.tensor([5 / (400 * 32) ** 0.5, 5 / (100 * 32) ** 0.5])
    assert bool((made <= bounds).all()) and torch.allclose(made, bounds, rtol=1e-2)


def test_it_reaches_wrapped_embeddings_is_repeatable_and_ends_with_the_block():
    model = get_peft_model(base(), LoraConfig(r=2, target_modules=["embed_tokens", "q_proj"])).eval()
    quiet = logits(model)
    seen = []
    for seed in (1, 1, 2):
        with noisy(model, NOISE, [8, 8], seed, 1):
            seen.append(logits(model))
    assert torch.equal(seen[0], seen[1]) and not torch.equal(seen[0], seen[2]) and not torch.equal(seen[0], quiet)
    assert torch.equal(logits(model), quiet)


def test_the_system_trains(tmp_path):
    report = run(tmp_path, "neftune", noise=5)
    assert report["scores"]["student"]["value"] >= 0
