from jobs.distill.plan import pairing


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
