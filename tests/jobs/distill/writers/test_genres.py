from __future__ import annotations

import json

from tests.jobs.distill.writers.saying import every, row

DOCUMENT = "The harbour of the town was built by Romans and is still used by fishing boats every morning."
PAIRS = [
    {"genre": g, "audience": a}
    for g, a in (("tale", "children"), ("news", "sailors"), ("guide", "tourists"), ("Tale", "Children."))
]
TOLD = {
    "tale": "Once a little boat asked who made its home. Romans did, said the quay.",
    "news": "Fishermen praise ancient engineering: the Roman port works on.",
    "guide": "Come at dawn to watch crews sail out of a Roman port.",
}


def says(asked: str) -> str:
    if "Name 3 pairs" in asked:
        return json.dumps({"items": PAIRS})
    return TOLD[asked.split("Genre: ")[1].split("\n")[0]]


def test_each_source_gives_k_variants_with_tags() -> None:
    made, reasons = every("genre-audience", [row(DOCUMENT, domain="towns")], says, variants=3)
    assert [m.fields["genre"] for m in made] == ["tale", "news", "guide"] and not reasons
    assert all(m.answer is None and m.fields["overlap"] < 0.3 and m.fields["domain"] == "towns" for m in made)
    asked, _ = every("genre-audience", [row(DOCUMENT)], says, variants=3, shape="answer")
    assert asked[0].answer == TOLD["tale"] and asked[0].messages[-1]["content"].startswith(
        "Tell this as tale for children"
    )


def test_a_variant_that_copies_is_left_out_with_its_overlap() -> None:
    made, reasons = every(
        "genre-audience",
        [row(DOCUMENT)],
        lambda q: says(q) if "Genre: tale" in q or "Name" in q else DOCUMENT,
        variants=3,
    )
    assert len(made) == 1 and reasons == ["100% of it stands in its source or an earlier variant, 50% may"] * 2


def test_pairs_that_repeat_do_not_count() -> None:
    few = json.dumps({"items": [PAIRS[0], PAIRS[3]]})
    assert every("genre-audience", [row(DOCUMENT)], lambda q: few, variants=2)[1] == [
        "2 different pairs of genre and audience were asked for, it has 1"
    ]
