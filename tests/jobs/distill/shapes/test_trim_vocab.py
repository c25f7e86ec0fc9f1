"""Fewer tokens: the kept texts are cut as before, kept tokens keep their logits, a whole-vocabulary teacher is read over them."""

import json

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from jobs.distill.errors import PlanRefused
from jobs.distill.output_layer import Head
from jobs.distill.shapes.tokens import trim
from jobs.distill.shapes.vocabulary import kept_head, kept_ids
from tests.jobs.distill import tiny

from .making import loaded, logits, made

TEXT = [r["messages"][0]["content"] for r in tiny.rows()] + tiny.LABELS + ["the quick brown fox jumps over it"] * 9


def merged_tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE with some hundred merges."""
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=360, special_tokens=tiny.SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )  # fmt: skip
    inner.train_from_iterator(TEXT * 3, trainer)
    made = PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<|end|>", pad_token="<|pad|>")
    made.chat_template = tiny.TEMPLATE
    return made


@pytest.fixture
def model(tmp_path):
    tokenizer = merged_tokenizer()
    torch.manual_seed(2)
    config = LlamaConfig(
        vocab_size=len(tokenizer) + 8, hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=128, eos_token_id=tokenizer.eos_token_id, bos_token_id=None,
        pad_token_id=tokenizer.pad_token_id, initializer_range=0.15, tie_word_embeddings=False,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(tmp_path / "m")
    tokenizer.save_pretrained(tmp_path / "m")
    return tmp_path / "m"


def test_kept_tokens_keep_their_logits_and_text_is_cut_as_before(tmp_path, model):
    folder, note = made(tmp_path, model, kind="trim_vocab")
    old, new = AutoTokenizer.from_pretrained(model), AutoTokenizer.from_pretrained(folder)
    assert len(new) < len(old) and loaded(folder).config.vocab_size == len(new) == note["measured"]["tokens"]
    text = old.apply_chat_template([{"role": "user", "content": "my card is gone please 3"}], tokenize=False)
    before, after = (t(text, add_special_tokens=False)["input_ids"] for t in (old, new))
    assert old.convert_ids_to_tokens(before) == new.convert_ids_to_tokens(after)
    assert new.decode(after) == text
    kept = kept_ids(new.get_vocab(), old.get_vocab())
    torch.testing.assert_close(
        logits(loaded(folder), after), logits(loaded(model), before)[:, kept], atol=1e-6, rtol=1e-6
    )


def test_any_text_can_still_be_written(tmp_path, model):
    """Bytes stay, so words nobody has seen are spelled out."""
    folder, _ = made(tmp_path, model, kind="trim_vocab", limit=1)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    text = "Grüße, žluťoučký kůň! 漢字"
    assert tokenizer.decode(tokenizer(text, add_special_tokens=False)["input_ids"]) == text


def test_special_tokens_and_the_end_move_along(tmp_path, model):
    folder, _ = made(tmp_path, model, kind="trim_vocab")
    tokenizer, config = AutoTokenizer.from_pretrained(folder), loaded(folder).config
    assert tokenizer.eos_token == "<|end|>" and config.eos_token_id == tokenizer.eos_token_id
    assert config.pad_token_id == tokenizer.pad_token_id
    assert json.loads((folder / "generation_config.json").read_text())["eos_token_id"] == tokenizer.eos_token_id


def test_a_unigram_tokenizer_keeps_its_best_cut(tmp_path):
    inner = Tokenizer(models.Unigram())
    inner.pre_tokenizer = pre_tokenizers.Metaspace()
    inner.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=90, special_tokens=["<unk>", "<end>"], unk_token="<unk>", show_progress=False
    )
    inner.train_from_iterator(TEXT, trainer)
    PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="<end>", unk_token="<unk>").save_pretrained(tmp_path)
    before = inner.encode("how do I top up")
    rebuilt = trim(tmp_path, dict.fromkeys(before.ids, 1), 1, None, [])
    after = Tokenizer.from_str(rebuilt.files["tokenizer.json"])
    assert after.get_vocab_size() < inner.get_vocab_size()
    assert after.encode("how do I top up").tokens == before.tokens


def test_other_kinds_of_tokenizers_are_refused(tmp_path):
    inner = Tokenizer(models.WordLevel({"a": 0, "b": 1}, unk_token="a"))
    PreTrainedTokenizerFast(tokenizer_object=inner, eos_token="b").save_pretrained(tmp_path)
    with pytest.raises(PlanRefused, match="this one is WordLevel"):
        trim(tmp_path, {0: 1}, 1, None, [])


def test_a_teacher_of_the_whole_vocabulary_is_read_over_the_kept_ids():
    whole, ids = {"a": 0, "b": 1, "c": 2, "d": 3}, kept_ids({"b": 0, "d": 1}, {"a": 0, "b": 1, "c": 2, "d": 3})
    assert ids is not None and ids.tolist() == [1, 3]
    assert kept_ids({"x": 0}, whole) is None and kept_ids({"a": 1}, whole) is None
    head, hidden = Head(torch.randn(4, 6), torch.randn(4), scale=0.5), torch.randn(3, 6)
    torch.testing.assert_close(kept_head(head, ids).logits(hidden), head.logits(hidden)[:, ids])
