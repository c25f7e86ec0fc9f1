import pytest

from jobs.samples.data import Question
from jobs.samples.make import hashes, make, material
from jobs.samples.tokenizer import train_tokenizer
from jobs.samples.train import render


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(material().tokenizer_texts)


def test_it_makes_the_same_bytes_twice(tmp_path):
    make(tmp_path / "once", tiny=True)
    make(tmp_path / "again", tiny=True)
    assert hashes(tmp_path / "once") == hashes(tmp_path / "again")


def test_another_seed_makes_other_weights(tmp_path):
    make(tmp_path / "once", tiny=True)
    make(tmp_path / "other", tiny=True, seed=1)
    once, other = hashes(tmp_path / "once"), hashes(tmp_path / "other")
    assert {path for path in once if once[path] != other[path]} == {
        "models/banking77-student/model.safetensors",
        "models/banking77-teacher/model.safetensors",
    }


def test_it_trains_on_what_the_chat_template_writes(tokenizer):
    question = Question("Where is my card? I paid £20.", "card arrival", 1)
    (row,) = render([question], tokenizer)
    messages = [{"role": "user", "content": question.text}, {"role": "assistant", "content": question.answer}]
    assert row.ids == tokenizer.apply_chat_template(messages)["input_ids"]
    asked = tokenizer.apply_chat_template(messages[:1], add_generation_prompt=True)["input_ids"]
    assert row.ids[: row.start] == asked


def test_the_tokenizer_keeps_every_byte_and_splits_digits(tokenizer):
    text = "Überweisung 2024 — 20£\n\tok"
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text
    assert [tokenizer.decode([piece]) for piece in tokenizer("1234")["input_ids"]] == list("1234")
