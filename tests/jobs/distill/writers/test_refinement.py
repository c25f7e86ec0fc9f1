from __future__ import annotations

import json
from collections.abc import Callable

from tests.jobs.distill.writers.saying import every, row

ROW = row("<p>Hi</p>", "old")


def speaker(*verdicts: tuple[str, str], draft: str = "draft", refined: str = "refined") -> Callable[[str], str]:
    said = iter(verdicts)

    def says(asked: str) -> str:
        if "Judge each answer" in asked:
            a, b = next(said)
            return json.dumps({"draft": a, "refined": b, "why": "A misses a line."})
        return refined if "A draft of the answer" in asked else draft

    return says


def test_the_rejected_draft_is_the_rejected_side_and_all_drafts_are_kept() -> None:
    made, _ = every("draft-refine-critique", [ROW], speaker(("reject", "accept")))
    fields = made[0].fields
    assert (made[0].answer, fields["chosen"], fields["rejected"], fields["gold"]) == (
        "refined",
        "refined",
        "draft",
        "old",
    )
    assert [(d["step"], d["text"], d["accepted"]) for d in fields["drafts"]] == [
        ("draft", "draft", False),
        ("refined", "refined", True),
    ]
    both, _ = every("draft-refine-critique", [ROW], speaker(("accept", "accept")))
    assert both[0].answer == "refined" and "rejected" not in both[0].fields


def test_both_rejected_starts_again_with_the_critics_words() -> None:
    asked: list[str] = []
    says = speaker(("reject", "reject"), ("accept", "reject"))
    made, _ = every("draft-refine-critique", [ROW], lambda q: asked.append(q) or says(q))
    assert len(asked) == 6 and "A misses a line." in asked[3] and len(made[0].fields["drafts"]) == 4
    assert (made[0].answer, made[0].fields["rejected"]) == ("draft", "refined")
    _, reasons = every("draft-refine-critique", [ROW], speaker(("reject", "reject")), rounds=1)
    assert reasons == ["the critic rejected all 2 texts; the last time: A misses a line."]


def test_what_is_no_json_is_rejected_whatever_the_critic_says() -> None:
    made, _ = every("draft-refine-critique", [ROW], speaker(("accept", "accept"), refined='{"a": 1}'), form="json")
    assert made[0].answer == '{"a": 1}' and made[0].fields["rejected"] == "draft"
    assert made[0].fields["checks"] == {"json": 0.5}
