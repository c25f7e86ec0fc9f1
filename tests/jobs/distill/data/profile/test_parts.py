"""Languages, labels, personal data, samples and runs of words, one by one."""

from __future__ import annotations

from typing import Any

import pytest

from jobs.distill.data.private import covered, find, masked
from jobs.distill.data.profile.contamination import evaluation, runs
from jobs.distill.data.profile.labels import alike, one_letter_apart
from jobs.distill.data.profile.languages import language
from jobs.distill.data.profile.lengths import costs
from jobs.distill.data.profile.sample import Sample, Splits
from jobs.distill.data.split import assign_splits, row_id_of


def row(text: str, answer: str | None = "x", split: str | None = None, number: int = 1) -> dict[str, Any]:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}]
    return {
        "row_id": row_id_of(messages, answer),
        "messages": messages,
        "answer": answer,
        "split": split,
        "number": number,
    }


@pytest.mark.parametrize(("text", "name"), [
    ("When does the card that I ordered arrive at my house?", "English"), ("Warum ist meine Karte noch nicht da?", "German"),
    ("Pourquoi est-ce que ma carte ne marche pas dans ce magasin ?", "French"), ("¿Por qué no funciona mi tarjeta en la tienda?", "Spanish"),
    ("Perché la mia carta non funziona con questo negozio?", "Italian"), ("Por que o meu cartão não funciona na loja?", "Portuguese"),
    ("Waarom werkt mijn kaart niet in de winkel van het dorp?", "Dutch"), ("Dlaczego moja karta nie jest tutaj?", "Polish"),
    ("Почему моя карта не работает в этом магазине?", "Russian"), ("Чому моя картка не працює в цьому магазині?", "Ukrainian"),
    ("カードはいつ届きますか", "Japanese"), ("我的卡什么时候到", "Chinese"), ("내 카드는 언제 도착하나요", "Korean"), ("متى تصل بطاقتي", "Arabic"),
    ("मेरा कार्ड कब आएगा", "Hindi"), ("Kartım neden hâlâ gelmedi ve ne zaman gelecek?", "Turkish"), ("12345 !!", "no words"), ("Kwyjibo blorf", "not told"), ("", "no words"),
])  # fmt: skip
def test_it_tells_languages(text: str, name: str) -> None:
    assert language(text) == name


def test_it_groups_labels_that_look_alike_and_finds_slips() -> None:
    labels = {
        "card_arrival": 90,
        "Card arrival": 3,
        "lost card": 40,
        "lost carrd": 1,
        "level 1": 50,
        "level 2": 2,
        "cat": 30,
        "car": 1,
    }
    assert alike(labels) == [[["card_arrival", 90], ["Card arrival", 3]]]
    assert one_letter_apart(labels) == [["lost carrd", 1, "lost card", 40]]


@pytest.mark.parametrize(("text", "kind"), [
    ("write to bob@example.org", "e-mail address"), ("call +49 30 1234567 now", "phone number"), ("4111-1111-1111-1111", "card number"),
    ("DE89 3704 0044 0532 0130 00 is my account", "IBAN"), ("host 192.168.17.4 is down", "IP address"), ("password: hunter22", "password"),
    ("AKIAABCDEFGHIJKLMNOP", "access key"), ("postgres://bob:secret@host/db", "address with sign-in"), ("078-05-1120", "US social security number"),
])  # fmt: skip
def test_it_finds_personal_data_and_hides_it(text: str, kind: str) -> None:
    found = list(find(text))
    assert kind in {k for k, _, _ in found}
    for _, start, end in found:
        assert text[start:end] not in covered(text) and text[start:end] not in masked(text[start:end])


@pytest.mark.parametrize(
    "text",
    ["4111 1111 1111 1112", "DE89 3704 0044 0532 0130 01", "version 1.2.3.4", "12.5 + 3", "the password is wrong", ""],
)
def test_it_leaves_harmless_texts_alone(text: str) -> None:
    assert list(find(text)) == [] and covered(text) == text


def test_a_sample_is_even_and_says_its_step() -> None:
    sample = Sample(most=100, budget=10**9)
    for n in range(1, 1001):
        sample.see(n, row(f"text {n}"))
    assert sample.every == 16 and [r["number"] for r in sample.rows] == list(range(1, 1001, 16))
    small = Sample(most=1000, budget=500)
    for n in range(1, 51):
        small.see(n, row("x" * 40))
    assert small.every > 1 and sum(len(r["messages"][1]["content"]) for r in small.rows) <= 500


def test_splits_in_a_few_bytes_say_what_the_engine_says() -> None:
    rows = [
        row(f"question {i // 2}", [None, "a"][i % 2], [None, None, "train", "heldout"][i % 4 if i > 300 else 0])
        for i in range(400)
    ]
    splits = Splits(0.3)
    for r in rows:
        splits.see(r)
    expected = assign_splits(rows, 0.3)
    assert [splits.of(r) for r in rows] == expected
    assert splits.train_rows() == expected.count("train")
    assert splits.held_labelled == sum(
        s == "heldout" and r["answer"] is not None for s, r in zip(expected, rows, strict=True)
    )


def test_runs_of_words_ignore_case_spaces_and_the_system_s_words() -> None:
    words = [f"word{i}" for i in range(14)]
    assert len(runs(" ".join(words))) == 2 and not len(runs(" ".join(words[:12])))
    assert set(runs("  ".join(words).upper())) == set(runs(" ".join(words)))
    assert len(runs("我的卡什么时候到我的家里来呢")) == 2, (
        "characters count as words where nothing stands between words"
    )


def test_boilerplate_of_prompts_is_left_out_and_counted() -> None:
    common = "answer the question below with one of the labels that you were given by us "
    held = evaluation((n, row(f"{common} item{n} alpha{n}")) for n in range(1, 30))
    assert held.boilerplate == 3 and len(held.keys) == 29 * 2
    assert held.hits(runs(common)) == (0, 0, [])
    count, best, others = held.hits(runs(f"{common} item7 alpha7"))
    assert count == 2 and best == 7 and others == [7]


def test_many_lengths_are_written_down_at_a_thousand_of_them() -> None:
    found = costs(list(range(1, 5001)), [3] * 5000)
    assert not found["exact"] and len(found["steps"]) <= 1000
    for cut, over, tokens, alone, _ in found["steps"][::100]:
        assert over == sum(p + 3 > cut for p in range(1, 5001)) and tokens == 3 * over and alone == 0
