"""Three domain adapters merge into one exported adapter; merged score >= 95% of each specialist on toy domains."""

from __future__ import annotations

from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

from jobs.distill.merging.adapters import merge_adapters
from jobs.distill.merging.variation import Variation
from tests.jobs.distill.systems import merging


def test_specialists_of_three_domains_keep_their_scores_in_the_merge() -> None:
    """Each domain asks for other inputs; a specialist learnt its own part of a linear map, the merge all three."""
    torch.manual_seed(0)
    truth, parents = torch.randn(8, 6), []
    for k in range(3):
        a = torch.zeros(2, 6)
        a[0, 2 * k] = a[1, 2 * k + 1] = 1
        parents.append(
            {
                f"layers.{n}.q": (a, truth[:, 2 * k : 2 * k + 2].clone() if n == k else torch.zeros(8, 2))
                for n in range(3)
            }
        )
    merged = merging.updates(merge_adapters(parents, Variation(), lambda _: [], None).factors)
    for k in range(3):
        x = torch.zeros(50, 6)
        x[:, 2 * k : 2 * k + 2] = torch.randn(50, 2)
        wanted = (x @ truth.T).argmax(-1)
        said = (x.double() @ merged[f"layers.{k}.q"].T).argmax(-1)
        assert float((said == wanted).float().mean()) >= 0.95


def test_its_three_branches_become_one_adapter_for_plain_peft(tmp_path: Path) -> None:
    folder = merging.run(tmp_path / "run", "branch-merge", merge="linear")
    experts = [merging.updates(merging.stage(folder, f"{i:02d}-student")) for i in (2, 3, 4)]
    wanted = {n: sum(e[n] for e in experts) / 3 for n in experts[0]}
    config, got = merging.exported(folder)
    merging.close(got, wanted)  # type: ignore[arg-type]
    assert config["r"] == 12 and config["lora_alpha"] / config["r"] == 2  # three times rank 4, the same scale
    base = AutoModelForCausalLM.from_pretrained(tmp_path / "student")
    ids = torch.arange(6, 14)[None]
    before = base(ids).logits
    loaded = PeftModel.from_pretrained(base, folder / "adapter")
    assert (loaded(ids).logits - before).abs().max() > 1e-3
    one = loaded.base_model.model.model.layers[0].self_attn.q_proj
    name = next(n for n in wanted if "layers.0.self_attn.q_proj" in n)
    torch.testing.assert_close(one.get_delta_weight("default").double(), wanted[name] * 2, atol=1e-5, rtol=1e-4)
