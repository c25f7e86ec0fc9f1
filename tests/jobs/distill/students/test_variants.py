"""What is folded at export: equal in plain peft to the last digit that matters, and it merges there."""

import pytest
import torch
from pydantic import ValidationError

from jobs.distill.recipe import Adapter

from .small import adapted, logits, reloaded


@torch.no_grad()
def shaken(model):
    torch.manual_seed(4)
    for p in model.parameters():
        if p.requires_grad:
            p.add_(torch.randn_like(p) * 0.02)
    return model


@pytest.mark.parametrize("given", [{"mixer": True}, {"start": "pissa"}, {"mixer": True, "rslora": True}])
def test_the_folded_adapter_is_the_same_function_and_merges(given, tmp_path):
    model = shaken(adapted(**given))
    plain = reloaded(model, tmp_path)
    assert float((logits(plain) - logits(model)).abs().max()) < 1e-5
    assert float((logits(plain.merge_and_unload()) - logits(model)).abs().max()) < 1e-5


def test_a_first_product_that_is_not_zero_doubles_the_saved_rank_and_a_mixer_does_not(tmp_path):
    ranks = [reloaded(adapted(**g), tmp_path).peft_config["default"].r for g in ({"start": "olora"}, {"mixer": True})]
    assert ranks == [8, 4]


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"type": "loha", "dora": True}, "only for adapters of type lora"),
        ({"mixer": True, "dora": True}, "cannot be used together"),
        ({"type": "oft", "options": {"block": 3}}, "oft_block_size"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(given, word):
    with pytest.raises(ValidationError, match=word):
        Adapter(**given)
