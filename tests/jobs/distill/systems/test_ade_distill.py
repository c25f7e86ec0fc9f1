"""Every span of the teacher's JSON lands on its characters and tokens; the tagger is scored by span F1 against gold spans."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from jobs.distill.data.read_conll import spans as of_tags
from jobs.distill.labelling.labels import Labels
from jobs.distill.labelling.reading import Reader
from jobs.distill.labelling.spans import place, spans_of_text
from jobs.distill.rows import Row
from tests.jobs.distill import scripted, tiny
from tests.jobs.distill.labelling import small

WNUT = Path(__file__).resolve().parents[3] / "data" / "tagged" / "wnut17.conll"


def sentences() -> list[tuple[str, str, list[tuple[int, int, str]]]]:
    """(text, the entities as a teacher lists them, their characters) of real tagged sentences."""
    out = []
    for block in WNUT.read_text(encoding="utf-8").split("\n\n"):
        pairs = [line.split("\t") for line in block.splitlines() if line.strip()]
        tokens, tags = [p[0] for p in pairs], [p[-1] for p in pairs]
        starts = [sum(len(t) + 1 for t in tokens[:i]) for i in range(len(tokens))]
        found = [(starts[a], starts[b - 1] + len(tokens[b - 1]), kind) for kind, a, b in of_tags(tags)]
        text = " ".join(tokens)
        out.append((text, json.dumps([{"type": k, "text": text[a:b]} for a, b, k in found]), found))
    return out


@pytest.mark.parametrize("tokenizer", [tiny.tokenizer, small.tokenizer])
def test_every_span_of_real_sentences_is_placed_and_tagged(tokenizer) -> None:
    """Offset check: spans by text alone come out at the annotators' characters, and back out of the tags. All of them."""
    given = sentences()
    kinds = sorted({kind for *_, found in given for *_, kind in found})
    reader, spans = Reader(tokenizer(), Labels.tags(kinds), 4096), 0
    for text, answer, gold in given:
        placed = place(spans_of_text(answer) or [], text, kinds)
        assert placed.lost == () and [(s.start, s.end, s.kind) for s in placed.spans] == gold
        row = Row("r", ({"role": "user", "content": text},), answer, "train", 0, True)
        assert reader.example(row, answer)[1] == []
        spans += len(gold)
    assert spans > 60


@pytest.mark.slow
def test_a_tagger_learns_from_the_teacher_s_json(tmp_path: Path) -> None:
    """No training row has gold but four; the teacher marks the others over HTTP. One list is broken and is listed."""
    given = small.tagged(40, 12)
    gold = {r["messages"][0]["content"]: r["answer"] for r in given}
    for row in given[4:40]:
        row["answer"] = None
    broken = given[4]["messages"][0]["content"]
    asked: list[str] = []

    def says(messages: list[dict[str, str]]) -> str:
        asked.append("\n".join(m["content"] for m in messages))
        text = next(t for t in gold if t in messages[-1]["content"])
        return "I see no list" if text == broken else f"```json\n{gold[text]}\n```"

    train = {"steps": 60, "batch_size": 8, "learning_rate": 0.01}
    recipe = {
        "method": "ade-distill",
        "train": train,
        "student": {"model": "sample/student", "adapter": {"rank": 4, "alpha": 8}},
    }
    folder, _ = scripted.run(tmp_path / "run", recipe, given, says)
    report = json.loads((folder / "report.json").read_text())
    assert (
        report["metric"] == "span_f1" and report["scores"]["student"]["value"] > 0.7 > report["scores"]["base"]["value"]
    )
    assert asked and all("JSON list" in a for a in asked)
    lost = [json.loads(line) for line in (folder / "outputs" / "spans-lost.jsonl").read_text().splitlines()]
    assert {x["row_id"] for x in lost} >= {given[4]["row_id"]} and "no JSON list" in lost[0]["why"]
