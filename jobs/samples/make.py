"""Makes the whole sample again from the shipped data: tokenizer, teacher, student base and dataset."""

from __future__ import annotations

import hashlib
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from jobs.samples.data import Banking77, Question, read_clinc150, split_banking77
from jobs.samples.export import write_dataset
from jobs.samples.tokenizer import train_tokenizer
from jobs.samples.train import Shape, Stage, exact_match, fit, new_model, render

TEACHER = Shape(width=256, layers=4, heads=4, feedforward=704)
STUDENT = Shape(width=128, layers=3, heads=4, feedforward=344)
TINY = Shape(width=32, layers=1, heads=2, feedforward=64)

# The teacher first reads everything it may see, then learns to answer from its half of Banking77 with smoothed labels,
# and last with plain ones: smoothing helps it, but would spread a twentieth of its signals over the whole vocabulary.
TEACHER_STAGES = (
    Stage("teacher answers", 12, 1e-3, reading=0.2, hiding=0.15, smoothing=0.05, half=True),
    Stage("teacher settles", 2, 4e-4, hiding=0.15, half=True),
)
TEACHER_READS = Stage("teacher reads", 2, 1.5e-3, reading=0.5, hiding=0.1, half=True)
STUDENT_READS = Stage("student reads", 6, 3e-3, reading=0.5, hiding=0.1)


@dataclass(frozen=True)
class Material:
    """What the models learn from: `clinc`, the teacher's half of `banking`, and the names of the intents."""

    banking: Banking77
    clinc: list[Question]

    @property
    def names(self) -> list[Question]:
        """Each intent's name as a question: how the student's base learns the words of the answers."""
        return [Question(name, name, 0) for name in self.banking.intents]

    @property
    def tokenizer_texts(self) -> list[str]:
        rows = self.clinc + self.banking.teacher_half
        return [row.text for row in rows] + [row.answer for row in rows]


def material() -> Material:
    """Banking77 in its parts, and CLINC150 without the questions of the distillation and of the held-out part."""
    banking = split_banking77()
    kept_apart = {row.key for row in [*banking.labelled, *banking.unlabelled, *banking.heldout]}
    return Material(banking, [row for row in read_clinc150() if row.key not in kept_apart])


def make_teacher(given: Material, tokenizer: PreTrainedTokenizerFast, seed: int, tiny: bool) -> LlamaForCausalLM:
    model = new_model(TINY if tiny else TEACHER, seed + 7)
    most = 3 if tiny else None
    half = render(given.banking.teacher_half, tokenizer)
    fit(model, half + render(given.clinc, tokenizer), TEACHER_READS, seed + 1, most)
    for number, stage in enumerate(TEACHER_STAGES, start=2):
        fit(model, half, stage, seed + number, most)
    return model


def make_student(given: Material, tokenizer: PreTrainedTokenizerFast, seed: int, tiny: bool) -> LlamaForCausalLM:
    """Knows CLINC150 and, by heart, the names of the 77 intents: a base that never says them cannot be adapted."""
    model = new_model(TINY if tiny else STUDENT, seed + 11)
    rows = render(given.clinc, tokenizer) + 4 * render(given.names, tokenizer)
    fit(model, rows, STUDENT_READS, seed + 3, 3 if tiny else None)
    return model


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """fp16 safetensors with config and tokenizer, readable by everyone like the other files."""
    if folder.exists():
        shutil.rmtree(folder)
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "model.safetensors").chmod(0o644)


def make(folder: Path, seed: int = 0, tiny: bool = False) -> None:
    """Writes `models/` and `data/` under `folder`, on one thread so that sums are added in one order.

    The same seed on the same kind of processor with the same torch gives the same bytes; elsewhere the
    last bits of a sum differ, and after some thousand steps so do the weights.
    """
    torch.set_num_threads(1)
    say(f"dataset into {folder / 'data'}")
    write_dataset(folder / "data")
    given = material()
    tokenizer = train_tokenizer(given.tokenizer_texts)
    for name, made in (("banking77-teacher", make_teacher), ("banking77-student", make_student)):
        model = made(given, tokenizer, seed, tiny)
        save(model, tokenizer, folder / "models" / name)
        say(f"{name}: {model.num_parameters():,} parameters")
        if not tiny:
            report(name, folder, given.banking.heldout)


def report(name: str, folder: Path, heldout: list[Question]) -> None:
    """Says the score of the weights as they were written, in fp32 from the fp16 file."""
    model = LlamaForCausalLM.from_pretrained(folder / "models" / name, dtype=torch.float32)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / "models" / name)
    say(f"{name}: held-out exact match {exact_match(model, tokenizer, heldout):.4f}")


def hashes(folder: Path) -> dict[str, dict[str, str | int]]:
    """Size and SHA-256 of every file under `folder`, by its relative path."""
    return {
        path.relative_to(folder).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
