"""The adapter of a classifier or tagger: head and labels inside, and proof that plain peft gives the same logits."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from peft import PeftModel

from .. import recipe as recipes
from ..errors import VerifyFailed
from ..export import (
    HEAD_FILE,
    SUMS,
    adapter_bytes,
    describe_student,
    gap_words,
    public_config,
    public_recipe,
    score_rows,
    shape_note,
    write_sums,
)
from .labeller import Labeller, as_json, head_file
from .losses import predict
from .model import CLASSES, HeadSpec

if TYPE_CHECKING:
    from ..work import Work

PROBE = 16  # held-out rows whose logits are compared
MOST = 1e-6  # difference of a logit after reloading


def export(work: Work, report: dict[str, Any]) -> dict[str, Any]:
    """Writes `adapter/`, reloads it with plain transformers and peft, and returns what the comparison found.

    Raises VerifyFailed when a logit differs by more than 1e-6.
    """
    session, labeller = work.session, work.labelling
    assert labeller is not None
    folder = session.folder / "adapter"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    weights = adapter_bytes(work.model)
    report["adapter_sha256"] = hashlib.sha256(weights).hexdigest()
    if session.unshaped:
        report["student_shape"] = {"key": session.sources["student"].key, **shape_note(session)}
        write_sums(session.folder / "student")
        describe_student(session)
    (folder / "adapter_model.safetensors").write_bytes(weights)
    config = public_config(work.model, session.sources["student"])
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    (folder / HEAD_FILE).write_text(as_json(head_file(labeller)), encoding="utf-8")
    parity = same_logits(work, folder)
    report["parity"] = parity
    (folder / "recipe.yaml").write_text(recipes.to_yaml(frozen_recipe(work)), encoding="utf-8")
    (folder / "report.json").write_text(as_json(report), encoding="utf-8")
    (folder / "README.md").write_text(card(work, labeller, report), encoding="utf-8")
    write_sums(folder)
    return parity


def frozen_recipe(work: Work) -> recipes.Recipe:
    """The recipe as it was given, with the task and the list of labels that were found."""
    asked, labeller = public_recipe(work.session), work.labelling
    assert labeller is not None
    names = list(labeller.labels.kinds or labeller.labels.names)
    labelling = asked.student.labelling.model_copy(update={"labels": names})
    student = asked.student.model_copy(update={"task": labeller.task, "labelling": labelling})
    return asked.model_copy(update={"student": student})


def reload(base: Path, adapter: Path, spec: HeadSpec, dtype: torch.dtype, device: torch.device, pad: int) -> Any:
    """What somebody else does with the adapter: AutoModelFor... of transformers, PeftModel of peft, nothing of ours."""
    from ..models.config import read_config

    model = CLASSES[spec.labels.task].from_pretrained(
        base,
        dtype=dtype,
        use_safetensors=True,
        trust_remote_code=False,
        local_files_only=True,
        attn_implementation=read_config(base).family.attention,
        ignore_mismatched_sizes=True,
        config=spec.config(base, pad),
    )
    return PeftModel.from_pretrained(model.to(device), str(adapter)).eval()


def same_logits(work: Work, folder: Path) -> dict[str, Any]:
    """The parity gate: rows compared and the largest difference of a log-probability."""
    labeller = work.labelling
    assert labeller is not None
    opened = work.student
    examples = labeller.examples(work.session.heldout_rows[:PROBE])
    work.model.eval()
    ours = predict(work.model, examples, labeller.task, labeller.pad)
    again = reload(opened.folder, folder, labeller.spec, opened.dtype, opened.device, labeller.pad)
    theirs = predict(again, examples, labeller.task, labeller.pad)
    worst = max((float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True) if a.size), default=0.0)
    if not worst <= MOST:
        raise VerifyFailed(
            f"Reloaded with plain peft, the adapter's log-probabilities differ by up to {worst:.3g} (at most {MOST:g} may).",
            hint="Report this with the recipe; LoRA without further options is known to reload exactly.",
        )
    return {"rows": len(examples), "largest_difference": worst}


def card(work: Work, labeller: Labeller, report: dict[str, Any]) -> str:
    """README.md of the adapter."""
    session = work.session
    base, teacher = session.sources["student"], session.sources.get("teacher")
    tag = labeller.task == "tag"
    names = labeller.labels.kinds or labeller.labels.names
    taught = f", taught by `{teacher.key}`" if teacher else ""
    words = "\n".join(f"- {s}" for s in report["labelling"]["words"])
    return f"""---
base_model: {base.key}
library_name: peft
tags: [{"token-classification" if tag else "text-classification"}, lora]
---
# {session.recipe.name}

A {"tagger" if tag else "classifier"}: a LoRA adapter with a trained layer over {len(names)} {"kinds of entity" if tag else "labels"}, on `{base.key}`{taught}. It names; it does not write.

## How well it does

{words}

| arm | {report["metric"].replace("_", " ")} | interval |
|---|---|---|
{score_rows(report)}
{gap_words(report)}

## Use

{_use(base, labeller)}

It reads {head_file(labeller)["reads"]}, without a chat template, at most {labeller.reader.longest:,} tokens. Reloaded like this its
log-probabilities on {report["parity"]["rows"]} held-out rows differ from those of the run by at most {report["parity"]["largest_difference"]:.1g}.

## How it was made

- Method: {session.asked.method or "stages of its own"}; seed {session.recipe.seed}. The whole recipe, with the list of labels, is in `recipe.yaml`.
- Data: {report["rows"]["train"]:,} training rows, {report["rows"]["labelled"]:,} of them with a gold answer. Content hash `{report["rows"]["sha256"][:16]}`.
- Every number of the run is in `report.json`; the hashes of all files are in `{SUMS}`.

## Licence

The adapter was made from the base{", the teacher" if teacher else ""} and the data named above; their licences apply to its use.
"""


def _use(base: Any, labeller: Labeller) -> str:
    """The lines that load the adapter anywhere else: transformers and peft, nothing of ours."""
    auto = "AutoModelForTokenClassification" if labeller.task == "tag" else "AutoModelForSequenceClassification"
    revision = f', revision="{base.revision}"' if base.revision else ""
    full = (
        "\nconfig.is_causal = False  # it sees the whole row: the causal mask was taken away"
        if labeller.spec.attention == "full"
        else ""
    )
    return f"""```python
import json
from peft import PeftModel
from transformers import AutoConfig, {auto}, AutoTokenizer

note = json.load(open("PATH OF THIS FOLDER/{HEAD_FILE}"))
names = {{int(i): name for i, name in note["id2label"].items()}}
config = AutoConfig.from_pretrained("{base.key}"{revision}, num_labels=len(names), id2label=names, label2id=note["label2id"])
config.pad_token_id = note["pad_token_id"]{full}
base = {auto}.from_pretrained("{base.key}"{revision}, config=config)
model = PeftModel.from_pretrained(base, "PATH OF THIS FOLDER")
```"""
