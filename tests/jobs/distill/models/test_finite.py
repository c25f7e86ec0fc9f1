import numpy as np
import pytest

from jobs.distill.errors import ModelRejected
from jobs.distill.models.inspect import inspect_model


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_it_names_the_tensor_and_counts(tiny, dtype, value):
    from safetensors.numpy import load_file, save_file

    tensors = {k: v.astype(dtype) for k, v in load_file(tiny / "model.safetensors").items()}
    save_file(tensors, tiny / "model.safetensors")
    inspect_model(tiny)
    tensors["model.norm.weight"][[3, 7]] = value
    save_file(tensors, tiny / "model.safetensors")
    with pytest.raises(ModelRejected, match=r"model\.norm\.weight \(2 of 32\)"):
        inspect_model(tiny)


def test_it_reads_bfloat16_bits(tiny):
    import torch
    from safetensors.torch import load_file, save_file

    tensors = {k: v.bfloat16() for k, v in load_file(tiny / "model.safetensors").items()}
    tensors["model.norm.weight"][0] = torch.finfo(torch.bfloat16).max
    save_file(tensors, tiny / "model.safetensors")
    assert inspect_model(tiny).dtype == "bfloat16"
    tensors["model.norm.weight"][0] = float("nan")
    save_file(tensors, tiny / "model.safetensors")
    with pytest.raises(ModelRejected, match="1 of 32"):
        inspect_model(tiny)
