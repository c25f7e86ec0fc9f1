from __future__ import annotations

import json

from tests.jobs.distill.writers.saying import every, row, seeds

TASK = [row("Is my card blocked?", "card"), row("Why was my transfer refused?", "transfer")] * 2
STORE = [
    row("The card was swallowed and blocked by the machine", domain="forum"),
    row("My transfer was refused twice this week, why?", domain="forum"),
    row("Roses need water", domain="forum"),
]


def says(asked: str) -> str:
    source = asked.split("Material from elsewhere:\n\n")[1].split("\n\n---")[0]
    answer = "Card." if "card" in source else "flowers"
    return json.dumps({"question": f"About: {source}", "rationale": "It says so.", "answer": answer})


def test_the_most_similar_rows_are_found_first_with_their_source() -> None:
    found = seeds("retrieve-transform", [*TASK, *STORE], store=["forum"])
    assert [s.row.question[:3] for s in found] == ["My ", "The"], "the rose shares no word with the task"
    assert all(0 < s.values["similarity"] <= 1 for s in found)
    assert len(seeds("retrieve-transform", [*TASK, *STORE], store=["forum"], number=1)) == 1
    assert seeds("retrieve-transform", [*TASK, *STORE], store=["forum"], least=0.99) == []


def test_a_row_keeps_source_and_similarity_and_its_answer_is_one_of_the_tasks() -> None:
    made, reasons = every("retrieve-transform", [*TASK, *STORE], says, store=["forum"])
    fields = made[0].fields
    assert (fields["source_id"], fields["source_domain"], made[0].answer) == (STORE[0].row_id, "forum", "card")
    assert fields["rationale"] == "It says so." and 0 < fields["similarity"] <= 1
    assert reasons == ["'flowers' is none of the task's 2 answers"]


def test_material_of_no_use_is_said_so() -> None:
    said = json.dumps({"question": "...", "rationale": "", "answer": "-"})
    assert set(every("retrieve-transform", [*TASK, *STORE], lambda q: said, store=["forum"])[1]) == {
        "the model finds it of no use for the task"
    }
