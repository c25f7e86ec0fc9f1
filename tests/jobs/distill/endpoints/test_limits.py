"""Waiting as told, never faster than allowed, never dearer than allowed."""

from __future__ import annotations

import email.utils
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jobs.distill.endpoints.patience import Patience, retry_after
from jobs.distill.endpoints.purse import Purse, longest_prompt
from jobs.distill.errors import DistillError, PlanRefused, Transient
from jobs.distill.recipe.endpoint import Endpoint

from .fake_teacher import fake_teacher, question_of
from .plain import QUICK, ask, asker, question

NOW = 1_790_000_000.0


@pytest.mark.parametrize(
    "text, seconds",
    [
        ("7", 7.0),
        ("0.5", 0.5),
        (email.utils.formatdate(NOW + 90, usegmt=True), 90.0),
        (email.utils.formatdate(NOW - 90, usegmt=True), 0.0),
        ("soon", None),
        ("", None),
        ("-3", None),
        ("9" * 400, None),
    ],
)
def test_it_reads_both_forms_of_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after(text, NOW) == seconds


def test_it_waits_as_told_and_asks_everything_once_more_only(tmp_path: Path) -> None:
    """F39: total calls = items + retries; no item twice in the data."""
    with fake_teacher(lambda n, body: "429" if n in (2, 7) else "ok", retry_after="0.3") as teacher:
        replies = ask(asker(teacher, tmp_path, concurrency=1), *map(question, range(10)))
        assert [r.text for r in replies] == [f"answer to question {i}" for i in range(10)]
        assert len(teacher.calls) == 12
        for n in (2, 7):
            assert teacher.calls[n + 1].at - teacher.calls[n].at >= 0.3


def test_everybody_waits_when_one_is_told_to(tmp_path: Path) -> None:
    with fake_teacher(lambda n, body: "429" if n == 0 else "ok", latency=0.05, retry_after="0.4") as teacher:
        ask(asker(teacher, tmp_path, concurrency=4), *map(question, range(12)))
        first = teacher.calls[0].at
        assert not [c for c in teacher.calls[4:] if c.at - first < 0.4], "only what was under way already came before"


def test_no_endpoint_makes_us_wait_longer_than_ten_minutes(tmp_path: Path) -> None:
    said: list[str] = []
    with fake_teacher(lambda n, body: "429", retry_after="86400") as teacher:
        who = asker(teacher, tmp_path, replace(QUICK, told=6.0), said.append, concurrency=1)
        began = time.monotonic()
        assert list(who.ask([question(1)], stopping=lambda: time.monotonic() - began > 0.5)) == []
    assert Patience().told == 600 and said == [
        "127.0.0.1 was asked too often (429): the provider's words for 429 Waiting 6 s."
    ]


def test_an_endpoint_that_is_always_busy_is_down(tmp_path: Path) -> None:
    with fake_teacher("429") as teacher:
        with pytest.raises(Transient, match=r"was asked too often \(429\)") as caught:
            ask(asker(teacher, tmp_path, replace(QUICK, busy=5), concurrency=1), question(1))
        assert caught.value.code == "TEACHER_DOWN" and len(teacher.calls) == 5


def test_retries_of_one_question_carry_one_idempotency_key(tmp_path: Path) -> None:
    with fake_teacher(lambda n, body: "503" if n < 2 else "ok") as teacher:
        ask(asker(teacher, tmp_path, concurrency=1), question(1), question(2))
        keys = [c.headers["idempotency-key"] for c in teacher.calls]
        assert keys[:3] == [question(1).sha256] * 3 and keys[3] == question(2).sha256


def test_no_more_are_under_way_than_allowed(tmp_path: Path) -> None:
    with fake_teacher(latency=0.02) as teacher:
        ask(asker(teacher, tmp_path, concurrency=7), *map(question, range(50)))
        assert teacher.most_at_once == 7


def test_requests_a_minute_are_kept(tmp_path: Path) -> None:
    with fake_teacher() as teacher:
        ask(asker(teacher, tmp_path, requests_per_minute=1200), *map(question, range(11)))
        at = [c.at for c in teacher.calls]
        assert at[-1] - at[0] >= 0.4, "ten pauses of 50 ms, less what the first connection took"


def test_tokens_a_minute_are_kept_by_what_was_used(tmp_path: Path) -> None:
    """Each answer takes 14 tokens; 12 of them at 14,000 a minute take 0.7 s, whatever was set aside."""
    with fake_teacher() as teacher:
        who = asker(teacher, tmp_path, concurrency=1, tokens_per_minute=14_000)
        replies = ask(who, *map(question, range(10, 22)))
        used = sum(r.tokens_in + r.tokens_out for r in replies[:-1])
        took = teacher.calls[-1].at - teacher.calls[0].at
        assert used * 60 / 14_000 * 0.9 <= took < 2.0


PRICES: dict[str, Any] = {"price_in": 1000.0, "price_out": 2000.0, "concurrency": 1}  # a question costs 0.018 here


def test_the_budget_is_never_passed_and_what_is_there_stays(tmp_path: Path) -> None:
    with fake_teacher() as teacher:
        who = asker(teacher, tmp_path, **PRICES, budget={"max_price": 0.5})
        got, most = [], longest_prompt(question(10)) * 1e-3 + 32 * 2e-3
        with pytest.raises(DistillError, match="The budget is spent: 0.3") as caught:
            for place, reply in who.ask(question(i) for i in range(10, 1000)):
                got.append((place, reply))
        spent = sum(r.price for _, r in got)
        assert caught.value.code == "BUDGET_SPENT" and caught.value.field == "teacher.endpoint.budget.max_price"
        assert spent <= 0.5 < spent + most and len(teacher.calls) == len(got) > 10
        assert got[0][1].price == pytest.approx(11e-3 + 4 * 2e-3)
        richer = asker(teacher, tmp_path, **PRICES)
        assert len(ask(richer, *(question(i) for i in range(10, 60)))) == 50
        assert len(teacher.calls) == 50, "what was paid before is not paid again"


def test_the_token_cap_holds_with_many_under_way(tmp_path: Path) -> None:
    with fake_teacher(latency=0.01) as teacher:
        who = asker(teacher, tmp_path, concurrency=16, budget={"max_tokens": 2000})
        got = []
        with pytest.raises(DistillError, match="of 2,000 tokens are used") as caught:
            got += [r for _, r in who.ask(question(i) for i in range(10, 500))]
        assert caught.value.code == "BUDGET_SPENT"
        used = sum(len(question_of(c.body)) + 4 for c in teacher.calls)
        assert 2000 - longest_prompt(question(100)) - 32 < used == who.purse.spent.tokens <= 2000


def test_money_counts_over_attempts_and_a_killed_question_counts_in_full(tmp_path: Path) -> None:
    endpoint = Endpoint.model_validate({"url": "http://h/v1", "model": "m", **PRICES, "budget": {"max_price": 1.0}})
    first = Purse(endpoint, tmp_path / "a" / "spent.jsonl")
    cost = first.most(question(1))
    settled, killed = first.set_aside(cost), first.set_aside(cost)
    assert settled and killed
    first.settle(settled, replace(cost, price=0.01, tokens=3))
    first.close()
    with (tmp_path / "a" / "spent.jsonl").open("a") as file:
        file.write('["aside", "torn')
    second = Purse(endpoint, tmp_path / "b" / "spent.jsonl", [tmp_path / "a" / "spent.jsonl"])
    assert second.spent.price == pytest.approx(0.01 + cost.price) and second.spent.tokens == 3 + cost.tokens


def test_an_answer_that_broke_off_counts_in_full_and_a_refused_one_costs_nothing(tmp_path: Path) -> None:
    with fake_teacher(lambda n, body: ("half", "503", "ok")[n]) as teacher:
        who = asker(teacher, tmp_path, **PRICES, budget={"max_price": 5.0})
        (reply,) = ask(who, question(1))
        assert who.purse.spent.price == pytest.approx(reply.price + who.purse.most(question(1)).price)


def test_a_cap_on_money_without_prices_is_refused() -> None:
    with pytest.raises(ValueError, match="a cap on money needs prices"):
        Endpoint.model_validate({"url": "https://h/v1", "model": "m", "budget": {"max_price": 1}})


def test_more_log_probabilities_than_it_gives_are_refused_before_asking(tmp_path: Path) -> None:
    with fake_teacher() as teacher:
        with pytest.raises(
            PlanRefused, match="20 log-probabilities a token are asked for; the endpoint teacher gives 5"
        ):
            ask(asker(teacher, tmp_path, logprobs=5), question(1, logprobs=20))
        assert not teacher.calls
