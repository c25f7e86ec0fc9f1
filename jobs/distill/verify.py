"""Is this adapter what its report says? Hashes, a reload with plain peft, and the reported score made again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel

from . import recipe as recipes
from .answers import Said, Speaker, decoding_of
from .base_note import load_noted
from .errors import ArtifactDamaged, VerifyFailed
from .evaluate import answer_bits, answer_bytes, score_answers
from .export import HEAD_FILE, SUMS
from .generate import generate
from .models.config import eos_ids, read_config
from .rows import Renderer, read_rows, rows_sha256, stratified
from .weights import load_tokenizer


@dataclass(frozen=True)
class Verified:
    """What was checked. `score` is None when no rows were given."""

    files: int
    score: float | None
    reported: float
    rows: int

    def as_dict(self) -> dict[str, Any]:
        return {"files": self.files, "score": self.score, "reported": self.reported, "rows": self.rows, "ok": True}


def verify(adapter: Path, base: Path | None = None, rows: Path | None = None) -> Verified:
    """Raises ArtifactDamaged for a wrong hash, VerifyFailed when the score is not the reported one, to the last row."""
    files = check_sums(adapter)
    report = json.loads((adapter / "report.json").read_text(encoding="utf-8"))
    reported = (report.get("together") or {}).get("plain", report["scores"]["student"]["value"])  # of the adapter alone
    if base is None:
        return Verified(files, None, reported, 0)
    if (adapter / HEAD_FILE).exists():
        return _verify_labels(adapter, base, rows, files, report)
    model = load_noted(base, report.get("student_base", {}), torch.float32, torch.device("cpu"))
    tuned = PeftModel.from_pretrained(model, str(adapter)).eval()
    if rows is None:
        return Verified(files, None, reported, 0)
    score, n = score_again(tuned, base, adapter, rows, report)
    if abs(score - reported) > 1e-9:
        raise VerifyFailed(
            f"The report says {reported:.6f} on {n:,} held-out rows; reloaded with plain peft the adapter scores {score:.6f}.",
            hint="The base or the rows differ from those of the run, or the machine computes differently.",
        )
    return Verified(files, score, reported, n)


def _verify_labels(adapter: Path, base: Path, rows: Path | None, files: int, report: dict[str, Any]) -> Verified:
    """The same for an adapter that names instead of writing."""
    from .labelling.verify import score_labels

    reported = report["scores"]["student"]["value"]
    score, n = score_labels(adapter, base, rows, report)
    if score is not None and abs(score - reported) > 1e-9:
        raise VerifyFailed(
            f"The report says {reported:.6f} on {n:,} held-out rows; reloaded with plain peft the adapter scores {score:.6f}.",
            hint="The base or the rows differ from those of the run, or the machine computes differently.",
        )
    return Verified(files, score, reported, n)


def check_sums(adapter: Path) -> int:
    """Number of files whose hash is right; raises ArtifactDamaged naming the first that is missing or differs."""
    try:
        lines = (adapter / SUMS).read_text().splitlines()
    except OSError as e:
        raise ArtifactDamaged(
            f"There is no {SUMS} in {adapter.name}.", hint="Give the folder of a downloaded adapter, unpacked."
        ) from e
    for line in lines:
        wanted, name = line.split("  ", 1)
        path = adapter / name
        found = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "missing"
        if found != wanted:
            raise ArtifactDamaged(
                f"{name}: expected {wanted[:12]}…, found {found[:12]}.", hint="Download the adapter again."
            )
    return len(lines)


def score_again(model: Any, base: Path, adapter: Path, rows_file: Path, report: dict[str, Any]) -> tuple[float, int]:
    """The student's score on the run's own held-out rows, with the run's own settings."""
    recipe = recipes.load(adapter / "recipe.yaml")
    rows = read_rows(rows_file, recipe.data.heldout)
    if (found := rows_sha256(rows)) != report["rows"]["sha256"]:
        raise VerifyFailed(
            f"These are not the rows of the run: it used {report['rows']['sha256'][:12]}…, the file holds {found[:12]}….",
            field="rows",
            hint="Give data/rows.parquet of the run folder.",
        )
    evaluation = recipe.evaluation
    heldout = stratified([r for r in rows if r.split == "heldout" and r.labelled], evaluation.limit)
    tokenizer, shape = load_tokenizer(base), read_config(base)
    renderer = Renderer(tokenizer, eos_ids(base, tokenizer.eos_token_id), kind=shape.kind)
    longest = report.get("student_base", {}).get("window", {}).get("after", shape.context)
    speaker = Speaker(lambda: model, renderer, longest)
    if report["metric"] == "bits_per_byte":
        return sum(answer_bits(speaker, [speaker.renderer.example(r) for r in heldout])) / sum(
            answer_bytes(heldout)
        ), len(heldout)
    decoding = decoding_of(speaker, evaluation.max_new_tokens)
    room = speaker.renderer.longest_prompt(speaker.context, decoding.max_new_tokens)
    prompts = {r.row_id: ids for r in heldout if len(ids := speaker.renderer.prompt(r.messages)) <= room}
    answers = generate(model, list(prompts.values()), decoding, evaluation.batch_size)
    said = {
        k: Said(speaker.renderer.decode(a.ids), a.finished, len(a.ids)) for k, a in zip(prompts, answers, strict=True)
    }
    missing = {r.row_id: Said("", False, 0) for r in heldout}
    return float(score_answers(heldout, {**missing, **said}, report["metric"]).mean()), len(heldout)
