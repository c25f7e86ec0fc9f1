"""The adapter as a thing of its own: loads with plain peft anywhere, names its base by public id, says what it is worth."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from peft import get_peft_model_state_dict
from safetensors.torch import save as save_tensors

from . import base_note
from . import recipe as recipes
from .models.config import read_config
from .models.inspect import inspect_model
from .session import Session
from .students.variants import refold
from .weights import ModelSource

SUMS = "SHA256SUMS"
HEAD_FILE = "labels.json"  # of a student that names instead of writing


def export(session: Session, model: Any, report: dict[str, Any]) -> str:
    """Writes `adapter/` and returns the hash of its weights."""
    folder = session.folder / "adapter"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    weights = adapter_bytes(model)
    adapter_sha256 = hashlib.sha256(weights).hexdigest()
    report["adapter_sha256"] = adapter_sha256
    if session.unshaped:
        report["student_shape"] = {"key": session.sources["student"].key, **shape_note(session)}
        write_sums(session.folder / "student")
        describe_student(session)
    if found := base_note.note(session):
        report["student_base"] = found
        base_note.write_config(session, folder)
    (folder / "adapter_model.safetensors").write_bytes(weights)
    (folder / "adapter_config.json").write_text(
        json.dumps(public_config(model, session.sources["student"]), indent=2, sort_keys=True) + "\n"
    )
    (folder / "recipe.yaml").write_text(recipes.to_yaml(public_recipe(session)), encoding="utf-8")
    (folder / "report.json").write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(model_card(session, report), encoding="utf-8")
    write_sums(folder)
    return adapter_sha256


def adapter_bytes(model: Any) -> bytes:
    """The adapter's tensors under peft's names, in float32: equal adapters give equal bytes. Forms that peft does not have
    are folded into plain LoRA (see students/variants.py)."""
    tensors, _ = refold(model, get_peft_model_state_dict(model, save_embedding_layers=False), {})
    kept = {n: tensors[n].detach().to("cpu") for n in sorted(tensors)}
    wide = {n: (t.float() if t.is_floating_point() else t).contiguous().clone() for n, t in kept.items()}
    return save_tensors(wide, {"format": "pt"})


def public_config(model: Any, base: ModelSource) -> dict[str, Any]:
    """peft's own configuration with the base's public name and revision where peft would write a path of this machine."""
    _, config = refold(model, {}, model.peft_config["default"].to_dict())
    config["base_model_name_or_path"] = base.key
    config["revision"] = base.revision
    config["inference_mode"] = True
    for name, value in config.items():
        if isinstance(value, set):
            config[name] = sorted(value)
    return config


def public_recipe(session: Session) -> recipes.Recipe:
    """The recipe as it was given, with models named by their public ids instead of folders."""
    asked, changes = session.asked, {}
    for who in ("teacher", "student"):
        source = session.unshaped.get(who) or session.sources.get(who)
        if (reference := getattr(asked, who)) and source:
            changes[who] = reference.model_copy(
                update={"model": source.key, "revision": source.revision, "sha256": source.sha256}
            )
    data = asked.data.model_copy(update={"file": Path(asked.data.file).name if asked.data.file else None})
    return asked.model_copy(update={**changes, "data": data})


def shape_note(session: Session) -> dict[str, Any]:
    """What the shaped student was made of and how, without what belongs to this run alone."""
    note = json.loads((session.sources["student"].folder / "SHAPE.json").read_text(encoding="utf-8"))
    return {name: note[name] for name in ("shape", "made_of", "sha256", "parameters", "measured")}


def describe_student(session: Session) -> None:
    """`student.json` beside the shaped student: what a library must know to list it."""
    made = session.sources["student"]
    facts = inspect_model(made.folder, name=made.key)
    about = {"key": made.key, "made_of": session.unshaped["student"].key, "facts": facts.model_dump(mode="json")}
    (session.folder / "student.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def write_sums(folder: Path) -> None:
    """`sha256sum --check SHA256SUMS` verifies the folder without any program of ours."""
    lines = [
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(folder).as_posix()}\n"
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.name != SUMS
    ]
    (folder / SUMS).write_text("".join(lines))


def model_card(session: Session, report: dict[str, Any]) -> str:
    """README.md of the adapter: what it is, how to load it, what it scored, from what it was made."""
    base, recipe = session.sources["student"], session.recipe
    teacher = session.sources.get("teacher")
    adapter = recipe.student.adapter
    both = read_config(base.folder).kind == "encoder-decoder"
    auto = "AutoModelForSeq2SeqLM" if both else "AutoModelForCausalLM"
    return f"""---
base_model: {json.dumps(base.key)}
library_name: peft
pipeline_tag: {"text2text-generation" if both else "text-generation"}
tags: [lora, distillation]
---

# {recipe.name}

{_kind_of(adapter)} for `{base.key}`{_revision(base)}{_taught_by(teacher)}.
{_shape_words(session)}
## Scores

Greedy answers on {report["rows"]["heldout"]:,} held-out rows that no arm was trained on; {report["metric"].replace("_", " ")}, 95 % bootstrap interval.

| arm | score | interval |
|---|---|---|
{score_rows(report)}
{gap_words(report)}

## Use

```python
{base_note.loading_code(session, auto)}
```
{base_note.words(session)}
## How it was made

- Method: {session.asked.method or "stages of its own"}; seed {recipe.seed}. The whole recipe is in `recipe.yaml`.
- Data: {report["rows"]["train"]:,} training rows, {report["rows"]["labelled"]:,} of them with a gold answer{_dataset(session)}. Content hash `{report["rows"]["sha256"][:16]}…`.
- Every number of the run is in `report.json`; the hashes of all files are in `{SUMS}`.

## Licence

The adapter was made from the base{", the teacher" if teacher else ""} and the data named above; their licences apply to its use. Check that the
teacher's terms allow training other models on its outputs before you publish it.
"""


def _kind_of(adapter: recipes.Adapter) -> str:
    if adapter.type == "lora":
        return f"A LoRA adapter (rank {adapter.rank}, alpha {adapter.alpha:g})"
    return f"An adapter of peft kind {adapter.type}" if adapter.type != "clover" else "A CLOVER adapter, saved as LoRA,"


def _revision(base: ModelSource) -> str:
    return f" at revision `{base.revision}`" if base.revision else ""


def _shape_words(session: Session) -> str:
    """Where the base is to be had when the run made it."""
    if not session.unshaped:
        return ""
    return f"""
That base is a smaller `{session.unshaped["student"].key}` that this run made; it lies in the run's folder `student/`, and the adapter
loads on it alone.
"""


def _taught_by(teacher: ModelSource | None) -> str:
    return f", taught by `{teacher.key}`" if teacher else ", fine-tuned on labelled rows"


def _dataset(session: Session) -> str:
    return f", from {session.recipe.data.dataset}" if session.recipe.data.dataset else ""


def score_rows(report: dict[str, Any]) -> str:
    lines = [
        f"| {name} | {s['value']:.4f} | {s['low']:.4f} to {s['high']:.4f} |" for name, s in report["scores"].items()
    ]
    return "\n".join(lines) + "\n"


def gap_words(report: dict[str, Any]) -> str:
    gap = report["gap_closed"]
    if gap["value"] is None:
        return f"Gap closed: none to report ({gap.get('why', 'no teacher')})."
    return f"Gap closed, (student - base) / (teacher - base): **{gap['value']:.3f}** ({_between(gap)})."


def _between(interval: dict[str, Any]) -> str:
    return f"{interval['low']:.3f} to {interval['high']:.3f}" if interval.get("low") is not None else "no interval"
