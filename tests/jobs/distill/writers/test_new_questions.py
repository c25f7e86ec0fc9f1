from __future__ import annotations

from tests.jobs.distill.writers.saying import every, row, seeds

ROWS = [row(f"How do I open account {n}?", f"open {n}", domain="ab"[n % 2]) for n in range(12)]


def test_it_draws_other_examples_each_time_and_the_same_in_the_next_run() -> None:
    drawn = seeds("new-questions", ROWS, number=20, examples=3)
    assert len({tuple(r.row_id for r in s.rows) for s in drawn}) > 15 and all(len(s.rows) == 3 for s in drawn)
    assert [s.rows for s in seeds("new-questions", ROWS, number=20, examples=3)] == [s.rows for s in drawn]
    one_domain = seeds("new-questions", ROWS, number=10, examples=3, same_domain=True)
    assert all(len({r.fields["domain"] for r in s.rows}) == 1 for s in one_domain)


def test_it_writes_question_then_answer_and_leaves_out_what_repeats_an_example() -> None:
    def says(asked: str) -> str:
        if "Write one new question" in asked:
            return "how do I open account 3" if "account 3?" in asked else '"How do I close it?"'
        assert asked.endswith("Question: How do I close it?\nAnswer:")
        return " close "

    made, reasons = every("new-questions", ROWS, says, number=30, examples=4)
    assert made and all((m.messages[-1]["content"], m.answer) == ("How do I close it?", "close") for m in made)
    assert reasons and set(reasons) == {"it repeats one of the questions it was shown"}
    assert len(made) + len(reasons) == 30
    plain, _ = every("new-questions", ROWS, says, number=5, examples=1, answered=False)
    assert all(m.answer is None for m in plain)
