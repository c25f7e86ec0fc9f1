from __future__ import annotations

import json

import pytest

from tests.jobs.distill.writers.saying import every, row

SAID = json.dumps({"items": [{"question": f"q{n}?", "answer": f"a{n}"} for n in range(4)]})


@pytest.mark.parametrize("shown", [False, True])
def test_a_document_gives_several_rows(shown: bool) -> None:
    made, _ = every(
        "document-questions", [row("Cats purr.", domain="cats")], lambda q: SAID, each=3, with_document=shown
    )
    before = "Cats purr.\n\n" if shown else ""
    assert [m.messages[-1]["content"] for m in made] == [f"{before}q{n}?" for n in range(3)]
    assert made[0].answer == "a0" and made[0].fields["domain"] == "cats" and not made[0].same


def test_half_a_reply_is_listed_with_the_path() -> None:
    _, reasons = every("document-questions", [row("d")], lambda q: '{"items": [{"question": "a"}]}')
    assert reasons == ["the JSON is not as asked: $.items[0]: 'answer' is missing"]
