import json
import time

import pytest

from jobs.distill.errors import ModelRejected
from jobs.distill.models.inspect import inspect_model
from jobs.distill.models.tokenizer import read_tokenizer, vocabulary_sha256


def test_it_hashes_the_map_and_not_its_order():
    assert vocabulary_sha256({"a": 0, "b": 1}) == vocabulary_sha256({"b": 1, "a": 0})
    assert vocabulary_sha256({"a": 0, "b": 1}) != vocabulary_sha256({"a": 1, "b": 0})


def test_it_finds_every_end_token(tiny):
    (tiny / "generation_config.json").write_text(json.dumps({"eos_token_id": [1, 3]}))
    assert read_tokenizer(tiny).eos_ids == [1, 3]


def test_it_says_when_the_tokenizer_adds_a_beginning(tiny):
    assert read_tokenizer(tiny).adds_bos is False
    data = json.loads((tiny / "tokenizer.json").read_text())
    data["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<|user|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<|user|>": {"id": "<|user|>", "ids": [2], "tokens": ["<|user|>"]}},
    }
    (tiny / "tokenizer.json").write_text(json.dumps(data))
    settings = json.loads((tiny / "tokenizer_config.json").read_text())
    (tiny / "tokenizer_config.json").write_text(json.dumps(settings | {"bos_token": {"content": "<|user|>"}}))
    facts = read_tokenizer(tiny)
    assert facts.adds_bos and facts.bos_id == 2


def bomb_replace(data):
    data["normalizer"] = {
        "type": "Sequence",
        "normalizers": [{"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 1000} for _ in range(5)],
    }


def bomb_regex(data):
    data["normalizer"] = {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": "b"}


@pytest.mark.parametrize("bomb", [bomb_replace, bomb_regex, lambda d: d.clear(), lambda d: d.update(model=None)])
def test_it_survives_a_tokenizer_that_kills_its_process(tiny, bomb):
    data = json.loads((tiny / "tokenizer.json").read_text())
    bomb(data)
    (tiny / "tokenizer.json").write_text(json.dumps(data))
    started = time.monotonic()
    with pytest.raises(ModelRejected, match="tokenizer could not be loaded"):
        read_tokenizer(tiny)
    assert time.monotonic() - started < 40


def test_it_refuses_too_many_added_tokens(tiny):
    data = json.loads((tiny / "tokenizer.json").read_text())
    data["added_tokens"] = [{"id": i} for i in range(100_001)]
    (tiny / "tokenizer.json").write_text(json.dumps(data))
    with pytest.raises(ModelRejected, match="100,000"):
        read_tokenizer(tiny)


def test_it_says_how_to_make_a_missing_tokenizer(tiny):
    (tiny / "tokenizer.json").unlink()
    with pytest.raises(ModelRejected) as e:
        inspect_model(tiny)
    assert "save_pretrained" in e.value.hint


@pytest.mark.parametrize(
    "template", ["{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "{{ 'x' * 10**10 }}"]
)
def test_it_gives_a_template_of_a_stranger_little_time_and_memory(tiny, template):
    (tiny / "chat_template.jinja").write_text(template)
    with pytest.raises(ModelRejected):
        read_tokenizer(tiny, seconds=3)
