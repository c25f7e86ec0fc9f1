import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.distill.errors import ModelRejected
from jobs.distill.models.families import FAMILIES
from jobs.distill.models.inspect import inspect_model
from tests.jobs.distill.labelling import small

ALL = sorted(name for name, f in FAMILIES.items() if f.kind != "encoder")  # those that write


@pytest.mark.parametrize("model_type", ALL)
def test_it_agrees_with_the_model_that_transformers_makes(family, model_type):
    import torch
    from peft.tuners.tuners_utils import BaseTuner  # noqa: F401  peft's idea of a linear layer
    from transformers.pytorch_utils import Conv1D

    from jobs.distill.weights import load_model

    facts, model = inspect_model(family(model_type)), load_model(family(model_type), torch.float32, torch.device("cpu"))
    linears = {}
    for name, m in model.named_modules():
        if isinstance(m, torch.nn.Linear | Conv1D) and not name.endswith("lm_head"):
            inputs, outputs = m.weight.shape if isinstance(m, Conv1D) else m.weight.shape[::-1]
            key = (name.rsplit(".", 1)[-1], inputs, outputs)
            linears[key] = linears.get(key, 0) + 1
    assert {(f.name, f.inputs, f.outputs): f.count for f in facts.linears} == linears
    assert facts.parameters == sum(p.numel() for p in model.parameters())
    assert facts.hidden_size == model.config.hidden_size == 32
    assert (facts.layers, facts.heads, facts.context, facts.vocab_rows) == (2, 4, 128, 320)
    assert facts.tied == (model.get_output_embeddings().weight is model.get_input_embeddings().weight)
    assert type(model).__name__ == facts.architecture


@pytest.mark.parametrize("model_type", ALL)
def test_it_reads_tokenizer_and_licence(family, model_type):
    facts = inspect_model(family(model_type))
    assert facts.tokenizer.eos_ids == [1] and facts.tokenizer.pad_id == 0
    assert facts.tokenizer.vocab_size < facts.vocab_rows
    assert facts.tokenizer.template_sha256
    assert facts.licence == "apache-2.0"
    assert facts.tokenizer.special["<|user|>"] == 2


def test_it_hashes_the_model_and_not_its_place_or_readme(family, tiny):
    before = inspect_model(family("llama")).sha256
    (tiny / "README.md").write_text("changed")
    assert inspect_model(tiny).sha256 == before
    (tiny / "generation_config.json").write_text("{}")
    assert inspect_model(tiny).sha256 != before


def test_it_never_loads_torch_or_transformers(family):
    code = (
        "import sys; from pathlib import Path; from jobs.distill.models.inspect import inspect_model; "
        "inspect_model(Path(sys.argv[1])); print({'torch', 'transformers', 'tokenizers'} & set(sys.modules))"
    )
    out = subprocess.run([sys.executable, "-c", code, str(family("llama"))], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "set()"


def test_it_knows_the_vocabulary_of_gpt2s_old_files(family, tmp_path):
    """Files saved from the bare GPT-2 have no `transformer.` prefix and carry the causal mask as a buffer."""
    from safetensors.numpy import load_file, save_file

    for f in family("gpt2").iterdir():
        (tmp_path / f.name).write_bytes(f.read_bytes())
    import numpy as np

    tensors = {k.removeprefix("transformer."): v for k, v in load_file(tmp_path / "model.safetensors").items()}
    tensors["h.0.attn.bias"] = np.ones((1, 1, 128, 128), np.float32)
    save_file(tensors, tmp_path / "model.safetensors")
    facts = inspect_model(tmp_path)
    assert facts.parameters == inspect_model(family("gpt2")).parameters
    assert {m.name for m in facts.linears} == {"c_attn", "c_proj", "c_fc"}


def edit(path: Path, **changes: object) -> None:
    data = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in (data | changes).items() if v is not ...}))


def refused(folder: Path) -> ModelRejected:
    with pytest.raises(ModelRejected) as e:
        inspect_model(folder)
    return e.value


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_size": 10**9}, ["hidden_size", "65,536"]),
        ({"num_hidden_layers": 10**7}, ["num_hidden_layers", "1,000"]),
        ({"num_hidden_layers": -1}, ["num_hidden_layers", "-1"]),
        ({"num_attention_heads": 0}, ["num_attention_heads", "from 1"]),
        ({"vocab_size": -1}, ["vocab_size"]),
        ({"hidden_size": 32.5}, ["hidden_size", "whole number"]),
        ({"hidden_size": "32"}, ["hidden_size"]),
        ({"hidden_size": True}, ["hidden_size"]),
        ({"hidden_size": ...}, ["hidden_size"]),
        ({"rope_theta": 1e300}, ["rope_theta"]),
        ({"rope_scaling": {"factor": 1e15}}, ["factor"]),
    ],
)
def test_it_bounds_every_number_of_the_config(tiny, changes, words):
    edit(tiny / "config.json", **changes)
    message = refused(tiny).message
    assert all(w in message for w in words), message


@pytest.mark.parametrize(
    "text", ['{"model_type": "llama", "rope_theta": NaN}', '{"a": 1, "a": 2}', "[" * 100_000, "[]", "{"]
)
def test_it_reads_json_strictly(tiny, text):
    (tiny / "config.json").write_text(text)
    assert refused(tiny).code == "MODEL_FILE_BROKEN"


def test_it_refuses_a_huge_config(tiny):
    (tiny / "config.json").write_text(" " * (2**20 + 1))
    assert "1,048,576" in refused(tiny).message


def test_it_lists_the_supported_families(tiny):
    edit(tiny / "config.json", model_type="rwkv")
    error = refused(tiny)
    assert "'rwkv'" in error.message and "Qwen3" in error.message and error.code == "MODEL_UNSUPPORTED"


@pytest.mark.parametrize("key", ["auto_map", "_attn_implementation_internal", "custom_pipelines"])
def test_it_refuses_a_config_that_asks_for_code(tiny, key):
    edit(tiny / "config.json", **{key: {"AutoModel": "x.py"}})
    assert refused(tiny).code == "MODEL_NEEDS_CODE"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("modeling_x.py", "MODEL_NEEDS_CODE"),
        ("pytorch_model.bin", "MODEL_PICKLE"),
        ("optimizer.pt", "MODEL_PICKLE"),
        ("a.ckpt", "MODEL_PICKLE"),
        ("m.gguf", "MODEL_GGUF"),
    ],
)
def test_it_refuses_code_pickles_and_gguf(tiny, name, code):
    (tiny / name).write_bytes(b"x")
    error = refused(tiny)
    assert error.code == code and name in error.message


def test_it_refuses_links_and_devices(tiny):
    (tiny / "LICENSE").symlink_to("/etc/passwd")
    assert "LICENSE" in refused(tiny).message
    (tiny / "LICENSE").unlink()
    os.mkfifo(tiny / "LICENSE")
    assert refused(tiny).code == "MODEL_NOT_A_FILE"


def test_it_refuses_quantised_weights(tiny):
    edit(tiny / "config.json", quantization_config={"bits": 4})
    assert refused(tiny).code == "MODEL_QUANTISED"


def test_it_names_missing_and_extra_tensors(tiny):
    from safetensors.numpy import load_file, save_file

    tensors = load_file(tiny / "model.safetensors")
    q = tensors.pop("model.layers.1.self_attn.q_proj.weight")
    save_file(tensors, tiny / "model.safetensors")
    assert "model.layers.1.self_attn.q_proj.weight" in refused(tiny).message
    tensors |= {"model.layers.1.self_attn.q_proj.weight": q, "model.layers.2.self_attn.q_proj.weight": q}
    save_file(tensors, tiny / "model.safetensors")
    assert "model.layers.2.self_attn.q_proj.weight" in refused(tiny).message


def test_it_refuses_a_tokenizer_larger_than_the_embedding(tiny):
    path = tiny / "tokenizer.json"
    data = json.loads(path.read_text())
    data["added_tokens"] += [data["added_tokens"][0] | {"id": n, "content": f"<|late {n}|>"} for n in range(290, 330)]
    path.write_text(json.dumps(data))
    message = refused(tiny).message
    assert "330 ids, the embeddings 320" in message


def test_it_reads_sharded_weights_and_refuses_an_index_that_points_outside(tiny):
    from safetensors.numpy import load_file, save_file

    tensors, whole = load_file(tiny / "model.safetensors"), inspect_model(tiny)
    (tiny / "model.safetensors").unlink()
    names = sorted(tensors)
    shards = {"model-00001-of-00002.safetensors": names[:5], "model-00002-of-00002.safetensors": names[5:]}
    for file, part in shards.items():
        save_file({n: tensors[n] for n in part}, tiny / file)
    index = tiny / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {n: f for f, part in shards.items() for n in part}}))
    assert inspect_model(tiny).parameters == whole.parameters
    for bad in ("../m2.safetensors", "/etc/m.safetensors", "a/b.safetensors", "missing.safetensors"):
        index.write_text(json.dumps({"weight_map": {"x": bad}}))
        assert refused(tiny).code == "MODEL_FILE_BROKEN"


@pytest.mark.parametrize("model_type", sorted(small.ENCODERS))
@pytest.mark.parametrize("head", ["AutoModelForMaskedLM", "AutoModel"])
def test_an_encoder_is_read_however_it_was_saved(tmp_path, model_type, head):
    """With the layer that guesses masked tokens, or bare: the files then leave the prefix out."""
    facts = inspect_model(small.encoder(tmp_path / "m", model_type, head=head))
    assert facts.kind == "encoder" and facts.architecture.endswith("Model")
    assert (facts.layers, facts.heads, facts.hidden_size, facts.context, facts.vocab_rows) == (2, 4, 32, 128, 264)
    assert sum(m.count for m in facts.linears) >= 8 and "cannot write" in facts.notes[-1]


def test_an_encoder_is_not_loaded_to_write(tmp_path):
    import torch

    from jobs.distill.weights import load_model

    with pytest.raises(ModelRejected, match="reads text and cannot write"):
        load_model(small.encoder(tmp_path / "m"), torch.float32, torch.device("cpu"))
