from __future__ import annotations

from tests.jobs.distill.writers.saying import every, row

IRAC = "**Issue**: a\nRule: b\nApplication:\nc\n## Conclusion\nd"
ROW = row("May she sue?", "B", rationale="Because of the lease.")


def test_the_sections_become_the_rationale_and_the_answer_stays() -> None:
    made, _ = every("section-rewrite", [ROW], lambda q: IRAC)
    assert made[0].fields["rationale"] == "Issue: a\nRule: b\nApplication: c\nConclusion: d"
    assert made[0].answer == "B" and made[0].fields["structured"] is True and made[0].same


def test_what_lacks_a_section_twice_is_left_out_or_marked() -> None:
    asked: list[str] = []
    _, reasons = every("section-rewrite", [ROW], lambda q: asked.append(q) or "Issue: a\nRule: b\nConclusion: d")
    assert reasons == ["the section 'Application' is missing, in the second try too"]
    assert "Application" in asked[1].splitlines()[-1] and len(asked) == 2
    marked, _ = every("section-rewrite", [ROW], lambda q: "no", fails="mark")
    assert marked[0].fields["structured"] is False and marked[0].fields["rationale"] == "Because of the lease."


def test_a_second_try_may_heal_and_own_headings_serve() -> None:
    said = iter(["Claim: a", "Claim: a\nReason: b"])
    made, _ = every("section-rewrite", [ROW], lambda q: next(said), sections="own", headings=["Claim", "Reason"])
    assert made[0].fields["rationale"] == "Claim: a\nReason: b"
    assert every("section-rewrite", [row("q")], lambda q: IRAC)[1] == ["there is no explanation to rewrite"]
