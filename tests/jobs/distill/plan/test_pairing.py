import pytest

from jobs.distill.plan import licences
from jobs.distill.plan.pairing import pairing


def item(verdict, topic):
    return next(i for i in verdict.items if i.topic == topic)


def test_it_says_that_a_good_pair_is_one(desk):
    found = pairing(desk.model("student"), desk.model("teacher", 160))
    assert found.same_vocabulary and found.headline.startswith("A good pair")
    assert {i.state for i in found.items} == {"ok"}


def test_it_compares_maps_and_not_sizes(desk):
    """151,936 and 152,064 rows with one tokenizer are one vocabulary; equal sizes with different maps are two."""
    padded = pairing(desk.model("student"), desk.model("teacher", 256, vocab_rows=4224))
    assert padded.same_vocabulary
    assert "padding" in item(padded, "vocabulary").text and "4,224" in item(padded, "vocabulary").text
    other = pairing(desk.model("student"), desk.model("teacher", 256, vocab_sha256=desk.OTHER))
    assert not other.same_vocabulary and item(other, "vocabulary").state == "warning"
    assert "methods made for them" in other.headline


def test_it_notices_templates_ends_and_beginnings(desk):
    teacher = desk.model("teacher", 256, template_sha256="e" * 64, eos_ids=[2], adds_bos=True)
    found = pairing(desk.model("student"), teacher)
    assert {i.topic for i in found.items if i.state == "warning"} == {"template", "end of text", "beginning of text"}
    assert "template" in found.headline
    assert (
        "has no chat template" in item(pairing(desk.model("student", template_sha256=None), teacher), "template").text
    )


def test_it_notes_special_tokens_context_and_architecture(desk):
    teacher = desk.model("teacher", 256, special={"<|end|>": 1, "<|tool|>": 9}, context=128, model_type="qwen2")
    found = pairing(desk.model("student"), teacher)
    assert "<|tool|>" in item(found, "special tokens").text
    assert "128" in item(found, "context").text and "teacher's limit" in item(found, "context").text
    assert item(found, "architecture").state == "note"


def test_it_states_the_capacity_gap_without_refusing(desk):
    assert item(pairing(desk.model("student"), desk.model("teacher", parameters=10**9)), "capacity").state == "note"
    assert "smaller" in item(pairing(desk.model("student"), desk.model("teacher", 64)), "capacity").text


def test_it_reads_licences(desk):
    open_, closed = desk.model("teacher"), desk.model("teacher", licence="cc-by-nc-4.0")
    assert item(pairing(desk.model("student"), closed), "licence").state == "warning"
    assert (
        item(pairing(desk.model("student"), desk.model("teacher", licence="qwen-research")), "licence").state
        == "warning"
    )
    assert item(pairing(desk.model("student", licence=None), open_), "licence").state == "note"
    assert item(pairing(desk.model("student", licence="tencent"), open_), "licence").state == "ok"


def test_it_gives_each_line_a_word_and_says_what_to_do(desk):
    found = pairing(
        desk.model("student"), desk.model("teacher", 256, eos_ids=[2], template_sha256="e" * 64, licence=None)
    )
    assert all(i.word and i.text.endswith(".") for i in found.items)
    assert all(i.advice for i in found.items if i.state in ("note", "warning", "blocked"))
    assert item(found, "capacity").source.startswith("https://aclanthology.org/")


@pytest.mark.parametrize(
    ("licence", "state", "word"),
    [
        ("Apache-2.0", "ok", "may train on outputs"),
        ("llama3.1", "note", "may train on outputs, with terms"),
        ("gemma", "note", "may train on outputs, with terms"),
        ("cc-by-nc-4.0", "warning", "not for commercial use"),
        ("llama2", "blocked", "may not train other models"),
        ("acme-1.0", "note", "not known"),
        (None, "note", "not known"),
    ],
)
def test_it_says_whether_a_licence_lets_outputs_train(desk, licence, state, word):
    student = desk.model("student", model_type="qwen2")
    line = item(pairing(student, desk.model("teacher", 256, licence=licence)), "licence")
    assert (line.state, line.word) == (state, word)
    assert line.source.startswith("https://") or licences.find(licence) is None


def test_a_licence_that_forbids_is_in_the_headline_and_warns_in_the_plan(desk):
    teacher = desk.model("teacher", 256, licence="tencent-hunyuan")
    assert "forbids" in pairing(desk.model("student"), teacher).headline
    plan = desk.plan(teacher=teacher)
    assert [p.field for p in plan.warnings if p.code == "LICENCE_FORBIDS"] == ["teacher.model"]
    assert plan.ok


def test_its_own_family_may_learn_from_a_model_whose_licence_forbids_others(desk):
    line = item(pairing(desk.model("student"), desk.model("teacher", 256, licence="llama2")), "licence")
    assert line.state == "note"
