from __future__ import annotations

import json

from tests.jobs.distill.writers.saying import every, row

ANNA = row("Anna lives in Bonn.", entities=[{"entity": "Anna", "type": "person"}, {"entity": "Bonn", "type": "city"}])
DRUG = row("Aspirin helps.", entities=[{"entity": "Aspirin", "type": "drug"}])
NONE = row("It rains.", entities=[])


def silent(asked: str) -> str:
    raise AssertionError("nobody is asked")


def test_entities_stand_in_the_passage_and_invented_ones_are_counted() -> None:
    said = [{"entity": "Anna", "type": " Person "}, {"entity": "Berlin", "type": "city"}]
    made, reasons = every(
        "find-entities", [row("Anna lives in Bonn."), row("It rains.")], lambda q: json.dumps({"items": said})
    )
    assert (
        made[0].fields["entities"] == [{"entity": "Anna", "type": "person"}] and made[0].fields["entities_dropped"] == 1
    )
    assert reasons == ["none of its entities stands in the passage"]


def test_one_question_a_type_and_negatives_with_an_empty_list() -> None:
    made, reasons = every("entity-questions", [ANNA, DRUG, NONE], silent, negatives=1)
    by_text: dict[str, dict[str, list[str]]] = {}
    for m in made:
        passage = m.messages[-1]["content"].removeprefix("Text: ").split("\n\n")[0]
        by_text.setdefault(passage, {})[m.fields["entity_type"]] = json.loads(m.answer or "")
        assert m.fields["negative"] == (json.loads(m.answer or "") == [])
    assert by_text[ANNA.question] == {"drug": [], "person": ["Anna"], "city": ["Bonn"]}
    assert len(by_text[DRUG.question]) == 2 and by_text[DRUG.question]["drug"] == ["Aspirin"]
    assert list(by_text[NONE.question].values()) == [[]] and not reasons
    assert every("entity-questions", [NONE], silent, negatives=0)[1] == [
        "the passage has no entities, and no negative types were asked for"
    ]
