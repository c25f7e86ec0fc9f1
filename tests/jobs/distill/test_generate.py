from __future__ import annotations

from typing import Any

import pytest
import torch

from jobs.distill.generate import Decoding, batches_by_length, generate
from jobs.distill.weights import load_model
from tests.jobs.distill import tiny

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Any:
    torch.set_num_threads(1)
    return load_model(tiny.model(tmp_path_factory.mktemp("m") / "t", 1), torch.float32, CPU)


PROMPTS = [[2, 70 + i, *range(80, 80 + 3 * i), 3] for i in range(7)]


@torch.no_grad()
def slow(model: Any, prompt: list[int], longest: int, ends: tuple[int, ...]) -> tuple[list[int], bool]:
    """One row, no cache, no padding."""
    ids = list(prompt)
    for _ in range(longest):
        token = int(model(input_ids=torch.tensor([ids])).logits[0, -1].argmax())
        if token in ends:
            return ids[len(prompt) :], True
        ids.append(token)
    return ids[len(prompt) :], False


def frequent(model: Any) -> int:
    """A token that this model likes to say, so that answers end at different times."""
    said = [t for p in PROMPTS for t in slow(model, p, 12, ())[0][2:]]
    return max(set(said), key=said.count)


@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_batches_say_what_single_rows_say(model: Any, batch_size: int) -> None:
    ends = (1, frequent(model))
    made = generate(model, PROMPTS, Decoding(12, ends), batch_size)
    wanted = [slow(model, p, 12, ends) for p in PROMPTS]
    assert [(a.ids, a.finished) for a in made] == wanted
    assert len({len(a.ids) for a in made}) > 2


def test_an_answer_that_was_cut_is_not_finished(model: Any) -> None:
    assert not any(a.finished for a in generate(model, PROMPTS, Decoding(3, ()), 4))


def test_samples_depend_on_seed_and_prompt_not_on_the_batch(model: Any) -> None:
    hot = Decoding(8, (1,), temperature=1.5, seed=4)
    alone, together = generate(model, PROMPTS, hot, 1), generate(model, PROMPTS, hot, 7)
    assert [a.ids for a in alone] == [a.ids for a in together]
    assert [a.ids for a in alone] != [
        a.ids for a in generate(model, PROMPTS, Decoding(8, (1,), temperature=1.5, seed=5), 7)
    ]


def test_the_longest_prompts_come_first() -> None:
    assert batches_by_length([[1], [1, 2, 3], [1, 2], [1, 2, 3]], 2) == [[1, 3], [2, 0]]


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_prompts_that_take_the_place_of_ended_answers_are_answered_alike(model: Any, temperature: float) -> None:
    ends, hot = (1, frequent(model)), {"temperature": temperature, "seed": 4}
    alone = generate(model, PROMPTS, Decoding(12, ends, **hot), 1)
    for batch_size in (2, 3, 4):
        assert generate(model, PROMPTS, Decoding(12, ends, **hot), batch_size, refill=True) == alone


def test_it_tells_the_token_an_answer_ended_with(model: Any) -> None:
    ends = (1, frequent(model))
    for a in generate(model, PROMPTS, Decoding(12, ends), 7):
        assert (a.end in ends) == a.finished and not set(a.ids) & set(ends)


def test_each_prompt_has_its_own_room_and_its_own_draws(model: Any) -> None:
    hot = Decoding(8, (), temperature=1.5)
    made = generate(model, PROMPTS, hot, 4, refill=True, room=[0, 1, 2, 3, 4, 5, 6], seeds=[7] * 7)
    assert [len(a.ids) for a in made] == [0, 1, 2, 3, 4, 5, 6]
    twice = generate(model, [PROMPTS[3]] * 2, hot, 2, seeds=[7, 8])
    assert twice[0].ids[:3] == made[3].ids and twice[0].ids != twice[1].ids


def test_ids_beyond_the_vocabulary_are_never_said(model: Any) -> None:
    made = generate(model, PROMPTS, Decoding(8, (), temperature=5.0), 7, vocab=90)
    assert max(t for a in made for t in a.ids) < 90
