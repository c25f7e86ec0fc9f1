"""A 4-bit base and an adapter learn from rows longer than the base's window, at changed positions; short rows score as before."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig

from jobs.distill import four_bit
from jobs.distill.answers import Speaker, decoding_of
from jobs.distill.evaluate import answer_bits
from jobs.distill.events import Events, read
from jobs.distill.generate import generate
from jobs.distill.models.config import eos_ids
from jobs.distill.rows import Renderer, Row, read_rows
from jobs.distill.run import distill
from jobs.distill.session import open_session
from jobs.distill.verify import verify
from jobs.distill.weights import load_model, load_tokenizer
from jobs.samples.catalog import DATASETS, MODELS
from tests.jobs.distill import tiny

SAMPLE = MODELS[0]  # knows 77 intents of a bank's customers; reads 512 tokens
WINDOW, HELDOUT = 512, 100
CPU = torch.device("cpu")
pytestmark = pytest.mark.slow


def renderer() -> Renderer:
    tokenizer = load_tokenizer(SAMPLE.folder)
    return Renderer(tokenizer, eos_ids(SAMPLE.folder, tokenizer.eos_token_id))


def long_and_short() -> list[dict[str, Any]]:
    """Held-out questions as they are. To train on: as many labelled ones alone, and behind 45 other questions."""
    data = DATASETS[0]
    found = read_rows(Path(data.folder) / data.rows, 0.0)
    labelled = [r for r in found if r.split != "heldout" and r.labelled]
    others = [r.question for r in found if not r.labelled]
    made = [_row(r, r.question, "heldout") for r in found if r.split == "heldout" and r.labelled][:HELDOUT]
    for n, row in enumerate(labelled[5::48]):
        made += [_row(row, row.question, "train"), _row(row, _behind(row, others, n), "train", "long-")]
    return made


def unseen() -> list[Row]:
    """Long rows that nothing was trained on."""
    data = DATASETS[0]
    found = read_rows(Path(data.folder) / data.rows, 0.0)
    others = [r.question for r in found if not r.labelled]
    labelled = [r for r in found if r.split != "heldout" and r.labelled][20::96]
    return [
        replace(r, messages=({"role": "user", "content": _behind(r, others, 40 + n)},)) for n, r in enumerate(labelled)
    ]


def _behind(row: Row, others: list[str], n: int) -> str:
    return "\n".join([*others[n * 45 : (n + 1) * 45], row.question])


def _row(row: Row, question: str, split: str, kind: str = "") -> dict[str, Any]:
    messages = [{"role": "user", "content": question}]
    return {
        "row_id": kind + row.row_id,
        "messages": messages,
        "answer": row.answer,
        "split": split,
        "line": 0,
        "source_id": None,
    }


def right(model: Any, rows: list[dict[str, Any]]) -> float:
    """Share of the rows answered with their intent."""
    reader = renderer()
    settings = decoding_of(speaker(model, reader), 24)
    said = generate(model, [reader.prompt(r["messages"]) for r in rows], settings, 50)
    return sum(reader.decode(s.ids).strip() == r["answer"] for s, r in zip(said, rows, strict=True)) / len(rows)


def speaker(model: Any, reader: Renderer) -> Speaker:
    return Speaker(lambda: model, reader, 2 * WINDOW)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    recipe = {
        "method": "llama3-80k-qlora",
        "options": {"times": 2, "rope_base": 40_000},
        "teacher": None,
        "student": {"model": SAMPLE.key, "adapter": {"rank": 8}},
        "train": {"steps": 6, "batch_size": 4, "learning_rate": 0.0005},
        "evaluation": {"max_new_tokens": 24, "batch_size": 50, "bootstrap": 200},
    }
    place = tiny.run_folder(tmp_path_factory.mktemp("run") / "run", recipe, long_and_short())
    listed = json.loads((place / "models.json").read_text())
    listed["student"] = {"folder": str(SAMPLE.folder), "key": SAMPLE.key, "revision": None}
    (place / "models.json").write_text(json.dumps({"student": listed["student"]}))
    distill(place, Events(place))
    return place


def test_it_learns_from_rows_that_the_base_could_not_read(done: Path) -> None:
    rows, reader = long_and_short(), renderer()
    lengths = [len(reader.prompt(r["messages"])) for r in rows if r["row_id"].startswith("long-")]
    assert len(lengths) == 16 and min(lengths) > WINDOW and max(lengths) < 2 * WINDOW
    events = list(read(done / "events.jsonl"))
    assert not [e for e in events if e["type"] == "log" and "left out" in e["message"]]
    losses = [e["values"]["loss"] for e in events if e["type"] == "metric" and "loss" in e["values"]]
    assert len(losses) == 6
    session = open_session(done, Events(done))
    base = session.open("student")
    assert base.context == 2 * WINDOW
    assert sum(four_bit.is_four_bit(m) for m in base.model.modules()) == 4 * 7
    examples = [base.renderer.example(r) for r in unseen()]
    assert len(examples) == 8 and min(len(e.ids) for e in examples) > WINDOW
    before = sum(answer_bits(speaker(base.model, base.renderer), examples))
    tuned = PeftModel.from_pretrained(base.model, str(done / "adapter")).eval()
    after = sum(answer_bits(speaker(tuned, base.renderer), examples))
    assert after < 0.9 * before, f"bits for the intents of unseen long rows: {before:.0f} before, {after:.0f} after"


def test_short_rows_score_as_before(done: Path) -> None:
    """Within a point of the model as it was given: full precision, its own positions, no adapter."""
    short = [r for r in long_and_short() if r["split"] == "heldout"]
    given = right(load_model(SAMPLE.folder, torch.float32, CPU), short)
    report = json.loads((done / "report.json").read_text())
    assert given > 0.75
    assert report["scores"]["student"]["value"] >= given - 0.01


def test_the_export_says_what_its_base_is_and_scores_the_same(done: Path) -> None:
    adapter, report = done / "adapter", json.loads((done / "report.json").read_text())
    assert report["student_base"]["quantise"] == "nf4" and report["student_base"]["computed_in"] == "float32"
    assert report["student_base"]["window"] == {"before": WINDOW, "after": 2 * WINDOW}
    assert any("embed_tokens" in n for n in load_file(adapter / "adapter_model.safetensors"))
    card = (adapter / "README.md").read_text()
    for word in (
        "base_config.json",
        "from 512 to 1,024 tokens",
        "BitsAndBytesConfig",
        "4 bits (NF4",
        "full-precision weights",
    ):
        assert word in card, word
    assert verify(adapter, SAMPLE.folder, done / "data" / "rows.parquet").score == report["scores"]["student"]["value"]


def test_the_card_s_own_lines_load_it_and_a_merged_model_has_the_positions(done: Path, tmp_path: Path) -> None:
    """As the card says it, with stock transformers and peft; then merged beside the full-precision base."""
    adapter, ids = done / "adapter", torch.arange(5, 705)[None]
    code = (adapter / "README.md").read_text().split("```python\n")[1].split("\n```")[0]
    code = code.replace(SAMPLE.key, str(SAMPLE.folder)).replace("PATH OF THIS FOLDER", str(adapter))
    names: dict[str, Any] = {}
    exec(code, names)
    config = AutoConfig.from_pretrained(adapter / "base_config.json")
    assert isinstance(names["four_bit"], BitsAndBytesConfig) and names["config"].to_dict() == config.to_dict()
    four_bit.keep_layout(names["model"])
    session = open_session(done, Events(done))
    ours = PeftModel.from_pretrained(session.open("student").model, str(adapter)).eval()
    with torch.no_grad():
        torch.testing.assert_close(names["model"].eval()(input_ids=ids).logits, ours(input_ids=ids).logits)
        whole = AutoModelForCausalLM.from_pretrained(SAMPLE.folder, config=config, dtype=torch.float32)
        tuned = PeftModel.from_pretrained(whole, str(adapter)).eval()
        wanted = tuned(input_ids=ids).logits
        tuned.merge_and_unload().save_pretrained(tmp_path / "merged")
        saved = json.loads((tmp_path / "merged" / "config.json").read_text())
        assert saved["max_position_embeddings"] == 1024 and saved["rope_parameters"]["rope_theta"] == 40_000
        again = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=torch.float32)
        torch.testing.assert_close(again(input_ids=ids).logits, wanted, rtol=1e-3, atol=1e-3)
    shutil.rmtree(tmp_path / "merged")
