"""Facts of a small pair and its data, as the engine would have measured them: for tests of pages."""

from __future__ import annotations

import random
from typing import Any

SHA = "0123456789abcdef" * 4


def model_facts(name: str, *, hidden: int, layers: int, vocabulary: str = "a" * 64, **changes: Any) -> dict[str, Any]:
    """ModelFacts of a Llama-shaped model."""
    linears = [
        {"name": n, "inputs": hidden, "outputs": hidden, "count": layers}
        for n in ("q_proj", "k_proj", "v_proj", "o_proj")
    ]
    parameters = 4000 * hidden + 12 * layers * hidden * hidden
    return {
        "name": name, "source": "sample", "sha256": SHA, "model_type": "llama", "architecture": "LlamaForCausalLM", "hidden_size": hidden,
        "layers": layers, "heads": 4, "kv_heads": 4, "intermediate_size": 2 * hidden, "vocab_rows": 4000, "context": 256, "tied": True,
        "parameters": parameters, "weight_bytes": 4 * parameters, "dtype": "float32", "linears": linears, "licence": "apache-2.0",
        "tokenizer": {"vocab_sha256": vocabulary, "vocab_size": 4000, "special": {"<s>": 0, "</s>": 1}, "bos_id": 0, "eos_ids": [1], "pad_id": 2, "template_sha256": "t" * 64},
        **changes,
    }  # fmt: skip


def data_facts(
    rows: int = 6000, labelled: int = 1500, heldout: int = 1000, vocabulary: str = "a" * 64
) -> dict[str, Any]:
    """DataFacts of short questions with short answers."""
    rng = random.Random(7)
    answers = [rng.randint(2, 6) if i < labelled else 0 for i in range(rows)]
    return {
        "sha256": SHA, "rows": rows, "labelled": labelled, "unlabelled": rows - labelled, "train": rows - heldout, "heldout": heldout,
        "prompt_lengths": {vocabulary: [rng.randint(8, 60) for _ in range(rows)]}, "answer_lengths": {vocabulary: answers},
        "distinct_answers": 77, "longest_answer_chars": 48,
    }  # fmt: skip


def sample_library(team: Any = None) -> dict[str, Any]:
    """The sample pair and data as rows of the library; team None is what every team sees."""
    from workbench.datasets.models import Dataset, DatasetVersion
    from workbench.library.models import Model
    from workbench.runs.models import Blob

    prefix = "sample" if team is None else "own"
    teacher = Model.objects.create(
        team=team,
        key=f"{prefix}/banking77-teacher",
        title="Banking77 teacher",
        source="sample",
        sha256=SHA,
        facts=model_facts("teacher", hidden=256, layers=4),
        licence="apache-2.0",
    )
    student = Model.objects.create(
        team=team,
        key=f"{prefix}/banking77-student",
        title="Banking77 student",
        source="sample",
        sha256=SHA[::-1],
        facts=model_facts("student", hidden=128, layers=3, sha256=SHA[::-1]),
        licence="apache-2.0",
    )
    blob, _ = Blob.objects.get_or_create(sha256=SHA, size=0)
    dataset = Dataset.objects.create(team=team, key=f"{prefix}/banking77", title="Banking77", licence="CC-BY-4.0")
    version = DatasetVersion.objects.create(
        dataset=dataset,
        number=1,
        sha256=SHA,
        rows_blob=blob,
        facts=data_facts(),
        counts={"rows": 6000, "labelled": 1500, "unlabelled": 4500, "train": 5000, "heldout": 1000, "refused": 0},
    )
    return {"teacher": teacher, "student": student, "dataset": dataset, "version": version}
