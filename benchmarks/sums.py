"""Sums in words for a teacher that is only asked for text: SVAMP in three parts, and a teacher that has read one of them.

SVAMP's problems of one operation on whole numbers (Patel, Bhattamishra and Goyal 2021, arXiv:2103.07191, MIT; data/svamp)
are cut by problem: the teacher's part, those to distil on, those held out. Their numbers are drawn anew by a seed, from 1 to
20, because 573 problems are few and the models small. Many problems of SVAMP are variations of each other, so the parts are
not strangers. data/arith holds two small Llamas that do sums of digits in words of their own: the teacher's start (2.6 M
parameters, three steps) and the student (1.1 M, one step).
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

from jobs.samples.data import Question
from jobs.samples.train import Stage, fit, render

from .harness import HERE, say

SVAMP = HERE / "data" / "svamp" / "SVAMP.json"
START, STUDENT = HERE / "data" / "arith" / "teacher", HERE / "data" / "arith" / "student"
MADE = HERE / ".sums"  # the teacher and the dataset, made on first use
FORM = re.compile(r"\( (\S+) ([-+*/]) (\S+) \)")
NUMBER = re.compile(r"\d+(?:\.\d+)?")
PIECES = re.compile(r"(\d+(?:\.\d+)?)")
LARGEST = 100  # numbers of the problems that are taken
TEACHER_PART, DISTIL_PART = 230, 210  # problems; the others are held out
READ, VARIANTS = 40, {"train": 5, "heldout": 4}  # a problem with other numbers
PASSES = 4


@dataclass(frozen=True)
class Problem:
    """A sum in words; `places` say which of its numbers are the operands."""

    text: str
    a: int
    op: str
    b: int
    places: tuple[int, int]

    @property
    def result(self) -> int:
        return {"+": self.a + self.b, "-": self.a - self.b, "*": self.a * self.b, "/": self.a // max(1, self.b)}[
            self.op
        ]

    @property
    def reasons(self) -> str:
        return f"{self.a}{self.op}{self.b}={self.result} #### {self.result}"


def problems() -> list[Problem]:
    """Problems of one operation whose operands stand in the text once, as whole numbers."""
    out = []
    for row in json.loads(SVAMP.read_text(encoding="utf-8")):
        found = FORM.fullmatch(row["Equation"])
        if not found:
            continue
        text = re.sub(r"\s+", " ", row["Body"].strip().rstrip(".") + ". " + row["Question"].strip())
        numbers, a, b = [float(n) for n in NUMBER.findall(text)], float(found[1]), float(found[3])
        if any(n != int(n) or n > LARGEST for n in numbers) or numbers.count(a) != 1 or numbers.count(b) != 1:
            continue
        exact = {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else -1}[found[2]]
        if exact >= 0 and exact == int(exact):
            out.append(Problem(text, int(a), found[2], int(b), (numbers.index(a), numbers.index(b))))
    return sorted(out, key=lambda p: p.text)


def parts() -> tuple[list[Problem], list[Problem], list[Problem]]:
    """The teacher's problems, those to distil on, those held out; no problem stands in two."""
    mixed = problems()
    random.Random(0).shuffle(mixed)  # noqa: S311 - a draw, no secret
    ends = TEACHER_PART, TEACHER_PART + DISTIL_PART
    return mixed[: ends[0]], mixed[ends[0] : ends[1]], mixed[ends[1] :]


def drawn(problem: Problem, n: int, rng: random.Random) -> list[Problem]:
    """The problem `n` times with other numbers, whose result is a whole number that is not negative."""
    out = []
    for _ in range(n):
        a, b = rng.randint(1, 20), rng.randint(1, 20)
        if problem.op == "-":
            a, b = max(a, b), min(a, b)
        elif problem.op in "*/":
            a, b = rng.randint(2, 9), rng.randint(2, 9)
            a = a * b if problem.op == "/" else a
        mine = {problem.places[0]: a, problem.places[1]: b}
        others = iter([str(mine.get(i) or rng.randint(1, 20)) for i in range(len(NUMBER.findall(problem.text)))])
        text = "".join(next(others) if NUMBER.fullmatch(piece) else piece for piece in PIECES.split(problem.text))
        out.append(Problem(text, a, problem.op, b, problem.places))
    return out


def rows() -> list[dict[str, str]]:
    """The dataset: question, the number alone as answer, split."""
    rng, (_, distil, heldout) = random.Random(1), parts()  # noqa: S311
    out = [(q, "train") for p in distil for q in drawn(p, VARIANTS["train"], rng)]
    out += [(q, "heldout") for p in heldout for q in drawn(p, VARIANTS["heldout"], rng)]
    return [{"question": p.text, "answer": str(p.result), "split": split} for p, split in out]


def ready() -> tuple[Path, Path]:
    """(folder of the teacher, JSONL of the rows), made when they are not there: some minutes on one core."""
    teacher, data = MADE / "teacher", MADE / "svamp.jsonl"
    if not (teacher / "config.json").exists():
        MADE.mkdir(exist_ok=True)
        data.write_text("".join(json.dumps(r) + "\n" for r in rows()), encoding="utf-8")
        _teach(teacher)
    return teacher, data


def _teach(folder: Path) -> None:
    torch.set_num_threads(1)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(START)
    model = LlamaForCausalLM.from_pretrained(START, dtype=torch.float32)
    rng, (own, _, heldout) = random.Random(2), parts()  # noqa: S311
    read = [Question(q.text, q.reasons, 0) for p in own for q in drawn(p, READ, rng)]
    asked = [Question(q.text, q.reasons, 0) for p in heldout for q in drawn(p, 2, rng)]
    for number in range(PASSES):
        fit(model, render(read, tokenizer), Stage("teacher reads", 1, 1e-3 if number < PASSES - 1 else 4e-4), number)
        say(
            f"after {number + 1} passes the teacher is right on {right(model, tokenizer, asked):.3f} of problems it has not read"
        )
    model.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@torch.inference_mode()
def right(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, questions: Sequence[Question]) -> float:
    """Share of questions whose greedy answer ends in the right number."""
    model.eval()
    hits = 0
    for begin in range(0, len(questions), 128):
        part = questions[begin : begin + 128]
        prompts = [f"<|user|>{q.text}<|assistant|>" for q in part]
        given = tokenizer(
            prompts, add_special_tokens=False, padding=True, return_tensors="pt", return_token_type_ids=False
        )
        out = model.generate(**given, max_new_tokens=32, do_sample=False)  # type: ignore[misc]
        texts = tokenizer.batch_decode(out[:, given["input_ids"].shape[1] :], skip_special_tokens=True)
        hits += sum(_last(t) == _last(q.answer) for t, q in zip(texts, part, strict=True))
    return hits / len(questions)


def _last(text: str) -> str:
    found = NUMBER.findall(text)
    return found[-1] if found else ""


def main(arguments: Iterable[str] = sys.argv[1:]) -> None:
    print(*ready(), sep="\n")


if __name__ == "__main__":
    main()
