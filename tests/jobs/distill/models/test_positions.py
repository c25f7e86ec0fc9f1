"""config.json with stretched positions: what stock transformers makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from jobs.distill.errors import PlanRefused
from jobs.distill.models.positions import scaling_of, stretched, window
from jobs.distill.recipe import Context
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny

CPU = torch.device("cpu")
OLD = {"model_type": "llama", "max_position_embeddings": 128, "rope_theta": 10000.0, "rope_scaling": None}
NEW = {
    "model_type": "llama",
    "max_position_embeddings": 128,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e4},
}


@pytest.mark.parametrize("raw", [OLD, NEW, {"model_type": "llama", "max_position_embeddings": 128}])
@pytest.mark.parametrize("scaling", ["none", "linear", "dynamic", "yarn"])
def test_transformers_reads_what_is_asked_for(raw: dict, scaling: str) -> None:
    """Written as the file had it, in the form of transformers 4 or 5."""
    context = Context(times=4, theta=2e6, scaling=scaling)
    made = stretched(raw, context)
    assert raw["max_position_embeddings"] == 128, "the given config is not touched"
    config = AutoConfig.for_model(**made)
    assert config.rope_parameters["rope_theta"] == 2e6
    assert config.max_position_embeddings == (128 if scaling == "dynamic" else 512)
    assert config.rope_parameters["rope_type"] == ("default" if scaling == "none" else scaling)
    if scaling != "none":
        assert config.rope_parameters["factor"] == 4 and scaling_of(made) == scaling
    if scaling == "yarn":
        assert config.rope_parameters["original_max_position_embeddings"] == 128
    assert window(context, 128) == 512


@pytest.mark.parametrize("scaling", ["none", "linear", "dynamic", "yarn"])
def test_our_model_and_the_one_of_the_written_config_agree(tmp_path: Path, scaling: str) -> None:
    """On rows longer than the base's window, in any order: dynamic scaling remembers nothing of the row before."""
    torch.set_num_threads(1)
    folder, context = tiny.model(tmp_path / "m", 2), Context(times=3, theta=5e4, scaling=scaling)
    (tmp_path / "base_config.json").write_text(
        json.dumps(stretched(json.loads((folder / "config.json").read_text()), context))
    )
    config = AutoConfig.from_pretrained(tmp_path / "base_config.json")
    ours = load_model(folder, torch.float32, CPU, context=context)
    rows = [torch.randint(5, 260, (1, n), generator=torch.Generator().manual_seed(n)) for n in (300, 20, 200)]
    with torch.no_grad():
        found = [ours(input_ids=row).logits for row in rows]
        for row, logits in zip(rows, found, strict=True):
            fresh = AutoModelForCausalLM.from_pretrained(folder, config=config, dtype=torch.float32)
            torch.testing.assert_close(logits, fresh(input_ids=row).logits)
        plain = load_model(folder, torch.float32, CPU)(input_ids=rows[0]).logits
    assert not torch.allclose(found[0], plain)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ({"model_type": "gpt2", "n_positions": 128}, "CONTEXT_FAMILY"),
        ({"model_type": "gemma3_text", "max_position_embeddings": 128}, "CONTEXT_FAMILY"),
        ({**NEW, "rope_parameters": {"rope_type": "llama3", "factor": 8.0}}, "CONTEXT_SCALED"),
        ({**OLD, "rope_scaling": {"type": "linear", "factor": 2.0}}, "CONTEXT_SCALED"),
    ],
)
def test_positions_of_another_kind_are_refused(raw: dict, code: str) -> None:
    with pytest.raises(PlanRefused) as e:
        stretched(raw, Context(times=2, scaling="linear"))
    assert e.value.code == code


def test_a_scaled_model_keeps_its_scaling_under_another_base() -> None:
    raw = {**NEW, "rope_parameters": {"rope_type": "llama3", "factor": 8.0, "rope_theta": 5e5}}
    made = stretched(raw, Context(times=2, theta=2e7))
    assert made["rope_parameters"] == {"rope_type": "llama3", "factor": 8.0, "rope_theta": 2e7}
    assert made["max_position_embeddings"] == 256
