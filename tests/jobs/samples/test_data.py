from jobs.samples.data import LABELLED_PER_INTENT, SHIPPED, intent_words, read_banking77, split_banking77
from jobs.samples.export import sample_rows
from jobs.samples.make import material


def keys(rows):
    return {row.key for row in rows}


def test_it_ships_the_licence_and_names_the_makers():
    notes = (SHIPPED / "README.md").read_text()
    assert "Attribution 4.0 International" in (SHIPPED / "banking77/LICENSE").read_text()
    assert "Attribution 3.0" in (SHIPPED / "clinc150/LICENSE").read_text()
    for owed in ("Casanueva", "CC BY 4.0", "Larson", "CC BY 3.0", "Changes made"):
        assert owed in notes


def test_it_writes_intents_in_words():
    assert intent_words("Refund_not_showing_up") == "refund not showing up"
    assert intent_words("reverted_card_payment?") == "reverted card payment"


def test_it_reads_questions_with_line_breaks_and_keeps_the_record_number():
    rows = read_banking77("test")
    assert len(rows) == 2310
    assert rows[0].text == "How do I locate my card?"
    assert rows[0].answer == "card arrival"
    assert rows[-1].line == 2310
    assert not any("\n" in row.text for row in rows)


def test_no_question_is_in_two_parts():
    parts = split_banking77()
    every = [*parts.teacher_half, *parts.labelled, *parts.unlabelled, *parts.heldout]
    assert len(keys(every)) == len(every)


def test_the_models_never_read_a_question_of_the_distillation():
    given = material()
    parts = given.banking
    read = keys(given.clinc) | keys(given.banking.teacher_half)
    assert not read & keys([*parts.labelled, *parts.unlabelled, *parts.heldout])


def test_the_halves_are_stratified():
    parts = split_banking77()
    for intent in parts.intents:
        taught = sum(row.answer == intent for row in parts.teacher_half)
        kept = sum(row.answer == intent for row in [*parts.labelled, *parts.unlabelled])
        assert 0 <= kept - taught <= 1
        assert sum(row.answer == intent for row in parts.labelled) == LABELLED_PER_INTENT


def test_the_dataset_shows_no_label_of_an_unlabelled_row():
    rows = sample_rows()
    labelled = [row for row in rows if row.split == "train" and row.answer]
    unlabelled = [row for row in rows if row.split == "train" and row.answer is None]
    heldout = [row for row in rows if row.split == "heldout"]
    assert (len(labelled), len(unlabelled), len(heldout)) == (770, 4250, 2309)
    assert all(row.answer for row in heldout)
    assert len({row.row_id for row in rows}) == len(rows)
