"""modules_to_save holds embeddings and norms; group shift equals a reference mask; dense attention at inference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from jobs.distill.students import shifted
from tests.jobs.distill.students.small import adapted, logits, reloaded
from tests.jobs.distill.students.test_shifted import reference

from .adapting import run, train

WHOLE = ["embeddings", "norms"]


def test_the_model_computes_what_the_reference_mask_says() -> None:
    """Through a whole model: the groups' result is that of dense attention under the mask written out, head by head."""
    model = adapted(whole=WHOLE, shift=4)
    ids = torch.randint(0, 64, (2, 11), generator=torch.Generator().manual_seed(1))
    with shifted.shifted(model, 4):
        ours = model(input_ids=ids).logits
    mask = torch.zeros(1, 2, 11, 11).masked_fill(~reference(11, 2, 4), torch.finfo(torch.float32).min)
    model.get_base_model().config._attn_implementation = "eager"
    torch.testing.assert_close(ours, model(input_ids=ids, attention_mask=mask).logits, rtol=1e-4, atol=1e-4)


def test_embeddings_and_norms_learn_and_reload_with_plain_peft(tmp_path: Path) -> None:
    model = adapted(whole=WHOLE)
    before = logits(model)
    losses = train(model, 4)
    assert losses[-1] < losses[0] and not torch.equal(before, logits(model))
    torch.testing.assert_close(logits(model), logits(reloaded(model, tmp_path / "a")), rtol=1e-5, atol=1e-5)


def test_the_system_trains_in_groups_and_answers_densely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[bool] = []
    plain = shifted._grouped

    def counted(*args: object) -> torch.Tensor:
        calls.append(torch.is_grad_enabled())
        return plain(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(shifted, "_grouped", counted)
    report = run(tmp_path, "longlora", group=8)
    assert len(calls) >= 3 * 2 * 2 and all(calls), "in every layer of every training step, and never where it answers"
    folder = tmp_path / "run" / "adapter"
    config = json.loads((folder / "adapter_config.json").read_text())
    assert {"embed_tokens", "input_layernorm", "post_attention_layernorm", "norm"} <= set(config["modules_to_save"])
    saved = load_file(folder / "adapter_model.safetensors")
    assert any("embed_tokens" in n for n in saved) and sum("layernorm" in n for n in saved) == 4
    assert report["scores"]["student"]["value"] >= 0
