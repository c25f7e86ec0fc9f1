"""With a BM25 toy index chosen always has higher nDCG; tuned expander's nDCG >= SFT-only."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.distill import stages
from jobs.distill.answers import decoding_of
from jobs.distill.events import Events
from jobs.distill.generate import generate
from jobs.distill.pipeline.askers import as_it_ended
from jobs.distill.retrieval.bm25 import BM25
from jobs.distill.retrieval.gain import ndcg
from jobs.distill.session import open_session
from tests.jobs.distill import scripted

pytestmark = pytest.mark.slow  # whole runs, shared by its tests

TOPICS = ["cats", "rain", "gold", "ships", "bread", "stars", "wool", "salt", "bees", "ice", "fire", "sand"]
PASSAGES = [f"all about {t} and its {t} uses" for t in TOPICS]
ROWS = [(f"find {n}", "x") for n in range(12)]


def says(messages: list[dict[str, str]]) -> str:
    """With examples the teacher hits the topic, without it misses every other one."""
    n = int(messages[-1]["content"].rsplit("find ", 1)[1].split()[0])
    hit = n % 2 or "Answer: all" in messages[-1]["content"]
    return f"all {TOPICS[n]}" if hit else f"all {TOPICS[(n + 1) % 12]}"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    options = {"shots": 2, "answer_tokens": 24, "gap": 0.01, "first_rate": 0.01}
    train = {"steps": 6, "batch_size": 4, "learning_rate": 0.002}
    recipe = {"method": "query-expansion-dpo", "options": options, "train": train}
    rows = scripted.rows(ROWS, heldout=4, privileged=PASSAGES)
    return scripted.run(tmp_path_factory.mktemp("q") / "run", recipe, rows, says)[0]


def value(query: str, expansion: str, passage: str) -> float:
    found = [PASSAGES[f.place] for f in BM25(PASSAGES[:8]).search(" ".join([query] * 3 + [expansion]), 10)]
    return ndcg(found, {passage}, 10)


def test_what_is_chosen_finds_its_passage_better(done: Path) -> None:
    pairs = scripted.output(done, "by-retrieval")
    assert pairs
    for p in pairs:
        query = p["messages"][0]["content"]
        passage = PASSAGES[int(query.split()[1])]
        high, low = (value(query, p[side], passage) for side in ("chosen", "rejected"))
        assert high > low and p["lineage"]["scores"] == [pytest.approx(high), pytest.approx(low)]


def test_the_tuned_expander_is_no_worse_than_the_fine_tuned_one(done: Path) -> None:
    work = stages.begin(open_session(done, Events(done)))
    work.ended = {"fine-tune": "02-student", "prefer": "05-student"}
    means = []
    for stage in ("fine-tune", "prefer"):
        with as_it_ended(work, stage) as speaker:
            prompts = [speaker.renderer.prompt(({"role": "user", "content": f"find {n}"},)) for n in range(8)]
            said = generate(speaker.model, prompts, decoding_of(speaker, 24), 8)
        texts = [speaker.renderer.decode(a.ids) for a in said]
        means.append(sum(value(f"find {n}", t, PASSAGES[n]) for n, t in enumerate(texts)) / 8)
    assert means[1] >= means[0]
