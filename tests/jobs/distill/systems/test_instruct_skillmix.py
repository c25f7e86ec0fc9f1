"""All skill pairs sampled within 2x of uniform; a 20% planted-shirker arm scores lower in the report."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tests.jobs.distill import scripted
from tests.jobs.distill.systems import writing

SKILLS = ["ab", "cd", "ef", "gh"]
ROWS = [(f"do {s}", f"{s}!") for s in SKILLS]


def says(shirker: bool = False):
    def answer(asked: str) -> str:
        if "Which skills" in asked:
            return json.dumps({"skills": [asked.split("Question: do ")[1][:2]]})
        if "Write one question" in asked:
            return "use " + " ".join(line[2:] for line in asked.splitlines() if line.startswith("- "))
        lazy = shirker and asked.split()[1].startswith("c")  # a fifth of the pairs begin so
        return "dunno" if lazy else "yes " + asked.split()[1]

    return answer


def test_pairs_of_the_rows_skills_are_even(tmp_path: Path) -> None:
    folder = writing.run(tmp_path, "instruct-skillmix", ROWS, says(), {"number": 15, "sampling": 0})
    assert [r["skills"] for r in scripted.output(folder, "skills")] == [[s] for s in SKILLS]
    made, copies = scripted.output(folder, "mixed-rows"), scripted.rejected(folder, "mixed-rows")
    assert len(made) == 6 and {r["code"] for r in copies} == {"copy"}, "a greedy teacher repeats itself"
    counts = Counter(r["question"] for r in copies) + Counter(r["messages"][0]["content"] for r in made)
    assert len(counts) == 6 and sum(counts.values()) == 15 and max(counts.values()) <= 2 * min(counts.values())
    assert len(writing.losses(folder)) == 2
