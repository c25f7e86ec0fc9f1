from __future__ import annotations

import json

from tests.jobs.distill.writers.saying import every, row

DOCUMENT = "Cats purr. Dogs bark! Both sleep."


def structure(*references: list[int]) -> str:
    descriptions = [{"text": f"d{n}", "sentences": r} for n, r in enumerate(references)]
    return json.dumps({"scope": "Animals", "aspects": [{"aspect": "Sounds", "descriptions": descriptions}]})


def test_every_sentence_is_referenced() -> None:
    made, _ = every("structure", [row(DOCUMENT)], lambda q: structure([1, 2], [3]))
    assert json.loads(made[0].answer or "")["scope"] == "Animals"
    assert made[0].messages[-1]["content"].endswith("[1] Cats purr.\n[2] Dogs bark!\n[3] Both sleep.")
    outline, _ = every("structure", [row(DOCUMENT)], lambda q: structure([1, 2], [3]), form="outline")
    assert outline[0].answer == "Scope: Animals\nSounds:\n- d0 [1, 2]\n- d1 [3]"


def test_a_sentence_left_out_is_asked_for_again_and_then_refused() -> None:
    asked: list[str] = []
    _, reasons = every("structure", [row(DOCUMENT)], lambda q: asked.append(q) or structure([1]))
    assert reasons == ["2 of 3 sentences are named nowhere: 2, 3"] and "2, 3" in asked[1]
    assert every("structure", [row(DOCUMENT)], lambda q: structure([1, 2, 3, 9]))[1] == [
        "it names sentence 9; there are 3"
    ]
    assert "is missing" in every("structure", [row(DOCUMENT)], lambda q: "{}")[1][0]
